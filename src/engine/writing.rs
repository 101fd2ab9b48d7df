//! From the host and the protocol to the socket (RFC 6455 section 6.1): one write for all that a stream was given in a turn.

use std::io;
use std::time::Duration;
use std::vec::Vec;

use super::account::Cause;
use super::core::Core;
use super::error::Misuse;
use super::events::{Entry, Kind};
use super::id::StreamId;
use super::options::SlowReader;
use super::seam::Sys;
use super::stream::{Flags, Phase, Stream};
use super::telling::tell;
use crate::proto::{self, CloseCode, Instant, Message, State};

/// How long a slow reader has to take the Close that ends it (`SlowReader::Close`).
const SLOW_READER_DEADLINE: Duration = Duration::from_secs(1);

/// RFC 6455 section 5.5: a control frame's 125 bytes, less two for the code. Looked at before anything is dropped.
const REASON_BYTES_MAX: usize = 123;

/// From so many bytes on a message that lies in the arena is not copied, but written from there, beside its header.
const SHARED_BYTES: usize = 4 << 10;

/// Pieces written at once at most.
const SLICES: usize = 64;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// It waits to be written, which is done at the next poll or `flush`.
    Queued {
        /// Bytes that wait on the stream, this message's included.
        queued_bytes: usize,
    },
    /// It waits, and with it more than the high-water mark. A host that can should pause what it sends until
    /// [`Event::LowWater`](super::Event::LowWater).
    AboveHighWater {
        /// Bytes that wait on the stream, this message's included.
        queued_bytes: usize,
    },
    /// The queue has no room, the message was not taken (`SlowReader::Refuse`).
    Refused {
        /// Bytes that wait on the stream.
        queued_bytes: usize,
    },
    /// The queue has no room, the message was dropped and counted (`SlowReader::DropNewest`).
    Dropped {
        /// Bytes that wait on the stream.
        queued_bytes: usize,
    },
    /// The queue had no room, the message and all that waited are dropped, and the stream is being closed
    /// (`SlowReader::Close`).
    Closing,
}

impl Sent {
    /// Whether the message is on its way.
    #[must_use]
    pub const fn is_queued(self) -> bool {
        match self {
            Self::Queued { .. } | Self::AboveHighWater { .. } => true,
            Self::Refused { .. } | Self::Dropped { .. } | Self::Closing => false,
        }
    }
}

/// What has no room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Message,
    Chunk,
}

impl<S: Sys> Stream<S> {
    /// Queues a message.
    #[inline]
    pub(super) fn send(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        message: Message<'_>,
        compress: bool,
    ) -> Result<Sent, Misuse> {
        let options = &self.profile.options;
        let (limit, high_water) = (options.queue.limit_bytes, options.queue.high_water_bytes);
        // The common case, an answer in a turn in which the stream was read, without asking anything twice.
        if self.flags.has(Flags::DIRTY)
            && self.phase == Phase::Live
            && message.len() < SHARED_BYTES
            && !options.is_noted
            && let Some(queued_bytes) = self.conn.send_at_once(message, limit.min(high_water))
        {
            core.counters.messages_sent += 1;
            return Ok(Sent::Queued { queued_bytes });
        }
        self.send_uncommon(id, core, message, compress)
    }

    #[inline(never)]
    fn send_uncommon(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        message: Message<'_>,
        compress: bool,
    ) -> Result<Sent, Misuse> {
        if self.phase != Phase::Live {
            return Err(Misuse::Protocol(proto::Misuse::NotOpen));
        }
        let queue = &self.profile.options.queue;
        let (limit, high_water) = (queue.limit_bytes, queue.high_water_bytes);
        let before = self.conn.queued_bytes();
        if before.saturating_add(message.len()) > limit {
            return self.send_past_limit(id, core, Unit::Message, message.len());
        }
        self.prepare_output(id, core);
        let sent = if message.len() >= SHARED_BYTES && !self.flags.has(Flags::BLOCKED) {
            self.send_long(core, message, compress)
        } else if compress {
            self.conn.send(message, &mut core.sys)
        } else {
            self.conn.send_uncompressed(message, &mut core.sys)
        };
        match sent {
            Ok(()) => {}
            Err(proto::Misuse::QueueFull) => return self.send_past_limit(id, core, Unit::Message, message.len()),
            Err(misuse) => return Err(misuse.into()),
        }
        core.counters.messages_sent += 1;
        self.note_accepted(id, core, 1, before);
        Ok(self.queued(high_water))
    }

    /// As `send`, for a message that is worth not to be copied if it lies in the arena, as that of an echo does. What of
    /// it can't be written at the next poll is copied then, since the arena is needed again.
    fn send_long(&mut self, core: &mut Core<S>, message: Message<'_>, compress: bool) -> Result<(), proto::Misuse> {
        match &core.arena {
            Some(arena) if !(compress && self.conn.inflates()) => self.conn.send_shared(message, arena, &mut core.sys),
            Some(_) | None if compress => self.conn.send(message, &mut core.sys),
            Some(_) | None => self.conn.send_uncompressed(message, &mut core.sys),
        }
    }

    /// Queues a chunk of the message that was begun. Where the queue has no room the chunk is never dropped, since the
    /// message would lack it: it is refused, or the stream closed, as its options say.
    pub(super) fn send_chunk(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        chunk: &[u8],
        last: bool,
    ) -> Result<Sent, Misuse> {
        let queue = &self.profile.options.queue;
        let (limit, high_water) = (queue.limit_bytes, queue.high_water_bytes);
        let before = self.conn.queued_bytes();
        let is_first = self.conn.begins_message();
        let fits = before.saturating_add(chunk.len()) <= limit;
        self.prepare_output(id, core);
        let sent = if fits {
            self.conn.send_chunk(chunk, last, &mut core.sys)
        } else {
            Err(proto::Misuse::QueueFull)
        };
        match sent {
            Ok(()) => {}
            Err(proto::Misuse::QueueFull) => return self.send_past_limit(id, core, Unit::Chunk, chunk.len()),
            Err(misuse) => return Err(misuse.into()),
        }
        core.counters.messages_sent += u64::from(last);
        self.note_accepted(id, core, u64::from(is_first), before);
        Ok(self.queued(high_water))
    }

    /// What to say of a message or chunk that was queued.
    #[inline]
    pub(super) fn queued(&mut self, high_water: usize) -> Sent {
        let queued_bytes = self.conn.queued_bytes();
        if queued_bytes > high_water {
            self.flags.set(Flags::ABOVE);
            return Sent::AboveHighWater { queued_bytes };
        }
        Sent::Queued { queued_bytes }
    }

    #[cold]
    pub(super) fn send_past_limit(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        unit: Unit,
        payload_bytes: usize,
    ) -> Result<Sent, Misuse> {
        if self.conn.state() != State::Open {
            return Err(Misuse::Protocol(proto::Misuse::NotOpen));
        }
        let queued_bytes = self.conn.queued_bytes();
        // Whoever is told that there is no room waits to be told that there is.
        self.flags.set(Flags::ABOVE);
        match self.profile.options.queue.slow_reader {
            SlowReader::Refuse => {
                self.note_refused(id, core, payload_bytes);
                Ok(Sent::Refused { queued_bytes })
            }
            SlowReader::DropNewest if unit == Unit::Chunk => {
                self.note_refused(id, core, payload_bytes);
                Ok(Sent::Refused { queued_bytes })
            }
            SlowReader::DropNewest => {
                self.note_unqueued(id, core, Cause::Newest, payload_bytes);
                Ok(Sent::Dropped { queued_bytes })
            }
            SlowReader::Close => {
                // The message that a chunk belongs to is counted with the queue, if it has begun to leave.
                if unit == Unit::Message || self.conn.begins_message() {
                    self.note_unqueued(id, core, Cause::SlowReader, payload_bytes);
                }
                let why = (CloseCode::TRY_AGAIN_LATER, "");
                self.close_now(id, core, why, SLOW_READER_DEADLINE, Cause::SlowReader)?;
                tell!(debug, "{id:?} is closed: the peer reads too slowly");
                Ok(Sent::Closing)
            }
        }
    }

    /// Drops what waits behind the frame under way, closes, and sets the deadline for both to be written.
    pub(super) fn close_now(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        (code, reason): (CloseCode, &str),
        deadline: Duration,
        cause: Cause,
    ) -> Result<(), Misuse> {
        if self.phase != Phase::Live || self.conn.state() != State::Open {
            return Err(Misuse::Protocol(proto::Misuse::NotOpen));
        }
        if reason.len() > REASON_BYTES_MAX {
            return Err(Misuse::Protocol(proto::Misuse::ReasonTooLong));
        }
        let now = core.refresh();
        self.dropping(id, core, cause, |stream, _| stream.conn.discard_queued());
        self.begin_close(id, core, Some(code), reason)?;
        self.deadline = self.deadline.min(now + deadline);
        self.rearm(id, core);
        Ok(())
    }

    /// Marks the stream as one with something to send, and lends it a buffer. One that is marked has it already, until
    /// it is flushed.
    #[inline]
    pub(super) fn prepare_output(&mut self, id: StreamId, core: &mut Core<S>) {
        // None is made for a stream that may have nothing to send; one that has makes its own, which comes back here.
        if !self.flags.has(Flags::DIRTY)
            && self.conn.queued_bytes() == 0
            && let Some(buffer) = core.outputs.take_spare()
        {
            self.conn.lend_output(buffer);
        }
        self.mark_dirty(id, &mut core.dirty);
    }

    /// Gives back the buffer, if there is nothing in it.
    #[inline]
    pub(super) fn return_output(&mut self, core: &mut Core<S>) {
        if let Some(buffer) = self.conn.reclaim_output() {
            core.outputs.give(buffer);
        }
    }

    /// Writes what waits, until nothing does or the socket takes no more, and tells of water marks passed.
    pub(super) fn flush(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        if self.flags.has(Flags::UNWRITABLE) {
            self.copy_shared(core);
            return;
        }
        if matches!(self.phase, Phase::Resolving | Phase::Connecting) {
            return;
        }
        if !self.flags.has(Flags::DEAD) && self.conn.state() != State::Open {
            // A deadline may follow from what is sent now, and the last look at the clock may lie far back.
            core.refresh();
        }
        let result = if self.phase == Phase::Tunnelling {
            self.write_tunnel(core)
        } else if self.secure.is_some() {
            self.write_secure(core)
        } else {
            self.write_plain(core)
        };
        match result {
            Ok(()) => {
                self.flags.clear(Flags::BLOCKED);
                self.return_output(core);
                self.await_close_anew(core);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.flags.set(Flags::BLOCKED);
                self.copy_shared(core);
            }
            Err(_) => {
                self.copy_shared(core);
                self.handle_unwritable(id, core);
            }
        }
        self.tell_water(id, sink);
        self.rearm(id, core);
    }

    /// `Ok` when nothing waits any more.
    #[inline]
    fn write_plain(&mut self, core: &mut Core<S>) -> io::Result<()> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        if self.flags.has(Flags::DEAD) {
            return Ok(());
        }
        let now: Instant = core.now;
        loop {
            let is_scattered = self.conn.is_scattered();
            let bytes = self.conn.poll_transmit(now, &mut core.sys);
            let count = if bytes.is_empty() {
                return Ok(());
            } else if is_scattered {
                let mut slices = [io::IoSlice::new(&[]); SLICES];
                let mut len = 0;
                for (slot, bytes) in slices.iter_mut().zip(self.conn.transmit_slices()) {
                    *slot = io::IoSlice::new(bytes);
                    len += 1;
                }
                core.sys.write_vectored(socket, &slices[..len])?
            } else {
                core.sys.write(socket, bytes)?
            };
            core.counters.bytes_sent += count as u64;
            self.conn.transmitted(now, count);
        }
    }

    /// What was not written of the arena is kept; the arena is not, since the next poll reads into it.
    fn copy_shared(&mut self, core: &Core<S>) {
        if let Some(arena) = &core.arena {
            self.conn.copy_shared(arena);
        }
    }

    /// The peer takes nothing any more. What it sent before may still be there to be read, and then the read says
    /// what happened.
    fn handle_unwritable(&mut self, id: StreamId, core: &mut Core<S>) {
        self.flags.set(Flags::UNWRITABLE.or(Flags::HANGUP));
        self.flags.set(Flags::READABLE);
        self.mark_ready(id, core);
    }

    fn tell_water(&mut self, id: StreamId, sink: &mut Vec<Entry>) {
        if self.flags.has(Flags::ENDED) {
            return;
        }
        if self.flags.has(Flags::ABOVE) {
            let queued_bytes = self.conn.queued_bytes();
            let queue = &self.profile.options.queue;
            if queued_bytes <= queue.low_water_bytes {
                self.flags.clear(Flags::ABOVE);
                self.flags.clear(Flags::ABOVE_TOLD);
                sink.push(Entry {
                    stream: id,
                    kind: Kind::LowWater { queued_bytes },
                });
            } else if queued_bytes > queue.high_water_bytes && !self.flags.has(Flags::ABOVE_TOLD) {
                self.flags.set(Flags::ABOVE_TOLD);
                sink.push(Entry {
                    stream: id,
                    kind: Kind::HighWater { queued_bytes },
                });
            }
        }
    }
}
