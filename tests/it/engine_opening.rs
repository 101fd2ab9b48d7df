//! Opening handshakes: handed to the host, refused, stalled, limited; and dials that come to nothing.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{ConnectOptions, Error, Event, Events, Failure, ListenOptions, Misuse, Notice, Phase};
use wsloop::proto::{self, Accept, Response};

use super::engine_support::{RawClient, Rig, TEXT, echo, frame, request, serve};

fn local() -> ListenOptions {
    ListenOptions::new("127.0.0.1:0")
}

fn impatient(opening_ms: u64) -> Arc<proto::Config> {
    Arc::new(proto::Config {
        opening_timeout: Duration::from_millis(opening_ms),
        ..proto::Config::default()
    })
}

#[test]
fn the_host_accepts_and_refuses() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local().requests(true));
    let dial = |target: &str| {
        ConnectOptions::new("127.0.0.1", addr.port(), target)
            .header("X-Token", "abc")
            .subprotocols(["chat"])
    };
    let good = rig.event_loop.connect(dial("/good?room=7")).unwrap();
    let bad = rig.event_loop.connect(dial("/bad")).unwrap();
    let (mut opened, mut refused) = (0, 0);
    rig.until(|event_loop, stream, event| {
        match event {
            Event::Request(request) => {
                assert_eq!(request.headers().get("x-token"), Some("abc"));
                assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat"]);
                if request.path() == "/good" {
                    assert_eq!(request.query(), Some("room=7"));
                    event_loop
                        .accept(stream, Accept::new().subprotocol("chat").header("X-Room", "seven"))
                        .unwrap();
                    // The answer is on its way: there is nothing to answer any more.
                    assert!(matches!(
                        event_loop.accept(stream, Accept::new()),
                        Err(Misuse::Protocol(_))
                    ));
                } else {
                    event_loop
                        .refuse(stream, Response::new(404).body("no such room"))
                        .unwrap();
                }
            }
            Event::Opened(answer) => {
                opened += 1;
                assert_eq!(answer.subprotocol.as_deref(), Some("chat"));
                if stream == good {
                    assert_eq!(answer.headers.get("x-room"), Some("seven"));
                }
            }
            Event::Failed(Failure::Protocol(proto::Failure::Refused(refusal))) => {
                refused += 1;
                assert_eq!(refusal.status, 404);
                if stream == bad {
                    assert_eq!(refusal.body, b"no such room");
                }
            }
            other => panic!("{other:?}"),
        }
        (opened == 2 && refused == 2).then_some(())
    });
}

#[test]
fn what_a_client_sends_before_it_is_accepted_is_not_lost() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local().requests(true));
    let mut client = RawClient::connect(addr);
    client
        .socket
        .write_all(&[request().into_bytes(), frame(TEXT, b"early")].concat())
        .unwrap();
    let stream = rig.until(|_, stream, event| matches!(event, Event::Request(_)).then_some(stream));
    client.send(TEXT, b"later");
    rig.event_loop
        .poll(&mut rig.events, Some(Duration::from_millis(20)))
        .unwrap();
    assert!(rig.events.is_empty());
    rig.event_loop.accept(stream, Accept::new()).unwrap();
    let mut seen = Vec::new();
    rig.until(|_, _, event| {
        match event {
            Event::Opened(_) => seen.push("opened".into()),
            Event::Message(message) => seen.push(String::from_utf8(message.as_bytes().to_vec()).unwrap()),
            other => panic!("{other:?}"),
        }
        (seen.len() == 3).then_some(())
    });
    assert_eq!(seen, ["opened", "early", "later"]);
    assert_eq!(rig.event_loop.counters().messages_received, 2);
}

#[test]
fn bad_requests_are_refused_with_a_status_and_the_socket_closed() {
    let server = serve(local(), Events::default(), echo);
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "426"),
        ("hello\r\n\r\n", "400"),
    ] {
        let mut client = RawClient::connect(server.addr);
        client.socket.write_all(request.as_bytes()).unwrap();
        let head = client.read_head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let mut body = Vec::new();
        std::io::Read::read_to_end(&mut client.socket, &mut body).unwrap();
    }
}

#[test]
fn stalled_handshakes_time_out_and_hold_up_nobody() {
    let server = serve(local().protocol(impatient(300)), Events::default(), echo);
    let mut stalled: Vec<RawClient> = (0..50)
        .map(|number| {
            let mut client = RawClient::connect(server.addr);
            client
                .socket
                .write_all(&request().as_bytes()[..number % 3 * 20])
                .unwrap();
            client
        })
        .collect();
    let mut client = RawClient::open(server.addr);
    client.send(TEXT, b"in front of them all");
    assert_eq!(client.receive(), (TEXT, b"in front of them all".to_vec()));
    for (number, client) in stalled.iter_mut().enumerate() {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut client.socket, &mut rest).unwrap();
        // Who has said nothing is told nothing.
        let told = rest.starts_with("HTTP/1.1 408 ");
        assert_eq!((told, rest.is_empty()), (number % 3 > 0, number % 3 == 0), "{rest}");
    }
    client.send(TEXT, b"and behind them");
    assert_eq!(client.receive(), (TEXT, b"and behind them".to_vec()));
}

#[test]
fn a_host_that_never_answers_a_request_fails_the_stream_in_time() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local().requests(true).protocol(impatient(50)));
    let mut client = RawClient::connect(addr);
    client.socket.write_all(request().as_bytes()).unwrap();
    let failure = rig.until(|_, _, event| match event {
        Event::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(
        failure,
        Failure::Protocol(proto::Failure::TimedOut(proto::Phase::Opening))
    );
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    let head = client.read_head();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
}

/// Two handshakes at once at most: the third client waits in the backlog until one of them is over.
#[test]
fn handshakes_under_way_are_limited() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local().handshakes_max(2).protocol(impatient(200)));
    let stalled = [RawClient::connect(addr), RawClient::connect(addr)];
    rig.until_true(|event_loop, _| event_loop.stream_count() == 2);
    let mut third = RawClient::connect(addr);
    third.socket.write_all(request().as_bytes()).unwrap();
    let mut failed = 0;
    rig.until(|event_loop, _, event| {
        assert!(event_loop.stream_count() <= 3);
        failed += usize::from(matches!(event, Event::Failed(_)));
        matches!(event, Event::Opened(_)).then_some(())
    });
    assert!(failed > 0, "the third came in while two handshakes were under way");
    drop(stalled);
}

#[test]
fn a_dial_that_fails_says_why() {
    let mut rig = Rig::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let refused = rig
        .event_loop
        .connect(ConnectOptions::new("127.0.0.1", port, "/"))
        .unwrap();
    let unknown = rig
        .event_loop
        .connect(ConnectOptions::new("no-such-host.invalid", 80, "/"))
        .unwrap();
    let mut failures = Vec::new();
    rig.until(|_, stream, event| {
        if let Event::Failed(failure) = event {
            failures.push((stream, failure.clone()));
        }
        (failures.len() == 2).then_some(())
    });
    for (stream, failure) in failures {
        match failure {
            Failure::Dial { address, error } => {
                assert_eq!(stream, refused);
                assert_eq!(address.to_string(), format!("127.0.0.1:{port}"));
                assert_eq!(error.kind, std::io::ErrorKind::ConnectionRefused);
            }
            Failure::Resolve { host, .. } => assert_eq!((stream, host.as_str()), (unknown, "no-such-host.invalid")),
            other => panic!("{other}"),
        }
    }
    let addr = ConnectOptions::from_url(&format!("wss://127.0.0.1:{port}/")).unwrap();
    assert!(matches!(rig.event_loop.connect(addr), Err(Error::TlsMissing)));
    let header = ConnectOptions::new("127.0.0.1", port, "/").header("X: y\r\nZ", "1");
    assert!(matches!(rig.event_loop.connect(header), Err(Error::Request(_))));
}

/// A server that accepts and says nothing, and one whose backlog is full, so that not even the connection comes about.
#[test]
fn a_silent_server_is_given_up() {
    let mut rig = Rig::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    rig.event_loop
        .connect(ConnectOptions::new("127.0.0.1", port, "/").protocol(impatient(50)))
        .unwrap();
    let failure = rig.until(|_, _, event| match event {
        Event::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(
        failure,
        Failure::Protocol(proto::Failure::TimedOut(proto::Phase::Opening))
    );

    let (_, full) = rig.listen(local().backlog(0).handshakes_max(0));
    let dial = || ConnectOptions::new("127.0.0.1", full.port(), "/").dial_timeout(Duration::from_millis(300));
    for _ in 0..8 {
        rig.event_loop.connect(dial()).unwrap();
    }
    let failure = rig.until(|_, _, event| match event {
        Event::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure, Failure::TimedOut(Phase::Dial));
}

#[test]
fn an_address_in_use_and_one_that_is_none_are_errors() {
    let mut rig = Rig::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let error = rig.event_loop.listen(ListenOptions::from(addr)).unwrap_err();
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    assert!(rig.event_loop.listen(ListenOptions::new("somewhere")).is_err());
}

/// Runs alone in a process that may open few files: see `too_many_open_files_pause_a_listener_and_it_recovers`.
#[test]
#[ignore = "needs a process with a small limit of open files; another test starts it so"]
fn in_a_process_with_few_files() {
    let mut rig = Rig::new();
    let (listener, addr) = rig.listen(local());
    let mut clients: Vec<RawClient> = Vec::new();
    while let Ok(socket) = std::net::TcpStream::connect(addr) {
        clients.push(RawClient { socket });
    }
    // As many descriptors as clients are missing for the server's ends.
    clients.truncate(clients.len() - 5);
    let begun = std::time::Instant::now();
    rig.until_true(|_, events| {
        events
            .notices()
            .any(|notice| matches!(notice, Notice::ListenerPaused { listener: paused, .. } if *paused == listener))
    });
    let accepted = rig.event_loop.stream_count();
    assert!(
        accepted >= 5 && accepted < clients.len(),
        "{accepted} of {}",
        clients.len()
    );
    // Time is not wasted on a listener that is paused.
    for _ in 0..3 {
        rig.event_loop
            .poll(&mut rig.events, Some(Duration::from_secs(1)))
            .unwrap();
    }
    assert!(begun.elapsed() > Duration::from_millis(80), "the loop spins");
    let half = clients.split_off(clients.len() / 2);
    drop(clients);
    let mut opened = 0;
    for mut client in half {
        client.socket.write_all(request().as_bytes()).unwrap();
        opened += 1;
        rig.until(|_, _, event| matches!(event, Event::Opened(_)).then_some(()));
    }
    assert!(opened > 0);
}

#[test]
#[cfg(target_os = "linux")]
fn too_many_open_files_pause_a_listener_and_it_recovers() {
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -n 60 && exec \"$0\" --ignored --exact engine_opening::in_a_process_with_few_files",
        ])
        .arg(program)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
