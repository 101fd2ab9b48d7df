//! A host that echoes, and writes down what it saw and where.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::naive::Seen;
#[cfg(feature = "deflate")]
use crate::proto::Deflate;
use crate::proto::{
    Accept, ClientRequest, Config, Connection, Entropy, Event, Failure, Input, Instant, Limits, Message, Side,
};

/// Which connection is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Server,
    Client,
    OpenServer,
    OpenClient,
    /// Ready to compress.
    #[cfg(feature = "deflate")]
    DeflatingServer,
    #[cfg(feature = "deflate")]
    DeflatingClient,
}

impl Start {
    pub(super) const fn peer_masks(self) -> bool {
        match self {
            Self::Server | Self::OpenServer => true,
            Self::Client | Self::OpenClient => false,
            #[cfg(feature = "deflate")]
            Self::DeflatingServer => true,
            #[cfg(feature = "deflate")]
            Self::DeflatingClient => false,
        }
    }

    fn connect(self, entropy: &mut Counting) -> Connection {
        let config = Arc::new(config());
        match self {
            Self::Server => Connection::server(config, Instant::ZERO),
            Self::Client => Self::client(config, entropy),
            Self::OpenServer => Connection::opened(Side::Server, config),
            Self::OpenClient => Connection::opened(Side::Client, config),
            #[cfg(feature = "deflate")]
            Self::DeflatingServer => Connection::server(Arc::new(deflating()), Instant::ZERO),
            #[cfg(feature = "deflate")]
            Self::DeflatingClient => Self::client(Arc::new(deflating()), entropy),
        }
    }

    fn client(config: Arc<Config>, entropy: &mut Counting) -> Connection {
        let request = ClientRequest::new("a", "/").subprotocol("one").subprotocol("two");
        Connection::client(config, &request, Instant::ZERO, entropy).unwrap()
    }
}

/// The same as [`config`], with wishes for compression that some offers and answers meet and some don't.
#[cfg(feature = "deflate")]
fn deflating() -> Config {
    let deflate = Deflate {
        own_max_window_bits: 12,
        peer_max_window_bits: 11,
        min_bytes: 4,
        ..Deflate::default()
    };
    Config {
        deflate: Some(deflate),
        ..config()
    }
}

/// Limits small enough that short inputs meet them. Pongs are not bounded, since how many wait unsent depends on when
/// the output is drained.
pub(super) fn config() -> Config {
    Config {
        limits: Limits {
            frame_bytes: 300,
            message_bytes: 400,
            fragments: 4,
            inflate_ratio: 20,
            inflate_ratio_from_bytes: 100,
            head_bytes: 400,
            head_fields: 10,
            refusal_body_bytes: 20,
            early_bytes: 50,
            pong_queue_bytes: usize::MAX,
            queued_bytes: usize::MAX,
        },
        ..Config::default()
    }
}

/// Predictable, and never the same twice.
#[derive(Debug, Default)]
pub(super) struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(17);
            *byte = self.0;
        }
    }
}

/// What a run gave.
#[derive(Debug)]
pub(super) struct Trace {
    start: Start,
    pub(super) events: Vec<Event<'static>>,
    pub(super) output: Vec<u8>,
    /// After which bytes of input, how many events there were, and how many bytes of output.
    marks: Vec<(usize, usize, usize)>,
    /// The last event, after the input's end was told too.
    pub(super) last: Option<Event<'static>>,
}

/// Feeds `input`, cut at `cuts`, and drains all after each piece.
pub(super) fn drive(start: Start, input: &[u8], cuts: impl IntoIterator<Item = usize>) -> Trace {
    let mut entropy = Counting::default();
    let mut connection = start.connect(&mut entropy);
    let mut trace = Trace {
        start,
        events: Vec::new(),
        output: Vec::new(),
        marks: Vec::new(),
        last: None,
    };
    let mut at = 0;
    for end in cuts.into_iter().chain([input.len()]) {
        let mut piece = input[at..end].to_vec();
        let mut lent = connection.handle_bytes(Instant::ZERO, &mut piece);
        trace.drain(&mut connection, &mut lent, &mut entropy);
        at = end;
        trace.marks.push((at, trace.events.len(), trace.output.len()));
    }
    let given = trace.events.len();
    connection.handle_end(Instant::ZERO);
    let mut nothing = connection.handle_bytes(Instant::ZERO, &mut []);
    trace.drain(&mut connection, &mut nothing, &mut entropy);
    assert!(trace.events.len() <= given + 1, "{:?}", &trace.events[given..]);
    assert_eq!(
        trace.events.iter().filter(|event| is_last(event)).count(),
        1,
        "{:?}",
        trace.events
    );
    trace.last = trace.events.last().cloned();
    trace.events.truncate(given);
    trace
}

fn is_last(event: &Event<'_>) -> bool {
    matches!(event, Event::Closed(_) | Event::Failed(_))
}

impl Trace {
    fn drain(&mut self, connection: &mut Connection, input: &mut Input<'_>, entropy: &mut Counting) {
        while let Some(event) = connection.poll_event(input, entropy) {
            match &event {
                Event::Request(request) => {
                    let mut answer = Accept::new().header("X-Path", request.path());
                    if let Some(name) = request.subprotocols().last() {
                        answer = answer.subprotocol(name);
                    }
                    // A path that can't be said in a header is not said.
                    connection
                        .accept(&answer)
                        .or_else(|_| connection.accept(&Accept::new()))
                        .unwrap();
                }
                Event::Message(message) => connection.send(message.as_message(), entropy).unwrap(),
                // What the events before gave cause to send goes out before the answer to a Close.
                Event::Closed(_) | Event::Failed(_) => drop(connection.send(Message::from("late"), entropy)),
                Event::Opened(_) | Event::Chunk(_) | Event::Ping(_) | Event::Pong(_) => {}
            }
            self.events.push(event.into_owned());
        }
        let waiting = connection.poll_transmit(Instant::ZERO, entropy);
        self.output.extend_from_slice(waiting);
        let count = waiting.len();
        connection.transmitted(Instant::ZERO, count);
    }

    /// Whether `other`, cut elsewhere, saw and said at each of its cuts what this one had by then.
    pub(super) fn assert_covers(&self, other: &Self) {
        for &(at, events, output) in &other.marks {
            let Some(&(_, own_events, own_output)) = self.marks.iter().find(|mark| mark.0 == at) else {
                continue;
            };
            assert_eq!(other.events[..events], self.events[..own_events], "events by byte {at}");
            assert_eq!(other.output[..output], self.output[..own_output], "output by byte {at}");
        }
        assert_eq!(
            (&other.last, &other.output),
            (&self.last, &self.output),
            "after the end"
        );
    }

    /// The events in the words of the naive reader.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.events
            .iter()
            .map(|event| match event {
                Event::Message(message) if message.as_message().is_text() => {
                    Seen::Text(message.as_message().as_bytes().to_vec())
                }
                Event::Message(message) => Seen::Binary(message.as_message().as_bytes().to_vec()),
                Event::Ping(payload) => Seen::Ping(payload.as_bytes().to_vec()),
                Event::Pong(payload) => Seen::Pong(payload.as_bytes().to_vec()),
                Event::Closed(closed) => Seen::Close(closed.code.map(|code| code.as_u16()), closed.reason.clone()),
                Event::Failed(Failure::Violation(violation)) => Seen::Violation(*violation),
                other @ (Event::Request(_) | Event::Opened(_) | Event::Chunk(_) | Event::Failed(_)) => {
                    panic!("{:?}: {other:?}", self.start)
                }
            })
            .collect()
    }

    /// The violation that ended it, if one did.
    #[cfg(test)]
    pub(super) fn violation(&self) -> Option<crate::proto::Violation> {
        match self.events.last() {
            Some(Event::Failed(Failure::Violation(violation))) => Some(*violation),
            _ => None,
        }
    }
}
