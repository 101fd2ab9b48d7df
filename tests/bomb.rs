//! Compressed messages that become a thousand times as long: refused with 1009, at the cost of what the limit says.
//!
//! One test in a process of its own, since it looks at the process's resident memory.
//! `cargo test --release --test bomb -- --nocapture` prints the growth.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use wsloop::EventLoop;
use wsloop::engine::{self, Event, Events, Handle, ListenOptions};
use wsloop::proto::{
    Accept, ClientRequest, Config, Connection, Deflate, Entropy, Failure, Instant, Limits, MessageKind, Violation,
};

const GIB: usize = 1 << 30;
const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(120);

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A client's connection and a server's that have agreed on compression.
fn pair() -> (Connection, Connection) {
    let config = Arc::new(Config {
        deflate: Some(Deflate::default()),
        ..Config::default()
    });
    let request = ClientRequest::new("localhost", "/");
    let mut client = Connection::client(config.clone(), &request, Instant::ZERO, &mut Fixed).unwrap();
    let mut server = Connection::server(config, Instant::ZERO);
    for _ in 0..2 {
        carry(&mut client, &mut server);
        carry(&mut server, &mut client);
    }
    (client, server)
}

fn carry(from: &mut Connection, to: &mut Connection) {
    let mut bytes = from.poll_transmit(Instant::ZERO, &mut Fixed).to_vec();
    from.transmitted(Instant::ZERO, bytes.len());
    let mut input = to.handle_bytes(Instant::ZERO, &mut bytes);
    while let Some(event) = to.poll_event(&mut input, &mut Fixed) {
        if let wsloop::proto::Event::Request(_) = event {
            to.accept(&Accept::new()).unwrap();
        }
    }
}

/// Zeros, compressed: the first `step` bytes of them, and each further as many, which compress to the same each time.
fn zeros(step: usize) -> (Vec<u8>, Vec<u8>) {
    let (_, mut server) = pair();
    server.begin_message(MessageKind::Binary, true).unwrap();
    let chunks = [(); 2].map(|()| {
        server.send_chunk(&vec![0; step], false, &mut Fixed).unwrap();
        let sent = server.poll_transmit(Instant::ZERO, &mut Fixed).to_vec();
        server.transmitted(Instant::ZERO, sent.len());
        let header_bytes = if sent[1] == 126 { 4 } else { 2 };
        assert!(sent.ends_with(&[0, 0, 0xff, 0xff]));
        sent[header_bytes..].to_vec()
    });
    let [first, next] = chunks;
    (first, next)
}

/// A client's frame, its masking key zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | 127];
    if payload.len() < 126 {
        bytes[1] = 0x80 | payload.len() as u8;
    } else if payload.len() <= 0xffff {
        bytes[1] = 0x80 | 126;
        bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    } else {
        bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// One message of `total` zeros, in one frame or in as many as there are MiB of them.
fn bomb(total: usize, in_fragments: bool) -> Vec<u8> {
    let (first, next) = zeros(MIB);
    let count = total / MIB;
    let last = &next[..next.len() - 4];
    let bytes = if in_fragments {
        let middle = frame(0x00, &next).repeat(count - 2);
        [frame(0x42, &first), middle, frame(0x80, last)].concat()
    } else {
        frame(0xc2, &[&first[..], &next.repeat(count - 2), last].concat())
    };
    assert!(bytes.len() < total / 900, "{}", bytes.len());
    bytes
}

/// What a server made of it.
#[derive(Debug, Default)]
struct Outcome {
    violation: Option<Violation>,
    messages: usize,
    bytes: usize,
    longest: usize,
}

/// A server on a thread of its own, which looks at what comes and keeps nothing.
struct Server {
    addr: SocketAddr,
    handle: Handle,
    outcomes: Receiver<Outcome>,
    thread: std::thread::JoinHandle<()>,
}

impl Server {
    fn start(limits: Limits, chunks: bool) -> Self {
        let (sender, receiver) = mpsc::channel();
        let (report, outcomes) = channel();
        let thread = std::thread::spawn(move || {
            let protocol = Config {
                limits,
                deflate: Some(Deflate::default()),
                ..Config::default()
            };
            let mut event_loop = EventLoop::new(engine::Config::default()).unwrap();
            let options = ListenOptions::new("127.0.0.1:0")
                .protocol(Arc::new(protocol))
                .chunks(chunks);
            let listener = event_loop.listen(options).unwrap();
            let addr = event_loop.local_addr(listener).unwrap();
            let mut events = Events::default();
            sender.send((addr, event_loop.handle())).unwrap();
            let mut outcome = Outcome::default();
            while !event_loop.is_drained() {
                event_loop.poll(&mut events, None).unwrap();
                for (_, event) in &events {
                    let length = match event {
                        Event::Message(message) => message.as_bytes().len(),
                        Event::Chunk(chunk) => chunk.bytes.len(),
                        Event::Failed(engine::Failure::Protocol(Failure::Violation(violation))) => {
                            outcome.violation = Some(*violation);
                            report.send(std::mem::take(&mut outcome)).unwrap();
                            continue;
                        }
                        Event::Closed(_) => {
                            report.send(std::mem::take(&mut outcome)).unwrap();
                            continue;
                        }
                        _ => continue,
                    };
                    outcome.messages += 1;
                    outcome.bytes += length;
                    outcome.longest = outcome.longest.max(length);
                }
            }
        });
        let (addr, handle) = receiver.recv().unwrap();
        Self {
            addr,
            handle,
            outcomes,
            thread,
        }
    }

    /// Sends `bytes` and then a Close; gives what the server made of it and the code of its own Close.
    fn attack(&self, bytes: &[u8]) -> (Outcome, u16) {
        let mut client = TcpStream::connect(self.addr).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(String::from_utf8(head).unwrap().contains("permessage-deflate"));
        // Once it has refused, the server need not take the rest.
        for piece in bytes
            .chunks(64 << 10)
            .chain([&frame(0x88, &1000_u16.to_be_bytes())[..]])
        {
            if let Err(error) = client.write_all(piece) {
                assert!(
                    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                    "{error}"
                );
                break;
            }
        }
        let outcome = self.outcomes.recv_timeout(PATIENCE).unwrap();
        let mut close = [0; 4];
        client.read_exact(&mut close).unwrap();
        assert_eq!(close[0], 0x88);
        (outcome, u16::from_be_bytes([close[2], close[3]]))
    }

    fn stop(self) {
        self.handle.stop().unwrap();
        self.thread.join().unwrap();
    }
}

/// Resident memory of this process and the most it was, in kB.
fn memory() -> (i64, i64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// What the attack made of the server, and by how many kB resident memory grew at most.
fn measured(name: &str, limits: &Limits, chunks: bool, bytes: &[u8]) -> (Outcome, u16, i64) {
    let server = Server::start(limits.clone(), chunks);
    // It is warm: an honest message was inflated.
    let (first, _) = zeros(1000);
    let (outcome, code) = server.attack(&frame(0xc2, &first[..first.len() - 4]));
    assert_eq!((outcome.bytes, outcome.violation, code), (1000, None, 1000));
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory();
    let (outcome, code) = server.attack(bytes);
    let growth = memory().1 - before.0;
    println!(
        "{name}: {} bytes sent; {outcome:?}; Close {code}; at most {growth} kB of resident memory more",
        bytes.len()
    );
    server.stop();
    (outcome, code, growth)
}

#[test]
fn a_bomb_costs_what_the_limit_says() {
    let by_size = Limits {
        message_bytes: MIB as u64,
        inflate_ratio: u32::MAX,
        ..Limits::default()
    };
    let by_ratio = Limits::default();
    let unlimited = Limits {
        inflate_ratio: u32::MAX,
        ..Limits::default()
    };
    for in_fragments in [false, true] {
        let bytes = bomb(GIB, in_fragments);
        let how = if in_fragments {
            "1 GiB in 1,024 fragments"
        } else {
            "1 GiB in one frame"
        };

        let (outcome, code, growth) = measured(&format!("{how}, messages of 1 MiB"), &by_size, false, &bytes);
        assert_eq!(
            (outcome.violation, outcome.messages, code),
            (Some(Violation::MessageTooBig), 0, 1009)
        );
        assert!(growth < 2048, "{growth} kB");

        let (outcome, code, growth) = measured(&format!("{how}, by ratio"), &by_ratio, false, &bytes);
        assert_eq!(
            (outcome.violation, outcome.messages, code),
            (Some(Violation::InflateRatio), 0, 1009)
        );
        assert!(growth < 2048, "{growth} kB");

        let (outcome, code, growth) = measured(&format!("{how}, in chunks, by ratio"), &by_ratio, true, &bytes);
        assert_eq!((outcome.violation, code), (Some(Violation::InflateRatio), 1009));
        // Looked at from 256 KiB on, every 32 KiB.
        assert!((200 << 10..300 << 10).contains(&outcome.bytes), "{outcome:?}");
        assert!(growth < 2048, "{growth} kB");
    }

    // Who takes it in chunks, without a limit on the ratio, gets all of it and holds little.
    let total = if cfg!(debug_assertions) { GIB / 8 } else { GIB };
    let (outcome, code, growth) = measured("taken in chunks", &unlimited, true, &bomb(total, false));
    assert_eq!((outcome.violation, outcome.bytes, code), (None, total, 1000));
    assert!(outcome.longest <= 64 << 10, "{outcome:?}");
    assert!(growth < 24 << 10, "{growth} kB");

    // Many that are too short for the ratio to matter: no more of them at once than one small read can become.
    let (first, _) = zeros(255 << 10);
    let many = frame(0xc2, &first[..first.len() - 4]);
    let count = if cfg!(debug_assertions) { 500 } else { 4000 };
    // The window goes on from one to the next; the compressor did not, so its first bytes refer to nothing before.
    let (outcome, code, growth) = measured("many short ones", &by_ratio, false, &many.repeat(count));
    assert_eq!((outcome.violation, outcome.messages, code), (None, count, 1000));
    assert!(growth < 24 << 10, "{growth} kB");
}
