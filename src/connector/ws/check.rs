//! When to look at what was sent.

use std::time::Duration;

use crate::proto::Instant;

/// The first look at what was sent comes with the next turn, in which most of it is; later ones less and less often, as
/// the server is slow.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// When to look at what was sent; nobody looks unless somebody waits to hear of it.
#[derive(Debug, Default)]
pub(crate) struct Check {
    at: Option<Instant>,
    wait: Duration,
}

impl Check {
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.at
    }

    pub(crate) const fn soon(&mut self) {
        (self.at, self.wait) = (Some(Instant::ZERO), Duration::from_millis(1));
    }

    pub(crate) fn later(&mut self, now: Instant) {
        self.at = Some(now + self.wait);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    pub(crate) const fn never(&mut self) {
        self.at = None;
    }
}
