//! What came of a run: as it is kept (JSON), and as a table for people.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::check::Faults;
use super::load::Measured;
use super::record::{Errors, Interval};
use super::settings::{Mode, Settings};
use super::tool::Environment;
use crate::cli::quantity::{show_bytes, show_count, show_nanos};

/// The form of the JSON; a reader refuses any other.
pub(super) const VERSION: u32 = 1;

/// Steps of the percentile curve for each nine.
const STEPS_PER_NINE: u32 = 20;

/// A run, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) version: u32,
    /// The program and its version.
    pub(super) tool: String,
    /// When the measurement began: RFC 3339, UTC.
    pub(super) began: String,
    pub(super) label: Option<String>,
    /// The command line, without what may be secret in it.
    pub(super) command: String,
    pub(super) environment: Environment,
    pub(super) settings: Settings,
    pub(super) result: Results,
    pub(super) intervals: Vec<Interval>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Results {
    /// Nothing was wrong with any message or connection, and there were messages.
    pub(super) ok: bool,
    /// A signal ended the run early.
    pub(super) interrupted: bool,
    pub(super) connections: Connections,
    /// From the first packet to the opened connection, all handshakes included.
    pub(super) handshake: Option<Latency>,
    /// Seconds measured.
    pub(super) span_s: f64,
    pub(super) sent: u64,
    /// Messages that were due and could not be sent.
    pub(super) unsent: u64,
    /// Echoes in the time measured.
    pub(super) echoes: u64,
    /// Payload in them.
    pub(super) bytes: u64,
    pub(super) messages_per_s: f64,
    pub(super) mib_per_s: f64,
    /// From when messages were due (in an open loop) or sent (in a closed one) to their echo.
    pub(super) latency: Option<Latency>,
    /// `(quantile, nanoseconds)`, evenly spaced on a scale of nines.
    pub(super) curve: Vec<(f64, u64)>,
    pub(super) faults: Faults,
    pub(super) errors: Errors,
    /// What the tool's own loop took.
    pub(super) own_cpu: Option<OwnCpu>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connections {
    pub(super) wanted: u32,
    pub(super) opened: u32,
    /// Compression was agreed on.
    pub(super) compressed: u32,
    /// Could not be opened.
    pub(super) failed: u32,
    /// Ended though nobody here wanted it.
    pub(super) lost: u32,
}

/// Of some durations, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Latency {
    pub(super) count: u64,
    pub(super) min: u64,
    pub(super) mean: f64,
    pub(super) stddev: f64,
    pub(super) p50: u64,
    pub(super) p90: u64,
    pub(super) p99: u64,
    #[serde(rename = "p99.9")]
    pub(super) p999: u64,
    #[serde(rename = "p99.99")]
    pub(super) p9999: u64,
    pub(super) max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct OwnCpu {
    /// Cores busy, on average; at 1 the tool is at its limit, or was told to spin.
    pub(super) cores: f64,
    pub(super) ns_per_message: f64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| histogram.value_at_quantile(quantile);
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            min: histogram.min(),
            mean: histogram.mean(),
            stddev: histogram.stdev(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: histogram.max(),
        })
    }

    /// The rows of tables: what, and how long.
    pub(super) const fn rows(&self) -> [(&'static str, u64); 8] {
        [
            ("min", self.min),
            ("mean", self.mean as u64),
            ("p50", self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p99.9", self.p999),
            ("p99.99", self.p9999),
            ("max", self.max),
        ]
    }
}

impl Report {
    pub(super) fn new(settings: Settings, label: Option<String>, command: String, measured: &Measured) -> Self {
        Self {
            version: VERSION,
            tool: format!("wsloop {}", env!("CARGO_PKG_VERSION")),
            began: date(measured.began),
            label,
            command,
            environment: Environment::here(),
            result: results(&settings, measured),
            settings,
            intervals: measured.recorder.intervals.clone(),
        }
    }

    /// What the run is called beside others.
    pub(super) fn name(&self) -> String {
        self.label.clone().unwrap_or_else(|| self.settings.url.clone())
    }

    /// The settings in a line.
    pub(super) fn summary(&self) -> String {
        let settings = &self.settings;
        let mode = match settings.mode {
            Mode::Closed { in_flight } => format!("closed loop, {in_flight} in flight on each"),
            Mode::Open { rate } => format!("open loop, {rate} msg/s in all"),
        };
        let sizes: Vec<_> = settings.sizes.iter().map(|size| show_bytes(*size)).collect();
        let kinds: Vec<_> = settings
            .kinds
            .iter()
            .map(|kind| format!("{kind:?}").to_lowercase())
            .collect();
        let (plural, tls) = (
            if settings.connections == 1 { "" } else { "s" },
            if settings.tls { ", TLS" } else { "" },
        );
        format!(
            "{} connection{plural}, {mode}, {} of {}{tls}{}",
            show_count(settings.connections.into()),
            kinds.join(" and "),
            sizes.join(" and "),
            if settings.compress { ", compressed" } else { "" },
        )
    }

    /// The table at the end.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = self.write_text(&mut text);
        text
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let result = &self.result;
        writeln!(out, "{}", self.settings.url)?;
        writeln!(out, "  {}", self.summary())?;
        let early = if result.interrupted { ", interrupted" } else { "" };
        writeln!(out, "  {:.2} s measured{early}\n", result.span_s)?;
        writeln!(
            out,
            "throughput  {:>12} msg/s   {:.2} MiB/s each way",
            show_count(result.messages_per_s as u64),
            result.mib_per_s
        )?;
        let row = |name: &str, of: Option<&Latency>| match of {
            Some(of) => of.rows().map(|(_, nanos)| format!("{:>9}", show_nanos(nanos))).join(""),
            None => format!(" no {name} was seen"),
        };
        let head = ["min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
        writeln!(out, "{:11}{}", "", head.map(|name| format!("{name:>9}")).join(""))?;
        writeln!(out, "latency    {}", row("echo", result.latency.as_ref()))?;
        writeln!(out, "handshake  {}\n", row("handshake", result.handshake.as_ref()))?;
        let connections = result.connections;
        let compressed = match (self.settings.compress, connections.compressed) {
            (false, _) => String::new(),
            (true, 0) => ", none compressed: the server declined".to_owned(),
            (true, count) => format!(", {} compressed", show_count(count.into())),
        };
        writeln!(
            out,
            "connections {} opened, {} failed, {} lost{compressed}",
            show_count(connections.opened.into()),
            show_count(connections.failed.into()),
            show_count(connections.lost.into())
        )?;
        writeln!(
            out,
            "messages    {} sent, {} echoed in time{}",
            show_count(result.sent),
            show_count(result.echoes),
            if result.unsent > 0 {
                format!(", {} due but never sent", show_count(result.unsent))
            } else {
                String::new()
            },
        )?;
        if let Some(own) = result.own_cpu {
            writeln!(
                out,
                "this tool   {:.2} of a core, {} per message",
                own.cores,
                show_nanos(own.ns_per_message as u64)
            )?;
        }
        for (fault, seen) in result.faults.iter() {
            writeln!(
                out,
                "WRONG       {} {}; first: {}",
                show_count(seen.count),
                fault.name(),
                seen.first
            )?;
        }
        for (what, count) in result.errors.iter() {
            writeln!(out, "ERROR       {} x {what}", show_count(count))?;
        }
        let verdict = match (result.ok, result.echoes) {
            (true, _) => "every echo was right",
            (false, 0) => "FAILED: no echo came",
            (false, _) => "FAILED: see above",
        };
        writeln!(out, "{verdict}")
    }
}

fn results(settings: &Settings, measured: &Measured) -> Results {
    let recorder = &measured.recorder;
    let span_s = measured.span as f64 / 1e9;
    let (echoes, bytes) = measured.in_span;
    let per_s = |count: f64| if span_s > 0.0 { count / span_s } else { 0.0 };
    let own_cpu = measured.cpu.filter(|_| echoes > 0 && span_s > 0.0).map(|cpu| OwnCpu {
        cores: cpu as f64 / 1e9 / span_s,
        ns_per_message: cpu as f64 / echoes as f64,
    });
    Results {
        ok: measured.faults.is_empty() && measured.errors.is_empty() && measured.unsent == 0 && echoes > 0,
        interrupted: measured.interrupted,
        connections: Connections {
            wanted: settings.connections,
            opened: measured.opened,
            compressed: measured.compressed,
            failed: measured.failed,
            lost: measured.lost,
        },
        handshake: Latency::of(&measured.handshakes),
        span_s,
        sent: measured.sent,
        unsent: measured.unsent,
        echoes,
        bytes,
        messages_per_s: per_s(echoes as f64),
        mib_per_s: per_s(bytes as f64 / f64::from(1 << 20)),
        latency: Latency::of(&recorder.total),
        curve: curve(&recorder.total),
        faults: measured.faults.clone(),
        errors: measured.errors.clone(),
        own_cpu,
    }
}

/// Latencies by quantile, as far as there are messages enough to tell, and the maximum.
fn curve(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    let mut points = Vec::new();
    for step in 0.. {
        let beyond = 10f64.powf(-f64::from(step) / f64::from(STEPS_PER_NINE));
        if beyond * histogram.len() as f64 <= 1.0 {
            break;
        }
        points.push((1.0 - beyond, histogram.value_at_quantile(1.0 - beyond)));
    }
    if !histogram.is_empty() {
        points.push((1.0 - 1.0 / histogram.len() as f64, histogram.max()));
    }
    points
}

fn date(since_epoch: Duration) -> String {
    let whole = Duration::from_secs(since_epoch.as_secs());
    jiff::SignedDuration::try_from(whole)
        .ok()
        .and_then(|duration| jiff::Timestamp::from_duration(duration).ok())
        .map_or_else(String::new, |timestamp| timestamp.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::record::histogram;
    use super::*;

    #[test]
    fn the_curve_goes_as_far_as_the_messages_and_ends_with_the_maximum() {
        let mut some = histogram().unwrap();
        assert_eq!(curve(&some), []);
        for value in 1..=1000 {
            some.saturating_record(value);
        }
        let points = curve(&some);
        assert_eq!(points.len(), 3 * STEPS_PER_NINE as usize + 1);
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{points:?}");
        assert_eq!(points.last(), Some(&(0.999, 1000)));
    }

    #[test]
    fn a_date_is_written_out() {
        assert_eq!(date(Duration::from_millis(1_700_000_000_123)), "2023-11-14T22:13:20Z");
    }
}
