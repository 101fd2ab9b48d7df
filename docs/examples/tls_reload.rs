//! An echo server over TLS that takes renewed certificates without dropping anyone.
//!
//! `cargo run --example tls_reload -- 127.0.0.1:9001 server.cert server.key`
//!
//! It looks at its files every second. What can't be used (half of a new pair, say) is told and passed over: the next
//! look may find both. Streams that are open go on, whatever the files hold.
// The package's rule that files and the clock belong to `sys` is not meant for its users.
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions};
use wsloop::tls::{ServerConfig, ServerOptions};

/// A certificate and its key, as they stand in the files.
#[derive(PartialEq)]
struct Pem(Vec<u8>, Vec<u8>);

impl Pem {
    fn read(certificate: &str, key: &str) -> std::io::Result<Self> {
        Ok(Self(fs::read(certificate)?, fs::read(key)?))
    }

    fn options(&self) -> ServerOptions<'_> {
        ServerOptions {
            certificate_pem: &self.0,
            key_pem: &self.1,
            ..ServerOptions::default()
        }
    }
}

pub fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, certificate, key] = arguments.as_slice() else {
        return Err("usage: tls_reload ADDRESS CERT.pem KEY.pem".into());
    };
    let mut event_loop = EventLoop::new(Config::default())?;
    serve(&mut event_loop, address, certificate, key, Duration::from_secs(1))
}

/// Serves until the loop is drained; looks at the files `every` now and then.
pub fn serve(
    event_loop: &mut EventLoop,
    address: &str,
    certificate: &str,
    key: &str,
    every: Duration,
) -> Result<(), Box<dyn Error>> {
    let mut pem = Pem::read(certificate, key)?;
    let config = ServerConfig::new(&pem.options())?;
    let listener = event_loop.listen(ListenOptions::new(address).tls(config.clone()))?;
    println!("listening on wss://{}", event_loop.local_addr(listener)?);

    let mut events = Events::default();
    let mut next_look = Instant::now() + every;
    while !event_loop.is_drained() {
        event_loop.poll(&mut events, Some(next_look.saturating_duration_since(Instant::now())))?;
        for (stream, event) in &events {
            if let Event::Message(message) = event {
                // Closing already, perhaps: then nobody would read the echo.
                let _ = event_loop.send(stream, message);
            }
        }
        if Instant::now() >= next_look {
            next_look = Instant::now() + every;
            match look(&config, &pem, certificate, key) {
                Ok(Some(new)) => {
                    println!("new certificate");
                    pem = new;
                }
                Ok(None) => {}
                Err(error) => eprintln!("the old certificate stays: {error}"),
            }
        }
    }
    Ok(())
}

/// Takes the files' content if it is new and can be used.
fn look(config: &ServerConfig, old: &Pem, certificate: &str, key: &str) -> Result<Option<Pem>, Box<dyn Error>> {
    let new = Pem::read(certificate, key)?;
    if new == *old {
        return Ok(None);
    }
    config.reload(&new.options())?;
    Ok(Some(new))
}
