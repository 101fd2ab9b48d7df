//! `ws_server` and `ws_client` as parts of a whole: nothing is lost by a stop or by back-pressure, and what the
//! configuration asks of handshakes is seen on the wire.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};
use wsloop::connector::api::StopRequest;
use wsloop::connector::{Outcome, Router};
use wsloop::sys::MioSys;

use super::connector_router::{Straight, router_with, run};

/// No wait is longer.
const PATIENCE: Duration = Duration::from_secs(20);

const NULL: (&str, &str) = ("null", "{}");

fn service(connectors: &[(&str, &str)], links: &[(u32, u32)]) -> Router<MioSys, Straight> {
    router_with(connectors, links, Box::new(|event| vec![event]))
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn read_file(path: &Path, chunk: u32) -> String {
    format!(
        r#"{{"codec":"json","preprocessors":["separate"],
            "config":{{"path":{path:?},"mode":"read","chunk_size":{chunk}}}}}"#
    )
}

fn write_file(path: &Path) -> String {
    format!(r#"{{"codec":"json","postprocessors":["separate"],"config":{{"path":{path:?},"mode":"truncate"}}}}"#)
}

fn numbered_lines(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        writeln!(text, "{{\"n\":{number}}}").unwrap();
        text
    })
}

/// Takes turns until `is_done`.
fn turns_until(router: &mut Router<MioSys, Straight>, mut is_done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_done() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{:?}",
            router.poll_log().collect::<Vec<_>>()
        );
        router.turn(Some(Duration::from_millis(5))).unwrap();
    }
}

/// Drives a service until the work that `peer` does on a thread of its own is done, then stops it.
fn beside<T: Send + 'static>(
    mut router: Router<MioSys, Straight>,
    peer: impl FnOnce() -> T + Send + 'static,
) -> (T, Outcome, Vec<String>) {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(peer()));
    let mut answer = None;
    turns_until(&mut router, || {
        answer = result.try_recv().ok();
        answer.is_some()
    });
    router.stop(StopRequest { graceful: true });
    let (outcome, log) = run(router);
    (answer.unwrap(), outcome, log)
}

fn listening(router: &mut Router<MioSys, Straight>) -> SocketAddr {
    router.turn(Some(Duration::ZERO)).unwrap();
    router.listeners().next().unwrap().addr
}

fn client(addr: SocketAddr) -> WebSocket<TcpStream> {
    let socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::client(format!("ws://{addr}/"), socket).unwrap().0
}

fn accept(listener: &TcpListener) -> WebSocket<TcpStream> {
    let socket = listener.accept().unwrap().0;
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::accept(socket).unwrap()
}

/// A file goes by a client to a server of the same service, which writes it down, answers, and asks for the stop;
/// answers are written down too. Just before the timer of `exit` the process is held up for longer than the timer.
fn round_trip(server_tls: &str, client_tls: &str, scheme: &str, held_up: bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let lines = numbered_lines(1000);
    std::fs::write(path("in.json"), &lines).unwrap();
    let port = free_port();
    let client = format!(
        r#"{{"codec":"json","postprocessors":["separate"],
            "config":{{"url":"{scheme}://0.0.0.0:{port}","no_delay":false{client_tls}}}}}"#
    );
    let server =
        format!(r#"{{"codec":"json","preprocessors":["separate"],"config":{{"url":"0.0.0.0:{port}"{server_tls}}}}}"#);
    let mut router = service(
        &[
            ("file", &read_file(&path("in.json"), 8192)),
            ("ws_client", &client),
            ("file", &write_file(&path("echo.log"))),
            ("ws_server", &server),
            ("file", &write_file(&path("out.log"))),
            ("exit", r#"{"config":{"delay":200000000}}"#),
        ],
        &[(0, 1), (1, 2), (3, 4), (3, 3), (3, 5)],
    );
    if held_up {
        let out = path("out.log");
        turns_until(&mut router, || std::fs::metadata(&out).is_ok_and(|file| file.len() > 0));
        let begun = Instant::now();
        turns_until(&mut router, || begun.elapsed() > Duration::from_millis(150));
        // What SIGSTOP does to a process: time passes, and whatever came waits in the kernel.
        std::thread::sleep(Duration::from_millis(300));
    }
    let (outcome, log) = run(router);
    assert_eq!(outcome, Outcome::Done, "{log:#?}");
    for name in ["out.log", "echo.log"] {
        assert!(
            std::fs::read_to_string(path(name)).unwrap() == lines,
            "{name} differs: {log:#?}"
        );
    }
}

#[test]
fn a_thousand_lines_go_round_and_none_is_lost_by_the_stop() {
    round_trip("", "", "ws", false);
}

#[test]
fn none_is_lost_by_a_process_that_was_held_up_before_the_stop() {
    round_trip("", "", "ws", true);
}

#[cfg(feature = "tls")]
#[test]
fn the_same_holds_with_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = format!(r#","tls":{{"cert":{cert:?},"key":{key:?}}}"#);
    let client = format!(r#","tls":{{"cafile":{cert:?},"domain":"localhost"}}"#);
    round_trip(&server, &client, "wss", true);
}

#[test]
fn a_peer_that_sends_and_closes_at_once_has_all_its_answers() {
    let server = r#"{"codec":"json","preprocessors":["separate"],"config":{"url":"127.0.0.1:0"}}"#;
    let mut router = service(&[("ws_server", server)], &[(0, 0)]);
    let addr = listening(&mut router);
    let (answers, outcome, log) = beside(router, move || {
        let mut peer = client(addr);
        for number in 0..100 {
            peer.write(Message::text(format!("{number}\n"))).unwrap();
        }
        // The last line has no end: it is an event when the stream ends, and that is answered too.
        peer.write(Message::text("100")).unwrap();
        peer.close(None).unwrap();
        let mut answers = Vec::new();
        while let Ok(Message::Text(text)) = peer.read() {
            answers.push(text.to_string());
        }
        answers
    });
    assert_eq!(outcome, Outcome::Done, "{log:?}");
    assert_eq!(answers, (0..=100).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// What comes between a client's Close and its server's is still delivered.
#[test]
fn a_client_that_stops_has_its_last_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("in.json"), "1").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = format!(
        r#"{{"codec":"json","postprocessors":["separate"],"preprocessors":["separate"],
            "config":{{"url":"ws://127.0.0.1:{port}/"}}}}"#
    );
    let mut router = service(
        &[
            ("file", &read_file(&path("in.json"), 8192)),
            ("ws_client", &client),
            ("file", &write_file(&path("echo.log"))),
        ],
        &[(0, 1), (1, 2)],
    );
    let (asked, is_asked) = mpsc::channel();
    let peer = std::thread::spawn(move || {
        let mut peer = accept(&listener);
        let question = peer.read().unwrap();
        asked.send(()).unwrap();
        // The next byte that comes is the client's Close.
        assert_eq!(peer.get_ref().peek(&mut [0]).unwrap(), 1);
        peer.send(question).unwrap();
        peer.send(Message::text("2")).unwrap();
        peer.read()
    });
    turns_until(&mut router, || is_asked.try_recv().is_ok());
    router.stop(StopRequest { graceful: true });
    let (outcome, log) = run(router);
    assert_eq!(outcome, Outcome::Done, "{log:?}");
    let close = peer.join().unwrap();
    assert!(
        matches!(&close, Ok(Message::Close(Some(frame))) if frame.code == CloseCode::Normal),
        "{close:?}"
    );
    assert_eq!(std::fs::read_to_string(path("echo.log")).unwrap(), "1\n2\n");
}

/// A client whose dial ends only after the stop has passed it by.
#[test]
fn a_dial_under_way_does_not_hold_up_a_stop_nor_count_as_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let dialling = format!(r#"{{"codec":"json","config":{{"url":"ws://127.0.0.1:{port}/"}}}}"#);
    let server = r#"{"codec":"json","config":{"url":"127.0.0.1:0"}}"#;
    let mut router = service(
        &[("ws_server", server), ("ws_client", &dialling), NULL],
        &[(0, 0), (1, 2)],
    );
    let addr = listening(&mut router);
    let (opened, is_open) = mpsc::channel();
    let patient = std::thread::spawn(move || {
        // Its answer to the server's Close waits until the other thread has accepted the client: the stop can't end
        // before that.
        let mut peer = client(addr);
        opened.send(()).unwrap();
        let close = peer.read().unwrap();
        let late = accept(&listener);
        while peer.read().is_ok() {}
        (close, late)
    });
    turns_until(&mut router, || is_open.try_recv().is_ok());
    router.stop(StopRequest { graceful: true });
    let (outcome, log) = run(router);
    assert_eq!(outcome, Outcome::Done, "{log:?}");
    let (close, _late) = patient.join().unwrap();
    assert!(matches!(close, Message::Close(Some(frame)) if frame.code == CloseCode::Away));
}

/// A server that doesn't read makes the file wait, in bounded memory, and then has every line.
#[test]
fn a_file_waits_for_a_client_whose_server_does_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.json");
    let count = 400_000;
    std::fs::write(&path, numbered_lines(count)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = format!(
        r#"{{"codec":"json","config":{{"url":"ws://127.0.0.1:{port}/","socket_options":{{"SO_SNDBUF":65536}},
            "limits":{{"queued_bytes":300000,"high_water_bytes":100000,"low_water_bytes":50000}}}}}}"#
    );
    // One chunk may bring the queue from just below the mark to far above it, but not to the limit, past which events
    // would be lost.
    let mut router = service(&[("file", &read_file(&path, 65536)), ("ws_client", &client)], &[(0, 1)]);
    let (read, is_read) = mpsc::channel();
    let (go, may_read) = mpsc::channel();
    let peer = std::thread::spawn(move || {
        let mut peer = accept(&listener);
        may_read.recv_timeout(PATIENCE).unwrap();
        let mut numbers = 0;
        while let Ok(Message::Text(text)) = peer.read() {
            assert_eq!(text.as_str(), format!("{{\"n\":{numbers}}}"));
            numbers += 1;
        }
        read.send(numbers).unwrap();
    });
    // When nothing is read any more, a turn without a time-out would wait for ever.
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "the file is read on and on");
        let before = Instant::now();
        router.turn(Some(Duration::from_millis(200))).unwrap();
        if before.elapsed() >= Duration::from_millis(200) && router.engine().counters().messages_sent > 0 {
            break;
        }
    }
    assert!((router.engine().counters().messages_sent as usize) < count);
    go.send(()).unwrap();
    let (outcome, log) = run(router);
    assert_eq!(outcome, Outcome::Done, "{log:?}");
    assert_eq!(is_read.recv_timeout(PATIENCE).unwrap(), count);
    peer.join().unwrap();
}

/// One peer of a server reads nothing; it is closed or loses messages, as configured, and the others have theirs.
fn slow_reader(policy: &str) -> (Vec<Message>, Vec<String>) {
    let server = format!(
        r#"{{"codec":"string","config":{{"url":"127.0.0.1:0","slow_reader":"{policy}",
            "socket_options":{{"SO_SNDBUF":16384}},"limits":{{"queued_bytes":200000}}}}}}"#
    );
    let mut router = service(&[("ws_server", &server)], &[(0, 0)]);
    let addr = listening(&mut router);
    let (read, outcome, log) = beside(router, move || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(16384).unwrap();
        socket.connect(&addr.into()).unwrap();
        let socket: TcpStream = socket.into();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut slow = tungstenite::client(format!("ws://{addr}/"), socket).unwrap().0;
        let mut other = client(addr);
        let text = "x".repeat(20_000);
        for _ in 0..400 {
            if slow.send(Message::text(text.as_str())).is_err() {
                break;
            }
            other.send(Message::text("ping")).unwrap();
            assert_eq!(other.read().unwrap(), Message::text("ping"));
        }
        let mut read = Vec::new();
        if let Err(Error::Io(error)) = slow.close(None) {
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock);
        }
        while let Ok(message) = slow.read() {
            read.push(message);
        }
        read
    });
    assert_eq!(outcome, Outcome::Done, "{log:?}");
    (read, log)
}

#[test]
fn a_slow_reader_may_lose_messages_and_keeps_its_connection() {
    let (read, log) = slow_reader("drop_newest");
    let texts = read.iter().filter(|message| message.is_text()).count();
    assert!(texts > 0 && texts < 400, "{texts} of 400 came");
    assert!(
        matches!(read.last(), Some(Message::Close(_))),
        "its own Close is answered"
    );
    assert!(log.iter().any(|line| line.contains("were dropped")), "{log:?}");
}

#[test]
fn a_slow_reader_is_closed_unless_configured_otherwise() {
    let (read, log) = slow_reader("close");
    assert!(read.len() < 400);
    assert!(log.iter().any(|line| line.contains("1013")), "{log:?}");
}

/// The status that a server gives to a request.
fn status(addr: SocketAddr, path: &str, origin: Option<&str>) -> u16 {
    let mut request =
        tungstenite::client::IntoClientRequest::into_client_request(format!("ws://{addr}{path}")).unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("Origin", origin.parse().unwrap());
    }
    let socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    match tungstenite::client(request, socket) {
        Ok((_, response)) => response.status().as_u16(),
        Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_server_refuses_other_paths_and_origins_than_its_own() {
    let server = r#"{"codec":"json","config":{"url":"127.0.0.1:0","path":"/chat","origins":["https://a.example"]}}"#;
    let mut router = service(&[("ws_server", server)], &[(0, 0)]);
    let addr = listening(&mut router);
    let (statuses, ..) = beside(router, move || {
        [
            status(addr, "/chat?room=7", Some("https://A.example")),
            status(addr, "/", Some("https://a.example")),
            status(addr, "/chat", Some("https://b.example")),
            status(addr, "/chat", None),
        ]
    });
    assert_eq!(statuses, [101, 404, 403, 403]);
}

// The size of the closure's error is tungstenite's choice.
#[allow(clippy::result_large_err)]
#[test]
fn a_client_asks_as_its_url_and_its_headers_say() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = format!(
        r#"{{"codec":"json","config":{{"url":"0.0.0.0:{port}/chat?x=1","subprotocols":["v2","v1"],
            "headers":{{"Authorization":"Bearer 7","X-Two":["a","b"]}}}}}}"#
    );
    let router = service(&[("ws_client", &client), NULL], &[(0, 1)]);
    let (request, outcome, log) = beside(router, move || {
        let (send, sent) = mpsc::channel();
        let look = |request: &Request, mut response: Response| {
            let header = |name: &str| {
                let values = request.headers().get_all(name).iter();
                values
                    .map(|value| value.to_str().unwrap().to_owned())
                    .collect::<Vec<_>>()
                    .join(",")
            };
            let names = ["Host", "Authorization", "X-Two", "Sec-WebSocket-Protocol"];
            send.send((request.uri().to_string(), names.map(header))).unwrap();
            response
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", "v1".parse().unwrap());
            Ok(response)
        };
        let socket = listener.accept().unwrap().0;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = tungstenite::accept_hdr(socket, look).unwrap();
        std::thread::spawn(move || while peer.read().is_ok() {});
        sent.recv().unwrap()
    });
    assert_eq!(outcome, Outcome::Done, "{log:?}");
    let (target, [host, authorization, two, protocols]) = request;
    assert_eq!(target, "/chat?x=1");
    assert_eq!(host, format!("0.0.0.0:{port}"));
    assert_eq!((authorization.as_str(), two.as_str()), ("Bearer 7", "a,b"));
    assert_eq!(protocols.replace(' ', ""), "v2,v1");
}

#[test]
fn a_server_waits_for_its_port_as_reconnect_says() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = holder.local_addr().unwrap();
    let server = |reconnect: &str| format!(r#"{{"codec":"json","config":{{"url":"{addr}"}}{reconnect}}}"#);
    let (outcome, log) = run(service(&[("ws_server", &server(""))], &[(0, 0)]));
    assert_eq!(outcome, Outcome::Failed);
    assert!(log.iter().any(|line| line.contains(&addr.to_string())), "{log:?}");

    let patient = server(r#","reconnect":{"retry":{"interval_ms":1,"growth_rate":1}}"#);
    let mut router = service(&[("ws_server", &patient)], &[(0, 0)]);
    for _ in 0..3 {
        router.turn(Some(Duration::from_millis(20))).unwrap();
    }
    assert_eq!(router.listeners().count(), 0);
    drop(holder);
    let begun = Instant::now();
    while router.listeners().count() == 0 {
        assert!(begun.elapsed() < PATIENCE);
        router.turn(Some(Duration::from_millis(20))).unwrap();
    }
    assert_eq!(router.listeners().next().unwrap().addr, addr);
}
