//! TLS between the engine and itself: messages of all sizes, who may connect, what a broken handshake costs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair};
use wsloop::EventLoop;
use wsloop::engine::{ConnectOptions, Event, Events, Failure, ListenOptions, Phase, QueueOptions, Sent};
use wsloop::proto::{self, CloseCode, Message};
use wsloop::tls::{ClientConfig, ClientOptions, ErrorKind, ServerConfig, ServerOptions, Session};

use super::engine_support::{BINARY, CLOSE, PATIENCE, RawClient, Rig, echo, frame, serve};

struct Identity {
    certificate: String,
    key: String,
}

fn identity() -> Identity {
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    Identity {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

fn listen(identity: &Identity) -> ListenOptions {
    let config = ServerConfig::new(&ServerOptions {
        certificate_pem: identity.certificate.as_bytes(),
        key_pem: identity.key.as_bytes(),
        alpn: &[b"http/1.1"],
        ..ServerOptions::default()
    });
    ListenOptions::new("127.0.0.1:0").tls(config.unwrap())
}

fn dial(rig: &Rig, listener: wsloop::engine::ListenerId, trusted: &Identity, name: &str) -> ConnectOptions {
    let config = ClientConfig::new(&ClientOptions {
        roots_pem: Some(trusted.certificate.as_bytes()),
        alpn: &[b"http/1.1"],
        ..ClientOptions::default()
    });
    let port = rig.event_loop.local_addr(listener).unwrap().port();
    ConnectOptions::from_url(&format!("wss://localhost:{port}/x"))
        .unwrap()
        .tls(config.unwrap(), name)
}

/// Sends `messages` one after the other, each when the echo of the last is back, then closes.
fn converse(rig: &mut Rig, client: wsloop::engine::StreamId, messages: &[Vec<u8>]) {
    let mut next = 0;
    let send = |event_loop: &mut EventLoop, next: usize| match messages.get(next) {
        Some(message) => assert!(event_loop.send(client, message.as_slice()).unwrap().is_queued()),
        None => event_loop.close(client, Some(CloseCode::NORMAL), "").unwrap(),
    };
    let mut closed = 0;
    rig.until(|event_loop, stream, event| {
        match event {
            Event::Opened(_) if stream == client => send(event_loop, next),
            Event::Message(Message::Binary(bytes)) if stream == client => {
                assert!(bytes == messages[next], "message {next} came back changed");
                next += 1;
                send(event_loop, next);
            }
            Event::Closed(_) => closed += 1,
            Event::Failed(failure) => panic!("{failure}"),
            _ => echo(event_loop, stream, event),
        }
        (closed == 2).then_some(())
    });
    assert_eq!(next, messages.len());
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn messages_of_all_sizes_pass_through_arenas_of_all_sizes() {
    for arena in [0, 20_000, 1 << 20] {
        let mut rig = Rig::with(Default::default(), Events::with_capacity(arena));
        let identity = identity();
        let (listener, _) = rig.listen(listen(&identity));
        let client = rig
            .event_loop
            .connect(dial(&rig, listener, &identity, "localhost"))
            .unwrap();
        let messages: Vec<Vec<u8>> = [0, 1, 125, 126, 5000, 16_384, 70_000, 1 << 20]
            .iter()
            .map(|len| vec![(len % 251) as u8; *len])
            .collect();
        converse(&mut rig, client, &messages);
    }
}

#[test]
fn both_sides_know_of_each_other() {
    let mut rig = Rig::new();
    let identity = identity();
    let (listener, _) = rig.listen(listen(&identity));
    for resumed in [false, true] {
        let options = dial(&rig, listener, &identity, "localhost");
        let client = rig.event_loop.connect(options.clone()).unwrap();
        let mut seen = 0;
        rig.until(|event_loop, stream, event| {
            if let Event::Opened(_) = event {
                let info = event_loop.tls_info(stream).unwrap().unwrap();
                assert_eq!(info.alpn, Some(&b"http/1.1"[..]));
                assert_eq!(info.sni, (stream != client).then_some("localhost"));
                assert_eq!(info.peer_certificate.is_some(), stream == client);
                assert!(!info.is_resumed || resumed);
                seen += 1;
            }
            (seen == 2).then_some(())
        });
    }
}

#[test]
fn a_certificate_that_is_not_trusted_or_for_another_name_fails_both_sides() {
    let mut rig = Rig::new();
    let (ours, other) = (identity(), identity());
    let (listener, _) = rig.listen(listen(&ours));
    for (trusted, name, kind) in [
        (&other, "localhost", ErrorKind::BadSignature),
        (&ours, "elsewhere", ErrorKind::NameMismatch),
    ] {
        let client = rig.event_loop.connect(dial(&rig, listener, trusted, name)).unwrap();
        let mut failures = 0;
        rig.until(|_, stream, event| {
            match event {
                Event::Failed(Failure::Tls(error)) if stream == client => {
                    assert!(matches!(error.kind(), ErrorKind::UnknownIssuer | ErrorKind::BadSignature if kind != ErrorKind::NameMismatch) || error.kind() == kind, "{error}");
                    failures += 1;
                }
                // The server is told by an alert.
                Event::Failed(Failure::Tls(_)) => failures += 1,
                other => panic!("{other:?}"),
            }
            (failures == 2).then_some(())
        });
    }
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn broken_and_stalled_tls_handshakes_hold_up_nobody() {
    let mut rig = Rig::new();
    let identity = identity();
    let (listener, addr) = rig.listen(listen(&identity).tls_timeout(Duration::from_millis(100)));
    let stalled = RawClient::connect(addr);
    let mut broken = RawClient::connect(addr);
    broken
        .socket
        .write_all(b"GET / HTTP/1.1\r\nHost: this is not TLS\r\n\r\n")
        .unwrap();
    let mut failures = Vec::new();
    rig.until(|_, _, event| {
        if let Event::Failed(failure) = event {
            failures.push(failure.clone());
        }
        (failures.len() == 2).then_some(())
    });
    assert!(matches!(&failures[0], Failure::Tls(_)), "{failures:?}");
    assert_eq!(failures[1], Failure::TimedOut(Phase::Tls));
    drop((stalled, broken));
    let client = rig
        .event_loop
        .connect(dial(&rig, listener, &identity, "127.0.0.1"))
        .unwrap();
    converse(&mut rig, client, &[b"still here".to_vec()]);
}

/// A slow reader's queue is bounded as it is without TLS, and all of it arrives in the end.
#[test]
fn a_slow_reader_behind_tls_is_bounded_too() {
    let mut rig = Rig::new();
    let identity = identity();
    let queue = QueueOptions {
        high_water_bytes: 1 << 20,
        low_water_bytes: 1000,
        limit_bytes: 2 << 20,
        ..QueueOptions::default()
    };
    let (listener, _) = rig.listen(listen(&identity).queue(queue));
    let client = rig
        .event_loop
        .connect(dial(&rig, listener, &identity, "localhost"))
        .unwrap();
    let mut opened = Vec::new();
    rig.until(|_, stream, event| {
        opened.extend(matches!(event, Event::Opened(_)).then_some(stream));
        (opened.len() == 2).then_some(())
    });
    rig.event_loop.pause(client).unwrap();
    let server = *opened.iter().find(|stream| **stream != client).unwrap();
    let mut sent = 0;
    loop {
        match rig.event_loop.send(server, &[3; 100_000][..]).unwrap() {
            Sent::Refused { queued_bytes } => break assert!(queued_bytes <= 2 << 20),
            _ => sent += 1,
        }
        rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
        assert!(sent < 10_000, "the queue has no end");
    }
    rig.event_loop.resume(client).unwrap();
    let mut received = 0;
    rig.until(|_, stream, event| {
        if let Event::Message(message) = event {
            assert_eq!((stream, message.len()), (client, 100_000));
            received += 1;
        }
        (received == sent).then_some(())
    });
}

#[test]
fn open_streams_live_through_a_reload_and_new_ones_see_the_new_certificate() {
    let mut rig = Rig::new();
    let (old, new) = (identity(), identity());
    let config = ServerConfig::new(&ServerOptions {
        certificate_pem: old.certificate.as_bytes(),
        key_pem: old.key.as_bytes(),
        ..ServerOptions::default()
    })
    .unwrap();
    let (listener, _) = rig.listen(ListenOptions::new("127.0.0.1:0").tls(config.clone()));
    let connect = |rig: &mut Rig, trusted: &Identity| {
        let client = rig
            .event_loop
            .connect(dial(rig, listener, trusted, "localhost"))
            .unwrap();
        let mut opened = 0;
        rig.until(|_, stream, event| match event {
            Event::Opened(_) => {
                opened += 1;
                (opened == 2).then_some(Ok(()))
            }
            Event::Failed(Failure::Tls(error)) if stream == client => Some(Err(error.kind())),
            _ => None,
        })
        .map(|()| client)
    };
    let early = connect(&mut rig, &old).unwrap();
    config
        .reload(&ServerOptions {
            certificate_pem: new.certificate.as_bytes(),
            key_pem: new.key.as_bytes(),
            ..ServerOptions::default()
        })
        .unwrap();
    connect(&mut rig, &old).unwrap_err();
    let late = connect(&mut rig, &new).unwrap();
    for client in [early, late] {
        assert!(rig.event_loop.send(client, "still here").unwrap().is_queued());
        rig.until(|event_loop, stream, event| match event {
            Event::Message(Message::Text(text)) if stream == client => {
                assert_eq!(text.as_str(), "still here");
                Some(())
            }
            event => {
                echo(event_loop, stream, event);
                None
            }
        });
    }
}

/// A client of the test's own: a session over a blocking socket.
struct SecureClient {
    socket: TcpStream,
    session: Session,
}

impl SecureClient {
    fn connect(addr: SocketAddr, trusted: &Identity) -> Self {
        let config = ClientConfig::new(&ClientOptions {
            roots_pem: Some(trusted.certificate.as_bytes()),
            ..ClientOptions::default()
        })
        .unwrap();
        config
            .clock()
            .set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        let socket = TcpStream::connect(addr).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let session = Session::client(&config, "localhost").unwrap();
        Self { socket, session }
    }

    fn flush(&mut self) {
        let mut out = Vec::new();
        self.session.poll_transmit(&mut out);
        self.socket.write_all(&out).unwrap();
    }

    /// Reads until there is plaintext; empty at the end of it.
    fn read(&mut self) -> Vec<u8> {
        let (mut bytes, mut plaintext) = ([0; 4096], [0; 65_536]);
        loop {
            let count = self.session.read(&mut plaintext);
            if count > 0 || self.session.peer_closed() {
                return plaintext[..count].to_vec();
            }
            self.flush();
            let count = self.socket.read(&mut bytes).unwrap();
            assert!(count > 0, "cut off without a word");
            self.session.handle_bytes(&bytes[..count]).unwrap();
        }
    }

    fn open(addr: SocketAddr, trusted: &Identity) -> Self {
        let mut client = Self::connect(addr, trusted);
        client.session.write(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        );
        let answer = client.read();
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{answer:?}");
        client
    }
}

/// Cut between two messages, in one, and in a record of one: always told as lost, with or without close_notify.
#[test]
fn a_connection_that_is_cut_off_is_told_as_lost_and_what_came_before_is_heard() {
    let identity = identity();
    let (sender, events) = std::sync::mpsc::channel();
    let serving = serve(listen(&identity), Default::default(), move |_, _, event| {
        let _ = sender.send(match event {
            Event::Message(message) => format!("message of {}", message.len()),
            Event::Failed(failure) => {
                assert_eq!(failure, &Failure::Protocol(proto::Failure::Lost));
                "lost".into()
            }
            _ => return,
        });
    });
    let whole = frame(BINARY, &[1; 300]);
    for (plaintext_cut, record_cut, close) in [
        (0, 0, false),
        (0, 0, true),
        (100, 0, false),
        (100, 0, true),
        (0, 1, false),
    ] {
        let mut client = SecureClient::open(serving.addr, &identity);
        client.session.write(&whole);
        client.flush();
        client.session.write(&whole[..whole.len() - plaintext_cut]);
        if close {
            client.session.close();
        }
        let mut out = Vec::new();
        client.session.poll_transmit(&mut out);
        client.socket.write_all(&out[..out.len() - record_cut]).unwrap();
        client.socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut heard = vec![
            "message of 300".to_owned(),
            "message of 300".to_owned(),
            "lost".to_owned(),
        ];
        if plaintext_cut + record_cut > 0 {
            heard.remove(0);
        }
        for expected in heard {
            assert_eq!(
                events.recv_timeout(PATIENCE).unwrap(),
                expected,
                "{plaintext_cut} {record_cut} {close}"
            );
        }
    }
}

/// RFC 8446 section 6.1: each side says that it is done.
#[test]
fn the_end_in_good_order_has_a_close_notify() {
    let identity = identity();
    let serving = serve(listen(&identity), Default::default(), echo);
    let mut client = SecureClient::open(serving.addr, &identity);
    let close = frame(CLOSE, &1000_u16.to_be_bytes());
    client.session.write(&close);
    assert_eq!(client.read(), [0x88, 2, 3, 0xe8]);
    assert_eq!(client.read(), b"", "close_notify, and not just the end");
    assert!(client.session.peer_closed());
    let mut rest = Vec::new();
    client.socket.read_to_end(&mut rest).unwrap();
}

/// Handshakes that never get further, each stopped at another byte, beside clients that are served all the while.
#[test]
fn two_hundred_half_open_handshakes_cost_only_themselves() {
    let identity = identity();
    let (sender, timed_out) = std::sync::mpsc::channel();
    let options = listen(&identity).tls_timeout(Duration::from_secs(2));
    let serving = serve(
        options,
        Default::default(),
        move |event_loop, stream, event| match event {
            Event::Failed(failure) => {
                let _ = sender.send(failure.clone());
            }
            event => echo(event_loop, stream, event),
        },
    );
    let mut half_open = Vec::new();
    let mut open = SecureClient::open(serving.addr, &identity);
    for number in 0..200 {
        let mut client = SecureClient::connect(serving.addr, &identity);
        let mut hello = Vec::new();
        client.session.poll_transmit(&mut hello);
        client.socket.write_all(&hello[..hello.len() * number / 200]).unwrap();
        half_open.push(client.socket);
        open.session.write(&frame(BINARY, b"ping"));
        assert_eq!(open.read(), b"\x82\x04ping");
        if number % 50 == 49 {
            SecureClient::open(serving.addr, &identity);
        }
    }
    let mut failures = 0;
    while failures < 200 {
        match timed_out.recv_timeout(PATIENCE).unwrap() {
            Failure::TimedOut(Phase::Tls) => failures += 1,
            // A client that was opened and dropped above.
            Failure::Protocol(proto::Failure::Lost) | Failure::Io(_) => {}
            other => panic!("{other}"),
        }
    }
    open.session.write(&frame(BINARY, b"ping"));
    assert_eq!(open.read(), b"\x82\x04ping");
}

/// A frame's header and its payload, which lies elsewhere, share records and a write.
#[test]
fn a_shared_payload_goes_into_one_record_with_its_header() {
    let identity = identity();
    let serving = serve(listen(&identity), Default::default(), |event_loop, stream, event| {
        if let Event::Message(message) = event {
            for _ in 0..3 {
                let _ = event_loop.broadcast([stream], message);
            }
        }
    });
    let mut client = SecureClient::open(serving.addr, &identity);
    client.session.write(&frame(BINARY, &[7; 10_000]));
    client.flush();
    let expected = 3 * (4 + 10_000);
    let (mut plaintext, mut records, mut bytes) = (Vec::new(), 0, Vec::new());
    let mut piece = [0; 65_536];
    while plaintext.len() < expected {
        let count = client.socket.read(&mut piece).unwrap();
        assert!(count > 0);
        bytes.extend_from_slice(&piece[..count]);
        while bytes.len() >= 5 {
            let len = 5 + usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
            if bytes.len() < len {
                break;
            }
            client.session.handle_bytes(&bytes[..len]).unwrap();
            bytes.drain(..len);
            records += 1;
            loop {
                match client.session.read(&mut piece) {
                    0 => break,
                    count => plaintext.extend_from_slice(&piece[..count]),
                }
            }
        }
    }
    for message in plaintext.chunks(4 + 10_000) {
        assert_eq!(message[..4], [0x82, 126, 0x27, 0x10]);
        assert!(message[4..].iter().all(|byte| *byte == 7));
    }
    // 30,012 bytes at 16 KiB a record.
    assert_eq!(records, 2);
}
