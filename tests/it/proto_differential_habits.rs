//! The habits of tungstenite that explain where it differs from `proto`: each is written down in `docs/PROTOCOL.md`, and
//! each makes a difference.

use super::naive::heads::{self, Reading};
use super::naive::{self, Habits, HeadHabits, TUNGSTENITE, TUNGSTENITE_HEADS};
use super::proto_differential::{check, coarse, endpoint, with};
use super::proto_differential_heads::{ACCEPT, FRAME, as_theirs, check_request, check_response, reading};
use super::proto_world::request;

#[test]
fn every_habit_of_the_other_is_explained() {
    let document = include_str!("../../docs/PROTOCOL.md");
    let (_, table) = document.split_once("## Where others differ").unwrap();
    let habits = format!("{TUNGSTENITE:?} {TUNGSTENITE_HEADS:?}");
    let names = habits.split([' ', '{', '}']).filter_map(|word| word.strip_suffix(':'));
    let mut count = 0;
    for name in names {
        assert!(table.contains(&format!("\n| `{name}` | ")), "{name} is not explained");
        count += 1;
    }
    assert_eq!(count, table.matches("\n| `").count(), "a row is of no habit");
}

/// Bytes on which one habit alone makes a difference, for a server that closes after one message where it matters.
/// All are masked with zeroes.
#[test]
fn every_habit_with_frames_makes_a_difference() {
    let none = Habits::default();
    let without = |change: fn(&mut Habits)| {
        let mut habits = TUNGSTENITE;
        change(&mut habits);
        habits
    };
    let mut fragments = vec![0x02, 0x80, 0, 0, 0, 0];
    (0..5).for_each(|_| fragments.extend([0x00, 0x80, 0, 0, 0, 0]));
    fragments.extend([0x80, 0x80, 0, 0, 0, 0]);
    let close = |high, low| vec![0x88, 0x82, 0, 0, 0, 0, high, low];
    let after_ping = |frame: &[u8]| [&[0x89, 0x80, 0, 0, 0, 0], frame].concat();
    for (habits, close_after, bytes) in [
        // A reserved bit, and nothing more.
        (without(|habits| habits.judges_whole_frames = false), None, vec![0xC1]),
        (
            without(|habits| habits.takes_any_length = false),
            None,
            vec![0x82, 0xFE, 0, 0, 0, 0, 0, 0],
        ),
        (without(|habits| habits.counts_no_fragments = false), None, fragments),
        (without(|habits| habits.mends_close_codes = false), None, close(3, 0xED)),
        (without(|habits| habits.refuses_1014 = false), None, close(3, 0xF6)),
        (
            without(|habits| habits.takes_any_answer = false),
            Some(1),
            after_ping(&close(3, 0xED)),
        ),
        (
            without(|habits| habits.ignores_pings_when_closing = false),
            Some(1),
            after_ping(&[0x89, 0x80, 0, 0, 0, 0]),
        ),
        (
            without(|habits| habits.breaks_off = false),
            None,
            vec![0x83, 0x80, 0, 0, 0, 0],
        ),
    ] {
        let endpoint = endpoint(true, false, close_after);
        check(endpoint, &bytes, &[bytes.len()]).unwrap();
        let real = coarse(naive::receive(with(endpoint, TUNGSTENITE), &bytes));
        assert_ne!(
            real,
            coarse(naive::receive(with(endpoint, habits), &bytes)),
            "{:x?}",
            bytes
        );
        assert_ne!(real, coarse(naive::receive(with(endpoint, none), &bytes)), "{bytes:x?}");
    }
}

/// Tungstenite's habits but for one.
fn without(change: fn(&mut HeadHabits)) -> Reading {
    let mut habits = TUNGSTENITE_HEADS;
    change(&mut habits);
    Reading {
        habits,
        ..reading(false)
    }
}

#[test]
fn every_habit_of_the_other_server_makes_a_difference() {
    let real = without(|_| {});
    for (one_less, from, to) in [
        (
            without(|habits| habits.first_of_several = false),
            "\r\n\r\n",
            "\r\nSec-WebSocket-Version: 8\r\n\r\n",
        ),
        (
            without(|habits| habits.upgrade_alone = false),
            "Upgrade: websocket",
            "Upgrade: h2c, websocket",
        ),
        (
            without(|habits| habits.parts_at_spaces = false),
            "Connection: Upgrade",
            "Connection: keep-alive Upgrade",
        ),
        (
            without(|habits| habits.any_key = false),
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZQ==",
        ),
        (without(|habits| habits.no_host = false), "Host: example.com\r\n", ""),
        (
            without(|habits| habits.no_body_check = false),
            "Upgrade: w",
            "Content-Length: 2\r\nUpgrade: w",
        ),
        (
            without(|habits| habits.no_expect_check = false),
            "Upgrade: w",
            "Expect: cake\r\nUpgrade: w",
        ),
        (
            without(|habits| habits.no_offer_check = false),
            "Upgrade: w",
            "Sec-WebSocket-Protocol: a b\r\nUpgrade: w",
        ),
        (
            without(|habits| habits.no_extension_check = false),
            "Upgrade: w",
            "Sec-WebSocket-Extensions: a b\r\nUpgrade: w",
        ),
        (without(|habits| habits.any_address = false), "/chat?room=7", "/chat#7"),
        (without(|habits| habits.nothing_behind = false), "\r\n\r\n", "\r\n\r\n"),
    ] {
        let mut bytes = request("", "").replacen(from, to, 1).into_bytes();
        if from == to {
            bytes.extend(FRAME);
        }
        assert_ne!(
            heads::serve(real, &bytes),
            heads::serve(one_less, &bytes),
            "{}",
            bytes.escape_ascii()
        );
        check_request(reading(false), &bytes, &[bytes.len()]).unwrap();
    }
}

#[test]
fn every_habit_of_the_other_client_makes_a_difference() {
    let answer = format!(
        "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    );
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101";
    let one: &[&str] = &["one"];
    for (change, offered, from, to) in [
        (
            (|habits| habits.first_of_several = false) as fn(&mut HeadHabits),
            &[][..],
            "\r\n\r\n",
            "\r\nSec-WebSocket-Accept: a\r\n\r\n",
        ),
        (
            |habits| habits.connection_alone = false,
            &[],
            "Connection: Upgrade",
            "Connection: keep-alive, Upgrade",
        ),
        (
            |habits| habits.any_extension = false,
            &[],
            "Upgrade: w",
            "Sec-WebSocket-Extensions: x\r\nUpgrade: w",
        ),
        (|habits| habits.insists_on_subprotocol = false, one, "Yes", "Yes"),
        (|habits| habits.interim_is_final = false, &[], "HTTP/1.1 101", interim),
        (
            |habits| habits.no_folding = false,
            &[],
            "Upgrade: websocket",
            "Upgrade:\r\n websocket",
        ),
        (
            |habits| habits.no_refusal_body = false,
            &[],
            "101 Yes",
            "404 No\r\nContent-Length: x",
        ),
    ] {
        let bytes = answer.replacen(from, to, 1).into_bytes();
        let real = as_theirs(TUNGSTENITE_HEADS, offered, &bytes);
        let mut habits = TUNGSTENITE_HEADS;
        change(&mut habits);
        assert_ne!(real, as_theirs(habits, offered, &bytes), "{}", bytes.escape_ascii());
        check_response(reading(false), offered, &bytes, &[bytes.len()]).unwrap();
    }
}
