//! Two ends of a connection, from piece to piece; and what an end makes of bytes that no compressor made.

use super::*;
use crate::proto::Contexts;
use proptest::prelude::*;

fn agreed(no_context_takeover: bool, window_bits: u8) -> Agreed {
    Agreed {
        server_no_context_takeover: no_context_takeover,
        client_no_context_takeover: no_context_takeover,
        server_max_window_bits: window_bits,
        client_max_window_bits: window_bits,
    }
}

fn extension(config: &Deflate, agreed: Agreed, side: Side) -> Extension {
    let (reservation, _) = config.contexts.reserve(None).unwrap();
    Extension::new(config, agreed, side, reservation)
}

/// A client's end and a server's.
fn ends(config: &Deflate, agreed: Agreed) -> (Extension, Extension) {
    (
        extension(config, agreed, Side::Client),
        extension(config, agreed, Side::Server),
    )
}

fn server() -> Extension {
    extension(&Deflate::default(), agreed(false, 15), Side::Server)
}

/// One piece for each part.
fn compress(from: &mut Extension, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    assert!(from.begin_compress(None));
    let mut pieces = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let mut piece = Vec::new();
        from.compress(part, index + 1 == parts.len(), &mut piece);
        pieces.push(piece);
    }
    pieces
}

/// Inflates a message that comes in `pieces`, at most `step` bytes at a time; gives what came out, until a fault or not.
fn inflate_until(to: &mut Extension, pieces: &[&[u8]], step: usize) -> (Vec<u8>, Result<(), InflateError>) {
    to.begin_inflate();
    let mut sink = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let mut rest = *piece;
        loop {
            let before = sink.len();
            let inflated = match to.inflate(rest, index + 1 == pieces.len(), &mut sink, step) {
                Ok(inflated) => inflated,
                Err(error) => return (sink, Err(error)),
            };
            assert!(sink.len() - before <= step);
            rest = &rest[inflated.consumed..];
            if inflated.is_done {
                assert!(rest.is_empty());
                break;
            }
            assert_eq!(sink.len() - before, step, "more can come only when the sink is full");
        }
    }
    let read: usize = pieces.iter().map(|piece| piece.len()).sum();
    assert_eq!(
        (to.compressed_bytes(), to.inflated_bytes()),
        (read as u64, sink.len() as u64)
    );
    (sink, Ok(()))
}

fn inflate(to: &mut Extension, pieces: &[&[u8]], step: usize) -> Result<Vec<u8>, InflateError> {
    let (sink, result) = inflate_until(to, pieces, step);
    result.map(|()| sink)
}

/// Compressible, and longer than any window.
fn long_text() -> Vec<u8> {
    (0..20_000u32)
        .flat_map(|number| (number * 7919 % 5000).to_be_bytes())
        .collect()
}

/// Not compressible.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn messages_come_back_whatever_was_agreed() {
    for window_bits in 9..=15 {
        for no_takeover in [false, true] {
            for level in [0, 1, 3, 6, 9] {
                let config = Deflate {
                    level,
                    memory_level: window_bits - 8,
                    ..Deflate::default()
                };
                let (mut client, mut server) = ends(&config, agreed(no_takeover, window_bits));
                for message in [
                    &b"Hello"[..],
                    b"",
                    b"Hello",
                    b"",
                    b"",
                    &long_text(),
                    &noise(70_000),
                    b"Hello",
                ] {
                    let pieces = compress(&mut client, &[message]);
                    assert_eq!(inflate(&mut server, &[&pieces[0]], 1 << 20).as_deref(), Ok(message));
                    let half = message.len() / 2;
                    let pieces = compress(&mut server, &[&message[..half], b"", &message[half..], b""]);
                    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
                    assert_eq!(inflate(&mut client, &pieces, 1000).as_deref(), Ok(message));
                }
            }
        }
    }
}

#[test]
fn a_context_is_taken_over_or_not() {
    let (mut client, mut server) = ends(&Deflate::default(), agreed(false, 15));
    let text = noise(1000);
    let first = compress(&mut client, &[&text]);
    let second = compress(&mut client, &[&text]);
    assert!(first[0].len() > 1000 && second[0].len() < 50);
    // Without the first, the second means nothing.
    assert_eq!(inflate(&mut server, &[&second[0]], 9999), Err(InflateError));

    let config = Deflate::default();
    let (mut client, mut server) = ends(&config, agreed(true, 15));
    let first = compress(&mut client, &[&text]);
    let second = compress(&mut client, &[&text]);
    assert_eq!(first, second);
    assert_eq!(inflate(&mut server, &[&second[0]], 9999), Ok(text.clone()));
    // Between messages nothing is held but what is kept for the next.
    assert!(client.compressor.is_none() && server.inflater.is_none());
    // And that has forgotten all.
    let refers = [0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(inflate(&mut server, &[&refers], 9999), Err(InflateError));
}

#[test]
fn each_direction_has_its_own_parameters() {
    let config = Deflate::default();
    let mixed = Agreed {
        client_no_context_takeover: true,
        ..agreed(false, 15)
    };
    let (mut client, mut server) = ends(&config, mixed);
    let text = noise(1000);
    let sent = |from: &mut Extension, to: &mut Extension| {
        let pieces = compress(from, &[&text]);
        assert_eq!(inflate(to, &[&pieces[0]], 9999).as_deref(), Ok(&text[..]));
        pieces[0].len()
    };
    assert_eq!(sent(&mut client, &mut server), sent(&mut client, &mut server));
    assert!(client.compressor.is_none() && server.inflater.is_none());
    assert!(sent(&mut server, &mut client) > 1000 && sent(&mut server, &mut client) < 50);
    assert!(server.compressor.is_some() && client.inflater.is_some());
}

#[test]
fn no_more_is_referred_to_than_was_agreed() {
    for bits in 9..=15 {
        let (client_bits, server_bits) = (bits, 24 - bits);
        let mixed = Agreed {
            client_max_window_bits: client_bits,
            server_max_window_bits: server_bits,
            ..agreed(false, 15)
        };
        let config = Deflate::default();
        let (mut client, mut server) = ends(&config, mixed);
        for (end, bits) in [(&mut client, client_bits), (&mut server, server_bits)] {
            let length = |end: &mut Extension, distance: usize| {
                let text = noise(distance);
                end.reset_compress();
                compress(end, &[&text, &text]).concat().len()
            };
            let window = 1 << bits;
            assert!(length(end, window) >= 2 * window, "too far, {bits} bits");
            assert!(length(end, window / 4) < window / 4 + window / 8, "near, {bits} bits");
        }
    }
}

#[test]
fn short_messages_and_those_without_room_go_as_they_are() {
    let config = Deflate::default();
    let mut end = extension(&config, agreed(false, 15), Side::Client);
    assert!(!end.begin_compress(Some(63)));
    assert!(end.begin_compress(Some(64)));
    drop(end);
    // A server may ask for a window that zlib can't compress with.
    let mut end = extension(&config, agreed(false, 8), Side::Client);
    assert!(!end.begin_compress(None));
    let config = Deflate {
        contexts: Contexts::new(100 << 10),
        ..config
    };
    let mut end = extension(&config, agreed(false, 15), Side::Client);
    assert!(!end.begin_compress(None));
}

#[test]
fn all_is_given_back() {
    let config = Deflate::default();
    let (mut client, mut server) = ends(&config, agreed(false, 15));
    let pieces = compress(&mut client, &[b"Hello"]);
    assert_eq!(inflate(&mut server, &[&pieces[0]], 99).as_deref(), Ok(&b"Hello"[..]));
    let used = config.contexts.used_bytes();
    drop((client, server));
    assert!(config.contexts.used_bytes() < used, "a promise was given back");
    // The next connection finds the contexts, and in them nothing of the last.
    let used = config.contexts.used_bytes();
    let (mut client, mut server) = ends(&config, agreed(false, 15));
    let again = compress(&mut client, &[b"Hello"]);
    assert_eq!(again, pieces);
    assert_eq!(inflate(&mut server, &[&again[0]], 99).as_deref(), Ok(&b"Hello"[..]));
    assert!(config.contexts.used_bytes() >= used);
}

#[test]
fn a_compressor_can_start_anew() {
    for level in [0, 1, 6] {
        let config = Deflate {
            level,
            ..Deflate::default()
        };
        let (mut client, mut server) = ends(&config, agreed(false, 15));
        let text = noise(500);
        let first = compress(&mut client, &[&text]);
        assert_eq!(inflate(&mut server, &[&first[0]], 9999).as_deref(), Ok(&text[..]));
        assert!(client.begin_compress(None));
        client.compress(b"lost, in the midst of a message", false, &mut Vec::new());
        client.reset_compress();
        let second = compress(&mut client, &[&text]);
        assert_eq!(inflate(&mut server, &[&second[0]], 9999).as_deref(), Ok(&text[..]));
    }
}

#[test]
fn what_other_compressors_make() {
    let hello = Ok(&b"Hello"[..]);
    for (name, message) in [
        ("7.2.3.1", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..]),
        (
            "7.2.3.3",
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        ),
        ("7.2.3.4", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
        (
            "7.2.3.4, without the empty block",
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        ),
        (
            "7.2.3.5",
            &[
                0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
            ],
        ),
    ] {
        for step in [1, 2, 5, 6, 100] {
            let mut end = server();
            for _ in 0..3 {
                assert_eq!(
                    inflate(&mut end, &[message], step).as_deref(),
                    hello,
                    "{name} by {step}"
                );
                for cut in 0..=message.len() {
                    let (left, right) = message.split_at(cut);
                    assert_eq!(
                        inflate(&mut end, &[left, right], step).as_deref(),
                        hello,
                        "{name} at {cut}"
                    );
                }
                let single: Vec<&[u8]> = message.chunks(1).collect();
                assert_eq!(inflate(&mut end, &single, step).as_deref(), hello, "{name}");
            }
        }
    }
    // Section 7.2.3.2: the second message refers to the first.
    let mut end = server();
    assert_eq!(
        inflate(&mut end, &[&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]], 5).as_deref(),
        hello
    );
    assert_eq!(
        inflate(&mut end, &[&[0xf2, 0x00, 0x11, 0x00, 0x00]], 5).as_deref(),
        hello
    );
    // Section 7.2.3.6; and an empty message without even that.
    for empty in [&[0x00][..], &[]] {
        assert_eq!(inflate(&mut end, &[empty], 5).as_deref(), Ok(&b""[..]));
        assert_eq!(inflate(&mut end, &[empty, &[]], 0).as_deref(), Ok(&b""[..]));
        assert_eq!(
            inflate(&mut end, &[&[0xf2, 0x00, 0x11, 0x00, 0x00]], 5).as_deref(),
            hello
        );
    }
}

#[test]
fn what_is_not_deflate_is_an_error() {
    for message in [
        // A block of the type that there is none of.
        &[0x07][..],
        &[0xff; 40],
        // Cut short: in the data, in the length, before the empty block.
        &[0xf2, 0x48, 0xcd, 0xc9],
        &[0x00, 0x05, 0x00],
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48],
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
        // The four bytes that should have been taken away.
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff],
        // A length that is not its own complement, and a distance before the start.
        &[0x00, 0x05, 0x00, 0xfa, 0xfe, 0x48],
        &[0xf2, 0x00, 0x11, 0x00, 0x00],
        // What follows a last block is no block.
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x07],
    ] {
        assert_eq!(
            inflate(&mut server(), &[message], 1000),
            Err(InflateError),
            "{message:x?}"
        );
    }
}

/// However a message is cut and however little is taken at a time, what comes before a fault is the same.
#[test]
fn what_came_before_a_fault_is_kept() {
    // "Hello", and then a block of the type that there is none of; and a distance that leads before the start.
    for message in [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x06][..],
        &[0xf2, 0x48, 0x00, 0xff, 0xff],
    ] {
        let (whole, result) = inflate_until(&mut server(), &[message], 1000);
        assert_eq!(result, Err(InflateError));
        for step in 1..8 {
            for cut in 1..=message.len() {
                let mut end = server();
                let pieces: Vec<&[u8]> = message.chunks(cut).collect();
                let (sink, result) = inflate_until(&mut end, &pieces, step);
                assert_eq!((&sink, result), (&whole, Err(InflateError)), "by {step}, cut {cut}");
                assert_eq!(end.inflated_bytes(), sink.len() as u64);
            }
        }
    }
}

#[test]
fn a_bomb_costs_what_it_may() {
    let (mut client, mut server) = ends(&Deflate::default(), agreed(false, 15));
    let zeros = alloc::vec![0; 1 << 20];
    let mut bomb = Vec::new();
    assert!(client.begin_compress(None));
    for round in 0..20 {
        client.compress(&zeros, round == 19, &mut bomb);
    }
    assert!(bomb.len() < 40 << 10);
    server.begin_inflate();
    let mut sink = Vec::new();
    let most = (1 << 20) + 333;
    let inflated = server.inflate(&bomb, true, &mut sink, most).unwrap();
    assert!(!inflated.is_done && inflated.consumed < bomb.len());
    assert_eq!((sink.len(), sink.capacity()), (most, most));
    // Nothing more fits, and nothing more comes.
    let rest = &bomb[inflated.consumed..];
    let again = server.inflate(rest, true, &mut sink, 0).unwrap();
    assert_eq!((again.consumed, again.is_done, sink.len()), (0, false, most));
    // A message as long as the limit is not too long.
    let mut end = self::server();
    end.begin_inflate();
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let inflated = end.inflate(&hello, true, &mut Vec::new(), 5).unwrap();
    assert!(inflated.is_done);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_messages_come_back(
        window_bits in 9u8..=15,
        no_takeover: bool,
        level in 0u8..=9,
        memory_level in 1u8..=9,
        step in prop_oneof![1usize..5, 5usize..5000],
        messages in prop::collection::vec(prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(0u8..3, 0..3000),
            (any::<u8>(), 0usize..70_000).prop_map(|(byte, count)| alloc::vec![byte; count]),
        ], 1..4), 1..5),
        cut in 1usize..400,
    ) {
        let config = Deflate { level, memory_level, ..Deflate::default() };
        let (mut client, mut server) = ends(&config, agreed(no_takeover, window_bits));
        for parts in &messages {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let pieces = compress(&mut client, &parts).concat();
            let pieces: Vec<&[u8]> = pieces.chunks(cut).collect();
            prop_assert_eq!(inflate(&mut server, &pieces, step), Ok(parts.concat()));
            let pieces = compress(&mut server, &parts);
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(inflate(&mut client, &pieces, step), Ok(parts.concat()));
        }
    }

    #[test]
    fn arbitrary_bytes_are_harmless(
        no_takeover: bool,
        messages in prop::collection::vec(prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..100),
            // Something sound, so that what follows is met in every state.
            Just(alloc::vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
            Just(alloc::vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
            Just(alloc::vec![0x00, 0x05, 0x00, 0xfa, 0xff]),
        ], 1..4), 1..6),
        step in 1usize..2000,
    ) {
        let mut end = extension(&Deflate::default(), agreed(no_takeover, 15), Side::Server);
        for pieces in &messages {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            // After an error nothing is promised but that nothing breaks.
            let _ = inflate(&mut end, &pieces, step);
        }
    }

    #[test]
    fn damage_is_harmless(at in 0usize..1000, bit in 0u8..8, cut in 1usize..50) {
        let (mut client, mut server) = ends(&Deflate::default(), agreed(false, 15));
        let text = long_text();
        let mut pieces = compress(&mut client, &[&text[..4000]]).concat();
        let at = at % pieces.len();
        pieces[at] ^= 1 << bit;
        let pieces: Vec<&[u8]> = pieces.chunks(cut).collect();
        if let Ok(inflated) = inflate(&mut server, &pieces, 1000) {
            prop_assert!(inflated.len() < 1 << 20);
        }
    }
}
