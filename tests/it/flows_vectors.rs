//! Stimulus and observation for a `ws_server` whose events go back to it, and for `ws_client`: one test a vector.
//!
//! The numbers are those of a list of observations made of Tremor 0.13; where Tremor is at fault, the test says what
//! is right. Vectors 16 and 17 (metadata that names a connection) are in `flows_targets`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::cli_support::{Running, folder, run};
use super::flows_peers::{Peer, accept, ask, client, head, raw, raw_open, rest};

/// A flow around `server`, a definition's `with`: its events go back to it, and as `shown` to standard output; its
/// error events go to standard error.
fn flow(server: &str, shown: &str) -> String {
    format!(
        r#"define flow main
        flow
          use tremor::{{connectors, pipelines}};
          define connector s from ws_server with {server} end;
          define pipeline show pipeline select {shown} from in into out end;
          create connector s; create connector tty from connectors::console;
          create pipeline back from pipelines::passthrough;
          create pipeline err from pipelines::passthrough;
          create pipeline show;
          connect /connector/s to /pipeline/back;     connect /pipeline/back to /connector/s;
          connect /connector/s to /pipeline/show;     connect /pipeline/show to /connector/tty;
          connect /connector/s/err to /pipeline/err;  connect /pipeline/err to /connector/tty/stderr;
        end;
        deploy flow main"#
    )
}

/// The flow at work, and the address that its server listens on.
struct Echo {
    running: Running,
    address: String,
    _dir: tempfile::TempDir,
}

impl Echo {
    fn start(server: &str, shown: &str) -> Self {
        let dir = folder(&[("config.troy", &flow(server, shown))]);
        let mut running = Running::flow(dir.path(), "config.troy");
        let address = running.listening();
        Self {
            running,
            address,
            _dir: dir,
        }
    }

    /// A server with codec `json`, and `more` behind `with`.
    fn json(more: &str) -> Self {
        Self::start(
            &format!(r#"codec = "json", config = {{"url": "127.0.0.1:0"}}{more}"#),
            "event",
        )
    }

    fn client(&self) -> Peer {
        client(&self.address)
    }

    /// Sends text; the reply must be this text.
    fn gives(&self, sent: &str, reply: &str) {
        assert_eq!(ask(&mut self.client(), sent), Message::text(reply), "for {sent:?}");
    }

    /// Sends text; nothing but an error event must come of it.
    fn errs(&mut self, sent: &str) {
        let mut peer = self.client();
        peer.send(Message::text(sent)).unwrap();
        let line = self.running.stderr_line(r#"{"error":"#);
        assert!(line.contains(r#""source":"main::s""#), "{line}");
        assert_eq!(ask(&mut peer, "7"), Message::text("7"), "for {sent:?}");
    }

    /// Sends bytes on an open connection; a Close frame with this code must come, and the end. Gives the reason.
    fn closes(&self, bytes: &[u8], code: u16) -> Vec<u8> {
        let mut stream = raw_open(&self.address);
        let _ = stream.write_all(bytes);
        let mut frame = [0; 4];
        stream.read_exact(&mut frame).unwrap();
        assert_eq!(
            (frame[0], u16::from_be_bytes([frame[2], frame[3]])),
            (0x88, code),
            "{frame:?}"
        );
        let mut found = vec![0; usize::from(frame[1]) - 2];
        stream.read_exact(&mut found).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        assert!(rest(&mut stream).is_empty(), "something came behind the Close");
        found
    }
}

fn part(opcode: OpCode, is_final: bool, payload: &[u8]) -> Message {
    Message::Frame(Frame::message(payload.to_vec(), opcode, is_final))
}

fn close(peer: &mut Peer) {
    peer.close(None).unwrap();
    while peer.read().is_ok() {}
}

#[test]
fn vector_01_the_last_of_two_equal_keys_wins_at_the_place_of_the_first() {
    let text = r#"{"b":1,"a":2,"b":3}"#;
    Echo::json("").gives(text, r#"{"b":3,"a":2}"#);
    let sorted = r#"codec = {"name": "json", "config": {"mode": "sorted"}}, config = {"url": "127.0.0.1:0"}"#;
    Echo::start(sorted, "event").gives(text, r#"{"a":2,"b":3}"#);
}

#[test]
fn vector_02_binary_is_answered_by_binary() {
    let echo = Echo::json("");
    let mut peer = echo.client();
    peer.send(Message::binary("1")).unwrap();
    assert_eq!(peer.read().unwrap(), Message::binary("1"));
}

#[test]
fn vector_03_a_ping_between_fragments_is_answered_first() {
    let echo = Echo::json("");
    let mut peer = echo.client();
    peer.send(part(OpCode::Data(Data::Text), false, b"[1,")).unwrap();
    peer.send(part(OpCode::Data(Data::Continue), false, b"2")).unwrap();
    peer.send(Message::Ping("now".into())).unwrap();
    peer.send(part(OpCode::Data(Data::Continue), true, b",3]")).unwrap();
    assert_eq!(peer.read().unwrap(), Message::Pong("now".into()));
    assert_eq!(peer.read().unwrap(), Message::text("[1,2,3]"));
    assert_eq!(ask(&mut peer, "4"), Message::text("4"), "more than one reply came");
}

#[test]
fn vector_04_a_ping_gives_a_pong_and_no_event() {
    let mut echo = Echo::json("");
    let mut peer = echo.client();
    peer.send(Message::Ping("hi".into())).unwrap();
    assert_eq!(peer.read().unwrap(), Message::Pong("hi".into()));
    assert_eq!(ask(&mut peer, "1"), Message::text("1"));
    assert_eq!(echo.running.stdout_line(""), "1\n");
}

#[test]
fn vector_05_a_close_is_answered_with_its_code_and_reason() {
    assert_eq!(Echo::json("").closes(b"\x88\x85\0\0\0\0\x03\xe8bye", 1000), b"bye");
}

#[test]
fn vector_06_a_code_that_may_not_be_sent_is_a_violation() {
    Echo::json("").closes(b"\x88\x82\0\0\0\0\x03\xed", 1002);
}

#[test]
fn vector_07_text_that_is_not_utf8_is_closed_with_1007() {
    Echo::json("").closes(b"\x81\x81\0\0\0\0\xff", 1007);
}

#[test]
fn vector_08_a_frame_without_a_mask_is_a_violation() {
    Echo::json("").closes(b"\x81\x011", 1002);
}

#[test]
fn vector_09_a_frame_is_limited_to_16_mib_and_a_message_to_64() {
    let echo = Echo::start(r#"codec = "string", config = {"url": "127.0.0.1:0"}"#, "1");
    // 20 MiB are announced, and refused before they come.
    echo.closes(b"\x81\xff\0\0\0\0\x01\x40\0\0\0\0\0\0", 1009);
    let mut peer = echo.client();
    let half = vec![b'x'; 10 << 20];
    peer.send(part(OpCode::Data(Data::Text), false, &half)).unwrap();
    peer.send(part(OpCode::Data(Data::Continue), true, &half)).unwrap();
    // The reply is one frame of 20 MiB, which this client's own limit would refuse: its head tells enough.
    let mut head = [0; 10];
    peer.get_mut().read_exact(&mut head).unwrap();
    assert_eq!(head[..2], [0x81, 127]);
    assert_eq!(u64::from_be_bytes(head[2..].try_into().unwrap()), 20 << 20);
}

#[test]
fn vector_10_a_tail_waits_for_the_next_message_and_comes_at_the_end_with_its_metadata() {
    let mut echo = Echo::start(
        r#"codec = "json", preprocessors = ["separate"], config = {"url": "127.0.0.1:0"}"#,
        r#"{"value": event, "tls": $ws_server.tls}"#,
    );
    let mut peer = echo.client();
    peer.send(Message::text("1")).unwrap();
    peer.send(Message::text("2\n3")).unwrap();
    assert_eq!(echo.running.stdout_line(""), "{\"value\":12,\"tls\":false}\n");
    close(&mut peer);
    assert_eq!(echo.running.stdout_line(""), "{\"value\":3,\"tls\":false}\n");
}

#[test]
fn vector_11_without_a_buffer_a_last_separator_makes_no_empty_piece() {
    let echo = Echo::json(r#", preprocessors = [{"name": "separate", "config": {"buffered": false}}]"#);
    let mut peer = echo.client();
    assert_eq!(ask(&mut peer, "1\n2\n"), Message::text("1"));
    assert_eq!(peer.read().unwrap(), Message::text("2"));
    assert_eq!(ask(&mut peer, "3"), Message::text("3"));
    echo.running.signal("TERM");
    close(&mut peer);
    let output = echo.running.output();
    assert!(!output.stderr.contains(r#"{"error""#), "{output:?}");
}

#[test]
fn vector_12_the_end_of_a_stream_passes_through_the_whole_chain() {
    let mut echo = Echo::json(r#", preprocessors = ["separate", "base64"]"#);
    let mut peer = echo.client();
    peer.send(Message::text("MQ==")).unwrap();
    close(&mut peer);
    assert_eq!(echo.running.stdout_line(""), "1\n");
}

#[test]
fn vector_13_postprocessors_work_in_their_order() {
    Echo::json(r#", postprocessors = ["base64", "separate"]"#).gives("1", "MQ==\n");
}

#[test]
fn vector_14_a_length_prefix_that_happens_to_be_text_is_sent_as_text() {
    Echo::json(r#", postprocessors = ["length-prefixed"]"#).gives("1", "\0\0\0\0\0\0\0\u{1}1");
}

#[test]
fn vector_15_a_reply_that_is_no_text_is_an_error_event_and_the_connection_stays() {
    let mut echo = Echo::start(
        r#"codec = "binary", preprocessors = ["base64"], config = {"url": "127.0.0.1:0"}"#,
        "1",
    );
    let mut peer = echo.client();
    peer.send(Message::text("/w==")).unwrap();
    let line = echo.running.stderr_line(r#"{"error":"#);
    assert!(line.contains("UTF-8"), "{line}");
    assert_eq!(ask(&mut peer, "MQ=="), Message::text("1"));
}

#[test]
fn vector_18_an_event_for_nobody_reaches_nobody_and_harms_nobody() {
    let dir = folder(&[(
        "config.troy",
        r#"define flow main
        flow
          use tremor::{connectors, pipelines};
          define connector s from ws_server with codec = "json", config = {"url": "127.0.0.1:0"} end;
          define connector beat from metronome with config = {"interval": 1000000} end;
          create connector s; create connector beat; create connector tty from connectors::console;
          create pipeline back from pipelines::passthrough; create pipeline err from pipelines::passthrough;
          connect /connector/beat to /pipeline/back; connect /connector/s to /pipeline/back;
          connect /pipeline/back to /connector/s;
          connect /connector/s/err to /pipeline/err; connect /pipeline/err to /connector/tty;
        end;
        deploy flow main"#,
    )]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let mut peer = client(&running.listening());
    for _ in 0..3 {
        running.stdout_line(r#""source":"main::s""#);
    }
    for number in ["1", "2", "3"] {
        assert_eq!(ask(&mut peer, number), Message::text(number));
    }
}

#[test]
fn vector_19_a_bad_request_gets_the_status_it_has_earned() {
    let echo = Echo::json("");
    let good = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (from, to, status) in [
        ("GET", "POST", "405"),
        ("HTTP/1.1", "HTTP/1.0", ""),
        ("Version: 13", "Version: 12", "426"),
        ("Sec-WebSocket-Key", "X-Key", "400"),
        ("GET", "GET", "101"),
    ] {
        let mut stream = raw(&echo.address);
        stream.write_all(good.replace(from, to).as_bytes()).unwrap();
        let answer = head(&mut stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{to}: {answer}");
        assert_eq!(answer.starts_with("HTTP/1.1 101"), status == "101", "{to}: {answer}");
    }
}

#[test]
fn vector_20_what_is_offered_and_not_configured_is_not_taken() {
    let echo = Echo::json("");
    let mut stream = raw(&echo.address);
    let request = "GET /any?x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let answer = head(&mut stream).to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    assert!(
        !answer.contains("sec-websocket-protocol") && !answer.contains("sec-websocket-extensions"),
        "{answer}"
    );
}

/// Tremor's listener goes down for a second, and mixes up its streams afterwards.
#[test]
fn vector_21_garbage_for_tls_touches_nobody_else() {
    let dir = folder(&[(
        "config.troy",
        &flow(
            r#"codec = "json", config = {"url": "127.0.0.1:0", "tls": {"cert": "localhost.cert", "key": "localhost.key"}}"#,
            "event",
        ),
    )]);
    assert_eq!(run(dir.path(), &["cert"]).code, Some(0));
    let mut running = Running::flow(dir.path(), "config.troy");
    let address = running.listening();
    let mut tls = super::flows_peers::tls_client(&address, &dir.path().join("localhost.cert"));
    tls.send(Message::text("1")).unwrap();
    assert_eq!(tls.read().unwrap(), Message::text("1"));
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0; 100], b"\x16\x03\x01\xff\xff"] {
        let mut stream = raw(&address);
        stream.write_all(garbage).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        rest(&mut stream);
    }
    tls.send(Message::text("2")).unwrap();
    assert_eq!(tls.read().unwrap(), Message::text("2"));
    let mut other = super::flows_peers::tls_client(&address, &dir.path().join("localhost.cert"));
    other.send(Message::text("3")).unwrap();
    assert_eq!(other.read().unwrap(), Message::text("3"));
}

#[test]
fn vector_22_three_attempts_with_growing_waits_then_it_has_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let dir = folder(&[(
        "config.troy",
        &format!(
            r#"define flow main
            flow
              use tremor::{{connectors, pipelines}};
              define connector c from ws_client
              with
                codec = "json", config = {{"url": "ws://{address}"}},
                reconnect = {{"retry": {{"interval_ms": 30, "growth_rate": 2, "max_retries": 3, "randomized": false}}}}
              end;
              create connector c; create connector tty from connectors::console;
              create pipeline p from pipelines::passthrough;
              connect /connector/c to /pipeline/p; connect /pipeline/p to /connector/tty;
            end;
            deploy flow main"#
        ),
    )]);
    let attempts = std::thread::spawn(move || {
        // The fourth connection is this test's own, below.
        let attempts: Vec<_> = listener
            .incoming()
            .take(4)
            .map(|stream| stream.map(|_| Instant::now()))
            .collect();
        attempts.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    });
    let output = run(dir.path(), &["run", "config.troy"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    drop(raw(&address.to_string()));
    let attempts = attempts.join().unwrap();
    assert!(attempts[1] - attempts[0] >= Duration::from_millis(29), "{attempts:?}");
    assert!(attempts[2] - attempts[1] >= Duration::from_millis(59), "{attempts:?}");
}

#[test]
fn vector_23_a_client_without_a_port_takes_its_schemes() {
    for url in [
        "ws://localhost",
        "ws://localhost:80",
        "wss://localhost:443",
        "localhost",
    ] {
        let text = format!(r#"define connector c from ws_client with codec = "json", config = {{"url": "{url}"}} end"#);
        let output = run(folder(&[("config.troy", &text)]).path(), &["check", "config.troy"]);
        assert_eq!(output.code, Some(0), "{url}: {output:?}");
    }
}

#[test]
fn vector_24_mistakes_are_found_and_the_older_spelling_is_none() {
    let check = |with: &str| {
        let text = format!("define connector c from ws_server with {with} end");
        run(folder(&[("config.troy", &text)]).path(), &["check", "config.troy"]).code
    };
    let url = r#""url": "127.0.0.1:0""#;
    assert_eq!(
        check(&format!(r#"codec = "json", config = {{{url}, "tls": true}}"#)),
        Some(78)
    );
    assert_eq!(
        check(&format!(
            r#"codec = "json", config = {{{url}, "socket_options": {{"so_reuseport": true}}}}"#
        )),
        Some(78)
    );
    assert_eq!(check(&format!("config = {{{url}}}")), Some(78));
    assert_eq!(
        check(&format!(r#"codec = "json", config = {{{url}}}, reconnect = "none""#)),
        Some(78)
    );
    assert_eq!(
        check(&format!(r#"codec = "json", config = {{{url}, "no_delay": false}}"#)),
        Some(0)
    );
}

#[test]
fn vector_25_sigterm_closes_a_servers_connections_with_1001() {
    let echo = Echo::json("");
    let mut peer = echo.client();
    assert_eq!(ask(&mut peer, "1"), Message::text("1"));
    echo.running.signal("TERM");
    let Message::Close(Some(CloseFrame { code, .. })) = peer.read().unwrap() else {
        panic!("something else came than a Close with a code");
    };
    assert_eq!(u16::from(code), 1001);
    while peer.read().is_ok() {}
    assert_eq!(echo.running.output().code, Some(0));
}

#[test]
fn vector_26_sigterm_closes_a_clients_connection_with_1000() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let flow = super::cli_support::documented("terminal_client.troy")
        .replace("127.0.0.1:4781", &listener.local_addr().unwrap().to_string());
    let dir = folder(&[("config.troy", &flow)]);
    let running = Running::flow(dir.path(), "config.troy");
    let (mut peer, _) = accept(&listener);
    running.signal("TERM");
    let Message::Close(Some(CloseFrame { code, .. })) = peer.read().unwrap() else {
        panic!("something else came than a Close with a code");
    };
    assert_eq!(u16::from(code), 1000);
    while peer.read().is_ok() {}
    assert_eq!(running.output().code, Some(0));
}

/// With another port: word for word it is run by the tests of the secure echo service.
#[test]
fn vector_27_the_documented_echo_service_runs_though_it_says_no_delay() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let flow = super::cli_support::documented("secure_echo/config.troy").replace("65535", &port);
    assert!(flow.contains("no_delay"));
    let dir = folder(&[("config.troy", &flow), ("in.json", "1\n2\n3\n\"exit\"\n")]);
    assert_eq!(run(dir.path(), &["cert", "before"]).code, Some(0));
    let output = run(dir.path(), &["run", "config.troy"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "1\n2\n3\n"),
        "{output:?}"
    );
    assert_eq!(fs::read_to_string(dir.path().join("out.log")).unwrap(), "1\n2\n3\n");
}

#[test]
fn vector_28_numbers_are_kept_exactly_or_refused() {
    let mut echo = Echo::json("");
    echo.gives("1e3", "1000.0");
    echo.gives("42.0", "42.0");
    echo.gives("18446744073709551615", "18446744073709551615");
    echo.gives("-9223372036854775808", "-9223372036854775808");
    echo.errs("100000000000000000000");
    echo.errs("18446744073709551616");
}
