//! An echo server: every message comes back as one frame of the same type.
//!
//! `cargo run --release --example echo_server -- 127.0.0.1:9001`
//!
//! One thread; frames and messages of up to 64 MiB. A client that sends and does not read is not read any more until
//! it does: its queue stays bounded. `--tls CERT.pem KEY.pem` behind the address makes it `wss://`, `--compress`
//! agrees on permessage-deflate with clients that offer it.
// The package's rule that files belong to `sys` is not meant for its users.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::error::Error;
use std::fs;
use std::sync::Arc;

use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions, Sent};
use wsloop::proto::{self, Deflate};
use wsloop::tls::{ServerConfig, ServerOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9001".into());
    let mut protocol = proto::Config::default();
    protocol.limits.frame_bytes = 64 << 20;
    protocol.limits.message_bytes = 64 << 20;
    protocol.limits.fragments = 1 << 17;
    let mut options = ListenOptions::new(address).backlog(4096);
    let mut scheme = "ws";
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--compress" => protocol.deflate = Some(Deflate::default()),
            "--tls" => {
                let mut file = || fs::read(arguments.next().unwrap_or_default());
                options = options.tls(ServerConfig::new(&ServerOptions {
                    certificate_pem: &file()?,
                    key_pem: &file()?,
                    ..ServerOptions::default()
                })?);
                scheme = "wss";
            }
            _ => return Err("usage: echo_server [ADDRESS [--compress] [--tls CERT.pem KEY.pem]]".into()),
        }
    }

    let mut event_loop = EventLoop::new(Config::default())?;
    let listener = event_loop.listen(options.protocol(Arc::new(protocol)))?;
    println!("listening on {scheme}://{}", event_loop.local_addr(listener)?);

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
