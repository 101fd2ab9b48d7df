//! The histogram log, as HdrHistogram's tools read it (format V2, one line an interval).

use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};

/// What the column of maxima is divided by: they are shown in milliseconds, as the tools expect of a log in nanoseconds.
const NANOS_PER_MS: f64 = 1e6;

/// What the tools' own logs begin with.
const FORMAT: &str = "[Histogram log format version 1.3]";

/// The histograms of the intervals so far, packed: a few KiB each.
#[derive(Default)]
pub(super) struct Log {
    entries: Vec<Entry>,
    serializer: V2Serializer,
}

struct Entry {
    start: Duration,
    span: Duration,
    packed: Vec<u8>,
}

impl Log {
    /// Adds an interval; `start` (since the measurement began) and `span` in nanoseconds.
    pub(super) fn add(&mut self, start: u64, span: u64, histogram: &Histogram<u64>) {
        let mut packed = Vec::new();
        // Counts that fit in memory fit in the format, and a vector takes all that is written to it.
        if self.serializer.serialize(histogram, &mut packed).is_ok() {
            self.entries.push(Entry {
                start: Duration::from_nanos(start),
                span: Duration::from_nanos(span),
                packed,
            });
        }
    }

    /// The log as a text; `began` is when the measurement began, since the Unix epoch.
    ///
    /// # Errors
    /// An interval could not be packed or unpacked.
    pub(super) fn to_text(&self, began: Duration, comment: &str) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        let start = UNIX_EPOCH + began;
        let mut builder = IntervalLogWriterBuilder::new();
        builder
            .add_comment(FORMAT)
            .add_comment(comment)
            .add_comment("latencies in nanoseconds; Interval_Max in milliseconds")
            .with_start_time(start)
            .with_base_time(start)
            .with_max_value_divisor(NANOS_PER_MS);
        let mut writer = builder
            .begin_log_with(&mut text, &mut serializer)
            .map_err(|error| error.to_string())?;
        let mut deserializer = Deserializer::new();
        for entry in &self.entries {
            let histogram: Histogram<u64> = deserializer
                .deserialize(&mut &entry.packed[..])
                .map_err(|error| error.to_string())?;
            writer
                .write_histogram(&histogram, entry.start, entry.span, None)
                .map_err(|error| error.to_string())?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::super::record::histogram;
    use super::*;

    #[test]
    fn a_log_can_be_read_again() {
        let mut log = Log::default();
        for second in 0..3 {
            let mut histogram = histogram().unwrap();
            histogram.saturating_record(1_000_000 * (second + 1));
            log.add(second * 1_000_000_000, 1_000_000_000, &histogram);
        }
        let text = log.to_text(Duration::from_secs(1_700_000_000), "wsloop").unwrap();
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(&text) {
            match entry.unwrap() {
                LogEntry::Interval(interval) => {
                    assert_eq!(interval.duration(), Duration::from_secs(1));
                    assert!((interval.max() - (starts.len() + 1) as f64).abs() < 0.01);
                    starts.push(interval.start_timestamp().as_secs());
                }
                LogEntry::StartTime(start) | LogEntry::BaseTime(start) => assert_eq!(start.as_secs(), 1_700_000_000),
            }
        }
        assert_eq!(starts, [0, 1, 2]);
    }
}
