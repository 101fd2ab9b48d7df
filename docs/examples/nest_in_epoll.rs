//! The event loop inside a plain `epoll` loop, which has a UDP socket of its own to serve as well.
//!
//! `cargo run --example nest_in_epoll -- 127.0.0.1:9001`
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions};

const WEBSOCKETS: u64 = 0;
const DATAGRAMS: u64 = 1;

pub fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let mut event_loop = EventLoop::new(Config::default())?;
    event_loop.listen(ListenOptions::new(&address))?;
    run(event_loop, UdpSocket::bind(&address)?)
}

/// Echoes messages and datagrams until the loop is drained.
pub fn run(mut event_loop: EventLoop, datagrams: UdpSocket) -> Result<(), Box<dyn Error>> {
    datagrams.set_nonblocking(true)?;
    let outer = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let readable = epoll::EventFlags::IN;
    epoll::add(&outer, &event_loop, epoll::EventData::new_u64(WEBSOCKETS), readable)?;
    epoll::add(&outer, &datagrams, epoll::EventData::new_u64(DATAGRAMS), readable)?;
    let mut ready = Vec::with_capacity(16);
    let mut events = Events::default();
    while !event_loop.is_drained() {
        // The descriptor announces what is new. What the loop remembers, and its deadlines, only it knows.
        let timeout = event_loop.next_timeout().map(Timespec::try_from).transpose()?;
        match epoll::wait(&outer, spare_capacity(&mut ready), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if ready.drain(..).any(|event| event.data.u64() == DATAGRAMS) {
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
