//! Each field of `Limits`: what reaches the limit passes, what goes one past it is refused, with the right code and a word
//! that names the limit.

use std::sync::Arc;

use wsloop::proto::{
    Accept, BadRequest, ClientRequest, Config, Connection, Event, Failure, Limits, Message, Misuse, Side, Violation,
};

use super::proto_world::{Counting, NOW, client, read, request, server, written, written_text};

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    /// The peer was told by a Close of this code.
    Failed(Violation, Option<u16>),
    /// The request was refused with this status.
    Refused(BadRequest, u16),
    Misused(Misuse),
    /// Kept, but not all of it.
    Cut,
    /// The ping is answered only when there is room.
    Deferred,
}

/// Every field once: a field that is added does not compile until it is given its line, and its test below.
const fn fields(limits: &Limits) {
    let Limits {
        frame_bytes: _,
        message_bytes: _,
        fragments: _,
        inflate_ratio: _,
        inflate_ratio_from_bytes: _,
        head_bytes: _,
        head_fields: _,
        refusal_body_bytes: _,
        early_bytes: _,
        pong_queue_bytes: _,
        queued_bytes: _,
    } = limits;
}

/// Default limits but for one.
fn limits(change: impl FnOnce(&mut Limits)) -> Config {
    let mut config = Config::default();
    change(&mut config.limits);
    fields(&config.limits);
    config
}

/// A client's frame, its masking key zero.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// What an open server makes of `bytes`, and what its Close says.
fn receive(config: Config, bytes: &[u8]) -> Outcome {
    let mut connection = Connection::opened(Side::Server, Arc::new(config));
    let events = read(&mut connection, bytes);
    outcome(&mut connection, &events)
}

fn outcome(connection: &mut Connection, events: &[Event<'static>]) -> Outcome {
    match events.last() {
        Some(Event::Failed(Failure::Violation(violation))) => {
            let sent = written(connection);
            let code = sent
                .strip_prefix(&[0x88, 2])
                .map(|code| u16::from_be_bytes([code[0], code[1]]));
            Outcome::Failed(*violation, code)
        }
        Some(Event::Message(_)) => Outcome::Passed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn frame_bytes() {
    let try_ = |bytes: &[u8]| receive(limits(|limits| limits.frame_bytes = 10), bytes);
    let too_big = Outcome::Failed(Violation::FrameTooBig, Some(1009));
    assert_eq!(try_(&masked(0x82, &[1; 10])), Outcome::Passed);
    assert_eq!(try_(&masked(0x82, &[1; 11])), too_big);
    // Fragments too, and at the header: nothing of the payload is waited for.
    assert_eq!(
        try_(&[masked(0x02, &[1; 10]), masked(0x80, &[1; 10])].concat()),
        Outcome::Passed
    );
    assert_eq!(
        try_(&[masked(0x02, &[1; 10]), masked(0x80, &[1; 11])].concat()),
        too_big
    );
    assert_eq!(try_(&masked(0x82, &[1; 11])[..6]), too_big);
    // Control frames have a limit of their own.
    assert_eq!(
        try_(&[masked(0x89, &[1; 125]), masked(0x82, b"")].concat()),
        Outcome::Passed
    );
}

#[test]
fn message_bytes() {
    let try_ = |bytes: &[u8]| receive(limits(|limits| limits.message_bytes = 10), bytes);
    let too_big = Outcome::Failed(Violation::MessageTooBig, Some(1009));
    assert_eq!(try_(&masked(0x81, b"0123456789")), Outcome::Passed);
    assert_eq!(try_(&masked(0x81, b"0123456789a")), too_big);
    let fragments = |last: &[u8]| [masked(0x01, b"0123"), masked(0x00, b""), masked(0x80, last)].concat();
    assert_eq!(try_(&fragments(b"456789")), Outcome::Passed);
    assert_eq!(try_(&fragments(b"456789a")), too_big);
}

#[test]
fn fragments() {
    let try_ = |bytes: &[u8]| receive(limits(|limits| limits.fragments = 3), bytes);
    let message = |middle: usize, payload: &[u8]| {
        let middle = masked(0x00, payload).repeat(middle);
        [masked(0x02, payload), middle, masked(0x80, payload)].concat()
    };
    for payload in [&b""[..], b"x"] {
        assert_eq!(try_(&message(1, payload)), Outcome::Passed);
        assert_eq!(
            try_(&message(2, payload)),
            Outcome::Failed(Violation::TooManyFragments, Some(1009))
        );
    }
    // They are counted by message.
    assert_eq!(try_(&message(1, b"x").repeat(10)), Outcome::Passed);
}

#[test]
fn head_bytes() {
    let head = request("", "");
    let serve = |limit: usize| opening(limits(|limits| limits.head_bytes = limit), &head);
    assert_eq!(serve(head.len()), Outcome::Passed);
    assert_eq!(serve(head.len() - 1), Outcome::Refused(BadRequest::HeadTooBig, 431));
    // What can't end within the limit is not waited for.
    let whole = |limits: &mut Limits| limits.head_bytes = head.len() - 1;
    assert_eq!(
        opening(limits(whole), &head[..head.len() - 1]),
        Outcome::Refused(BadRequest::HeadTooBig, 431)
    );
    // One that is all target is told so.
    let target_bytes = "GET /chat?room=7 HTTP/1.1\r".len();
    assert_eq!(serve(target_bytes), Outcome::Refused(BadRequest::TargetTooLong, 414));

    let dial = |less: usize| answer(&|limits, answer| limits.head_bytes = answer.len() - less);
    assert_eq!(dial(0), Outcome::Passed);
    assert_eq!(dial(1), Outcome::Failed(Violation::ResponseTooBig, None));
}

#[test]
fn head_fields() {
    let head = request("", "");
    let fields = head.matches("\r\n").count() - 2;
    let serve = |limit: usize| opening(limits(|limits| limits.head_fields = limit), &head);
    assert_eq!(serve(fields), Outcome::Passed);
    assert_eq!(serve(fields - 1), Outcome::Refused(BadRequest::HeadTooBig, 431));

    let dial = |limit: usize| answer(&|limits, _| limits.head_fields = limit);
    assert_eq!(dial(3), Outcome::Passed);
    assert_eq!(dial(2), Outcome::Failed(Violation::ResponseTooBig, None));
}

/// What a server with `config` makes of a request.
fn opening(config: Config, head: &str) -> Outcome {
    let mut connection = server(config);
    match &read(&mut connection, head.as_bytes())[..] {
        [Event::Request(_)] => Outcome::Passed,
        [Event::Failed(Failure::Refused(refusal))] => {
            assert!(written_text(&mut connection).starts_with(&format!("HTTP/1.1 {} ", refusal.status)));
            Outcome::Refused(refusal.cause.unwrap(), refusal.status)
        }
        other => panic!("{other:?}"),
    }
}

/// What a client with limits changed by `change`, which is shown the answer, makes of a server's answer.
fn answer(change: &dyn Fn(&mut Limits, &[u8])) -> Outcome {
    let asked = ClientRequest::new("a", "/");
    let mut server = server(Config::default());
    read(&mut server, &written(&mut client(&asked)));
    server.accept(&Accept::new()).unwrap();
    let answer = written(&mut server);
    let config = limits(|limits| change(limits, &answer));
    // The key is the same, since the entropy is.
    let mut client = Connection::client(Arc::new(config), &asked, NOW, &mut Counting::default()).unwrap();
    written(&mut client);
    match &read(&mut client, &answer)[..] {
        [Event::Opened(_)] => Outcome::Passed,
        events => outcome(&mut client, events),
    }
}

#[test]
fn refusal_body_bytes() {
    let dial = |limit: usize| {
        let config = limits(|limits| limits.refusal_body_bytes = limit);
        let request = ClientRequest::new("a", "/");
        let mut client = Connection::client(Arc::new(config), &request, NOW, &mut Counting::default()).unwrap();
        let answer = b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\n0123456789";
        match &read(&mut client, answer)[..] {
            [Event::Failed(Failure::Refused(refusal))] => {
                assert_eq!(refusal.body, b"0123456789"[..limit.min(10)]);
                if refusal.body_complete {
                    Outcome::Passed
                } else {
                    Outcome::Cut
                }
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(dial(10), Outcome::Passed);
    assert_eq!(dial(9), Outcome::Cut);
}

#[test]
fn early_bytes() {
    let early = masked(0x82, b"0123");
    let serve = |limit: usize| {
        let mut connection = server(limits(|limits| limits.early_bytes = limit));
        let head = request("", "");
        read(&mut connection, &[head.as_bytes(), &early[..6]].concat());
        let mut events = read(&mut connection, &early[6..]);
        if events.is_empty() {
            connection.accept(&Accept::new()).unwrap();
            events = read(&mut connection, b"");
        }
        outcome(&mut connection, &events)
    };
    assert_eq!(serve(10), Outcome::Passed);
    assert_eq!(serve(9), Outcome::Failed(Violation::EarlyData, None));
}

#[test]
fn pong_queue_bytes() {
    // Two pongs of five bytes each, and a third.
    let ping = |limit: usize| {
        let config = limits(|limits| limits.pong_queue_bytes = limit);
        let mut connection = Connection::opened(Side::Server, Arc::new(config));
        read(&mut connection, &masked(0x89, b"abc").repeat(3));
        match connection.poll_transmit(NOW, &mut Counting::default()).len() {
            15 => Outcome::Passed,
            10 => Outcome::Deferred,
            other => panic!("{other} bytes wait"),
        }
    };
    assert_eq!(ping(11), Outcome::Passed);
    assert_eq!(ping(10), Outcome::Deferred);
}

#[test]
fn queued_bytes() {
    let send = |limit: usize| {
        let config = limits(|limits| limits.queued_bytes = limit);
        let mut connection = Connection::opened(Side::Server, Arc::new(config));
        let entropy = &mut Counting::default();
        connection.send(Message::Binary(&[1; 200]), entropy).unwrap();
        // Of 402 bytes, 204 wait, and 126 more want 4 for their header.
        match connection.send(Message::Binary(&[1; 126]), entropy) {
            Ok(()) => Outcome::Passed,
            Err(misuse) => Outcome::Misused(misuse),
        }
    };
    assert_eq!(send(334), Outcome::Passed);
    assert_eq!(send(333), Outcome::Misused(Misuse::QueueFull));
}

#[cfg(feature = "deflate")]
mod inflated {
    use super::*;
    use wsloop::proto::Deflate;

    /// A client and a server that have agreed on compression, the server with limits changed by `change`.
    pub(crate) fn agreed(change: impl FnOnce(&mut Limits)) -> (Connection, Connection) {
        let mut config = limits(change);
        config.deflate = Some(Deflate {
            min_bytes: 0,
            ..Deflate::default()
        });
        let request = ClientRequest::new("a", "/");
        let mut client = Connection::client(Arc::new(config.clone()), &request, NOW, &mut Counting::default()).unwrap();
        let mut server = server(config);
        read(&mut server, &written(&mut client));
        server.accept(&Accept::new()).unwrap();
        read(&mut server, b"");
        read(&mut client, &written(&mut server));
        (client, server)
    }

    /// What a server makes of a compressed message; with it, how many bytes it took on the wire without its header.
    fn receive(payload: &[u8], change: impl FnOnce(&mut Limits)) -> (Outcome, usize) {
        let (mut client, mut server) = agreed(change);
        client.send(Message::Binary(payload), &mut Counting::default()).unwrap();
        let sent = written(&mut client);
        assert_eq!(sent[0], 0xc2, "it is compressed");
        let events = read(&mut server, &sent);
        let header_bytes = if sent[1] & 0x7f == 126 { 8 } else { 6 };
        (outcome(&mut server, &events), sent.len() - header_bytes)
    }

    #[test]
    fn inflate_ratio() {
        // One that becomes exactly so many times as long.
        let (payload, ratio) = (2000..4000)
            .find_map(|length| {
                let payload = vec![7; length];
                let (_, compressed) = receive(&payload, |_| {});
                (length % compressed == 0).then_some((payload, u32::try_from(length / compressed).unwrap()))
            })
            .unwrap();
        let with = |ratio: u32| {
            let change = |limits: &mut Limits| (limits.inflate_ratio, limits.inflate_ratio_from_bytes) = (ratio, 100);
            receive(&payload, change).0
        };
        assert_eq!(with(ratio), Outcome::Passed);
        assert_eq!(with(ratio - 1), Outcome::Failed(Violation::InflateRatio, Some(1009)));
    }

    #[test]
    fn inflate_ratio_from_bytes() {
        let with = |from: u64| {
            let change = |limits: &mut Limits| (limits.inflate_ratio, limits.inflate_ratio_from_bytes) = (2, from);
            receive(&[7; 10_000], change).0
        };
        assert_eq!(with(10_001), Outcome::Passed);
        assert_eq!(with(10_000), Outcome::Failed(Violation::InflateRatio, Some(1009)));
    }

    /// The limit on messages holds for what comes out.
    #[test]
    fn message_bytes() {
        let with = |limit: u64| receive(&[7; 10_000], |limits| limits.message_bytes = limit).0;
        assert_eq!(with(10_000), Outcome::Passed);
        assert_eq!(with(9_999), Outcome::Failed(Violation::MessageTooBig, Some(1009)));
    }
}
#[cfg(feature = "deflate")]
pub(crate) use inflated::agreed;
