//! Seeds of what is compressed; kept also where compression is not built.

use super::tests::{REQUEST, response};
use super::written::{
    BEGIN, BINARY, BY_SERVER, CLOSE, DELIVER, DISCARD, EXCHANGE, OPEN, PIECE, PING, Seeds, TEXT, TRANSMIT,
};

/// From this first byte on, `request` and `response` are ready to compress.
const DEFLATES: u8 = 130;

/// Opening handshakes with an extension, and frames behind them.
pub(super) fn handshakes() -> Seeds {
    let offer = |value: &str, frames: &[u8]| {
        let field = alloc::format!("\r\nSec-WebSocket-Extensions: {value}\r\n\r\n");
        let head = REQUEST.replace("\r\n\r\n", &field);
        [&[DEFLATES], head.as_bytes(), frames].concat()
    };
    let choose = |value: &str, frames: &[u8]| {
        let field = alloc::format!("\r\nSec-WebSocket-Extensions: {value}\r\n\r\n");
        let head = response().replace("\r\n\r\n", &field);
        [&[DEFLATES], head.as_bytes(), frames].concat()
    };
    // "Hello", compressed: masked with zeros, and not.
    let masked = b"\xC1\x87\0\0\0\0\xF2\x48\xCD\xC9\xC9\x07\x00\x88\x80\0\0\0\0";
    let plain = b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00\x88\x00";
    [
        ("request", "offer", offer("permessage-deflate", masked)),
        (
            "request",
            "offer_with_all",
            offer(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=\"10\"; client_max_window_bits",
                masked,
            ),
        ),
        (
            "request",
            "offers_in_order",
            offer(
                "x, permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=9",
                masked,
            ),
        ),
        (
            "request",
            "offer_of_nothing_known",
            offer(
                "permessage-deflate; x=1, permessage-deflate; server_max_window_bits",
                b"",
            ),
        ),
        ("request", "offer_malformed", offer("permessage-deflate; =, \"", b"")),
        (
            "response",
            "choice",
            choose("permessage-deflate; server_max_window_bits=11", plain),
        ),
        (
            "response",
            "choice_with_all",
            choose(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=9; client_max_window_bits=10",
                plain,
            ),
        ),
        (
            "response",
            "choice_beyond_the_offer",
            choose("permessage-deflate; client_max_window_bits=16", plain),
        ),
        ("response", "choice_of_another", choose("x-webkit-deflate-frame", plain)),
        (
            "response",
            "choice_twice",
            choose("permessage-deflate, permessage-deflate", plain),
        ),
    ]
    .to_vec()
}

/// To a server, wide limits, messages wrapped.
const WRAPPED: u8 = 8;

pub(super) fn inflate() -> Seeds {
    // "Hello" from RFC 7692 section 7.2.3: alone, in its own window, in a last block, stored, and an empty message.
    let hello = b"\xF2\x48\xCD\xC9\xC9\x07\x00";
    let shared = b"\xF2\x00\x11\x00\x00";
    let last = b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00";
    let stored = b"\x00\x05\x00\xFA\xFFHello\x00";
    // From zlib at level 9: 774 times `a`, and letters by chance, which make a code of their own.
    let run = b"\x4A\x4C\x1C\x05\xA3\x60\xA4\x03\x00\x00";
    let dynamic = b"\x1C\x8A\x81\x09\x00\x40\x10\x82\x66\xB5\xDA\x7F\x86\xF7\x1E\x12\x44\x82\x0C\x16\x59\x81\x83\x18\xDB\x4E\xB1\x93\xA6\xEE\xF2\x95\xFC\xB3\xF6\x00";
    let two = [b"\x42\x03", &hello[..3], b"\x00\x03"].concat();
    let text = |payload: &[u8]| [&[1, payload.len() as u8], payload].concat();
    let seed = |how: u8, messages: &[Vec<u8>]| [&[how, 3][..], &messages.concat()].concat();
    let frames = |how: u8, bytes: &[u8]| [&[how, 3], bytes].concat();
    [
        ("hello", seed(WRAPPED, &[text(hello), text(hello)])),
        ("to_client", seed(WRAPPED | 1, &[text(hello), text(shared)])),
        ("no_takeover", seed(WRAPPED | 2, &[text(hello), text(shared)])),
        ("takeover", seed(WRAPPED, &[text(hello), text(shared), text(b"\x00")])),
        ("last_block", seed(WRAPPED, &[text(last), text(shared)])),
        ("stored", seed(WRAPPED, &[text(stored), text(b"")])),
        ("run", seed(WRAPPED, &[text(run)])),
        ("dynamic", seed(WRAPPED, &[text(dynamic)])),
        ("fragments", seed(WRAPPED, &[[&[0x37, 7][..], hello].concat()])),
        (
            "run_against_limits",
            seed(WRAPPED | 4, &[text(hello), text(run), text(hello)]),
        ),
        ("bad_block", seed(WRAPPED, &[text(hello), text(b"\x07")])),
        ("cut_off", seed(WRAPPED, &[text(&hello[..4])])),
        (
            "frames_to_client",
            frames(
                1,
                b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00\x81\x02ok\xC1\x05\xF2\x00\x11\x00\x00",
            ),
        ),
        (
            "reserved_to_client",
            frames(1, b"\x41\x03\xF2\x48\xCD\xC0\x04\xC9\xC9\x07\x00"),
        ),
        (
            "control_to_client",
            frames(5, b"\x41\x03\xF2\x48\xCD\x89\x01x\x80\x04\xC9\xC9\x07\x00\xC9\x00"),
        ),
        ("wrong_mask", frames(0, &two)),
    ]
    .map(|(name, bytes)| ("inflate", name, bytes))
    .to_vec()
}

/// As `talk`, between connections that compress: a budget; then for each end parameters, a level, a least length and the
/// limits.
pub(super) fn deflate() -> Seeds {
    let play = |budget: u8, choice: u8, client: [u8; 3], server: [u8; 3], acts: &[u8]| {
        [&[budget, choice][..], &client, &[0; 4], &server, &[0; 4], acts].concat()
    };
    let server = |act: u8| act + BY_SERVER;
    let talk = [
        TEXT,
        200,
        1,
        EXCHANGE,
        TEXT,
        200,
        1,
        EXCHANGE,
        server(TEXT),
        90,
        0,
        server(BINARY),
        90,
        0,
        server(EXCHANGE),
        CLOSE,
        0,
        0,
    ];
    let pieces = [
        BEGIN, 0, PIECE, 0, 90, 1, PING, 0, EXCHANGE, PIECE, 0, 0, 0, PIECE, 1, 30, 2, TRANSMIT, 40, DELIVER, 3,
        EXCHANGE,
    ];
    let dropped = [
        TEXT, 90, 1, EXCHANGE, TEXT, 90, 1, TRANSMIT, 4, TEXT, 90, 1, DISCARD, TEXT, 90, 1, EXCHANGE,
    ];
    let long = [
        TEXT, 255, 1, EXCHANGE, TEXT, 253, 1, TRANSMIT, 220, DELIVER, 201, TEXT, 255, 1, EXCHANGE,
    ];
    let (widest, narrow) = ([24 | 7 << 5, 46, 0], [3, 10, 1]);
    [
        ("talk", play(0, 1, widest, widest, &talk)),
        ("echoed", play(0, 7, widest, widest, &talk)),
        ("no_takeover", play(0, 1, narrow, widest, &talk)),
        ("small_windows", play(0, 1, [0, 99, 0], [3, 9, 2], &talk)),
        ("no_budget", play(4, 1, widest, widest, &talk)),
        ("no_room_for_compressors", play(3, 1, widest, widest, &talk)),
        ("one_compressor", play(2, 1, widest, widest, &talk)),
        ("pieces", play(0, 1, widest, narrow, &pieces)),
        ("chunks", play(0, 0x19, widest, narrow, &pieces)),
        ("dropped", play(0, 1, widest, widest, &dropped)),
        (
            "dropped_context",
            play(0, 1, widest, widest, &[BINARY, 200, 1, DISCARD, BINARY, 200, 1]),
        ),
        (
            "random_in_chunks",
            play(
                0,
                0x19,
                widest,
                widest,
                &[BINARY, 255, 1, EXCHANGE, server(BINARY), 255, 2],
            ),
        ),
        ("long", play(0, 1, widest, widest, &long)),
        ("long_in_chunks", play(0, 0x19, narrow, narrow, &long)),
        (
            "opening",
            play(
                0,
                0,
                widest,
                widest,
                &[EXCHANGE, OPEN, server(TEXT), 90, 1, server(EXCHANGE), TEXT, 90, 1],
            ),
        ),
    ]
    .map(|(name, bytes)| ("deflate", name, bytes))
    .to_vec()
}
