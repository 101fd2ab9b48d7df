//! Rules of RFC 6455 that no other test holds: what is put on the wire, and what is not, whoever asks for it.

use std::sync::Arc;

use wsloop::proto::{
    Accept, ClientRequest, CloseCode, Config, Connection, Entropy, Event, Message, Misuse, Side, State,
};

use super::proto_world::{Counting, NOW, client, open, pair, read, request, server, written, written_text};

/// A frame as it stands on the wire.
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload: Vec<u8>,
    pub(crate) header_bytes: usize,
}

/// Takes frames apart by the picture in section 5.2, without the code under test.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let extended = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let length = match extended {
            0 => u64::from(second & 0x7F),
            _ => rest[..extended]
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let mut at = 2 + extended;
        let key = (second & 0x80 != 0).then(|| {
            at += 4;
            bytes[at - 4..at].try_into().unwrap()
        });
        let mut payload = bytes[at..at + length as usize].to_vec();
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= key.map_or(0, |key: [u8; 4]| key[index % 4]);
        }
        bytes = &bytes[at + payload.len()..];
        frames.push(Frame {
            first: *first,
            key,
            payload,
            header_bytes: at,
        });
    }
    frames
}

/// Everything that `side` can be made to send: what its host asks for, the answer to a ping, the answer to a Close.
fn all_that_is_sent(side: Side) -> Vec<Frame> {
    let (mut client, mut server) = pair();
    let (us, peer) = match side {
        Side::Client => (&mut client, &mut server),
        Side::Server => (&mut server, &mut client),
    };
    let mut entropy = Counting::default();
    us.send(Message::from("text"), &mut entropy).unwrap();
    us.send(Message::from(&b"binary"[..]), &mut entropy).unwrap();
    us.send(Message::from(""), &mut entropy).unwrap();
    us.ping(b"ping", &mut entropy).unwrap();
    us.pong(b"pong", &mut entropy).unwrap();
    peer.ping(b"hello?", &mut Counting::default()).unwrap();
    peer.close(NOW, Some(CloseCode::NORMAL), "", &mut Counting::default())
        .unwrap();
    let mut bytes = written(peer);
    let mut input = us.handle_bytes(NOW, &mut bytes);
    while us.poll_event(&mut input, &mut entropy).is_some() {}
    let mut sent = frames(us.poll_transmit(NOW, &mut entropy));

    let mut closing = open(side);
    closing
        .close(NOW, Some(CloseCode::GOING_AWAY), "bye", &mut entropy)
        .unwrap();
    sent.extend(frames(closing.poll_transmit(NOW, &mut entropy)));

    let mut failing = open(side);
    read(&mut failing, b"\xFF\xFF");
    sent.extend(frames(failing.poll_transmit(NOW, &mut entropy)));
    sent
}

#[test]
fn every_frame_of_a_client_is_masked_and_none_of_a_server() {
    for side in [Side::Client, Side::Server] {
        let sent = all_that_is_sent(side);
        let seen: Vec<_> = sent.iter().map(|frame| (frame.first, &frame.payload[..])).collect();
        assert_eq!(
            seen,
            [
                (0x81, &b"text"[..]),
                (0x82, b"binary"),
                (0x81, b""),
                (0x89, b"ping"),
                (0x8A, b"pong"),
                (0x8A, b"hello?"),
                (0x88, &[0x03, 0xE8]),
                (0x88, b"\x03\xE9bye"),
                (0x88, &[0x03, 0xEA]),
            ]
        );
        let mut keys: Vec<_> = sent.iter().filter_map(|frame| frame.key).collect();
        match side {
            Side::Client => {
                assert_eq!(keys.len(), sent.len());
                keys.sort_unstable();
                keys.dedup();
                assert_eq!(keys.len(), sent.len(), "a key was used twice");
            }
            Side::Server => assert!(keys.is_empty()),
        }
    }
}

#[test]
fn frames_are_sent_with_the_shortest_length_and_no_reserved_bit() {
    for side in [Side::Client, Side::Server] {
        for (length, header_bytes) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (70_000, 10)] {
            let mut connection = open(side);
            connection
                .send(Message::from(&vec![7; length][..]), &mut Counting::default())
                .unwrap();
            let bytes = written(&mut connection);
            let [frame] = &frames(&bytes)[..] else { panic!() };
            let mask_bytes = if side == Side::Client { 4 } else { 0 };
            assert_eq!(frame.header_bytes, header_bytes + mask_bytes, "{length}");
            assert_eq!((frame.first, frame.payload.len()), (0x82, length));
            assert!(frame.payload.iter().all(|&byte| byte == 7));
            assert_eq!(bytes[1] & 0x80 != 0, side == Side::Client);
        }
    }
}

/// Counts how often it is asked, and repeats itself: what comes out is what the host's source gave.
struct Source {
    next: u8,
    asked: usize,
}

impl Entropy for Source {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(self.next);
        self.next += 1;
        self.asked += bytes.len();
    }
}

#[test]
fn keys_and_masks_are_the_next_bytes_of_the_hosts_source() {
    let mut source = Source { next: 1, asked: 0 };
    let mut keys = Vec::new();
    for _ in 0..3 {
        let request = ClientRequest::new("h", "/");
        let mut connection = Connection::client(Arc::new(Config::default()), &request, NOW, &mut source).unwrap();
        let text = written_text(&mut connection);
        let key = text.split("Sec-WebSocket-Key: ").nth(1).unwrap();
        keys.push(key.lines().next().unwrap().to_owned());
    }
    assert_eq!(
        keys,
        [
            "AQEBAQEBAQEBAQEBAQEBAQ==",
            "AgICAgICAgICAgICAgICAg==",
            "AwMDAwMDAwMDAwMDAwMDAw=="
        ]
    );
    assert_eq!(source.asked, 3 * 16);
    let mut connection = open(Side::Client);
    for number in 4..7 {
        connection.send(Message::from("same"), &mut source).unwrap();
        assert_eq!(frames(&written(&mut connection))[0].key, Some([number; 4]));
    }
}

#[test]
fn a_client_says_nothing_before_the_answer() {
    let mut connection = client(&ClientRequest::new("h", "/"));
    let request = written_text(&mut connection);
    assert_eq!(
        (request.matches("\r\n\r\n").count(), request.ends_with("\r\n\r\n")),
        (1, true)
    );
    let mut entropy = Counting::default();
    assert_eq!(connection.send(Message::from("x"), &mut entropy), Err(Misuse::NotOpen));
    assert_eq!(connection.ping(b"", &mut entropy), Err(Misuse::NotOpen));
    assert_eq!(connection.pong(b"", &mut entropy), Err(Misuse::NotOpen));
    assert_eq!(connection.close(NOW, None, "", &mut entropy), Err(Misuse::NotOpen));
    assert_eq!(read(&mut connection, b"HTTP/1.1 1"), []);
    assert_eq!((connection.queued_bytes(), connection.state()), (0, State::Opening));
}

#[test]
fn each_field_of_the_handshake_is_sent_once() {
    let request = ClientRequest::new("h", "/")
        .subprotocol("a")
        .subprotocol("b")
        .header("X", "y");
    let mut asking = client(&request);
    let mut answering = server(Config::default());
    let asked = written_text(&mut asking);
    read(&mut answering, asked.as_bytes());
    answering
        .accept(&Accept::new().subprotocol("b").header("X", "y"))
        .unwrap();
    for head in [asked, written_text(&mut answering)] {
        let mut names: Vec<_> = head
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase()))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{head}");
    }
}

#[test]
fn what_was_not_asked_for_is_not_answered() {
    for asked in [
        "",
        "Sec-WebSocket-Protocol: a\r\n",
        "Sec-WebSocket-Extensions: x-none, x-mine; a=\"b\"\r\n",
    ] {
        let mut connection = server(Config::default());
        read(&mut connection, request("Host:", &format!("{asked}Host:")).as_bytes());
        connection.accept(&Accept::new()).unwrap();
        let answer = written_text(&mut connection).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        assert!(
            !answer.contains("sec-websocket-protocol") && !answer.contains("sec-websocket-extensions"),
            "{answer}"
        );
    }
}

#[test]
fn a_ping_after_the_peers_close_is_not_answered() {
    for side in [Side::Client, Side::Server] {
        let mut peer = open(match side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        });
        let mut entropy = Counting::default();
        peer.ping(b"before", &mut entropy).unwrap();
        peer.close(NOW, Some(CloseCode::NORMAL), "", &mut entropy).unwrap();
        let mut bytes = written(&mut peer);
        // What a peer must not send: a ping after its Close.
        let mut late = open(peer.side());
        late.ping(b"after", &mut entropy).unwrap();
        bytes.extend(written(&mut late));

        let mut connection = open(side);
        let events = read(&mut connection, &bytes);
        assert!(matches!(events[..], [Event::Ping(_), Event::Closed(_)]), "{events:?}");
        let sent = frames(&written(&mut connection));
        let seen: Vec<_> = sent.iter().map(|frame| (frame.first, &frame.payload[..])).collect();
        assert_eq!(seen, [(0x8A, &b"before"[..]), (0x88, &[0x03, 0xE8])]);
        assert!(connection.is_finished());
    }
}

#[test]
fn each_message_has_the_type_of_its_first_frame() {
    let mut connection = open(Side::Client);
    let events = read(
        &mut connection,
        b"\x01\x01a\x80\x01b\x02\x01\xFF\x00\x00\x80\x01\xFE\x81\x01c\x82\x01d",
    );
    let seen: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Message(message) => (message.as_message().is_text(), message.as_message().as_bytes().to_vec()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [
            (true, b"ab".to_vec()),
            (false, b"\xFF\xFE".to_vec()),
            (true, b"c".to_vec()),
            (false, b"d".to_vec())
        ]
    );
}

#[test]
fn the_examples_of_section_5_7() {
    let mut server_end = open(Side::Client);
    let long = vec![5; 256];
    let longer = vec![6; 1 << 16];
    let bytes = [
        b"\x81\x05Hello\x01\x03Hel\x80\x02lo\x89\x05Hello\x82\x7E\x01\x00".as_slice(),
        &long,
        b"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00",
        &longer,
    ]
    .concat();
    let events = read(&mut server_end, &bytes);
    let payloads: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Message(message) => message.as_message().as_bytes().to_vec(),
            Event::Ping(payload) => payload.as_bytes().to_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(payloads, [&b"Hello"[..], b"Hello", b"Hello", &long, &longer]);
    let mut client_end = open(Side::Server);
    let events = read(
        &mut client_end,
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    );
    assert!(
        matches!(&events[..], [Event::Message(message), Event::Pong(payload)]
            if message.as_message().as_bytes() == b"Hello" && payload.as_bytes() == b"Hello"),
        "{events:?}"
    );
}
