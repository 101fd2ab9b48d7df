//! Messages out, echoes in.

use wsloop::engine::{Event, Events, Failure, Sent, StreamId};
use wsloop::proto::{self, Message};

use super::super::payload::Payload;
use super::super::schedule::Schedule;
use super::super::settings::Mode;
use super::{Phase, Run};

impl Run<'_> {
    pub(super) fn is_sending(&self) -> bool {
        match self.phase {
            Phase::WarmUp { .. } => true,
            Phase::Measuring { .. } => !self.is_enough(),
            Phase::Opening | Phase::Draining { .. } | Phase::Closing { .. } | Phase::Done => false,
        }
    }

    /// Whether as many messages as were asked for are sent, or in an open loop due.
    pub(super) fn is_enough(&self) -> bool {
        let count = if self.schedule.is_some() {
            self.told
        } else {
            self.measured.sent
        };
        self.settings.messages.is_some_and(|wanted| count >= wanted)
    }

    /// In an open loop: sends what is due by now.
    pub(super) fn send_due(&mut self, now: u64) {
        let Some(schedule) = self.schedule else { return };
        let end = match self.phase {
            Phase::WarmUp { .. } => now + 1,
            Phase::Measuring { until } => until.unwrap_or(u64::MAX).min(now + 1),
            Phase::Opening | Phase::Draining { .. } | Phase::Closing { .. } | Phase::Done => return,
        };
        while schedule.due(self.cursor) < end && self.is_sending() {
            let index = self.dealt[(self.cursor % self.dealt.len() as u64) as usize];
            self.cursor += 1;
            self.told += u64::from(matches!(self.phase, Phase::Measuring { .. }));
            self.catch_up(index, schedule);
        }
    }

    /// Sends what the schedule has for a connection, up to the cursor.
    pub(super) fn catch_up(&mut self, index: u32, schedule: Schedule) {
        let step = self.dealt.len() as u64;
        loop {
            let connection = &self.connections[index as usize];
            let k = connection.next_due;
            if k >= self.cursor || connection.is_blocked || !connection.is_open {
                return;
            }
            if !self.send(index, schedule.due(k)) {
                return;
            }
            self.connections[index as usize].next_due += step;
        }
    }

    /// In a closed loop: sends until as many messages are under way as shall be.
    pub(super) fn refill(&mut self, index: u32) {
        let Mode::Closed { in_flight } = self.settings.mode else {
            return;
        };
        let mut now = None;
        while self.is_sending() {
            let connection = &self.connections[index as usize];
            if !connection.is_open || connection.is_blocked || connection.lane.outstanding() >= in_flight as usize {
                break;
            }
            let now = match now {
                Some(now) => now,
                None => *now.insert(self.now()),
            };
            if !self.send(index, now) {
                break;
            }
        }
        // Now rather than at the next poll: until then the other connections' turn would count as this one's latency.
        if now.is_some()
            && let Some(stream) = self.connections[index as usize].stream
        {
            let _ = self.event_loop.flush(stream);
        }
    }

    /// Sends the connection's next message; false if it wasn't taken.
    fn send(&mut self, index: u32, due: u64) -> bool {
        let connection = &mut self.connections[index as usize];
        let Some(stream) = connection.stream else { return false };
        let number = connection.lane.next();
        let payload = self
            .payloads
            .make(&mut self.scratch, connection.lane.connection(), number);
        let message = match payload {
            Payload::Text(text) => Message::from(text),
            Payload::Binary(bytes) => Message::from(bytes),
        };
        let Ok(sent) = self.event_loop.send(stream, message) else {
            return false;
        };
        if !matches!(sent, Sent::Queued { .. }) {
            connection.is_blocked = true;
        }
        if !sent.is_queued() {
            return false;
        }
        if connection.lane.outstanding() == 0 {
            connection.progress = due;
        }
        connection.lane.sent(due);
        let counts = match self.phase {
            // It may be over, and nobody has looked yet.
            Phase::WarmUp { until } => due >= until,
            Phase::Measuring { .. } | Phase::Draining { .. } => due >= self.measured.recorder.start(),
            Phase::Opening | Phase::Closing { .. } | Phase::Done => false,
        };
        if counts {
            self.measured.sent += 1;
        }
        true
    }

    pub(super) fn handle_events(&mut self, events: &Events) {
        if events.is_empty() {
            return;
        }
        let now = self.now();
        let mut last: Option<(StreamId, u32)> = None;
        for (stream, event) in events {
            let index = match last {
                Some((same, index)) if same == stream => index,
                _ => {
                    if let Some((_, index)) = last {
                        self.refill(index);
                    }
                    let Ok(data) = self.event_loop.data(stream) else {
                        continue;
                    };
                    data as u32
                }
            };
            last = Some((stream, index));
            self.handle_event(index, event, now);
        }
        if let Some((_, index)) = last {
            self.refill(index);
        }
    }

    fn handle_event(&mut self, index: u32, event: Event<'_>, now: u64) {
        match event {
            Event::Message(message) => {
                let connection = &mut self.connections[index as usize];
                let before = connection.lane.outstanding();
                let echo = connection.lane.receive(
                    &self.payloads,
                    message.is_text(),
                    message.as_bytes(),
                    &mut self.measured.faults,
                );
                // What nobody waits for is no progress, or a server could keep the run from ending by saying it again.
                if connection.lane.outstanding() < before {
                    connection.progress = now;
                }
                if let Some(echo) = echo
                    && matches!(self.phase, Phase::Measuring { .. } | Phase::Draining { .. })
                {
                    self.measured.recorder.echo(now, echo.due, echo.bytes);
                }
            }
            Event::Opened(opened) => {
                self.measured.compressed += u32::from(opened.deflate.is_some());
                let connection = &mut self.connections[index as usize];
                connection.is_open = true;
                self.opening -= 1;
                self.measured.opened += 1;
                self.measured
                    .handshakes
                    .saturating_record((now - connection.begun).max(1));
            }
            Event::LowWater { .. } => {
                self.connections[index as usize].is_blocked = false;
                if let Some(schedule) = self.schedule {
                    self.catch_up(index, schedule);
                }
            }
            Event::Closed(closed) => {
                let code = match closed.code {
                    Some(code) => code.to_string(),
                    None => "no code".to_owned(),
                };
                self.end_of(index, format!("closed by the server: {code}"));
            }
            Event::Failed(failure) => self.end_of(index, error_text(failure)),
            _ => {}
        }
    }

    /// A connection has ended, as wanted or not.
    fn end_of(&mut self, index: u32, text: String) {
        let connection = &mut self.connections[index as usize];
        connection.stream = None;
        let was_open = std::mem::replace(&mut connection.is_open, false);
        if matches!(self.phase, Phase::Closing { .. } | Phase::Done) {
            return;
        }
        connection.lane.cut(&mut self.measured.faults);
        if was_open {
            self.measured.lost += 1;
        } else {
            self.opening -= 1;
            self.measured.failed += 1;
        }
        self.measured.errors.add(text);
    }
}

/// What is said of a failure: the same for all connections that failed alike.
fn error_text(failure: &Failure) -> String {
    match failure {
        Failure::Protocol(proto::Failure::Refused(refusal)) => {
            format!("the server answered {} {}", refusal.status, refusal.reason)
        }
        other => other.to_string(),
    }
}
