//! Messages in chunks: joined they are the messages, however the input is cut.

use alloc::vec::Vec;

use super::driver::Counting;
use super::naive::{self, Seen};
use super::plan::{pieces, scattered};
use crate::proto::{CloseCode, Config, Connection, Event, Failure, Instant, Limits, MessageKind, Side};

/// How messages are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Whole,
    Chunks,
    /// Every second message in chunks.
    ByTurns,
}

/// What was heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) seen: Vec<Seen>,
    /// Of a message in chunks whose last did not come: whether it is text, and the bytes.
    pub(super) part: Option<(bool, Vec<u8>)>,
}

/// Frames to an open connection; the first byte chooses the side and seeds the cuts.
pub(super) fn check(choice: u8, input: &[u8]) {
    let side = if choice & 1 == 0 { Side::Server } else { Side::Client };
    // Nothing is held of a message in chunks, so these limits are no part of it.
    let limits = Limits {
        frame_bytes: u64::MAX,
        message_bytes: u64::MAX,
        fragments: u32::MAX,
        ..Limits::default()
    };
    let expected = naive::read(input, side == Side::Server, &limits);
    let config = Config {
        limits,
        ..Config::default()
    };
    let bytewise: Vec<usize> = (1..input.len()).collect();
    for way in [Way::Whole, Way::Chunks, Way::ByTurns] {
        let hear = |cuts: &[usize]| hear(&mut Connection::opened(side, config.clone().into()), input, cuts, way);
        let whole = hear(&[]);
        assert_eq!(whole.seen, expected, "{way:?}");
        assert_eq!(hear(&bytewise), whole, "{way:?}");
        assert_eq!(hear(&scattered(input.len(), choice)), whole, "{way:?}");
    }
}

/// What an open connection hears in `input`, cut at `cuts`.
pub(super) fn hear(connection: &mut Connection, input: &[u8], cuts: &[usize], way: Way) -> Heard {
    let mut entropy = Counting::default();
    let mut heard = Heard::default();
    connection.deliver_chunks(way == Way::Chunks);
    for piece in pieces(input, cuts) {
        let mut piece = piece.to_vec();
        let mut input = connection.handle_bytes(Instant::ZERO, &mut piece);
        while let Some(event) = connection.poll_event(&mut input, &mut entropy) {
            let messages = heard.messages();
            heard.take(event);
            if way == Way::ByTurns && heard.messages() != messages {
                connection.deliver_chunks(heard.messages() % 2 == 1);
            }
        }
        let waiting = connection.poll_transmit(Instant::ZERO, &mut entropy).len();
        connection.transmitted(Instant::ZERO, waiting);
    }
    heard
}

impl Heard {
    fn messages(&self) -> usize {
        let is_message = |seen: &&Seen| matches!(seen, Seen::Text(_) | Seen::Binary(_));
        self.seen.iter().filter(is_message).count()
    }

    fn take(&mut self, event: Event<'_>) {
        let message = |is_text: bool, payload: Vec<u8>| {
            if is_text {
                Seen::Text(payload)
            } else {
                Seen::Binary(payload)
            }
        };
        let seen = match event {
            Event::Message(found) => {
                assert_eq!(self.part, None, "a message within another's chunks");
                message(found.as_message().is_text(), found.as_message().as_bytes().to_vec())
            }
            Event::Chunk(chunk) => {
                let is_text = chunk.kind() == MessageKind::Text;
                assert_eq!(chunk.is_first(), self.part.is_none());
                assert!(chunk.is_last() || !chunk.as_bytes().is_empty());
                let (kind, mut payload) = self.part.take().unwrap_or((is_text, Vec::new()));
                assert_eq!(kind, is_text);
                payload.extend_from_slice(chunk.as_bytes());
                if !chunk.is_last() {
                    self.part = Some((kind, payload));
                    return;
                }
                message(is_text, payload)
            }
            Event::Ping(payload) => Seen::Ping(payload.as_bytes().to_vec()),
            Event::Pong(payload) => Seen::Pong(payload.as_bytes().to_vec()),
            Event::Closed(closed) => Seen::Close(closed.code.map(CloseCode::as_u16), closed.reason),
            Event::Failed(Failure::Violation(violation)) => Seen::Violation(violation),
            Event::Request(_) | Event::Opened(_) | Event::Failed(_) => panic!("{event:?}"),
        };
        self.seen.push(seen);
    }
}
