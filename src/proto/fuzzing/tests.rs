//! The property over a corpus (every single cut), and over random frames and cuts.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::driver::{self, Start, drive};
use super::naive::{self, Seen, write};
use crate::proto::{CloseCode, Event, Failure, Violation};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A right frame as the peer of `start` would write it.
fn frame(start: Start, first: u8, payload: &[u8]) -> Vec<u8> {
    write(first, start.peer_masks().then_some(KEY), None, payload)
}

/// Frames one after another.
fn stream(start: Start, frames: &[(u8, &[u8])]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|(first, payload)| frame(start, *first, payload))
        .collect()
}

/// Streams that end in good order, or in the middle.
fn good(start: Start) -> Vec<Vec<u8>> {
    let long = [b'x'; 126];
    let longest = [7; 300];
    let close = [0x03, 0xE8, b'o', b'k'];
    let streams: [&[(u8, &[u8])]; 8] = [
        &[][..],
        &[(0x81, b""), (0x82, b""), (0x81, "héllo".as_bytes())],
        &[(0x81, &long[..125]), (0x82, &long), (0x82, &longest), (0x88, b"")],
        &[
            (0x01, b"a"),
            (0x89, b"ping"),
            (0x00, b""),
            (0x8A, b""),
            (0x80, "ß".as_bytes()),
            (0x82, b"after"),
        ],
        &[
            (0x01, &[0xE2]),
            (0x00, &[0x82]),
            (0x89, b""),
            (0x80, &[0xAC]),
            (0x88, &close),
            (0x81, b"ignored"),
        ],
        &[
            (0x02, &longest[..200]),
            (0x80, &longest[..200]),
            (0x81, b"next"),
            (0x01, b"unfinished"),
        ],
        &[(0x89, &long[..125]), (0x88, &[0x0F, 0xA0]), (0xFF, b"ignored")],
        &[
            (0x01, b""),
            (0x00, b""),
            (0x00, b""),
            (0x80, b""),
            (0x82, b"four fragments are allowed"),
        ],
    ];
    streams.map(|frames| stream(start, frames)).to_vec()
}

/// Streams that break a rule after a message that must still be delivered, and the rule.
fn bad(start: Start) -> Vec<(Vec<u8>, Violation)> {
    let key = start.peer_masks().then_some(KEY);
    let other_key = if key.is_some() { None } else { Some(KEY) };
    let wrong_mask = if key.is_some() {
        Violation::Unmasked
    } else {
        Violation::Masked
    };
    let big = [b'x'; 301];
    let mut overflow = write(0x82, key, Some(8), b"");
    overflow[2] = 0x80;
    let close = |payload: &[u8]| frame(start, 0x88, payload);
    [
        (frame(start, 0xC1, b"rsv"), Violation::ReservedBits),
        (frame(start, 0xA2, b"rsv"), Violation::ReservedBits),
        (frame(start, 0x99, b"rsv"), Violation::ReservedBits),
        (frame(start, 0x83, b""), Violation::ReservedOpcode(0x3)),
        (frame(start, 0x07, b""), Violation::ReservedOpcode(0x7)),
        (frame(start, 0x8B, b""), Violation::ReservedOpcode(0xB)),
        (frame(start, 0x8F, b""), Violation::ReservedOpcode(0xF)),
        (write(0x81, other_key, None, b"x"), wrong_mask),
        (write(0x89, other_key, None, b""), wrong_mask),
        (write(0x82, key, Some(2), &big[..125]), Violation::LengthNotMinimal),
        (write(0x82, key, Some(8), &big[..126]), Violation::LengthNotMinimal),
        (overflow, Violation::LengthOverflow),
        (frame(start, 0x09, b""), Violation::ControlFragmented),
        (frame(start, 0x08, b""), Violation::ControlFragmented),
        (frame(start, 0x89, &big[..126]), Violation::ControlTooLong),
        (frame(start, 0x80, b"x"), Violation::UnexpectedContinuation),
        (frame(start, 0x00, b"x"), Violation::UnexpectedContinuation),
        (
            stream(start, &[(0x01, b"x"), (0x81, b"y")]),
            Violation::ExpectedContinuation,
        ),
        (
            stream(start, &[(0x02, b"x"), (0x8A, b""), (0x02, b"y")]),
            Violation::ExpectedContinuation,
        ),
        (frame(start, 0x81, b"a\xFFb"), Violation::TextNotUtf8),
        (frame(start, 0x81, b"\xED\xA0\x80"), Violation::TextNotUtf8),
        (frame(start, 0x81, b"a\xE2\x82"), Violation::TextNotUtf8),
        (
            stream(start, &[(0x01, b"a\xF4\x90"), (0x80, b"\x80\x80")]),
            Violation::TextNotUtf8,
        ),
        (stream(start, &[(0x01, b"a\xE2"), (0x80, b"")]), Violation::TextNotUtf8),
        (close(b"\x03"), Violation::CloseTruncated),
        (close(b"\x03\xE7"), Violation::CloseCode(999)),
        (close(b"\x03\xEC"), Violation::CloseCode(1004)),
        (close(b"\x03\xED"), Violation::CloseCode(1005)),
        (close(b"\x03\xEE"), Violation::CloseCode(1006)),
        (close(b"\x03\xF7"), Violation::CloseCode(1015)),
        (close(b"\x0B\xB7"), Violation::CloseCode(2999)),
        (close(b"\x13\x88"), Violation::CloseCode(5000)),
        (close(b"\x03\xE8\xC3"), Violation::CloseReasonNotUtf8),
        (frame(start, 0x82, &big), Violation::FrameTooBig),
        (
            stream(start, &[(0x02, &big[..300]), (0x80, &big[..101])]),
            Violation::MessageTooBig,
        ),
        (
            stream(start, &[(0x01, b""), (0, b""), (0, b""), (0, b""), (0x80, b"")]),
            Violation::TooManyFragments,
        ),
    ]
    .map(|(bytes, violation)| {
        (
            [frame(start, 0x81, b"before"), bytes, frame(start, 0x81, b"after")].concat(),
            violation,
        )
    })
    .to_vec()
}

/// Every single cut, byte by byte, and the naive reader on every prefix.
fn check_everywhere(start: Start, input: &[u8]) {
    let bytewise = drive(start, input, 1..input.len());
    for cut in 0..=input.len() {
        bytewise.assert_covers(&drive(start, input, [cut]));
        if matches!(start, Start::OpenServer | Start::OpenClient) {
            let expected = naive::read(&input[..cut], start.peer_masks(), &driver::config().limits);
            assert_eq!(
                drive(start, &input[..cut], []).seen(),
                expected,
                "{cut} bytes of {input:x?}"
            );
        }
    }
}

#[test]
fn every_cut_of_good_streams() {
    for start in [Start::OpenServer, Start::OpenClient] {
        for input in good(start) {
            check_everywhere(start, &input);
            assert_eq!(drive(start, &input, []).violation(), None, "{input:x?}");
        }
    }
}

#[test]
fn every_violation_gets_its_close_code_at_every_cut() {
    for start in [Start::OpenServer, Start::OpenClient] {
        for (input, violation) in bad(start) {
            check_everywhere(start, &input);
            let trace = drive(start, &input, []);
            assert_eq!(trace.violation(), Some(violation), "{input:x?}");
            // The echo of the message before, what the host sent at the end, and the Close; nothing after.
            let code = violation.close_code().unwrap().as_u16();
            let expected = [
                Seen::Text(b"before".into()),
                Seen::Text(b"late".into()),
                Seen::Close(Some(code), String::new()),
            ];
            let said = naive::read(&trace.output, !start.peer_masks(), &driver::config().limits);
            assert_eq!(said, expected, "{violation:?}");
        }
    }
}

pub(super) const REQUEST: &str = "GET /a?b HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: one, two\r\n\r\n";

#[test]
fn every_cut_of_requests_with_frames_behind() {
    let frames = stream(
        Start::Server,
        &[(0x81, b"one"), (0x89, b""), (0x01, b"two"), (0x88, b"")],
    );
    check_everywhere(Start::Server, &[REQUEST.as_bytes(), &frames].concat());
    check_everywhere(
        Start::Server,
        &[REQUEST.replace("\r\n", "\n").as_bytes(), &frames].concat(),
    );
    check_everywhere(Start::Server, REQUEST.replace("13", "8").as_bytes());
    check_everywhere(
        Start::Server,
        REQUEST.replace("Host: x", &"x: y\r\n".repeat(90)).as_bytes(),
    );
    check_everywhere(Start::Server, REQUEST.replace("/a", &"/a".repeat(300)).as_bytes());
    check_everywhere(Start::Server, b"\x16\x03\x01 not HTTP\r\n\r\n");
    let trace = drive(Start::Server, &[REQUEST.as_bytes(), &frames].concat(), []);
    assert!(
        trace.output.starts_with(b"HTTP/1.1 101 "),
        "{}",
        trace.output.escape_ascii()
    );
    assert!(
        matches!(
            trace.events[..],
            [Event::Request(_), Event::Opened(_), .., Event::Closed(_)]
        ),
        "{:?}",
        trace.events
    );
}

/// A server's answer to the driver's client, whose key is always the same.
pub(super) fn response() -> String {
    let request = String::from_utf8(drive(Start::Client, b"", []).output).unwrap();
    let key = request
        .split("Sec-WebSocket-Key: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let accept = crate::proto::handshake::accept_key(key.as_bytes());
    alloc::format!(
        "HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
         Sec-WebSocket-Protocol: two\r\n\r\n"
    )
}

#[test]
fn every_cut_of_responses_with_frames_behind() {
    let frames = stream(
        Start::Client,
        &[(0x81, b"one"), (0x89, b""), (0x82, b"two"), (0x88, b"\x03\xE8")],
    );
    let good = response();
    let early_hints = String::from("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    for head in [good.clone(), early_hints + &good] {
        check_everywhere(Start::Client, &[head.as_bytes(), &frames].concat());
        let trace = drive(Start::Client, &[head.as_bytes(), &frames].concat(), []);
        assert!(
            matches!(trace.events[..], [Event::Opened(_), _, _, _, Event::Closed(_)]),
            "{:?}",
            trace.events
        );
    }
    for refusal in [
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno...ignored",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 25\r\n\r\nlonger than the limit is.",
        "HTTP/1.1 404 \r\n\r\nuntil the end",
        "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwait\r\n1\r\n!\r\n0\r\nTrailer: z\r\n\r\nignored",
        "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwait\r\nz\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
    ] {
        check_everywhere(Start::Client, refusal.as_bytes());
    }
}

#[test]
fn the_last_event_of_a_stream_that_just_ends_is_lost() {
    let trace = drive(Start::OpenServer, &frame(Start::OpenServer, 0x01, b"half"), []);
    assert_eq!(trace.last, Some(Event::Failed(Failure::Lost)));
    let trace = drive(
        Start::OpenServer,
        &frame(Start::OpenServer, 0x88, &CloseCode::NORMAL.as_u16().to_be_bytes()),
        [],
    );
    assert!(matches!(trace.last, Some(Event::Closed(_))));
}

/// A frame as random as it may be and still often right.
fn any_frame() -> impl Strategy<Value = (u8, Option<u8>, Vec<u8>)> {
    let first = prop_oneof![
        12 => prop::sample::select(&[0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A][..]),
        1 => prop::sample::select(&[0x88][..]),
        1 => any::<u8>(),
    ];
    let width = prop_oneof![20 => Just(None), 1 => Just(Some(2)), 1 => Just(Some(8))];
    let payload = prop_oneof![
        8 => ".{0,20}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..6),
        1 => prop::collection::vec(b'a'..=b'z', 100..320),
    ];
    (first, width, payload)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_cutting_of_any_frames_is_what_the_naive_reader_sees(
        client: bool,
        frames in prop::collection::vec((any_frame(), any::<[u8; 4]>()), 0..10),
        cuts in prop::collection::btree_set(0usize..1000, 0..8),
    ) {
        let start = if client { Start::OpenClient } else { Start::OpenServer };
        let input: Vec<u8> = frames
            .iter()
            .flat_map(|((first, width, payload), key)| write(*first, start.peer_masks().then_some(*key), *width, payload))
            .collect();
        let bytewise = drive(start, &input, 1..input.len());
        let cuts = cuts.into_iter().filter(|&cut| cut < input.len());
        let cut = drive(start, &input, cuts);
        bytewise.assert_covers(&cut);
        prop_assert_eq!(cut.seen(), naive::read(&input, start.peer_masks(), &driver::config().limits));
    }
}
