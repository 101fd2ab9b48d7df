//! A client: sends its arguments, or the lines of standard input, as text messages, and prints what comes back.
//!
//! `cargo run --example client -- ws://127.0.0.1:9001 hello world`
//!
//! With arguments it closes when it has had as many messages as it sent. Without, a second thread reads standard
//! input and gives the lines to the loop through a [`Handle`], and the connection is closed at the end of the input.
// The package's rule that threads and standard input belong to `sys` is not meant for its users.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::error::Error;
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::thread;

use wsloop::EventLoop;
use wsloop::engine::{Config, ConnectOptions, Event, Events, Handle, StreamId};
use wsloop::proto::{CloseCode, Message};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(url) = arguments.next() else {
        eprintln!("usage: client ws://HOST:PORT/PATH [MESSAGE…]");
        return Ok(ExitCode::from(2));
    };
    let messages: Vec<String> = arguments.collect();

    let mut event_loop = EventLoop::new(Config::default())?;
    let server = event_loop.connect(ConnectOptions::from_url(&url)?)?;
    let mut events = Events::default();
    let mut received = 0;
    loop {
        event_loop.poll(&mut events, None)?;
        for (stream, event) in &events {
            match event {
                Event::Opened(_) if messages.is_empty() => {
                    let handle = event_loop.handle();
                    thread::spawn(move || send_lines(&handle, stream));
                }
                Event::Opened(_) => {
                    for message in &messages {
                        let _ = event_loop.send(stream, message.as_str())?;
                    }
                }
                Event::Message(message) => {
                    match message {
                        Message::Text(text) => println!("{text}"),
                        Message::Binary(bytes) => println!("{} bytes: {bytes:02x?}", bytes.len()),
                    }
                    received += 1;
                    if received == messages.len() {
                        event_loop.close(server, Some(CloseCode::NORMAL), "")?;
                    }
                }
                Event::Closed(_) => return Ok(ExitCode::SUCCESS),
                Event::Failed(failure) => {
                    eprintln!("{url}: {failure}");
                    return Ok(ExitCode::FAILURE);
                }
                _ => {}
            }
        }
    }
}

fn send_lines(handle: &Handle, server: StreamId) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        // The loop may be slower than the input for a while.
        while handle.send(server, line.as_str()).is_err() {
            thread::yield_now();
        }
    }
    let _ = handle.close(server, Some(CloseCode::NORMAL), "");
}
