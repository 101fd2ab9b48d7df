//! One end of a conversation, with a model beside it of what it must do, hear and refuse.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::driver::Counting;
use super::naive::Seen;
#[cfg(feature = "deflate")]
use crate::proto::Agreed;
use crate::proto::{Accept, ClientRequest, Config, Connection, Failure, Instant, Misuse, Phase, Response, Side, State};

/// What was put into a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Words {
    /// A request, or the answer that opens.
    Head,
    /// The answer that refuses, with its status.
    Refusal(u16),
    /// A frame of a message, but not its last; whether its first.
    Piece(bool),
    /// A control frame, or the frame that ends a message, with all of it.
    Frame(Seen),
}

/// [`Words`], and where they stand in all that their end ever queued.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) words: Words,
    start: u64,
    bytes: usize,
    /// Length of the frame's payload, and of that of the message up to its end.
    pub(super) lengths: [usize; 2],
    /// Whether it is a frame of a message that another went before.
    pub(super) continues: bool,
    /// Whether it is the pong of a ping.
    is_answer: bool,
}

/// The message that is being said in pieces.
#[derive(Debug)]
pub(super) enum Saying {
    Nothing,
    /// Kind, and what was said of it; `None` as long as no frame is queued.
    Message(bool, Option<Vec<u8>>),
    /// The rest of one was dropped.
    Cut,
}

/// Where the end stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Opening,
    Open,
    /// The other's Close was heard.
    Closed,
    Failed,
}

#[derive(Debug)]
pub(super) struct Talker {
    pub(super) connection: Connection,
    pub(super) config: Arc<Config>,
    pub(super) entropy: Counting,
    pub(super) side: Side,
    pub(super) life: Life,
    pub(super) said: Vec<Said>,
    /// How much of what the other said was heard.
    pub(super) heard: usize,
    /// Whether it says again what it hears.
    pub(super) echoes: bool,
    /// How many bytes have left.
    pub(super) written: u64,
    pub(super) deadline: Option<Instant>,
    pub(super) close_said: bool,
    /// The Close that the next `transmit` must queue.
    pub(super) owed: Option<Seen>,
    /// The ping that waits until there is room for its pong.
    pub(super) deferred: Option<Vec<u8>>,
    pub(super) saying: Saying,
    /// What was heard of a message in chunks.
    pub(super) gathered: Option<Vec<u8>>,
    /// Whether messages come in chunks.
    pub(super) hears_chunks: bool,
    /// Whether a request waits for its answer.
    pub(super) asked: bool,
    #[cfg(feature = "deflate")]
    pub(super) agreed: Option<Agreed>,
    /// Whether any byte was heard.
    pub(super) addressed: bool,
    /// How it must fail now.
    pub(super) due: Option<Failure>,
}

impl Talker {
    /// An end that is open from the start.
    pub(super) fn opened(side: Side, config: Config) -> Self {
        let config = Arc::new(config);
        let connection = Connection::opened(side, Arc::clone(&config));
        Self {
            connection,
            config,
            entropy: Counting::default(),
            side,
            life: Life::Open,
            said: Vec::new(),
            heard: 0,
            echoes: false,
            written: 0,
            deadline: None,
            close_said: false,
            owed: None,
            deferred: None,
            saying: Saying::Nothing,
            gathered: None,
            hears_chunks: false,
            asked: false,
            addressed: false,
            #[cfg(feature = "deflate")]
            agreed: None,
            due: None,
        }
    }

    /// An end that has the opening handshake before it.
    pub(super) fn opening(side: Side, config: Config, now: Instant) -> Self {
        let mut talker = Self::opened(side, config);
        talker.life = Life::Opening;
        talker.deadline = Some(now + talker.config.opening_timeout);
        let config = Arc::clone(&talker.config);
        match side {
            Side::Server => talker.connection = Connection::server(config, now),
            Side::Client => {
                let request = ClientRequest::new("a", "/").subprotocol("one").subprotocol("two");
                talker.connection = Connection::client(config, &request, now, &mut talker.entropy).unwrap();
                talker.note(Words::Head, 0);
            }
        }
        talker
    }

    /// Has messages handed out in chunks.
    pub(super) fn hear_chunks(&mut self) {
        self.connection.deliver_chunks(true);
        self.hears_chunks = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.life, Life::Closed | Life::Failed)
    }

    /// Whether it is done and all it had to say has left.
    pub(super) fn is_silent(&self) -> bool {
        self.connection.is_finished() && self.connection.queued_bytes() == 0
    }

    /// Whether a request waits for its answer.
    pub(super) const fn is_asked(&self) -> bool {
        self.asked
    }

    /// Whether the next `transmit` must queue something.
    pub(super) const fn owes(&self) -> bool {
        self.owed.is_some() || self.deferred.is_some()
    }

    /// Takes the buffers back as a host with many connections does, and lends them again.
    pub(super) fn exchange_buffers(&mut self) {
        if let Some(buffer) = self.connection.reclaim_output() {
            assert_eq!(self.queued_bytes(), 0);
            self.connection.lend_output(buffer);
        }
        if let Some(buffer) = self.connection.reclaim_input() {
            self.connection.lend_input(buffer);
        }
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.connection.queued_bytes()
    }

    /// Length of all that it ever queued and didn't drop.
    pub(super) fn said_bytes(&self) -> u64 {
        self.said.last().map_or(0, |said| said.start + said.bytes as u64)
    }

    /// What a host may ask at any time is what the model says.
    pub(super) fn check(&self) {
        let state = match self.life {
            Life::Opening => State::Opening,
            Life::Open if self.close_said => State::Closing,
            Life::Open => State::Open,
            Life::Closed | Life::Failed if self.owed.is_some() => State::Closing,
            Life::Closed | Life::Failed => State::Closed,
        };
        assert_eq!(self.connection.state(), state);
        assert_eq!(self.connection.poll_timeout(), self.deadline);
        assert_eq!(self.connection.is_finished(), state == State::Closed);
        assert_eq!(self.connection.wants_read(), !self.has_ended() && !self.asked);
    }

    /// Answers the request: opens, or refuses.
    pub(super) fn answer(&mut self, now: Instant, opens: bool, said: &[Said]) {
        let before = self.queued_bytes();
        let done = if opens {
            self.connection.accept(&Accept::new().subprotocol("two"))
        } else {
            let response = Response::new(403).body("not here");
            self.connection.refuse(&response)
        };
        if !self.asked {
            assert_eq!(done, Err(Misuse::NotOpening));
            return;
        }
        assert_eq!(done, Ok(()));
        self.asked = false;
        self.note(if opens { Words::Head } else { Words::Refusal(403) }, before);
        self.drain(now, &mut [], said);
        assert_eq!(self.life, if opens { Life::Open } else { Life::Failed });
    }

    /// Drops what has not begun to leave.
    pub(super) fn discard(&mut self) {
        let works = self.life == Life::Open && !self.close_said;
        let dropped = self.connection.discard_queued();
        let mut expected = 0;
        let written = self.written;
        if works {
            self.deferred = None;
            let mut is_cut = false;
            self.said.retain(|said| {
                let stays = said.start < written || matches!(said.words, Words::Head | Words::Refusal(_));
                let is_data = matches!(
                    said.words,
                    Words::Piece(_) | Words::Frame(Seen::Text(_) | Seen::Binary(_))
                );
                if !stays && is_data {
                    is_cut |= said.continues && expected == 0;
                    expected += usize::from(!said.continues);
                }
                stays
            });
            // A message under way is given up, too; its begin may have been among what was dropped.
            let one_more = match self.saying {
                Saying::Nothing => is_cut,
                Saying::Message(_, None) => true,
                Saying::Message(_, Some(_)) => expected == 0,
                Saying::Cut => false,
            };
            if is_cut || matches!(self.saying, Saying::Message(..)) {
                self.saying = Saying::Cut;
            }
            expected += usize::from(one_more);
        }
        assert_eq!(dropped, expected, "messages that were dropped");
        assert_eq!(
            self.queued_bytes() as u64,
            self.said_bytes() - written,
            "bytes that stay"
        );
    }

    /// Lets up to `most` bytes leave.
    pub(super) fn transmit(&mut self, now: Instant, most: usize) -> Vec<u8> {
        let before = self.queued_bytes();
        // The first of two calls queues what is owed.
        self.connection.poll_transmit(now, &mut self.entropy);
        if let Some(close) = self.owed.take() {
            self.note_sized(Words::Frame(close), before, false);
        } else if self.life == Life::Open
            && let Some(payload) = self.deferred.take()
        {
            if self.may_queue_pong(self.queued_bytes() > before, before) {
                self.note_sized(Words::Frame(Seen::Pong(payload)), before, true);
            } else {
                self.deferred = Some(payload);
            }
        }
        let all = self.said_bytes();
        let waiting = self.connection.poll_transmit(now, &mut self.entropy);
        assert_eq!(waiting.len() as u64, all - self.written, "bytes that wait");
        let bytes = waiting[..most.min(waiting.len())].to_vec();
        self.connection.transmitted(now, bytes.len());
        self.written += bytes.len() as u64;
        bytes
    }

    /// Hears bytes of what the other said.
    pub(super) fn hear(&mut self, now: Instant, bytes: &mut [u8], said: &[Said]) {
        self.drain(now, bytes, said);
    }

    /// Takes bytes and doesn't look at the events before it takes the next: a host's mistake.
    pub(super) fn neglect(&mut self, now: Instant, bytes: &mut [u8], said: &[Said]) {
        let (first, second) = bytes.split_at_mut(bytes.len() / 2);
        assert!(!first.is_empty() && !second.is_empty());
        self.connection.handle_bytes(now, first);
        if !self.has_ended() {
            self.due = Some(Failure::Misused(Misuse::InputNotDrained));
        }
        self.drain(now, second, said);
    }

    /// Hears that nothing follows.
    pub(super) fn hear_end(&mut self, now: Instant, said: &[Said]) {
        if !self.has_ended() {
            self.due = Some(Failure::Lost);
        }
        self.connection.handle_end(now);
        self.drain(now, &mut [], said);
    }

    /// The timer rings, perhaps too early or late.
    pub(super) fn ring(&mut self, now: Instant, said: &[Said]) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let phase = if self.life == Life::Opening {
                Phase::Opening
            } else {
                Phase::Closing
            };
            self.due = Some(Failure::TimedOut(phase));
        }
        self.connection.handle_timeout(now);
        self.drain(now, &mut [], said);
    }

    /// Checks whether a pong may have been `queued`, or kept waiting, when `before` bytes waited; gives `queued`.
    pub(super) fn may_queue_pong(&self, queued: bool, before: usize) -> bool {
        let bound = self.config.limits.pong_queue_bytes;
        // Only the unsent part of the pong that is leaving; the connection may count all of it, and what lies between.
        let unsent =
            |said: &Said| (said.start + said.bytes as u64).saturating_sub(said.start.max(self.written)) as usize;
        let pongs: usize = self.said.iter().filter(|said| said.is_answer).map(unsent).sum();
        if queued {
            assert!(self.deferred.is_none() && pongs < bound, "{pongs} bytes of pongs wait");
        } else {
            assert!(self.deferred.is_some() || before >= bound, "{before} bytes wait");
        }
        queued
    }

    /// Whether both know the same of compression.
    pub(super) fn assert_agrees_with(&self, other: &Self) {
        assert_eq!(self.connection.inflates(), other.connection.inflates());
        #[cfg(feature = "deflate")]
        assert_eq!(self.agreed, other.agreed);
    }

    /// Notes what was queued behind `before` bytes.
    pub(super) fn note(&mut self, words: Words, before: usize) {
        self.said.push(Said {
            words,
            start: self.written + before as u64,
            bytes: self.queued_bytes() - before,
            lengths: [0; 2],
            continues: false,
            is_answer: false,
        });
    }

    /// Notes a control frame of the connection's own, which is, or is about to be, queued behind `before` bytes.
    pub(super) fn note_sized(&mut self, words: Words, before: usize, is_answer: bool) {
        let length = match &words {
            Words::Frame(Seen::Pong(payload)) => payload.len(),
            Words::Frame(Seen::Close(code, reason)) => code.map_or(0, |_| 2) + reason.len(),
            other => panic!("{other:?}"),
        };
        self.said.push(Said {
            words,
            start: self.written + before as u64,
            bytes: self.frame_bytes(length),
            lengths: [length; 2],
            continues: false,
            is_answer,
        });
    }
}
