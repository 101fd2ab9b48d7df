//! What a [`Talker`] says, and how each thing it asks for must be taken.

use alloc::vec::Vec;

use super::driver::Counting;
use super::naive::Seen;
use super::talker::{Life, Saying, Talker, Words};
use crate::proto::{CloseCode, Connection, Instant, Message, MessageKind, Misuse, Side, Text};

impl Talker {
    /// Sends a message.
    pub(super) fn send(&mut self, is_text: bool, payload: &[u8]) {
        let seen = if is_text {
            Seen::Text(payload.to_vec())
        } else {
            Seen::Binary(payload.to_vec())
        };
        let message = if is_text {
            Message::Text(Text::try_from(payload).unwrap())
        } else {
            Message::Binary(payload)
        };
        self.say(seen, payload.len(), |connection, entropy| {
            connection.send(message, entropy)
        });
    }

    pub(super) fn ping(&mut self, payload: &[u8]) {
        self.say(Seen::Ping(payload.to_vec()), payload.len(), |connection, entropy| {
            connection.ping(payload, entropy)
        });
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        self.say(Seen::Pong(payload.to_vec()), payload.len(), |connection, entropy| {
            connection.pong(payload, entropy)
        });
    }

    fn say(
        &mut self,
        seen: Seen,
        length: usize,
        call: impl FnOnce(&mut Connection, &mut Counting) -> Result<(), Misuse>,
    ) {
        let is_control = matches!(seen, Seen::Ping(_) | Seen::Pong(_));
        let misuse = match &self.saying {
            _ if is_control && length > 125 => Some(Misuse::ControlTooLong),
            _ if !self.may_say() => Some(Misuse::NotOpen),
            Saying::Message(..) if !is_control => Some(Misuse::MessageUnderWay),
            Saying::Cut if !is_control => Some(Misuse::MessageCut),
            _ => None,
        };
        self.queue(misuse, Words::Frame(seen), [length; 2], false, call);
    }

    /// Begins a message in pieces.
    pub(super) fn begin(&mut self, is_text: bool) {
        let expected = match &self.saying {
            _ if !self.may_say() => Err(Misuse::NotOpen),
            Saying::Message(..) => Err(Misuse::MessageUnderWay),
            Saying::Cut => Err(Misuse::MessageCut),
            Saying::Nothing => Ok(()),
        };
        let kind = if is_text {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        assert_eq!(self.connection.begin_message(kind, true), expected);
        if expected.is_ok() {
            self.saying = Saying::Message(is_text, None);
        }
    }

    /// Says the next piece.
    pub(super) fn piece(&mut self, piece: &[u8], is_last: bool) {
        let mut whole = Vec::new();
        let mut seen = Seen::Binary(Vec::new());
        let mut is_first = false;
        let misuse = match &self.saying {
            _ if !self.may_say() => Some(Misuse::NotOpen),
            Saying::Nothing => Some(Misuse::NoMessageUnderWay),
            Saying::Cut => Some(Misuse::MessageCut),
            Saying::Message(is_text, said) => {
                is_first = said.is_none();
                whole = [said.as_deref().unwrap_or_default(), piece].concat();
                let fault = core::str::from_utf8(&whole).err();
                let is_bad = fault.is_some_and(|fault| is_last || fault.error_len().is_some());
                seen = if *is_text {
                    Seen::Text(whole.clone())
                } else {
                    Seen::Binary(whole.clone())
                };
                (*is_text && is_bad).then_some(Misuse::NotUtf8)
            }
        };
        let words = if is_last {
            Words::Frame(seen)
        } else {
            Words::Piece(is_first)
        };
        let lengths = [piece.len(), whole.len()];
        let is_queued = self.queue(misuse, words, lengths, !is_first, |connection, entropy| {
            connection.send_chunk(piece, is_last, entropy)
        });
        if is_queued {
            self.saying = match &self.saying {
                Saying::Message(is_text, _) if !is_last => Saying::Message(*is_text, Some(whole)),
                _ => Saying::Nothing,
            };
        }
    }

    fn may_say(&self) -> bool {
        self.life == Life::Open && !self.close_said || self.owed.is_some()
    }

    /// Queues a frame by a `call` that is a `misuse`, or finds the queue full, or works: then it gives `true`.
    fn queue(
        &mut self,
        misuse: Option<Misuse>,
        words: Words,
        lengths: [usize; 2],
        continues: bool,
        call: impl FnOnce(&mut Connection, &mut Counting) -> Result<(), Misuse>,
    ) -> bool {
        let before = self.queued_bytes();
        let bytes = self.frame_bytes(lengths[0]);
        let is_full = bytes > self.config.limits.queued_bytes.saturating_sub(before);
        let misuse = misuse.or(is_full.then_some(Misuse::QueueFull));
        let expected = misuse.map_or(Ok(()), Err);
        assert_eq!(call(&mut self.connection, &mut self.entropy), expected, "{words:?}");
        let grown = self.queued_bytes() - before;
        let is_control = matches!(words, Words::Frame(Seen::Ping(_) | Seen::Pong(_)));
        if misuse.is_some() {
            assert_eq!(grown, 0);
        } else if is_control || !self.connection.inflates() {
            assert_eq!(grown, bytes);
        }
        if misuse.is_none() {
            let payload_bytes = self.payload_bytes(grown);
            self.note(words, before);
            if let Some(said) = self.said.last_mut() {
                said.lengths = [payload_bytes, lengths[1]];
                said.continues = continues;
            }
        }
        misuse.is_none()
    }

    /// Begins to close.
    pub(super) fn close(&mut self, now: Instant, code: Option<CloseCode>, reason: &str) {
        let before = self.queued_bytes();
        let expected = if self.life != Life::Open || self.close_said {
            Err(Misuse::NotOpen)
        } else if code.is_none() && !reason.is_empty() {
            Err(Misuse::ReasonWithoutCode)
        } else if reason.len() > 123 {
            Err(Misuse::ReasonTooLong)
        } else {
            Ok(())
        };
        assert_eq!(self.connection.close(now, code, reason, &mut self.entropy), expected);
        if expected.is_ok() {
            let close = Seen::Close(code.map(CloseCode::as_u16), reason.into());
            self.note(Words::Frame(close), before);
            self.close_said = true;
            self.deadline = Some(now + self.config.closing_timeout);
        }
    }

    /// The payload of a frame that is so many bytes long.
    fn payload_bytes(&self, frame_bytes: usize) -> usize {
        let headers = [0, 126, 65_536].map(|length| self.frame_bytes(length) - length);
        let fits = |header: &usize| frame_bytes >= *header && self.frame_bytes(frame_bytes - header) == frame_bytes;
        let header = headers.iter().find(|header| fits(header)).unwrap();
        frame_bytes - header
    }

    pub(super) const fn frame_bytes(&self, length: usize) -> usize {
        let wide = match length {
            0..126 => 0,
            126..65_536 => 2,
            _ => 8,
        };
        let mask = if matches!(self.side, Side::Client) { 4 } else { 0 };
        2 + wide + mask + length
    }
}
