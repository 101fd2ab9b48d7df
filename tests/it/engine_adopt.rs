//! Sockets that somebody else accepted, connected or listens on.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use wsloop::EventLoop;
use wsloop::engine::{AdoptOptions, Config, ConnectOptions, Error, Event, Events, ListenOptions, StreamId};
use wsloop::proto::Message;

use super::engine_support::{PATIENCE, Rig, TEXT, echo, frame, request};

/// The far end of an adopted socket.
pub(crate) trait Far: Read + Write {}

impl Far for TcpStream {}
impl Far for UnixStream {}

/// The two ends of a connection, of both families: ours, which blocks as the library's do, and the peer's.
pub(crate) fn pairs() -> Vec<(OwnedFd, Box<dyn Far>)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    let (near, _) = listener.accept().unwrap();
    let (unix_near, unix_far) = UnixStream::pair().unwrap();
    unix_far.set_read_timeout(Some(PATIENCE)).unwrap();
    vec![(near.into(), Box::new(far)), (unix_near.into(), Box::new(unix_far))]
}

pub(crate) fn server() -> AdoptOptions {
    AdoptOptions::server(ListenOptions::default())
}

/// Serves until so many messages were echoed, and the echo has left.
pub(crate) fn serve(rig: &mut Rig, messages: usize) {
    let mut seen = 0;
    rig.until(|event_loop, stream, event| {
        echo(event_loop, stream, event);
        seen += usize::from(matches!(event, Event::Message(_)));
        (seen == messages).then_some(())
    });
    leave(rig);
}

/// What is queued leaves.
fn leave(rig: &mut Rig) {
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
}

fn read_head(far: &mut dyn Far) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        far.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// The server's next frame, which is short.
fn read_frame(far: &mut dyn Far) -> Vec<u8> {
    let mut head = [0; 2];
    far.read_exact(&mut head).unwrap();
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    far.read_exact(&mut payload).unwrap();
    payload
}

#[test]
fn a_socket_is_adopted_before_its_handshake_however_much_of_it_was_read() {
    let sent = [request().as_bytes(), &frame(TEXT, b"first"), &frame(TEXT, b"second")].concat();
    let head = request().len();
    for read in [0, 1, head - 1, head, head + 3, head + 12, sent.len()] {
        for (near, mut far) in pairs() {
            let mut rig = Rig::new();
            let options = server().received(&sent[..read]);
            rig.event_loop.adopt(near, options).unwrap();
            assert_eq!(
                rig.event_loop.next_timeout(),
                Some(Duration::ZERO),
                "the socket may hold bytes"
            );
            far.write_all(&sent[read..]).unwrap();
            serve(&mut rig, 2);
            assert!(read_head(&mut *far).starts_with("HTTP/1.1 101 "));
            assert_eq!(read_frame(&mut *far), b"first");
            assert_eq!(read_frame(&mut *far), b"second");
            assert_eq!(rig.event_loop.counters().adopted, 1);
        }
    }
}

#[test]
fn a_request_that_was_read_is_the_hosts_to_answer_and_what_stands_behind_it_waits() {
    for (near, mut far) in pairs() {
        let mut rig = Rig::new();
        let options = AdoptOptions::server(ListenOptions::default().requests(true));
        let stream = rig
            .event_loop
            .adopt(
                near,
                options.received([request().as_bytes(), &frame(TEXT, b"early")].concat()),
            )
            .unwrap();
        far.write_all(&frame(TEXT, b"late")).unwrap();
        let asked = rig.until(|_, stream, event| match event {
            Event::Request(request) => Some((stream, request.target().to_string())),
            other => panic!("{other:?}"),
        });
        assert_eq!(asked, (stream, "/chat?room=7".into()));
        rig.event_loop.accept(stream, wsloop::proto::Accept::new()).unwrap();
        serve(&mut rig, 2);
        assert!(read_head(&mut *far).starts_with("HTTP/1.1 101 "));
        assert_eq!(read_frame(&mut *far), b"early");
        assert_eq!(read_frame(&mut *far), b"late");
    }
}

#[test]
fn a_socket_is_adopted_after_its_handshake_with_the_first_frame_read() {
    let sent = [frame(TEXT, b"first"), frame(TEXT, b"second")].concat();
    for read in 0..=sent.len() {
        for (near, mut far) in pairs() {
            let mut rig = Rig::new();
            let stream = rig
                .event_loop
                .adopt(near, server().received(&sent[..read]).after_handshake())
                .unwrap();
            assert_eq!(rig.event_loop.is_open(stream), Ok(true));
            assert!(rig.event_loop.send(stream, "hello").unwrap().is_queued());
            far.write_all(&sent[read..]).unwrap();
            serve(&mut rig, 2);
            for wanted in ["hello", "first", "second"] {
                assert_eq!(read_frame(&mut *far), wanted.as_bytes());
            }
        }
    }
}

/// Answers one request as an HTTP server does: with a page, or, where WebSockets are, with 101 and its socket and all
/// that it has read too much.
fn http_server(socket: TcpStream) -> Option<(TcpStream, Vec<u8>)> {
    let mut reader = BufReader::new(socket);
    let (mut first, mut key) = (String::new(), String::new());
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some(("Sec-WebSocket-Key", value)) => key = tungstenite::handshake::derive_accept_key(value.as_bytes()),
            Some(_) => {}
            None => break,
        }
    }
    let read_too_much = reader.buffer().to_vec();
    let mut socket = reader.into_inner();
    if first.starts_with("GET /chat") {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
        write!(socket, "{head}\r\nSec-WebSocket-Accept: {key}\r\n\r\n").unwrap();
        return Some((socket, read_too_much));
    }
    write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    None
}

#[test]
fn an_http_server_hands_over_what_it_has_upgraded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut rig = Rig::new();

    let mut page = TcpStream::connect(addr).unwrap();
    page.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(http_server(listener.accept().unwrap().0).is_none());
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hi"));

    // One that does not wait for the answer: the server has its first frame in hand.
    let mut hasty = TcpStream::connect(addr).unwrap();
    hasty.set_read_timeout(Some(PATIENCE)).unwrap();
    hasty
        .write_all(&[request().as_bytes(), &frame(TEXT, b"at once")].concat())
        .unwrap();
    let (socket, read) = http_server(listener.accept().unwrap().0).unwrap();
    assert!(!read.is_empty());
    rig.event_loop
        .adopt(socket.into(), server().received(read).after_handshake())
        .unwrap();
    serve(&mut rig, 1);
    assert!(read_head(&mut hasty).starts_with("HTTP/1.1 101 "));
    assert_eq!(read_frame(&mut hasty), b"at once");

    // And one that knows the protocol from end to end.
    let client = std::thread::spawn(move || {
        let (mut client, _) =
            tungstenite::client(format!("ws://{addr}/chat"), TcpStream::connect(addr).unwrap()).unwrap();
        client.send(tungstenite::Message::text("in good order")).unwrap();
        assert_eq!(client.read().unwrap(), tungstenite::Message::text("in good order"));
        client.close(None).unwrap();
        while client.read().is_ok() {}
    });
    let (socket, read) = http_server(listener.accept().unwrap().0).unwrap();
    let stream = rig
        .event_loop
        .adopt(socket.into(), server().received(read).after_handshake())
        .unwrap();
    rig.until(|event_loop, of, event| {
        echo(event_loop, of, event);
        (of == stream && matches!(event, Event::Closed(_))).then_some(())
    });
    rig.until_true(|event_loop, _| event_loop.stream_count() == 1);
    client.join().unwrap();
}

#[test]
fn what_was_read_and_is_more_than_the_arena_holds_comes_bit_by_bit() {
    let frames: Vec<u8> = (0..500)
        .flat_map(|number: u32| frame(TEXT, number.to_string().as_bytes()))
        .collect();
    let (near, mut far) = pairs().swap_remove(0);
    let mut rig = Rig::with(Config::default(), Events::with_capacity(0));
    let stream = rig
        .event_loop
        .adopt(near, server().received(frames).after_handshake())
        .unwrap();
    far.write_all(&frame(TEXT, b"500")).unwrap();
    rig.event_loop.pause(stream).unwrap();
    for _ in 0..3 {
        leave(&mut rig);
        assert!(rig.events.is_empty(), "a paused stream is not read");
    }
    rig.event_loop.resume(stream).unwrap();
    let mut next = 0;
    rig.until(|_, _, event| {
        let Event::Message(Message::Text(text)) = event else {
            panic!("{event:?}")
        };
        assert_eq!(text.as_str(), next.to_string());
        next += 1;
        (next == 501).then_some(())
    });
}

#[test]
fn a_stream_that_ends_before_all_is_read_leaves_nothing_behind() {
    let (near, far) = pairs().swap_remove(0);
    let mut rig = Rig::new();
    let frames = [frame(TEXT, b"good"), vec![0xff; 100_000]].concat();
    rig.event_loop
        .adopt(near, server().received(frames).after_handshake())
        .unwrap();
    let stream = rig.until(|_, stream, event| matches!(event, Event::Failed(_)).then_some(stream));
    drop(far);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    assert!(rig.event_loop.is_open(stream).is_err());

    // And one that is cut before anything is.
    let (near, _far) = pairs().swap_remove(0);
    let stream = rig.event_loop.adopt(near, server().received(request())).unwrap();
    rig.event_loop.abort(stream).unwrap();
    rig.until(|_, _, event| matches!(event, Event::Failed(_)).then_some(()));
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn an_adopted_socket_has_its_time_as_any_other() {
    let protocol = wsloop::proto::Config {
        opening_timeout: Duration::from_millis(50),
        ..Default::default()
    };
    let options = AdoptOptions::server(ListenOptions::default().protocol(std::sync::Arc::new(protocol)));
    for received in [0, 20] {
        for (near, mut far) in pairs() {
            let mut rig = Rig::new();
            let half = &request().into_bytes()[..received];
            rig.event_loop.adopt(near, options.clone().received(half)).unwrap();
            let failure = rig.until(|_, _, event| match event {
                Event::Failed(failure) => Some(failure.clone()),
                _ => None,
            });
            let timed_out = wsloop::proto::Failure::TimedOut(wsloop::proto::Phase::Opening);
            assert_eq!(failure, wsloop::engine::Failure::Protocol(timed_out));
            rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
            let mut rest = Vec::new();
            far.read_to_end(&mut rest).unwrap();
        }
    }
}

/// Both ends in one loop: ours, whose socket was connected outside, and a listener's stream.
fn converse(rig: &mut Rig, client: StreamId) {
    let mut back = None;
    rig.until(|event_loop, stream, event| {
        match event {
            Event::Opened(_) if stream == client => {
                assert!(event_loop.send(stream, "to and fro").unwrap().is_queued());
            }
            Event::Message(Message::Text(text)) if stream == client => back = Some(text.to_string()),
            Event::Failed(failure) => panic!("{failure}"),
            _ => echo(event_loop, stream, event),
        }
        back.is_some().then_some(())
    });
    assert_eq!(back.as_deref(), Some("to and fro"));
}

#[test]
fn a_client_goes_on_over_a_connection_that_the_host_made() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").subprotocols(["chat"]));
    let socket = TcpStream::connect(addr).unwrap();
    let options = ConnectOptions::from_url("ws://example.com/there")
        .unwrap()
        .subprotocols(["chat"]);
    let client = rig
        .event_loop
        .adopt(socket.into(), AdoptOptions::client(options))
        .unwrap();
    assert_eq!(rig.event_loop.peer_addr(client), Ok(addr));
    assert_eq!(rig.event_loop.listener_of(client), Ok(None));
    converse(&mut rig, client);

    // After a handshake of the host's own.
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.write_all(request().as_bytes()).unwrap();
    rig.opened();
    leave(&mut rig);
    assert!(read_head(&mut socket).starts_with("HTTP/1.1 101 "));
    let options = AdoptOptions::client(ConnectOptions::new("localhost", 80, "/"));
    let client = rig.event_loop.adopt(socket.into(), options.after_handshake()).unwrap();
    let sent = rig.event_loop.send(client, "masked, as a client's").unwrap();
    assert!(sent.is_queued());
    rig.until(|event_loop, stream, event| {
        let own = stream == client;
        if !own {
            echo(event_loop, stream, event);
        }
        matches!(event, Event::Message(_) if own).then_some(())
    });
}

#[test]
fn what_is_no_connected_stream_socket_is_refused() {
    let mut rig = Rig::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.connect(datagrams.local_addr().unwrap()).unwrap();
    let file = tempfile::tempfile().unwrap();
    for foreign in [OwnedFd::from(listener), datagrams.into(), file.into()] {
        let refused = rig.event_loop.adopt(foreign, server()).unwrap_err();
        assert!(refused.to_string().starts_with("adopting a socket: "), "{refused}");
    }
    let (near, _far) = UnixStream::pair().unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    for foreign in [OwnedFd::from(near), datagrams.into()] {
        let refused = rig
            .event_loop
            .adopt_listener(foreign, ListenOptions::default())
            .unwrap_err();
        assert!(refused.to_string().starts_with("adopting a socket: "), "{refused}");
    }
    assert_eq!(rig.event_loop.stream_count(), 0);

    let mut full = EventLoop::new(Config {
        connections_max: 0,
        ..Config::default()
    })
    .unwrap();
    let (near, mut far) = UnixStream::pair().unwrap();
    assert!(matches!(
        full.adopt(near.into(), server()),
        Err(Error::TooManyConnections)
    ));
    assert_eq!(far.read(&mut [0]).unwrap(), 0, "what is refused is closed");
    full.stop();
    let (near, _far) = UnixStream::pair().unwrap();
    assert!(matches!(full.adopt(near.into(), server()), Err(Error::Stopping)));
}

#[test]
fn listening_sockets_are_adopted_with_what_waits_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let mut rig = Rig::new();
    let inet = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let addr = inet.local_addr().unwrap();
    let mut early: [Box<dyn Far>; 2] = [
        Box::new(TcpStream::connect(addr).unwrap()),
        Box::new(UnixStream::connect(&path).unwrap()),
    ];
    let first = rig
        .event_loop
        .adopt_listener(inet.into(), ListenOptions::default())
        .unwrap();
    let second = rig
        .event_loop
        .adopt_listener(unix.into(), ListenOptions::default())
        .unwrap();
    assert_eq!(rig.event_loop.local_addr(first), Ok(addr));
    assert_eq!(
        rig.event_loop.address(second).unwrap().to_string(),
        format!("unix:{}", path.display())
    );
    for far in &mut early {
        far.write_all(request().as_bytes()).unwrap();
        rig.opened();
        leave(&mut rig);
        assert!(read_head(&mut **far).starts_with("HTTP/1.1 101 "));
    }
    rig.event_loop.close_listener(second).unwrap();
    assert!(path.exists(), "the file is its maker's");
}

#[cfg(feature = "tls")]
mod secure {
    use wsloop::tls::{ClientConfig, ClientOptions, ServerConfig, ServerOptions};

    use super::*;

    fn configs() -> (ServerConfig, ClientConfig) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_string()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let server = ServerConfig::new(&ServerOptions {
            certificate_pem: certificate.as_bytes(),
            key_pem: key.serialize_pem().as_bytes(),
            ..ServerOptions::default()
        });
        let client = ClientConfig::new(&ClientOptions {
            roots_pem: Some(certificate.as_bytes()),
            ..ClientOptions::default()
        });
        (server.unwrap(), client.unwrap())
    }

    #[test]
    fn tls_is_spoken_over_an_adopted_socket_on_either_side() {
        let (server_config, client_config) = configs();
        for read in [0, 1, 100, usize::MAX] {
            let mut rig = Rig::new();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut accepted, _) = listener.accept().unwrap();
            let options = ConnectOptions::from_url("wss://localhost/")
                .unwrap()
                .tls(client_config.clone(), "localhost");
            let client = rig
                .event_loop
                .adopt(near.into(), AdoptOptions::client(options))
                .unwrap();
            // The greeting leaves, and the host looks at it before it knows what to do with the socket.
            leave(&mut rig);
            leave(&mut rig);
            let mut greeting = vec![0; 4096];
            let count = if read == 0 {
                0
            } else {
                accepted.read(&mut greeting[..read.min(4096)]).unwrap()
            };
            let options = AdoptOptions::server(ListenOptions::default().tls(server_config.clone()));
            let server = rig
                .event_loop
                .adopt(accepted.into(), options.received(&greeting[..count]))
                .unwrap();
            converse(&mut rig, client);
            assert_eq!(rig.event_loop.tls_info(server).unwrap().unwrap().sni, Some("localhost"));
        }
    }

    #[test]
    fn bytes_that_are_no_tls_fail_the_stream() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut rig = Rig::new();
        let options = AdoptOptions::server(ListenOptions::default().tls(configs().0));
        rig.event_loop.adopt(near.into(), options.received(request())).unwrap();
        rig.until(|_, _, event| matches!(event, Event::Failed(wsloop::engine::Failure::Tls(_))).then_some(()));
        leave(&mut rig);
        far.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut alert = [0; 1];
        far.read_exact(&mut alert).unwrap();
        assert_eq!(alert[0], 21, "an alert");
    }

    #[test]
    fn a_session_of_somebody_elses_and_a_missing_one_are_refused() {
        let (server_config, _) = configs();
        let mut rig = Rig::new();
        let (near, _far) = UnixStream::pair().unwrap();
        let options = AdoptOptions::server(ListenOptions::default().tls(server_config)).after_handshake();
        assert!(rig.event_loop.adopt(near.into(), options).is_err());
        let (near, _far) = UnixStream::pair().unwrap();
        let options = AdoptOptions::client(ConnectOptions::from_url("wss://localhost/").unwrap());
        assert!(matches!(
            rig.event_loop.adopt(near.into(), options),
            Err(Error::TlsMissing)
        ));
    }
}
