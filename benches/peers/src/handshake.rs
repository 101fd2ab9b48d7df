//! The opening handshake, from either side. A connection is made and dropped for each, so what a peer allocates for its
//! buffers counts. fastwebsockets has none of its own (hyper does it) and isn't here.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use tungstenite::HandshakeError;
use tungstenite::client::IntoClientRequest;
use wsloop::proto::{Accept, ClientRequest, Config, Connection, Event, Instant};

use crate::Cases;
use crate::frames::Random;
use crate::memory::{Memory, ready};

/// How many a pass makes.
const COUNT: usize = 32;

/// What Chromium sends, but for compression, so that all answer alike.
const REQUEST: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nConnection: Upgrade\r\n\
    Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\nOrigin: http://example.com\r\n\
    Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const URI: &str = "ws://server.example.com/chat?room=1";

pub(crate) fn cases() -> Vec<Cases> {
    vec![server(), client()]
}

fn server() -> Cases {
    let mut task = Cases::new("handshake", "server", COUNT);
    let memory = Memory::new(REQUEST.into());
    let (config, mut random) = (Arc::new(Config::default()), Random::new());
    let mut buffer = vec![0; 4096];
    task.add("wsloop", move || {
        for _ in 0..COUNT {
            memory.rewind();
            let mut server = Connection::server(config.clone(), Instant::ZERO);
            let length = memory.copy_to(&mut buffer);
            let mut input = server.handle_bytes(Instant::ZERO, &mut buffer[..length]);
            let request = server.poll_event(&mut input, &mut random);
            assert!(matches!(request, Some(Event::Request(_))));
            server.accept(&Accept::new()).expect("a request waits");
            let opened = server.poll_event(&mut input, &mut random);
            assert!(matches!(opened, Some(Event::Opened(_))));
            assert!(server.poll_event(&mut input, &mut random).is_none());
            send(&mut server, &memory, &mut random);
        }
    });

    let memory = Memory::new(REQUEST.into());
    task.add("tungstenite", move || {
        for _ in 0..COUNT {
            memory.rewind();
            assert!(tungstenite::accept(memory.clone()).is_ok());
        }
    });

    let memory = Memory::new(REQUEST.into());
    let builder = tokio_websockets::ServerBuilder::new();
    task.add("tokio-websockets", move || {
        for _ in 0..COUNT {
            memory.rewind();
            assert!(ready(builder.accept(memory.clone())).is_ok());
        }
    });
    task
}

/// The server's answer is made by the bench, the same for all; the yardstick is what that alone costs.
fn client() -> Cases {
    let mut task = Cases::new("handshake", "client, with the answer made by the bench", COUNT);
    let memory = Memory::new(Vec::new());
    task.add("the answer alone", move || {
        for _ in 0..COUNT {
            memory.clear();
            memory.put(REQUEST.as_bytes());
            memory.answer(answer);
        }
    });

    let memory = Memory::new(Vec::new());
    let (config, mut random) = (Arc::new(Config::default()), Random::new());
    let request = ClientRequest::new("server.example.com", "/chat?room=1");
    let mut buffer = vec![0; 4096];
    task.add("wsloop", move || {
        for _ in 0..COUNT {
            memory.clear();
            let client = Connection::client(config.clone(), &request, Instant::ZERO, &mut random);
            let mut client = client.expect("the request is valid");
            send(&mut client, &memory, &mut random);
            memory.answer(answer);
            let length = memory.copy_to(&mut buffer);
            let mut input = client.handle_bytes(Instant::ZERO, &mut buffer[..length]);
            let opened = client.poll_event(&mut input, &mut random);
            assert!(matches!(opened, Some(Event::Opened(_))));
            assert!(client.poll_event(&mut input, &mut random).is_none());
        }
    });

    let memory = Memory::new(Vec::new());
    task.add("tungstenite", move || {
        for _ in 0..COUNT {
            memory.clear();
            let request = URI.into_client_request().expect("the address is valid");
            let waiting = match tungstenite::client(request, memory.clone()) {
                Err(HandshakeError::Interrupted(waiting)) => waiting,
                _ => panic!("it did not wait for the answer"),
            };
            memory.answer(answer);
            assert!(waiting.handshake().is_ok());
        }
    });

    let memory = Memory::new(Vec::new());
    let builder = tokio_websockets::ClientBuilder::new();
    let builder = builder.uri(URI).expect("the address is valid");
    task.add("tokio-websockets", move || {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..COUNT {
            memory.clear();
            let mut opening = pin!(builder.connect_on(memory.clone()));
            assert!(opening.as_mut().poll(&mut context).is_pending());
            memory.answer(answer);
            match Pin::new(&mut opening).poll(&mut context) {
                Poll::Ready(opened) => assert!(opened.is_ok()),
                Poll::Pending => panic!("it waits for more than the answer"),
            }
        }
    });
    task
}

/// All that waits goes to the transport.
fn send(connection: &mut Connection, memory: &Memory, random: &mut Random) {
    let output = connection.poll_transmit(Instant::ZERO, random);
    memory.put(output);
    let written = output.len();
    connection.transmitted(Instant::ZERO, written);
}

/// A server in five lines.
fn answer(request: &[u8], response: &mut Vec<u8>) {
    const NAME: &[u8] = b"sec-websocket-key: ";
    let is_name = |window: &[u8]| window.eq_ignore_ascii_case(NAME);
    let start = request.windows(NAME.len()).position(is_name).expect("a key") + NAME.len();
    let mut hash = Sha1::new();
    hash.update(&request[start..start + 24]);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    response.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    response.extend_from_slice(STANDARD.encode(hash.finalize()).as_bytes());
    response.extend_from_slice(b"\r\n\r\n");
}
