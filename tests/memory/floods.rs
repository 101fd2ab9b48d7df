//! Floods that one connection may meet: what it holds at most, counted in the allocator and held against the bound.

use wsloop::proto::{Event, OutputBuffer, Side, Violation};

use super::world::{BINARY, FIRST, MIB, MIDDLE, PING, cost, echo, frame, open, peak_bytes, read, violation};

/// What a flood that must cost nothing may cost: less than the tenth of a megabyte that the best implementations need.
const NOTHING: u64 = 100_000;

/// 80 MB of pings, of every length there is, by a peer that never reads.
#[test]
fn pings_that_nobody_reads_answers_of() {
    for (payload, flood) in [(0, 8_000_000), (4, 8_000_000), (125, 80_000_000)] {
        let mut connection = open(Side::Server, |_| {});
        let mut pings = frame(Side::Server, PING, &vec![0; payload]).repeat(1000);
        let rounds = flood / pings.len() + 1;
        let peak = peak_bytes(&format!("{flood} bytes of pings of {payload} bytes"), || {
            for _ in 0..rounds {
                read(&mut connection, &mut pings, |_, _| {});
            }
        });
        assert!(peak < NOTHING / 4, "{peak}");
        assert!((4096..4096 + 131).contains(&connection.queued_bytes()));
    }
}

/// The same where each ping has a message behind it that is answered: what is remembered of pongs is bounded, too.
#[test]
fn pings_between_messages_that_are_answered() {
    let mut connection = open(Side::Server, |limits| limits.queued_bytes = 32 << 10);
    connection.lend_output(OutputBuffer::with_capacity(64 << 10));
    let one = [frame(Side::Server, PING, b""), frame(Side::Server, BINARY, b"")].concat();
    let mut bytes = one.repeat(1000);
    let peak = peak_bytes("8 MB of pings between messages", || {
        for _ in 0..8_000_000 / bytes.len() {
            read(&mut connection, &mut bytes, |connection, event| {
                echo(connection, &event);
            });
        }
    });
    assert!(peak < 16 << 10, "{peak}");
}

/// Two million fragments of a byte each, refused at the limit on fragments.
#[test]
fn fragments_of_one_byte() {
    let mut connection = open(Side::Server, |_| {});
    let mut first = frame(Side::Server, FIRST, b"x");
    let mut middle = frame(Side::Server, MIDDLE, b"x").repeat(1000);
    let mut found = None;
    let held = allocation_counter::measure(|| {
        found = violation(&mut connection, &mut first);
        for _ in 0..65 {
            found = found.or(violation(&mut connection, &mut middle));
        }
    });
    assert_eq!(found, None);
    assert!(held.bytes_current < NOTHING as i64, "{held:?}");
    let peak = peak_bytes("2 M fragments of one byte", || {
        for _ in 0..1935 {
            found = found.or(violation(&mut connection, &mut middle));
        }
    });
    assert_eq!(found, Some(Violation::TooManyFragments));
    assert!(peak < NOTHING, "{peak}");
    println!("before they were refused: {} bytes held", held.bytes_current);
}

/// The same with no limit on them: what is held is their payload and the slack of its buffer.
#[test]
fn fragments_of_one_byte_without_a_limit() {
    let mut connection = open(Side::Server, |limits| limits.fragments = u32::MAX);
    let mut first = frame(Side::Server, FIRST, b"x");
    let mut middle = frame(Side::Server, MIDDLE, b"x").repeat(1000);
    let peak = peak_bytes("2 M fragments of one byte, all taken", || {
        assert_eq!(violation(&mut connection, &mut first), None);
        for _ in 0..2000 {
            assert_eq!(violation(&mut connection, &mut middle), None);
        }
    });
    assert!(peak < 5_000_000, "{peak}");
}

/// Two hundred connections that are told of 15 MiB each, and given a few bytes.
#[test]
fn lengths_that_are_only_declared() {
    let mut connections: Vec<_> = (0..200).map(|_| open(Side::Server, |_| {})).collect();
    let mut head = frame(Side::Server, BINARY, &vec![0; 15 << 20]);
    head.truncate(14);
    let peak = peak_bytes("200 x \"15 MiB are coming\"", || {
        for connection in &mut connections {
            assert_eq!(violation(connection, &mut head), None);
        }
    });
    assert_eq!(peak, 0);
    let peak = peak_bytes("the first 100 bytes of each", || {
        for connection in &mut connections {
            assert_eq!(violation(connection, &mut [0; 100]), None);
        }
    });
    assert!(peak <= 200 << 10, "{peak}");
}

/// 200 MB to an echo whose peer never reads: the host is told that the queue is full, and it stays as long as it may be.
#[test]
fn an_echo_flood_that_nobody_reads() {
    let limit = MIB as usize;
    let mut connection = open(Side::Server, |limits| limits.queued_bytes = limit);
    let mut bytes = frame(Side::Server, BINARY, &[7; 1000]).repeat(100);
    let (mut echoed, mut refused) = (0, 0);
    let (peak, held) = cost("200 MB to an echo, 1 MiB of queue", || {
        for _ in 0..200_000_000 / bytes.len() {
            read(&mut connection, &mut bytes, |connection, event| {
                assert!(matches!(event, Event::Message(_)));
                if echo(connection, &event) {
                    echoed += 1
                } else {
                    refused += 1
                }
            });
        }
    });
    assert!(
        refused > 100_000 && echoed * 1004 <= limit && (echoed + 1) * 1004 > limit,
        "{echoed} {refused}"
    );
    // The queue and a quarter, and at most twice that while its buffer moves.
    assert!(peak <= 2 * MIB + MIB / 2, "{peak}");
    assert!(held <= MIB + MIB / 4, "{held}");
}
