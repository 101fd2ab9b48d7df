//! Line plots as SVG, for a page that is read in light and in dark.
//!
//! By hand, since what is asked for is little and particular: colours that come from the page's style, so that they
//! follow the reader's preference (the crates that draw SVG put fixed ones into it), a scale of nines, and names that
//! show when a point is touched, without a script.

use std::fmt::{self, Write};

use crate::cli::quantity::show_nanos;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 38.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 48.0;

/// Points of a line that have a mark and a name; of more only the line is drawn.
const MARKS_MAX: usize = 130;

/// A plot with its axes.
pub(super) struct Plot {
    pub(super) title: &'static str,
    /// How to read it, in a sentence.
    pub(super) note: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

/// A line of a plot.
pub(super) struct Line {
    pub(super) name: String,
    /// Which of the page's colours, from 0 on.
    pub(super) color: usize,
    /// Which of the strokes: whole, dashed, dotted.
    pub(super) stroke: usize,
    pub(super) points: Vec<Point>,
}

pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// What shows when it is touched.
    pub(super) name: String,
}

/// One direction of a plot.
pub(super) struct Axis {
    name: String,
    scale: Scale,
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

#[derive(Clone, Copy)]
enum Scale {
    Linear,
    Log,
    /// By how many nines a quantile begins: 0.9 is 1, 0.99 is 2.
    Nines,
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.max(f64::MIN_POSITIVE).log10(),
            Self::Nines => -(1.0 - value).max(1e-12).log10(),
        }
    }
}

impl Axis {
    /// From 0 to `high` or a little more.
    pub(super) fn linear(name: &str, high: f64, show: impl Fn(f64) -> String) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        Self::steps(name, high, nice_step(high / 5.0), show)
    }

    fn steps(name: &str, high: f64, step: f64, show: impl Fn(f64) -> String) -> Self {
        let count = (high / step).ceil() as u32;
        let tick = |index| (f64::from(index) * step, show(f64::from(index) * step));
        Self {
            name: name.to_owned(),
            scale: Scale::Linear,
            low: 0.0,
            high: f64::from(count) * step,
            ticks: (0..=count).map(tick).collect(),
        }
    }

    /// Seconds, up to `high` and no further.
    pub(super) fn seconds(high: f64) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = nice_step(high / 12.0);
        let mut axis = Self::steps("seconds from the start", high, step, |seconds| {
            // 3 times 0.1 is not quite 0.3.
            format!("{}", (seconds * 1e3).round() / 1e3)
        });
        axis.high = high;
        axis.ticks.retain(|(place, _)| *place <= high);
        axis
    }

    /// Durations in nanoseconds, on a logarithmic scale.
    pub(super) fn nanos(name: &str, values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min).max(1.0);
        let high = values.fold(1.0, f64::max).max(low);
        let low = if low.is_finite() { low } else { 1.0 };
        // Steps of 1, 2 and 5 in each decade; only decades if there are many.
        let few = (high / low).log10() < 3.5;
        let steps: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let all: Vec<f64> = (0..=13)
            .flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)))
            .collect();
        let from = all.iter().rposition(|tick| *tick <= low).unwrap_or(0);
        let to = all
            .iter()
            .position(|tick| *tick >= high)
            .unwrap_or(all.len() - 1)
            .max(from + 1);
        Self {
            name: name.to_owned(),
            scale: Scale::Log,
            low: all[from],
            high: all[to],
            ticks: all[from..=to]
                .iter()
                .map(|tick| (*tick, show_tick(*tick as u64)))
                .collect(),
        }
    }

    /// Quantiles up to `high`.
    pub(super) fn nines(name: &str, high: f64) -> Self {
        let nines = Scale::Nines.place(high).ceil().clamp(1.0, 9.0) as i32;
        // The two lie close together where there are many nines.
        let mut ticks = vec![(0.5, "50 %".to_owned())];
        if nines <= 6 {
            ticks.insert(0, (0.0, "0 %".to_owned()));
        }
        for count in 1..=nines {
            let decimals = usize::try_from(count - 2).unwrap_or(0);
            let quantile = 1.0 - 10f64.powi(-count);
            ticks.push((quantile, format!("{:.decimals$} %", quantile * 100.0)));
        }
        Self {
            name: name.to_owned(),
            scale: Scale::Nines,
            low: 0.0,
            high: 1.0 - 10f64.powi(-nines),
            ticks,
        }
    }

    /// Where `value` lies between the ends, which are 0 and 1.
    fn place(&self, value: f64) -> f64 {
        let (low, high) = (self.scale.place(self.low), self.scale.place(self.high));
        ((self.scale.place(value) - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|nice| *nice >= step)
        .unwrap_or(10.0 * power)
}

/// A round duration, without the digits after the point that say nothing.
fn show_tick(nanos: u64) -> String {
    let text = show_nanos(nanos);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

impl Plot {
    /// Whether there is anything to see.
    pub(super) fn is_empty(&self) -> bool {
        self.lines
            .iter()
            .all(|line| line.points.iter().all(|point| point.y == 0.0))
    }

    /// As a `figure`, with its legend.
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        write!(out, "<figure>\n<figcaption><h2>{}</h2>", self.title)?;
        write!(out, "<p>{}</p>\n<ul class=\"legend\">", self.note)?;
        for line in &self.lines {
            let (color, stroke) = (line.color, line.stroke);
            write!(
                out,
                "<li><svg viewBox=\"0 0 30 10\" class=\"swatch\"><path class=\"line c{color} k{stroke}\" d=\"M0 5H30\"/></svg>{}</li>",
                Escaped(&line.name)
            )?;
        }
        writeln!(out, "</ul></figcaption>")?;
        writeln!(
            out,
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.title
        )?;
        self.write_axes(out)?;
        for line in &self.lines {
            self.write_line(out, line)?;
        }
        writeln!(out, "</svg>\n</figure>")
    }

    fn write_axes(&self, out: &mut String) -> fmt::Result {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, name) in &self.y.ticks {
            let y = self.y_of(*value);
            write!(out, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>")?;
            writeln!(
                out,
                "<text class=\"y\" x=\"{}\" y=\"{:.1}\">{name}</text>",
                LEFT - 8.0,
                y + 4.0
            )?;
        }
        for (value, name) in &self.x.ticks {
            let x = self.x_of(*value);
            write!(out, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>")?;
            writeln!(
                out,
                "<text class=\"x\" x=\"{x:.1}\" y=\"{}\">{name}</text>",
                bottom + 18.0
            )?;
        }
        writeln!(out, "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>")?;
        let middle = (LEFT + right) / 2.0;
        writeln!(
            out,
            "<text class=\"x name\" x=\"{middle}\" y=\"{}\">{}</text>",
            HEIGHT - 8.0,
            self.x.name
        )?;
        let middle = (TOP + bottom) / 2.0;
        writeln!(
            out,
            "<text class=\"x name\" transform=\"translate(14 {middle}) rotate(-90)\">{}</text>",
            self.y.name
        )
    }

    fn write_line(&self, out: &mut String, line: &Line) -> fmt::Result {
        let (color, stroke) = (line.color, line.stroke);
        write!(out, "<path class=\"line c{color} k{stroke}\" d=\"")?;
        for (index, point) in line.points.iter().enumerate() {
            let step = if index == 0 { 'M' } else { 'L' };
            write!(out, "{step}{:.1} {:.1}", self.x_of(point.x), self.y_of(point.y))?;
        }
        writeln!(out, "\"/>")?;
        if line.points.len() > MARKS_MAX {
            return Ok(());
        }
        for point in &line.points {
            let (x, y) = (self.x_of(point.x), self.y_of(point.y));
            writeln!(
                out,
                "<circle class=\"c{color}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"><title>{}: {}</title></circle>",
                Escaped(&line.name),
                Escaped(&point.name)
            )?;
        }
        Ok(())
    }

    fn x_of(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y_of(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.place(value) * (HEIGHT - TOP - BOTTOM)
    }
}

/// A text as it stands in HTML.
pub(super) struct Escaped<'t>(pub(super) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                _ => out.write_char(char)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn axes_have_round_ticks_that_hold_all_values() {
        let axis = Axis::linear("", 31_228.0, |value| format!("{value}"));
        assert_eq!(names(&axis), ["0", "10000", "20000", "30000", "40000"]);
        let axis = Axis::nanos("", [27_600.0, 766_000.0].into_iter());
        assert_eq!(names(&axis), ["20 µs", "50 µs", "100 µs", "200 µs", "500 µs", "1 ms"]);
        let axis = Axis::nanos("", [900.0, 5e9].into_iter());
        assert_eq!(names(&axis)[..3], ["100 ns", "1 µs", "10 µs"]);
        assert_eq!(
            names(&Axis::nines("", 0.9995)),
            ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]
        );
        assert_eq!(
            names(&Axis::seconds(0.5)).join(" "),
            "0 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5"
        );
        assert_eq!(names(&Axis::seconds(13.0)), ["0", "2", "4", "6", "8", "10", "12"]);
        for axis in [
            Axis::nanos("", [].into_iter()),
            Axis::linear("", 0.0, |_| String::new()),
            Axis::seconds(0.0),
        ] {
            assert!(axis.low < axis.high && !axis.ticks.is_empty());
        }
    }

    #[test]
    fn places_lie_between_the_ends_and_texts_are_escaped() {
        let axis = Axis::nines("", 0.999);
        assert_eq!((axis.place(0.0), axis.place(0.999)), (0.0, 1.0));
        assert!((axis.place(0.9) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(axis.place(1.0), 1.0);
        assert_eq!(
            Escaped("<a href=\"x\">&").to_string(),
            "&lt;a href=&quot;x&quot;&gt;&amp;"
        );
    }
}
