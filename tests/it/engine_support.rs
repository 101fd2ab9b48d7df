//! What the engine's tests share: a loop driven until something happens, a server on a thread, and a peer that speaks
//! in raw frames.
#![allow(clippy::disallowed_methods)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, Handle, ListenOptions, ListenerId, Notice, StreamId};

/// No wait of a test is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A loop in the hands of the test.
pub(crate) struct Rig {
    pub(crate) event_loop: EventLoop,
    pub(crate) events: Events,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), Events::default())
    }

    pub(crate) fn with(config: Config, events: Events) -> Self {
        Self {
            event_loop: EventLoop::new(config).unwrap(),
            events,
        }
    }

    pub(crate) fn listen(&mut self, options: ListenOptions) -> (ListenerId, SocketAddr) {
        let listener = self.event_loop.listen(options).unwrap();
        (listener, self.event_loop.local_addr(listener).unwrap())
    }

    /// Polls until `see` has made something of an event.
    pub(crate) fn until<T>(&mut self, mut see: impl FnMut(&mut EventLoop, StreamId, Event<'_>) -> Option<T>) -> T {
        let begun = Instant::now();
        let mut found = None;
        while found.is_none() {
            assert!(begun.elapsed() < PATIENCE, "nothing came of it");
            self.event_loop
                .poll(&mut self.events, Some(Duration::from_millis(100)))
                .unwrap();
            for (stream, event) in &self.events {
                let made = see(&mut self.event_loop, stream, event);
                found = found.or(made);
            }
        }
        found.unwrap()
    }

    /// Polls until `done`, with no eye for events.
    pub(crate) fn until_true(&mut self, mut done: impl FnMut(&mut EventLoop, &Events) -> bool) {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "it did not come true");
            self.event_loop
                .poll(&mut self.events, Some(Duration::from_millis(20)))
                .unwrap();
            if done(&mut self.event_loop, &self.events) {
                return;
            }
        }
    }

    /// Waits for a stream to open.
    pub(crate) fn opened(&mut self) -> StreamId {
        self.until(|_, stream, event| matches!(event, Event::Opened(_)).then_some(stream))
    }
}

/// A server on a thread of its own.
pub(crate) struct Serving {
    pub(crate) addr: SocketAddr,
    pub(crate) handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Serves with `see` until dropped.
pub(crate) fn serve(
    options: ListenOptions,
    mut events: Events,
    mut see: impl FnMut(&mut EventLoop, StreamId, Event<'_>) + Send + 'static,
) -> Serving {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut event_loop = EventLoop::new(Config::default()).unwrap();
        let listener = event_loop.listen(options).unwrap();
        sender
            .send((event_loop.local_addr(listener).unwrap(), event_loop.handle()))
            .unwrap();
        while !event_loop.is_drained() {
            event_loop.poll(&mut events, None).unwrap();
            for (stream, event) in &events {
                see(&mut event_loop, stream, event);
            }
        }
    });
    let (addr, handle) = receiver.recv().unwrap();
    Serving {
        addr,
        handle,
        thread: Some(thread),
    }
}

/// Sends every message back.
pub(crate) fn echo(event_loop: &mut EventLoop, stream: StreamId, event: Event<'_>) {
    if let Event::Message(message) = event {
        let _ = event_loop.send(stream, message);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !std::thread::panicking() {
                result.unwrap();
            }
        }
    }
}

/// A client that knows frames and nothing else, so that it can break every rule.
pub(crate) struct RawClient {
    pub(crate) socket: TcpStream,
}

impl RawClient {
    /// Connects without a word.
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { socket }
    }

    /// Connects and opens.
    pub(crate) fn open(addr: SocketAddr) -> Self {
        let mut client = Self::connect(addr);
        client.socket.write_all(request().as_bytes()).unwrap();
        let head = client.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    pub(crate) fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.socket.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) fn send(&mut self, first: u8, payload: &[u8]) {
        self.socket.write_all(&frame(first, payload)).unwrap();
    }

    /// The next frame: its first byte and its payload. A server's frame has no mask.
    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.socket.read_exact(&mut head).unwrap();
        assert_eq!(head[1] & 0x80, 0, "a server must not mask");
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                self.socket.read_exact(&mut len).unwrap();
                u64::from(u16::from_be_bytes(len))
            }
            127 => {
                let mut len = [0; 8];
                self.socket.read_exact(&mut len).unwrap();
                u64::from_be_bytes(len)
            }
            len => u64::from(len),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.socket.read_exact(&mut payload).unwrap();
        (head[0], payload)
    }

    /// Whether the peer has ended the stream in good order, with nothing more before.
    pub(crate) fn at_end(&mut self) -> bool {
        self.socket.read(&mut [0]).unwrap() == 0
    }
}

/// The plainest opening request.
pub(crate) fn request() -> String {
    "GET /chat?room=7 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        .into()
}

/// A client's frame, masked.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Frames' first bytes: FIN and the opcode.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// Whether a notice of this kind is among the events.
pub(crate) fn has_notice(events: &Events, wanted: &Notice) -> bool {
    events.notices().any(|notice| notice == wanted)
}
