//! An echo server: every message comes back as one frame of the same type.
//!
//! `cargo run --release --example echo_server -- 127.0.0.1:9001`
//!
//! One thread; frames and messages of up to 64 MiB. A client that sends and does not read is not read any more until
//! it does: its queue stays bounded.
#![allow(missing_docs)]

use std::error::Error;
use std::sync::Arc;

use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions, Sent};
use wsloop::proto;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let mut protocol = proto::Config::default();
    protocol.limits.frame_bytes = 64 << 20;
    protocol.limits.message_bytes = 64 << 20;

    let mut event_loop = EventLoop::new(Config::default())?;
    let listener = event_loop.listen(ListenOptions::new(address).backlog(4096).protocol(Arc::new(protocol)))?;
    println!("listening on ws://{}", event_loop.local_addr(listener)?);

    let mut events = Events::default();
    loop {
        event_loop.poll(&mut events, None)?;
        for (stream, event) in &events {
            match event {
                Event::Message(message) => match event_loop.send(stream, message) {
                    Ok(Sent::Queued { .. }) => {}
                    // More waits than a reader that keeps up would leave: let it catch up first.
                    Ok(_) => event_loop.pause(stream)?,
                    // This side closes already, and the client will not read the echo.
                    Err(_) => {}
                },
                Event::LowWater { .. } => event_loop.resume(stream)?,
                _ => {}
            }
        }
    }
}
