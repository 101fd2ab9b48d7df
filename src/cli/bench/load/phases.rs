//! The phases of a run, and what leads from one to the next.

use wsloop::proto::CloseCode;

use super::super::record::Recorder;
use super::super::schedule::Schedule;
use super::super::settings::Mode;
use super::super::tool;
use super::{CLOSING, INTERRUPTED_WAIT, Phase, Run, nanos};

impl Run<'_> {
    /// Goes to the next phase when its time has come.
    pub(super) fn advance(&mut self, now: u64) -> Result<(), String> {
        self.interrupt(now);
        self.give_up_stalled(now);
        match self.phase {
            Phase::Opening => {
                if self.connections.len() == self.settings.connections as usize && self.opening == 0 {
                    self.begin(now)?;
                }
            }
            Phase::WarmUp { until } => {
                if now >= until || self.is_deserted() {
                    self.begin_measuring(until.min(now))?;
                }
            }
            Phase::Measuring { until } => {
                // What was due by the end is sent, however late it is looked at.
                self.send_due(now);
                if until.is_some_and(|until| now >= until) || self.is_enough() || self.is_deserted() {
                    self.end_measuring(until.unwrap_or(now).min(now));
                    self.phase = Phase::Draining { until: None };
                }
            }
            Phase::Draining { until } => {
                let is_quiet = self
                    .connections
                    .iter()
                    .all(|connection| !connection.is_open || connection.lane.outstanding() == 0);
                if is_quiet || until.is_some_and(|until| now >= until) {
                    self.end_draining(now);
                }
            }
            Phase::Closing { until } => {
                if now >= until || self.connections.iter().all(|connection| connection.stream.is_none()) {
                    self.phase = Phase::Done;
                }
            }
            Phase::Done => {}
        }
        Ok(())
    }

    /// The first signal ends what is under way in good order.
    fn interrupt(&mut self, now: u64) {
        if self.signal.is_none() || self.measured.interrupted {
            return;
        }
        self.measured.interrupted = true;
        match self.phase {
            Phase::Opening | Phase::WarmUp { .. } => {
                self.measured.recorder.last = now;
                self.end_draining(now);
            }
            Phase::Measuring { .. } => {
                self.end_measuring(now);
                self.phase = Phase::Draining {
                    until: Some(now + INTERRUPTED_WAIT),
                };
            }
            Phase::Draining { .. } => {
                self.phase = Phase::Draining {
                    until: Some(now + INTERRUPTED_WAIT),
                };
            }
            Phase::Closing { .. } | Phase::Done => {}
        }
    }

    /// All connections stand, or can't: messages are sent from now on.
    fn begin(&mut self, now: u64) -> Result<(), String> {
        self.dealt = (0u32..)
            .zip(&self.connections)
            .filter(|(_, connection)| connection.is_open)
            .map(|(index, _)| index)
            .collect();
        let until = now + nanos(self.settings.warm_up_s);
        self.phase = Phase::WarmUp { until };
        if self.dealt.is_empty() {
            return Ok(());
        }
        if until <= now {
            self.begin_measuring(now)?;
        }
        match self.settings.mode {
            Mode::Open { rate } => {
                self.schedule = Some(Schedule::new(now, rate));
                for (turn, index) in (0u64..).zip(self.dealt.clone()) {
                    self.connections[index as usize].next_due = turn;
                }
            }
            Mode::Closed { .. } => {
                for index in self.dealt.clone() {
                    self.refill(index);
                }
            }
        }
        Ok(())
    }

    fn begin_measuring(&mut self, now: u64) -> Result<(), String> {
        if !matches!(self.phase, Phase::WarmUp { .. }) {
            return Ok(());
        }
        let logs = self.measured.recorder.log.is_some();
        self.measured.recorder = Recorder::new(now, logs)?;
        self.measured.began = self.event_loop.wall_now();
        self.cpu_start = tool::cpu_time(&mut self.event_loop);
        let until = self.settings.duration_s.map(|duration| now + nanos(duration));
        self.phase = Phase::Measuring { until };
        Ok(())
    }

    fn end_measuring(&mut self, now: u64) {
        let measured = &mut self.measured;
        let recorder = &measured.recorder;
        // A count of messages ends with the last of them, and no later.
        measured.span = now.saturating_sub(recorder.start());
        measured.in_span = (recorder.messages, recorder.bytes);
        let cpu = tool::cpu_time(&mut self.event_loop);
        self.measured.cpu = cpu.zip(self.cpu_start).map(|(end, start)| end.saturating_sub(start));
    }

    fn end_draining(&mut self, now: u64) {
        let measured = &mut self.measured;
        let interrupted = measured.interrupted;
        for connection in &mut self.connections {
            if !interrupted {
                connection.lane.give_up(&mut measured.faults);
            }
            if let Some(stream) = connection.stream {
                if connection.is_open {
                    let _ = self.event_loop.close(stream, Some(CloseCode::NORMAL), "");
                } else {
                    let _ = self.event_loop.abort(stream);
                }
            }
        }
        measured.recorder.finish(now);
        if self.settings.duration_s.is_none() && !interrupted {
            // What was asked for is a number of messages: their time is up to the last echo.
            measured.span = measured.recorder.last.saturating_sub(measured.recorder.start());
            measured.in_span = (measured.recorder.messages, measured.recorder.bytes);
        }
        self.measured.unsent += self.unsent();
        self.phase = Phase::Closing { until: now + CLOSING };
    }

    /// Messages of the schedule that were never sent.
    fn unsent(&self) -> u64 {
        let step = self.dealt.len().max(1) as u64;
        let lag = |index: &u32| {
            self.cursor
                .saturating_sub(self.connections[*index as usize].next_due)
                .div_ceil(step)
        };
        self.dealt.iter().map(lag).sum()
    }

    /// No connection is left that could bring an echo.
    pub(super) fn is_deserted(&self) -> bool {
        !self.connections.iter().any(|connection| connection.is_open)
    }

    /// What is under way on connections that have brought nothing for too long is lost.
    fn give_up_stalled(&mut self, now: u64) {
        if now < self.next_check {
            return;
        }
        let timeout = nanos(self.settings.timeout_s);
        self.next_check = now + (timeout / 8).clamp(10_000_000, 500_000_000);
        for index in 0..self.connections.len() {
            let connection = &mut self.connections[index];
            if connection.is_open
                && connection.lane.outstanding() > 0
                && now.saturating_sub(connection.progress) > timeout
            {
                connection.lane.give_up(&mut self.measured.faults);
                connection.progress = now;
                self.refill(index as u32);
            }
        }
    }
}
