//! A client and a server that talk in memory: no sockets, no clock, no threads.
//!
//! `cargo run --no-default-features --example in_memory`
#![allow(missing_docs)]

use std::sync::Arc;

use wsloop::proto::{Accept, ClientRequest, CloseCode, Config, Connection, Entropy, Event, Instant, Misuse, Side};

/// Time stands still here.
const NOW: Instant = Instant::ZERO;

/// Good enough where nobody listens on the wire; anywhere else the system's generator must be asked.
struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_add(97);
            *byte = self.0;
        }
    }
}

/// Carries what waits from one end to the other, which answers. Whether there was anything.
fn carry(from: &mut Connection, to: &mut Connection, entropy: &mut Counter) -> Result<bool, Misuse> {
    let mut bytes = from.poll_transmit(NOW, entropy).to_vec();
    from.transmitted(NOW, bytes.len());
    let mut input = to.handle_bytes(NOW, &mut bytes);
    while let Some(event) = to.poll_event(&mut input, entropy) {
        println!("{:?}: {event:?}", to.side());
        match event {
            Event::Request(_) => to.accept(&Accept::new())?,
            Event::Opened(_) if to.side() == Side::Client => to.send("hello".into(), entropy)?,
            Event::Message(message) if to.side() == Side::Server => to.send(message.as_message(), entropy)?,
            Event::Message(_) => to.close(NOW, Some(CloseCode::NORMAL), "that was all", entropy)?,
            _ => {}
        }
    }
    Ok(!bytes.is_empty())
}

pub fn main() -> Result<(), Misuse> {
    let (config, mut entropy) = (Arc::new(Config::default()), Counter(0));
    let request = ClientRequest::new("localhost", "/echo");
    let mut client = Connection::client(config.clone(), &request, NOW, &mut entropy)?;
    let mut server = Connection::server(config, NOW);
    while carry(&mut client, &mut server, &mut entropy)? | carry(&mut server, &mut client, &mut entropy)? {}
    assert!(client.is_finished() && server.is_finished());
    Ok(())
}
