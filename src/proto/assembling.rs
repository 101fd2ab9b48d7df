//! What is kept between reads: an unfinished header, an unfinished frame, an unfinished message.

use alloc::vec::Vec;
use core::mem;

use super::message::{MessageBuf, Payload};
use super::wire::header::{self, Header, Opcode};
use super::wire::{mask, utf8};
use super::{Limits, Violation};

/// Which part of a frame comes next.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A header, of which `len` bytes have come.
    Header { bytes: [u8; header::MAX_BYTES], len: u8 },
    /// The payload of a frame that doesn't lie in one read, or that belongs to a fragmented message.
    Payload(Frame),
}

/// The rest of a frame under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// Bytes of payload still to come.
    remaining: u64,
    /// The masking key, turned to the next byte.
    key: [u8; 4],
    pub(crate) opcode: Opcode,
    pub(crate) fin: bool,
}

impl Reading {
    pub(crate) const START: Self = Self::Header {
        bytes: [0; header::MAX_BYTES],
        len: 0,
    };

    /// Whether the last frame is read and nothing of the next has come.
    #[inline]
    pub(crate) const fn is_between_frames(&self) -> bool {
        matches!(self, Self::Header { len: 0, .. })
    }
}

impl Frame {
    pub(crate) const fn new(header: &Header) -> Self {
        Self {
            remaining: header.length,
            key: header.key,
            opcode: header.opcode,
            fin: header.fin,
        }
    }

    /// How many of `available` bytes belong to this frame.
    pub(crate) fn share(&self, available: usize) -> usize {
        usize::try_from(self.remaining).map_or(available, |remaining| remaining.min(available))
    }

    /// Unmasks the next bytes of the frame, which are no more than its share.
    pub(crate) fn unmask(&mut self, bytes: &mut [u8]) {
        mask::apply(bytes, self.key);
        self.key = mask::rotate(self.key, bytes.len());
        self.remaining -= bytes.len() as u64;
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.remaining == 0
    }
}

/// A message that comes in several frames, or in one that is cut.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    payload: Vec<u8>,
    /// Frames so far, empty ones counted.
    fragments: u32,
    utf8: utf8::Validator,
    kind: Kind,
}

/// What is being assembled.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Nothing,
    Text,
    Binary,
}

impl Assembly {
    /// Whether no message is under way.
    #[inline]
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }

    /// Takes an empty buffer to gather in, unless there is one already.
    pub(crate) fn lend(&mut self, mut buffer: Vec<u8>) {
        if self.payload.capacity() == 0 {
            buffer.clear();
            self.payload = buffer;
        }
    }

    /// Gives the buffer back, if no message is in it.
    pub(crate) fn reclaim(&mut self) -> Option<Vec<u8>> {
        (self.is_idle() && self.payload.capacity() > 0).then(|| mem::take(&mut self.payload))
    }

    /// Checks a data frame's header against the message under way and the limits; nothing is reserved on its word.
    pub(crate) fn admit(&self, header: &Header, limits: &Limits) -> Result<(), Violation> {
        // RFC 6455 section 5.4: fragments of one message are not interleaved with another's.
        match (header.opcode, self.is_idle()) {
            (Opcode::Continuation, true) => return Err(Violation::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, false) => return Err(Violation::ExpectedContinuation),
            (Opcode::Continuation, false) | (Opcode::Text | Opcode::Binary, true) => {}
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
        }
        if header.length > limits.frame_bytes {
            return Err(Violation::FrameTooBig);
        }
        if header.length > limits.message_bytes.saturating_sub(self.payload.len() as u64) {
            return Err(Violation::MessageTooBig);
        }
        if self.fragments >= limits.fragments {
            return Err(Violation::TooManyFragments);
        }
        Ok(())
    }

    /// An admitted data frame begins.
    pub(crate) fn begin_frame(&mut self, opcode: Opcode) {
        match opcode {
            Opcode::Text => self.kind = Kind::Text,
            Opcode::Binary => self.kind = Kind::Binary,
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {}
        }
        self.fragments += 1;
    }

    /// Adds unmasked bytes. RFC 6455 section 8.1: text is checked as it comes, so a bad byte fails at once.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        if self.kind == Kind::Text {
            self.utf8.feed(bytes).map_err(|utf8::Invalid| Violation::TextNotUtf8)?;
        }
        self.payload.extend_from_slice(bytes);
        Ok(())
    }

    /// The message is complete: hands it over, buffer and all, and is ready for the next.
    pub(crate) fn finish(&mut self) -> Result<MessageBuf<'static>, Violation> {
        let done = mem::take(self);
        if !done.utf8.is_complete() {
            return Err(Violation::TextNotUtf8);
        }
        Ok(MessageBuf::new(done.kind == Kind::Text, Payload::Owned(done.payload)))
    }
}
