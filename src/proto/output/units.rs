//! What waits to be sent, frame by frame.

use super::{Buffer, Pongs};
use crate::proto::wire::header;

/// What was dropped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Discarded {
    /// Messages of which nothing had been sent.
    pub(crate) messages: usize,
    /// The rest of a message was dropped whose begin had been sent.
    pub(crate) cut: bool,
}

/// A frame, or the head of an opening handshake.
struct Unit<'b> {
    /// Its first bytes: all of a header.
    bytes: &'b [u8],
    is_head: bool,
    /// Where it ends among our own bytes.
    end: usize,
    /// How many shared stretches end with it.
    shared: usize,
    /// Its length in bytes, and how many of them are not sent.
    len: usize,
    unsent: usize,
}

impl Buffer {
    /// The frames from `start` on. The head of an opening handshake counts as one too: no frame of ours begins with the
    /// first letter of `HTTP` or `GET`, an unfinished control frame and a reserved opcode.
    fn units(&self) -> impl Iterator<Item = Unit<'_>> {
        let (mut at, mut shared) = (self.start, 0);
        core::iter::from_fn(move || {
            let begin = at;
            let rest = self.bytes.get(begin..).unwrap_or_default();
            let next = self.shared.get(shared);
            let (bytes, is_head, takes_shared) = match (next, rest) {
                // A whole frame that is shared.
                (Some(next), _) if next.at == begin => (next.bytes(), false, true),
                (_, []) => return None,
                (_, [b'H' | b'G', ..]) => {
                    at += head_bytes(rest);
                    (rest, true, false)
                }
                (next, frame) => {
                    let header_bytes = header::header_bytes(frame);
                    let frame_bytes = header::frame_bytes(frame);
                    // Between a header and its payload nothing else begins.
                    let takes_shared =
                        header_bytes < frame_bytes && next.is_some_and(|next| next.at == begin + header_bytes);
                    at += if takes_shared { header_bytes } else { frame_bytes };
                    (frame, false, takes_shared)
                }
            };
            let mut unit = Unit {
                bytes,
                is_head,
                end: at,
                shared,
                len: at - begin,
                unsent: at.saturating_sub(self.written.max(begin)),
            };
            if let Some(next) = next.filter(|_| takes_shared) {
                let sent = if shared == 0 { self.shared_written } else { 0 };
                shared += 1;
                unit.shared = shared;
                unit.len += next.range.len();
                unit.unsent += next.range.len() - sent;
            }
            Some(unit)
        })
    }

    /// Where the last of our own bytes lies that is part of a frame sent whole.
    pub(super) fn sent_whole(&self) -> usize {
        self.units()
            .take_while(|unit| unit.unsent == 0)
            .last()
            .map_or(self.start, |unit| unit.end)
    }

    /// The pongs among what waits.
    pub(super) fn pongs(&self) -> Pongs {
        let mut pongs = Pongs::default();
        let mut waiting = 0;
        for unit in self.units() {
            waiting += unit.unsent;
            if unit.unsent > 0 && !unit.is_head && header::is_pong(unit.bytes) {
                pongs.queued(unit.unsent, waiting);
            }
        }
        pongs
    }

    /// What waits of messages: how many of their last frames, and how many bytes of all their frames.
    pub(super) fn messages(&self) -> (usize, usize) {
        let (mut messages, mut bytes) = (0, 0);
        for unit in self.units().filter(|unit| unit.unsent > 0 && !unit.is_head) {
            if header::is_message_frame(unit.bytes) || header::is_continuation(unit.bytes) {
                messages += usize::from(header::is_last(unit.bytes));
                bytes += unit.unsent;
            }
        }
        (messages, bytes)
    }

    /// Drops every frame of which nothing was sent. The answer of an opening handshake was promised, and without it no
    /// frame means anything: it stays.
    pub(super) fn discard_unsent(&mut self) -> Discarded {
        let (mut keep, mut keep_shared) = (self.start, 0);
        let mut discarded = Discarded::default();
        for unit in self.units() {
            if unit.is_head || unit.unsent < unit.len {
                (keep, keep_shared) = (unit.end, unit.shared);
            } else if header::is_message_frame(unit.bytes) {
                discarded.messages += 1;
            } else if header::is_continuation(unit.bytes) && discarded.messages == 0 {
                discarded.cut = true;
            }
        }
        self.bytes.truncate(keep);
        self.shared.truncate(keep_shared);
        self.shared_bytes = self.shared.iter().map(|shared| shared.range.len()).sum();
        // The last byte that waited may have been dropped.
        self.reset_if_empty();
        discarded
    }
}

/// Length of the HTTP head at the start of `bytes`, which is whole.
fn head_bytes(bytes: &[u8]) -> usize {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or(bytes.len(), |end| end + 4)
}
