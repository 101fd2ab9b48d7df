//! The run: connections are opened, messages sent and their echoes awaited, on one event loop.

mod phases;
mod traffic;

use std::time::Duration;

use hdrhistogram::Histogram;
use wsloop::EventLoop;
use wsloop::engine::{Events, Notice, Signal, StreamId};

use super::check::{Faults, Lane};
use super::payload::{Payloads, Scratch};
use super::progress::Progress;
use super::record::{Errors, Recorder, histogram};
use super::schedule::Schedule;
use super::settings::{Dialing, Settings};

/// Handshakes under way at once.
const OPENING_MAX: u32 = 100;

/// How long the closing handshakes may take at the end.
const CLOSING: u64 = 2_000_000_000;

/// From Ctrl-C on, how long echoes under way are waited for.
const INTERRUPTED_WAIT: u64 = 1_000_000_000;

/// A wait that ends sooner than this is not left to the system, whose waits are of whole milliseconds.
const SPIN_BELOW: u64 = 2_000_000;

/// What a run left, to make the report from.
pub(super) struct Measured {
    pub(super) recorder: Recorder,
    pub(super) handshakes: Histogram<u64>,
    pub(super) faults: Faults,
    pub(super) errors: Errors,
    pub(super) opened: u32,
    /// Those of them on which compression was agreed on.
    pub(super) compressed: u32,
    /// Connections that could not be opened.
    pub(super) failed: u32,
    /// Connections that were open and ended though nobody here wanted it.
    pub(super) lost: u32,
    /// Messages sent of those that count.
    pub(super) sent: u64,
    /// Messages that were due and could not be sent: their connection was gone, or its queue full to the end.
    pub(super) unsent: u64,
    /// From the start of the measurement to its end, in nanoseconds.
    pub(super) span: u64,
    /// Echoes and their payload in that time.
    pub(super) in_span: (u64, u64),
    /// When the measurement began, since the Unix epoch.
    pub(super) began: Duration,
    pub(super) interrupted: bool,
    /// CPU time of this process's loop in that time, in nanoseconds, where the system tells.
    pub(super) cpu: Option<u64>,
}

/// How a run ends.
pub(super) enum End {
    Measured(Box<Measured>),
    /// A second signal came.
    Killed(Signal),
}

/// Moments in nanoseconds of the loop's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    WarmUp { until: u64 },
    Measuring { until: Option<u64> },
    Draining { until: Option<u64> },
    Closing { until: u64 },
    Done,
}

/// One connection.
struct Connection {
    stream: Option<StreamId>,
    is_open: bool,
    /// Its queue is above the high-water mark.
    is_blocked: bool,
    begun: u64,
    /// When the last echo came, or the first message after none was under way left.
    progress: u64,
    /// In an open loop: the next message of the schedule that it sends.
    next_due: u64,
    lane: Lane,
}

/// A run under way.
pub(super) struct Run<'r> {
    settings: &'r Settings,
    dialing: &'r Dialing,
    event_loop: EventLoop,
    payloads: Payloads,
    scratch: Scratch,
    connections: Vec<Connection>,
    /// Those that are open, as the schedule deals messages out.
    dealt: Vec<u32>,
    phase: Phase,
    begun: u64,
    opening: u32,
    schedule: Option<Schedule>,
    /// The next message of the schedule that no connection has been told of.
    cursor: u64,
    /// Messages that count and that connections have been told of, sent or not.
    told: u64,
    next_check: u64,
    signal: Option<Signal>,
    cpu_start: Option<u64>,
    measured: Measured,
    progress: Progress,
}

impl<'r> Run<'r> {
    /// # Errors
    /// The text says what.
    pub(super) fn new(
        settings: &'r Settings,
        dialing: &'r Dialing,
        event_loop: EventLoop,
        logs: bool,
    ) -> Result<Self, String> {
        let mut run = Self {
            settings,
            dialing,
            payloads: Payloads::new(settings.seed, &settings.sizes, &settings.kinds),
            scratch: Scratch::default(),
            connections: Vec::new(),
            dealt: Vec::new(),
            phase: Phase::Opening,
            begun: 0,
            opening: 0,
            schedule: None,
            cursor: 0,
            told: 0,
            next_check: 0,
            signal: None,
            cpu_start: None,
            measured: Measured {
                recorder: Recorder::new(0, logs)?,
                handshakes: histogram()?,
                faults: Faults::default(),
                errors: Errors::default(),
                opened: 0,
                compressed: 0,
                failed: 0,
                lost: 0,
                sent: 0,
                unsent: 0,
                span: 0,
                in_span: (0, 0),
                began: Duration::ZERO,
                interrupted: false,
                cpu: None,
            },
            progress: Progress::new(),
            event_loop,
        };
        run.begun = run.now();
        Ok(run)
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The event loop failed; the text says how.
    pub(super) fn run(mut self) -> Result<End, String> {
        let mut events = Events::default();
        loop {
            let now = self.now();
            self.advance(now)?;
            if self.phase == Phase::Done {
                break;
            }
            self.dial(now);
            self.send_due(now);
            self.show_progress(now);
            let timeout = self.timeout(now);
            self.event_loop
                .poll(&mut events, timeout)
                .map_err(|error| error.to_string())?;
            self.handle_events(&events);
            for notice in events.notices() {
                if let Notice::Signal(signal) = notice {
                    if self.signal.is_some() {
                        self.progress.clear(&mut self.event_loop);
                        return Ok(End::Killed(*signal));
                    }
                    self.signal = Some(*signal);
                }
            }
        }
        self.progress.clear(&mut self.event_loop);
        Ok(End::Measured(Box::new(self.measured)))
    }

    fn now(&mut self) -> u64 {
        self.event_loop.now().as_nanos()
    }

    /// Begins as many connections as may be under way.
    fn dial(&mut self, now: u64) {
        if self.phase != Phase::Opening {
            return;
        }
        let wanted = match self.settings.ramp {
            // The first one at once, the others when they are due.
            Some(rate) => 1 + ((now - self.begun) as f64 * rate / 1e9) as u64,
            None => u64::MAX,
        };
        let wanted = wanted.min(self.settings.connections.into());
        while (self.connections.len() as u64) < wanted && self.opening < OPENING_MAX {
            let index = self.connections.len() as u32;
            let begun = self.now();
            let stream = match self.event_loop.connect(self.dialing.options(index)) {
                Ok(stream) => {
                    let _ = self.event_loop.set_data(stream, index.into());
                    self.opening += 1;
                    Some(stream)
                }
                Err(error) => {
                    self.measured.failed += 1;
                    self.measured.errors.add(error.to_string());
                    None
                }
            };
            self.connections.push(Connection {
                stream,
                is_open: false,
                is_blocked: false,
                begun,
                progress: begun,
                next_due: 0,
                lane: Lane::new(index),
            });
        }
    }

    /// How long the loop may wait for the system.
    fn timeout(&self, now: u64) -> Option<Duration> {
        let next = match self.phase {
            Phase::Opening => match self.settings.ramp {
                Some(rate) if self.connections.len() < self.settings.connections as usize => {
                    self.begun + (self.connections.len() as f64 * 1e9 / rate) as u64
                }
                _ => u64::MAX,
            },
            Phase::WarmUp { until } | Phase::Closing { until } => until,
            Phase::Measuring { until } | Phase::Draining { until } => until.unwrap_or(u64::MAX),
            Phase::Done => now,
        };
        let mut next = next.min(self.next_check).min(self.progress.next());
        if let (Some(schedule), Phase::WarmUp { .. } | Phase::Measuring { .. }) = (self.schedule, self.phase) {
            let due = schedule.due(self.cursor);
            if due.saturating_sub(now) < SPIN_BELOW {
                return Some(Duration::ZERO);
            }
            // The rest is waited for without sleeping.
            next = next.min(due - SPIN_BELOW / 2);
        }
        if self.settings.spin {
            return Some(Duration::ZERO);
        }
        Some(Duration::from_nanos(next.saturating_sub(now)))
    }

    fn show_progress(&mut self, now: u64) {
        if now < self.progress.next() {
            return;
        }
        let measured = &self.measured;
        let what = match self.phase {
            Phase::Opening => format!(
                "opening connections: {} of {}",
                measured.opened, self.settings.connections
            ),
            Phase::WarmUp { .. } => "warming up".to_owned(),
            Phase::Measuring { .. } => {
                let passed = now.saturating_sub(measured.recorder.start()) as f64 / 1e9;
                match self.settings.duration_s {
                    Some(duration) => format!("{passed:.0} of {duration:.0} s"),
                    None => format!("{passed:.0} s"),
                }
            }
            Phase::Draining { .. } => "waiting for the last echoes".to_owned(),
            Phase::Closing { .. } | Phase::Done => "closing".to_owned(),
        };
        let wrong = measured.faults.total() + u64::from(measured.failed) + u64::from(measured.lost);
        self.progress
            .show(&mut self.event_loop, now, &what, &measured.recorder, wrong);
    }
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
