//! The end of a server, step by step.

use std::time::Duration;
use std::vec::Vec;

use super::{State, WsServer};
use crate::connector::api::{Context, Level, StopStep};
use crate::proto::{CloseCode, Instant};

/// In the step of a stop that closes connections, what waits to be read is read first; but not for longer than this, or
/// a client that never pauses would be cut in the end.
const READ_ON: Duration = Duration::from_millis(500);

impl WsServer {
    pub(super) fn begin_step(&mut self, step: StopStep, cx: &mut Context<'_>) {
        match step {
            StopStep::Sources => {
                if let State::Listening(listener) = self.state {
                    cx.commands.close_listener(listener);
                }
                if !matches!(self.state, State::Failed(_)) {
                    self.state = State::Closed;
                }
            }
            StopStep::Clients => {}
            StopStep::Servers => {
                if matches!(self.state, State::Closed) {
                    // What is there already is seen in the next turn.
                    self.has_read = true;
                    self.state = State::ReadingOn(cx.now + READ_ON);
                }
            }
            StopStep::Sinks => {
                if matches!(self.state, State::ReadingOn(_)) {
                    self.close_all(cx);
                }
                self.cut = self.connections.len();
            }
        }
    }

    /// Goes on reading until nothing waits, or the time is up; then closes.
    pub(super) fn read_on(&mut self, until: Instant, cx: &mut Context<'_>) {
        if self.has_read && cx.now < until {
            self.has_read = false;
        } else {
            self.close_all(cx);
        }
    }

    /// Sends every open connection what its postprocessors hold back, and its Close; the oldest first.
    fn close_all(&mut self, cx: &mut Context<'_>) {
        self.state = State::Closing;
        let mut problems = Vec::new();
        for stream in self.connections.open_ones() {
            let Some(connection) = self.connections.find(stream) else {
                continue;
            };
            connection.is_closing = true;
            problems.extend(connection.finish_writing(cx).err());
            // One that closes already is on its way to where this leads.
            let _ = cx.commands.close(stream, Some(CloseCode::GOING_AWAY), "");
            let _ = cx.commands.resume(stream);
        }
        for problem in problems {
            self.say(cx, Level::Warn, problem);
        }
    }
}
