//! Bytes that wait to be sent, and the pongs among them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use super::wire::header;

/// Written bytes are cut off the front only when they are this many and half of all, so that the copying is paid for.
const COMPACT_BYTES: usize = 4 << 10;

/// Up to here the buffer grows to its double.
const DOUBLING_BYTES: usize = 64 << 10;

/// Bytes that wait to be sent, in one buffer that the host may lend and take back.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    /// What waits.
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// How much waits, in bytes.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// The buffer, to append to, with room for `more` bytes.
    #[inline]
    pub(crate) fn append(&mut self, more: usize) -> &mut Vec<u8> {
        if self.written >= COMPACT_BYTES && self.written >= self.bytes.len() / 2 {
            self.compact();
        }
        if self.bytes.capacity() - self.bytes.len() < more {
            self.grow(more);
        }
        &mut self.bytes
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
        let begun = self.units().take_while(|end| *end <= self.written).last().unwrap_or(0);
        self.bytes.drain(..begun);
        self.written -= begun;
    }

    /// Where each frame ends, in order. The head of an opening handshake counts as one too: no frame of ours begins with
    /// the first letter of `HTTP` or `GET`, an unfinished control frame and a reserved opcode.
    fn units(&self) -> impl Iterator<Item = usize> + '_ {
        let mut start = 0;
        core::iter::from_fn(move || {
            let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
            start += match rest {
                [b'H' | b'G', ..] => head_bytes(rest),
                frame => header::frame_bytes(frame),
            };
            Some(start)
        })
    }

    /// The pongs among what waits.
    pub(crate) fn pongs(&self) -> Pongs {
        let mut pongs = Pongs::default();
        let mut start = 0;
        for end in self.units() {
            let unsent = end.saturating_sub(self.written.max(start));
            if unsent > 0 && self.bytes.get(start..).is_some_and(header::is_pong) {
                pongs.queued(unsent, end - self.written);
            }
            start = end;
        }
        pongs
    }

    /// What waits of messages: how many of their last frames, and how many bytes of all their frames.
    pub(crate) fn messages(&self) -> (usize, usize) {
        let (mut messages, mut bytes) = (0, 0);
        let mut start = 0;
        for end in self.units() {
            let unsent = end.saturating_sub(self.written.max(start));
            let frame = self.bytes.get(start..).unwrap_or_default();
            if unsent > 0 && (header::is_message_frame(frame) || header::is_continuation(frame)) {
                messages += usize::from(header::is_last(frame));
                bytes += unsent;
            }
            start = end;
        }
        (messages, bytes)
    }

    /// Drops all that waits, the frame under way as well: nothing can be sent any more.
    pub(crate) fn abandon(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }

    /// Drops every frame of which nothing was sent, but never the head of an opening handshake.
    pub(crate) fn discard_unsent(&mut self) -> Discarded {
        // The answer of an opening handshake was promised, and without it no frame means anything.
        let must_leave = match self.bytes.first() {
            Some(b'H' | b'G') => self.written.max(1),
            _ => self.written,
        };
        let keep = match must_leave {
            0 => 0,
            written => self.units().find(|end| *end >= written).unwrap_or(self.bytes.len()),
        };
        let mut discarded = Discarded::default();
        for start in core::iter::once(keep).chain(self.units().filter(|end| *end > keep)) {
            let frame = self.bytes.get(start..).unwrap_or_default();
            if header::is_message_frame(frame) {
                discarded.messages += 1;
            } else if header::is_continuation(frame) && discarded.messages == 0 {
                discarded.cut = true;
            }
        }
        self.bytes.truncate(keep);
        // The last byte that waited may have been dropped.
        self.transmitted(0);
        discarded
    }

    /// The first `count` waiting bytes were sent; gives how many there really were.
    #[inline]
    pub(crate) fn transmitted(&mut self, count: usize) -> usize {
        let count = count.min(self.len());
        self.written += count;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        }
        count
    }

    /// Takes an empty buffer to write into, unless there is one already.
    pub(crate) fn lend(&mut self, mut buffer: Vec<u8>) {
        if self.bytes.capacity() == 0 {
            buffer.clear();
            self.bytes = buffer;
        }
    }

    /// Gives the buffer back, if nothing is in it.
    pub(crate) fn reclaim(&mut self) -> Option<Vec<u8>> {
        (self.bytes.is_empty() && self.bytes.capacity() > 0).then(|| mem::take(&mut self.bytes))
    }
}

/// What was dropped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Discarded {
    /// Messages of which nothing had been sent.
    pub(crate) messages: usize,
    /// The rest of a message was dropped whose begin had been sent.
    pub(crate) cut: bool,
}

/// Length of the HTTP head at the start of `bytes`, which is whole.
fn head_bytes(bytes: &[u8]) -> usize {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or(bytes.len(), |end| end + 4)
}

/// Knows which waiting bytes are pongs, so that a peer that pings and never reads can't make the queue grow. It is made
/// only when as much waits as may be pongs, and counts from then on.
#[derive(Debug, Default)]
pub(crate) struct Pongs {
    /// Stretches of the queue that hold pongs and nothing else, in order.
    runs: VecDeque<Run>,
    /// Bytes of all runs.
    bytes: usize,
    /// Bytes sent since this began to count.
    sent: u64,
    /// The latest ping's payload, if the bound kept it from being answered.
    latest: Option<Vec<u8>>,
}

/// In how many places of the queue pongs are told from what lies between them; past it that counts as pongs, too.
const MAX_RUNS: usize = 64;

/// Pongs that wait side by side. One entry for each pong would be several times as large as a small pong is.
#[derive(Debug)]
struct Run {
    /// Where it ends, counted as `Pongs::sent` is.
    end: u64,
    /// What of it waits.
    bytes: usize,
}

impl Pongs {
    pub(crate) fn is_idle(&self) -> bool {
        self.runs.is_empty() && self.latest.is_none()
    }

    /// Whether less than the bound is waiting.
    pub(crate) const fn has_room(&self, bound_bytes: usize) -> bool {
        self.bytes < bound_bytes
    }

    /// A pong of `frame_bytes` was queued; with it, `queued_bytes` wait in all.
    pub(crate) fn queued(&mut self, frame_bytes: usize, queued_bytes: usize) {
        let end = self.sent + queued_bytes as u64;
        let full = self.runs.len() >= MAX_RUNS;
        match self.runs.back_mut() {
            Some(run) if full || run.end + frame_bytes as u64 == end => {
                // No more than is queued, so the cast keeps it.
                let more = (end - run.end) as usize;
                run.end = end;
                run.bytes += more;
                self.bytes += more;
            }
            Some(_) | None => {
                self.runs.push_back(Run {
                    end,
                    bytes: frame_bytes,
                });
                self.bytes += frame_bytes;
            }
        }
    }

    /// `count` bytes of the queue were sent.
    pub(crate) fn transmitted(&mut self, count: usize) {
        self.sent += count as u64;
        while let Some(run) = self.runs.front_mut() {
            // No more than was there before, so the cast keeps it.
            let rest = run.end.saturating_sub(self.sent).min(run.bytes as u64) as usize;
            self.bytes -= run.bytes - rest;
            run.bytes = rest;
            if rest > 0 {
                break;
            }
            self.runs.pop_front();
        }
    }

    /// All but the first `queued_bytes` of the queue were dropped, and with them the ping that waited.
    pub(crate) fn discarded(&mut self, queued_bytes: usize) {
        let end = self.sent + queued_bytes as u64;
        while let Some(run) = self.runs.back_mut() {
            let dropped = run.end.saturating_sub(end).min(run.bytes as u64) as usize;
            self.bytes -= dropped;
            run.bytes -= dropped;
            run.end -= dropped as u64;
            if run.bytes > 0 {
                break;
            }
            self.runs.pop_back();
        }
        self.latest = None;
    }

    /// Remembers a ping that has to wait; an older one that waited is never answered.
    pub(crate) fn defer(&mut self, payload: &[u8]) {
        let latest = self.latest.get_or_insert_default();
        latest.clear();
        latest.extend_from_slice(payload);
    }

    /// Whether a ping waits for room.
    pub(crate) const fn is_deferring(&self) -> bool {
        self.latest.is_some()
    }

    /// The payload of the ping that waited.
    pub(crate) fn take_deferred(&mut self) -> Option<Vec<u8>> {
        self.latest.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::wire::header::Opcode;

    fn frame(opcode: Opcode, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        header::encode(&mut bytes, header::first_byte(opcode, true, false), length, None);
        bytes.resize(bytes.len() + length, 1);
        bytes
    }

    #[test]
    fn what_was_sent_leaves_the_buffer_in_the_end() {
        let long = frame(Opcode::Binary, COMPACT_BYTES);
        let mut output = Output::default();
        for _ in 0..3 {
            output.append(0).extend_from_slice(&long);
        }
        assert_eq!(output.transmitted(2 * long.len() + 1), 2 * long.len() + 1);
        output.append(1).push(9);
        // The buffer now begins with the frame under way.
        assert_eq!((output.bytes.len(), output.written), (long.len() + 1, 1));
        assert_eq!(output.pending().last(), Some(&9));
        assert_eq!(output.transmitted(usize::MAX), long.len());
        assert_eq!((output.bytes.len(), output.written), (0, 0));
    }

    #[test]
    fn unsent_frames_are_dropped_and_a_frame_under_way_is_kept() {
        let mut output = Output::default();
        output.append(0).extend_from_slice(b"HTTP/1.1 101 \r\n\r\n");
        let frames = [
            frame(Opcode::Text, 5),
            frame(Opcode::Pong, 2),
            frame(Opcode::Binary, 70_000),
            frame(Opcode::Text, 300),
        ];
        for frame in &frames {
            output.append(0).extend_from_slice(frame);
        }
        // The head was promised, even if nothing of it has left.
        let mut unsent = Output {
            bytes: output.bytes.clone(),
            ..Output::default()
        };
        assert_eq!(unsent.discard_unsent().messages, 3);
        assert_eq!(unsent.pending(), b"HTTP/1.1 101 \r\n\r\n");
        output.transmitted(3);
        let mut early = Output {
            bytes: output.bytes.clone(),
            ..output
        };
        assert_eq!(early.discard_unsent().messages, 3);
        assert_eq!(early.pending(), b"P/1.1 101 \r\n\r\n");

        // All but the last byte of the long frame leave.
        output.transmitted(14 + frames[0].len() + frames[1].len() + frames[2].len() - 1);
        output.append(0).extend_from_slice(&frames[0]);
        assert_eq!(output.discard_unsent().messages, 2);
        assert_eq!(output.pending(), [1]);
        output.transmitted(1);
        output.append(0).extend_from_slice(&frames[0]);
        assert_eq!(output.discard_unsent().messages, 1);
        assert_eq!((output.len(), output.bytes.len()), (0, 0));
    }

    #[test]
    fn a_message_that_is_cut_in_two_is_told() {
        let mut output = Output::default();
        let mut fragment = |opcode, fin: bool| {
            output
                .append(0)
                .extend_from_slice(&[header::first_byte(opcode, fin, false), 1, 7]);
        };
        fragment(Opcode::Text, false);
        fragment(Opcode::Ping, true);
        fragment(Opcode::Continuation, true);
        fragment(Opcode::Binary, true);
        let mut unsent = Output {
            bytes: output.bytes.clone(),
            written: 0,
        };
        assert_eq!(
            unsent.discard_unsent(),
            Discarded {
                messages: 2,
                cut: false
            }
        );
        output.transmitted(1);
        assert_eq!(output.discard_unsent(), Discarded { messages: 1, cut: true });
        assert_eq!(output.pending(), [1, 7]);
    }

    #[test]
    fn a_buffer_is_lent_and_taken_back_empty() {
        let mut output = Output::default();
        assert_eq!(output.reclaim(), None);
        output.lend(alloc::vec![1, 2, 3]);
        output.append(1).push(4);
        assert_eq!(output.pending(), [4]);
        assert_eq!(output.reclaim(), None);
        output.transmitted(1);
        assert_eq!(output.reclaim(), Some(Vec::new()));
        assert_eq!(output.reclaim(), None);
    }

    #[test]
    fn pongs_are_counted_until_they_have_left() {
        let mut pongs = Pongs::default();
        pongs.queued(4, 10);
        pongs.queued(6, 16);
        assert!(pongs.has_room(11) && !pongs.has_room(10));
        pongs.transmitted(6);
        assert!(pongs.has_room(11) && !pongs.has_room(10));
        pongs.transmitted(3);
        assert!(pongs.has_room(8) && !pongs.has_room(7));
        pongs.transmitted(7);
        assert!(pongs.is_idle() && pongs.has_room(1));
        pongs.queued(4, 4);
        pongs.queued(4, 9);
        pongs.defer(b"late");
        pongs.discarded(4);
        assert!(!pongs.has_room(4) && pongs.has_room(5) && !pongs.is_deferring());
        pongs.transmitted(4);
        assert!(pongs.is_idle());
    }

    #[test]
    fn pongs_are_found_in_the_queue() {
        let mut output = Output::default();
        output.append(0).extend_from_slice(b"HTTP/1.1 101 \r\n\r\n");
        for frame in [
            frame(Opcode::Pong, 3),
            frame(Opcode::Ping, 9),
            frame(Opcode::Pong, 2),
            frame(Opcode::Pong, 0),
            frame(Opcode::Text, 1),
        ] {
            output.append(0).extend_from_slice(&frame);
        }
        let runs = |output: &Output| -> Vec<_> { output.pongs().runs.iter().map(|run| (run.end, run.bytes)).collect() };
        assert_eq!(runs(&output), [(22, 5), (39, 6)]);
        output.transmitted(19);
        assert_eq!(runs(&output), [(3, 3), (20, 6)]);
        output.transmitted(18);
        assert_eq!(runs(&output), [(2, 2)]);
        output.transmitted(2);
        assert!(output.pongs().is_idle());
    }

    #[test]
    fn pongs_side_by_side_are_remembered_as_one() {
        let mut pongs = Pongs::default();
        for sent in 1..=100 {
            pongs.queued(2, 2 * sent);
        }
        assert_eq!((pongs.runs.len(), pongs.bytes), (1, 200));
        // A frame of three bytes goes between.
        pongs.queued(2, 205);
        assert_eq!((pongs.runs.len(), pongs.bytes), (2, 202));
        pongs.discarded(201);
        assert_eq!((pongs.runs.len(), pongs.bytes), (1, 200));
        pongs.discarded(7);
        assert_eq!((pongs.runs.len(), pongs.bytes), (1, 7));
        pongs.transmitted(7);
        assert!(pongs.is_idle());
    }

    #[test]
    fn pongs_in_many_places_count_with_what_lies_between() {
        let mut pongs = Pongs::default();
        // Three bytes of another frame, then two of a pong.
        for place in 1..=MAX_RUNS + 10 {
            pongs.queued(2, 5 * place);
        }
        assert_eq!((pongs.runs.len(), pongs.bytes), (MAX_RUNS, 2 * MAX_RUNS + 50));
        pongs.transmitted(5 * MAX_RUNS + 1);
        assert_eq!((pongs.runs.len(), pongs.bytes), (1, 49));
        pongs.transmitted(49);
        assert!(pongs.is_idle());
    }
}
