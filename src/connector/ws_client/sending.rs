//! Events on their way out.

use std::format;

use super::{Closing, State, WsClient};
use crate::connector::api::{Context, Level};
use crate::connector::event::Event;
use crate::connector::ws::control::{Close, Control};
use crate::connector::ws::frame;
use crate::engine::Sent;
use crate::proto::{CloseCode, Message};

impl WsClient {
    pub(super) fn send(&mut self, event: &Event, cx: &mut Context<'_>) {
        let control = match Control::read(&event.meta, "ws_client") {
            Ok(control) => control,
            Err(problem) => return self.fail(&problem, event, false, cx),
        };
        if !control.close.as_ref().is_some_and(|close| close.only) {
            self.send_frames(event, cx);
        } else {
            self.flight.took(event);
        }
        if let Some(close) = &control.close {
            self.close_by_event(close, cx);
        }
    }

    fn send_frames(&mut self, event: &Event, cx: &mut Context<'_>) {
        let State::Open(open) = &mut self.state else { return };
        let not_text = self.plan.not_text;
        let (commands, stream, flight) = (&mut *cx.commands, open.stream, &mut self.flight);
        if flight.wants_look()
            && let Ok(account) = commands.account(stream)
        {
            flight.see_sent(account.sent.messages);
        }
        let (mut is_congested, mut problem) = (false, None);
        let written = frame::write(&mut open.writer, event, not_text, &mut |message: Message<'_>| {
            if problem.is_some() {
                return;
            }
            match commands.send(stream, message) {
                Ok(Sent::Queued { .. }) => flight.take_message(),
                Ok(Sent::AboveHighWater { .. }) => {
                    flight.take_message();
                    is_congested = true;
                }
                Ok(Sent::Refused { queued_bytes } | Sent::Dropped { queued_bytes }) => {
                    problem = Some(format!("the queue is full: {queued_bytes} bytes wait to be sent"));
                }
                Ok(Sent::Closing) => problem = Some("the queue is full, and the connection is being closed".into()),
                Err(misuse) => problem = Some(format!("{misuse}")),
            }
        });
        self.is_congested |= is_congested;
        match (problem, written) {
            (Some(problem), _) => self.fail(&problem, event, true, cx),
            (None, Err(problem)) => self.fail(&problem, event, false, cx),
            (None, Ok(())) => {
                self.flight.took(event);
                if !event.ticket.is_empty() {
                    self.check.soon();
                }
            }
        }
    }

    /// Looks which events were sent, if somebody waits to hear of one.
    pub(super) fn check_sent(&mut self, cx: &mut Context<'_>) {
        let State::Open(open) = &self.state else { return };
        if self.check.due().is_none_or(|due| due > cx.now) {
            return;
        }
        if let Ok(account) = cx.commands.account(open.stream) {
            self.flight.see_sent(account.sent.messages);
        }
        if self.flight.is_awaited() {
            self.check.later(cx.now);
        } else {
            self.check.never();
        }
    }

    /// Keeps an event for the next connection.
    pub(super) fn hold(&mut self, event: &Event, cx: &mut Context<'_>) {
        if !self.flight.hold(event) {
            self.fail(
                "there is no connection, and too many events wait for one",
                event,
                true,
                cx,
            );
        }
    }

    /// There will be no connection for it.
    pub(super) fn lose(&mut self, event: &Event, cx: &mut Context<'_>) {
        self.fail("there is no connection to send this event by", event, true, cx);
    }

    fn fail(&mut self, problem: &str, event: &Event, is_lost: bool, cx: &mut Context<'_>) {
        self.flight.fail(event, is_lost);
        let stream = match &self.state {
            State::Open(open) => open.stream.as_u64(),
            State::Idle
            | State::Dialing(_)
            | State::Waiting(_)
            | State::Resting
            | State::Stopped
            | State::Failed(_) => 0,
        };
        self.emit_error(problem, stream, event, cx);
    }

    fn close_by_event(&mut self, close: &Close, cx: &mut Context<'_>) {
        if let State::Open(open) = &mut self.state {
            open.closing = Closing::ToRest;
            self.close_open(close.code, &close.reason, cx);
        }
    }

    /// Sends what the postprocessors hold back, and our Close behind it; what comes is read until the peer's.
    pub(super) fn close_open(&mut self, code: CloseCode, reason: &str, cx: &mut Context<'_>) {
        let State::Open(open) = &mut self.state else { return };
        let (commands, stream) = (&mut *cx.commands, open.stream);
        let finished = frame::finish(&mut open.writer, cx.wall_ns, &mut |message| {
            let _ = commands.send(stream, message);
        });
        // If it closes already, its end is on the way.
        let _ = commands.close(stream, Some(code), reason);
        let _ = commands.resume(stream);
        if let Err(problem) = finished {
            self.say(cx, Level::Warn, problem);
        }
    }
}
