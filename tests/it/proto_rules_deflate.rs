//! Rules of RFC 7692 as they show on the wire: what is agreed on, which frames carry the bit, what windows hold.

use std::sync::Arc;

use wsloop::proto::{
    Accept, BadRequest, ClientRequest, Config, Connection, Deflate, Event, Failure, Message, MessageKind, Opened, Side,
    Violation,
};

use super::proto_rules::frames;
use super::proto_world::{Counting, NOW, client, read, request, server, written, written_text};

fn with(deflate: Deflate) -> Config {
    Config {
        deflate: Some(deflate),
        ..Config::default()
    }
}

fn client_with(config: Config) -> Connection {
    let request = ClientRequest::new("h", "/");
    Connection::client(Arc::new(config), &request, NOW, &mut Counting::default()).unwrap()
}

/// A client and a server that have opened with these configurations, and what they agreed on.
fn opened(client_config: Config, server_config: Config) -> (Connection, Connection, Box<Opened>) {
    let (mut client, mut server) = (client_with(client_config), server(server_config));
    read(&mut server, &written(&mut client));
    server.accept(&Accept::new()).unwrap();
    read(&mut server, b"");
    match <[Event<'static>; 1]>::try_from(read(&mut client, &written(&mut server))) {
        Ok([Event::Opened(opened)]) => (client, server, opened),
        other => panic!("{other:?}"),
    }
}

/// The value of the only `Sec-WebSocket-Extensions` in a head, if there is one.
fn extensions(head: &str) -> Option<&str> {
    let mut values = head
        .lines()
        .filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let value = values.next();
    assert_eq!(values.next(), None, "{head}");
    value
}

/// What a server answers to these lines of a request.
fn answer_to(lines: &str) -> Option<String> {
    let mut connection = server(with(Deflate::default()));
    read(
        &mut connection,
        request("Host:", &format!("{lines}\r\nHost:")).as_bytes(),
    );
    connection.accept(&Accept::new()).unwrap();
    extensions(&written_text(&mut connection)).map(str::to_owned)
}

fn sender_first<'a>(
    side: Side,
    client: &'a mut Connection,
    server: &'a mut Connection,
) -> (&'a mut Connection, &'a mut Connection) {
    match side {
        Side::Client => (client, server),
        Side::Server => (server, client),
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn sent(connection: &mut Connection, message: &[u8]) -> Vec<u8> {
    connection
        .send(Message::from(message), &mut Counting::default())
        .unwrap();
    written(connection)
}

fn got(connection: &mut Connection, bytes: &[u8]) -> Vec<u8> {
    match <[Event<'static>; 1]>::try_from(read(connection, bytes)) {
        Ok([Event::Message(message)]) => message.as_message().as_bytes().to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_takes_the_first_good_offer_and_says_it_again() {
    for (offered, answer) in [
        ("permessage-deflate", Some("permessage-deflate")),
        ("permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
        (
            "permessage-deflate; client_max_window_bits=10",
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_max_window_bits=\"10\"",
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover"),
        ),
        (
            "x-webkit-deflate-frame, permessage-deflate, permessage-deflate; server_no_context_takeover",
            Some("permessage-deflate"),
        ),
        // Not what we can do, unknown, not a value, twice: declined, each by itself.
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; mem_level=1", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=7", None),
        ("permessage-deflate; client_max_window_bits=010", None),
        ("permessage-deflate; client_max_window_bits=0x9", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        (
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            None,
        ),
        (
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            None,
        ),
        ("x-webkit-deflate-frame", None),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; a=b\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9",
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
    ] {
        let got = answer_to(&format!("Sec-WebSocket-Extensions: {offered}"));
        assert_eq!(got.as_deref(), answer, "{offered}");
    }
    assert_eq!(answer_to("X: y"), None);
}

#[test]
fn what_is_no_list_of_extensions_fails_the_handshake() {
    for bad in ["a b", "permessage-deflate;", "a; =b", "a; b=\"c d\"", "a; b=\"c", "a/b"] {
        for config in [Config::default(), with(Deflate::default())] {
            let mut connection = server(config);
            let text = request("Host:", &format!("Sec-WebSocket-Extensions: {bad}\r\nHost:"));
            let events = read(&mut connection, text.as_bytes());
            let [Event::Failed(Failure::Refused(refusal))] = &events[..] else {
                panic!("{bad}: {events:?}")
            };
            assert_eq!(
                (refusal.cause, refusal.status),
                (Some(BadRequest::Extensions), 400),
                "{bad}"
            );
            let events = answered(Config::default(), bad);
            assert_eq!(
                events,
                [Event::Failed(Failure::Violation(Violation::ResponseExtension))],
                "{bad}"
            );
        }
    }
}

/// What a client makes of a 101 with such a `Sec-WebSocket-Extensions`.
fn answered(config: Config, value: &str) -> Vec<Event<'static>> {
    let mut asking = client_with(config);
    let mut answering = server(Config::default());
    read(&mut answering, &written(&mut asking));
    answering.accept(&Accept::new()).unwrap();
    let line = format!("\r\nSec-WebSocket-Extensions: {value}\r\n\r\n");
    let answer = written_text(&mut answering).replace("\r\n\r\n", &line);
    read(&mut asking, answer.as_bytes())
}

#[test]
fn a_client_takes_only_an_answer_that_its_offer_permits() {
    let head = written_text(&mut client_with(with(Deflate::default())));
    assert_eq!(extensions(&head), Some("permessage-deflate; client_max_window_bits"));
    assert_eq!(
        extensions(&written_text(&mut client(&ClientRequest::new("h", "/")))),
        None
    );

    let narrow = Deflate {
        own_max_window_bits: 12,
        ..Deflate::default()
    };
    for (deflate, value, fault) in [
        (Some(Deflate::default()), "permessage-deflate", None),
        (
            Some(Deflate::default()),
            "permessage-deflate; client_max_window_bits=8",
            None,
        ),
        (
            Some(Deflate::default()),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8",
            None,
        ),
        (
            Some(narrow.clone()),
            "permessage-deflate; client_max_window_bits=12",
            None,
        ),
        (
            Some(narrow),
            "permessage-deflate; client_max_window_bits=13",
            Some(Violation::ResponseExtensionParameters),
        ),
        (
            Some(Deflate::default()),
            "permessage-deflate; client_max_window_bits",
            Some(Violation::ResponseExtensionParameters),
        ),
        (
            Some(Deflate::default()),
            "permessage-deflate; mem_level=1",
            Some(Violation::ResponseExtensionParameters),
        ),
        (
            Some(Deflate::default()),
            "permessage-deflate; server_max_window_bits=07",
            Some(Violation::ResponseExtensionParameters),
        ),
        (
            Some(Deflate::default()),
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            Some(Violation::ResponseExtensionParameters),
        ),
        (
            Some(Deflate::default()),
            "x-webkit-deflate-frame",
            Some(Violation::ResponseExtension),
        ),
        (
            Some(Deflate::default()),
            "permessage-deflate, permessage-deflate",
            Some(Violation::ResponseExtension),
        ),
        (
            Some(Deflate::default()),
            "permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate",
            Some(Violation::ResponseExtension),
        ),
        (
            Some(Deflate::default()),
            "permessage-deflate, x-mux",
            Some(Violation::ResponseExtension),
        ),
        (None, "permessage-deflate", Some(Violation::ResponseExtension)),
    ] {
        let config = Config {
            deflate,
            ..Config::default()
        };
        let events = answered(config, value);
        match fault {
            None => assert!(matches!(events[..], [Event::Opened(_)]), "{value}: {events:?}"),
            Some(fault) => assert_eq!(events, [Event::Failed(Failure::Violation(fault))], "{value}"),
        }
    }
}

#[test]
fn the_bit_stands_on_the_first_frame_of_compressed_messages_alone() {
    for side in [Side::Client, Side::Server] {
        let (mut client, mut server, opened) = opened(with(Deflate::default()), with(Deflate::default()));
        assert!(opened.deflate.is_some());
        let (us, peer) = sender_first(side, &mut client, &mut server);
        let mut entropy = Counting::default();
        let text = "abc".repeat(100);
        us.send(Message::from(text.as_str()), &mut entropy).unwrap();
        us.send(Message::from(text.as_bytes()), &mut entropy).unwrap();
        us.send(Message::from("short"), &mut entropy).unwrap();
        us.send_uncompressed(Message::from(text.as_str()), &mut entropy)
            .unwrap();
        us.begin_message(MessageKind::Text, true).unwrap();
        us.send_chunk(text.as_bytes(), false, &mut entropy).unwrap();
        us.ping(&text.as_bytes()[..100], &mut entropy).unwrap();
        us.send_chunk(text.as_bytes(), false, &mut entropy).unwrap();
        us.send_chunk(b"", true, &mut entropy).unwrap();
        us.begin_message(MessageKind::Binary, false).unwrap();
        us.send_chunk(text.as_bytes(), true, &mut entropy).unwrap();
        us.close(NOW, None, "", &mut entropy).unwrap();
        let bytes = written(us);
        let sent = frames(&bytes);
        let firsts: Vec<_> = sent.iter().map(|frame| frame.first).collect();
        assert_eq!(firsts, [0xC1, 0xC2, 0x81, 0x81, 0x41, 0x89, 0x00, 0x80, 0x82, 0x88]);
        assert_eq!(sent[2].payload, b"short");
        assert_eq!(sent[3].payload, text.as_bytes());
        assert_eq!(sent[5].payload, text.as_bytes()[..100]);
        assert!(sent[0].payload.len() < 20 && sent[1].payload.len() < 20);

        let events = read(peer, &bytes);
        let messages: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Message(message) => Some((message.as_message().is_text(), message.as_message().as_bytes())),
                _ => None,
            })
            .collect();
        let twice = text.repeat(2);
        assert_eq!(
            messages,
            [
                (true, text.as_bytes()),
                (false, text.as_bytes()),
                (true, b"short"),
                (true, text.as_bytes()),
                (true, twice.as_bytes()),
                (false, text.as_bytes()),
            ]
        );
    }
}

#[test]
fn the_bit_anywhere_else_fails_the_connection() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let frame = |first: u8| [&[first, 7][..], &hello].concat();
    for (bytes, fault) in [
        (frame(0xC9), Violation::ReservedBits),
        (frame(0xCA), Violation::ReservedBits),
        (frame(0xC8), Violation::ReservedBits),
        ([frame(0x41), frame(0xC0)].concat(), Violation::ReservedBits),
        ([frame(0x02), frame(0xC0)].concat(), Violation::ReservedBits),
        (frame(0xA1), Violation::ReservedBits),
        (frame(0xD1), Violation::ReservedBits),
        (frame(0xE1), Violation::ReservedBits),
        // What comes out is judged as if it had come so: here two bytes that are no UTF-8, in a stored block.
        (
            vec![0xC1, 8, 0x00, 0x02, 0x00, 0xfd, 0xff, 0xc3, 0x28, 0x00],
            Violation::TextNotUtf8,
        ),
        (vec![0xC1, 1, 0x07], Violation::Inflate),
    ] {
        let (mut client, ..) = opened(with(Deflate::default()), with(Deflate::default()));
        let events = read(&mut client, &bytes);
        assert_eq!(
            events.last(),
            Some(&Event::Failed(Failure::Violation(fault))),
            "{bytes:x?}"
        );
        let sent = frames(&written(&mut client));
        let code = fault.close_code().unwrap().as_u16();
        assert_eq!(
            (sent[0].first, &sent[0].payload[..]),
            (0x88, &code.to_be_bytes()[..]),
            "{bytes:x?}"
        );
    }
    // Without the extension, or if the bit is clear, nothing is inflated.
    let (mut client, ..) = opened(with(Deflate::default()), Config::default());
    assert_eq!(got(&mut client, &frame(0x82)), hello);
    let events = read(&mut client, &frame(0xC1));
    assert_eq!(events, [Event::Failed(Failure::Violation(Violation::ReservedBits))]);
    let (mut client, ..) = opened(with(Deflate::default()), with(Deflate::default()));
    assert_eq!(got(&mut client, &frame(0x82)), hello);
    assert_eq!(got(&mut client, &frame(0xC1)), b"Hello");
}

#[test]
fn contexts_are_taken_over_unless_it_was_agreed_otherwise() {
    let none = Deflate {
        own_no_context_takeover: true,
        ..Deflate::default()
    };
    let text = noise(1000);
    for (client_config, server_config, client_takes_over, server_takes_over) in [
        (Deflate::default(), Deflate::default(), true, true),
        (none.clone(), Deflate::default(), false, true),
        (Deflate::default(), none, true, false),
    ] {
        let (mut client, mut server, _) = opened(with(client_config), with(server_config));
        for (side, takes_over) in [(Side::Client, client_takes_over), (Side::Server, server_takes_over)] {
            let (from, to) = sender_first(side, &mut client, &mut server);
            let (first, second) = (sent(from, &text), sent(from, &text));
            assert!(first.len() > 1000);
            assert_eq!(second.len() < 100, takes_over);
            assert_eq!((got(to, &first), got(to, &second)), (text.clone(), text.clone()));
        }
    }
}

/// A copy that lies as far back as the window reaches is found, one that lies further is not, and neither is lost.
#[test]
fn windows_are_as_long_as_was_agreed() {
    let narrow = Deflate {
        own_max_window_bits: 10,
        ..Deflate::default()
    };
    let asking = Deflate {
        peer_max_window_bits: 10,
        ..Deflate::default()
    };
    for (client_config, server_config, client_window, server_window) in [
        (Deflate::default(), Deflate::default(), 1 << 15, 1 << 15),
        (narrow.clone(), Deflate::default(), 1 << 10, 1 << 15),
        (Deflate::default(), narrow, 1 << 15, 1 << 10),
        // Asked for by the other side.
        (Deflate::default(), asking.clone(), 1 << 10, 1 << 15),
        (asking, Deflate::default(), 1 << 15, 1 << 10),
    ] {
        let (mut client, mut server, _) = opened(with(client_config), with(server_config));
        for (side, window) in [(Side::Client, client_window), (Side::Server, server_window)] {
            let (from, to) = sender_first(side, &mut client, &mut server);
            // zlib looks 262 bytes less far back than the window is long.
            for (distance, is_found) in [(window - 600, true), (window + 600, false)] {
                let all = noise(distance + distance);
                let (first, again) = (&all[..distance], &all[..300]);
                let bytes = sent(from, first);
                assert_eq!(got(to, &bytes), first);
                let bytes = sent(from, again);
                assert_eq!(bytes.len() < 100, is_found, "{window} {distance}: {}", bytes.len());
                assert_eq!(got(to, &bytes), again);
                // Another distance must not find what is left of this one.
                let bytes = sent(from, &all[distance..]);
                assert_eq!(got(to, &bytes), &all[distance..]);
                let rest = noise(3 << 15).split_off(2 << 15);
                let bytes = sent(from, &rest);
                assert_eq!(got(to, &bytes), rest);
            }
        }
    }
}
