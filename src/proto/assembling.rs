//! What is kept between reads: an unfinished header, an unfinished frame, an unfinished message.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use super::message::{Chunk, MessageBuf, Payload};
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
    /// Bytes of payload still to come, as the bytes of a `u64`: one that is aligned would make every connection 8 bytes
    /// larger.
    remaining: [u8; 8],
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
            remaining: header.length.to_ne_bytes(),
            key: header.key,
            opcode: header.opcode,
            fin: header.fin,
        }
    }

    const fn remaining(&self) -> u64 {
        u64::from_ne_bytes(self.remaining)
    }

    /// How many of `available` bytes belong to this frame.
    pub(crate) fn share(&self, available: usize) -> usize {
        usize::try_from(self.remaining()).map_or(available, |remaining| remaining.min(available))
    }

    /// Unmasks the next bytes of the frame, which are no more than its share.
    pub(crate) fn unmask(&mut self, bytes: &mut [u8]) {
        mask::apply(bytes, self.key);
        self.advance(bytes.len());
    }

    /// Masks or unmasks the next bytes, without going past them.
    pub(crate) fn mask_ahead(&self, bytes: &mut [u8]) {
        mask::apply(bytes, self.key);
    }

    /// The next `count` bytes are read.
    pub(crate) fn advance(&mut self, count: usize) {
        self.key = mask::rotate(self.key, count);
        self.remaining = (self.remaining() - count as u64).to_ne_bytes();
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.remaining() == 0
    }

    /// Whether the next `count` bytes, which are no more than its share, complete it.
    pub(crate) const fn ends_within(&self, count: usize) -> bool {
        self.remaining() == count as u64
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
    compressed: bool,
    /// The host has had a chunk of it.
    is_chunked: bool,
    /// It is handed out as it comes, not gathered.
    delivers_chunks: bool,
    /// The same of the next message.
    will_deliver_chunks: bool,
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

    /// Whether messages are handed out in chunks, from the next on.
    pub(crate) const fn deliver_chunks(&mut self, yes: bool) {
        self.will_deliver_chunks = yes;
    }

    /// Whether the next message is handed out in chunks.
    #[inline]
    pub(crate) const fn will_deliver_chunks(&self) -> bool {
        self.will_deliver_chunks
    }

    /// Whether the message under way is handed out in chunks, or, if there is none, the one whose header is read now.
    pub(crate) const fn delivers_chunks(&mut self) -> bool {
        if self.is_idle() {
            self.delivers_chunks = self.will_deliver_chunks;
        }
        self.delivers_chunks
    }

    /// Ready for the next message.
    fn take(&mut self) -> Self {
        let next = Self {
            will_deliver_chunks: self.will_deliver_chunks,
            ..Self::default()
        };
        mem::replace(self, next)
    }

    /// Whether the message under way is compressed.
    pub(crate) const fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Takes an empty buffer to gather in, unless there is one already.
    pub(crate) fn lend(&mut self, mut buffer: Vec<u8>) {
        if self.payload.capacity() == 0 {
            buffer.clear();
            self.payload = buffer;
        }
    }

    /// Whether there is a buffer to gather in.
    #[inline]
    pub(crate) const fn has_buffer(&self) -> bool {
        self.payload.capacity() > 0
    }

    /// Gives the buffer back, if nothing is in it.
    pub(crate) fn reclaim(&mut self) -> Option<Vec<u8>> {
        (self.payload.is_empty() && self.payload.capacity() > 0).then(|| mem::take(&mut self.payload))
    }

    /// Checks a data frame's header against the message under way and, if messages are gathered, the limits; nothing is
    /// reserved on its word.
    pub(crate) fn admit(&self, header: &Header, limits: Option<&Limits>) -> Result<(), Violation> {
        // RFC 6455 section 5.4: fragments of one message are not interleaved with another's.
        match (header.opcode, self.is_idle()) {
            (Opcode::Continuation, true) => return Err(Violation::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, false) => return Err(Violation::ExpectedContinuation),
            (Opcode::Continuation, false) | (Opcode::Text | Opcode::Binary, true) => {}
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
        }
        let Some(limits) = limits else { return Ok(()) };
        if header.length > limits.frame_bytes {
            return Err(Violation::FrameTooBig);
        }
        // A compressed frame's length says nothing of the message's: that is bounded while it is inflated.
        let is_compressed = header.compressed || self.compressed;
        if !is_compressed && header.length > self.room(limits) as u64 {
            return Err(Violation::MessageTooBig);
        }
        if self.fragments >= limits.fragments {
            return Err(Violation::TooManyFragments);
        }
        Ok(())
    }

    /// How many bytes more the message may have.
    pub(crate) fn room(&self, limits: &Limits) -> usize {
        usize::try_from(limits.message_bytes)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.payload.len())
    }

    /// An admitted data frame begins.
    pub(crate) fn begin_frame(&mut self, header: &Header) {
        match header.opcode {
            Opcode::Text => self.kind = Kind::Text,
            Opcode::Binary => self.kind = Kind::Binary,
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => {}
        }
        self.compressed |= header.compressed;
        // Messages that are handed out in chunks have no bound on their fragments.
        self.fragments = self.fragments.saturating_add(1);
    }

    /// Adds unmasked bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        self.validate(bytes)?;
        reserve(&mut self.payload, bytes.len());
        self.payload.extend_from_slice(bytes);
        Ok(())
    }

    /// The buffer, for bytes to be inflated into.
    pub(crate) const fn sink(&mut self) -> &mut Vec<u8> {
        &mut self.payload
    }

    /// Checks the last `count` bytes that were put into the buffer.
    pub(crate) fn validate_last(&mut self, count: usize) -> Result<(), Violation> {
        let start = self.payload.len() - count;
        if self.kind == Kind::Text {
            self.utf8
                .feed(&self.payload[start..])
                .map_err(|utf8::Invalid| Violation::TextNotUtf8)?;
        }
        Ok(())
    }

    /// Checks the message's next bytes. RFC 6455 section 8.1: text is checked as it comes, so a bad byte fails at once.
    pub(crate) fn validate(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        if self.kind == Kind::Text {
            self.utf8.feed(bytes).map_err(|utf8::Invalid| Violation::TextNotUtf8)?;
        }
        Ok(())
    }

    /// The message is complete (RFC 6455 section 6.2): hands it over, buffer and all, and is ready for the next.
    pub(crate) fn finish(&mut self) -> Result<MessageBuf<'static>, Violation> {
        let done = self.take();
        if !done.utf8.is_complete() {
            return Err(Violation::TextNotUtf8);
        }
        Ok(MessageBuf::new(done.kind == Kind::Text, Payload::Owned(done.payload)))
    }

    /// A chunk of the message, which is not followed by a fault; after the last it is ready for the next message.
    pub(crate) fn chunk<'b>(&mut self, payload: Payload<'b>, is_last: bool) -> Chunk<'b> {
        let chunk = Chunk::new(payload, self.kind == Kind::Text, !self.is_chunked, is_last);
        self.is_chunked = true;
        if is_last {
            self.payload = self.take().payload;
        }
        chunk
    }

    /// Whether the message may end here.
    pub(crate) const fn may_end(&self) -> bool {
        self.utf8.is_complete()
    }

    /// Checks a chunk's bytes; gives how many come before the first bad one, and the fault.
    pub(crate) fn validate_chunk(&mut self, bytes: &[u8]) -> (usize, Option<Violation>) {
        let before = self.utf8;
        match self.validate(bytes) {
            Ok(()) => (bytes.len(), None),
            Err(fault) => (before.before_invalid(bytes), Some(fault)),
        }
    }

    /// What was inflated into the buffer, checked.
    pub(crate) fn take_inflated(&mut self) -> (Vec<u8>, Option<Violation>) {
        let mut payload = mem::take(&mut self.payload);
        let (good, fault) = self.validate_chunk(&payload);
        payload.truncate(good);
        (payload, fault)
    }
}

/// Makes room for `more` bytes. The buffer grows by a quarter, not to the double: a peer that sends tiny fragments should
/// not make us hold twice what it sent.
fn reserve(buffer: &mut Vec<u8>, more: usize) {
    let spare = buffer.capacity() - buffer.len();
    if spare < more {
        let step = (buffer.capacity() / 4).clamp(GROWTH_BYTES.start, GROWTH_BYTES.end);
        buffer.reserve_exact(more.max(spare + step));
    }
}

/// Least and most that a buffer grows by beyond what is needed.
const GROWTH_BYTES: Range<usize> = 1 << 10..4 << 20;
