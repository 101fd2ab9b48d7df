//! The ways in which Tremor's WebSocket connectors fail, each by its letter, and that these don't.
//!
//! A: a freeze when an event finds no connection. B: one slow reader stalls all. C: a failed TLS handshake takes the listener
//! down and crosses replies. D: one message ends the process, or the connector. E: silent handshakes keep others out. F:
//! processors are looked for when the first message comes. G: a client that only reads never learns that the server is gone.
//! H: a client leaks connections. I: what is in no link never starts, and nobody is told.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use tungstenite::Message;

use crate::cli_support::{Running, folder, run, until};
use crate::flows_peers::{accept, ask, client, raw, raw_open, rest, tls_client};

/// A server with these keys behind `with`, linked to itself, errors too; `more` stands in the flow.
fn echo(with: &str, more: &str) -> String {
    format!(
        r#"
define flow f
flow
  define connector s from ws_server with {with} end;
  define pipeline same pipeline select event from in into out end;
  define pipeline oops pipeline select {{"err": "wrong"}} from in into out end;
  create connector s; create pipeline same; create pipeline oops;
  connect /connector/s to /pipeline/same; connect /pipeline/same to /connector/s;
  connect /connector/s/err to /pipeline/oops; connect /pipeline/oops to /connector/s;
  {more}
end;
deploy flow f
"#
    )
}

const PLAIN: &str = r#"codec = "json", config = {"url": "127.0.0.1:0"}"#;

fn start(text: &str) -> (tempfile::TempDir, Running, String) {
    let dir = folder(&[("config.troy", text)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let address = running.listening();
    (dir, running, address)
}

#[test]
fn a_freeze_on_zero_connections() {
    // Events for nobody, all the time, before and while clients are there.
    let ticks = r#"
        define connector m from metronome with config = {"interval": 1000000} end;
        create connector m; connect /connector/m to /pipeline/same;"#;
    let (_dir, _running, address) = start(&echo(PLAIN, ticks));
    for round in 0..5 {
        // One that sends and is gone at once: its answer finds no connection.
        let mut hasty = client(&address);
        hasty.send(Message::text("[0]")).unwrap();
        drop(hasty);
        let mut peer = client(&address);
        assert_eq!(
            ask(&mut peer, &format!("[{round}]")),
            Message::text(format!("[{round}]"))
        );
    }
}

#[test]
fn b_one_slow_reader_stalls_nobody() {
    let bounded = r#"codec = "json", config = {"url": "127.0.0.1:0", "limits": {"queued_bytes": 100000},
        "socket_options": {"SO_SNDBUF": 16384}}"#;
    let (_dir, mut running, address) = start(&echo(bounded, ""));
    let mut quick = client(&address);
    assert_eq!(ask(&mut quick, "[1]"), Message::text("[1]"));
    let slow = std::thread::spawn({
        let address = address.clone();
        move || {
            let mut slow = client(&address);
            let text = format!("[\"{}\"]", "x".repeat(60_000));
            // It never reads; sooner or later it is closed.
            for _ in 0..2000 {
                if slow.send(Message::text(text.clone())).is_err() {
                    break;
                }
            }
            slow
        }
    });
    for number in 0..300 {
        assert_eq!(
            ask(&mut quick, &format!("[{number}]")),
            Message::text(format!("[{number}]"))
        );
    }
    running.stderr_line("does not read what is sent to it, and is being closed (1013)");
    drop(slow.join());
    assert_eq!(ask(&mut quick, "[2]"), Message::text("[2]"));
}

#[test]
fn c_a_failed_tls_handshake_touches_nobody_else() {
    let secure = r#"codec = "json",
        config = {"url": "127.0.0.1:0", "tls": {"cert": "localhost.cert", "key": "localhost.key"}}"#;
    let dir = folder(&[("config.troy", &echo(secure, ""))]);
    assert_eq!(run(dir.path(), &["cert"]).code, Some(0));
    let mut running = Running::flow(dir.path(), "config.troy");
    let address = running.listening();
    let certificate = dir.path().join("localhost.cert");
    let mut before = tls_client(&address, &certificate);
    let ask = |peer: &mut tungstenite::WebSocket<_>, text: &str| {
        peer.send(Message::text(text)).unwrap();
        assert_eq!(peer.read().unwrap(), Message::text(text));
    };
    ask(&mut before, "[0]");
    for number in 0..20 {
        let mut scanner = TcpStream::connect(&address).unwrap();
        scanner.write_all(&[number; 300]).unwrap();
        // Somebody else's replies go to nobody but them, whatever number the scanner would have had.
        let mut after = tls_client(&address, &certificate);
        ask(&mut after, &format!("[{number}]"));
        ask(&mut before, &format!("[\"before\",{number}]"));
        drop(scanner);
    }
}

#[test]
fn d_no_message_ends_the_process_or_the_connector() {
    let decompressing =
        r#"codec = "string", preprocessors = ["length-prefixed", "decompress"], config = {"url": "127.0.0.1:0"}"#;
    let codec = |name: &str| format!(r#"codec = "{name}", config = {{"url": "127.0.0.1:0", "not_text": "binary"}}"#);
    let deep_json = "[".repeat(100_000).into_bytes();
    let bomb = {
        let compressed = zstd::encode_all(&vec![0; 100 << 20][..], 3).unwrap();
        [&(compressed.len() as u64).to_be_bytes()[..], &compressed].concat()
    };
    for (with, bombs) in [
        (codec("json"), vec![deep_json]),
        (
            codec("msgpack"),
            vec![b"\xdd\xff\xff\xff\xff".to_vec(), b"\x91".repeat(100_000)],
        ),
        (
            codec("tremor"),
            vec![b"\0\0\x06\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()],
        ),
        (codec("binflux"), vec![b"\0\0\xff\xffm".to_vec()]),
        (decompressing.into(), vec![bomb, vec![0xff; 9]]),
    ] {
        let (_dir, _running, address) = start(&echo(&with, ""));
        let mut other = client(&address);
        for bomb in bombs {
            let mut peer = client(&address);
            peer.send(Message::binary(bomb)).unwrap();
            // The connection lives, and so does the service; but for `binflux`, which has no bytes for it, the error event is
            // answered.
            peer.send(Message::Ping("?".into())).unwrap();
            let answers = [peer.read().unwrap(), Message::Pong("?".into())];
            if !with.contains("binflux") {
                let pong = peer.read().unwrap();
                assert!(
                    answers[0] == answers[1] || pong == answers[1],
                    "{with}: {answers:?} {pong:?}"
                );
            }
        }
        assert_eq!(ping(&mut other), Message::Pong("?".into()), "{with}");
    }
}

fn ping(peer: &mut tungstenite::WebSocket<TcpStream>) -> Message {
    peer.send(Message::Ping("?".into())).unwrap();
    peer.read().unwrap()
}

#[test]
fn e_silent_handshakes_keep_nobody_out() {
    let hurried = r#"codec = "json", config = {"url": "127.0.0.1:0", "timeouts": {"opening_ms": 300}}"#;
    let (_dir, _running, address) = start(&echo(hurried, ""));
    let mut silent: Vec<TcpStream> = (0..50).map(|_| raw(&address)).collect();
    for stream in &mut silent[..25] {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    }
    let mut peer = client(&address);
    assert_eq!(ask(&mut peer, "[1]"), Message::text("[1]"));
    // And they don't stay for ever.
    for mut stream in silent {
        let answer = rest(&mut stream);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "),
            "{}",
            answer.escape_ascii()
        );
    }
    assert_eq!(ask(&mut peer, "[2]"), Message::text("[2]"));
}

#[test]
fn f_processors_are_looked_for_at_deployment() {
    for (with, says) in [
        (
            r#"codec = "json", preprocessors = ["nope"], config = {"url": "127.0.0.1:0"}"#,
            "there is no preprocessor `nope`",
        ),
        (
            r#"codec = "json", preprocessors = [{"name": "separate", "config": {"separator": "ab"}}], config = {"url": "127.0.0.1:0"}"#,
            "`separator` must be one byte of text",
        ),
    ] {
        let dir = folder(&[("config.troy", &echo(with, ""))]);
        let output = run(dir.path(), &["run", "config.troy"]);
        assert_eq!(output.code, Some(78), "{}", output.stderr);
        assert!(output.stderr.contains(says), "{}", output.stderr);
    }
}

/// A client with these keys behind `with`, whose events go to a file; events of a metronome go to it.
fn reading_client(with: &str, sink: bool) -> String {
    let ticks = if sink {
        "create connector m; connect /connector/m to /pipeline/ticks; connect /pipeline/ticks to /connector/c;"
    } else {
        ""
    };
    format!(
        r#"
define flow f
flow
  define connector c from ws_client with {with} end;
  define connector o from file with codec = "json", postprocessors = ["separate"], config = {{"path": "out", "mode": "write"}} end;
  define connector m from metronome with config = {{"interval": 20000000}} end;
  define pipeline same pipeline select event from in into out end;
  define pipeline ticks pipeline select "ä" from in into out end;
  create connector c; create connector o; create pipeline same; create pipeline ticks;
  connect /connector/c to /pipeline/same; connect /pipeline/same to /connector/o;
  connect /connector/c/err to /pipeline/same;
  {ticks}
end;
deploy flow f
"#
    )
}

fn reconnecting(listener: &TcpListener, more: &str) -> String {
    format!(
        r#"codec = "string", {more} config = {{"url": "{}"}}, reconnect = {{"retry": {{"interval_ms": 10}}}}"#,
        listener.local_addr().unwrap()
    )
}

fn lines(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join("out")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn g_a_client_that_only_reads_learns_that_the_server_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = folder(&[("config.troy", &reading_client(&reconnecting(&listener, ""), false))]);
    let _running = Running::flow(dir.path(), "config.troy");
    // By a Close, by the bare end of the stream, by a reset.
    for ending in 0..3 {
        let (mut peer, _) = accept(&listener);
        peer.send(Message::text(format!("{ending}"))).unwrap();
        until(|| lines(dir.path()).len() == ending + 1);
        match ending {
            0 => {
                peer.close(None).unwrap();
                while peer.read().is_ok() {}
            }
            1 => peer.get_ref().shutdown(std::net::Shutdown::Write).unwrap(),
            _ => socket2::SockRef::from(peer.get_ref())
                .set_linger(Some(Duration::ZERO))
                .unwrap(),
        }
    }
    let (mut peer, _) = accept(&listener);
    peer.send(Message::text("3")).unwrap();
    until(|| lines(dir.path()) == [r#""0""#, r#""1""#, r#""2""#, r#""3""#]);
}

#[test]
fn h_what_can_not_be_sent_costs_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Every event that is to be sent is no text.
    let with = reconnecting(&listener, r#"postprocessors = ["ingest-ns"],"#);
    let dir = folder(&[("config.troy", &reading_client(&with, true))]);
    let _running = Running::flow(dir.path(), "config.troy");
    let (mut peer, _) = accept(&listener);
    until(|| lines(dir.path()).len() > 10);
    // Still the same connection, and no other one was made.
    peer.send(Message::text("here")).unwrap();
    until(|| lines(dir.path()).iter().any(|line| line == r#""here""#));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn i_what_is_in_no_link_is_told_and_harms_nobody() {
    let alone = r#"
        define connector alone from ws_server with codec = "json", config = {"url": "127.0.0.1:0"} end;
        create connector alone;"#;
    let dir = folder(&[("config.troy", &echo(PLAIN, alone))]);
    let mut running = Running::flow(dir.path(), "config.troy");
    running.stderr_line("the connector `alone` is in no `connect`");
    let address = running.listening();
    let mut peer = client(&address);
    assert_eq!(ask(&mut peer, "[1]"), Message::text("[1]"));
    running.signal("TERM");
    drop(peer);
    assert_eq!(running.wait().code(), Some(0));
}

/// Frames that break the protocol end their own connection alone.
#[test]
fn d_broken_frames_end_their_own_connection() {
    let (_dir, _running, address) = start(&echo(PLAIN, ""));
    let mut other = client(&address);
    for frames in [
        &b"\x81\x01x"[..],
        b"\xff\xff\xff",
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    ] {
        let mut broken = raw_open(&address);
        broken.write_all(frames).unwrap();
        assert!(rest(&mut broken).starts_with(b"\x88"), "a Close says why");
        assert_eq!(ask(&mut other, "[1]"), Message::text("[1]"));
    }
}
