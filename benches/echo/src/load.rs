//! The load: frames made once, sent again and again over `connections`, `in_flight` of them at a time; the next ones
//! leave when as many bytes as the echo has have come back. The first round is compared byte by byte.

mod client;
mod handshakes;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use rustls::ClientConfig;

use crate::arguments::Arguments;
use crate::{frames, process, tls};
use client::Client;
pub use client::{new_session, prove};

/// What is asked of the load.
struct Load {
    address: SocketAddr,
    pid: u32,
    /// The server knows no frames, and no opening handshake.
    plain: bool,
    connections: usize,
    in_flight: usize,
    warm: Duration,
    window: Duration,
    latency: bool,
    /// Instead of a time: so many batches.
    batches: Option<u64>,
    tls: Option<Arc<ClientConfig>>,
}

pub fn run(arguments: &mut Arguments) -> Result<(), Box<dyn Error>> {
    let address = arguments.needed("ADDRESS")?.parse()?;
    let kind = arguments.value("--kind", frames::Kind::Binary)?;
    let payload = frames::payload(kind, arguments.value("--payload", 125)?);
    let opcode = kind.opcode();
    let load = Load {
        address,
        pid: arguments.value("--pid", 0)?,
        plain: arguments.flag("--plain"),
        connections: arguments.value("--connections", 32)?,
        in_flight: arguments.value("--in-flight", 1)?,
        warm: Duration::from_millis(arguments.value("--warm-ms", 200)?),
        window: Duration::from_millis(arguments.value("--window-ms", 500)?),
        latency: arguments.flag("--latency"),
        batches: match arguments.value("--batches", 0)? {
            0 => None,
            batches => Some(batches),
        },
        tls: match arguments.values("--tls", 1)? {
            Some(files) => Some(tls::client(&files[0])?),
            None => None,
        },
    };
    if arguments.flag("--handshakes") {
        return handshakes::run(&load);
    }
    let mut batch = Vec::new();
    let mut answer = Vec::new();
    for number in 0..load.in_flight as u32 {
        let mask = (number + 1).wrapping_mul(0x9e37_79b9).to_le_bytes();
        frames::push_frame(&mut batch, opcode, &payload, Some(mask));
        frames::push_frame(&mut answer, opcode, &payload, None);
    }
    if load.plain {
        answer.clone_from(&batch);
    }
    echo(&load, &batch, &answer)
}

fn echo(load: &Load, batch: &[u8], answer: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut clients = Vec::with_capacity(load.connections);
    for number in 0..load.connections {
        let mut client = Client::connect(load, number as u64, batch, answer)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(client.stream(), Token(number), interest)?;
        clients.push(client);
    }
    let mut buffer = vec![0; 1 << 20];
    for client in &mut clients {
        client.start(batch, answer.len())?;
    }
    let mut rounds = 0_u64;
    let mut times = Vec::new();
    let mut sent_at = Instant::now();
    let began = Instant::now();
    let (mut window_began, mut rounds_before, mut cpu_before) = (None, 0, 0);
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(10)))?;
        if events.is_empty() {
            return Err("the server is silent".into());
        }
        for event in &events {
            let client = &mut clients[event.token().0];
            if client.turn(batch, &mut buffer)? {
                rounds += 1;
                if load.latency {
                    times.push(sent_at.elapsed());
                    sent_at = Instant::now();
                }
                client.start(batch, answer.len())?;
            }
        }
        let now = Instant::now();
        if load.batches.is_some_and(|batches| rounds >= batches) {
            report(load, rounds, process::cpu_ns(load.pid), now - began, &mut times);
            return Ok(());
        }
        match window_began {
            _ if load.batches.is_some() => {}
            None if now - began >= load.warm => {
                (window_began, rounds_before, cpu_before) = (Some(now), rounds, process::cpu_ns(load.pid));
                times.clear();
            }
            Some(then) if now - then >= load.window => {
                let cpu = process::cpu_ns(load.pid) - cpu_before;
                report(load, rounds - rounds_before, cpu, now - then, &mut times);
                return Ok(());
            }
            _ => {}
        }
    }
}

fn report(load: &Load, rounds: u64, cpu_ns: u64, time: Duration, times: &mut [Duration]) {
    let messages = rounds * load.in_flight as u64;
    times.sort_unstable();
    let at = |share: f64| {
        times
            .get((times.len() as f64 * share) as usize)
            .map_or(0, Duration::as_nanos)
    };
    println!(
        "{{\"messages\": {messages}, \"cpu_ns\": {cpu_ns}, \"ns\": {}, \"p50_ns\": {}, \"p99_ns\": {}}}",
        time.as_nanos(),
        at(0.50),
        at(0.99)
    );
}
