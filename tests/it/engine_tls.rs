//! TLS between the engine and itself: messages of all sizes, who may connect, what a broken handshake costs.

use std::io::Write;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use wsloop::EventLoop;
use wsloop::engine::{ConnectOptions, Event, Events, Failure, ListenOptions, Phase, QueueOptions, Sent};
use wsloop::proto::{CloseCode, Message};
use wsloop::tls::{ClientConfig, ClientOptions, ErrorKind, ServerConfig, ServerOptions};

use super::engine_support::{RawClient, Rig, echo};

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
