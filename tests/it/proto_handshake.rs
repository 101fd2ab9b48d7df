//! The opening handshake of both sides through the public interface: what is shown, what is accepted, what is refused.

use wsloop::proto::{
    Accept, BadRequest, ClientRequest, Config, Connection, Event, Failure, Limits, Misuse, Refusal, Request, Response,
    State, Violation,
};

use super::proto_world::{Counting, NOW, client, read, request, server, written, written_text};

fn only_request(events: Vec<Event<'static>>) -> Box<Request> {
    match <[Event<'static>; 1]>::try_from(events) {
        Ok([Event::Request(request)]) => request,
        other => panic!("{other:?}"),
    }
}

fn only_refusal(events: Vec<Event<'static>>) -> Box<Refusal> {
    match <[Event<'static>; 1]>::try_from(events) {
        Ok([Event::Failed(Failure::Refused(refusal))]) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_host_sees_the_request_before_it_answers() {
    let mut connection = server(Config::default());
    let text = request(
        "\r\n\r\n",
        "\r\nOrigin: http://o\r\nSec-WebSocket-Protocol: a, b\r\nsec-websocket-protocol: c\r\nX: y\r\n\r\n",
    );
    let request = only_request(read(&mut connection, text.as_bytes()));
    assert_eq!(
        (request.target(), request.path(), request.query()),
        ("/chat?room=7", "/chat", Some("room=7"))
    );
    assert_eq!(
        (request.host(), request.origin(), request.headers().get("x")),
        ("example.com", Some("http://o"), Some("y"))
    );
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((connection.state(), connection.queued_bytes()), (State::Opening, 0));
    assert!(!connection.wants_read());

    assert_eq!(
        connection.accept(&Accept::new().subprotocol("d")),
        Err(Misuse::SubprotocolNotOffered)
    );
    assert_eq!(
        connection.accept(&Accept::new().header("X", "a\nb")),
        Err(Misuse::InvalidHeader)
    );
    assert_eq!(
        connection.accept(&Accept::new().header("Upgrade", "h2c")),
        Err(Misuse::ReservedHeader)
    );
    assert_eq!(connection.queued_bytes(), 0);
    connection
        .accept(&Accept::new().subprotocol("b").header("Set-Cookie", "k=v"))
        .unwrap();
    assert_eq!(connection.accept(&Accept::new()), Err(Misuse::NotOpening));
    let events = read(&mut connection, b"");
    let [Event::Opened(opened)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(opened.subprotocol.as_deref(), Some("b"));
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: b\r\nSet-Cookie: k=v\r\n\r\n";
    assert_eq!(written_text(&mut connection), answer);
    assert_eq!((connection.state(), connection.poll_timeout()), (State::Open, None));
}

#[test]
fn every_bad_request_gets_the_status_it_earns() {
    let fields = format!("\r\n{}\r\n", "X: y\r\n".repeat(100));
    let long = format!("\r\nX: {}\r\n\r\n", "y".repeat(16 << 10));
    let target = format!("/{}", "y".repeat(16 << 10));
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let cases = [
        ("GET", "G\0T", BadRequest::Malformed, 400),
        ("Host: ", "Ho st: ", BadRequest::Malformed, 400),
        ("GET", "POST", BadRequest::Method, 405),
        ("GET", "get", BadRequest::Method, 405),
        ("HTTP/1.1", "HTTP/1.0", BadRequest::HttpVersion, 505),
        ("HTTP/1.1", "HTTP/2.0", BadRequest::HttpVersion, 505),
        ("/chat", target.as_str(), BadRequest::TargetTooLong, 414),
        ("\r\n\r\n", long.as_str(), BadRequest::HeadTooBig, 431),
        ("\r\n\r\n", fields.as_str(), BadRequest::HeadTooBig, 431),
        ("/chat", "chat", BadRequest::Target, 400),
        ("/chat", "*", BadRequest::Target, 400),
        ("/chat", "ftp://a/", BadRequest::Target, 400),
        ("/chat", "/chat#top", BadRequest::Target, 400),
        ("Host: example.com\r\n", "", BadRequest::Host, 400),
        ("Host: example.com", "Host:", BadRequest::Host, 400),
        ("Host: example.com", "Host: a\r\nHost: b", BadRequest::Host, 400),
        ("Host: example.com", "Host: a b", BadRequest::Host, 400),
        ("Upgrade: websocket\r\n", "", BadRequest::Upgrade, 426),
        ("Upgrade: websocket", "Upgrade: h2c", BadRequest::Upgrade, 426),
        ("Connection: Upgrade\r\n", "", BadRequest::Connection, 400),
        ("Connection: Upgrade", "Connection: close", BadRequest::Connection, 400),
        ("Version: 13", "Version: 8", BadRequest::Version, 426),
        ("Sec-WebSocket-Version: 13\r\n", "", BadRequest::Version, 426),
        ("Version: 13", "Version: 13, 8", BadRequest::Version, 426),
        (key, "X: y", BadRequest::Key, 400),
        (key, "Sec-WebSocket-Key: short", BadRequest::Key, 400),
        (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=!", BadRequest::Key, 400),
        (key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWUx", BadRequest::Key, 400),
        (key, &format!("{key}\r\n{key}"), BadRequest::Key, 400),
        (
            "Host:",
            "Sec-WebSocket-Protocol: a, a\r\nHost:",
            BadRequest::Subprotocol,
            400,
        ),
        (
            "Host:",
            "Sec-WebSocket-Protocol: a b\r\nHost:",
            BadRequest::Subprotocol,
            400,
        ),
        (
            "Host:",
            "Sec-WebSocket-Extensions: a; b=\r\nHost:",
            BadRequest::Extensions,
            400,
        ),
        ("Host:", "Content-Length: 5\r\nHost:", BadRequest::Body, 400),
        ("Host:", "Transfer-Encoding: chunked\r\nHost:", BadRequest::Body, 400),
    ];
    for (from, to, cause, status) in cases {
        let mut connection = server(Config::default());
        let refusal = only_refusal(read(&mut connection, request(from, to).as_bytes()));
        assert_eq!(
            (refusal.cause, refusal.status),
            (Some(cause), status),
            "{from:?} → {to:?}"
        );
        let answer = written_text(&mut connection);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(
            head.contains(&format!("\r\nContent-Length: {}", body.len())),
            "{answer}"
        );
        assert!(head.contains("\r\nConnection: close"), "{answer}");
        assert_eq!(head.contains("\r\nAllow: GET"), status == 405, "{answer}");
        assert_eq!(
            head.contains("\r\nSec-WebSocket-Version: 13"),
            status == 426,
            "{answer}"
        );
        assert_eq!(head.contains("\r\nUpgrade: websocket"), status == 426, "{answer}");
        assert!(connection.is_finished() && !connection.wants_read());
        assert_eq!(read(&mut connection, b"more"), [], "nothing after the end");
    }
}

#[test]
fn requests_that_are_only_unusual_are_taken() {
    for (from, to) in [
        ("HTTP/1.1", "HTTP/1.1"),
        (
            "Connection: Upgrade",
            "Connection: keep-alive\r\nconnection: x, uPgRaDe",
        ),
        ("Upgrade: websocket", "Upgrade: h2c, WebSocket"),
        ("GET /chat?room=7", "GET http://example.com/chat"),
        ("Host: ", "Content-Length: 0\r\nHost: "),
        (
            "Host: ",
            "Sec-WebSocket-Extensions: permessage-deflate; x=\"y\", z\r\nX-Latin1: \u{e9}\r\nHost: ",
        ),
    ] {
        only_request(read(&mut server(Config::default()), request(from, to).as_bytes()));
    }
}

#[test]
fn the_host_refuses_with_any_answer() {
    let mut connection = server(Config::default());
    assert_eq!(connection.refuse(&Response::new(403)), Err(Misuse::NotOpening));
    only_request(read(&mut connection, request("", "").as_bytes()));
    assert_eq!(connection.refuse(&Response::new(101)), Err(Misuse::InvalidStatus));
    assert_eq!(
        connection.refuse(&Response::new(403).header("Content-Length", "1")),
        Err(Misuse::ReservedHeader)
    );
    let response = Response::new(401)
        .header("WWW-Authenticate", "Basic")
        .body("who are you?");
    connection.refuse(&response).unwrap();
    let refusal = only_refusal(read(&mut connection, b""));
    assert_eq!(
        (refusal.status, refusal.cause, &refusal.body[..]),
        (401, None, &b"who are you?"[..])
    );
    let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nConnection: close\r\nContent-Length: 12\r\n\r\nwho are you?";
    assert_eq!(written_text(&mut connection), answer);
    assert!(connection.is_finished());
}

#[test]
fn what_comes_before_the_answer_is_kept_within_a_bound() {
    let frame = [0x81, 0x81, 0, 0, 0, 0, b'x'];
    let config = |early_bytes| Config {
        limits: Limits {
            early_bytes,
            ..Limits::default()
        },
        ..Config::default()
    };
    let mut connection = server(config(14));
    let text = [request("", "").as_bytes(), &frame].concat();
    only_request(read(&mut connection, &text));
    assert_eq!(read(&mut connection, &frame), []);
    connection.accept(&Accept::new()).unwrap();
    let events = read(&mut connection, &frame);
    assert!(
        matches!(
            events[..],
            [
                Event::Opened(_),
                Event::Message(_),
                Event::Message(_),
                Event::Message(_)
            ]
        ),
        "{events:?}"
    );

    let mut connection = server(config(6));
    let events = read(&mut connection, &text);
    assert_eq!(events[1..], [Event::Failed(Failure::Violation(Violation::EarlyData))]);
    assert_eq!(connection.accept(&Accept::new()), Err(Misuse::NotOpening));
}

#[test]
fn the_request_of_a_client() {
    let request = ClientRequest::new("h:1", "/t?q")
        .header("X", "y")
        .subprotocol("a")
        .subprotocol("b");
    let mut connection = client(&request);
    let text = written_text(&mut connection);
    let (head, key) = text.split_once("Sec-WebSocket-Key: ").unwrap();
    assert_eq!(
        head,
        "GET /t?q HTTP/1.1\r\nHost: h:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    );
    let (key, rest) = key.split_once("\r\n").unwrap();
    assert_eq!(key.len(), 24);
    assert_eq!(
        rest,
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\nX: y\r\n\r\n"
    );
    only_request(read(&mut server(Config::default()), text.as_bytes()));
    let bad = ClientRequest::new("h", "/").header("X", "y\r\nZ: 1");
    let refused = Connection::client(Config::default().into(), &bad, NOW, &mut Counting::default());
    assert_eq!(refused.unwrap_err(), Misuse::InvalidHeader);
}

#[test]
fn a_client_takes_only_the_answer_to_its_own_request() {
    let asked = ClientRequest::new("h", "/").subprotocol("a").subprotocol("b");
    let mut connection = client(&asked);
    let mut peer = server(Config::default());
    only_request(read(&mut peer, &written(&mut connection)));
    peer.accept(&Accept::new().subprotocol("b")).unwrap();
    let good = written_text(&mut peer);
    let events = read(&mut connection, good.as_bytes());
    let [Event::Opened(opened)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(opened.subprotocol.as_deref(), Some("b"));
    assert_eq!(opened.headers.get("upgrade"), Some("websocket"));

    for (from, to, violation) in [
        ("HTTP/1.1", "HTTP/1.0", Violation::ResponseMalformed),
        ("HTTP/1.1", "ICY", Violation::ResponseMalformed),
        ("Upgrade: websocket", "Upgrade: h2c", Violation::ResponseUpgrade),
        ("Upgrade: websocket\r\n", "", Violation::ResponseUpgrade),
        ("Connection: Upgrade\r\n", "", Violation::ResponseConnection),
        ("Accept: ", "Accept: x", Violation::ResponseAccept),
        ("Sec-WebSocket-Accept", "X", Violation::ResponseAccept),
        ("Protocol: b", "Protocol: c", Violation::ResponseSubprotocol),
        ("Protocol: b", "Protocol: a, b", Violation::ResponseSubprotocol),
        (
            "Protocol: b",
            "Protocol: a\r\nSec-WebSocket-Protocol: b",
            Violation::ResponseSubprotocol,
        ),
        (
            "Protocol: b",
            "Protocol: b\r\nSec-WebSocket-Extensions: permessage-deflate",
            Violation::ResponseExtension,
        ),
        (
            "Protocol: b",
            "Protocol: b\r\nSec-WebSocket-Extensions: ;",
            Violation::ResponseExtension,
        ),
        (
            "Protocol: b",
            &format!("Protocol: b\r\nX: {}", "y".repeat(16 << 10)),
            Violation::ResponseTooBig,
        ),
        (
            "Protocol: b",
            &format!("Protocol: b{}", "\r\nX: y".repeat(100)),
            Violation::ResponseTooBig,
        ),
    ] {
        let mut connection = client(&asked);
        assert!(good.contains(from), "{from:?}");
        let events = read(&mut connection, good.replacen(from, to, 1).as_bytes());
        assert_eq!(
            events,
            [Event::Failed(Failure::Violation(violation))],
            "{from:?} → {to:?}"
        );
        written(&mut connection);
        assert!(connection.is_finished() && connection.queued_bytes() == 0);
    }
}

#[test]
fn a_client_sees_the_refusal_whole() {
    let long = "x".repeat((64 << 10) + 1);
    for (answer, ended, body, complete) in [
        (
            "HTTP/1.1 403 No way\r\nA: b\r\nContent-Length: 3\r\n\r\nnot",
            false,
            "not",
            true,
        ),
        (
            "HTTP/1.1 403 No way\r\nA: b\r\nContent-Length: 9\r\n\r\nnot",
            true,
            "not",
            false,
        ),
        (
            "HTTP/1.1 403 No way\r\nA: b\r\n\r\nnot at all",
            true,
            "not at all",
            true,
        ),
        (
            "HTTP/1.1 403 No way\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n1\r\nt\r\n0\r\n\r\n",
            false,
            "not",
            true,
        ),
        (
            &format!("HTTP/1.1 403 No way\r\nA: b\r\n\r\n{long}"),
            false,
            &long[1..],
            false,
        ),
    ] {
        let mut connection = client(&ClientRequest::new("h", "/"));
        let mut events = read(&mut connection, answer.as_bytes());
        if ended {
            assert_eq!(events, []);
            connection.handle_end(NOW);
            events = read(&mut connection, b"");
        }
        let refusal = only_refusal(events);
        assert_eq!(
            (refusal.status, refusal.reason.as_str(), refusal.headers.get("a")),
            (403, "No way", Some("b"))
        );
        assert_eq!(
            (&refusal.body[..], refusal.body_complete),
            (body.as_bytes(), complete),
            "{}",
            &answer[..60]
        );
        assert!(connection.is_finished());
    }
}
