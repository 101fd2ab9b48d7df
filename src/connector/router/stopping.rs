//! How a service ends: step by step with a deadline, or at once.

use std::time::Duration;

use super::slots::Slot;
use super::{Core, Outcome, SERVICE};
use crate::connector::api::{Level, StopRequest, StopStep, Wiring};
use crate::engine::{Files, Signal, Sys};
use crate::proto::Instant;

/// A graceful stop under way.
pub(super) struct Stopping {
    step: StopStep,
    /// When the step must be done.
    step_deadline: Instant,
    /// When all must be done.
    deadline: Instant,
    /// Some step was cut off.
    was_cut: bool,
    /// A connector had failed and nothing else was left to do: that is why the service stops.
    has_failed: bool,
    /// All steps are taken; what remains is for connections to end, so that no last frame is lost to a reset.
    outcome: Option<Outcome>,
}

/// How long connections may take to end when all that was to be said is said.
const LAST_FRAMES: Duration = Duration::from_secs(1);

impl Stopping {
    /// When the stop wants to be looked at again, whatever happens.
    pub(super) fn deadline(&self) -> Instant {
        self.step_deadline.min(self.deadline)
    }
}

impl<S: Sys + Files, W: Wiring> Core<S, W> {
    /// The first signal asks for a stop in good order, unless one is under way; the second ends everything at once.
    pub(super) fn handle_signal(&mut self, signal: Signal) {
        if std::mem::replace(&mut self.was_signalled, true) {
            return self.end(Outcome::Killed(signal));
        }
        let name = match signal {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        };
        self.say(
            Level::Info,
            SERVICE,
            std::format!("{name}: stopping; once more ends at once"),
        );
        self.stop_request.get_or_insert(StopRequest { graceful: true });
    }

    /// Begins a stop that was asked for, or that follows from having nothing left to do, and takes each step whose time
    /// has come.
    pub(super) fn advance_stop(&mut self) {
        if self.outcome.is_some() {
            return;
        }
        if self.stopping.is_none() {
            match self.stop_request {
                Some(StopRequest { graceful: false }) => return self.end(Outcome::Done),
                Some(StopRequest { graceful: true }) => self.begin_stop(false),
                None if !self.has_work_left() => {
                    let has_failed = self.slots.iter().any(Slot::has_failed);
                    if has_failed {
                        self.say(
                            Level::Error,
                            SERVICE,
                            "nothing is left to do, since a connector has failed",
                        );
                    }
                    self.begin_stop(has_failed);
                }
                None => return,
            }
        }
        while self
            .stopping
            .as_ref()
            .is_some_and(|stopping| stopping.outcome.is_none())
        {
            match self.step_done() {
                Some(Some(step)) => self.begin_step(step),
                Some(None) => self.end_in_order(),
                None => return,
            }
        }
        if let Some(Stopping {
            outcome: Some(outcome),
            step_deadline,
            ..
        }) = self.stopping
            && (self.engine.is_drained() || self.now >= step_deadline)
        {
            self.end(outcome);
        }
    }

    fn begin_stop(&mut self, has_failed: bool) {
        let deadline = self.now + self.options.stop_timeout;
        self.stopping = Some(Stopping {
            step: StopStep::Sources,
            step_deadline: deadline,
            deadline,
            was_cut: false,
            has_failed,
            outcome: None,
        });
        self.begin_step(StopStep::Sources);
    }

    fn begin_step(&mut self, step: StopStep) {
        let third: Duration = self.options.stop_timeout / 3;
        let step_deadline = self.now + third;
        if let Some(stopping) = &mut self.stopping {
            stopping.step = step;
            stopping.step_deadline = step_deadline;
        }
        for id in self.ids() {
            self.call(id, |connector, cx| connector.handle_stop(step, cx));
            self.deliver();
        }
        // A source that waited for a sink that has failed need wait no longer.
        self.update_flow();
    }

    /// If the step under way is over: the next one, or none.
    fn step_done(&mut self) -> Option<Option<StopStep>> {
        let stopping = self.stopping.as_mut()?;
        let step = stopping.step;
        let mut unsettled = self
            .slots
            .iter()
            .filter(|slot| slot.is_linked() && !slot.connector.is_settled(step))
            .map(|slot| slot.name.as_str())
            .peekable();
        if unsettled.peek().is_some() {
            if self.now < stopping.deadline() {
                return None;
            }
            stopping.was_cut = true;
            let names: std::vec::Vec<&str> = unsettled.collect();
            let text = std::format!("the time to stop is up; cut short: {}", names.join(", "));
            self.say(Level::Warn, SERVICE, text);
        }
        Some(match step {
            StopStep::Sources => Some(StopStep::Clients),
            StopStep::Clients => Some(StopStep::Servers),
            StopStep::Servers => Some(StopStep::Sinks),
            StopStep::Sinks => None,
        })
    }

    /// All steps are taken: tells what was lost.
    fn end_in_order(&mut self) {
        let (was_cut, has_failed) = self
            .stopping
            .as_ref()
            .map_or((false, false), |stopping| (stopping.was_cut, stopping.has_failed));
        let mut has_lost = false;
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            if !slot.is_linked() {
                continue;
            }
            let (name, losses) = (slot.name.clone(), slot.connector.losses());
            for loss in losses {
                has_lost = true;
                self.say(Level::Warn, &name, loss);
            }
        }
        let outcome = match (has_failed, was_cut || has_lost) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Incomplete,
            (false, false) => Outcome::Done,
        };
        self.engine.drain(LAST_FRAMES);
        if let Some(stopping) = &mut self.stopping {
            stopping.outcome = Some(outcome);
            stopping.step_deadline = self.now + LAST_FRAMES;
            stopping.deadline = stopping.step_deadline;
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.engine.stop();
        self.outcome = Some(outcome);
    }
}
