//! Requests that are unusual, nearly right, wrong, or late: each gets the answer that it earns.

use wsloop::proto::{
    Accept, BadRequest, Config, Connection, Event, Failure, Limits, Phase, Refusal, Request, Response, Violation,
};

use super::proto_real_clients::{FRAME, take_request};
use super::proto_world::{NOW, read, request, server, written_text};

/// What the host sees of a request that must be taken.
fn taken(text: &str) -> Box<Request> {
    let mut connection = server(Config::default());
    let request = take_request(read(&mut connection, text.as_bytes()));
    connection.accept(&Accept::new()).unwrap();
    assert!(written_text(&mut connection).starts_with("HTTP/1.1 101 "), "{text}");
    request
}

/// Why a request is refused.
fn refused(text: &[u8]) -> Option<BadRequest> {
    refusal(&mut server(Config::default()), text).cause
}

fn refusal(connection: &mut Connection, text: &[u8]) -> Box<Refusal> {
    match <[Event<'static>; 1]>::try_from(read(connection, text)) {
        Ok([Event::Failed(Failure::Refused(refusal))]) => refusal,
        other => panic!("{}: {other:?}", text.escape_ascii()),
    }
}

#[test]
fn subprotocols_are_read_from_all_their_headers() {
    for lines in [
        "Sec-WebSocket-Protocol: a, b, C",
        "Sec-WebSocket-Protocol:a,b,C",
        "sec-websocket-protocol: a\r\nSEC-WEBSOCKET-PROTOCOL:\t b , C \t",
        "Sec-WebSocket-Protocol: a\r\nX: y\r\nSec-Websocket-Protocol: b\r\nSec-WebSocket-Protocol: C",
        "Sec-WebSocket-Protocol: , a,, b,\r\nSec-WebSocket-Protocol:\r\nSec-WebSocket-Protocol: C",
    ] {
        let request = taken(&request("Host:", &format!("{lines}\r\nHost:")));
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["a", "b", "C"], "{lines}");
    }
    for lines in [
        "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a",
        "Sec-WebSocket-Protocol: a; q=1",
        "Sec-WebSocket-Protocol: \"a\"",
    ] {
        let text = request("Host:", &format!("{lines}\r\nHost:"));
        assert_eq!(refused(text.as_bytes()), Some(BadRequest::Subprotocol), "{lines}");
    }
    // RFC 6455 section 8.1: bytes that are to be text and are not.
    let mut bytes = request("Host:", "Sec-WebSocket-Protocol: a?\r\nHost:").into_bytes();
    let at = bytes.iter().rposition(|&byte| byte == b'?').unwrap();
    bytes[at] = 0xFF;
    assert_eq!(refused(&bytes), Some(BadRequest::Subprotocol));
    let mut bytes = request("/chat?room", "/chat!room").into_bytes();
    let at = bytes.iter().position(|&byte| byte == b'!').unwrap();
    bytes[at] = 0xFF;
    assert_eq!(refused(&bytes), Some(BadRequest::Malformed));
}

#[test]
fn two_versions_are_none() {
    for line in ["Sec-WebSocket-Version: 13", "sec-websocket-version: 8"] {
        let text = request("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"));
        assert_eq!(refused(text.as_bytes()), Some(BadRequest::Version), "{line}");
    }
}

#[test]
fn casing_spacing_and_order_do_not_matter() {
    for (from, to) in [
        ("Upgrade: websocket", "UPGRADE:WEBSOCKET"),
        ("Upgrade: websocket", "upgrade: \t WebSocket \t"),
        ("Upgrade: websocket", "Upgrade: h2c, websocket"),
        ("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"),
        ("Connection: Upgrade", "connection: keep-alive, upgrade"),
        ("Connection: Upgrade", "Connection: Upgrade, HTTP2-Settings"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: UPGRADE"),
        ("Connection: Upgrade", "Connection: close, Upgrade"),
        ("Host: example.com\r\n", "Host:example.com:80\r\n"),
        ("Sec-WebSocket-Key: ", "sec-websocket-key:   \t"),
        ("ZQ==", "ZQ== \t "),
        ("Version: 13", "Version:13 "),
        ("Host:", "Sec-WebSocket-Extensions: \r\nHost:"),
        ("Host:", "X:\r\nY: \u{e9}\u{4e2d}\r\nHost:"),
    ] {
        taken(&request(from, to));
    }
    let cookie = "x".repeat(8 << 10);
    let request = taken(&request("Host:", &format!("Cookie: a={cookie}\r\nHost:")));
    assert_eq!(request.headers().get("cookie"), Some(format!("a={cookie}").as_str()));
}

#[test]
fn a_key_with_spaces_around_it_gets_the_same_answer() {
    let mut connection = server(Config::default());
    read(
        &mut connection,
        request("Key: ", "Key: \t ").replace("ZQ==", "ZQ==  ").as_bytes(),
    );
    connection.accept(&Accept::new()).unwrap();
    let answer = written_text(&mut connection);
    assert!(
        answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{answer}"
    );
}

#[test]
fn an_absolute_target_outranks_the_host_header() {
    for (target, host, path, query) in [
        ("http://a.example/chat?b", "a.example", "/chat", Some("b")),
        ("HTTPS://a.example:8443", "a.example:8443", "/", None),
        ("ws://[::1]:80?b=http://c/d", "[::1]:80", "/", Some("b=http://c/d")),
        ("wss://127.0.0.1/%2F/", "127.0.0.1", "/%2F/", None),
        ("//twice/is?a", "example.com", "//twice/is", Some("a")),
        ("/go?to=http://x/y", "example.com", "/go", Some("to=http://x/y")),
    ] {
        let request = taken(&request("/chat?room=7", target));
        assert_eq!(
            (request.host(), request.path(), request.query()),
            (host, path, query),
            "{target}"
        );
        assert_eq!(
            (request.target(), request.headers().get("host")),
            (target, Some("example.com"))
        );
    }
    for target in [
        "http://",
        "http:///a",
        "http://user@a/",
        "http://?a",
        "ftp://a/",
        "example.com:80",
        "a://b",
        "/\u{e9}",
        "/a#b",
    ] {
        let text = request("/chat?room=7", target);
        assert_eq!(refused(text.as_bytes()), Some(BadRequest::Target), "{target}");
    }
    // Its header must be there all the same.
    let text = request("/chat", "http://a.example/").replace("Host: example.com\r\n", "");
    assert_eq!(refused(text.as_bytes()), Some(BadRequest::Host));
}

#[test]
fn hosts_are_names_or_addresses_with_a_port() {
    for host in [
        "[::1]",
        "[2001:db8::7]:8080",
        "127.0.0.1:65535",
        "a_b.example.",
        "xn--bcher-kva.example",
    ] {
        let request = taken(&request("example.com", host));
        assert_eq!(request.host(), host);
    }
    for host in ["", "a/b", "a?b", "user@a", "a b", "b\u{fc}cher.example"] {
        assert_eq!(
            refused(request("example.com", host).as_bytes()),
            Some(BadRequest::Host),
            "{host}"
        );
    }
}

#[test]
fn origins_are_shown_as_they_came() {
    for (line, origin) in [
        ("Origin:", ""),
        ("Origin: null", "null"),
        ("origin: HTTPS://A.example", "HTTPS://A.example"),
    ] {
        let request = taken(&request("Host:", &format!("{line}\r\nHost:")));
        assert_eq!(request.origin(), Some(origin));
    }
    assert_eq!(taken(&request("", "")).origin(), None);
}

#[test]
fn who_expects_to_continue_gets_the_final_answer() {
    for expected in ["100-continue", "100-Continue", ""] {
        taken(&request("Host:", &format!("Expect: {expected}\r\nHost:")));
    }
    let mut connection = server(Config::default());
    let text = request("Host:", "Expect: 100-continue, coffee\r\nHost:");
    let refusal = refusal(&mut connection, text.as_bytes());
    assert_eq!((refusal.cause, refusal.status), (Some(BadRequest::Expectation), 417));
    assert!(written_text(&mut connection).starts_with("HTTP/1.1 417 Expectation Failed\r\n"));
}

#[test]
fn other_versions_of_http_are_refused() {
    for version in ["HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/2", "http/1.1"] {
        let mut connection = server(Config::default());
        let refusal = refusal(&mut connection, request("HTTP/1.1", version).as_bytes());
        assert_eq!(
            (refusal.cause, refusal.status),
            (Some(BadRequest::HttpVersion), 505),
            "{version}"
        );
        let answer = written_text(&mut connection);
        assert!(
            answer.starts_with("HTTP/1.1 505 ") && answer.contains("\r\nConnection: close\r\n"),
            "{answer}"
        );
    }
}

#[test]
fn lines_that_other_readers_would_split_otherwise_are_refused() {
    for (from, to) in [
        // Folded, as RFC 9112 section 5.2 lets a server refuse.
        ("Host: example.com", "X: a\r\n b\r\nHost: example.com"),
        ("Host: example.com", "Host:\r\n\texample.com"),
        // Space before the colon, or before the first name: section 5.1 and 2.2.
        ("Host: ", "Host : "),
        ("Host: ", "Host\t: "),
        ("Host: ", " Host: "),
        // No name, no colon, bytes that no name has.
        ("Host: ", ": y\r\nHost: "),
        ("Host: ", "X\r\nHost: "),
        ("Host: ", "X(: y\r\nHost: "),
        // A carriage return alone, NUL: section 2.2, RFC 9110 section 5.5.
        ("Host: ", "X: a\rY: b\r\nHost: "),
        ("Host: ", "X: a\0\r\nHost: "),
        // More than one space in the first line: section 3.
        ("GET /", "GET  /"),
        ("GET /", "GET\t/"),
        (" HTTP", "  HTTP"),
        ("GET /chat?room=7 HTTP/1.1", "GET HTTP/1.1"),
        ("GET /chat?room=7 HTTP/1.1", "GET /"),
    ] {
        let cause = refused(request(from, to).as_bytes());
        assert!(
            matches!(cause, Some(BadRequest::Malformed | BadRequest::HttpVersion)),
            "{to:?}: {cause:?}"
        );
    }
}

#[test]
fn a_line_feed_alone_ends_a_line_and_empty_lines_before_the_request_are_passed_over() {
    let good = request("", "");
    for text in [
        good.replace("\r\n", "\n"),
        good.replacen("\r\n", "\n", 3),
        format!("\r\n{good}"),
        format!("\n{good}"),
        format!("\r\n\r\n\n{good}"),
    ] {
        let bytes = [text.as_bytes(), &FRAME].concat();
        for size in [bytes.len(), 1] {
            let mut connection = server(Config::default());
            let mut events = Vec::new();
            for piece in bytes.chunks(size) {
                events.extend(read(&mut connection, piece));
            }
            assert_eq!(take_request(events).host(), "example.com", "{text:?}");
            connection.accept(&Accept::new()).unwrap();
            let events = read(&mut connection, b"");
            assert!(
                matches!(events[..], [Event::Opened(_), Event::Message(_)]),
                "{events:?}"
            );
        }
    }
    assert_eq!(refused(format!("\r{good}").as_bytes()), Some(BadRequest::Malformed));
    let flood = "\r\n".repeat(8 << 10);
    assert_eq!(refused(flood.as_bytes()), Some(BadRequest::HeadTooBig));
}

#[test]
fn frames_sent_with_the_request_are_kept_within_a_bound() {
    let limits = Limits {
        early_bytes: 3 * FRAME.len(),
        ..Limits::default()
    };
    // In one read with the request, or in two.
    for (with_it, after_it, fits) in [(3, 0, true), (4, 0, false), (2, 1, true), (3, 1, false), (0, 4, false)] {
        let mut connection = server(Config {
            limits: limits.clone(),
            ..Config::default()
        });
        let bytes = [request("", "").into_bytes(), FRAME.repeat(with_it)].concat();
        let mut events = read(&mut connection, &bytes);
        events.extend(read(&mut connection, &FRAME.repeat(after_it)));
        assert!(matches!(events[0], Event::Request(_)));
        if fits {
            connection.accept(&Accept::new()).unwrap();
            assert_eq!(read(&mut connection, b"").len(), 1 + with_it + after_it);
        } else {
            assert_eq!(events[1..], [Event::Failed(Failure::Violation(Violation::EarlyData))]);
        }
    }
}

#[test]
fn what_follows_a_refused_request_is_not_read() {
    let mut connection = server(Config::default());
    let text = [
        request("Version: 13", "Version: 8").as_bytes(),
        request("", "").as_bytes(),
        &FRAME,
    ]
    .concat();
    assert_eq!(refusal(&mut connection, &text).cause, Some(BadRequest::Version));
    assert!(connection.is_finished());
    assert_eq!(read(&mut connection, request("", "").as_bytes()), []);
    assert_eq!(written_text(&mut connection).matches("HTTP/1.1 ").count(), 1);

    let mut connection = server(Config::default());
    take_request(read(&mut connection, &[request("", "").as_bytes(), &FRAME].concat()));
    connection.refuse(&Response::new(404)).unwrap();
    let events = read(&mut connection, &FRAME);
    assert!(matches!(events[..], [Event::Failed(Failure::Refused(_))]), "{events:?}");
}

#[test]
fn a_request_that_does_not_end_in_time_gets_408() {
    let config = Config::default();
    let full = request("", "");
    for (begun, answer) in [
        ("", None),
        ("G", Some("HTTP/1.1 408 Request Timeout\r\n")),
        ("\r\n", Some("HTTP/1.1 408 Request Timeout\r\n")),
        (&full[..full.len() - 1], Some("HTTP/1.1 408 Request Timeout\r\n")),
        // Here it is the host that has not answered.
        (&full[..], Some("HTTP/1.1 503 Service Unavailable\r\n")),
    ] {
        let mut connection = server(config.clone());
        read(&mut connection, begun.as_bytes());
        connection.handle_timeout(NOW + config.opening_timeout);
        let events = read(&mut connection, b"");
        assert_eq!(events, [Event::Failed(Failure::TimedOut(Phase::Opening))]);
        assert!(connection.is_finished());
        let written = written_text(&mut connection);
        match answer {
            None => assert_eq!(written, ""),
            Some(answer) => {
                assert!(written.starts_with(answer), "{written}");
                assert!(written.contains("\r\nConnection: close\r\n"), "{written}");
            }
        }
    }
    // A peer that is gone is told nothing.
    let mut connection = server(config);
    read(&mut connection, b"GET /");
    connection.handle_end(NOW);
    assert_eq!(read(&mut connection, b""), [Event::Failed(Failure::Lost)]);
    assert_eq!(written_text(&mut connection), "");
}
