//! The pongs among what waits to be sent.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

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

    /// Where each stretch ends, and its bytes.
    #[cfg(test)]
    pub(super) fn stretches(&self) -> Vec<(u64, usize)> {
        self.runs.iter().map(|run| (run.end, run.bytes)).collect()
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
