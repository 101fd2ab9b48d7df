//! What the host commands: messages, closing, pausing.

use std::time::Duration;

use super::account::Cause;
use super::engine::{Engine, later};
use super::error::{Failure, Misuse};
use super::id::StreamId;
use super::seam::Sys;
use super::stream::Flags;
use super::writing::Sent;
use crate::proto::{Accept, CloseCode, Message, Response};

impl<S: Sys> Engine<S> {
    /// Accepts a request to open a stream ([`Event::Request`](super::Event::Request)).
    ///
    /// # Errors
    /// The stream is gone, or asks nothing; or the answer can't be sent.
    pub fn accept(&mut self, stream: StreamId, answer: Accept) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        state.conn.accept(&answer)?;
        state.mark_dirty(stream, &mut core.dirty);
        self.answered.push(stream);
        Ok(())
    }

    /// Refuses a request to open a stream, with any HTTP response.
    ///
    /// # Errors
    /// The stream is gone, or asks nothing; or the response can't be sent.
    pub fn refuse(&mut self, stream: StreamId, response: Response) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        state.conn.refuse(&response)?;
        state.mark_dirty(stream, &mut core.dirty);
        self.answered.push(stream);
        Ok(())
    }

    /// Sends a message as one frame, at the next poll or [`flush`](Self::flush); compressed where that was agreed on.
    ///
    /// # Errors
    /// The stream is gone, not open yet, or has sent its Close; another message is being sent in chunks.
    #[inline]
    pub fn send<'m>(&mut self, stream: StreamId, message: impl Into<Message<'m>>) -> Result<Sent, Misuse> {
        let (state, core) = self.find(stream)?;
        state.send(stream, core, message.into(), true)
    }

    /// As [`send`](Self::send), but not compressed, whatever was agreed on.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_uncompressed<'m>(&mut self, stream: StreamId, message: impl Into<Message<'m>>) -> Result<Sent, Misuse> {
        let (state, core) = self.find(stream)?;
        state.send(stream, core, message.into(), false)
    }

    /// Sends a ping of at most 125 bytes.
    ///
    /// # Errors
    /// The stream is gone or not open; the payload is too long; the queue is full.
    pub fn ping(&mut self, stream: StreamId, payload: &[u8]) -> Result<(), Misuse> {
        let (state, core) = self.find_live(stream)?;
        state.prepare_output(stream, core);
        Ok(state.conn.ping(payload, &mut core.sys)?)
    }

    /// Begins the closing handshake, behind what is queued. Messages are delivered until the peer's Close; a stream that was
    /// [paused](Self::pause) is read again, since that Close would not be seen else.
    ///
    /// # Errors
    /// The stream is gone, not open yet, or has sent its Close; the reason is longer than 123 bytes.
    pub fn close(&mut self, stream: StreamId, code: Option<CloseCode>, reason: &str) -> Result<(), Misuse> {
        let (state, core) = self.find_live(stream)?;
        core.refresh();
        Ok(state.begin_close(stream, core, code, reason)?)
    }

    /// Drops what is queued behind the frame under way, begins the closing handshake, and resets the connection if the
    /// Close isn't written within `deadline`.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub fn close_now(
        &mut self,
        stream: StreamId,
        code: CloseCode,
        reason: &str,
        deadline: Duration,
    ) -> Result<(), Misuse> {
        let (state, core) = self.find_live(stream)?;
        state.close_now(stream, core, (code, reason), deadline, Cause::Closed)
    }

    /// Cuts the connection with a reset, whatever its state. The stream ends with [`Failure::Aborted`].
    ///
    /// # Errors
    /// The stream is gone.
    pub fn abort(&mut self, stream: StreamId) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        later(core, |core, sink| {
            state.cut(stream, core);
            state.fail(stream, core, sink, Failure::Aborted);
        });
        Ok(())
    }

    /// Reads nothing more from a stream until [`resume`](Self::resume); back-pressure reaches the peer. Messages of the
    /// present poll are in the queue already. The peer's Close is not seen while the stream is paused.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn pause(&mut self, stream: StreamId) -> Result<(), Misuse> {
        self.find(stream)?.0.flags.set(Flags::PAUSED);
        Ok(())
    }

    /// Reads a stream again.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn resume(&mut self, stream: StreamId) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        state.flags.clear(Flags::PAUSED);
        if state.is_watched() {
            state.touch(stream, core);
        }
        state.mark_ready(stream, core);
        Ok(())
    }

    /// Writes what a stream has to send now rather than at the next poll. A Close of the peer's is answered no earlier
    /// than then, so that messages can still be sent.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn flush(&mut self, stream: StreamId) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        if state.is_open() && !state.flags.has(Flags::BLOCKED) {
            later(core, |core, sink| state.flush(stream, core, sink));
            if state.flags.has(Flags::DIRTY) {
                state.conn.lend_output(core.outputs.take());
            }
        }
        Ok(())
    }
}
