//! Time on open streams: keep-alive, round trips, idle time-outs.

use std::io::Read;
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::engine::{ConnectOptions, Event, Events, Failure, KeepAlive, ListenOptions, Phase, StreamId};
use wsloop::proto::{self, CloseCode};

use super::engine_support::{CLOSE, PING, PONG, RawClient, Rig, TEXT, echo, request, serve};

const SHORT: Duration = Duration::from_millis(100);

/// Never within a test.
const LONG: Duration = Duration::from_secs(600);

fn local() -> ListenOptions {
    ListenOptions::new("127.0.0.1:0")
}

fn keep_alive(interval: Duration, timeout: Duration) -> ListenOptions {
    local().keep_alive(KeepAlive { interval, timeout })
}

/// A loop with one open stream, and its client.
fn opened(options: ListenOptions) -> (Rig, StreamId, RawClient) {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(options);
    let mut client = RawClient::connect(addr);
    std::io::Write::write_all(&mut client.socket, request().as_bytes()).unwrap();
    let stream = rig.opened();
    rig.until_true(|event_loop, _| event_loop.queued_bytes(stream) == Ok(0));
    assert!(client.read_head().contains("101"));
    (rig, stream, client)
}

/// Why the stream ends.
fn failure(rig: &mut Rig) -> Failure {
    rig.until(|_, _, event| match event {
        Event::Failed(failure) => Some(failure.clone()),
        Event::Closed(closed) => panic!("{closed:?}"),
        _ => None,
    })
}

/// Polls for so long, and nothing may end.
fn nothing_ends(rig: &mut Rig, time: Duration, mut each: impl FnMut(&mut EventLoop)) {
    let begun = Instant::now();
    rig.until_true(|event_loop, events| {
        for (_, event) in events {
            assert!(!matches!(event, Event::Failed(_) | Event::Closed(_)), "{event:?}");
        }
        each(event_loop);
        begun.elapsed() > time
    });
}

#[test]
fn a_silent_peer_is_pinged_and_its_pongs_tell_the_round_trip() {
    let begun = Instant::now();
    let (mut rig, stream, mut client) = opened(keep_alive(SHORT, LONG).control_events(true));
    let answering = std::thread::spawn(move || {
        let mut payloads = Vec::new();
        for _ in 0..3 {
            let (first, payload) = client.receive();
            assert_eq!((first, payload.len()), (PING, 8));
            // A pong that answers nothing is no round trip.
            client.send(PONG, b"unasked");
            client.send(PONG, &payload);
            payloads.push(payload);
        }
        (client, payloads)
    });
    for round in 1..=3 {
        let mut others = 0;
        let time = rig.until(|_, of, event| match event {
            Event::RoundTrip { time } => {
                assert_eq!(of, stream);
                Some(time)
            }
            Event::Pong(payload) => {
                assert_eq!(payload, b"unasked");
                others += 1;
                None
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(others, 1);
        assert!(time < begun.elapsed());
        assert!(begun.elapsed() >= round * SHORT, "a ping came too early");
    }
    let (_client, mut payloads) = answering.join().unwrap();
    payloads.dedup();
    assert_eq!(payloads.len(), 3, "each ping has a payload of its own");
}

#[test]
fn a_peer_that_stays_silent_is_cut() {
    let begun = Instant::now();
    let (mut rig, _, mut client) = opened(keep_alive(SHORT, SHORT));
    assert_eq!(failure(&mut rig), Failure::TimedOut(Phase::Pong));
    assert!(begun.elapsed() >= 2 * SHORT);
    assert_eq!(client.receive().0, PING);
    assert!(client.socket.read(&mut [0]).is_err(), "the connection is reset");
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn a_client_of_the_loop_keeps_alive_as_well() {
    let server = serve(local(), Events::default(), echo);
    let mut rig = Rig::new();
    let options = ConnectOptions::new("127.0.0.1", server.addr.port(), "/").keep_alive(KeepAlive {
        interval: SHORT,
        timeout: LONG,
    });
    rig.event_loop.connect(options).unwrap();
    rig.opened();
    rig.until(|_, _, event| match event {
        Event::RoundTrip { .. } => Some(()),
        other => panic!("{other:?}"),
    });
}

#[test]
fn anything_that_comes_is_a_sign_of_life() {
    let (mut rig, _, mut client) = opened(keep_alive(SHORT, 2 * SHORT));
    // Half a message, a byte of it at a time: never a pong, never a whole message.
    let talking = std::thread::spawn(move || {
        client.send(0x01, b"a");
        for _ in 0..20 {
            std::thread::sleep(SHORT / 2);
            client.send(0x00, b"b");
        }
        client
    });
    nothing_ends(&mut rig, 10 * SHORT, |_| {});
    let _client = talking.join().unwrap();
    assert_eq!(failure(&mut rig), Failure::TimedOut(Phase::Pong));
}

#[test]
fn a_busy_peer_is_not_pinged() {
    let (mut rig, stream, mut client) = opened(keep_alive(5 * SHORT, LONG));
    let talking = std::thread::spawn(move || {
        for _ in 0..20 {
            client.send(TEXT, b"busy");
            std::thread::sleep(SHORT / 2);
        }
        client
    });
    nothing_ends(&mut rig, 10 * SHORT, |_| {});
    let mut client = talking.join().unwrap();
    // What comes first is this, and no ping.
    let _ = rig.event_loop.send(stream, "first").unwrap();
    rig.event_loop.flush(stream).unwrap();
    assert_eq!(client.receive(), (TEXT, b"first".to_vec()));
}

#[test]
fn nothing_is_concluded_from_a_stream_that_is_paused() {
    let (mut rig, stream, mut client) = opened(keep_alive(SHORT, SHORT).idle_timeout(SHORT));
    rig.event_loop.pause(stream).unwrap();
    client.send(TEXT, b"waits");
    nothing_ends(&mut rig, 8 * SHORT, |_| {});
    rig.event_loop.resume(stream).unwrap();
    rig.until(|_, _, event| match event {
        Event::Message(message) => {
            assert_eq!(message.as_bytes(), b"waits");
            Some(())
        }
        other => panic!("{other:?}"),
    });
    // From here on time counts again.
    assert!(matches!(
        failure(&mut rig),
        Failure::TimedOut(Phase::Pong | Phase::Idle)
    ));
}

#[test]
fn a_host_that_is_late_does_not_take_it_out_on_its_peers() {
    let (mut rig, stream, mut client) = opened(keep_alive(SHORT, SHORT).idle_timeout(3 * SHORT));
    client.send(TEXT, b"in time");
    // The host is busy elsewhere, and every deadline passes meanwhile.
    std::thread::sleep(6 * SHORT);
    rig.until(|_, of, event| match event {
        Event::Message(message) => {
            assert_eq!((of, message.as_bytes()), (stream, &b"in time"[..]));
            Some(())
        }
        other => panic!("{other:?}"),
    });
}

#[test]
fn a_round_trip_is_measured_when_the_host_asks() {
    let (mut rig, stream, mut client) = opened(local());
    rig.event_loop.measure_round_trip(stream).unwrap();
    // It has left already.
    let (first, payload) = client.receive();
    assert_eq!(first, PING);
    std::thread::sleep(SHORT);
    client.send(PONG, &payload);
    client.send(PONG, &payload);
    let mut trips = Vec::new();
    rig.until(|_, _, event| {
        match event {
            Event::RoundTrip { time } => trips.push(time),
            other => panic!("{other:?}"),
        }
        Some(())
    });
    assert!(trips.len() == 1 && trips[0] >= SHORT, "{trips:?}");
    // The id of a stream that is closing, or gone, is of no use.
    rig.event_loop.close(stream, None, "").unwrap();
    assert_eq!(
        rig.event_loop.measure_round_trip(stream),
        Err(proto::Misuse::NotOpen.into())
    );
}

#[test]
fn an_idle_stream_is_closed_and_says_why() {
    let begun = Instant::now();
    let (mut rig, stream, mut client) = opened(local().idle_timeout(2 * SHORT).keep_alive(KeepAlive {
        interval: SHORT / 4,
        timeout: LONG,
    }));
    let answering = std::thread::spawn(move || {
        loop {
            match client.receive() {
                (PING, payload) => client.send(PONG, &payload),
                (CLOSE, payload) => {
                    assert_eq!(payload, [&1001_u16.to_be_bytes()[..], b"idle"].concat());
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        // What crosses the Close is not lost.
        client.send(TEXT, b"crossing");
        client.send(CLOSE, &1001_u16.to_be_bytes());
        assert!(client.at_end());
    });
    let mut messages = 0;
    let failure = rig.until(|event_loop, of, event| {
        assert_eq!(of, stream);
        match event {
            Event::RoundTrip { .. } => None,
            Event::Message(message) => {
                assert_eq!(message.as_bytes(), b"crossing");
                assert!(event_loop.close(stream, Some(CloseCode::NORMAL), "").is_err());
                messages += 1;
                None
            }
            Event::Failed(failure) => Some(failure.clone()),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!((failure, messages), (Failure::TimedOut(Phase::Idle), 1));
    assert!(begun.elapsed() >= 2 * SHORT);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    answering.join().unwrap();
}

#[test]
fn an_idle_peer_that_does_not_answer_the_close_is_cut() {
    let protocol = proto::Config {
        closing_timeout: SHORT,
        ..proto::Config::default()
    };
    let (mut rig, _, mut client) = opened(local().idle_timeout(SHORT).protocol(std::sync::Arc::new(protocol)));
    assert_eq!(failure(&mut rig), Failure::TimedOut(Phase::Idle));
    assert_eq!(client.receive().0, CLOSE);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn a_stream_is_used_by_messages_both_ways_and_by_those_that_are_still_coming() {
    let (mut rig, stream, mut client) = opened(local().idle_timeout(3 * SHORT));
    let mut last = Instant::now();
    nothing_ends(&mut rig, 8 * SHORT, |event_loop| {
        if last.elapsed() > SHORT {
            last = Instant::now();
            let _ = event_loop.send(stream, "push").unwrap();
        }
    });
    let talking = std::thread::spawn(move || {
        for _ in 0..8 {
            client.send(TEXT, b"whole");
            std::thread::sleep(SHORT);
        }
        client.send(0x01, b"begun");
        for _ in 0..8 {
            std::thread::sleep(SHORT);
            client.send(0x00, b"continued");
        }
        client
    });
    nothing_ends(&mut rig, 16 * SHORT, |_| {});
    let mut client = talking.join().unwrap();
    let reading = std::thread::spawn(move || {
        while client.receive().0 != CLOSE {}
        client.send(CLOSE, &[]);
    });
    // What was begun and does not come on is no use.
    assert_eq!(failure(&mut rig), Failure::TimedOut(Phase::Idle));
    reading.join().unwrap();
}
