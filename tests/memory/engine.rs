//! Allocations of a whole event loop for each message, on real sockets, once warm: none.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions};
use wsloop::proto::Side;

use super::world::{BINARY, FIRST, LAST, MIDDLE, PING, TEXT, frame};

/// Longer than any wait of the test.
const PATIENCE: Duration = Duration::from_secs(60);
const ROUNDS: usize = 200;

/// Sends `round` again and again, each time when the last was answered with as many bytes as `answer_bytes`.
fn client(addr: std::net::SocketAddr, round: &[u8], answer_bytes: usize) {
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let mut answer = vec![0; answer_bytes];
    for _ in 0..2 * ROUNDS {
        // In two pieces, so that something is cut now and then.
        let (first, second) = round.split_at(round.len() / 3);
        socket.write_all(first).unwrap();
        socket.write_all(second).unwrap();
        socket.read_exact(&mut answer).unwrap();
    }
}

/// Echoes until `count` messages have come.
fn echo(event_loop: &mut EventLoop, events: &mut Events, mut count: usize) {
    let begun = Instant::now();
    while count > 0 {
        assert!(begun.elapsed() < PATIENCE, "{count} messages did not come");
        event_loop.poll(events, Some(PATIENCE)).unwrap();
        for (stream, event) in &*events {
            match event {
                Event::Message(message) => {
                    let _ = event_loop.send(stream, message).unwrap();
                    count -= 1;
                }
                Event::Opened(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn no_allocations_for_an_echo() {
    let messages = [
        frame(Side::Server, TEXT, "grüß dich".as_bytes()),
        frame(Side::Server, BINARY, &[1; 3000]),
        frame(Side::Server, FIRST, &[1; 300]),
        frame(Side::Server, MIDDLE, b""),
        frame(Side::Server, LAST, &[1; 2700]),
        frame(Side::Server, PING, b"ping"),
    ];
    // What the server sends has no mask.
    let answer_bytes = (2 + 11) + (4 + 3000) + (4 + 3000) + (2 + 4);
    let mut event_loop = EventLoop::new(Config::default()).unwrap();
    let listener = event_loop.listen(ListenOptions::new("127.0.0.1:0")).unwrap();
    let addr = event_loop.local_addr(listener).unwrap();
    let mut events = Events::default();
    let talking = std::thread::spawn(move || client(addr, &messages.concat(), answer_bytes));
    echo(&mut event_loop, &mut events, 3 * ROUNDS);
    let info = allocation_counter::measure(|| echo(&mut event_loop, &mut events, 3 * ROUNDS));
    println!(
        "an event loop's echo: {} allocations for {} messages",
        info.count_total,
        3 * ROUNDS
    );
    assert_eq!(info.count_total, 0);
    // The last answers are on their way once the loop is polled again.
    while !talking.is_finished() {
        event_loop.poll(&mut events, Some(Duration::from_millis(10))).unwrap();
    }
    talking.join().unwrap();
}
