//! Answers as real servers and proxies give them: acceptances with all that they add, refusals of every framing.

use wsloop::proto::{ClientRequest, Connection, Event, Failure, Refusal, Violation};

use super::proto_world::{Counting, NOW, client, read, written_text};

/// A client that has asked, and the only right answer to its key.
fn asked() -> (Connection, String) {
    let mut connection = client(&ClientRequest::new("h", "/").subprotocol("a").subprotocol("b"));
    let request = written_text(&mut connection);
    // Our own server answers it, which the example of RFC 6455 has proven right.
    let mut server = super::proto_world::server(wsloop::proto::Config::default());
    read(&mut server, request.as_bytes());
    server.accept(&wsloop::proto::Accept::new()).unwrap();
    let answer = written_text(&mut server);
    let accept = answer.split("Sec-WebSocket-Accept: ").nth(1).unwrap();
    (connection, accept.lines().next().unwrap().to_owned())
}

/// Gives an answer in pieces of `size`, with `ACCEPT` replaced by the right one.
fn answered(answer: &str, frames: &[u8], size: usize) -> (Connection, Vec<Event<'static>>) {
    let (mut connection, accept) = asked();
    let bytes = [answer.replace("ACCEPT", &accept).as_bytes(), frames].concat();
    let mut events = Vec::new();
    for piece in bytes.chunks(size) {
        events.extend(read(&mut connection, piece));
    }
    (connection, events)
}

fn refusal(answer: &str, size: usize, ended: bool) -> Box<Refusal> {
    let (mut connection, mut events) = answered(answer, b"", size);
    if ended {
        assert_eq!(events, [], "{answer}");
        connection.handle_end(NOW);
        events = read(&mut connection, b"");
    }
    assert!(connection.is_finished() && connection.queued_bytes() == 0);
    match <[Event<'static>; 1]>::try_from(events) {
        Ok([Event::Failed(Failure::Refused(refusal))]) => refusal,
        other => panic!("{answer}: {other:?}"),
    }
}

#[test]
fn the_acceptances_of_real_servers_are_taken() {
    for (name, answer) in [
        (
            "nginx",
            "HTTP/1.1 101 Switching Protocols\r\nServer: nginx/1.24.0\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\
             Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
        ),
        (
            "HAProxy",
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: ACCEPT\r\nset-cookie: SERVERID=s1; path=/\r\nvia: 1.1 haproxy\r\n\r\n",
        ),
        (
            "Cloudflare",
            "HTTP/1.1 101 Switching Protocols\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\nConnection: upgrade\r\n\
             Sec-WebSocket-Accept: ACCEPT\r\nUpgrade: websocket\r\nCF-Cache-Status: DYNAMIC\r\n\
             Report-To: {\"group\":\"cf-nel\",\"max_age\":604800}\r\nServer: cloudflare\r\nCF-RAY: 0-FRA\r\n\
             alt-svc: h3=\":443\"; ma=86400\r\n\r\n",
        ),
        (
            "Node ws",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: a\r\n\r\n",
        ),
        (
            "Python websockets",
            "HTTP/1.1 101 Switching Protocols\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: b\r\n\
             Server: Python/3.12 websockets/13.1\r\n\r\n",
        ),
        (
            "Jetty",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\
             Upgrade: WebSocket\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "IIS",
            "HTTP/1.1 101 Switching Protocols\r\nCache-Control: private\r\nUpgrade: Websocket\r\n\
             Server: Microsoft-IIS/10.0\r\nSec-WebSocket-Accept:  ACCEPT \r\nConnection: Upgrade\r\n\
             X-Powered-By: ASP.NET\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\r\n",
        ),
        (
            "no reason phrase",
            "HTTP/1.1 101\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
        ),
        (
            "an empty reason phrase, several options, lines that end in a line feed",
            "HTTP/1.1 101 \nUpgrade: websocket\nConnection: keep-alive\nConnection: x, UPGRADE\n\
             Sec-WebSocket-Accept: ACCEPT\n\n",
        ),
        (
            "a reason in another language, a folded field",
            "HTTP/1.1 101 \u{dc}bergang\r\nUpgrade: websocket\r\nX: a\r\n b\r\n\tc\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: ACCEPT\r\n\r\n",
        ),
        (
            "interim answers before it",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\
             Link: </a.css>; rel=preload\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
        ),
    ] {
        // "Hello" and a ping, in the same read as the answer.
        let frames = b"\x81\x05Hello\x89\x00";
        for size in [usize::MAX, 1, 5] {
            let (mut connection, events) = answered(answer, frames, size);
            let [Event::Opened(opened), Event::Message(message), Event::Ping(_)] = &events[..] else {
                panic!("{name}: {events:?}")
            };
            assert_eq!(message.as_message().as_bytes(), b"Hello", "{name}");
            let last = answer.rsplit("HTTP/1.1 ").next().unwrap();
            assert_eq!(
                opened.subprotocol.as_deref(),
                opened.headers.get("sec-websocket-protocol"),
                "{name}"
            );
            if !answer.contains("\r\n b") {
                let sent: Vec<_> = last
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .map(|(name, _)| name)
                    .collect();
                let seen: Vec<_> = opened.headers.iter().map(|(name, _)| name).collect();
                assert_eq!(seen, sent, "{name}");
            } else {
                assert_eq!(opened.headers.get("x"), Some("a   b  \tc"));
            }
            // The pong, and nothing else.
            assert_eq!(
                connection.poll_transmit(NOW, &mut Counting::default()).len(),
                6,
                "{name}"
            );
        }
    }
}

#[test]
fn an_acceptance_that_is_not_quite_one_fails() {
    let good = "HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n";
    for (from, to, violation) in [
        (
            "Upgrade: websocket",
            "Upgrade: websocket, h2c",
            Violation::ResponseUpgrade,
        ),
        (
            "Upgrade: websocket",
            "Upgrade: h2c\r\nUpgrade: websocket",
            Violation::ResponseUpgrade,
        ),
        ("Upgrade: websocket", "Upgrade:", Violation::ResponseUpgrade),
        (
            "Connection: Upgrade",
            "Connection: close",
            Violation::ResponseConnection,
        ),
        (
            "Connection: Upgrade",
            "Connection: Upgraded",
            Violation::ResponseConnection,
        ),
        ("ACCEPT", "", Violation::ResponseAccept),
        ("ACCEPT", "ACCEPT, ACCEPT", Violation::ResponseAccept),
        (
            "ACCEPT",
            "ACCEPT\r\nSec-WebSocket-Accept: ACCEPT",
            Violation::ResponseAccept,
        ),
        ("ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Violation::ResponseAccept),
        (
            "ACCEPT",
            "ACCEPT\r\nSec-WebSocket-Protocol: A",
            Violation::ResponseSubprotocol,
        ),
        (
            "ACCEPT",
            "ACCEPT\r\nSec-WebSocket-Protocol:",
            Violation::ResponseSubprotocol,
        ),
        (
            "ACCEPT",
            "ACCEPT\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a",
            Violation::ResponseSubprotocol,
        ),
        (
            "ACCEPT",
            "ACCEPT\r\nSec-WebSocket-Extensions: x-mine",
            Violation::ResponseExtension,
        ),
        ("HTTP/1.1", "HTTP/1.0", Violation::ResponseMalformed),
        ("HTTP/1.1", "HTTP/2", Violation::ResponseMalformed),
        ("HTTP/1.1 101", "HTTP/1.1 1", Violation::ResponseMalformed),
        ("HTTP/1.1 101", "HTTP/1.1 099", Violation::ResponseMalformed),
        ("HTTP/1.1 101 Fine", "SSH-2.0-OpenSSH_9.2", Violation::ResponseMalformed),
        ("Connection: ", "Conn ection: ", Violation::ResponseMalformed),
    ] {
        assert!(good.contains(from), "{from}");
        for size in [usize::MAX, 1] {
            let (connection, events) = answered(&good.replacen(from, to, 1), b"", size);
            assert_eq!(events, [Event::Failed(Failure::Violation(violation))], "{to:?}");
            assert!(connection.is_finished() && connection.queued_bytes() == 0);
        }
    }
}

#[test]
fn the_refusals_of_real_servers_are_seen_whole() {
    let html = "<html>\r\n<head><title>404 Not Found</title></head>\r\n</html>\r\n";
    let with_length = format!(
        "HTTP/1.1 404 Not Found\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: keep-alive\r\n\r\n{html}",
        html.len()
    );
    for (answer, status, field, body, ended) in [
        (with_length.as_str(), 404, ("server", "nginx"), html, false),
        (
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\"\r\nContent-Length: 9\r\n\r\nwho goes?",
            401,
            ("www-authenticate", "Basic realm=\"a, b\""),
            "who goes?",
            false,
        ),
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
            407,
            ("proxy-authenticate", "Negotiate"),
            "",
            false,
        ),
        (
            "HTTP/1.1 301 Moved Permanently\r\nLocation: https://b.example/ws\r\ncontent-length: 0\r\n\r\n",
            301,
            ("location", "https://b.example/ws"),
            "",
            false,
        ),
        (
            "HTTP/1.1 307\r\nLocation: /there\r\nConnection: close\r\n\r\nsee there",
            307,
            ("location", "/there"),
            "see there",
            true,
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\nTransfer-Encoding: chunked\r\n\r\n\
             4;name=\"x\"\r\nbusy\r\n00A\r\n, 10 bytes\r\n0\r\nX-Trailer: y\r\n\r\n",
            503,
            ("retry-after", "120"),
            "busy, 10 bytes",
            false,
        ),
        (
            "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8, 7\r\n\
             Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
            426,
            ("sec-websocket-version", "13"),
            "",
            false,
        ),
        ("HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, ("x", "y"), "", false),
        (
            "HTTP/1.1 304 Not Modified\r\nX: y\r\nContent-Length: 99\r\n\r\n",
            304,
            ("x", "y"),
            "",
            false,
        ),
        ("HTTP/1.1 200 OK\r\nX: y\r\n\r\n<html>", 200, ("x", "y"), "<html>", true),
        (
            "HTTP/1.0 502 Bad Gateway\r\nX: y\r\n\r\nold",
            502,
            ("x", "y"),
            "old",
            true,
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nX: y\r\nContent-Length: 2\r\n\r\nno",
            403,
            ("x", "y"),
            "no",
            false,
        ),
    ] {
        for size in [usize::MAX, 1, 3] {
            let refusal = refusal(answer, size, ended);
            assert_eq!(refusal.status, status, "{answer}");
            assert_eq!(refusal.headers.get(field.0), Some(field.1), "{answer}");
            assert_eq!(String::from_utf8_lossy(&refusal.body), body, "{answer}");
            assert!(refusal.body_complete && refusal.cause.is_none(), "{answer}");
        }
    }
}

#[test]
fn a_refusal_cut_short_or_broken_shows_what_came() {
    for (framing, body, ended) in [
        ("Content-Length: 9", "half", true),
        ("Transfer-Encoding: chunked", "8\r\nhalf", true),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\nnot a size\r\n", false),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n-1\r\n", false),
    ] {
        let refusal = refusal(&format!("HTTP/1.1 500\r\n{framing}\r\n\r\n{body}"), usize::MAX, ended);
        assert_eq!(
            (&refusal.body[..], refusal.body_complete),
            (&b"half"[..], false),
            "{body:?}"
        );
    }
    for lengths in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: -1",
        "Content-Length: 1, 2",
        "Content-Length: x",
    ] {
        let (_, events) = answered(&format!("HTTP/1.1 500\r\n{lengths}\r\n\r\nx"), b"", usize::MAX);
        assert_eq!(
            events,
            [Event::Failed(Failure::Violation(Violation::ResponseMalformed))],
            "{lengths}"
        );
    }
}

#[test]
fn endless_interim_answers_are_bounded() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(1 << 10);
    let (connection, events) = answered(&interim, b"", 1000);
    assert_eq!(events, [Event::Failed(Failure::Violation(Violation::ResponseTooBig))]);
    assert!(connection.is_finished());
}
