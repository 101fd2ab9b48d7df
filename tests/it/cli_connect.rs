//! `wsloop connect` with its input and output piped.

use std::sync::mpsc::{Receiver, channel};

use wsloop::engine::{Event, ListenOptions};
use wsloop::proto::{Accept, CloseCode, Message, Response};

use super::cli_bench::Server;
use super::cli_support::{Output, PATIENCE, Running, folder, wsloop};

/// Runs it with this input, to its end.
fn connect(url: &str, arguments: &[&str], input: &str) -> Output {
    let dir = folder(&[]);
    let mut all = vec!["connect", url];
    all.extend(arguments);
    let mut running = Running::start(wsloop(dir.path(), &all));
    running.write(input);
    running.output()
}

/// An echo server that tells of the Closes that come.
fn closing_echo() -> (Server, Receiver<Option<CloseCode>>) {
    let (sender, closes) = channel();
    let server = Server::host(
        ListenOptions::new("127.0.0.1:0").control_events(true),
        move |event_loop, stream, event| match event {
            Event::Message(message) => drop(event_loop.send(stream, message)),
            Event::Closed(closed) => drop(sender.send(closed.code)),
            _ => {}
        },
    );
    (server, closes)
}

#[test]
fn lines_are_sent_and_what_comes_is_printed() {
    let (server, closes) = closing_echo();
    let output = connect(&server.url, &[], "one\n\ntwo, without an end");
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "one\n\ntwo, without an end\n")
    );
    assert_eq!(closes.recv_timeout(PATIENCE), Ok(Some(CloseCode::NORMAL)));
}

#[test]
fn much_input_goes_through_whole() {
    let (server, _closes) = closing_echo();
    let line = "x".repeat(1000);
    let input: String = (0..5000).map(|number| format!("{number} {line}\n")).collect();
    let output = connect(&server.url, &[], &input);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output.stdout == input,
        "{} bytes of {}",
        output.stdout.len(),
        input.len()
    );
}

#[test]
fn bytes_are_given_and_shown_as_is_wished() {
    let (server, _closes) = closing_echo();
    for (arguments, input, shown) in [
        (&["--binary=hex"][..], "00 ff\n", "00ff\n"),
        (&["--binary=base64", "--show-binary", "base64"], "AP8=\n", "AP8=\n"),
        (&["--binary", "--show-binary", "raw"], "hello\n", "hello\n"),
        (&["-b"], "hello\n", "68656c6c6f\n"),
    ] {
        let output = connect(&server.url, arguments, input);
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(0), shown),
            "{}",
            output.stderr
        );
    }
    let output = connect(&server.url, &["--binary=hex"], "0g\n");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("no hex"), "{}", output.stderr);
}

#[test]
fn a_servers_close_is_told_and_decides_the_exit_code() {
    for (code, exit) in [(1000, 0), (1001, 0), (4001, 1)] {
        let server = Server::start(move |event_loop, stream, _, message| {
            let _ = event_loop.send(stream, message);
            let _ = event_loop.close(stream, CloseCode::new(code), "enough");
        });
        let dir = folder(&[]);
        let mut running = Running::start(wsloop(dir.path(), &["connect", &server.url, "--show-close"]));
        running.write("hello\n");
        // The input stays open: it is the server that ends it.
        running.stderr_line(&format!("closed by the server: {code}"));
        assert_eq!(running.wait().code(), Some(exit), "{code}");
    }
}

#[test]
fn an_interrupt_closes_and_leaves() {
    let (server, closes) = closing_echo();
    let dir = folder(&[]);
    let mut running = Running::start(wsloop(dir.path(), &["connect", &server.url]));
    running.write("hello\n");
    running.stdout_line("hello");
    running.signal("INT");
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(closes.recv_timeout(PATIENCE), Ok(Some(CloseCode::NORMAL)));
}

#[test]
fn it_waits_for_answers_if_told_so_and_shows_pings() {
    // The answer comes when the ping after the message does: behind the end of the input.
    let mut held = None;
    let server = Server::host(
        ListenOptions::new("127.0.0.1:0").control_events(true),
        move |event_loop, stream, event| match event {
            Event::Message(message) => held = Some(message.as_bytes().to_vec()),
            Event::Ping(_) => {
                if let Some(bytes) = held.take() {
                    let text = String::from_utf8(bytes).unwrap();
                    let _ = event_loop.send(stream, text.as_str());
                }
            }
            _ => {}
        },
    );
    let output = connect(
        &server.url,
        &["--wait", "2s", "--ping", "50ms", "--show-pings"],
        "late\n",
    );
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "late\n"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("> ping") && output.stderr.contains("< pong wsloop"),
        "{}",
        output.stderr
    );
}

#[test]
fn headers_and_subprotocols_are_sent_and_a_refusal_is_told() {
    let server = Server::host(
        ListenOptions::new("127.0.0.1:0").requests(true),
        |event_loop, stream, event| match event {
            Event::Request(request) => {
                let done = if request.headers().get("x-key") == Some("secret") {
                    event_loop.accept(stream, Accept::new().subprotocol("b"))
                } else {
                    event_loop.refuse(stream, Response::new(401))
                };
                done.unwrap();
            }
            Event::Message(Message::Text(text)) => drop(event_loop.send(stream, text.as_str())),
            _ => {}
        },
    );
    let arguments = ["-H", "X-Key: secret", "--subprotocol", "a", "--subprotocol", "b"];
    let output = connect(&server.url, &arguments, "in\n");
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "in\n"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("subprotocol b"), "{}", output.stderr);
    let output = connect(&server.url, &[], "");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("401"), "{}", output.stderr);
}

#[test]
fn what_cannot_be_connected_to_is_an_error() {
    let url = Server::echo().url.clone();
    let output = connect(&url, &[], "");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("can't connect"), "{}", output.stderr);
    let output = connect("http://localhost", &[], "");
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("ws"), "{}", output.stderr);
}
