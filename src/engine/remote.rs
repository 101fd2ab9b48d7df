//! Carrying out what other threads ask for through a [`Handle`](super::Handle).

use super::engine::Engine;
use super::error::Misuse;
use super::events::{Events, Notice};
use super::handle::Command;
use super::id::StreamId;
use super::seam::Sys;
use crate::proto::Message;

impl<S: Sys> Engine<S> {
    /// Commands of other threads.
    pub(super) fn run_commands(&mut self, events: &mut Events) {
        for command in self.shared.take() {
            if let Err((stream, misuse)) = self.run_command(command, events) {
                events.notices.push(Notice::CommandFailed { stream, misuse });
            }
        }
    }

    fn run_command(&mut self, command: Command, events: &mut Events) -> Result<(), (StreamId, Misuse)> {
        let (stream, result) = match command {
            Command::Send {
                stream,
                is_text,
                payload,
            } => (
                stream,
                self.send_for_another(stream, Message::from_validated(is_text, &payload), events),
            ),
            Command::Ping { stream, payload } => (stream, self.ping(stream, &payload)),
            Command::Accept { stream, answer } => (stream, self.accept(stream, answer)),
            Command::Refuse { stream, response } => (stream, self.refuse(stream, response)),
            Command::Close { stream, code, reason } => (stream, self.close(stream, code, &reason)),
            Command::CloseNow {
                stream,
                code,
                reason,
                deadline,
            } => (stream, self.close_now(stream, code, &reason, deadline)),
            Command::Abort { stream } => (stream, self.abort(stream)),
            Command::Pause { stream } => (stream, self.pause(stream)),
            Command::Resume { stream } => (stream, self.resume(stream)),
            Command::Drain { deadline } => {
                self.drain(deadline);
                return Ok(());
            }
            Command::Stop => {
                self.stop();
                return Ok(());
            }
        };
        result.map_err(|misuse| (stream, misuse))
    }

    /// Whoever gave the command is not there any more to be told what became of it.
    fn send_for_another(&mut self, stream: StreamId, message: Message<'_>, events: &mut Events) -> Result<(), Misuse> {
        let sent = self.send(stream, message)?;
        if !sent.is_queued() {
            events.notices.push(Notice::MessageNotQueued { stream, sent });
        }
        Ok(())
    }
}
