//! How a [`Talker`] meets the events of its connection.

use super::naive::Seen;
use super::talker::{Life, Said, Talker, Words};
use crate::proto::{CloseCode, Event, Failure, Instant, MessageKind, Phase, Side, Violation};

impl Talker {
    /// Takes bytes and all events that come of them.
    pub(super) fn drain(&mut self, now: Instant, bytes: &mut [u8], said: &[Said]) {
        self.addressed |= !bytes.is_empty();
        let mut input = self.connection.handle_bytes(now, bytes);
        loop {
            let before = self.queued_bytes();
            let Some(event) = self.connection.poll_event(&mut input, &mut self.entropy) else {
                break;
            };
            assert!(!self.has_ended(), "after the last event: {event:?}");
            self.meet(event, before, said);
        }
        assert_eq!(self.due, None, "the end that had to come");
    }

    /// Takes an event; `before`: how much waited to be sent before it came.
    fn meet(&mut self, event: Event<'_>, before: usize, said: &[Said]) {
        let next = self.next(said);
        match event {
            Event::Request(_) => {
                assert_eq!(
                    (self.side, self.life, next),
                    (Side::Server, Life::Opening, Some(&Words::Head))
                );
                self.advance(said);
                self.asked = true;
            }
            Event::Opened(opened) => {
                assert_eq!(self.life, Life::Opening);
                assert_eq!(opened.subprotocol.as_deref(), Some("two"));
                #[cfg(feature = "deflate")]
                {
                    self.agreed = opened.deflate;
                }
                if self.side == Side::Client {
                    assert_eq!(next, Some(&Words::Head));
                    self.advance(said);
                }
                self.life = Life::Open;
                self.deadline = None;
            }
            Event::Message(message) => {
                assert!(!self.hears_chunks && self.gathered.is_none());
                let message = message.as_message();
                self.meet_message(message.is_text(), message.as_bytes(), said);
            }
            Event::Chunk(chunk) => {
                assert!(self.hears_chunks && chunk.is_first() == self.gathered.is_none());
                assert!(chunk.is_last() || !chunk.as_bytes().is_empty());
                let mut gathered = self.gathered.take().unwrap_or_default();
                gathered.extend_from_slice(chunk.as_bytes());
                if chunk.is_last() {
                    self.meet_message(chunk.kind() == MessageKind::Text, &gathered, said);
                } else {
                    self.gathered = Some(gathered);
                }
            }
            Event::Ping(payload) => {
                let payload = payload.as_bytes();
                self.expect(Seen::Ping(payload.to_vec()), said);
                if self.may_queue_pong(self.queued_bytes() > before, before) {
                    self.note_sized(Words::Frame(Seen::Pong(payload.to_vec())), before, true);
                } else {
                    self.deferred = Some(payload.to_vec());
                }
            }
            Event::Pong(payload) => self.expect(Seen::Pong(payload.as_bytes().to_vec()), said),
            Event::Closed(closed) => {
                let close = Seen::Close(closed.code.map(CloseCode::as_u16), closed.reason);
                self.expect(close.clone(), said);
                let first = if self.close_said { self.side } else { self.side.peer() };
                assert_eq!(closed.initiator, first);
                self.end(Life::Closed, close);
            }
            Event::Failed(failure) => self.fail(failure, before, said),
        }
        // Nothing but what was noted waits to be sent.
        assert_eq!(
            self.queued_bytes() as u64,
            self.said_bytes() - self.written,
            "bytes that wait"
        );
    }

    /// What must be heard next. The frames of a message are heard with its last.
    fn next<'a>(&mut self, said: &'a [Said]) -> Option<&'a Words> {
        let words = |said: &'a Said| &said.words;
        let rest = said.get(self.heard..)?;
        rest.iter().map(words).find(|words| !matches!(words, Words::Piece(_)))
    }

    fn meet_message(&mut self, is_text: bool, payload: &[u8], said: &[Said]) {
        let payload = payload.to_vec();
        let seen = if is_text {
            Seen::Text(payload.clone())
        } else {
            Seen::Binary(payload.clone())
        };
        self.expect(seen, said);
        if self.echoes {
            self.send(is_text, &payload);
        }
    }

    fn expect(&mut self, seen: Seen, said: &[Said]) {
        assert_eq!(self.life, Life::Open);
        assert_eq!(Some(&Words::Frame(seen)), self.next(said));
        self.advance(said);
    }

    /// What was next is heard, and with it all that went before.
    fn advance(&mut self, said: &[Said]) {
        while let Some(heard) = said.get(self.heard) {
            assert_eq!(self.too_big(heard), None);
            self.heard += 1;
            if !matches!(heard.words, Words::Piece(_)) {
                return;
            }
        }
    }

    fn fail(&mut self, failure: Failure, before: usize, said: &[Said]) {
        let next = self.next(said);
        match (self.due.take(), &failure) {
            // A refusal whose body was cut off comes in place of the loss.
            (_, Failure::Refused(refusal)) => {
                assert_eq!(self.life, Life::Opening);
                if self.side == Side::Client {
                    assert_eq!(next, Some(&Words::Refusal(refusal.status)));
                    self.advance(said);
                }
                self.end(Life::Failed, Seen::Close(None, Default::default()));
            }
            (Some(due), _) => {
                assert_eq!(due, failure);
                if failure == Failure::TimedOut(Phase::Opening) && self.side == Side::Server && self.addressed {
                    // Whose fault it was.
                    let status = if self.asked { 503 } else { 408 };
                    self.note(Words::Refusal(status), before);
                }
                let code = CloseCode::INTERNAL_ERROR.as_u16();
                self.end(Life::Failed, Seen::Close(Some(code), Default::default()));
                if !matches!(failure, Failure::Misused(_)) {
                    // The transport is gone, or nobody listens.
                    self.owed = None;
                }
            }
            (None, Failure::Violation(violation)) => {
                // The only rules that the other end breaks are our limits.
                let rest = said.get(self.heard..).unwrap_or_default();
                let is_piece = |said: &&Said| matches!(said.words, Words::Piece(_));
                let count = rest.iter().take_while(is_piece).count();
                let found = rest.iter().take(count + 1).find_map(|said| self.too_big(said));
                assert_eq!(found, Some(*violation));
                let code = CloseCode::TOO_BIG.as_u16();
                self.end(Life::Failed, Seen::Close(Some(code), Default::default()));
            }
            (None, Failure::Lost | Failure::TimedOut(_) | Failure::Misused(_)) => panic!("{failure}"),
        }
    }

    /// The last event was met; `close` is owed to the other if it can still be told.
    fn end(&mut self, life: Life, close: Seen) {
        if self.life == Life::Open && !self.close_said {
            self.owed = Some(close);
        }
        self.life = life;
        self.deadline = None;
        self.deferred = None;
        self.asked = false;
    }

    /// The limit that a frame passes.
    fn too_big(&self, said: &Said) -> Option<Violation> {
        let limits = &self.config.limits;
        let [frame, message] = said.lengths.map(|length| length as u64);
        if self.hears_chunks
            || !matches!(
                said.words,
                Words::Piece(_) | Words::Frame(Seen::Text(_) | Seen::Binary(_))
            )
        {
            None
        } else if frame > limits.frame_bytes {
            Some(Violation::FrameTooBig)
        } else if message > limits.message_bytes {
            Some(Violation::MessageTooBig)
        } else {
            None
        }
    }
}
