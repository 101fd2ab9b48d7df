//! Runs side by side.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use wsloop::engine::Files;
use wsloop::sys::OsFiles;

use super::report::{Latency, Report, VERSION};
use crate::cli::quantity::{show_count, show_nanos};

/// A report with a line for each second of a day is smaller.
const REPORT_MAX_BYTES: usize = 64 << 20;

/// Columns of the table of text.
const NAME_WIDTH: usize = 18;
const CELL_WIDTH: usize = 14;

/// Changes below this many percent are noise, for all that one run of each can tell.
const NOISE_PERCENT: f64 = 2.0;

/// A row of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// One for each run.
    pub(super) cells: Vec<Cell>,
}

pub(super) struct Cell {
    pub(super) text: String,
    /// Against the first run: `+12.3 %`, `× 2.50`; empty if there is nothing to tell.
    pub(super) change: String,
    /// `None` if there is no telling.
    pub(super) is_better: Option<bool>,
}

/// Reads what `wsloop bench --json` wrote.
///
/// # Errors
/// The text names the file and says what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Report, String> {
    let told = |text: &str| format!("{}: {text}", path.display());
    let bytes = OsFiles::new()
        .read_whole(&path.to_string_lossy(), REPORT_MAX_BYTES)
        .map_err(|error| told(&error.to_string()))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| told(&error.to_string()))?;
    match value.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => {
            return Err(told(&format!(
                "a report of version {version}; this program reads version {VERSION}"
            )));
        }
        None => return Err(told("not a report of `wsloop bench --json`")),
    }
    serde_json::from_value(value).map_err(|error| told(&error.to_string()))
}

/// The table's rows.
pub(super) fn rows(reports: &[Report]) -> Vec<Row> {
    let rate = |value: f64| show_count(value as u64);
    let mut rows = vec![
        row(
            "messages/s",
            reports,
            Some(true),
            |report| Some(report.result.messages_per_s),
            rate,
        ),
        row(
            "MiB/s each way",
            reports,
            Some(true),
            |report| Some(report.result.mib_per_s),
            |value| format!("{value:.2}"),
        ),
    ];
    for (index, name) in ["min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"]
        .into_iter()
        .enumerate()
    {
        let pick = |latency: &Latency| latency.rows()[index].1 as f64;
        let pick = |report: &Report| report.result.latency.as_ref().map(pick);
        rows.push(row(latency_name(name), reports, Some(false), pick, |value| {
            show_nanos(value as u64)
        }));
    }
    let handshake = |report: &Report| report.result.handshake.map(|latency| latency.p50 as f64);
    rows.push(row("handshake p50", reports, Some(false), handshake, |value| {
        show_nanos(value as u64)
    }));
    let handshake = |report: &Report| report.result.handshake.map(|latency| latency.p99 as f64);
    rows.push(row("handshake p99", reports, Some(false), handshake, |value| {
        show_nanos(value as u64)
    }));
    let count = |name, pick: fn(&Report) -> u64| row(name, reports, None, |report| Some(pick(report) as f64), rate);
    rows.push(count("connections", |report| report.result.connections.opened.into()));
    rows.push(count("echoes", |report| report.result.echoes));
    rows.push(count("wrong messages", |report| report.result.faults.total()));
    rows.push(count("failed, lost", |report| {
        u64::from(report.result.connections.failed) + u64::from(report.result.connections.lost)
    }));
    rows
}

const fn latency_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        b"min" => "latency min",
        b"mean" => "latency mean",
        b"p50" => "latency p50",
        b"p90" => "latency p90",
        b"p99" => "latency p99",
        b"p99.9" => "latency p99.9",
        b"p99.99" => "latency p99.99",
        _ => "latency max",
    }
}

/// `more_is_better`: `None` if neither is.
fn row(
    name: &'static str,
    reports: &[Report],
    more_is_better: Option<bool>,
    pick: impl Fn(&Report) -> Option<f64>,
    show: impl Fn(f64) -> String,
) -> Row {
    let first = reports.first().and_then(&pick);
    let cell = |report: &Report| {
        let value = pick(report);
        let percent = first
            .zip(value)
            .filter(|(first, _)| *first > 0.0)
            .map(|(first, value)| (value / first - 1.0) * 100.0);
        Cell {
            text: value.map_or_else(|| "–".to_owned(), &show),
            change: percent.map_or_else(String::new, show_change),
            is_better: percent
                .filter(|percent| percent.abs() >= NOISE_PERCENT)
                .zip(more_is_better)
                .map(|(percent, more)| (percent > 0.0) == more),
        }
    };
    Row {
        name,
        cells: reports.iter().map(cell).collect(),
    }
}

/// A change in percent, as it is read best.
fn show_change(percent: f64) -> String {
    match percent {
        0.0 => "=".to_owned(),
        ..100.0 => format!("{percent:+.1} %"),
        ..900.0 => format!("× {:.2}", percent / 100.0 + 1.0),
        _ => format!("× {:.1}", percent / 100.0 + 1.0),
    }
}

/// What was set differently, each as `setting: one / other`. The servers may differ: that is what is compared.
pub(super) fn differing_settings(reports: &[Report]) -> Vec<String> {
    let settings: Vec<_> = reports
        .iter()
        .filter_map(|report| serde_json::to_value(&report.settings).ok())
        .collect();
    let names: BTreeSet<_> = settings
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|all| all.keys())
        .collect();
    let show = |of: Option<&Value>| match of {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => {
            let shown: Vec<_> = all.iter().map(|one| one.to_string().replace('"', "")).collect();
            shown.join(" and ")
        }
        Some(other) => other.to_string(),
    };
    names
        .into_iter()
        .filter(|name| *name != "url" && *name != "seed")
        .map(|name| (name, settings.iter().map(|all| show(all.get(name))).collect::<Vec<_>>()))
        .filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1]))
        .map(|(name, values)| format!("{}: {}", name.replace('_', " "), values.join(" / ")))
        .collect()
}

/// The table, for people at a terminal.
pub(super) fn to_text(reports: &[Report]) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = write_text(&mut out, reports);
    out
}

fn write_text(out: &mut String, reports: &[Report]) -> std::fmt::Result {
    for (letter, report) in ('A'..).zip(reports) {
        let failed = if report.result.ok { "" } else { " (FAILED)" };
        writeln!(out, "{letter}  {}{failed}: {}", report.name(), report.summary())?;
    }
    for text in differing_settings(reports) {
        writeln!(out, "not alike: {text}")?;
    }
    write!(out, "\n{:NAME_WIDTH$}", "")?;
    for (index, letter) in ('A'..).take(reports.len()).enumerate() {
        write!(out, "{letter:>CELL_WIDTH$}")?;
        if index > 0 {
            write!(out, "{:>10}", "")?;
        }
    }
    writeln!(out)?;
    for row in rows(reports) {
        write!(out, "{:NAME_WIDTH$}", row.name)?;
        for (index, cell) in row.cells.iter().enumerate() {
            write!(out, "{:>CELL_WIDTH$}", cell.text)?;
            if index > 0 {
                write!(out, "{:>10}", cell.change)?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_as_they_are_read_best() {
        let shown = [-90.8, 0.0, 3.44, 99.9, 150.0, 4000.0].map(show_change);
        assert_eq!(shown, ["-90.8 %", "=", "+3.4 %", "+99.9 %", "× 2.50", "× 41.0"]);
    }
}
