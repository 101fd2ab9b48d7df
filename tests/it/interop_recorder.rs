//! What passes between two sides, read along on the way: the extensions in the handshake's heads, and every frame's
//! first bit. It reads frames by itself, so that neither side is asked what it did.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A port that passes one connection on, and keeps what went over it.
pub(crate) struct Recorder {
    pub(crate) port: u16,
    pair: JoinHandle<[Vec<u8>; 2]>,
}

/// A connection's heads and messages.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The client's `Sec-WebSocket-Extensions`.
    pub(crate) offered: Option<String>,
    /// The server's.
    pub(crate) answered: Option<String>,
    pub(crate) from_client: Vec<Wire>,
    pub(crate) from_server: Vec<Wire>,
}

/// A message of text or binary as it went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    /// RSV1 of its first frame.
    pub(crate) compressed: bool,
    pub(crate) frames: usize,
    /// The payloads of its frames.
    pub(crate) bytes: usize,
}

impl Recorder {
    /// Passes the first connection on to `port` of 127.0.0.1.
    pub(crate) fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let pair = thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
            let up = pass(client.try_clone().unwrap(), server.try_clone().unwrap());
            let down = pass(server, client);
            [up.join().unwrap(), down.join().unwrap()]
        });
        Self { port: own, pair }
    }

    /// What was recorded, once both sides have ended.
    pub(crate) fn finish(self) -> Recording {
        let [client, server] = self.pair.join().unwrap();
        let (offered, client) = head(&client);
        let (answered, server) = head(&server);
        Recording {
            offered,
            answered,
            from_client: messages(client, true),
            from_server: messages(server, false),
        }
    }
}

/// Copies until the end, and ends the other side, too.
fn pass(mut from: TcpStream, mut to: TcpStream) -> JoinHandle<Vec<u8>> {
    from.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    from.set_nodelay(true).unwrap();
    thread::spawn(move || {
        let (mut kept, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        // A side that has what it wants may reset the connection, which is an end as well.
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            kept.extend_from_slice(&buffer[..count]);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        kept
    })
}

/// The extensions that a head names, and what comes after it.
fn head(bytes: &[u8]) -> (Option<String>, &[u8]) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let text = std::str::from_utf8(&bytes[..end]).unwrap();
    let values: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-extensions"))
        .map(|(_, value)| value.trim())
        .collect();
    let joined = (!values.is_empty()).then(|| values.join(", "));
    (joined, &bytes[end..])
}

/// RFC 6455 section 5.2, without a thought for what isn't asked here.
fn messages(mut bytes: &[u8], masked: bool) -> Vec<Wire> {
    let mut messages: Vec<Wire> = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80 != 0, masked, "a client masks, a server does not");
        let (extended, rest) = rest.split_at(match second & 0x7f {
            127 => 8,
            126 => 2,
            _ => 0,
        });
        let length = match extended {
            [] => usize::from(second & 0x7f),
            extended => extended.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        };
        bytes = &rest[length + if masked { 4 } else { 0 }..];
        let rsv1 = first & 0x40 != 0;
        assert_eq!(first & 0x30, 0, "no extension here uses RSV2 or RSV3");
        match first & 0x0f {
            0 => {
                assert!(!rsv1, "RFC 7692 section 6.1: RSV1 stands in the first frame alone");
                let last = messages.last_mut().unwrap();
                last.frames += 1;
                last.bytes += length;
            }
            1 | 2 => messages.push(Wire {
                compressed: rsv1,
                frames: 1,
                bytes: length,
            }),
            _ => assert!(!rsv1, "RFC 7692 section 5.2: control frames are not compressed"),
        }
    }
    messages
}
