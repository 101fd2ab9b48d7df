//! The examples that drive the core without the engine do what they say.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use tungstenite::Message;

#[path = "../../docs/examples/blocking_echo.rs"]
#[allow(unreachable_pub, dead_code, unused_attributes)]
mod blocking_echo;
#[path = "../../docs/examples/in_memory.rs"]
#[allow(unreachable_pub, unused_attributes)]
mod in_memory;

#[test]
fn in_memory_both_ends_say_all() {
    in_memory::main().unwrap();
}

#[test]
fn blocking_echo_over_a_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (socket, _) = listener.accept().unwrap();
    let server = std::thread::spawn(|| blocking_echo::serve(socket).map_err(|error| error.to_string()));
    let (mut client, _) = tungstenite::client("ws://localhost/echo", client).unwrap();
    for message in [
        Message::text("hello"),
        Message::binary(vec![7; 300_000]),
        Message::text(""),
    ] {
        client.send(message.clone()).unwrap();
        assert_eq!(client.read().unwrap(), message);
    }
    client.close(None).unwrap();
    assert!(client.read().unwrap().is_close());
    assert!(
        client
            .read()
            .is_err_and(|error| matches!(error, tungstenite::Error::ConnectionClosed))
    );
    server.join().unwrap().unwrap();
}

/// They are shown in the documentation as small.
#[test]
fn they_are_under_sixty_lines() {
    for source in [
        include_str!("../../docs/examples/blocking_echo.rs"),
        include_str!("../../docs/examples/in_memory.rs"),
    ] {
        assert!(source.lines().count() < 60, "{} lines", source.lines().count());
    }
}
