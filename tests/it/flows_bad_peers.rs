//! What a peer can send that it shouldn't: it gets the answer it has earned, and nobody else notices.

use std::io::{Read, Write};

use super::cli_bad_inputs::bad_inputs;
use super::cli_support::{Running, documented, folder};
use super::flows_peers::{ask, client, head, raw, raw_open, rest};

/// Runs the JSON echo, with a client that is served before and after `attack`.
fn beside(attack: impl FnOnce(&str)) {
    let flow = documented("json_echo.troy").replace("127.0.0.1:4711", "127.0.0.1:0");
    let dir = folder(&[("config.troy", &flow)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let address = running.listening();
    let mut peer = client(&address);
    assert_eq!(ask(&mut peer, "1").to_text().unwrap(), "1");
    attack(&address);
    assert_eq!(
        ask(&mut peer, "2").to_text().unwrap(),
        "2",
        "an open connection was harmed"
    );
    assert_eq!(
        ask(&mut client(&address), "3").to_text().unwrap(),
        "3",
        "no new connection is served"
    );
    running.signal("TERM");
    assert!(peer.read().unwrap().is_close());
    while peer.read().is_ok() {}
    let output = running.output();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
}

/// Sends a request; the answer's head must begin so.
fn request(bytes: &[u8], status: &str) -> String {
    let mut answer = String::new();
    beside(|address| {
        let mut stream = raw(address);
        // The answer may come before the whole of a hopeless request was sent.
        let _ = stream.write_all(bytes);
        answer = head(&mut stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer:?}");
        rest(&mut stream);
    });
    answer.to_ascii_lowercase()
}

/// An upgrade request with `from` replaced by `to`.
fn altered(from: &str, to: &str) -> Vec<u8> {
    let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert!(request.contains(from));
    request.replace(from, to).into_bytes()
}

/// Sends bytes on an open connection; a Close frame with this code must come, and the end.
fn frames(bytes: &[u8], code: u16) {
    beside(|address| {
        let mut stream = raw_open(address);
        let _ = stream.write_all(bytes);
        let mut frame = [0; 4];
        stream.read_exact(&mut frame).unwrap();
        assert_eq!(frame[0], 0x88, "no Close frame: {frame:?}");
        assert_eq!(u16::from_be_bytes([frame[2], frame[3]]), code);
        drop(stream.shutdown(std::net::Shutdown::Write));
        rest(&mut stream);
    });
}

/// A masked frame (with a mask of zeros) of a payload of at most 125 bytes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// Sends a JSON text; the answer must be an error.
fn json(text: &str) {
    beside(|address| {
        let answer = ask(&mut client(address), text);
        assert!(answer.to_text().unwrap().starts_with(r#"{"err":""#), "{answer:?}");
    });
}

bad_inputs! {
    post: "a POST" => "405 with `Allow: GET`",
        assert!(request(&altered("GET", "POST"), "405").contains("allow: get"));
    old_http: "HTTP/1.0" => "a refusal (4xx or 505)",
        drop(request(&altered("HTTP/1.1", "HTTP/1.0"), ""));
    version: "WebSocket version 12" => "426 with the version that we speak",
        assert!(request(&altered("Version: 13", "Version: 12"), "426").contains("sec-websocket-version: 13"));
    no_key: "a request without a key" => "400",
        drop(request(&altered("Sec-WebSocket-Key", "X-Key"), "400"));
    short_key: "a key of the wrong length" => "400",
        drop(request(&altered("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), "400"));
    no_upgrade: "a plain GET" => "426",
        drop(request(&altered("Upgrade: websocket\r\nConnection: Upgrade\r\n", ""), "4"));
    no_host: "a request without a host" => "400",
        drop(request(&altered("Host: x\r\n", ""), "400"));
    long_header: "a header of 1 MiB" => "431",
        drop(request(&altered("Host: x", &format!("Host: x\r\nX: {}", "x".repeat(1 << 20))), "431"));
    many_headers: "10,000 headers" => "431",
        drop(request(&altered("Host: x", &format!("Host: x{}", "\r\nX: y".repeat(10_000))), "431"));
    long_target: "a target of 1 MiB" => "414",
        drop(request(&altered("GET /", &format!("GET /{}", "x".repeat(1 << 20))), "414"));
    garbage: "bytes that aren't HTTP" => "400",
        drop(request(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n", "400"));
    half_a_request: "half a request, then the end" => "the end",
        beside(|address| {
            let mut stream = raw(address);
            stream.write_all(b"GET / HT").unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            rest(&mut stream);
        });
    unmasked: "a frame without a mask" => "Close 1002", frames(b"\x81\x01x", 1002);
    reserved_bit: "a reserved bit" => "Close 1002", frames(&frame(0xc1, b"x"), 1002);
    reserved_opcode: "a reserved opcode" => "Close 1002", frames(&frame(0x83, b"x"), 1002);
    long_ping: "a ping of 126 bytes" => "Close 1002", frames(&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002);
    fragmented_ping: "a fragmented ping" => "Close 1002", frames(&frame(0x09, b"x"), 1002);
    stray_continuation: "a continuation of nothing" => "Close 1002", frames(&frame(0x80, b"x"), 1002);
    message_in_a_message: "a message in the middle of another" => "Close 1002",
        frames(&[frame(0x01, b"x"), frame(0x01, b"y")].concat(), 1002);
    not_text: "text that isn't UTF-8" => "Close 1007", frames(&frame(0x81, b"\xff"), 1007);
    not_text_early: "the first fragment isn't UTF-8" => "Close 1007", frames(&frame(0x01, b"\xff"), 1007);
    too_big: "a frame of 1 TiB is announced" => "Close 1009",
        frames(&[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009);
    endless_length: "a length of 2^63" => "Close 1002",
        frames(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1002);
    bad_close_code: "Close 1005" => "Close 1002", frames(&frame(0x88, &[3, 0xed]), 1002);
    half_a_close_code: "a Close of one byte" => "Close 1002", frames(&frame(0x88, &[3]), 1002);
    bad_close_reason: "a Close whose reason isn't UTF-8" => "Close 1007", frames(&frame(0x88, &[3, 0xe8, 0xff]), 1007);
    bad_json: "text that isn't JSON" => "an error event", json("{]");
    empty_json: "an empty text" => "an error event", json("");
    big_integer: "an integer beyond 64 bits" => "an error event", json("100000000000000000000");
    lone_surrogate: "half a surrogate pair" => "an error event", json(r#""\ud83d""#);
    deep_json: "JSON nested 100,000 deep" => "an error event", json(&"[".repeat(100_000));
}
