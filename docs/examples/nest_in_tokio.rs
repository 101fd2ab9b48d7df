//! The event loop as a task of tokio's, beside another that serves a UDP socket.
//!
//! `cargo run --example nest_in_tokio -- 127.0.0.1:9001`
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::io;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UdpSocket;
use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions};

pub fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let mut event_loop = EventLoop::new(Config::default())?;
    event_loop.listen(ListenOptions::new(&address))?;
    run(event_loop, std::net::UdpSocket::bind(&address)?)
}

/// Echoes messages and datagrams until the loop is drained.
pub fn run(event_loop: EventLoop, datagrams: std::net::UdpSocket) -> Result<(), Box<dyn Error>> {
    datagrams.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let other = tokio::spawn(echo_datagrams(UdpSocket::from_std(datagrams)?));
        let result = tokio::spawn(echo_messages(event_loop)).await?;
        other.abort();
        Ok(result?)
    })
}

async fn echo_messages(event_loop: EventLoop) -> io::Result<()> {
    #[allow(
        deprecated,
        reason = "its successor is unsafe, but what that asks for holds: the descriptor is the loop's own"
    )]
    let mut event_loop = AsyncFd::with_interest(event_loop, Interest::READABLE)?;
    let mut events = Events::default();
    while !event_loop.get_ref().is_drained() {
        // The descriptor announces what is new. What the loop remembers, and its deadlines, only it knows.
        let timeout = event_loop.get_mut().next_timeout();
        match timeout {
            // There is something to do already; but the other tasks have their turn.
            Some(Duration::ZERO) => tokio::task::yield_now().await,
            Some(timeout) => {
                if let Ok(ready) = tokio::time::timeout(timeout, event_loop.readable()).await {
                    ready?.clear_ready();
                }
            }
            None => event_loop.readable().await?.clear_ready(),
        }
        // Cleared before, not behind, the poll: what comes from now on is told again.
        let event_loop = event_loop.get_mut();
        event_loop
            .poll(&mut events, Some(Duration::ZERO))
            .map_err(io::Error::other)?;
        for (stream, event) in &events {
            if let Event::Message(message) = event {
                // An error: this side closes already.
                let _ = event_loop.send(stream, message);
            }
        }
    }
    Ok(())
}

async fn echo_datagrams(socket: UdpSocket) {
    let mut datagram = [0; 65_536];
    while let Ok((count, from)) = socket.recv_from(&mut datagram).await {
        let _ = socket.send_to(&datagram[..count], from).await;
    }
}
