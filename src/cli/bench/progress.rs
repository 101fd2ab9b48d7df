//! The line on the terminal that tells how a run goes.
//!
//! It leaves through the loop's own standard error, which never blocks: a crate for progress bars would write at once,
//! and a terminal that is stopped would stop the measurement as well.

use std::io::{self, IsTerminal};

use wsloop::EventLoop;
use wsloop::engine::{FileId, Files};

use super::record::Recorder;
use crate::cli::quantity::{show_count, show_nanos};

/// Nanoseconds from one line to the next.
const EVERY: u64 = 250_000_000;

/// Back to the start of the line, and the line emptied.
const CLEAR: &str = "\r\x1b[K";

/// Columns of a terminal that all have.
const WIDTH: usize = 79;

/// Shows nothing if standard error is no terminal.
pub(super) struct Progress {
    is_shown: bool,
    next: u64,
    /// What the line before was counted from: when, and how many messages there were.
    before: (u64, u64),
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            next: 0,
            before: (0, 0),
        }
    }

    /// When the next line is due, in nanoseconds.
    pub(super) const fn next(&self) -> u64 {
        if self.is_shown { self.next } else { u64::MAX }
    }

    pub(super) fn show(&mut self, event_loop: &mut EventLoop, now: u64, what: &str, recorder: &Recorder, wrong: u64) {
        if !self.is_shown {
            return;
        }
        let (then, count) = std::mem::replace(&mut self.before, (now, recorder.messages));
        let rate = recorder.messages.saturating_sub(count) as f64 * 1e9 / now.saturating_sub(then).max(1) as f64;
        self.next = now + EVERY;
        let line = line(what, rate as u64, recorder, wrong);
        // A line that can't be written now is out of date when it could be.
        let _ = event_loop
            .sys_mut()
            .write(FileId::STDERR, format!("{CLEAR}{line}").as_bytes());
    }

    /// Takes the line away.
    pub(super) fn clear(&self, event_loop: &mut EventLoop) {
        if self.is_shown {
            let sys = event_loop.sys_mut();
            let _ = sys.write(FileId::STDERR, CLEAR.as_bytes());
            // Handed to the system before the report follows, or not at all if nobody takes it.
            for _ in 0..1000 {
                if sys.sync(FileId::STDERR).is_ok() {
                    break;
                }
                std::thread::yield_now();
            }
        }
    }
}

fn line(what: &str, rate: u64, recorder: &Recorder, wrong: u64) -> String {
    let mut line = what.to_owned();
    if recorder.messages > 0 {
        let latest = recorder.latest();
        let (p50, p99) = (latest.value_at_quantile(0.5), latest.value_at_quantile(0.99));
        line = format!(
            "{line} | {} msg/s | p50 {} p99 {}",
            show_count(rate),
            show_nanos(p50),
            show_nanos(p99)
        );
    }
    if wrong > 0 {
        line = format!("{line} | {wrong} WRONG");
    }
    line.chars().take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_it_goes_in_one_line() {
        let mut recorder = Recorder::new(0, false).unwrap();
        assert_eq!(line("warming up", 0, &recorder, 0), "warming up");
        recorder.echo(30_000, 10_000, 125);
        let text = line("3 of 10 s", 123_456, &recorder, 2);
        assert_eq!(text, "3 of 10 s | 123,456 msg/s | p50 20.0 µs p99 20.0 µs | 2 WRONG");
        assert!(line(&"x".repeat(100), 1, &recorder, 0).chars().count() <= WIDTH);
    }
}
