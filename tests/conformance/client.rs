//! The client that the Autobahn Testsuite tests: runs every case of a fuzzing server, echoing what it sends, compressed where it agrees.
//!
//! `conformance_client ws://127.0.0.1:PORT AGENT [ROOTS.pem]`; with `wss://` the server is trusted by ROOTS.pem.
//!
//! It exits with 0 when it has been through all cases and the server has written its reports; how the cases went is
//! the server's to say.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use wsloop::EventLoop;
use wsloop::engine::{Config, ConnectOptions, Event, Events, Sent};
use wsloop::proto::{self, Deflate, Message};
use wsloop::tls::{ClientConfig, ClientOptions};

struct Testee {
    event_loop: EventLoop,
    events: Events,
    base: String,
    tls: Option<ClientConfig>,
    protocol: Arc<proto::Config>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (base, agent, roots) = match arguments.as_slice() {
        [base, agent] => (base, agent, None),
        [base, agent, roots] => (base, agent, Some(roots)),
        _ => {
            eprintln!("usage: conformance_client ws://127.0.0.1:PORT AGENT [ROOTS.pem]");
            return Ok(ExitCode::from(2));
        }
    };
    let mut testee = Testee::new(base, roots.map(String::as_str))?;
    let count = testee.visit("/getCaseCount")?;
    let count: u32 = count
        .parse()
        .map_err(|_| format!("a count of cases was expected, not `{count}`"))?;
    for case in 1..=count {
        testee.visit(&format!("/runCase?case={case}&agent={agent}"))?;
    }
    // The server answers when it is done with the case; a report that is written sooner would lack it.
    testee.visit(&format!("/getCaseStatus?case={count}&agent={agent}"))?;
    testee.visit(&format!("/updateReports?agent={agent}"))?;
    println!("{count} cases run");
    Ok(ExitCode::SUCCESS)
}

impl Testee {
    fn new(base: &str, roots: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let mut protocol = proto::Config {
            deflate: Some(Deflate::default()),
            ..proto::Config::default()
        };
        protocol.limits.frame_bytes = 64 << 20;
        protocol.limits.message_bytes = 64 << 20;
        protocol.limits.fragments = 1 << 20;
        let roots = roots.map(fs::read).transpose()?;
        let tls = roots.map(|roots| {
            ClientConfig::new(&ClientOptions {
                roots_pem: Some(&roots),
                ..ClientOptions::default()
            })
        });
        Ok(Self {
            event_loop: EventLoop::new(Config::default())?,
            events: Events::default(),
            base: base.to_string(),
            tls: tls.transpose()?,
            protocol: Arc::new(protocol),
        })
    }

    /// One connection, from its opening to its end; answers with the last text message that came.
    ///
    /// The cases are meant to fail connections, so that a failure after the opening is a good end, too.
    fn visit(&mut self, target: &str) -> Result<String, Box<dyn Error>> {
        let mut options = ConnectOptions::from_url(&format!("{}{target}", self.base))?.protocol(self.protocol.clone());
        if let Some(tls) = &self.tls {
            let host = options.host().to_string();
            options = options.tls(tls.clone(), host);
        }
        let echoes = target.starts_with("/runCase");
        let stream = self.event_loop.connect(options)?;
        let (mut is_open, mut last) = (false, String::new());
        loop {
            self.event_loop.poll(&mut self.events, None)?;
            for (_, event) in &self.events {
                match event {
                    Event::Opened(_) => is_open = true,
                    Event::Message(message) if echoes => match self.event_loop.send(stream, message) {
                        Ok(Sent::Queued { .. }) => {}
                        Ok(_) => self.event_loop.pause(stream)?,
                        // This side closes already.
                        Err(_) => {}
                    },
                    Event::Message(Message::Text(text)) => last = text.to_string(),
                    Event::LowWater { .. } => self.event_loop.resume(stream)?,
                    Event::Closed(_) => return Ok(last),
                    Event::Failed(_) if is_open => return Ok(last),
                    Event::Failed(failure) => return Err(format!("{}{target}: {failure}", self.base).into()),
                    _ => {}
                }
            }
        }
    }
}
