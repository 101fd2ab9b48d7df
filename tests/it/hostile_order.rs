//! The order of truth: whatever fault there is in a read, the messages that came whole before it in the same read are
//! delivered, and answered, before it. And a normal close is an event, not a fault.

use std::sync::Arc;

use wsloop::proto::{Accept, ClientRequest, CloseCode, Config, Connection, Event, Failure, Limits, Side, Violation};

use super::hostile_limits::masked;
use super::proto_world::{Counting, NOW, client, read, request, server, written};

/// Where a violation can happen. Each is named here, so that a new one does not compile before it is tried below.
#[derive(Debug, PartialEq, Eq)]
enum When {
    Open,
    OpenAndCompressed,
    Opening,
}

const fn when(violation: Violation) -> When {
    match violation {
        Violation::ReservedBits
        | Violation::ReservedOpcode(_)
        | Violation::Unmasked
        | Violation::Masked
        | Violation::LengthNotMinimal
        | Violation::LengthOverflow
        | Violation::ControlFragmented
        | Violation::ControlTooLong
        | Violation::UnexpectedContinuation
        | Violation::ExpectedContinuation
        | Violation::TextNotUtf8
        | Violation::CloseTruncated
        | Violation::CloseCode(_)
        | Violation::CloseReasonNotUtf8
        | Violation::FrameTooBig
        | Violation::MessageTooBig
        | Violation::TooManyFragments => When::Open,
        Violation::Inflate | Violation::InflateRatio => When::OpenAndCompressed,
        Violation::EarlyData
        | Violation::ResponseMalformed
        | Violation::ResponseTooBig
        | Violation::ResponseUpgrade
        | Violation::ResponseConnection
        | Violation::ResponseAccept
        | Violation::ResponseExtension
        | Violation::ResponseExtensionParameters
        | Violation::ResponseSubprotocol => When::Opening,
    }
}

/// A frame as the peer of `side` sends it.
fn frame(side: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    match side {
        Side::Server => masked(first, payload),
        Side::Client => [&[first, payload.len() as u8], payload].concat(),
    }
}

/// Faults of an open connection's peer.
fn faults(side: Side) -> Vec<(Violation, Vec<u8>)> {
    let of = |first: u8, payload: &[u8]| frame(side, first, payload);
    let lengthened = |length: &[u8]| {
        let mut bytes = of(0x82, b"");
        bytes[1] |= if length.len() == 2 { 126 } else { 127 };
        bytes.splice(2..2, length.iter().copied());
        bytes
    };
    let wrong_mask = match side {
        Side::Server => (Violation::Unmasked, frame(Side::Client, 0x82, b"x")),
        Side::Client => (Violation::Masked, frame(Side::Server, 0x82, b"x")),
    };
    let control = {
        let mut bytes = of(0x89, b"");
        bytes[1] |= 126;
        bytes.splice(2..2, [0, 126]);
        bytes
    };
    vec![
        wrong_mask,
        (Violation::ReservedBits, of(0xa2, b"x")),
        (Violation::ReservedOpcode(0x3), of(0x83, b"x")),
        (Violation::ReservedOpcode(0xb), of(0x8b, b"x")),
        (Violation::LengthNotMinimal, lengthened(&[0, 125])),
        (Violation::LengthOverflow, lengthened(&[0x80, 0, 0, 0, 0, 0, 0, 0])),
        (Violation::ControlFragmented, of(0x09, b"x")),
        (Violation::ControlTooLong, control),
        (Violation::UnexpectedContinuation, of(0x80, b"x")),
        (
            Violation::ExpectedContinuation,
            [of(0x01, b"x"), of(0x01, b"y")].concat(),
        ),
        (Violation::TextNotUtf8, of(0x81, &[0xff])),
        (Violation::TextNotUtf8, [of(0x01, b"x"), of(0x80, &[0xc3])].concat()),
        (Violation::CloseTruncated, of(0x88, &[3])),
        (Violation::CloseCode(1005), of(0x88, &1005_u16.to_be_bytes())),
        (Violation::CloseReasonNotUtf8, of(0x88, &[3, 0xe8, 0xff])),
        (Violation::FrameTooBig, of(0x82, &[1; 101])),
        (
            Violation::MessageTooBig,
            [of(0x02, &[1; 100]), of(0x80, &[1; 21])].concat(),
        ),
        (
            Violation::TooManyFragments,
            [of(0x02, b""), of(0x00, b"").repeat(3)].concat(),
        ),
    ]
}

fn limits(limits: &mut Limits) {
    limits.frame_bytes = 100;
    limits.message_bytes = 120;
    limits.fragments = 3;
}

/// Three messages, of which one is fragmented around a ping.
fn honest(side: Side) -> Vec<u8> {
    [
        frame(side, 0x81, "één".as_bytes()),
        frame(side, 0x02, b"tw"),
        frame(side, 0x89, b"ping"),
        frame(side, 0x80, b"ee"),
        frame(side, 0x82, b""),
    ]
    .concat()
}

/// Reads `bytes` and echoes every message; what was said of them, in order.
fn told(connection: &mut Connection, bytes: &[u8]) -> Vec<String> {
    let mut bytes = bytes.to_vec();
    let mut input = connection.handle_bytes(NOW, &mut bytes);
    let mut told = Vec::new();
    while let Some(event) = connection.poll_event(&mut input, &mut Counting::default()) {
        told.push(match event {
            Event::Message(message) => {
                let sent = connection.send(message.as_message(), &mut Counting::default());
                sent.expect("a host can answer all that came before the fault");
                String::from_utf8(message.as_message().as_bytes().to_vec()).unwrap()
            }
            Event::Ping(payload) => String::from_utf8(payload.as_bytes().to_vec()).unwrap(),
            Event::Failed(Failure::Violation(violation)) => format!("{violation:?}"),
            Event::Closed(closed) => format!("closed {:?} {}", closed.code.map(CloseCode::as_u16), closed.reason),
            other => panic!("{other:?}"),
        });
    }
    told
}

/// Opcodes of the frames that wait to be sent.
fn opcodes(connection: &mut Connection) -> Vec<u8> {
    let bytes = written(connection);
    let (mut rest, mut opcodes) = (&bytes[..], Vec::new());
    while let &[first, second, ..] = rest {
        opcodes.push(first & 0x0f);
        let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        rest = &rest[2 + mask_bytes + usize::from(second & 0x7f)..];
    }
    opcodes
}

#[test]
fn whole_messages_come_before_any_fault_in_the_same_read() {
    let mut config = Config::default();
    limits(&mut config.limits);
    let config = Arc::new(config);
    let mut tried = Vec::new();
    for side in [Side::Server, Side::Client] {
        for (violation, fault) in faults(side) {
            assert_eq!(when(violation), When::Open);
            let mut bytes = [honest(side), fault].concat();
            // What follows a fault is not looked at.
            bytes.extend_from_slice(&honest(side));
            let wanted = ["één", "ping", "twee", "", &format!("{violation:?}")];
            let mut connection = Connection::opened(side, config.clone());
            assert_eq!(told(&mut connection, &bytes), wanted, "{side:?}");
            // A host that gathers events first can still answer them: the Close goes last.
            connection.send("late".into(), &mut Counting::default()).unwrap();
            assert_eq!(
                opcodes(&mut connection),
                [0x1, 0xa, 0x2, 0x2, 0x1, 0x8],
                "{side:?} {violation:?}"
            );
            // However it is cut.
            let mut connection = Connection::opened(side, config.clone());
            let by_byte: Vec<_> = bytes.iter().flat_map(|byte| told(&mut connection, &[*byte])).collect();
            assert_eq!(by_byte, wanted, "{side:?}");
            tried.push(std::mem::discriminant(&violation));
        }
    }
    tried.sort_by_key(|tried| format!("{tried:?}"));
    tried.dedup();
    assert_eq!(tried.len(), 17, "every violation of an open connection");
}

#[cfg(feature = "deflate")]
#[test]
fn whole_compressed_messages_come_before_a_fault_in_the_same_read() {
    use super::hostile_limits::agreed;
    use wsloop::proto::Message;

    let change = |limits: &mut Limits| (limits.inflate_ratio, limits.inflate_ratio_from_bytes) = (10, 1000);
    for violation in [Violation::Inflate, Violation::InflateRatio] {
        assert_eq!(when(violation), When::OpenAndCompressed);
        let (mut client, mut server) = agreed(change);
        let entropy = &mut Counting::default();
        client.send("one".into(), entropy).unwrap();
        client.send("one and two".into(), entropy).unwrap();
        let mut bytes = written(&mut client);
        if violation == Violation::Inflate {
            // A block of the type that there isn't.
            bytes.extend_from_slice(&masked(0xc2, &[0x07]));
        } else {
            client.send(Message::Binary(&[7; 2000]), entropy).unwrap();
            bytes.extend_from_slice(&written(&mut client));
        }
        let wanted = ["one", "one and two", &format!("{violation:?}")];
        assert_eq!(told(&mut server, &bytes), wanted);
        assert_eq!(opcodes(&mut server), [0x1, 0x1, 0x8]);
    }
}

/// During the opening no message can have come; what can is the event before.
/// What is no DEFLATE behind the byte that makes a message too long is not looked at, cut off from it or not.
#[cfg(feature = "deflate")]
#[test]
fn a_byte_too_many_comes_before_a_fault_behind_it() {
    for cut in [false, true] {
        let mut config = Config {
            deflate: Some(wsloop::proto::Deflate::default()),
            ..Config::default()
        };
        config.limits.message_bytes = 4;
        let mut server = Connection::server(Arc::new(config), NOW);
        let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        read(&mut server, request("\r\n\r\n", offer).as_bytes());
        server.accept(&Accept::new()).unwrap();
        read(&mut server, b"");
        // A block of five bytes as they are, then one of a type that there is not.
        let frame = masked(0xC2, &[0x00, 5, 0, 0xfa, 0xff, b'a', b'b', b'c', b'd', b'e', 0x07]);
        let (first, second) = frame.split_at(frame.len() - usize::from(cut));
        let mut events = read(&mut server, first);
        events.extend(read(&mut server, second));
        assert_eq!(
            events,
            [Event::Failed(Failure::Violation(Violation::MessageTooBig))],
            "{cut}"
        );
    }
}

#[test]
fn a_request_comes_before_early_data_that_is_too_much() {
    assert_eq!(when(Violation::EarlyData), When::Opening);
    let mut config = Config::default();
    config.limits.early_bytes = 5;
    let mut connection = server(config);
    let events = read(&mut connection, &[request("", "").as_bytes(), b"123456"].concat());
    assert!(
        matches!(
            &events[..],
            [
                Event::Request(_),
                Event::Failed(Failure::Violation(Violation::EarlyData))
            ]
        ),
        "{events:?}"
    );
}

/// Messages that come with the server's answer, and a fault behind them.
#[test]
fn messages_that_come_with_the_answer_are_delivered_before_a_fault() {
    let asked = ClientRequest::new("a", "/");
    let (mut client, mut server) = (client(&asked), server(Config::default()));
    read(&mut server, &written(&mut client));
    server.accept(&Accept::new()).unwrap();
    read(&mut server, b"");
    server.send("welcome".into(), &mut Counting::default()).unwrap();
    let mut bytes = written(&mut server);
    bytes.extend_from_slice(&frame(Side::Client, 0x83, b""));
    let events = read(&mut client, &bytes);
    let [Event::Opened(_), Event::Message(message), Event::Failed(failure)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(message.as_message().as_bytes(), b"welcome");
    assert_eq!(*failure, Failure::Violation(Violation::ReservedOpcode(3)));
}

#[test]
fn a_normal_close_is_an_event_after_the_messages() {
    for (payload, told_of) in [
        (&b"\x03\xe8bye"[..], "closed Some(1000) bye"),
        (b"\x03\xe9", "closed Some(1001) "),
        (b"", "closed None "),
    ] {
        for side in [Side::Server, Side::Client] {
            let mut connection = Connection::opened(side, Arc::new(Config::default()));
            let bytes = [honest(side), frame(side, 0x88, payload), honest(side)].concat();
            assert_eq!(told(&mut connection, &bytes), ["één", "ping", "twee", "", told_of]);
            assert_eq!(opcodes(&mut connection), [0x1, 0xa, 0x2, 0x2, 0x8]);
            assert!(connection.is_finished());
        }
    }
}
