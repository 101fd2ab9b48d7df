//! What a server can answer that it shouldn't: `ws_client` says what is wrong, gives up or comes back, and never hangs.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use tungstenite::handshake::derive_accept_key;

use super::cli_bad_inputs::bad_inputs;
use super::cli_support::{PATIENCE, Running, folder, run};
use super::flows_peers::{head, rest};

/// A flow that prints what its client of `url` receives.
fn flow(url: &str, config: &str, retries: &str) -> String {
    format!(
        r#"define flow main
        flow
          use tremor::{{connectors, pipelines}};
          define connector away from ws_client
          with
            codec = "json", config = {{"url": "{url}"{config}}},
            reconnect = {{"retry": {{"interval_ms": 1, "growth_rate": 1{retries}}}}}
          end;
          create connector away; create connector tty from connectors::console;
          create pipeline p from pipelines::passthrough;
          connect /connector/away to /pipeline/p; connect /pipeline/p to /connector/tty;
        end;
        deploy flow main"#
    )
}

/// The next client, with what its request's head says; nothing waits for ever on it.
fn next(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = head(&mut stream);
    (stream, head)
}

/// The answer that the handshake in `head` has earned.
fn accepting(head: &str) -> String {
    let key = head
        .lines()
        .find_map(|line| {
            line.split_once(": ")
                .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        })
        .unwrap()
        .1;
    let accept = derive_accept_key(key.trim().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Each of two attempts is answered with what `answer` makes of the right answer; the client must then give up with
/// all of `words`.
fn answers(answer: impl Fn(String) -> String + Send + 'static, words: &[&str]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, head) = next(&listener);
            // The client may hang up in the middle of an answer that is too long.
            let _ = stream.write_all(answer(accepting(&head)).as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
            rest(&mut stream);
        }
    });
    gives_up(&flow(&url, "", r#", "max_retries": 2"#), words);
    server.join().unwrap();
}

fn gives_up(flow: &str, words: &[&str]) {
    let output = run(folder(&[("config.troy", flow)]).path(), &["run", "config.troy"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    for word in [&["main::away"], words].concat() {
        assert!(output.stderr.contains(word), "{word:?} is missing in {}", output.stderr);
    }
}

/// Once the connection is open the server sends `bytes`; the client must close with `code`, and come back for more.
fn sends(bytes: &'static [u8], code: u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let dir = folder(&[("config.troy", &flow(&url, "", ""))]);
    let server: JoinHandle<u16> = thread::spawn(move || {
        let (mut stream, head) = next(&listener);
        stream.write_all(accepting(&head).as_bytes()).unwrap();
        stream.write_all(bytes).unwrap();
        let mut frame = [0; 8];
        stream.read_exact(&mut frame).unwrap();
        assert_eq!((frame[0], frame[1] & 0x80), (0x88, 0x80), "no masked Close: {frame:?}");
        let _ = stream.shutdown(Shutdown::Write);
        rest(&mut stream);
        // It has come back, and is served.
        let (mut stream, head) = next(&listener);
        stream.write_all(accepting(&head).as_bytes()).unwrap();
        stream.write_all(b"\x81\x0242\x88\x00").unwrap();
        let mut close = [0; 1];
        stream.read_exact(&mut close).unwrap();
        assert_eq!(close, [0x88]);
        u16::from_be_bytes([frame[6] ^ frame[2], frame[7] ^ frame[3]])
    });
    let mut running = Running::flow(dir.path(), "config.troy");
    assert_eq!(running.stdout_line(""), "42\n");
    assert_eq!(server.join().unwrap(), code);
    running.signal("TERM");
    let output = running.output();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
}

/// A server that accepts connections and says nothing.
fn says_nothing(scheme: &str, timeouts: &str, words: &[&str]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
    // The system accepts; nobody reads.
    gives_up(&flow(&url, timeouts, r#", "max_retries": 2"#), words);
}

bad_inputs! {
    wrong_accept: "an answer to another key" => "1, `Sec-WebSocket-Accept`",
        answers(|_| accepting("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), &["Sec-WebSocket-Accept"]);
    no_upgrade: "a 101 without `Upgrade`" => "1, `Upgrade: websocket`",
        answers(|answer| answer.replace("Upgrade: websocket\r\n", ""), &["Upgrade: websocket"]);
    unasked_subprotocol: "a subprotocol that was not offered" => "1, `subprotocol`",
        answers(|answer| answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"), &["subprotocol"]);
    unasked_extension: "an extension that was not offered" => "1, `extension`",
        answers(|answer| answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n"), &["extension"]);
    long_answer: "an answer with a header of 1 MiB" => "1, `limit`",
        answers(|answer| answer.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(1 << 20))), &["limit"]);
    redirect: "a redirect" => "1, the status",
        answers(|_| "HTTP/1.1 301 Moved\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".into(), &["301"]);
    refusal_without_end: "a refusal whose body doesn't end" => "1, the status",
        answers(|_| format!("HTTP/1.1 503 Busy\r\nContent-Length: 999999999999\r\n\r\n{}", "x".repeat(1 << 20)), &["503"]);
    half_an_answer: "half an answer" => "1, `lost`",
        answers(|answer| answer[..30].into(), &["lost"]);
    silence: "a server that accepts and says nothing" => "1, `timed out`",
        says_nothing("ws", r#", "timeouts": {"opening_ms": 30}"#, &["opening handshake timed out"]);
    silence_before_tls: "the same with TLS" => "1, `timed out`",
        says_nothing("wss", r#", "timeouts": {"tls_ms": 30}"#, &["TLS handshake timed out"]);
    masked: "a frame with a mask" => "Close 1002, the next attempt", sends(b"\x81\x81\0\0\0\x001", 1002);
    not_text: "text that isn't UTF-8" => "Close 1007, the next attempt", sends(b"\x81\x01\xff", 1007);
    too_big: "a frame of 1 TiB is announced" => "Close 1009, the next attempt",
        sends(b"\x82\x7f\0\0\x01\0\0\0\0\0", 1009);
    reserved_bit: "a reserved bit" => "Close 1002, the next attempt", sends(b"\xc1\x011", 1002);
    bad_close_code: "a Close with code 999" => "Close 1002, the next attempt", sends(b"\x88\x02\x03\xe7", 1002);
}
