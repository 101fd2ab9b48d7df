//! What the tests of `proto` share: entropy without surprises, and turns of a connection.

use std::sync::Arc;

use wsloop::proto::{Accept, ClientRequest, Config, Connection, Entropy, Event, Instant, Side};

pub(crate) const NOW: Instant = Instant::ZERO;

/// Predictable, and never the same twice in a row.
#[derive(Default)]
pub(crate) struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_add(37);
            *byte = self.0;
        }
    }
}

pub(crate) fn server(config: Config) -> Connection {
    Connection::server(Arc::new(config), NOW)
}

pub(crate) fn client(request: &ClientRequest) -> Connection {
    Connection::client(Arc::new(Config::default()), request, NOW, &mut Counting::default()).unwrap()
}

pub(crate) fn open(side: Side) -> Connection {
    Connection::opened(side, Arc::new(Config::default()))
}

/// Gives `bytes` to `connection` and drains its events; the host does nothing.
pub(crate) fn read(connection: &mut Connection, bytes: &[u8]) -> Vec<Event<'static>> {
    let mut bytes = bytes.to_vec();
    let mut input = connection.handle_bytes(NOW, &mut bytes);
    let mut events = Vec::new();
    while let Some(event) = connection.poll_event(&mut input, &mut Counting::default()) {
        events.push(event.into_owned());
    }
    events
}

/// Takes all that waits to be sent.
pub(crate) fn written(connection: &mut Connection) -> Vec<u8> {
    let bytes = connection.poll_transmit(NOW, &mut Counting::default()).to_vec();
    connection.transmitted(NOW, bytes.len());
    bytes
}

/// Takes all that waits to be sent, as text.
pub(crate) fn written_text(connection: &mut Connection) -> String {
    String::from_utf8(written(connection)).unwrap()
}

/// A request that every server must take, with `from` replaced by `to`.
pub(crate) fn request(from: &str, to: &str) -> String {
    let good = "GET /chat?room=7 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    assert!(good.contains(from), "{from:?}");
    good.replacen(from, to, 1)
}

/// A client and a server that have opened; what they said on the way is gone.
pub(crate) fn pair() -> (Connection, Connection) {
    let (mut client, mut server) = (client(&ClientRequest::new("a", "/")), server(Config::default()));
    let events = read(&mut server, &written(&mut client));
    assert!(matches!(events[..], [Event::Request(_)]), "{events:?}");
    server.accept(&Accept::new()).unwrap();
    assert!(matches!(read(&mut server, b"")[..], [Event::Opened(_)]));
    let events = read(&mut client, &written(&mut server));
    assert!(matches!(events[..], [Event::Opened(_)]), "{events:?}");
    (client, server)
}
