//! `wsloop test`: folders that hold a flow, what to start before it, and what to expect of it.
//!
//! The runner starts this very program on the flow and watches from outside, so what it sees is what a user sees.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the runner watches child processes from outside: it has no event loop, and needs clock, files and threads' sleep"
)]

mod asserts;
mod case;
mod files;
mod probe;
mod process;
mod suite;

use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::arguments::Test;
use super::outcome::Outcome;
use super::print;

/// Runs the tests that the arguments name, one after the other.
pub(crate) fn run(arguments: &Test) -> Outcome {
    let dir = match arguments.dir() {
        Ok(dir) => dir,
        Err(error) => {
            log::error!("{error}");
            return Outcome::Usage;
        }
    };
    let found = match suite::find(&dir) {
        Ok(found) => found,
        Err(error) => {
            log::error!("{error}");
            return Outcome::BadConfig;
        }
    };
    let interrupt = match Interrupt::watch() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            log::error!("signals can't be watched: {error}");
            return Outcome::Failed;
        }
    };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in found {
        if let Some(reason) = case.skipped(&arguments.includes, &arguments.excludes) {
            skipped += 1;
            print(&format!("skip {} ({reason})\n", case.name));
            continue;
        }
        let began = Instant::now();
        let result = case::run(&case, began + Duration::from_secs(arguments.timeout), &interrupt);
        if let Some(outcome) = interrupt.outcome() {
            log::error!("interrupted in test {}", case.name);
            return outcome;
        }
        let took = began.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                passed += 1;
                print(&format!("pass {} ({took:.2} s)\n", case.name));
            }
            Err(faults) => {
                failed += 1;
                let faults = faults.join("\n").replace('\n', "\n    ");
                print(&format!("FAIL {} ({took:.2} s)\n    {faults}\n", case.name));
            }
        }
    }
    let skipped = if skipped > 0 {
        format!(", {skipped} skipped")
    } else {
        String::new()
    };
    print(&format!("{passed} passed, {failed} failed{skipped}\n"));
    if failed > 0 { Outcome::Failed } else { Outcome::Done }
}

/// Whether a signal asked the runner to stop: it then ends what it started, which the terminal's Ctrl-C does not
/// reach.
struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    fn watch() -> Result<Self, Error> {
        let came = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_usize(signal, Arc::clone(&came), signal.unsigned_abs() as usize)?;
        }
        Ok(Self(came))
    }

    fn outcome(&self) -> Option<Outcome> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal if signal == SIGINT.unsigned_abs() as usize => Some(Outcome::Interrupted),
            _ => Some(Outcome::Terminated),
        }
    }
}

/// Calls `ready` until it gives something, `deadline` passes, or a signal comes.
fn wait_until<T>(deadline: Instant, interrupt: &Interrupt, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        if let Some(found) = ready() {
            return Some(found);
        }
        if Instant::now() >= deadline || interrupt.outcome().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
