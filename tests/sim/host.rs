use std::collections::BTreeMap;
use std::net::SocketAddr;

use wsloop::engine::{Engine, Error, Event, Events, Failure, Misuse, Sent, StreamId};
use wsloop::proto::{self, CloseCode, Closed};
use wsloop::sim::SimSys;

/// How a stream ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Closed(Closed),
    Failed(Failure),
}

/// What the host saw of a stream.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) peer: SocketAddr,
    pub(crate) open: bool,
    pub(crate) messages: usize,
    pub(crate) end: Option<End>,
}

/// A host that echoes every message, pauses a stream whose queue is full, and sends a Close when it is asked to; and
/// that checks whatever it is handed.
pub(crate) struct Host<const SHORT_READS: bool> {
    pub(crate) engine: Engine<SimSys<SHORT_READS>>,
    pub(crate) streams: BTreeMap<StreamId, Seen>,
    events: Events,
    /// What a stream's queue may hold.
    queue_bound: usize,
}

impl<const SHORT_READS: bool> Host<SHORT_READS> {
    pub(crate) fn new(engine: Engine<SimSys<SHORT_READS>>, events: Events, queue_bound: usize) -> Self {
        Self {
            engine,
            streams: BTreeMap::new(),
            events,
            queue_bound,
        }
    }

    /// One turn of the loop. It fails if nothing can ever happen any more.
    pub(crate) fn turn(&mut self) -> Result<(), Error> {
        self.engine.poll(&mut self.events, None)?;
        let events = std::mem::take(&mut self.events);
        for (stream, event) in &events {
            self.handle(stream, event);
        }
        self.events = events;
        for (stream, seen) in &self.streams {
            if let (None, Ok(queued)) = (&seen.end, self.engine.queued_bytes(*stream)) {
                assert!(
                    queued <= self.queue_bound,
                    "{stream:?} queues {queued}, the bound is {}",
                    self.queue_bound
                );
            }
        }
        Ok(())
    }

    fn handle(&mut self, stream: StreamId, event: Event<'_>) {
        let peer = self.engine.peer_addr(stream).expect("the stream of an event is known");
        let new = Seen {
            peer,
            open: false,
            messages: 0,
            end: None,
        };
        let seen = self.streams.entry(stream).or_insert(new);
        assert!(seen.end.is_none(), "{stream:?}: {event:?} after {:?}", seen.end);
        assert_eq!(seen.peer, peer, "{stream:?} was another's");
        match event {
            Event::Opened(_) => assert!(!std::mem::replace(&mut seen.open, true), "{stream:?} opened twice"),
            Event::Message(message) => {
                assert!(seen.open, "{stream:?}: a message before it is open");
                if let Some(order) = message.as_bytes().strip_prefix(b"!close ") {
                    let (code, reason) = std::str::from_utf8(order).unwrap().split_once(' ').unwrap();
                    return self
                        .engine
                        .close(stream, CloseCode::new(code.parse().unwrap()), reason)
                        .unwrap();
                }
                seen.messages += 1;
                match self.engine.send(stream, message) {
                    Ok(Sent::Queued { .. }) => {}
                    Ok(Sent::AboveHighWater { .. }) => self.engine.pause(stream).unwrap(),
                    // After the host's own Close, or when the peer's bytes have ended without one. Where an echo is
                    // owed nevertheless, the client misses it.
                    Err(Misuse::Protocol(proto::Misuse::NotOpen)) => {}
                    refused => panic!("{stream:?}: {refused:?}"),
                }
            }
            Event::HighWater { .. } => self.engine.pause(stream).unwrap(),
            Event::LowWater { .. } => self.engine.resume(stream).unwrap(),
            Event::Closed(closed) => seen.end = Some(End::Closed(closed.clone())),
            Event::Failed(failure) => seen.end = Some(End::Failed(failure.clone())),
            other => panic!("{stream:?}: {other:?} was not asked for"),
        }
    }
}
