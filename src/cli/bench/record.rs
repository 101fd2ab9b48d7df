//! What is measured: latencies in a histogram, and the course of the run second by second.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::hdr::Log;

/// Latencies are kept to three digits.
const DIGITS: u8 = 3;

/// Whatever takes longer counts as this long, in nanoseconds.
const HIGHEST: u64 = 3_600_000_000_000;

/// Different errors that are told apart; those beyond come under one name.
const ERRORS_MAX: usize = 32;

/// Nanoseconds of an interval of the run's course.
pub(super) const INTERVAL: u64 = 1_000_000_000;

/// A histogram for latencies in nanoseconds.
///
/// # Errors
/// Not with these bounds.
pub(super) fn histogram() -> Result<Histogram<u64>, String> {
    Histogram::new_with_bounds(1, HIGHEST, DIGITS).map_err(|error| error.to_string())
}

/// One interval of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Interval {
    /// Seconds from the start of the measurement to the start of the interval.
    pub(super) start_s: f64,
    /// Its length in seconds.
    pub(super) span_s: f64,
    /// Echoes that came in it.
    pub(super) messages: u64,
    /// Payload in them.
    pub(super) bytes: u64,
    /// Latencies of those echoes in nanoseconds; `None` if there were none.
    pub(super) latency: Option<Spread>,
}

/// Latencies of an interval, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
}

/// Takes down what happens while it counts.
pub(super) struct Recorder {
    /// When the measurement started, in nanoseconds.
    start: u64,
    pub(super) total: Histogram<u64>,
    interval: Histogram<u64>,
    interval_start: u64,
    interval_bytes: u64,
    interval_messages: u64,
    pub(super) intervals: Vec<Interval>,
    pub(super) log: Option<Log>,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) last: u64,
}

impl Recorder {
    /// Counts from `start` on; with a log of its histograms if `logs`.
    ///
    /// # Errors
    /// No histogram could be made.
    pub(super) fn new(start: u64, logs: bool) -> Result<Self, String> {
        Ok(Self {
            start,
            total: histogram()?,
            interval: histogram()?,
            interval_start: start,
            interval_bytes: 0,
            interval_messages: 0,
            intervals: Vec::new(),
            log: logs.then(Log::default),
            messages: 0,
            bytes: 0,
            last: start,
        })
    }

    /// An echo came at `now`, of a message that was due at `due`; nothing is counted of those due before the start
    /// but that they came.
    pub(super) fn echo(&mut self, now: u64, due: u64, bytes: usize) {
        self.tick(now);
        self.messages += 1;
        self.bytes += bytes as u64;
        self.interval_messages += 1;
        self.interval_bytes += bytes as u64;
        self.last = now;
        if due >= self.start {
            self.interval.saturating_record(now.saturating_sub(due).max(1));
        }
    }

    /// When it began to count, in nanoseconds.
    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    /// Closes the intervals that have passed.
    pub(super) fn tick(&mut self, now: u64) {
        while now >= self.interval_start + INTERVAL {
            self.close_interval(INTERVAL);
        }
    }

    /// The end: closes the interval under way.
    pub(super) fn finish(&mut self, now: u64) {
        self.tick(now);
        if now > self.interval_start && self.interval_messages > 0 {
            self.close_interval(now - self.interval_start);
        }
    }

    /// Latencies so far, with those of the interval under way.
    pub(super) fn latest(&self) -> &Histogram<u64> {
        if self.interval.is_empty() {
            &self.total
        } else {
            &self.interval
        }
    }

    fn close_interval(&mut self, span: u64) {
        let start = self.interval_start - self.start;
        let latency = (!self.interval.is_empty()).then(|| Spread {
            p50: self.interval.value_at_quantile(0.5),
            p99: self.interval.value_at_quantile(0.99),
            max: self.interval.max(),
        });
        self.intervals.push(Interval {
            start_s: start as f64 / 1e9,
            span_s: span as f64 / 1e9,
            messages: self.interval_messages,
            bytes: self.interval_bytes,
            latency,
        });
        if let Some(log) = &mut self.log {
            log.add(start, span, &self.interval);
        }
        // Both have the same bounds.
        let _ = self.total.add(&self.interval);
        self.interval.reset();
        self.interval_start += span;
        self.interval_bytes = 0;
        self.interval_messages = 0;
    }
}

/// Errors of connections, by what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Errors(BTreeMap<String, u64>);

impl Errors {
    pub(super) fn add(&mut self, text: String) {
        let is_new = !self.0.contains_key(&text);
        let text = if is_new && self.0.len() >= ERRORS_MAX {
            "others".to_owned()
        } else {
            text
        };
        *self.0.entry(text).or_default() += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(text, count)| (text.as_str(), *count))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
