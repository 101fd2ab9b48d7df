//! Connections, frames, and the cost of what is done with them.

use std::sync::Arc;

use wsloop::proto::{Config, Connection, Entropy, Event, Failure, Instant, Limits, Misuse, Side, Violation};

pub(crate) const NOW: Instant = Instant::ZERO;
pub(crate) const MIB: u64 = 1 << 20;

/// First bytes of frames that are whole messages or control frames, and of fragments.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
pub(crate) const FIRST: u8 = 0x02;
pub(crate) const MIDDLE: u8 = 0x00;
pub(crate) const LAST: u8 = 0x80;

/// Gives out the numbers from 1, four bytes each, and remembers how many.
#[derive(Debug, Default)]
pub(crate) struct Numbers(pub(crate) u32);

impl Entropy for Numbers {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            self.0 += 1;
            chunk.copy_from_slice(&self.0.to_be_bytes()[..chunk.len()]);
        }
    }
}

/// An open connection with limits that differ from the default ones by `change`.
pub(crate) fn open(side: Side, change: impl FnOnce(&mut Limits)) -> Connection {
    let mut config = Config::default();
    change(&mut config.limits);
    Connection::opened(side, Arc::new(config))
}

/// A frame as the peer of `side` writes it; the masking key of a client is zero, which makes no difference here.
pub(crate) fn frame(reader: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if reader == Side::Server { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(mask | u8::try_from(len).unwrap()),
        len @ 126..=0xffff => {
            bytes.push(mask | 126);
            bytes.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(mask | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if mask != 0 {
        bytes.extend_from_slice(&[0; 4]);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// Gives `bytes` and drains the events into `see`.
pub(crate) fn read(connection: &mut Connection, bytes: &mut [u8], mut see: impl FnMut(&mut Connection, Event<'_>)) {
    let mut input = connection.handle_bytes(NOW, bytes);
    while let Some(event) = connection.poll_event(&mut input, &mut Numbers::default()) {
        see(connection, event);
    }
}

/// Gives `bytes` and says how the connection failed, if it did.
pub(crate) fn violation(connection: &mut Connection, bytes: &mut [u8]) -> Option<Violation> {
    let mut found = None;
    read(connection, bytes, |_, event| match event {
        Event::Failed(Failure::Violation(violation)) => found = Some(violation),
        Event::Failed(failure) => panic!("{failure}"),
        _ => {}
    });
    found
}

/// Takes all that waits to be sent.
pub(crate) fn written(connection: &mut Connection) -> Vec<u8> {
    let bytes = connection.poll_transmit(NOW, &mut Numbers::default()).to_vec();
    connection.transmitted(NOW, bytes.len());
    bytes
}

/// Sends a message back; `false` if the queue is full.
pub(crate) fn echo(connection: &mut Connection, event: &Event<'_>) -> bool {
    let Event::Message(message) = event else { return true };
    match connection.send(message.as_message(), &mut Numbers::default()) {
        Ok(()) => true,
        Err(Misuse::QueueFull) => false,
        Err(misuse) => panic!("{misuse}"),
    }
}

/// What was held at most while `run` ran, in bytes beyond what was held before; printed under the name of the test.
pub(crate) fn peak_bytes(name: &str, run: impl FnOnce()) -> u64 {
    cost(name, run).0
}

/// The same, and what was still held in the end.
pub(crate) fn cost(name: &str, run: impl FnOnce()) -> (u64, u64) {
    let info = allocation_counter::measure(run);
    println!(
        "{name}: at most {} bytes held, {} in the end, {} allocations",
        info.bytes_max, info.bytes_current, info.count_total
    );
    (info.bytes_max, info.bytes_current.max(0).unsigned_abs())
}

/// A client and a server that have agreed on compression, each message by itself or not.
#[cfg(feature = "deflate")]
pub(crate) fn agreed(no_context_takeover: bool, change: impl FnOnce(&mut Limits)) -> [Connection; 2] {
    use wsloop::proto::{Accept, ClientRequest, Deflate};

    let deflate = Deflate {
        own_no_context_takeover: no_context_takeover,
        peer_no_context_takeover: no_context_takeover,
        ..Deflate::default()
    };
    let mut config = Config {
        deflate: Some(deflate),
        ..Config::default()
    };
    change(&mut config.limits);
    let config = Arc::new(config);
    let request = ClientRequest::new("localhost", "/");
    let mut client = Connection::client(config.clone(), &request, NOW, &mut Numbers::default()).unwrap();
    let mut server = Connection::server(config, NOW);
    read(&mut server, &mut written(&mut client), |server, event| {
        if let Event::Request(_) = event {
            server.accept(&Accept::new()).unwrap();
        }
    });
    let mut is_agreed = false;
    read(&mut client, &mut written(&mut server), |_, event| {
        is_agreed = matches!(event, Event::Opened(opened) if opened.deflate.is_some());
    });
    assert!(is_agreed);
    [client, server]
}
