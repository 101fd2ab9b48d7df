//! Time as the core sees it: an argument, never a clock.

use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A moment on a monotonic clock of the host's choosing, in nanoseconds since an origin that the host chose.
///
/// The core only ever compares moments and adds durations to them. All arithmetic saturates, so that a clock that
/// jumps can't panic: 2^64 nanoseconds are 584 years.
///
/// ```
/// use core::time::Duration;
/// use wsloop::proto::Instant;
///
/// let start = Instant::from_nanos(5);
/// let later = start + Duration::from_nanos(7);
/// assert_eq!(later.as_nanos(), 12);
/// assert_eq!(later - start, Duration::from_nanos(7));
/// assert_eq!(start - later, Duration::ZERO);
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The origin of the host's clock.
    pub const ZERO: Self = Self(0);

    /// A moment that doesn't come.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// The time from `earlier` to `self`; zero if `earlier` is the later one.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
