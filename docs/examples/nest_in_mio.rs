//! The event loop inside another mio loop, which has a UDP socket of its own to serve as well.
//!
//! `cargo run --example nest_in_mio -- 127.0.0.1:9001`
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions};

const WEBSOCKETS: Token = Token(0);
const DATAGRAMS: Token = Token(1);

pub fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let mut event_loop = EventLoop::new(Config::default())?;
    event_loop.listen(ListenOptions::new(&address))?;
    run(event_loop, std::net::UdpSocket::bind(&address)?)
}

/// Echoes messages and datagrams until the loop is drained.
pub fn run(mut event_loop: EventLoop, datagrams: std::net::UdpSocket) -> Result<(), Box<dyn Error>> {
    datagrams.set_nonblocking(true)?;
    let mut datagrams = UdpSocket::from_std(datagrams);
    let mut outer = Poll::new()?;
    let inner = event_loop.as_raw_fd();
    outer
        .registry()
        .register(&mut SourceFd(&inner), WEBSOCKETS, Interest::READABLE)?;
    outer
        .registry()
        .register(&mut datagrams, DATAGRAMS, Interest::READABLE)?;
    let mut ready = mio::Events::with_capacity(16);
    let mut events = Events::default();
    while !event_loop.is_drained() {
        // mio is edge-triggered: the descriptor announces once what is new. What the loop remembers, and its deadlines,
        // only it knows.
        match outer.poll(&mut ready, event_loop.next_timeout()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        if ready.iter().any(|event| event.token() == DATAGRAMS) {
            echo_datagrams(&datagrams);
        }
        // In every turn, since at a time-out the descriptor says nothing.
        event_loop.poll(&mut events, Some(Duration::ZERO))?;
        for (stream, event) in &events {
            if let Event::Message(message) = event {
                // An error: this side closes already.
                let _ = event_loop.send(stream, message);
            }
        }
    }
    Ok(())
}

fn echo_datagrams(socket: &UdpSocket) {
    let mut datagram = [0; 65_536];
    while let Ok((count, from)) = socket.recv_from(&mut datagram) {
        let _ = socket.send_to(&datagram[..count], from);
    }
}
