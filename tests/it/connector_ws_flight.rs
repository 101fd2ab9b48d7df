//! Events on their way when connections break, and sources that wait to hear what became of theirs.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use tungstenite::{Message, WebSocket};
use wsloop::connector::{Outcome, Value};

use super::connector_router::{router_with, run};

const PATIENCE: Duration = Duration::from_secs(20);

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn accept(listener: &TcpListener) -> WebSocket<TcpStream> {
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::accept(socket).unwrap()
}

/// The texts that come until the peer's Close.
fn read_all(mut peer: WebSocket<TcpStream>) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        match peer.read() {
            Ok(Message::Text(text)) => texts.push(text.to_string()),
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return texts,
            Err(error) => panic!("{error}"),
        }
    }
}

fn file(path: &Path, acks: &str) -> String {
    format!(
        r#"{{"codec":"string","preprocessors":["separate"],"config":{{"path":{path:?},"mode":"read","chunk_size":64{acks}}}}}"#
    )
}

fn client(port: u16, postprocessors: &str) -> String {
    format!(
        r#"{{"codec":"string","postprocessors":{postprocessors},"config":{{"url":"127.0.0.1:{port}"}},
            "reconnect":{{"retry":{{"interval_ms":10,"max_retries":20}}}}}}"#
    )
}

/// A file of lines, read into a client: how that ends, and its log.
fn send_file(lines: &[String], acks: &str, client: &str) -> (Outcome, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.txt");
    std::fs::write(&path, lines.concat()).unwrap();
    let file = file(&path, acks);
    run(router_with(
        &[("file", &file), ("ws_client", client)],
        &[(0, 1)],
        Box::new(|event| vec![event]),
    ))
}

fn numbered(count: usize, fill: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{number} {}\n", "x".repeat(fill)))
        .collect()
}

#[test]
fn what_was_in_flight_when_a_connection_broke_is_sent_by_the_next_one() {
    let (listener, port) = listen();
    let lines = numbered(3000, 20_000);
    let server: JoinHandle<(Vec<String>, Vec<String>)> = std::thread::spawn(move || {
        let mut first = accept(&listener);
        let mut seen = Vec::new();
        for _ in 0..100 {
            seen.push(first.read().unwrap().into_text().unwrap().to_string());
        }
        // With much unread: a reset.
        drop(first);
        (seen, read_all(accept(&listener)))
    });
    let (outcome, log) = send_file(&lines, "", &client(port, "[]"));
    let (first, second) = server.join().unwrap();
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    assert_eq!(first, lines[..100]);
    // What the system had taken for the first connection is sent; from there on all come, once and in order.
    let begin = lines.len() - second.len();
    assert!(begin >= 100 && begin < lines.len(), "{begin} {log:?}");
    assert_eq!(second, lines[begin..]);
    assert_eq!(outcome, Outcome::Done, "{log:?}");
}

#[test]
fn a_file_that_waits_for_acks_is_read_to_its_end() {
    for most in [1, 7] {
        let (listener, port) = listen();
        let lines = numbered(300, 10);
        let server = std::thread::spawn(move || read_all(accept(&listener)));
        let (outcome, log) = send_file(&lines, &format!(r#","wait_for_acks":{most}"#), &client(port, "[]"));
        let expected: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
        assert_eq!(server.join().unwrap(), expected);
        assert_eq!(outcome, Outcome::Done, "{log:?}");
    }
}

#[test]
fn a_file_that_waits_for_acks_tells_how_much_did_not_arrive() {
    let (listener, port) = listen();
    // The length of the second, as eight bytes, is no text; that of the others is.
    let lines = [numbered(1, 1), vec!["y".repeat(200) + "\n"], numbered(2, 1)].concat();
    let server = std::thread::spawn(move || read_all(accept(&listener)));
    let (outcome, log) = send_file(&lines, r#","wait_for_acks":2"#, &client(port, r#"["length-prefixed"]"#));
    assert_eq!(server.join().unwrap().len(), 3);
    assert_eq!(outcome, Outcome::Incomplete);
    assert!(
        log.iter()
            .any(|line| line.contains("1 event of ") && line.ends_with("did not arrive")),
        "{log:?}"
    );
}

#[test]
fn attempts_that_are_used_up_are_told_on_err() {
    let (listener, port) = listen();
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told.json");
    let file = format!(r#"{{"codec":"json","config":{{"path":{told:?},"mode":"write"}}}}"#);
    let client = format!(
        r#"{{"codec":"string","config":{{"url":"127.0.0.1:{port}"}},
            "reconnect":{{"retry":{{"interval_ms":1,"max_retries":3}}}}}}"#
    );
    let mut router = super::connector_router::router_erring(&[("ws_client", &client), ("file", &file)], &[(0, 1)]);
    let begun = std::time::Instant::now();
    let outcome = loop {
        assert!(begun.elapsed() < PATIENCE);
        if let wsloop::connector::Turn::Ended(outcome) = router.turn(Some(Duration::from_millis(50))).unwrap() {
            break outcome;
        }
    };
    assert_eq!(outcome, Outcome::Failed);
    let event = wsloop::connector::value::json::parse(&std::fs::read(told).unwrap()).unwrap();
    assert_eq!(event.field("attempts").and_then(Value::as_u64), Some(3));
    let text = event.field("error").and_then(Value::as_str).unwrap();
    assert!(text.contains("not reconnecting: Max retries exceeded: 3"), "{text}");
}
