//! An echo server on the sockets that systemd, or another supervisor, hands over.
//!
//! `systemd-socket-activate --listen 127.0.0.1:9001 target/debug/examples/activated`, or as a service:
//!
//! ```ini
//! # echo.socket                      # echo.service
//! [Socket]                           [Service]
//! ListenStream=9001                  ExecStart=/usr/bin/activated
//! ListenStream=/run/echo.sock
//! ```
#![allow(missing_docs)]

use std::error::Error;

use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions};

pub fn main() -> Result<(), Box<dyn Error>> {
    // First of all, before there are threads.
    let sockets = wsloop::sys::handed_over()?;
    if sockets.is_empty() {
        return Err("no socket was handed over: start this by systemd-socket-activate".into());
    }
    let mut event_loop = EventLoop::new(Config::default())?;
    for handed_over in sockets {
        let listener = event_loop.adopt_listener(handed_over.socket, ListenOptions::default())?;
        println!("listening on {} ({})", event_loop.address(listener)?, handed_over.name);
    }
    let mut events = Events::default();
    loop {
        event_loop.poll(&mut events, None)?;
        for (stream, event) in &events {
            if let Event::Message(message) = event {
                // An error: this side closes already.
                let _ = event_loop.send(stream, message);
            }
        }
    }
}
