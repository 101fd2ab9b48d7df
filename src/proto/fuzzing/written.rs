//! Seeds that are easier said than kept as bytes.

use alloc::vec::Vec;

use super::naive::write;
use super::written_compressed::{deflate, handshakes, inflate};

/// Target, name and bytes of each seed.
pub(super) fn written() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    [
        handshakes(),
        tunnel(),
        utf8(),
        close(),
        sending(),
        streaming(),
        talk(),
        inflate(),
        deflate(),
    ]
    .concat()
}

pub(super) type Seeds = Vec<(&'static str, &'static str, Vec<u8>)>;

fn tunnel() -> Seeds {
    let socks = &b"\x05\x00\x05\x00\x00"[..];
    [
        (
            "connected",
            4,
            &b"HTTP/1.1 200 Connection established\r\nVia: a\r\n\r\nthe server's"[..],
        ),
        ("hinted", 8, b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.0 299 Fine\n\n"),
        (
            "unauthorized",
            6,
            b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n",
        ),
        ("switched", 12, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        ("socks_ipv4", 5, &[socks, b"\x01\x7f\x00\x00\x01\x04\x38more"].concat()),
        ("socks_ipv6", 5, &[socks, &[4], &[0; 18]].concat()),
        ("socks_name", 5, &[socks, b"\x03\x04name\x04\x38"].concat()),
        ("socks_refused", 9, b"\x05\x00\x05\x05\x00\x01"),
        ("socks_credentials", 7, b"\x05\x02\x01\x00\x05\x00\x00\x03\x00\x00\x00"),
        ("socks_no_method", 1, b"\x05\xff"),
    ]
    .map(|(name, choice, bytes)| ("tunnel", name, [&[choice], bytes].concat()))
    .to_vec()
}

fn utf8() -> Seeds {
    let long = "so wide a text that it is read by vectors: €".repeat(3);
    [
        ("ascii", "plain old text".as_bytes()),
        (
            "widths",
            "aß€😀\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}".as_bytes(),
        ),
        ("long", long.as_bytes()),
        ("overlong", b"a\xC0\x80b\xE0\x80\x80c\xF0\x80\x80\x80"),
        ("surrogate", b"a\xED\xA0\x80"),
        ("too_high", b"a\xF4\x90\x80\x80"),
        (
            "unfinished",
            b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xF0\x9F\x98",
        ),
        ("broken_off", b"a\xE2\x82a"),
        ("lone", b"\x80"),
    ]
    .map(|(name, bytes)| ("utf8", name, [&[2], bytes].concat()))
    .to_vec()
}

fn close() -> Seeds {
    let full = [&[0x13, 0x87], "é".repeat(61).as_bytes(), b"x"].concat();
    let over = [&full[..], b"x"].concat();
    [
        ("empty", &b""[..]),
        ("truncated", b"\x03"),
        ("normal", b"\x03\xE8"),
        ("reason", b"\x03\xE9going away"),
        ("full", &full),
        ("too_long", &over),
        ("reserved_code", b"\x03\xED"),
        ("unassigned_code", b"\x07\xD0why"),
        ("private_code", b"\x0F\xA0"),
        ("beyond", b"\x13\x88"),
        ("not_utf8", b"\x03\xE8\xC3"),
    ]
    .map(|(name, bytes)| ("close", name, bytes.to_vec()))
    .to_vec()
}

fn sending() -> Seeds {
    let lengths: Vec<u8> = (246..=255).flat_map(|length| [0, length, 3, 2, length, 5]).collect();
    [
        ("client_messages", &b"\x00\x00\x00\x05\x01\x02\x09\x07\x06\xFF"[..]),
        ("server_messages", b"\x01\x00\x00\x05\x01\x02\x09\x07\x06\xFF"),
        ("client_lengths", &[&[0, 0], &lengths[..]].concat()),
        ("server_lengths", &[&[1, 0], &lengths[..]].concat()),
        (
            "pieces",
            &b"\x01\x00\x08\x00\x09\x14\xE2\x82\x04\x01x\x09\x0D\xAC\x08\x01\x09\x02\xFF\x01\x09\x03\x05\x02"[..],
        ),
        ("text_without_its_end", b"\x00\x00\x08\x00\x09\x0D\xC3\x09\x01\x03\x00"),
        (
            "not_text",
            b"\x00\x00\x08\x00\x09\x0C\xFF\x09\x0C\xC3\x09\x0D\x41\x09\x0D\xA4",
        ),
        (
            "controls",
            b"\x00\x00\x04\x05hello\x05\x03abc\x04\x00\x07\x00\x03\xE8\x03",
        ),
        (
            "queue_full",
            b"\x00\x02\x00\xC8\x01\x00\xC8\x01\x06\x64\x00\x10\x02\x06\xFF\x00\x10\x02",
        ),
        (
            "discarded",
            b"\x01\x00\x00\x09\x01\x00\x09\x02\x06\x03\x07\x01\x02\x04\x04\x07\x02",
        ),
        ("long_controls", b"\x00\x00\x04\xFCx\x05\xF7y"),
        (
            "many_bytes_sent",
            b"\x01\x00\x02\xFD\x01\x06\xE6\x02\xFD\x02\x06\xF0\x07\x02\x00\x05\x01\x06\xFF\x07\x03",
        ),
    ]
    .map(|(name, bytes)| ("sending", name, bytes.to_vec()))
    .to_vec()
}

fn streaming() -> Seeds {
    let text = ["wide: ".as_bytes(), "ß€😀".repeat(20).as_bytes()].concat();
    let frames = |masked: bool, frames: &[(u8, &[u8])]| {
        let key = masked.then_some([0x37, 0xfa, 0x21, 0x3d]);
        let frames = frames
            .iter()
            .flat_map(|(first, payload)| write(*first, key, None, payload));
        core::iter::once(u8::from(!masked)).chain(frames).collect()
    };
    let stream: [(u8, &[u8]); 7] = [
        (0x81, &text),
        (0x01, &text[..9]),
        (0x89, b"between"),
        (0x00, b""),
        (0x80, &text[9..]),
        (0x82, b""),
        (0x88, b"\x03\xE8bye"),
    ];
    let mut seeds: Seeds = Vec::new();
    for (masked, names) in [
        (
            true,
            [
                "to_server",
                "bad_text_to_server",
                "bad_last_to_server",
                "interleaved_to_server",
            ],
        ),
        (
            false,
            [
                "to_client",
                "bad_text_to_client",
                "bad_last_to_client",
                "interleaved_to_client",
            ],
        ),
    ] {
        let bodies = [
            frames(masked, &stream),
            frames(
                masked,
                &[
                    (0x82, b"good"),
                    (0x01, b"good\xE2\x82"),
                    (0x00, b"\xACgood\xFFbad"),
                    (0x80, b""),
                ],
            ),
            frames(masked, &[(0x01, b"good\xE2\x82"), (0x80, b"")]),
            frames(masked, &[(0x02, b"one"), (0x81, b"another")]),
        ];
        seeds.extend(
            names
                .into_iter()
                .zip(bodies)
                .map(|(name, bytes)| ("streaming", name, bytes)),
        );
    }
    seeds
}

/// A step of `talk` by the client; one more and it is the server's.
pub(super) const TRANSMIT: u8 = 0;
pub(super) const DELIVER: u8 = 2;
pub(super) const EXCHANGE: u8 = 4;
pub(super) const TEXT: u8 = 6;
pub(super) const BINARY: u8 = 8;
pub(super) const PING: u8 = 10;
pub(super) const PONG: u8 = 12;
pub(super) const CLOSE: u8 = 14;
pub(super) const OPEN: u8 = 16;
pub(super) const REFUSE: u8 = 18;
pub(super) const WAIT: u8 = 20;
pub(super) const RING: u8 = 22;
pub(super) const SEVER: u8 = 24;
pub(super) const DISCARD: u8 = 26;
pub(super) const NEGLECT: u8 = 28;
pub(super) const BUFFERS: u8 = 30;
pub(super) const BEGIN: u8 = 32;
pub(super) const PIECE: u8 = 34;
pub(super) const BY_SERVER: u8 = 1;

/// Both ends' limits: wide ones.
const WIDE: [u8; 8] = [0; 8];
/// Both ends' limits: long frames, few pongs and bytes waiting.
const NARROW: [u8; 8] = [0, 0, 2, 1, 0, 0, 1, 2];
/// What the server may be sent is short.
const SHORT: [u8; 8] = [0, 0, 0, 0, 1, 1, 0, 0];

fn talk() -> Seeds {
    let opened = [EXCHANGE, OPEN + BY_SERVER, EXCHANGE + BY_SERVER];
    let opening = |acts: &[u8]| [&[0], &WIDE[..], &opened, acts].concat();
    let open = |limits: [u8; 8], acts: &[u8]| [&[1], &limits[..], acts].concat();
    let server = |act: u8| act + BY_SERVER;
    [
        (
            "in_peace",
            opening(&[
                TEXT,
                5,
                1,
                EXCHANGE,
                server(BINARY),
                9,
                2,
                server(EXCHANGE),
                CLOSE,
                0,
                3,
            ]),
        ),
        (
            "refused",
            [
                &[0],
                &WIDE[..],
                &[EXCHANGE, REFUSE, server(TRANSMIT), 90, server(DELIVER), 30],
            ]
            .concat(),
        ),
        (
            "too_slow",
            [&[0], &WIDE[..], &[EXCHANGE, WAIT, 255, RING, server(RING)]].concat(),
        ),
        (
            "cut_answer",
            [
                &[0],
                &WIDE[..],
                &[EXCHANGE, OPEN, server(TRANSMIT), 255, server(SEVER), 100],
            ]
            .concat(),
        ),
        (
            "early_message",
            [
                &[0],
                &WIDE[..],
                &[
                    TRANSMIT,
                    255,
                    DELIVER,
                    60,
                    EXCHANGE,
                    OPEN,
                    server(TEXT),
                    7,
                    0,
                    server(EXCHANGE),
                ],
            ]
            .concat(),
        ),
        (
            "discarded_head",
            [
                &[0],
                &WIDE[..],
                &[EXCHANGE, OPEN, server(TEXT), 7, 0, server(DISCARD), server(EXCHANGE)],
            ]
            .concat(),
        ),
        (
            "pieces",
            open(
                WIDE,
                &[
                    TEXT, 20, 1, TRANSMIT, 9, DELIVER, 3, BUFFERS, TRANSMIT, 200, DELIVER, 1, DELIVER, 2,
                ],
            ),
        ),
        (
            "pings",
            open(
                NARROW,
                &[
                    PING, 4, b'a', b'b', b'c', b'd', PING, 1, b'e', PING, 0, EXCHANGE, PONG, 2, b'x', b'y',
                ],
            ),
        ),
        (
            "discarded_pongs",
            open(
                NARROW,
                &[
                    PING,
                    9,
                    1,
                    2,
                    3,
                    4,
                    5,
                    6,
                    7,
                    8,
                    9,
                    PING,
                    9,
                    1,
                    2,
                    3,
                    4,
                    5,
                    6,
                    7,
                    8,
                    9,
                    PING,
                    1,
                    3,
                    EXCHANGE,
                    server(DISCARD),
                    PING,
                    1,
                    4,
                    EXCHANGE,
                ],
            ),
        ),
        (
            "full_queue",
            open(NARROW, &[TEXT, 250, 1, server(TEXT), 30, 0, server(TEXT), 30, 0]),
        ),
        (
            "too_big",
            open(SHORT, &[TEXT, 5, 0, BINARY, 255, 1, EXCHANGE, server(TEXT), 5, 0]),
        ),
        (
            "crossed",
            open(
                WIDE,
                &[TEXT, 3, 0, CLOSE, 0, 1, server(TEXT), 4, 0, server(CLOSE), 3, 0],
            ),
        ),
        (
            "closing_times_out",
            open(WIDE, &[CLOSE, 1, 0, WAIT, 60, RING, server(TEXT), 4, 0]),
        ),
        (
            "severed",
            open(
                WIDE,
                &[TEXT, 40, 0, TRANSMIT, 30, SEVER, 200, DELIVER, 255, server(TEXT), 3, 0],
            ),
        ),
        (
            "discarded",
            open(
                WIDE,
                &[TEXT, 40, 0, PING, 0, TEXT, 9, 0, TRANSMIT, 3, DISCARD, BINARY, 3, 0],
            ),
        ),
        (
            "neglected",
            open(WIDE, &[TEXT, 40, 0, TRANSMIT, 255, NEGLECT, 255, server(TEXT), 3, 0]),
        ),
        (
            "in_pieces",
            open(
                WIDE,
                &[
                    BEGIN, 0, PIECE, 0, 3, 1, PING, 0, PIECE, 0, 0, 0, EXCHANGE, PIECE, 1, 9, 2, EXCHANGE, TEXT, 2, 0,
                ],
            ),
        ),
        (
            "in_chunks",
            [
                &[0x19],
                &WIDE[..],
                &[
                    BEGIN, 1, PIECE, 2, 30, 1, TRANSMIT, 9, DELIVER, 4, DELIVER, 9, PIECE, 3, 9, 2,
                ],
            ]
            .concat(),
        ),
        (
            "cut_by_discarding",
            open(
                WIDE,
                &[
                    BEGIN, 0, PIECE, 0, 3, 1, TRANSMIT, 2, PIECE, 1, 9, 2, DISCARD, TEXT, 2, 0, BEGIN, 0, CLOSE, 0, 0,
                ],
            ),
        ),
        (
            "echoed",
            [&[7], &WIDE[..], &[TEXT, 5, 1, EXCHANGE, CLOSE, 0, 0]].concat(),
        ),
    ]
    .map(|(name, bytes)| ("talk", name, bytes))
    .to_vec()
}
