//! Draining, and closing what the host had paused: what was accepted is sent if it can be in time.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wsloop::engine::{Event, Failure, ListenOptions, Sent, SocketOptions, StreamId};
use wsloop::proto::{self, CloseCode};

use super::engine_support::{BINARY, CLOSE, RawClient, Rig, TEXT, request};

/// Never within a test.
const LONG: Duration = Duration::from_secs(600);
const CHUNK: &[u8] = &[7; 10_000];

/// Small buffers in the system, so that a queue fills soon; and no time for a peer to answer a Close.
fn hurried(closing_timeout: Duration) -> ListenOptions {
    let socket = SocketOptions {
        send_buffer_bytes: Some(4096),
        ..SocketOptions::default()
    };
    let protocol = proto::Config {
        closing_timeout,
        ..proto::Config::default()
    };
    ListenOptions::new("127.0.0.1:0")
        .socket(socket)
        .protocol(Arc::new(protocol))
        .account(true)
}

/// A loop with one open stream, and its client.
fn opened(options: ListenOptions) -> (Rig, StreamId, RawClient) {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(options);
    let (stream, client) = one_more(&mut rig, addr);
    (rig, stream, client)
}

fn one_more(rig: &mut Rig, addr: std::net::SocketAddr) -> (StreamId, RawClient) {
    let mut client = RawClient::connect(addr);
    client.socket.write_all(request().as_bytes()).unwrap();
    let stream = rig.opened();
    rig.until_true(|event_loop, _| event_loop.queued_bytes(stream) == Ok(0));
    assert!(client.read_head().contains("101"));
    (stream, client)
}

/// Sends until megabytes wait; gives how many messages those are.
fn fill(rig: &mut Rig, stream: StreamId) -> usize {
    let mut count = 0;
    loop {
        let sent = rig.event_loop.send(stream, CHUNK).unwrap();
        assert!(sent.is_queued());
        count += 1;
        if matches!(sent, Sent::AboveHighWater { queued_bytes } if queued_bytes > 4 << 20) {
            return count;
        }
        rig.event_loop.flush(stream).unwrap();
    }
}

/// Reads `count` messages, slowly, and the Close; answers it.
fn take(client: &mut RawClient, count: usize, code: u16) {
    for number in 0..count {
        assert_eq!(client.receive(), (BINARY, CHUNK.to_vec()));
        if number % 50 == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(client.receive(), (CLOSE, code.to_be_bytes().to_vec()));
    client.send(CLOSE, &code.to_be_bytes());
    assert!(client.at_end());
}

#[test]
fn a_slow_reader_has_its_whole_queue_within_the_deadline() {
    // Less time than the queue takes, which is not held against it.
    let (mut rig, stream, mut client) = opened(hurried(Duration::from_millis(60)));
    let count = fill(&mut rig, stream);
    let begun = Instant::now();
    rig.event_loop.drain(LONG);
    let reader = std::thread::spawn(move || take(&mut client, count, 1001));
    let mut account = None;
    rig.until_true(|event_loop, events| {
        for (of, event) in events {
            assert!(
                matches!(
                    event,
                    Event::Closed(_) | Event::LowWater { .. } | Event::HighWater { .. }
                ),
                "{event:?}"
            );
            if let Event::Closed(_) = event {
                account = Some(event_loop.account(of).unwrap());
            }
        }
        event_loop.is_drained()
    });
    reader.join().unwrap();
    assert!(
        begun.elapsed() > Duration::from_millis(60),
        "the test was to take longer"
    );
    let account = account.unwrap();
    assert_eq!(account.sent, account.accepted);
    assert_eq!(account.accepted.messages, count as u64);
}

#[test]
fn a_reader_that_takes_nothing_is_cut_at_the_deadline() {
    let (mut rig, stream, _client) = opened(hurried(Duration::from_millis(50)));
    let count = fill(&mut rig, stream);
    let begun = Instant::now();
    rig.event_loop.drain(Duration::from_millis(400));
    let mut account = None;
    rig.until_true(|event_loop, events| {
        for (of, event) in events {
            if let Event::Failed(failure) = event {
                assert_eq!(*failure, Failure::Aborted);
                assert!(begun.elapsed() >= Duration::from_millis(400), "cut too early");
                account = Some(event_loop.account(of).unwrap());
            }
        }
        event_loop.is_drained()
    });
    let account = account.unwrap();
    assert_eq!(account.accepted.messages, count as u64);
    assert_eq!(account.queued.messages, 0);
    assert_eq!(account.sent.messages + account.dropped.lost.messages, count as u64);
    assert!(account.dropped.lost.messages > 100 && account.dropped.total() == account.dropped.lost);
    assert_eq!(rig.event_loop.counters().messages_lost, account.dropped.lost.messages);
}

#[test]
fn a_paused_stream_is_drained_like_the_others() {
    let (mut rig, stream, mut client) = opened(hurried(Duration::from_secs(30)));
    rig.event_loop.pause(stream).unwrap();
    client.send(TEXT, b"unread");
    rig.until_true(|event_loop, _| event_loop.stream_count() == 1);
    rig.event_loop.drain(LONG);
    let reader = std::thread::spawn(move || take(&mut client, 0, 1001));
    let mut seen = Vec::new();
    rig.until_true(|event_loop, events| {
        seen.extend(events.iter().map(|(_, event)| format!("{event:?}")));
        event_loop.is_drained()
    });
    reader.join().unwrap();
    assert!(seen[0].contains("unread") && seen[1].starts_with("Closed"), "{seen:?}");
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_close_resumes_a_paused_stream() {
    for now in [false, true] {
        let (mut rig, stream, mut client) = opened(hurried(Duration::from_secs(30)));
        rig.event_loop.pause(stream).unwrap();
        if now {
            rig.event_loop
                .close_now(stream, CloseCode::NORMAL, "", Duration::from_secs(30))
                .unwrap();
        } else {
            rig.event_loop.close(stream, Some(CloseCode::NORMAL), "").unwrap();
        }
        let reader = std::thread::spawn(move || take(&mut client, 0, 1000));
        rig.until(|_, _, event| match event {
            Event::Closed(closed) => {
                assert_eq!(closed.code, Some(CloseCode::NORMAL));
                Some(())
            }
            other => panic!("{other:?}"),
        });
        rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
        reader.join().unwrap();
    }
}

#[test]
fn a_peer_that_never_answers_does_not_hold_up_a_drain_to_its_deadline() {
    let (mut rig, stream, mut client) = opened(hurried(Duration::from_millis(100)));
    let count = fill(&mut rig, stream);
    let begun = Instant::now();
    rig.event_loop.drain(LONG);
    let reader = std::thread::spawn(move || {
        for _ in 0..count {
            assert_eq!(client.receive().0, BINARY);
        }
        assert_eq!(client.receive().0, CLOSE);
        client
    });
    rig.until_true(|event_loop, _| event_loop.is_drained());
    assert!(begun.elapsed() < LONG);
    let _client = reader.join().unwrap();
}

#[test]
fn handshakes_and_the_backlog_end_with_a_drain_and_open_streams_do_not() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(hurried(Duration::from_secs(30)).handshakes_max(3));
    let (stream, mut client) = one_more(&mut rig, addr);
    let mut late: Vec<RawClient> = (0..5).map(|_| RawClient::connect(addr)).collect();
    // Three are accepted and say nothing, two wait in the backlog.
    rig.until_true(|event_loop, _| event_loop.stream_count() == 4);
    let _ = rig.event_loop.send(stream, "last words").unwrap();
    rig.event_loop.drain(LONG);
    let reader = std::thread::spawn(move || {
        assert_eq!(client.receive(), (TEXT, b"last words".to_vec()));
        take(&mut client, 0, 1001);
        for client in &mut late {
            assert!(client.socket.read(&mut [0]).is_err(), "reset");
        }
    });
    let (mut closed, mut aborted) = (0, 0);
    rig.until_true(|event_loop, events| {
        for (_, event) in events {
            match event {
                Event::Closed(_) => closed += 1,
                Event::Failed(Failure::Aborted) => aborted += 1,
                other => panic!("{other:?}"),
            }
        }
        event_loop.is_drained()
    });
    reader.join().unwrap();
    assert_eq!((closed, aborted), (1, 3));
    assert_eq!(rig.event_loop.counters().handshakes_lost, 3);
}

/// The same through TLS, on both sides: what the session holds back is sent as well.
#[cfg(feature = "tls")]
mod secure {
    use std::time::Duration;

    use wsloop::engine::{ConnectOptions, Event, ListenOptions};
    use wsloop::proto::CloseCode;
    use wsloop::tls;

    use super::super::engine_support::Rig;
    use super::{CHUNK, LONG, fill, hurried};

    #[test]
    fn a_tls_stream_has_its_whole_queue() {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = certified.cert.pem();
        let config = tls::ServerConfig::new(&tls::ServerOptions {
            certificate_pem: certificate.as_bytes(),
            key_pem: certified.signing_key.serialize_pem().as_bytes(),
            ..tls::ServerOptions::default()
        })
        .unwrap();
        let mut rig = Rig::new();
        let options: ListenOptions = hurried(Duration::from_millis(60)).tls(config);
        let (_, addr) = rig.listen(options);
        let trust = tls::ClientConfig::new(&tls::ClientOptions {
            roots_pem: Some(certificate.as_bytes()),
            ..tls::ClientOptions::default()
        })
        .unwrap();
        // A loop of its own is the client: it reads a little, and pauses, and so on.
        let (sender, receiver) = std::sync::mpsc::channel();
        let client = std::thread::spawn(move || {
            let mut rig = Rig::new();
            let options = ConnectOptions::new("127.0.0.1", addr.port(), "/").tls(trust, "localhost");
            let stream = rig.event_loop.connect(options).unwrap();
            rig.opened();
            rig.event_loop.pause(stream).unwrap();
            sender.send(()).unwrap();
            rig.event_loop.resume(stream).unwrap();
            let mut count = 0;
            rig.until(|event_loop, stream, event| match event {
                Event::Message(message) => {
                    assert_eq!(message.as_bytes(), CHUNK);
                    count += 1;
                    if count % 100 == 0 {
                        event_loop.pause(stream).unwrap();
                        std::thread::sleep(Duration::from_millis(20));
                        event_loop.resume(stream).unwrap();
                    }
                    None
                }
                Event::Closed(closed) => {
                    assert_eq!(closed.code, Some(CloseCode::GOING_AWAY));
                    Some(())
                }
                other => panic!("{other:?}"),
            });
            rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
            count
        });
        let stream = rig.opened();
        // Not sooner, or a message could come together with the news that the stream is open.
        rig.until_true(|_, _| receiver.try_recv().is_ok());
        let count = fill(&mut rig, stream);
        rig.event_loop.drain(LONG);
        rig.until_true(|event_loop, events| {
            for (_, event) in events {
                assert!(!matches!(event, Event::Failed(_)), "{event:?}");
            }
            event_loop.is_drained()
        });
        assert_eq!(client.join().unwrap(), count);
    }
}
