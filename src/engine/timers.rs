//! When something is due: a heap of deadlines that costs nothing as long as nobody changes one.
//!
//! Entries are not taken out when a deadline moves: the owner keeps the one entry that counts (see
//! [`Timers::arm`]), and the others are dropped when they come up, or when they become too many.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::seam::Token;
use crate::proto::Instant;

/// A heap with room for no more than this is not worth shrinking.
const SHRINK_LEN: usize = 1024;

/// Deadlines of streams and listeners.
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Token)>>,
    /// Entries that are known to count no more; there may be others, of owners that are gone.
    stale: usize,
}

/// What an owner remembers of its entry in the heap; eight bytes, since every connection has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Armed(Instant);

impl Armed {
    /// No entry counts.
    pub(super) const NONE: Self = Self(Instant::from_nanos(u64::MAX));
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            stale: 0,
        }
    }

    /// Sees to it that `token` comes out of [`pop_due`](Self::pop_due) at `deadline` or before. An entry that is
    /// earlier stays: when it comes up the owner looks at its true deadline and arms anew.
    #[inline]
    pub(super) fn arm(&mut self, armed: &mut Armed, token: Token, deadline: Option<Instant>) {
        if let Some(deadline) = deadline
            && deadline < armed.0
        {
            if *armed != Armed::NONE {
                self.stale += 1;
            }
            *armed = Armed(deadline);
            self.heap.push(Reverse((deadline, token)));
        }
    }

    /// The owner has no deadline any more, as when a handshake has succeeded: its entry need not stay.
    #[inline]
    pub(super) fn release(&mut self, armed: &mut Armed) {
        if *armed != Armed::NONE {
            *armed = Armed::NONE;
            self.stale += 1;
        }
    }

    /// The next entry that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Token, Instant)> {
        let &Reverse((deadline, token)) = self.heap.peek()?;
        if deadline > now {
            return None;
        }
        self.heap.pop();
        self.shrink();
        Some((token, deadline))
    }

    /// Whether an entry that came up at `deadline` is the one that counts; if so the owner has none any more.
    pub(super) fn disarm(&mut self, armed: &mut Armed, deadline: Instant) -> bool {
        let counts = armed.0 == deadline;
        if counts {
            *armed = Armed::NONE;
        } else {
            self.stale = self.stale.saturating_sub(1);
        }
        counts
    }

    /// When [`pop_due`](Self::pop_due) will give something.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// How many entries there are, those that count no more included.
    #[cfg(all(test, feature = "sim"))]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Drops entries that count no more if there are many: half of all and 64 that are known to be such, or more than
    /// two for each of `owners`.
    pub(super) fn compact(&mut self, owners: usize, counts: impl Fn(Token, Instant) -> bool) {
        if self.stale > self.heap.len() / 2 + 64 || self.heap.len() > 2 * owners + 64 {
            self.heap.retain(|Reverse((deadline, token))| counts(*token, *deadline));
            self.stale = 0;
            self.shrink();
        }
    }

    /// After a storm of handshakes the memory of their deadlines is given back.
    fn shrink(&mut self) {
        if self.heap.capacity() > SHRINK_LEN && self.heap.len() < self.heap.capacity() / 4 {
            self.heap.shrink_to(self.heap.capacity() / 2);
        }
    }
}

impl Armed {
    /// Whether the owner's entry is the one for `deadline`.
    pub(super) fn is(self, deadline: Instant) -> bool {
        self.0 == deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn an_earlier_deadline_counts_and_the_later_entry_does_not() {
        let mut timers = Timers::new();
        let mut armed = Armed::NONE;
        timers.arm(&mut armed, Token(1), Some(at(10)));
        timers.arm(&mut armed, Token(1), Some(at(20)));
        assert_eq!(timers.heap.len(), 1);
        timers.arm(&mut armed, Token(1), Some(at(5)));
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.pop_due(at(4)), None);
        assert_eq!(timers.pop_due(at(30)), Some((Token(1), at(5))));
        assert!(timers.disarm(&mut armed, at(5)));
        assert_eq!(timers.pop_due(at(30)), Some((Token(1), at(10))));
        assert!(!timers.disarm(&mut armed, at(10)));
        assert_eq!(timers.pop_due(at(30)), None);
    }

    #[test]
    fn entries_that_count_no_more_are_dropped_when_they_are_many() {
        let mut timers = Timers::new();
        for token in 0..100 {
            timers.arm(&mut { Armed::NONE }, Token(token), Some(at(token)));
        }
        timers.compact(18, |_, _| unreachable!());
        assert_eq!(timers.heap.len(), 100);
        timers.compact(17, |token, _| token.0 == 7);
        assert_eq!(timers.pop_due(at(1000)), Some((Token(7), at(7))));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn the_entries_of_those_that_need_none_any_more_do_not_pile_up() {
        let mut timers = Timers::new();
        for token in 0..100_000 {
            let mut armed = Armed::NONE;
            timers.arm(&mut armed, Token(token), Some(at(token)));
            timers.release(&mut armed);
            timers.compact(1_000_000, |_, _| false);
            assert!(timers.heap.len() < 200);
        }
        assert!(timers.heap.capacity() < 1000);
    }
}
