//! Bytes that wait to be sent: copied ones in a buffer that the host may lend, and between them stretches of memory that
//! is shared with somebody else.

mod pongs;
#[cfg(test)]
mod tests;
mod units;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

#[cfg(feature = "engine")]
use crate::proto::wire::header;

pub(crate) use pongs::Pongs;
pub(crate) use units::Discarded;

/// Written bytes are cut off the front only when they are this many and half of all, so that the copying is paid for.
const COMPACT_BYTES: usize = 4 << 10;

/// A buffer that is given back keeps room for so many shared stretches; a pool counts its bytes alone.
const STRETCHES_KEPT: usize = 256;

/// Up to here the buffer grows to its double.
const DOUBLING_BYTES: usize = 64 << 10;

/// Memory for what a connection has to send. A connection that has nothing to send needs none, so that a host of many may
/// keep a few of these and [lend](crate::proto::Connection::lend_output) them.
#[derive(Debug, Default)]
pub struct OutputBuffer(Box<Buffer>);

impl OutputBuffer {
    /// An empty buffer with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Box::new(Buffer {
            bytes: Vec::with_capacity(bytes),
            ..Buffer::default()
        }))
    }

    /// How many bytes it has room for without growing.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.bytes.capacity()
    }
}

/// What a connection has to send. It is a pointer, since most connections have nothing to send at most times.
#[derive(Debug, Default)]
pub(crate) struct Output(Option<Box<Buffer>>);

/// Frames in the order in which they are sent.
#[derive(Debug, Default)]
struct Buffer {
    /// Bytes of our own; some of them were sent.
    bytes: Vec<u8>,
    /// How many were.
    written: usize,
    /// Where the first frame begins that may not be sent whole. Before it frames may lack what was shared.
    start: usize,
    /// Shared stretches that are not sent whole, in order: each a payload behind its header, or a whole frame.
    shared: VecDeque<Shared>,
    /// Bytes in them together.
    shared_bytes: usize,
    /// Bytes of the first one that were sent.
    shared_written: usize,
}

/// Memory that a connection and others look at: what waits to be sent from it isn't copied. It must not change, as an
/// `AsRef` that gives other bytes each time would.
pub type SharedMemory = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A stretch of memory that stands between our own bytes.
#[derive(Clone)]
struct Shared {
    /// It stands before our byte of this number.
    at: usize,
    memory: SharedMemory,
    range: Range<usize>,
}

impl Shared {
    fn bytes(&self) -> &[u8] {
        (*self.memory).as_ref().get(self.range.clone()).unwrap_or_default()
    }

    fn is_of(&self, memory: &SharedMemory) -> bool {
        Arc::as_ptr(&self.memory).addr() == Arc::as_ptr(memory).addr()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes before {}", self.range.len(), self.at)
    }
}

impl Output {
    /// What waits and lies in one piece at the front.
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        match &self.0 {
            Some(buffer) if buffer.shared.is_empty() => &buffer.bytes[buffer.written..],
            Some(buffer) => buffer.slices().next().unwrap_or_default(),
            None => &[],
        }
    }

    /// What waits, piece by piece.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().flat_map(|buffer| buffer.slices())
    }

    /// Whether it lies in more than one piece.
    #[inline]
    pub(crate) fn is_scattered(&self) -> bool {
        self.0.as_ref().is_some_and(|buffer| !buffer.shared.is_empty())
    }

    /// How much waits, in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |buffer| buffer.len())
    }

    /// The buffer, to append to, with room for `more` bytes.
    #[inline]
    pub(crate) fn append(&mut self, more: usize) -> &mut Vec<u8> {
        let buffer = self.0.get_or_insert_default();
        if buffer.written >= COMPACT_BYTES && buffer.written >= buffer.bytes.len() / 2 {
            buffer.compact();
        }
        if buffer.bytes.capacity() - buffer.bytes.len() < more {
            buffer.grow(more);
        }
        &mut buffer.bytes
    }

    /// Appends a frame without a mask if its place is there: nothing was sent of what waits, the buffer need not grow, and no
    /// more than `limit_bytes` wait then. Gives how many do.
    #[cfg(feature = "engine")]
    #[inline]
    pub(crate) fn append_frame(&mut self, first: u8, payload: &[u8], limit_bytes: usize) -> Option<usize> {
        let buffer = self.0.as_deref_mut()?;
        let most = buffer.bytes.len() + header::MAX_BYTES + payload.len();
        if buffer.written > 0 || !buffer.shared.is_empty() || most > buffer.bytes.capacity().min(limit_bytes) {
            return None;
        }
        header::encode(&mut buffer.bytes, first, payload.len(), None);
        buffer.bytes.extend_from_slice(payload);
        Some(buffer.bytes.len())
    }

    /// Appends what lies in `memory` at `range` without copying it: the payload of the frame whose header was appended
    /// last, or a whole frame.
    pub(crate) fn append_shared(&mut self, memory: &SharedMemory, range: Range<usize>) {
        let buffer = self.0.get_or_insert_default();
        buffer.shared_bytes += range.len();
        buffer.shared.push_back(Shared {
            at: buffer.bytes.len(),
            memory: Arc::clone(memory),
            range,
        });
    }

    /// Copies what lies in `memory`, so that it is shared no more.
    #[cold]
    pub(crate) fn copy_shared(&mut self, memory: &SharedMemory) {
        if let Some(buffer) = &mut self.0
            && buffer.shared.iter().any(|shared| shared.is_of(memory))
        {
            buffer.copy_shared(memory);
        }
    }

    /// What waits of messages: how many of their last frames, and how many bytes of all their frames.
    pub(crate) fn messages(&self) -> (usize, usize) {
        self.0.as_ref().map_or((0, 0), |buffer| buffer.messages())
    }

    /// Drops all that waits, the frame under way as well: nothing can be sent any more.
    pub(crate) fn abandon(&mut self) {
        if let Some(buffer) = &mut self.0 {
            buffer.abandon();
        }
    }

    /// The pongs among what waits.
    pub(crate) fn pongs(&self) -> Pongs {
        self.0.as_ref().map(|buffer| buffer.pongs()).unwrap_or_default()
    }

    /// Drops every frame of which nothing was sent, but never the head of an opening handshake.
    pub(crate) fn discard_unsent(&mut self) -> Discarded {
        match &mut self.0 {
            Some(buffer) => buffer.discard_unsent(),
            None => Discarded::default(),
        }
    }

    /// The first `count` waiting bytes were sent; gives how many there really were.
    #[inline]
    pub(crate) fn transmitted(&mut self, count: usize) -> usize {
        let Some(buffer) = &mut self.0 else { return 0 };
        let count = count.min(buffer.len());
        if buffer.shared.is_empty() {
            buffer.written += count;
        } else {
            buffer.advance(count);
        }
        buffer.reset_if_empty();
        count
    }

    /// Takes an empty buffer to write into, unless there is one already.
    pub(crate) fn lend(&mut self, buffer: OutputBuffer) {
        if self.0.is_none() {
            self.0 = Some(buffer.0);
        }
    }

    /// Gives the buffer back, if nothing is in it.
    pub(crate) fn reclaim(&mut self) -> Option<OutputBuffer> {
        let mut buffer = self.0.take_if(|buffer| buffer.is_empty())?;
        if buffer.shared.capacity() > STRETCHES_KEPT {
            buffer.shared = VecDeque::new();
        }
        Some(OutputBuffer(buffer))
    }
}

impl Buffer {
    fn len(&self) -> usize {
        self.bytes.len() - self.written + self.shared_bytes - self.shared_written
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.shared.is_empty()
    }

    /// What waits, piece by piece; no piece is empty.
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut own = self.written;
        let mut skip = self.shared_written;
        let between = self.shared.iter().flat_map(move |shared| {
            let before = &self.bytes[own..shared.at];
            own = shared.at;
            let rest = &shared.bytes()[core::mem::take(&mut skip)..];
            [before, rest]
        });
        let last = self.shared.back().map_or(self.written, |shared| shared.at);
        between.chain([&self.bytes[last..]]).filter(|slice| !slice.is_empty())
    }

    /// Makes room for `more` bytes: to the double while it is small, else by a quarter, so that a slow reader makes us
    /// hold little more than what waits for it.
    #[cold]
    fn grow(&mut self, more: usize) {
        let capacity = self.bytes.capacity();
        if capacity < DOUBLING_BYTES {
            self.bytes.reserve(more);
        } else {
            let spare = capacity - self.bytes.len();
            self.bytes.reserve_exact(more.max(spare + capacity / 4));
        }
    }

    #[cold]
    fn compact(&mut self) {
        if self.written < self.bytes.len() / 2 {
            return;
        }
        // The frame under way stays whole. Asked for only now: walking over the frames has to be paid for as well, and
        // after it there is nothing left to walk over.
        let begun = self.sent_whole();
        self.bytes.drain(..begun);
        self.written -= begun;
        self.start = 0;
        for shared in &mut self.shared {
            shared.at -= begun;
        }
    }

    /// Counts `count` bytes as sent, of which there are as many.
    fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.shared.front() {
            let own = count.min(first.at - self.written);
            self.written += own;
            count -= own;
            let rest = first.range.len() - self.shared_written;
            if self.written < first.at || count < rest {
                self.shared_written += count;
                return;
            }
            count -= rest;
            self.start = first.at;
            self.shared_bytes -= first.range.len();
            self.shared_written = 0;
            self.shared.pop_front();
        }
        self.written += count;
    }

    fn abandon(&mut self) {
        self.bytes.clear();
        self.written = 0;
        self.start = 0;
        self.shared.clear();
        self.shared_bytes = 0;
        self.shared_written = 0;
    }

    #[inline]
    fn reset_if_empty(&mut self) {
        if self.written == self.bytes.len() && self.shared.is_empty() {
            self.bytes.clear();
            self.written = 0;
            self.start = 0;
        }
    }

    /// Puts what lies in `memory` between our own bytes. What was sent of the frame under way stays with it, so that the
    /// frames can still be walked over.
    fn copy_shared(&mut self, memory: &SharedMemory) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.start + self.shared_bytes);
        let mut written = self.written - self.start;
        let mut own = self.start;
        let mut is_first = true;
        for mut shared in core::mem::take(&mut self.shared) {
            bytes.extend_from_slice(&self.bytes[own..shared.at]);
            own = shared.at;
            if shared.is_of(memory) {
                bytes.extend_from_slice(shared.bytes());
                self.shared_bytes -= shared.range.len();
                if is_first {
                    written += core::mem::take(&mut self.shared_written);
                }
            } else {
                shared.at = bytes.len();
                self.shared.push_back(shared);
            }
            is_first = false;
        }
        bytes.extend_from_slice(&self.bytes[own..]);
        self.bytes = bytes;
        self.written = written;
        self.start = 0;
    }
}
