//! One loop a thread, all on one port (`SO_REUSEPORT`): the kernel spreads the connections, and no two loops share a
//! lock. Here each echoes.
//!
//! `cargo run --release --example many_loops -- 127.0.0.1:9001 4`
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, Handle, ListenOptions, SocketOptions};

/// A loop on a thread of its own.
pub struct Worker {
    /// Reaches it from other threads.
    pub handle: Handle,
    /// Ends when the loop is drained, and tells how many connections it accepted.
    pub thread: JoinHandle<Result<u64, wsloop::engine::Error>>,
}

pub fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9001".into());
    let loops = arguments.next().map_or(Ok(2), |loops| loops.parse())?;
    let (addr, workers) = start(&address, loops)?;
    println!("{loops} loops listen on ws://{addr}");
    for worker in workers {
        worker.thread.join().map_err(|_| "a loop panicked")??;
    }
    Ok(())
}

/// Starts so many loops on an address; with port 0 all get the port that the first got.
pub fn start(address: &str, loops: usize) -> Result<(SocketAddr, Vec<Worker>), Box<dyn Error>> {
    let mut addr: SocketAddr = address.parse()?;
    let mut event_loops = Vec::new();
    // All listen before any connection can come: to whom it goes depends on how many listen.
    for _ in 0..loops {
        let mut event_loop = EventLoop::new(Config::default())?;
        let listener = event_loop.listen(ListenOptions::from(addr).socket(SocketOptions {
            reuse_port: true,
            ..SocketOptions::default()
        }))?;
        addr = event_loop.local_addr(listener)?;
        event_loops.push(event_loop);
    }
    let workers = event_loops.into_iter().map(|event_loop| Worker {
        handle: event_loop.handle(),
        thread: thread::spawn(|| echo(event_loop)),
    });
    Ok((addr, workers.collect()))
}

fn echo(mut event_loop: EventLoop) -> Result<u64, wsloop::engine::Error> {
    let mut events = Events::default();
    while !event_loop.is_drained() {
        event_loop.poll(&mut events, None)?;
        for (stream, event) in &events {
            if let Event::Message(message) = event {
                // An error: this side closes already.
                let _ = event_loop.send(stream, message);
            }
        }
    }
    Ok(event_loop.counters().accepted)
}
