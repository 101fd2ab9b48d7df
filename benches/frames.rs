//! From bytes in memory to events, beside what bounds it: a copy of the same bytes, and the least that a reader can do
//! (headers and an exclusive or in place, by hand, without a rule checked). Other crates stand beside it in
//! `benches/peers/`, a package of its own.
#![allow(missing_docs, clippy::unwrap_used)]

mod by_hand;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wsloop::proto::{Config, Connection, Entropy, Event, Instant, Message, Side};

/// Payload lengths, in bytes, and how many frames lie in the buffer: about what one read from a socket gives.
const CASES: [(usize, usize); 5] = [(16, 256), (125, 256), (1024, 64), (16 << 10, 8), (64 << 10, 4)];

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5A);
    }
}

/// Frames as a client sends them.
fn frames(message: Message<'_>, count: usize) -> Vec<u8> {
    let mut client = Connection::opened(Side::Client, Arc::new(Config::default()));
    for _ in 0..count {
        client.send(message, &mut Fixed).unwrap();
    }
    client.poll_transmit(Instant::ZERO, &mut Fixed).to_vec()
}

/// Every event of `bytes`; gives the sum of the payloads' lengths.
fn read(connection: &mut Connection, bytes: &mut [u8]) -> usize {
    let mut input = connection.handle_bytes(Instant::ZERO, bytes);
    let mut sum = 0;
    while let Some(event) = connection.poll_event(&mut input, &mut Fixed) {
        if let Event::Message(message) = event {
            sum += black_box(message.as_message()).len();
        }
    }
    sum
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for (length, count) in CASES {
        let payload = vec![b'x'; length];
        let bytes = frames(Message::Binary(&payload), count);
        group.throughput(Throughput::Elements(count as u64));
        // Unmasking an unmasked payload masks it again: what lies in the buffer doesn't matter for binary messages.
        let mut buffer = bytes.clone();
        group.bench_function(BenchmarkId::new("memcpy", length), |bencher| {
            bencher.iter(|| buffer.copy_from_slice(black_box(&bytes)));
        });
        let mut buffer = bytes.clone();
        group.bench_function(BenchmarkId::new("by hand", length), |bencher| {
            bencher.iter(|| {
                by_hand::read(black_box(&mut buffer), |payload| {
                    black_box(payload);
                });
            });
        });
        let mut buffer = bytes.clone();
        let mut server = Connection::opened(Side::Server, Arc::new(Config::default()));
        group.bench_function(BenchmarkId::new("wsloop", length), |bencher| {
            bencher.iter(|| read(&mut server, black_box(&mut buffer)));
        });
    }
    group.finish();
}

/// Text must be unmasked before it can be validated, so each round begins with a fresh copy of the frames.
fn reading_text(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("copy and read text of 1 KiB");
    for (name, unit) in [("ascii", "abcd"), ("cyrillic", "приветы"), ("mixed", "aé€😀")] {
        let text = unit.repeat(1024 / unit.len());
        let bytes = frames(Message::from(text.as_str()), 64);
        let mut buffer = bytes.clone();
        let mut server = Connection::opened(Side::Server, Arc::new(Config::default()));
        group.throughput(Throughput::Elements(64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                buffer.copy_from_slice(&bytes);
                read(&mut server, black_box(&mut buffer))
            });
        });
    }
    group.finish();
}

fn echoing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("echo");
    for (length, count) in CASES {
        let bytes = frames(Message::Binary(&vec![b'x'; length]), count);
        let mut buffer = bytes.clone();
        let mut server = Connection::opened(Side::Server, Arc::new(Config::default()));
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| {
                let mut input = server.handle_bytes(Instant::ZERO, &mut buffer);
                while let Some(event) = server.poll_event(&mut input, &mut Fixed) {
                    if let Event::Message(message) = event {
                        server.send(message.as_message(), &mut Fixed).unwrap();
                    }
                }
                let count = black_box(server.poll_transmit(Instant::ZERO, &mut Fixed)).len();
                server.transmitted(Instant::ZERO, count);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reading, reading_text, echoing);
criterion_main!(benches);
