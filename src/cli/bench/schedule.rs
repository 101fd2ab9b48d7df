//! When messages are due in an open loop.

/// Message `k` of all is due at `start + k / rate`, on connection `k` modulo their count. It is computed and not kept:
/// however far a connection lags behind, all that has to be remembered is which of its messages is the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Schedule {
    start: u64,
    /// Nanoseconds from one message to the next.
    spacing: f64,
}

impl Schedule {
    /// `rate` messages a second from `start` (nanoseconds) on.
    pub(super) fn new(start: u64, rate: f64) -> Self {
        Self {
            start,
            spacing: 1e9 / rate,
        }
    }

    /// When message `k` is due.
    pub(super) fn due(&self, k: u64) -> u64 {
        // Not by adding up, which would add up the error as well.
        self.start + (k as f64 * self.spacing) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_evenly_spaced() {
        for rate in [0.5, 3.0, 1000.0, 333_333.3, 5_000_000.0] {
            let schedule = Schedule::new(17, rate);
            for k in [0, 1, 2, 99, 100_000] {
                let due = schedule.due(k);
                let expected = 17.0 + k as f64 * 1e9 / rate;
                assert!((due as f64 - expected).abs() <= 1.0 + expected * 1e-12, "{rate} {k}");
                assert!(schedule.due(k + 1) > due, "{rate} {k}");
            }
        }
        assert_eq!(Schedule::new(0, 1000.0).due(5_000), 5_000_000_000);
    }
}
