//! The time of day as TLS sees it: a number that the host sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// Seconds since the Unix epoch, shared by a configuration and whoever knows the time.
///
/// Until it is set for the first time, every handshake fails, saying so: a client's for the certificate, a server's for
/// the tickets that it gives. To set it once before a handshake's bytes are handled is enough; a second more or less
/// means nothing to either.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// A clock that was not set yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time, as the span since 1970-01-01 00:00:00 UTC; for all clones at once.
    pub fn set(&self, since_epoch: Duration) {
        self.0.store(since_epoch.as_secs(), Ordering::Relaxed);
    }

    /// The time last set, in whole seconds since 1970-01-01 00:00:00 UTC; zero if it never was.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.seconds();
        (seconds > 0).then(|| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
