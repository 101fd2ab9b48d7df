//! An echo server without the engine: the core over `std::net`, blocking, a thread for each connection.
//!
//! `cargo run --no-default-features --example blocking_echo -- 127.0.0.1:9001`
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types)]
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use wsloop::proto::{Accept, Config, Connection, Entropy, Event, Instant};

/// A server masks nothing, so nothing is drawn; a client's entropy must come from the system's generator.
struct NoMask;

impl Entropy for NoMask {
    fn fill(&mut self, _: &mut [u8]) {
        unreachable!("a server's frames have no masking key");
    }
}

pub fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    for socket in TcpListener::bind(address)?.incoming() {
        std::thread::spawn(|| socket.map(|socket| serve(socket).unwrap_or_else(|error| eprintln!("{error}"))));
    }
    Ok(())
}

pub fn serve(mut socket: TcpStream) -> Result<(), Box<dyn Error>> {
    let began = std::time::Instant::now();
    let now = || Instant::ZERO + began.elapsed();
    let mut connection = Connection::server(Arc::new(Config::default()), now());
    let mut buffer = vec![0; 64 << 10];
    while !connection.is_finished() {
        let due = connection.poll_timeout();
        socket.set_read_timeout(due.map(|due| due - now() + Duration::from_millis(1)))?;
        let mut count = 0;
        match socket.read(&mut buffer) {
            Ok(0) => connection.handle_end(now()),
            Ok(some) => count = some,
            Err(error) if error.kind() == ErrorKind::WouldBlock => connection.handle_timeout(now()),
            Err(error) => return Err(error.into()),
        }
        let mut input = connection.handle_bytes(now(), &mut buffer[..count]);
        while let Some(event) = connection.poll_event(&mut input, &mut NoMask) {
            match event {
                Event::Request(_) => connection.accept(&Accept::new())?,
                Event::Message(message) => connection.send(message.as_message(), &mut NoMask)?,
                Event::Failed(failure) => eprintln!("{failure}"),
                _ => {}
            }
        }
        socket.write_all(connection.poll_transmit(now(), &mut NoMask))?;
        connection.transmitted(now(), usize::MAX);
    }
    Ok(())
}
