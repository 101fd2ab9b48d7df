//! When the system received what the events of a poll came in; nothing at all without the feature `timestamps`.

use std::time::Duration;

use super::events::Events;

/// Events that came in one read, and its time, in order.
#[cfg(feature = "timestamps")]
pub(super) struct Stamps(std::vec::Vec<Stamp>);

#[cfg(feature = "timestamps")]
struct Stamp {
    /// The events of the read are these, by their places in the queue.
    events: std::ops::Range<usize>,
    at: Duration,
}

#[cfg(not(feature = "timestamps"))]
pub(super) struct Stamps();

impl Stamps {
    pub(super) const NONE: Self = Self(
        #[cfg(feature = "timestamps")]
        std::vec::Vec::new(),
    );

    #[inline]
    pub(super) fn clear(&mut self) {
        #[cfg(feature = "timestamps")]
        self.0.clear();
    }
}

impl Events {
    /// The events from the `first` on came in what the system received `at` that time.
    #[inline]
    pub(super) fn stamp(&mut self, first: usize, at: Option<Duration>) {
        #[cfg(feature = "timestamps")]
        if let Some(at) = at
            && first < self.entries.len()
        {
            let events = first..self.entries.len();
            self.stamps.0.push(Stamp { events, at });
        }
        #[cfg(not(feature = "timestamps"))]
        let _ = (first, at);
    }
}

#[cfg(feature = "timestamps")]
pub use with_times::IterReceived;

#[cfg(feature = "timestamps")]
mod with_times {
    use std::iter::Enumerate;
    use std::time::Duration;

    use super::{Events, Stamp};
    use crate::engine::events::{Event, Iter};
    use crate::engine::id::StreamId;

    impl Events {
        /// As [`iter`](Self::iter), each event with the time at which the kernel received what it came in, since the
        /// Unix epoch (1970-01-01 00:00:00 UTC), by the clock of the system.
        ///
        /// What is read together has one time, that of its last bytes: a message may be complete a little earlier, never
        /// later. It is `None` where [`SocketOptions::timestamps`](crate::engine::SocketOptions::timestamps) doesn't ask
        /// for it or the kernel did not tell (as it may with the first bytes of the first socket that asks), for events
        /// that nothing was read for, and for messages that waited in a TLS session for room.
        #[must_use]
        pub fn iter_received(&self) -> IterReceived<'_> {
            IterReceived {
                events: self.iter().enumerate(),
                stamps: &self.stamps.0,
            }
        }
    }

    /// Goes through the events of an [`Events`], with their receive times.
    pub struct IterReceived<'a> {
        events: Enumerate<Iter<'a>>,
        /// Those of the events that are still to come.
        stamps: &'a [Stamp],
    }

    impl<'a> Iterator for IterReceived<'a> {
        type Item = (StreamId, Event<'a>, Option<Duration>);

        fn next(&mut self) -> Option<Self::Item> {
            let (index, (stream, event)) = self.events.next()?;
            while let [stamp, rest @ ..] = self.stamps
                && stamp.events.end <= index
            {
                self.stamps = rest;
            }
            let stamp = self.stamps.first().filter(|stamp| stamp.events.contains(&index));
            Some((stream, event, stamp.map(|stamp| stamp.at)))
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            self.events.size_hint()
        }
    }

    impl ExactSizeIterator for IterReceived<'_> {}
}
