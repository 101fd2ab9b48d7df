//! What the loop itself costs for each message of an echo, the kernel left out: an `Engine` over a system that hands out
//! frames recorded before and swallows what is written. Beside it, over the same system, the least that a server of
//! frames can do: headers and an exclusive or in place by hand, no rule checked, nothing held.
//!
//! `cargo bench --features engine --bench turns`
#![allow(missing_docs, clippy::unwrap_used)]

mod by_hand;
mod swallowing;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use swallowing::{Swallowing, frames};
use wsloop::engine::{Config, Engine, Event, Events, ListenOptions, StreamId, Sys};
use wsloop::proto::Message;

/// Payload in bytes, connections, messages in flight on each: the cases of an echo that are compared elsewhere.
const CASES: [(usize, usize, usize); 7] = [
    (16, 32, 1),
    (16, 32, 16),
    (125, 32, 1),
    (125, 256, 16),
    (1 << 10, 32, 16),
    (16 << 10, 32, 16),
    (64 << 10, 32, 1),
];

/// An echo server with as many open connections.
struct Echo {
    engine: Engine<Swallowing>,
    events: Events,
    streams: Vec<StreamId>,
}

impl Echo {
    fn new(connections: usize, burst: Vec<u8>) -> Self {
        let mut engine = Engine::with_sys(Swallowing::new(connections, burst), Config::default());
        engine.listen(ListenOptions::new("127.0.0.1:1")).unwrap();
        let mut events = Events::default();
        let mut streams = Vec::new();
        while streams.len() < connections {
            engine.poll(&mut events, Some(Duration::ZERO)).unwrap();
            let opened = |(stream, event)| matches!(event, Event::Opened(_)).then_some(stream);
            streams.extend(events.iter().filter_map(opened));
        }
        engine.sys_mut().start();
        Self {
            engine,
            events,
            streams,
        }
    }

    fn turn(&mut self) {
        self.engine.poll(&mut self.events, Some(Duration::ZERO)).unwrap();
    }

    /// Takes turns until so many messages have come.
    fn run(&mut self, messages: usize) {
        let mut seen = 0;
        while seen < messages {
            self.engine.poll(&mut self.events, None).unwrap();
            for (stream, event) in &self.events {
                if let Event::Message(message) = event {
                    let _ = black_box(self.engine.send(stream, message).unwrap());
                    seen += 1;
                }
            }
        }
        black_box(self.engine.sys().written_bytes());
    }
}

/// The same by hand, socket after socket.
fn by_hand(sys: &mut Swallowing, connections: usize, buffer: &mut [u8], reply: &mut Vec<u8>, payload_bytes: usize) {
    let mut events = Vec::new();
    sys.poll(&mut events, None).unwrap();
    for mut socket in 0..connections as u64 {
        loop {
            let count = Sys::read(sys, &mut socket, buffer).unwrap();
            reply.clear();
            let read = &mut buffer[..count];
            if payload_bytes < 4 << 10 {
                by_hand::read(read, |payload| {
                    header(reply, payload.len());
                    reply.extend_from_slice(payload);
                });
                sys.write(&mut socket, reply).unwrap();
            } else {
                // A long payload is not copied: it is written from where it lies.
                let mut total = 0;
                by_hand::read(read, |payload| total += black_box(payload).len());
                black_box(total);
                sys.write(&mut socket, &buffer[..count]).unwrap();
            }
            if sys.is_drained(socket) {
                break;
            }
        }
    }
}

/// Appends the header of a server's frame.
fn header(bytes: &mut Vec<u8>, length: usize) {
    bytes.push(0x82);
    match length {
        0..=125 => bytes.push(length as u8),
        126..=0xFFFF => {
            bytes.push(126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

fn echo(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("echo");
    for (length, connections, in_flight) in CASES {
        let payload = vec![b'x'; length];
        let burst = frames(Message::Binary(&payload), in_flight);
        let messages = connections * in_flight;
        group.throughput(Throughput::Elements(messages as u64));
        let name = format!("{length} B, {connections} x {in_flight}");
        let mut sys = Swallowing::open(connections, burst.clone());
        let (mut buffer, mut reply) = (vec![0xff; 512 << 10], Vec::new());
        group.bench_function(BenchmarkId::new("by hand", &name), |bencher| {
            bencher.iter(|| by_hand(&mut sys, connections, &mut buffer, &mut reply, length));
        });
        let mut server = Echo::new(connections, burst);
        group.bench_function(BenchmarkId::new("wsloop", &name), |bencher| {
            bencher.iter(|| server.run(messages));
        });
    }
    group.finish();
}

/// A message for ten thousand, beside as many messages.
fn broadcast(criterion: &mut Criterion) {
    const RECEIVERS: usize = 10_000;
    let mut group = criterion.benchmark_group("broadcast");
    group.throughput(Throughput::Elements(RECEIVERS as u64)).sample_size(20);
    let mut server = Echo::new(RECEIVERS, Vec::new());
    // Nobody has anything to say, so that a turn writes and nothing else.
    server.engine.sys_mut().stop();
    let streams = server.streams.clone();
    for length in [125, 512, 1 << 10, 16 << 10, 1 << 20] {
        let payload = vec![b'x'; length];
        // What as many copies of the longest take, nobody wants to wait for.
        if length < 1 << 20 {
            group.bench_function(BenchmarkId::new("sends", length), |bencher| {
                bencher.iter(|| {
                    for stream in &streams {
                        let _ = black_box(server.engine.send(*stream, &payload[..]).unwrap());
                    }
                    server.turn();
                });
            });
        }
        group.bench_function(BenchmarkId::new("broadcast", length), |bencher| {
            bencher.iter(|| {
                black_box(server.engine.broadcast(streams.iter().copied(), &payload[..]));
                server.turn();
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = echo, broadcast
}
criterion_main!(benches);
