//! Messages in chunks, in and out: for what is too long to be held whole.

use super::engine::Engine;
use super::error::Misuse;
use super::id::StreamId;
use super::seam::Sys;
use super::writing::Sent;
use crate::proto::MessageKind;

impl<S: Sys> Engine<S> {
    /// Whether a stream's messages come as [`Event::Chunk`](super::Event::Chunk), as they are read, rather than whole;
    /// from its next message on. Nothing of them is held, so that a message of any length passes in the queue's memory,
    /// and the limits on frames, messages and fragments do not apply. What streams do at first is in their
    /// [options](super::ListenOptions::chunks).
    ///
    /// # Errors
    /// The stream is gone, or its transport does not stand yet.
    pub fn deliver_chunks(&mut self, stream: StreamId, yes: bool) -> Result<(), Misuse> {
        let (state, _) = self.find_live(stream)?;
        state.conn.deliver_chunks(yes);
        Ok(())
    }

    /// Begins a message that is sent in chunks, compressed if that was agreed on and `compress` says so. Nothing is queued
    /// yet. Control frames go between the chunks; other messages have to wait for the last.
    ///
    /// # Errors
    /// The stream is gone, not open yet, or has sent its Close; another message is under way.
    pub fn begin_message(&mut self, stream: StreamId, kind: MessageKind, compress: bool) -> Result<(), Misuse> {
        let (state, _) = self.find_live(stream)?;
        Ok(state.conn.begin_message(kind, compress)?)
    }

    /// Sends the next chunk of the message that was begun, as one frame, and if it is the `last` ends the message.
    ///
    /// A host that sends faster than the peer reads should stop at [`Sent::AboveHighWater`] until
    /// [`Event::LowWater`](super::Event::LowWater). A chunk is never dropped: without room it is [`Sent::Refused`] and may
    /// be sent again later, or the stream is closed ([`SlowReader::Close`](super::SlowReader::Close)).
    ///
    /// # Errors
    /// The stream is gone, not open, or has sent its Close; no message was begun; the chunks of a text are not UTF-8.
    pub fn send_chunk(&mut self, stream: StreamId, chunk: &[u8], last: bool) -> Result<Sent, Misuse> {
        let (state, core) = self.find_live(stream)?;
        state.send_chunk(stream, core, chunk, last)
    }
}
