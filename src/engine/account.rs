//! What became of the messages of a stream, to the last one.
//!
//! Only streams whose options ask for it have an account, in a place of its own: a stream that has none is no larger for
//! it. What was sent is never counted, since it is what was accepted less what waits and what was dropped.

use std::ops::{AddAssign, Sub};
use std::vec::Vec;

use super::core::Core;
use super::engine::Engine;
use super::error::Misuse;
use super::id::StreamId;
use super::seam::Sys;
use super::stream::{Flags, Stream};

/// Messages, and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages; one in chunks counts from its first on.
    pub messages: u64,
    /// Bytes: of frames as they go over the wire, headers included and compressed where that was agreed on; of messages
    /// that were never made frames, since the queue had no room, of their payloads.
    pub bytes: u64,
}

/// What became of the messages that a stream was given: see [`Engine::account`].
///
/// `accepted` is always the sum of `sent`, `queued`, and all of `dropped`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Taken: `send` answered `Queued`, `AboveHighWater`, `Dropped` or `Closing`.
    pub accepted: Tally,
    /// Given to the system, or to the TLS session, to the last byte. That the peer has received them nobody knows.
    pub sent: Tally,
    /// Not, or not wholly, given to the system yet.
    pub queued: Tally,
    /// Not taken, since the queue had no room: [`Sent::Refused`](super::Sent::Refused).
    pub refused: Tally,
    /// Taken, and never to be sent.
    pub dropped: Dropped,
}

/// What was dropped, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The queue had no room: [`Sent::Dropped`](super::Sent::Dropped).
    pub newest: Tally,
    /// The queue of a reader that was too slow, and the message for which it had no room:
    /// [`Sent::Closing`](super::Sent::Closing).
    pub slow_reader: Tally,
    /// The host closed: by [`close_now`](Engine::close_now) what waited, by any close the message that was being sent in
    /// chunks.
    pub closed: Tally,
    /// The connection ended before all was sent: it was lost, or cut.
    pub lost: Tally,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = self.newest;
        total += self.slow_reader;
        total += self.closed;
        total += self.lost;
        total
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(less.messages),
            bytes: self.bytes.saturating_sub(less.bytes),
        }
    }
}

/// Why messages are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Newest,
    SlowReader,
    Closed,
    Lost,
}

/// The accounts of the streams that have one, by their places among the streams.
#[derive(Debug, Default)]
pub(super) struct Books(Vec<Book>);

#[derive(Debug, Clone, Copy, Default)]
struct Book {
    /// Whose it is; a later stream in the same place begins a new one.
    owner: Option<StreamId>,
    /// What is derived is left at zero.
    account: Account,
}

impl Books {
    fn of(&mut self, id: StreamId) -> &mut Account {
        let index = id.key().index as usize;
        if index >= self.0.len() {
            self.0.resize_with(index + 1, Book::default);
        }
        let book = &mut self.0[index];
        if book.owner != Some(id) {
            *book = Book {
                owner: Some(id),
                account: Account::default(),
            };
        }
        &mut book.account
    }

    fn read(&self, id: StreamId) -> Account {
        self.0
            .get(id.key().index as usize)
            .filter(|book| book.owner == Some(id))
            .map_or(Account::default(), |book| book.account)
    }
}

impl<S: Sys> Engine<S> {
    /// What became of the messages that a stream was given, if its options ask for that
    /// ([`ListenOptions::account`](super::ListenOptions::account)). With the stream's last event it is complete, as long as
    /// its id is good, that is until the next poll: after [`Event::Failed`](super::Event::Failed) for a broken connection
    /// nothing is queued any more. After [`Event::Closed`](super::Event::Closed), what is queued will be sent, if the peer
    /// takes it within [`Config::linger_timeout`](super::Config::linger_timeout), but for a message in chunks that has no end;
    /// [`Counters::messages_lost`](super::Counters::messages_lost) tells of what was not.
    ///
    /// It walks over the frames that wait.
    ///
    /// # Errors
    /// The stream is gone, or has no account.
    pub fn account(&self, stream: StreamId) -> Result<Account, Misuse> {
        let state = self.see(stream)?;
        if !state.profile.options.account {
            return Err(Misuse::NoAccount);
        }
        let mut account = self.core.books.read(stream);
        account.queued = state.queued_messages();
        account.sent = account.accepted - account.queued - account.dropped.total();
        Ok(account)
    }
}

impl<S: Sys> Stream<S> {
    fn queued_messages(&self) -> Tally {
        let (messages, bytes) = self.conn.queued_messages();
        Tally {
            messages: messages as u64,
            bytes: bytes as u64,
        }
    }

    /// A message or chunk was queued, before which `before` bytes were.
    #[inline]
    pub(super) fn note_accepted(&self, id: StreamId, core: &mut Core<S>, messages: u64, before: usize) {
        if self.profile.options.is_noted {
            self.note(id, core, messages, before);
        }
    }

    #[inline(never)]
    fn note(&self, id: StreamId, core: &mut Core<S>, messages: u64, before: usize) {
        self.note_use(id, core);
        if self.profile.options.account {
            core.books.of(id).accepted += Tally {
                messages,
                bytes: (self.conn.queued_bytes() - before) as u64,
            };
        }
    }

    /// A message, or a chunk, was not taken.
    pub(super) fn note_refused(&self, id: StreamId, core: &mut Core<S>, payload_bytes: usize) {
        core.counters.messages_refused += 1;
        if self.profile.options.account {
            core.books.of(id).refused += Tally {
                messages: 1,
                bytes: payload_bytes as u64,
            };
        }
    }

    /// A message was taken, and dropped at once.
    pub(super) fn note_unqueued(&self, id: StreamId, core: &mut Core<S>, cause: Cause, payload_bytes: usize) {
        let tally = Tally {
            messages: 1,
            bytes: payload_bytes as u64,
        };
        if self.profile.options.account {
            core.books.of(id).accepted += tally;
        }
        self.note_dropped(id, core, cause, tally);
    }

    /// Runs `work`, and counts what is missing of the queue after it.
    pub(super) fn dropping<T>(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        cause: Cause,
        work: impl FnOnce(&mut Self, &mut Core<S>) -> T,
    ) -> T {
        let before = self.queued_messages();
        let result = work(self, core);
        let dropped = before - self.queued_messages();
        self.note_dropped(id, core, cause, dropped);
        result
    }

    /// Whatever waits will never be sent.
    pub(super) fn lose_queue(&mut self, id: StreamId, core: &mut Core<S>) {
        if self.conn.queued_bytes() > 0 || self.conn.is_sending_chunks() {
            self.dropping(id, core, Cause::Lost, |stream, _| stream.conn.abandon_queued());
        }
    }

    /// At the last event: whether there is hope for what waits.
    pub(super) fn lose_queue_if_broken(&mut self, id: StreamId, core: &mut Core<S>) {
        if self.flags.has(Flags::DEAD.or(Flags::UNWRITABLE)) {
            self.lose_queue(id, core);
        }
    }

    fn note_dropped(&self, id: StreamId, core: &mut Core<S>, cause: Cause, tally: Tally) {
        if tally == Tally::default() {
            return;
        }
        match cause {
            Cause::Newest | Cause::SlowReader | Cause::Closed => core.counters.messages_dropped += tally.messages,
            Cause::Lost => core.counters.messages_lost += tally.messages,
        }
        if self.profile.options.account {
            let dropped = &mut core.books.of(id).dropped;
            match cause {
                Cause::Newest => dropped.newest += tally,
                Cause::SlowReader => dropped.slow_reader += tally,
                Cause::Closed => dropped.closed += tally,
                Cause::Lost => dropped.lost += tally,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_as_small_as_the_options_say() {
        assert_eq!(size_of::<Book>(), 144);
    }
}
