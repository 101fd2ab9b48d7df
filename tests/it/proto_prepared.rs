//! Messages that are prepared once for many connections: what each sends, and that they share it.

use std::sync::Arc;

use wsloop::proto::{Config, Connection, Event, Message, MessageKind, Misuse, Prepared, Side};

use super::proto_world::{Counting, NOW, open, read};

/// Takes all that waits, and in how many pieces it lay.
fn wire(connection: &mut Connection) -> (Vec<u8>, usize) {
    let _ = connection.poll_transmit(NOW, &mut Counting::default());
    let slices: Vec<&[u8]> = connection.transmit_slices().collect();
    let (bytes, pieces) = (slices.concat(), slices.len());
    assert_eq!(connection.queued_bytes(), bytes.len());
    connection.transmitted(NOW, bytes.len());
    (bytes, pieces)
}

fn send_prepared(connection: &mut Connection, prepared: &Prepared) {
    connection.send_prepared(prepared, &mut Counting::default()).unwrap();
}

/// Whether what lies at the front of the queue is the prepared message itself.
fn shares(connection: &Connection, prepared: &Prepared) -> bool {
    let payload = prepared.as_message().as_bytes().as_ptr_range();
    connection
        .transmit_slices()
        .any(|slice| slice.as_ptr_range().end == payload.end)
}

#[test]
fn a_prepared_message_is_the_message() {
    for length in [0, 1, 125, 126, 400, 508, 509, 600, 65_535, 65_536, 200_000] {
        let text = "x".repeat(length);
        for message in [Message::from(text.as_str()), Message::Binary(text.as_bytes())] {
            let prepared = Prepared::new(message);
            assert_eq!((prepared.as_message(), prepared.len()), (message, length));
            for side in [Side::Server, Side::Client] {
                let mut connection = open(side);
                connection.send(message, &mut Counting::default()).unwrap();
                let (wanted, _) = wire(&mut connection);
                send_prepared(&mut open(side), &prepared);
                let mut connection = open(side);
                send_prepared(&mut connection, &prepared);
                // A client's frame is masked, so nobody else can have it.
                let is_shared = side == Side::Server && length > 508;
                assert_eq!(shares(&connection, &prepared), is_shared, "{length} {side:?}");
                assert_eq!(wire(&mut connection).0, wanted, "{length} {side:?}");
            }
        }
    }
}

#[test]
fn prepared_messages_keep_their_places_among_others() {
    let prepared = [Prepared::new("short"), Prepared::new("long ".repeat(500).as_str())];
    let mut server = open(Side::Server);
    let mut wanted = Vec::new();
    for round in 0..5 {
        let other = format!("between {round}");
        for (prepared, is_first) in prepared.iter().zip([true, false]) {
            send_prepared(&mut server, prepared);
            wanted.push(prepared.as_message().as_text().unwrap().to_string());
            if is_first {
                server.send(other.as_str().into(), &mut Counting::default()).unwrap();
                wanted.push(other.clone());
            }
        }
    }
    let (bytes, pieces) = wire(&mut server);
    assert_eq!(pieces, 10);
    let events = read(&mut open(Side::Client), &bytes);
    let texts = events.iter().map(|event| match event {
        Event::Message(message) => message.as_message().as_text().unwrap().to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(texts.collect::<Vec<_>>(), wanted);
}

#[test]
fn a_prepared_message_is_bounded_and_refused_as_another() {
    let prepared = Prepared::new(&[7; 1000]);
    let mut config = Config::default();
    config.limits.queued_bytes = 2 * 1004;
    let mut server = Connection::opened(Side::Server, Arc::new(config));
    let send = |server: &mut Connection| server.send_prepared(&prepared, &mut Counting::default());
    assert_eq!(send(&mut server), Ok(()));
    assert_eq!(send(&mut server), Ok(()));
    assert_eq!(send(&mut server), Err(Misuse::QueueFull));
    // The message under way stays, the one behind it goes.
    server.transmitted(NOW, 3);
    assert_eq!(server.discard_queued(), 1);
    assert_eq!(wire(&mut server).0.len(), 1001);
    server.begin_message(MessageKind::Text, false).unwrap();
    assert_eq!(send(&mut server), Err(Misuse::MessageUnderWay));
    server.send_chunk(b"", true, &mut Counting::default()).unwrap();
    server.close(NOW, None, "", &mut Counting::default()).unwrap();
    assert_eq!(send(&mut server), Err(Misuse::NotOpen));
}

#[cfg(feature = "deflate")]
mod compressed {
    use proptest::prelude::*;
    use wsloop::proto::{Contexts, Deflate};

    use super::*;
    use crate::proto_deflate::{config, open};

    /// Ends that have agreed, the server with `deflate`.
    fn pair(deflate: Deflate) -> [Connection; 2] {
        let (ends, agreed) = open(config(Deflate::default()), config(deflate));
        assert!(agreed[1].is_some());
        ends
    }

    /// What doesn't become shorter.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    fn text(seed: usize, words: usize) -> String {
        let word = |at: usize| ["nothing", "is", "new", "under", "the", "sun"][(seed + at * (seed % 5 + 1)) % 6];
        (0..words).flat_map(|at| [word(at), " "]).collect()
    }

    #[test]
    fn those_who_agreed_on_the_same_share_it_compressed() {
        let prepared = Prepared::new(text(1, 9000).as_str());
        // What is compressed for them must be long enough to be shared.
        let random: Vec<u8> = noise(4000).into_iter().map(|byte| byte & 15).collect();
        let prepared = [prepared, Prepared::new(&random[..])];
        let window = |bits| Deflate {
            own_max_window_bits: bits,
            ..Deflate::default()
        };
        let alone = Deflate {
            own_no_context_takeover: true,
            ..Deflate::default()
        };
        let mut places = Vec::new();
        for deflate in [window(15), window(15), alone, window(10)] {
            let [mut client, mut server] = pair(deflate);
            send_prepared(&mut server, &prepared[1]);
            places.push(server.transmit_slices().next().unwrap().as_ptr());
            send_prepared(&mut server, &prepared[0]);
            let (bytes, _) = wire(&mut server);
            assert!(bytes.len() < 4000, "{}", bytes.len());
            let events = read(&mut client, &bytes);
            for (event, prepared) in events.iter().zip([&prepared[1], &prepared[0]]) {
                assert!(matches!(event, Event::Message(message) if message.as_message() == prepared.as_message()));
            }
            assert_eq!(events.len(), 2);
        }
        assert!(places[0] == places[1] && places[1] == places[2] && places[2] != places[3]);
    }

    #[test]
    fn what_does_not_become_shorter_or_has_no_memory_goes_as_it_is() {
        let noise = noise(900);
        let [_, mut server] = pair(Deflate::default());
        for (prepared, is_compressed) in [
            (Prepared::new(&noise[..]), false),
            (Prepared::new(&noise[..]), false),
            (Prepared::new(&[7; 900]), true),
            // Too short to try.
            (Prepared::new(&[7; 60]), false),
        ] {
            for _ in 0..2 {
                send_prepared(&mut server, &prepared);
                let (bytes, _) = wire(&mut server);
                assert_eq!(bytes[0], if is_compressed { 0xC2 } else { 0x82 });
                assert_eq!(bytes.len() < 100, is_compressed || prepared.len() < 100);
            }
        }
        // Room for an inflater, but for no compressor.
        let contexts = Contexts::new(64 << 10);
        let [_, mut server] = pair(Deflate {
            contexts,
            ..Deflate::default()
        });
        send_prepared(&mut server, &Prepared::new(&[7; 900]));
        assert_eq!(wire(&mut server).0[0], 0x82);
    }

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Send(usize, usize),
        Prepared(usize),
        Chunks(usize, usize),
        Uncompressed(usize),
        /// Drops what waits.
        Discard,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            3 => (0..9_usize, 0..300_usize).prop_map(|(seed, words)| Act::Send(seed, words)),
            4 => (0..4_usize).prop_map(Act::Prepared),
            1 => (0..9_usize, 1..300_usize).prop_map(|(seed, words)| Act::Chunks(seed, words)),
            1 => (0..9_usize).prop_map(Act::Uncompressed),
            1 => Just(Act::Discard),
        ]
    }

    fn texts(events: &[Event<'_>]) -> Vec<String> {
        let text = |event: &Event<'_>| match event {
            Event::Message(message) => message.as_message().as_text().unwrap().to_string(),
            other => panic!("{other:?}"),
        };
        events.iter().map(text).collect()
    }

    proptest! {
        /// Whatever goes before and behind, a peer that takes contexts over reads what was sent.
        #[test]
        fn contexts_stay_in_step(acts in proptest::collection::vec(act(), 1..40), bits in 9..16_u8, alone: bool) {
            let [mut client, mut server] = pair(Deflate {
                own_max_window_bits: bits,
                own_no_context_takeover: alone,
                ..Deflate::default()
            });
            let shared: Vec<Prepared> = (0..4).map(|seed| Prepared::new(text(seed, 30 * seed * seed).as_str())).collect();
            let mut random = Counting::default();
            let (mut wanted, mut got) = (Vec::new(), Vec::new());
            for act in acts {
                let sent = match act {
                    Act::Send(seed, words) => {
                        let text = text(seed, words);
                        server.send(text.as_str().into(), &mut random).unwrap();
                        text
                    }
                    Act::Uncompressed(seed) => {
                        let text = text(seed, 20);
                        server.send_uncompressed(text.as_str().into(), &mut random).unwrap();
                        text
                    }
                    Act::Prepared(number) => {
                        server.send_prepared(&shared[number], &mut random).unwrap();
                        shared[number].as_message().as_text().unwrap().to_string()
                    }
                    Act::Chunks(seed, words) => {
                        let text = text(seed, words);
                        server.begin_message(MessageKind::Text, true).unwrap();
                        for piece in text.as_bytes().chunks(100) {
                            server.send_chunk(piece, false, &mut random).unwrap();
                        }
                        server.send_chunk(b"", true, &mut random).unwrap();
                        text
                    }
                    Act::Discard => {
                        server.discard_queued();
                        continue;
                    }
                };
                let (bytes, _) = wire(&mut server);
                got.extend(texts(&read(&mut client, &bytes)));
                wanted.push(sent);
            }
            prop_assert_eq!(got, wanted);
        }
    }
}
