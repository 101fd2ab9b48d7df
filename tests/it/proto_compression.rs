//! Compressed messages between two connections: what goes over the wire, whole and in chunks, and what keeps a host from
//! compressing.

use std::sync::Arc;

use proptest::prelude::*;
use wsloop::proto::{
    Accept, ClientRequest, Config, Connection, Contexts, Deflate, Event, Message, MessageKind, Misuse,
};

use super::proto_world::{Counting, NOW, read, written};

/// A client and a server that agreed on what `client` and `server` wish.
fn pair_with(client: Deflate, server: Deflate) -> (Connection, Connection) {
    let config = |deflate| {
        Arc::new(Config {
            deflate: Some(deflate),
            ..Config::default()
        })
    };
    let mut entropy = Counting::default();
    let request = ClientRequest::new("localhost", "/");
    let mut client = Connection::client(config(client), &request, NOW, &mut entropy).unwrap();
    let mut server = Connection::server(config(server), NOW);
    let asked = read(&mut server, &written(&mut client));
    assert!(matches!(asked[..], [Event::Request(_)]), "{asked:?}");
    server.accept(&Accept::new()).unwrap();
    assert!(matches!(read(&mut server, b"")[..], [Event::Opened(_)]));
    let opened = read(&mut client, &written(&mut server));
    assert!(matches!(opened[..], [Event::Opened(_)]), "{opened:?}");
    (client, server)
}

fn pair() -> (Connection, Connection) {
    pair_with(Deflate::default(), Deflate::default())
}

fn send(connection: &mut Connection, text: &str) {
    connection.send(Message::from(text), &mut Counting::default()).unwrap();
}

/// The one message that `bytes` are to `connection`.
fn message(connection: &mut Connection, bytes: &[u8]) -> String {
    match &read(connection, bytes)[..] {
        [Event::Message(message)] => String::from_utf8(message.as_message().as_bytes().to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn wishes() -> impl Strategy<Value = Deflate> {
    (any::<bool>(), any::<bool>(), 9u8..=15, 9u8..=15, 0u8..=9, 1u8..=9).prop_map(
        |(own_alone, peer_alone, own_bits, peer_bits, level, memory_level)| Deflate {
            own_no_context_takeover: own_alone,
            peer_no_context_takeover: peer_alone,
            own_max_window_bits: own_bits,
            peer_max_window_bits: peer_bits,
            level,
            memory_level,
            min_bytes: 0,
            ..Deflate::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_one_side_sends_the_other_gets_whatever_was_agreed(
        client in wishes(),
        server in wishes(),
        messages in prop::collection::vec(
            (any::<bool>(), any::<bool>(), any::<bool>(), "[a-cé€😀]{0,200}", 1usize..300), 1..8),
        sent in 1usize..400,
        piece in 1usize..400,
        receive_chunks: bool,
    ) {
        let (mut client, mut server) = pair_with(client, server);
        client.deliver_chunks(receive_chunks);
        server.deliver_chunks(receive_chunks);
        for (from_client, is_text, in_chunks, text, times) in messages {
            let text = text.repeat(times);
            let (from, to) = if from_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
            let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
            let mut entropy = Counting::default();
            if in_chunks {
                from.begin_message(kind, true).unwrap();
                for chunk in text.as_bytes().chunks(sent) {
                    from.send_chunk(chunk, false, &mut entropy).unwrap();
                }
                from.send_chunk(b"", true, &mut entropy).unwrap();
            } else if is_text {
                from.send(Message::from(text.as_str()), &mut entropy).unwrap();
            } else {
                from.send(Message::Binary(text.as_bytes()), &mut entropy).unwrap();
            }
            let mut got = Vec::new();
            for piece in written(from).chunks(piece) {
                got.extend(read(to, piece));
            }
            let mut joined = Vec::new();
            for (index, event) in got.iter().enumerate() {
                let is_last = index + 1 == got.len();
                match event {
                    Event::Message(message) => {
                        prop_assert!(!receive_chunks && is_last);
                        prop_assert_eq!(message.as_message().kind(), kind);
                        joined.extend_from_slice(message.as_message().as_bytes());
                    }
                    Event::Chunk(chunk) => {
                        prop_assert!(receive_chunks);
                        prop_assert_eq!((chunk.is_first(), chunk.is_last()), (index == 0, is_last));
                        prop_assert_eq!(chunk.kind(), kind);
                        joined.extend_from_slice(chunk.as_bytes());
                    }
                    other => panic!("{other:?}"),
                }
            }
            prop_assert_eq!(joined, text.as_bytes());
        }
    }
}

/// Noise, so that what is read is as long as what comes out; its end lies at, before and behind those of the pieces
/// that are looked at one by one.
#[test]
fn a_long_read_of_a_message_in_chunks_is_whole() {
    let (mut client, mut server) = pair();
    server.deliver_chunks(true);
    let mut state = 1u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let noise: Vec<u8> = noise.take(50_000).collect();
    for length in (16_340..16_390).chain([50_000]) {
        let payload = &noise[..length];
        client.send(Message::Binary(payload), &mut Counting::default()).unwrap();
        let wire = written(&mut client);
        assert_eq!(wire[0], 0xC2);
        let mut joined = Vec::new();
        for event in read(&mut server, &wire) {
            match event {
                Event::Chunk(chunk) => {
                    assert_eq!(chunk.is_first(), joined.is_empty());
                    joined.extend_from_slice(chunk.as_bytes());
                    assert_eq!(chunk.is_last(), joined.len() == length);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(joined == payload, "{length}");
    }
}

#[test]
fn the_bit_of_compression_stands_on_the_first_frame_alone() {
    let (_, mut server) = pair();
    let mut entropy = Counting::default();
    server.begin_message(MessageKind::Text, true).unwrap();
    server.send_chunk(&[b'a'; 200], false, &mut entropy).unwrap();
    let first = written(&mut server);
    assert_eq!(first[0], 0x41);
    assert!(first.len() < 50, "{}", first.len());
    server.ping(b"", &mut entropy).unwrap();
    assert_eq!(written(&mut server)[0], 0x89);
    server.send_chunk(&[b'a'; 200], false, &mut entropy).unwrap();
    assert_eq!(written(&mut server)[0], 0x00);
    server.send_chunk(&[b'a'; 200], true, &mut entropy).unwrap();
    assert_eq!(written(&mut server)[0], 0x80);
}

#[test]
fn what_was_said_before_makes_the_next_message_shorter_unless_it_is_compressed_by_itself() {
    let text = "the quick brown fox jumps over the lazy dog, as it has done in so many samples of text before this one";
    for (alone, shorter) in [(false, true), (true, false)] {
        let deflate = Deflate {
            own_no_context_takeover: alone,
            ..Deflate::default()
        };
        let (mut client, mut server) = pair_with(Deflate::default(), deflate);
        let mut lengths = Vec::new();
        for _ in 0..2 {
            send(&mut server, text);
            let bytes = written(&mut server);
            assert_eq!(message(&mut client, &bytes), text);
            lengths.push(bytes.len());
        }
        assert_eq!(lengths[1] < lengths[0] / 3, shorter, "{lengths:?}");
    }
}

#[test]
fn what_is_short_or_told_so_goes_out_as_it_is() {
    let (_, mut server) = pair();
    let min_bytes = Deflate::default().min_bytes;
    send(&mut server, &"a".repeat(min_bytes - 1));
    assert_eq!(written(&mut server)[0], 0x81);
    send(&mut server, &"a".repeat(min_bytes));
    assert_eq!(written(&mut server)[0], 0xC1);
    let long = "a".repeat(1000);
    let mut entropy = Counting::default();
    server
        .send_uncompressed(Message::from(long.as_str()), &mut entropy)
        .unwrap();
    assert_eq!(written(&mut server)[0], 0x81);
    server.begin_message(MessageKind::Binary, false).unwrap();
    server.send_chunk(long.as_bytes(), true, &mut entropy).unwrap();
    assert_eq!(written(&mut server)[0], 0x82);
}

#[test]
fn a_dropped_queue_does_not_spoil_what_is_compressed_after_it() {
    let (mut client, mut server) = pair();
    let texts: Vec<String> = (0..4)
        .map(|number| format!("{number} of four, and much alike; ").repeat(20))
        .collect();
    send(&mut server, &texts[0]);
    assert_eq!(message(&mut client, &written(&mut server)), texts[0]);
    send(&mut server, &texts[1]);
    send(&mut server, &texts[2]);
    assert_eq!(server.discard_queued(), 2);
    send(&mut server, &texts[3]);
    assert_eq!(message(&mut client, &written(&mut server)), texts[3]);
}

#[test]
fn without_budget_messages_go_out_uncompressed_and_come_in_all_the_same() {
    // Room for inflaters, and for no compressor.
    let deflate = Deflate {
        contexts: Contexts::new(128 << 10),
        ..Deflate::default()
    };
    let (mut client, mut server) = pair_with(Deflate::default(), deflate);
    let text = "a".repeat(1000);
    send(&mut server, &text);
    assert_eq!(written(&mut server)[0], 0x81);
    send(&mut client, &text);
    let bytes = written(&mut client);
    assert_eq!(bytes[0], 0xC1);
    assert_eq!(message(&mut server, &bytes), text);
}

#[test]
fn the_queue_is_bounded_by_what_the_message_was_before() {
    let config = Config {
        deflate: Some(Deflate::default()),
        ..Config::default()
    };
    let limit = config.limits.queued_bytes;
    let (_, mut server) = pair();
    let long = vec![0; limit];
    let sent = server.send(Message::Binary(&long), &mut Counting::default());
    assert_eq!(sent, Err(Misuse::QueueFull));
    assert_eq!(written(&mut server), b"");
}
