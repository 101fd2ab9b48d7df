//! One inflater: zlib-rs, raw, bounded while it goes.

use alloc::vec::Vec;

use zlib_rs::{InflateFlush, Status};

use super::TAIL;

/// Least and most room made in the sink at once, in bytes: what is made must first be cleared, and a bomb should cost no
/// more than the limit.
const STEP_BYTES: (usize, usize) = (256, 64 << 10);

/// What [`Inflater::inflate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// How much of the piece was read.
    pub(crate) consumed: usize,
    /// All of the piece was read and nothing more can come out of it; if it was the last, the message is complete. Else
    /// the sink got as much as it may, and there is more.
    pub(crate) is_done: bool,
}

/// The peer's bytes are not DEFLATE (RFC 1951).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InflateError;

/// An inflater and its context, with room for a window of any size.
pub(super) struct Inflater {
    inner: zlib_rs::Inflate,
    /// Came out when the sink was full, to see whether there was more.
    held: Option<u8>,
    /// Nothing of the message was read so far.
    is_empty: bool,
    /// The last block that was read called itself the last, and nothing followed so far.
    at_end: bool,
}

/// What a single call of zlib's did.
struct Step {
    consumed: usize,
    written: usize,
    /// All room was used, so that there may be more.
    filled: bool,
    /// A block that calls itself the last ended.
    ended: bool,
    /// What comes next is not DEFLATE; zlib will say so again.
    failed: bool,
}

impl Inflater {
    /// What an inflater takes, in bytes: a window of 32 KiB, whatever was agreed, and tables. Measured with a counting
    /// allocator, zlib-rs 0.6.8: 47,552, and itself.
    pub(super) const BYTES: usize = 48 << 10;

    /// Allocates [`BYTES`](Self::BYTES). The window is 32 KiB, as RFC 7692 section 7.2.2 asks where none was agreed on, and
    /// allows where one was.
    pub(super) fn new() -> Self {
        Self {
            inner: zlib_rs::Inflate::new(false, 15),
            held: None,
            is_empty: true,
            at_end: false,
        }
    }

    /// Forgets all that went before.
    pub(super) fn reset(&mut self) {
        self.inner.reset(false);
        self.begin();
    }

    /// A message begins.
    pub(super) const fn begin(&mut self) {
        self.held = None;
        self.is_empty = true;
        self.at_end = false;
    }

    /// See [`Extension::inflate`](super::Extension::inflate).
    pub(super) fn inflate(
        &mut self,
        piece: &[u8],
        last: bool,
        sink: &mut Vec<u8>,
        most_bytes: usize,
    ) -> Result<Inflated, InflateError> {
        let end = sink.len().saturating_add(most_bytes);
        if most_bytes > 0
            && let Some(byte) = self.held.take()
        {
            grow(sink, 0, end);
            sink.push(byte);
        }
        let mut consumed = 0;
        let mut room = piece.len().saturating_mul(4).clamp(STEP_BYTES.0, STEP_BYTES.1);
        while self.held.is_none() {
            let rest = &piece[consumed..];
            let step = self.step_into(rest, sink, room, end);
            consumed += step.consumed;
            // Clearing room must not cost more than what fills it, however many streams a message is made of.
            room = if step.filled {
                (room * 2).min(STEP_BYTES.1)
            } else {
                STEP_BYTES.0
            };
            self.is_empty &= step.consumed == 0;
            if step.ended {
                // RFC 7692 section 7.2.3.4: more blocks may follow. The window is lost, as it is with any zlib: a
                // compressor that has ended a stream begins the next without one, too.
                self.inner.reset(false);
                self.at_end = true;
            } else if step.consumed > 0 {
                self.at_end = false;
            }
            if consumed == piece.len() && !step.filled && !step.failed && self.held.is_none() {
                if last {
                    self.finish()?;
                }
                return Ok(Inflated {
                    consumed,
                    is_done: true,
                });
            }
            // Zlib stops only for want of input or room; but were it otherwise, this must not go round for ever.
            let is_stuck = step.consumed == 0 && step.written == 0 && !step.ended;
            if (step.failed || is_stuck) && self.held.is_none() {
                return Err(InflateError);
            }
        }
        Ok(Inflated {
            consumed,
            is_done: false,
        })
    }

    /// One step, into at most `room` of the sink or, if that has all that it may have, into a byte that is held back.
    fn step_into(&mut self, input: &[u8], sink: &mut Vec<u8>, room: usize, end: usize) -> Step {
        let start = sink.len();
        if start == end {
            let mut spare = [0];
            let step = self.step(input, &mut spare, InflateFlush::SyncFlush);
            self.held = (step.written > 0).then_some(spare[0]);
            return step;
        }
        grow(sink, room.min(end - start), end);
        let step = self.step(input, &mut sink[start..], InflateFlush::SyncFlush);
        sink.truncate(start + step.written);
        step
    }

    /// The message ends here. RFC 7692 section 7.2.2: puts back the four bytes that the sender took away, which complete
    /// an empty block. Told to stop where a block ends, zlib must then stop before a fifth byte; if it doesn't, the
    /// message ended inside a block.
    fn finish(&mut self) -> Result<(), InflateError> {
        // Section 7.2.3.6 has a byte even in an empty message, and section 7.2.3.4 one behind a last block. Where they
        // are missing, nothing is in doubt.
        if self.is_empty || self.at_end {
            return Ok(());
        }
        let [a, b, c, d] = TAIL;
        let step = self.step(&[a, b, c, d, 0], &mut [0], InflateFlush::Block);
        if step.consumed == TAIL.len() && step.written == 0 && !step.ended && !step.failed {
            Ok(())
        } else {
            Err(InflateError)
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8], flush: InflateFlush) -> Step {
        let before = (self.inner.total_in(), self.inner.total_out());
        let status = self.inner.decompress(input, output, flush);
        let moved = |by: u64, most: usize| usize::try_from(by).map_or(most, |by| by.min(most));
        let written = moved(self.inner.total_out() - before.1, output.len());
        Step {
            consumed: moved(self.inner.total_in() - before.0, input.len()),
            written,
            filled: written == output.len(),
            ended: status == Ok(Status::StreamEnd),
            failed: status.is_err(),
        }
    }
}

/// Adds `count` bytes to the sink, whose capacity doubles, but not past `end`.
fn grow(sink: &mut Vec<u8>, count: usize, end: usize) {
    let length = sink.len() + count;
    if length > sink.capacity() {
        let wanted = sink.capacity().saturating_mul(2).max(length).min(end);
        sink.reserve_exact(wanted - sink.len());
    }
    sink.resize(length, 0);
}
