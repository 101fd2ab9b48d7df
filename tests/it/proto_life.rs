//! A connection's life after it is open: messages both ways, pings, closing, time-outs, and calls at the wrong time.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use wsloop::proto::{
    Accept, CloseCode, Closed, Config, Connection, Event, Failure, Instant, Limits, Message, Misuse, OutputBuffer,
    Phase, Side, State,
};

use super::proto_world::{Counting, NOW, open, pair, read, request, server, written};

fn later(span: Duration) -> Instant {
    NOW + span
}

fn send(connection: &mut Connection, message: Message<'_>) {
    connection.send(message, &mut Counting::default()).unwrap();
}

fn close(connection: &mut Connection, code: u16, reason: &str) {
    connection
        .close(NOW, CloseCode::new(code), reason, &mut Counting::default())
        .unwrap();
}

proptest! {
    #[test]
    fn what_one_side_sends_the_other_gets(
        messages in prop::collection::vec((any::<bool>(), any::<bool>(), 0usize..70_000, any::<char>()), 1..5),
        piece in 1usize..5000,
    ) {
        let (mut client, mut server) = pair();
        for (from_client, is_text, length, letter) in messages {
            let (from, to) = if from_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
            let text: String = std::iter::repeat_n(letter, length / 4).collect();
            let message = if is_text { Message::from(text.as_str()) } else { Message::from(text.as_bytes()) };
            send(from, message);
            let mut got = Vec::new();
            for piece in written(from).chunks(piece) {
                got.extend(read(to, piece));
            }
            let [Event::Message(seen)] = &got[..] else { panic!("{got:?}") };
            prop_assert_eq!(seen.as_message(), message);
        }
    }
}

#[test]
fn masks_are_fresh_for_every_frame() {
    let mut client = open(Side::Client);
    let mut entropy = Counting::default();
    client.send(Message::from("same"), &mut entropy).unwrap();
    client.send(Message::from("same"), &mut entropy).unwrap();
    let bytes = written(&mut client);
    assert_eq!(bytes.len(), 20);
    assert_ne!(bytes[2..6], bytes[12..16]);
    let mut server = open(Side::Server);
    send(&mut server, Message::from("same"));
    assert_eq!(written(&mut server), b"\x81\x04same");
}

#[test]
fn a_message_that_lies_whole_in_the_input_is_borrowed_from_it() {
    let mut connection = open(Side::Client);
    let mut bytes = *b"\x82\x03abc\x81\x02de\x01\x01f\x80\x01g\x82\x05cut";
    let base = bytes.as_ptr() as usize;
    let mut input = connection.handle_bytes(NOW, &mut bytes);
    for (end, text) in [(5, "abc"), (9, "de")] {
        let Some(Event::Message(message)) = connection.poll_event(&mut input, &mut Counting::default()) else {
            panic!()
        };
        assert_eq!((input.consumed(), message.is_borrowed()), (end, true));
        let payload = message.as_message();
        assert_eq!(
            (payload.as_bytes(), payload.as_bytes().as_ptr() as usize),
            (text.as_bytes(), base + end - text.len())
        );
        assert_eq!(message.into_owned_buffer(), None);
    }
    let Some(Event::Message(message)) = connection.poll_event(&mut input, &mut Counting::default()) else {
        panic!()
    };
    assert_eq!(message.into_owned_buffer(), Some(b"fg".to_vec()));
    assert_eq!(connection.poll_event(&mut input, &mut Counting::default()), None);
}

#[test]
fn pings_are_answered_in_order_with_what_is_sent() {
    let (mut client, mut server) = pair();
    client.ping(b"are you there?", &mut Counting::default()).unwrap();
    let events = read(&mut server, &written(&mut client));
    assert!(
        matches!(&events[..], [Event::Ping(payload)] if payload.as_bytes() == b"are you there?"),
        "{events:?}"
    );
    let events = read(&mut client, &written(&mut server));
    assert!(
        matches!(&events[..], [Event::Pong(payload)] if payload.as_bytes() == b"are you there?"),
        "{events:?}"
    );
    server.pong(b"", &mut Counting::default()).unwrap();
    assert!(matches!(read(&mut client, &written(&mut server))[..], [Event::Pong(_)]));
    assert_eq!(
        client.ping(&[0; 126], &mut Counting::default()),
        Err(Misuse::ControlTooLong)
    );
}

#[test]
fn a_peer_that_pings_and_never_reads_gets_only_the_latest_answer() {
    let mut connection = open(Side::Client);
    let ping = |number: u32| [&[0x89, 4][..], &number.to_be_bytes()].concat();
    for number in 0..100_000 {
        read(&mut connection, &ping(number));
    }
    // Frames of ten bytes while less than 4 KiB wait.
    let first = written(&mut connection);
    assert_eq!(first.len(), 4100);
    let last = written(&mut connection);
    let mut server = open(Side::Server);
    assert_eq!(read(&mut server, &first).len(), 410);
    let events = read(&mut server, &last);
    assert!(
        matches!(&events[..], [Event::Pong(payload)] if payload.as_bytes() == 99_999u32.to_be_bytes()),
        "{events:?}"
    );
    read(&mut connection, &ping(7));
    assert_eq!(written(&mut connection).len(), 10);
}

#[test]
fn room_for_pongs_comes_back_as_they_leave() {
    let mut connection = open(Side::Server);
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    for _ in 0..2048 {
        read(&mut connection, &ping);
    }
    assert_eq!(connection.poll_transmit(NOW, &mut Counting::default()).len(), 4096);
    connection.transmitted(NOW, 11);
    for _ in 0..10 {
        read(&mut connection, &ping);
    }
    // Five had left, and half a sixth: six more are answered, and the latest waits.
    assert_eq!(
        connection.poll_transmit(NOW, &mut Counting::default()).len(),
        4096 - 11 + 12
    );
    connection.transmitted(NOW, 1);
    assert_eq!(connection.poll_transmit(NOW, &mut Counting::default()).len(), 4096);
    connection.transmitted(NOW, 1);
    assert_eq!(
        connection.poll_transmit(NOW, &mut Counting::default()).len(),
        4096 - 1 + 2
    );
}

#[test]
fn closing_by_either_side() {
    for client_closes in [true, false] {
        let (mut client, mut server) = pair();
        let (first, second) = if client_closes {
            (&mut client, &mut server)
        } else {
            (&mut server, &mut client)
        };
        close(first, 4000, "böring");
        assert_eq!((first.state(), first.is_finished()), (State::Closing, false));
        assert_eq!(
            first.send(Message::from("x"), &mut Counting::default()),
            Err(Misuse::NotOpen)
        );
        assert_eq!(
            first.close(NOW, None, "", &mut Counting::default()),
            Err(Misuse::NotOpen)
        );
        // Messages that were on their way still come.
        send(second, Message::from("last words"));
        let events = read(first, &written(second));
        assert!(matches!(&events[..], [Event::Message(_)]), "{events:?}");

        let initiator = first.side();
        let closed = Closed {
            code: CloseCode::new(4000),
            reason: "böring".into(),
            initiator,
        };
        assert_eq!(read(second, &written(first)), [Event::Closed(closed)]);
        // Until the answer is queued the host may speak.
        assert_eq!((second.state(), second.is_finished()), (State::Closing, false));
        send(second, Message::from("ps"));
        let events = read(first, &written(second));
        assert_eq!((second.state(), second.is_finished()), (State::Closed, true));
        let closed = Closed {
            code: CloseCode::new(4000),
            reason: "böring".into(),
            initiator,
        };
        assert!(
            matches!(&events[..], [Event::Message(_), Event::Closed(seen)] if *seen == closed),
            "{events:?}"
        );
        assert_eq!((first.state(), written(first).len()), (State::Closed, 0));
        for connection in [first, second] {
            assert_eq!(connection.poll_timeout(), None);
            connection.handle_end(NOW);
            assert_eq!(read(connection, b""), [], "one end only");
        }
    }
}

#[test]
fn both_sides_may_close_at_once() {
    let (mut client, mut server) = pair();
    close(&mut client, 1000, "");
    close(&mut server, 1001, "");
    let (from_client, from_server) = (written(&mut client), written(&mut server));
    let events = read(&mut client, &from_server);
    assert!(
        matches!(
            &events[..],
            [Event::Closed(Closed {
                initiator: Side::Client,
                ..
            })]
        ),
        "{events:?}"
    );
    let events = read(&mut server, &from_client);
    assert!(
        matches!(
            &events[..],
            [Event::Closed(Closed {
                initiator: Side::Server,
                ..
            })]
        ),
        "{events:?}"
    );
    assert_eq!(written(&mut client).len() + written(&mut server).len(), 0);
}

#[test]
fn an_empty_close_is_answered_by_an_empty_one() {
    let (mut client, mut server) = pair();
    client.close(NOW, None, "", &mut Counting::default()).unwrap();
    let events = read(&mut server, &written(&mut client));
    assert!(
        matches!(&events[..], [Event::Closed(Closed { code: None, .. })]),
        "{events:?}"
    );
    assert_eq!(written(&mut server), [0x88, 0]);
}

#[test]
fn a_violation_after_our_close_is_not_answered() {
    let (_, mut server) = pair();
    close(&mut server, 1000, "");
    written(&mut server);
    assert!(matches!(
        read(&mut server, b"\xFF")[..],
        [Event::Failed(Failure::Violation(_))]
    ));
    assert_eq!((written(&mut server).len(), server.is_finished()), (0, true));
}

#[test]
fn both_handshakes_are_limited_in_time() {
    let config = Config::default();
    let mut stalled = server(config.clone());
    assert_eq!(stalled.poll_timeout(), Some(later(config.opening_timeout)));
    read(&mut stalled, b"GET / HT");
    stalled.handle_timeout(later(config.opening_timeout - Duration::from_nanos(1)));
    assert_eq!(read(&mut stalled, b""), []);
    stalled.handle_timeout(later(config.opening_timeout));
    assert_eq!(
        read(&mut stalled, b""),
        [Event::Failed(Failure::TimedOut(Phase::Opening))]
    );
    assert_eq!((stalled.is_finished(), stalled.poll_timeout()), (true, None));

    let mut undecided = server(config.clone());
    read(&mut undecided, request("", "").as_bytes());
    undecided.handle_timeout(later(config.opening_timeout));
    assert_eq!(
        read(&mut undecided, b""),
        [Event::Failed(Failure::TimedOut(Phase::Opening))]
    );
    assert_eq!(undecided.accept(&Accept::new()), Err(Misuse::NotOpening));

    let (_, mut closing) = pair();
    close(&mut closing, 1000, "");
    assert_eq!(closing.poll_timeout(), Some(later(config.closing_timeout)));
    closing.handle_timeout(later(config.closing_timeout));
    assert_eq!(
        read(&mut closing, b""),
        [Event::Failed(Failure::TimedOut(Phase::Closing))]
    );
    assert!(closing.is_finished());
}

#[test]
fn bytes_that_end_without_a_close_are_a_loss_after_what_came_before() {
    let (mut client, mut server) = pair();
    send(&mut client, Message::from("x"));
    let mut bytes = written(&mut client);
    let mut input = server.handle_bytes(NOW, &mut bytes);
    server.handle_end(NOW);
    let mut entropy = Counting::default();
    assert!(matches!(
        server.poll_event(&mut input, &mut entropy),
        Some(Event::Message(_))
    ));
    assert_eq!(
        server.poll_event(&mut input, &mut entropy),
        Some(Event::Failed(Failure::Lost))
    );
    assert_eq!(server.poll_event(&mut input, &mut entropy), None);
    assert!(server.is_finished());
}

#[test]
fn input_given_before_the_last_was_drained_is_misuse() {
    let mut connection = open(Side::Client);
    let mut first = *b"\x81\x01a\x81\x01b";
    let mut input = connection.handle_bytes(NOW, &mut first);
    assert!(matches!(
        connection.poll_event(&mut input, &mut Counting::default()),
        Some(Event::Message(_))
    ));
    assert_eq!(
        read(&mut connection, b"\x81\x01c"),
        [Event::Failed(Failure::Misused(Misuse::InputNotDrained))]
    );
    let mut server = open(Side::Server);
    let events = read(&mut server, &written(&mut connection));
    assert!(
        matches!(
            &events[..],
            [Event::Closed(Closed {
                code: Some(CloseCode::INTERNAL_ERROR),
                ..
            })]
        ),
        "{events:?}"
    );
}

#[test]
fn calls_before_the_connection_is_open_are_misuse() {
    let mut connection = server(Config::default());
    let mut entropy = Counting::default();
    assert_eq!(connection.send(Message::from("x"), &mut entropy), Err(Misuse::NotOpen));
    assert_eq!(connection.ping(b"", &mut entropy), Err(Misuse::NotOpen));
    assert_eq!(connection.close(NOW, None, "", &mut entropy), Err(Misuse::NotOpen));
    assert_eq!(connection.accept(&Accept::new()), Err(Misuse::NotOpening));
    assert_eq!(connection.queued_bytes(), 0);
}

#[test]
fn the_queue_is_bounded_by_bytes() {
    let limits = Limits {
        queued_bytes: 20,
        ..Limits::default()
    };
    let mut connection = Connection::opened(
        Side::Server,
        Arc::new(Config {
            limits,
            ..Config::default()
        }),
    );
    let mut entropy = Counting::default();
    send(&mut connection, Message::from("0123456789"));
    assert_eq!(
        connection.send(Message::from("0123456"), &mut entropy),
        Err(Misuse::QueueFull)
    );
    send(&mut connection, Message::from("012345"));
    assert_eq!(connection.ping(b"", &mut entropy), Err(Misuse::QueueFull));
    connection.transmitted(NOW, 2);
    connection.ping(b"", &mut entropy).unwrap();
    assert_eq!(connection.queued_bytes(), 20);
}

#[test]
fn an_idle_connection_gives_its_buffer_back() {
    let mut connection = open(Side::Server);
    assert!(connection.reclaim_output().is_none());
    connection.lend_output(OutputBuffer::with_capacity(1000));
    send(&mut connection, Message::from("x"));
    assert!(connection.reclaim_output().is_none());
    written(&mut connection);
    assert_eq!(connection.reclaim_output().map(|buffer| buffer.capacity()), Some(1000));
}
