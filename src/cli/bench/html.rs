//! The page: one file, no script, nothing fetched; light or dark as its reader prefers.

use std::fmt::{self, Write};

use super::compare::{Row, differing_settings, rows};
use super::plot::{Axis, Escaped, Line, Plot, Point};
use super::record::{Interval, Spread};
use super::report::Report;
use crate::cli::quantity::{show_count, show_nanos};

const STYLE: &str = include_str!("page.css");

/// A page of one run, or of several side by side.
pub(super) fn page(reports: &[Report]) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = write_page(&mut out, reports);
    out
}

fn write_page(out: &mut String, reports: &[Report]) -> fmt::Result {
    let title = match reports {
        [one] => format!("{} – wsloop bench", one.name()),
        _ => format!("{} runs compared – wsloop bench", reports.len()),
    };
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        Escaped(&title)
    )?;
    match reports {
        [one] => write_head(out, one)?,
        _ => {
            writeln!(out, "<h1>{} runs compared</h1>\n<ul class=\"runs\">", reports.len())?;
            for (index, report) in reports.iter().enumerate() {
                let (letter, name) = (letter(index), report.name());
                let (name, summary) = (Escaped(&name), report.summary());
                let failed = if report.result.ok {
                    ""
                } else {
                    " <strong class=\"worse\">failed</strong>"
                };
                writeln!(
                    out,
                    "<li><span class=\"dot b{index}\"></span><strong>{letter}</strong> {name}{failed}\
                     <span class=\"summary\">{}</span></li>",
                    Escaped(&summary)
                )?;
            }
            writeln!(out, "</ul>")?;
            let differing = differing_settings(reports);
            if !differing.is_empty() {
                write!(out, "<p class=\"verdict note\">The runs were not made alike: ")?;
                writeln!(out, "{}.</p>", Escaped(&differing.join("; ")))?;
            }
        }
    }
    write_table(out, reports)?;
    for plot in plots(reports) {
        if !plot.is_empty() {
            plot.write(out)?;
        }
    }
    for (index, report) in reports.iter().enumerate() {
        write_details(out, report, &legend(reports, index), reports.len() > 1)?;
    }
    writeln!(out, "</main>\n</body>\n</html>")
}

/// What a run is called for short.
fn letter(index: usize) -> char {
    ('A'..='Z').nth(index).unwrap_or('?')
}

/// What a run's line is called in a legend.
fn legend(reports: &[Report], index: usize) -> String {
    match reports {
        [one] => one.name(),
        _ => format!("{}: {}", letter(index), reports[index].name()),
    }
}

fn write_head(out: &mut String, report: &Report) -> fmt::Result {
    let result = &report.result;
    writeln!(out, "<h1>{}</h1>", Escaped(&report.name()))?;
    writeln!(
        out,
        "<p class=\"summary\">{}; {:.1} s measured, {}</p>",
        Escaped(&report.summary()),
        result.span_s,
        report.began
    )?;
    write_verdict(out, report)?;
    writeln!(out, "<dl class=\"tiles\">")?;
    let mut tile = |name: &str, value: String| writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    tile("messages/s", show_count(result.messages_per_s as u64))?;
    if let Some(latency) = &result.latency {
        for (name, nanos) in latency.rows() {
            if ["p50", "p99", "p99.9", "max"].contains(&name) {
                tile(&format!("latency {name}"), show_nanos(nanos))?;
            }
        }
    }
    writeln!(out, "</dl>")
}

fn write_verdict(out: &mut String, report: &Report) -> fmt::Result {
    let result = &report.result;
    if result.ok {
        return writeln!(
            out,
            "<p class=\"verdict good\">✓ Every echo was right, and no connection was lost.</p>"
        );
    }
    writeln!(out, "<div class=\"verdict bad\"><p>✗ The run failed.</p><ul>")?;
    for (fault, seen) in result.faults.iter() {
        let (count, first) = (show_count(seen.count), Escaped(&seen.first));
        writeln!(out, "<li>{count} messages {}; the first: {first}</li>", fault.name())?;
    }
    for (what, count) in result.errors.iter() {
        writeln!(out, "<li>{} × {}</li>", show_count(count), Escaped(what))?;
    }
    if result.unsent > 0 {
        writeln!(
            out,
            "<li>{} messages were due and never sent</li>",
            show_count(result.unsent)
        )?;
    }
    if result.echoes == 0 {
        writeln!(out, "<li>no echo came</li>")?;
    }
    writeln!(out, "</ul></div>")
}

fn write_table(out: &mut String, reports: &[Report]) -> fmt::Result {
    let is_one = reports.len() == 1;
    let class = if is_one { " class=\"one\"" } else { "" };
    write!(out, "<div class=\"wide\"><table{class}>\n<thead><tr><th></th>")?;
    for index in 0..reports.len() {
        match index {
            _ if is_one => write!(out, "<th>measured</th>")?,
            0 => write!(out, "<th><span class=\"dot b0\"></span>A</th>")?,
            _ => write!(
                out,
                "<th><span class=\"dot b{index}\"></span>{}</th><th>to A</th>",
                letter(index)
            )?,
        }
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for row in rows(reports) {
        write_row(out, &row)?;
    }
    writeln!(out, "</tbody>\n</table></div>")
}

fn write_row(out: &mut String, row: &Row) -> fmt::Result {
    write!(out, "<tr><th>{}</th>", row.name)?;
    for (index, cell) in row.cells.iter().enumerate() {
        write!(out, "<td>{}</td>", Escaped(&cell.text))?;
        if index > 0 {
            let class = match cell.is_better {
                Some(true) => " class=\"better\"",
                Some(false) => " class=\"worse\"",
                None => "",
            };
            write!(out, "<td{class}>{}</td>", cell.change)?;
        }
    }
    writeln!(out, "</tr>")
}

fn write_details(out: &mut String, report: &Report, name: &str, several: bool) -> fmt::Result {
    let environment = &report.environment;
    if several {
        writeln!(out, "<section><h2>{}</h2>", Escaped(name))?;
        writeln!(out, "<p class=\"summary\">{}</p>", Escaped(&report.summary()))?;
        write_verdict(out, report)?;
    } else {
        writeln!(out, "<section><h2>How it was measured</h2>")?;
    }
    writeln!(out, "<pre>{}</pre>", Escaped(&report.command))?;
    let cpu = environment.cpu.as_deref().unwrap_or("an unknown processor");
    writeln!(
        out,
        "<p>{}, {} ({}), {cpu}, {} cores; seed {}. ",
        report.tool, environment.os, environment.arch, environment.cores, report.settings.seed
    )?;
    if let Some(own) = &report.result.own_cpu {
        writeln!(
            out,
            "The tool itself kept {:.2} of a core busy, {} for each message.",
            own.cores,
            show_nanos(own.ns_per_message as u64)
        )?;
    }
    writeln!(out, "</p></section>")
}

fn plots(reports: &[Report]) -> Vec<Plot> {
    let mut plots = vec![percentiles(reports)];
    if let [one] = reports {
        let of = [
            ("p50", 0, (|spread| spread.p50) as fn(&Spread) -> u64),
            ("p99", 1, |spread| spread.p99),
            ("max", 2, |spread| spread.max),
        ];
        let lines = of
            .into_iter()
            .map(|(name, color, pick)| over_time(one, name.to_owned(), color, pick));
        plots.push(latency_over_time("Latency over time", lines.collect()));
    } else {
        for (title, pick) in [
            ("Median latency over time", (|spread| spread.p50) as fn(&Spread) -> u64),
            ("99th percentile over time", |spread| spread.p99),
        ] {
            let lines = reports
                .iter()
                .enumerate()
                .map(|(index, report)| over_time(report, legend(reports, index), index, pick));
            plots.push(latency_over_time(title, lines.collect()));
        }
    }
    plots.push(throughput(reports));
    plots
}

fn percentiles(reports: &[Report]) -> Plot {
    let lines: Vec<_> = reports
        .iter()
        .enumerate()
        .map(|(index, report)| {
            let point = |(quantile, nanos): &(f64, u64)| Point {
                x: *quantile,
                y: *nanos as f64,
                name: format!("{:.4} % within {}", quantile * 100.0, show_nanos(*nanos)),
            };
            Line {
                name: legend(reports, index),
                color: index,
                stroke: index,
                points: report.result.curve.iter().map(point).collect(),
            }
        })
        .collect();
    let high = lines
        .iter()
        .flat_map(|line| line.points.last())
        .map(|point| point.x)
        .fold(0.9, f64::max);
    Plot {
        title: "Latency by percentile",
        note: "How long all but the slowest waited: at 99 % one message in a hundred waited longer.",
        x: Axis::nines("share of messages", high),
        y: Axis::nanos(
            "latency",
            lines.iter().flat_map(|line| &line.points).map(|point| point.y),
        ),
        lines,
    }
}

fn over_time(report: &Report, name: String, color: usize, pick: fn(&Spread) -> u64) -> Line {
    let point = |interval: &Interval| {
        let nanos = pick(interval.latency.as_ref()?);
        Some(Point {
            x: interval.start_s + interval.span_s / 2.0,
            y: nanos as f64,
            name: format!("{} at {:.1} s", show_nanos(nanos), interval.start_s),
        })
    };
    Line {
        name,
        color,
        stroke: color,
        points: whole_intervals(report).filter_map(point).collect(),
    }
}

fn latency_over_time(title: &'static str, lines: Vec<Line>) -> Plot {
    Plot {
        title,
        note: "Of the echoes that came in each second.",
        x: Axis::seconds(last_second(&lines)),
        y: Axis::nanos(
            "latency",
            lines.iter().flat_map(|line| &line.points).map(|point| point.y),
        ),
        lines,
    }
}

fn throughput(reports: &[Report]) -> Plot {
    let lines: Vec<_> = reports
        .iter()
        .enumerate()
        .map(|(index, report)| {
            let point = |interval: &Interval| {
                let rate = interval.messages as f64 / interval.span_s;
                Point {
                    x: interval.start_s + interval.span_s / 2.0,
                    y: rate,
                    name: format!("{} msg/s at {:.1} s", show_count(rate as u64), interval.start_s),
                }
            };
            Line {
                name: legend(reports, index),
                color: index,
                stroke: index,
                points: whole_intervals(report).map(point).collect(),
            }
        })
        .collect();
    let high = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.y)
        .fold(0.0, f64::max);
    Plot {
        title: "Throughput over time",
        note: "Echoes that came in each second.",
        x: Axis::seconds(last_second(&lines)),
        y: Axis::linear("messages per second", high.max(5.0), |rate| show_count(rate as u64)),
        lines,
    }
}

/// What is left of the last second may be too short to say anything.
fn whole_intervals(report: &Report) -> impl Iterator<Item = &Interval> {
    let is_only = report.intervals.len() == 1;
    report
        .intervals
        .iter()
        .filter(move |interval| is_only || interval.span_s > 0.2)
}

/// The right end of an axis of time.
fn last_second(lines: &[Line]) -> f64 {
    let last = lines.iter().flat_map(|line| line.points.last());
    last.map(|point| (point.x + 0.5).ceil()).fold(0.0, f64::max)
}
