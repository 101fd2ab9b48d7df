//! One message for many streams: encoded once, compressed once for each agreed setting, its bytes shared by all.

use super::core::Core;
use super::engine::Engine;
use super::error::Misuse;
use super::id::StreamId;
use super::seam::Sys;
use super::stream::{Phase, Stream};
use super::writing::{Sent, Unit};
use crate::proto::{self, Message, Prepared};

/// What became of a message for many streams: how many of them each thing happened to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broadcast {
    /// It is on its way ([`Sent::Queued`], [`Sent::AboveHighWater`]).
    pub queued: usize,
    /// Of these, as many are above their high-water mark.
    pub above_high_water: usize,
    /// No room, and not taken ([`Sent::Refused`]).
    pub refused: usize,
    /// No room, and dropped ([`Sent::Dropped`]).
    pub dropped: usize,
    /// No room, and the stream is being closed for it ([`Sent::Closing`]).
    pub closing: usize,
    /// The stream is gone, not open yet, or has sent its Close; or another message is being sent in chunks.
    pub not_open: usize,
}

impl<S: Sys> Engine<S> {
    /// Sends a message to many streams, as [`send`](Self::send) does to each; but it is encoded once, and compressed once
    /// for each setting that was agreed on, and a long one is not copied for any of the streams (but for those that this
    /// engine has dialled: a client masks each frame with a key of its own). Each counts its bytes as its own, so that a
    /// slow reader holds up nobody else, and keeps the message in memory no longer than its policy allows.
    ///
    /// ```
    /// # #[cfg(feature = "net")] {
    /// use wsloop::EventLoop;
    /// use wsloop::engine::{Event, Events, StreamId};
    ///
    /// /// A chat: whatever comes goes to everybody.
    /// fn turn(event_loop: &mut EventLoop, events: &Events, everybody: &mut Vec<StreamId>) {
    ///     for (stream, event) in events {
    ///         match event {
    ///             Event::Opened(_) => everybody.push(stream),
    ///             Event::Message(message) => {
    ///                 let reached = event_loop.broadcast(everybody.iter().copied(), message);
    ///                 println!("{} of {}", reached.queued, everybody.len());
    ///             }
    ///             Event::Closed(_) | Event::Failed(_) => everybody.retain(|other| *other != stream),
    ///             _ => {}
    ///         }
    ///     }
    /// }
    /// # }
    /// ```
    pub fn broadcast<'m>(
        &mut self,
        streams: impl IntoIterator<Item = StreamId>,
        message: impl Into<Message<'m>>,
    ) -> Broadcast {
        let prepared = Prepared::new(message);
        let mut broadcast = Broadcast::default();
        for stream in streams {
            let count = match self.send_prepared(stream, &prepared) {
                Ok(Sent::Queued { .. }) => &mut broadcast.queued,
                Ok(Sent::AboveHighWater { .. }) => {
                    broadcast.above_high_water += 1;
                    &mut broadcast.queued
                }
                Ok(Sent::Refused { .. }) => &mut broadcast.refused,
                Ok(Sent::Dropped { .. }) => &mut broadcast.dropped,
                Ok(Sent::Closing) => &mut broadcast.closing,
                Err(_) => &mut broadcast.not_open,
            };
            *count += 1;
        }
        broadcast
    }

    /// As [`send`](Self::send), for a message that others get, too, and that is [prepared](Prepared::new) for it: for a
    /// host that wants to know what became of it at each stream, or that has more than one engine.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, stream: StreamId, prepared: &Prepared) -> Result<Sent, Misuse> {
        let (state, core) = self.find(stream)?;
        state.send_prepared(stream, core, prepared)
    }
}

impl<S: Sys> Stream<S> {
    fn send_prepared(&mut self, id: StreamId, core: &mut Core<S>, prepared: &Prepared) -> Result<Sent, Misuse> {
        if self.phase != Phase::Live {
            return Err(Misuse::Protocol(proto::Misuse::NotOpen));
        }
        let queue = &self.profile.options.queue;
        let (limit, high_water) = (queue.limit_bytes, queue.high_water_bytes);
        let before = self.conn.queued_bytes();
        let fits = before.saturating_add(prepared.len()) <= limit;
        let sent = if fits {
            self.prepare_output(id, core);
            self.conn.send_prepared(prepared, &mut core.sys)
        } else {
            Err(proto::Misuse::QueueFull)
        };
        match sent {
            Ok(()) => {}
            Err(proto::Misuse::QueueFull) => return self.send_past_limit(id, core, Unit::Message, prepared.len()),
            Err(misuse) => return Err(misuse.into()),
        }
        core.counters.messages_sent += 1;
        self.note_accepted(id, core, 1, before);
        self.note_use(id, core);
        Ok(self.queued(high_water))
    }
}
