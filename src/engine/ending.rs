//! From the last event to the closed socket, so that the last frame is not lost.
//!
//! A socket that is closed while bytes of the peer's lie unread in it sends a reset, and a reset makes the peer's
//! system forget what it has received and not handed out yet. So the sending side is shut down first, what comes is
//! read and forgotten, and the socket is closed when the peer's side has ended too, or when a deadline passes.

use std::vec::Vec;

use super::account::Cause;
use super::core::Core;
use super::events::Entry;
use super::id::StreamId;
use super::seam::Sys;
use super::stream::{Flags, NEVER, Phase, Stream};
use crate::proto::{self, CloseCode};

/// What must have been written at once for the time to begin anew.
const PROGRESS_BYTES: usize = 16 << 10;

impl<S: Sys> Stream<S> {
    /// Takes the next step towards the end of a stream whose last event is out. True when its socket is closed.
    pub(super) fn settle(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) -> bool {
        if self.phase != Phase::Ending {
            self.phase = Phase::Ending;
            self.give_up_dial(core);
            self.deadline = core.now + core.config.linger_timeout;
        }
        if self.socket.is_none() {
            // A dial that came to nothing.
            self.close_socket(id, core);
            return true;
        }
        let before = self.conn.queued_bytes();
        self.flush(id, core, sink);
        if self.flags.has(Flags::UNWRITABLE) {
            self.close_socket(id, core);
            return true;
        }
        // A long answer has time as long as its reader takes it; a trickle doesn't hold the connection.
        if before.saturating_sub(self.conn.queued_bytes()) >= PROGRESS_BYTES && core.draining.is_none() {
            self.deadline = core.now + core.config.linger_timeout;
            self.rearm(id, core);
        }
        if self.flags.has(Flags::BLOCKED) {
            if self.flags.has(Flags::CUT) {
                self.cut(id, core);
                return true;
            }
            return false;
        }
        if !self.finish_secure(id, core, sink) {
            return false;
        }
        if self.secure.take().is_some() {
            // The session's buffers need not wait for the peer's end; nothing may be written without it.
            self.flags.set(Flags::DEAD);
        }
        if self.flags.has(Flags::EOF.or(Flags::CUT)) {
            self.close_socket(id, core);
            return true;
        }
        // RFC 6455 sections 5.5.1, 7.1.1 and 7.1.2: the server closes first; a client waits for that for a reasonable time.
        if self.is_server() && !self.flags.has(Flags::SHUT) && !self.shut_down(id, core) {
            return true;
        }
        self.mark_ready(id, core);
        self.rearm(id, core);
        false
    }

    /// Begins the closing handshake, behind what is queued.
    pub(super) fn begin_close(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        code: Option<CloseCode>,
        reason: &str,
    ) -> Result<(), proto::Misuse> {
        self.prepare_output(id, core);
        if self.conn.is_sending_chunks() {
            // That message will have no end.
            self.dropping(id, core, Cause::Closed, |stream, core| {
                stream.conn.close(core.now, code, reason, &mut core.sys)
            })?;
        } else {
            self.conn.close(core.now, code, reason, &mut core.sys)?;
        }
        self.unpause(id, core);
        self.rearm(id, core);
        Ok(())
    }

    /// In a drain, the peer's Close is awaited from when ours was written, since it stands behind what is queued.
    pub(super) fn await_close_anew(&mut self, core: &Core<S>) {
        if core.draining.is_some() {
            let time = self.profile.options.protocol.closing_timeout;
            self.conn.await_close_until(core.now + time);
        }
    }

    fn shut_down(&mut self, id: StreamId, core: &mut Core<S>) -> bool {
        self.flags.set(Flags::SHUT);
        let done = self
            .socket
            .as_mut()
            .is_some_and(|socket| core.sys.shutdown(socket).is_ok());
        if !done {
            self.close_socket(id, core);
        }
        done
    }

    /// Closes the socket with a reset: what is unsent is dropped at once.
    pub(super) fn cut(&mut self, id: StreamId, core: &mut Core<S>) {
        if let Some(socket) = &mut self.socket {
            core.sys.reset_on_close(socket);
        }
        self.close_socket(id, core);
    }

    /// Closes the socket and gives back what the stream has borrowed.
    pub(super) fn close_socket(&mut self, id: StreamId, core: &mut Core<S>) {
        if let Some(socket) = self.socket.take() {
            core.sys.close(socket);
            self.leave_listener(core);
        }
        self.lose_queue(id, core);
        self.return_output(core);
        self.secure = None;
        self.give_up_dial(core);
        self.deadline = NEVER;
        self.leave_handshake();
    }
}
