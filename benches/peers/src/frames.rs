//! The bytes that all contenders get, and wsloop's ends of a connection.

#[path = "../../../src/sys/random.rs"]
mod random;

use std::sync::Arc;

use wsloop::proto::{Config, Connection, Entropy, Instant, Message, Side};

/// Payload lengths in bytes, and how many messages a pass has: about what one read from a socket gives, and more than
/// the innermost cache holds.
pub(crate) const CASES: [(usize, usize); 5] = [(16, 4096), (125, 1024), (1024, 128), (16 << 10, 8), (64 << 10, 2)];

/// Masking keys from where the event loop takes its own: the system's generator, through the very same pool.
pub(crate) struct Random(random::Pool);

impl Random {
    pub(crate) fn new() -> Self {
        Self(random::Pool::new().expect("the system gives random bytes"))
    }
}

impl Entropy for Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

/// An open connection.
pub(crate) fn connection(side: Side) -> Connection {
    Connection::opened(side, Arc::new(Config::default()))
}

/// `count` frames as a client sends them.
pub(crate) fn from_client(message: Message<'_>, count: usize) -> Vec<u8> {
    let mut client = connection(Side::Client);
    let mut random = Random::new();
    for _ in 0..count {
        client.send(message, &mut random).expect("the queue takes a pass");
    }
    client.poll_transmit(Instant::ZERO, &mut random).to_vec()
}

/// How a length is called.
pub(crate) fn length(bytes: usize) -> String {
    if bytes < 1024 {
        format!("{bytes} B")
    } else {
        format!("{} KiB", bytes >> 10)
    }
}

/// `length` bytes of text, cut where a character ends and filled up with ASCII.
pub(crate) fn text(unit: &str, length: usize) -> String {
    let mut text = unit.repeat(length / unit.len());
    text.extend(std::iter::repeat_n('.', length - text.len()));
    text
}
