//! Requests as real clients write them: nothing of them is lost.

use wsloop::proto::{Accept, Config, Event, Request};

use super::proto_world::{read, server, written_text};

/// What a client sends right after its request: "Hello", masked (RFC 6455 section 5.7).
pub(crate) const FRAME: [u8; 11] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];

/// A request as its client writes it, and what the host must see of it.
struct Client {
    name: &'static str,
    head: &'static str,
    host: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    origin: Option<&'static str>,
    subprotocols: &'static [&'static str],
}

const CLIENTS: &[Client] = &[
    Client {
        name: "Chrome",
        head: "GET /chat?a=1&b=%20|^ HTTP/1.1\r\nHost: localhost:9001\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
            Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
            Chrome/131.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\nOrigin: http://localhost:8000\r\n\
            Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
            Cookie: a=b; c=d\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
            Sec-WebSocket-Protocol: graphql-ws, soap\r\n\r\n",
        host: "localhost:9001",
        path: "/chat",
        query: Some("a=1&b=%20|^"),
        origin: Some("http://localhost:8000"),
        subprotocols: &["graphql-ws", "soap"],
    },
    Client {
        name: "Firefox",
        head: "GET / HTTP/1.1\r\nHost: [::1]:9001\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) \
            Gecko/20100101 Firefox/128.0\r\nAccept: */*\r\nAccept-Language: de,en-US;q=0.7,en;q=0.3\r\n\
            Accept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\nOrigin: null\r\n\
            Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nDNT: 1\r\nConnection: keep-alive, Upgrade\r\n\
            Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Site: cross-site\r\nPragma: no-cache\r\n\
            Cache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n",
        host: "[::1]:9001",
        path: "/",
        query: None,
        origin: Some("null"),
        subprotocols: &["chat"],
    },
    Client {
        name: "Safari",
        head: "GET /a%2Fb/%C3%A9?q=%3D%26 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: example.com\r\n\
            Origin: https://example.com\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Extensions: x-webkit-deflate-frame, permessage-deflate\r\n\
            User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
            Version/17.6 Safari/605.1.15\r\n\r\n",
        host: "example.com",
        path: "/a%2Fb/%C3%A9",
        query: Some("q=%3D%26"),
        origin: Some("https://example.com"),
        subprotocols: &[],
    },
    Client {
        name: "curl",
        head: "GET /live HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
            Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        host: "127.0.0.1:9001",
        path: "/live",
        query: None,
        origin: None,
        subprotocols: &[],
    },
    Client {
        name: "Python websockets",
        head: "GET /?x HTTP/1.1\r\nHost: localhost:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: a, b\r\n\
            User-Agent: Python/3.12 websockets/13.1\r\n\r\n",
        host: "localhost:9001",
        path: "/",
        query: Some("x"),
        origin: None,
        subprotocols: &["a", "b"],
    },
    Client {
        name: "aiohttp",
        head: "GET /ws HTTP/1.1\r\nHost: localhost:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: a,b\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n\
            Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: Python/3.12 aiohttp/3.10.5\r\n\r\n",
        host: "localhost:9001",
        path: "/ws",
        query: None,
        origin: None,
        subprotocols: &["a", "b"],
    },
    Client {
        name: "Node ws",
        head: "GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Connection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: a,b\r\n\
            Host: localhost:9001\r\n\r\n",
        host: "localhost:9001",
        path: "/",
        query: None,
        origin: None,
        subprotocols: &["a", "b"],
    },
    Client {
        name: "Node fetch (undici)",
        head: "GET / HTTP/1.1\r\nhost: localhost:9001\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
            sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\naccept: */*\r\n\
            accept-language: *\r\nsec-fetch-mode: websocket\r\nuser-agent: node\r\npragma: no-cache\r\n\
            cache-control: no-cache\r\naccept-encoding: gzip, deflate\r\n\r\n",
        host: "localhost:9001",
        path: "/",
        query: None,
        origin: None,
        subprotocols: &[],
    },
    Client {
        name: "Go gorilla",
        head: "GET /echo HTTP/1.1\r\nHost: localhost:9001\r\nUser-Agent: Go-http-client/1.1\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: one, two\r\n\
            Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n\r\n",
        host: "localhost:9001",
        path: "/echo",
        query: None,
        origin: None,
        subprotocols: &["one", "two"],
    },
    Client {
        name: "Java",
        head: "GET /events HTTP/1.1\r\nConnection: Upgrade\r\nHost: localhost:9001\r\nUpgrade: websocket\r\n\
            User-Agent: Java-http-client/21.0.4\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v2\r\nSec-WebSocket-Protocol: v1\r\n\r\n",
        host: "localhost:9001",
        path: "/events",
        query: None,
        origin: None,
        subprotocols: &["v2", "v1"],
    },
    Client {
        name: "nginx before it",
        head: "GET /app/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nHost: example.com\r\n\
            X-Real-IP: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\
            Sec-WebSocket-Version: 13\r\nOrigin: https://example.com\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        host: "example.com",
        path: "/app/",
        query: None,
        origin: Some("https://example.com"),
        subprotocols: &[],
    },
];

pub(crate) fn take_request(events: Vec<Event<'static>>) -> Box<Request> {
    match <[Event<'static>; 1]>::try_from(events) {
        Ok([Event::Request(request)]) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_requests_of_real_clients_are_seen_whole() {
    for client in CLIENTS {
        let bytes = [client.head.as_bytes(), &FRAME].concat();
        for size in [bytes.len(), 1, 7] {
            let mut connection = server(Config::default());
            let mut events = Vec::new();
            for piece in bytes.chunks(size) {
                events.extend(read(&mut connection, piece));
            }
            let request = take_request(events);
            let name = client.name;
            assert_eq!(request.host(), client.host, "{name}");
            assert_eq!((request.path(), request.query()), (client.path, client.query), "{name}");
            assert_eq!(request.origin(), client.origin, "{name}");
            assert_eq!(
                request.subprotocols().collect::<Vec<_>>(),
                client.subprotocols,
                "{name}"
            );
            let sent = client.head.lines().skip(1).filter_map(|line| line.split_once(": "));
            let seen = request
                .headers()
                .iter()
                .map(|(name, value)| (name, std::str::from_utf8(value).unwrap()));
            assert!(seen.eq(sent), "{name}");

            connection.accept(&Accept::new()).unwrap();
            let events = read(&mut connection, b"");
            let [Event::Opened(_), Event::Message(message)] = &events[..] else {
                panic!("{name}: {events:?}")
            };
            assert_eq!(message.as_message().as_bytes(), b"Hello", "{name}");
            assert!(written_text(&mut connection).starts_with("HTTP/1.1 101 "), "{name}");
        }
    }
}
