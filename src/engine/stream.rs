//! One connection of an engine: its socket, its protocol state, and what the loop remembers about both.

use std::boxed::Box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::vec::Vec;

use super::core::Core;
use super::dial::Dial;
use super::error::Failure;
use super::events::{Entry, Kind};
use super::id::{ListenerId, StreamId};
use super::keep_alive::Tick;
use super::options::StreamOptions;
use super::peer::Peer;
use super::seam::Sys;
use super::secure::Secure;
use super::telling::tell_end;
use super::timers::Armed;
use crate::proto::{Connection, Instant, Side, State};

/// What the streams of a listener share; a dialled stream has one of its own.
pub(super) struct Profile {
    pub(super) options: StreamOptions,
    /// The listener that its streams were accepted by.
    pub(super) listener: Option<ListenerId>,
    /// Where its stream was dialled.
    pub(super) url: Option<Box<str>>,
    /// Handshakes of the listener that are under way.
    pub(super) handshakes: AtomicU32,
    /// Connections of the listener.
    pub(super) connections: AtomicU32,
}

/// One connection. Ten thousand idle ones should cost little: what only some streams need is boxed, and buffers are
/// borrowed.
pub(super) struct Stream<S: Sys> {
    pub(super) conn: Connection,
    pub(super) profile: Arc<Profile>,
    /// A number of the host's.
    pub(super) data: u64,
    pub(super) peer: Peer,
    pub(super) socket: Option<S::Socket>,
    pub(super) secure: Option<Box<Secure>>,
    /// While a name is looked up or addresses are tried.
    pub(super) dial: Option<Box<Dial<S::Socket>>>,
    pub(super) armed: Armed,
    /// The engine's own deadline for what the phase is waiting for; the protocol has others. [`NEVER`] if none.
    pub(super) deadline: Instant,
    pub(super) flags: Flags,
    pub(super) phase: Phase,
    /// When something of the peer's was read last.
    pub(super) heard: Tick,
    /// Which of the attempts to connect brought the socket: its token says so. 0 for an accepted one.
    pub(super) attempt: u8,
}

/// No deadline.
pub(super) const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// Where a stream is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The host's name is being looked up.
    Resolving,
    /// An address is being connected to.
    Connecting,
    /// A proxy is asked for a tunnel to the server.
    Tunnelling,
    /// The TLS handshake.
    #[cfg(feature = "tls")]
    Securing,
    /// In the protocol's hands: opening, open, closing.
    Live,
    /// The last event is out; what is left is sent, then the socket closed in good order.
    Ending,
}

/// A set of facts about a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u16);

impl Flags {
    pub(super) const NONE: Self = Self(0);
    /// The socket may hold bytes that are not read.
    pub(super) const READABLE: Self = Self(1);
    /// It stands in `Core::ready`.
    pub(super) const QUEUED: Self = Self(1 << 1);
    /// The host wants nothing read.
    pub(super) const PAUSED: Self = Self(1 << 2);
    /// It stands in `Core::dirty`.
    pub(super) const DIRTY: Self = Self(1 << 3);
    /// The socket takes no more; an event will tell when it does.
    pub(super) const BLOCKED: Self = Self(1 << 4);
    /// The host was told that the queue is above the high-water mark, by `send` or by an event.
    pub(super) const ABOVE: Self = Self(1 << 5);
    /// It was told by an event.
    pub(super) const ABOVE_TOLD: Self = Self(1 << 6);
    /// The peer has closed its side: read until the end, whatever a short read says.
    pub(super) const HANGUP: Self = Self(1 << 7);
    /// The end of the peer's bytes was read.
    pub(super) const EOF: Self = Self(1 << 8);
    /// The socket is broken for writing.
    pub(super) const UNWRITABLE: Self = Self(1 << 9);
    /// The last event is queued, or was handed out.
    pub(super) const ENDED: Self = Self(1 << 10);
    /// The host has had the last event: its id is stale.
    pub(super) const GONE: Self = Self(1 << 11);
    /// The protocol state is of no use any more: the failure was the engine's.
    pub(super) const DEAD: Self = Self(1 << 12);
    /// Our side of the connection was shut down.
    pub(super) const SHUT: Self = Self(1 << 13);
    /// Close at once, without waiting for the peer's end.
    pub(super) const CUT: Self = Self(1 << 14);
    /// It counts as a handshake of its listener.
    pub(super) const HANDSHAKE: Self = Self(1 << 15);

    #[inline]
    pub(super) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    #[inline]
    pub(super) const fn set(&mut self, flag: Self) {
        self.0 |= flag.0;
    }

    #[inline]
    pub(super) const fn clear(&mut self, flag: Self) {
        self.0 &= !flag.0;
    }

    #[inline]
    pub(super) const fn or(self, flag: Self) -> Self {
        Self(self.0 | flag.0)
    }
}

impl<S: Sys> Stream<S> {
    /// A stream in `phase` without a socket.
    pub(super) fn new(conn: Connection, profile: Arc<Profile>, phase: Phase) -> Self {
        Self {
            conn,
            profile,
            data: 0,
            peer: Peer::UNKNOWN,
            socket: None,
            secure: None,
            dial: None,
            armed: Armed::NONE,
            deadline: NEVER,
            flags: Flags::NONE,
            phase,
            heard: Tick::ZERO,
            attempt: 0,
        }
    }

    /// Puts the stream into the list of those with something to send.
    #[inline]
    pub(super) fn mark_dirty(&mut self, id: StreamId, dirty: &mut Vec<StreamId>) {
        if !self.flags.has(Flags::DIRTY) {
            self.flags.set(Flags::DIRTY);
            dirty.push(id);
        }
    }

    /// Puts the stream into the list of those to read from, if there is something to read and nothing against it.
    #[inline]
    pub(super) fn mark_ready(&mut self, id: StreamId, core: &mut Core<S>) {
        if self.flags.has(Flags::READABLE) && !self.flags.has(Flags::QUEUED) && self.may_read() {
            self.flags.set(Flags::QUEUED);
            core.ready.push_back(id);
        }
    }

    /// Whether bytes that the socket holds are wanted now. A pause does not hold back the news that the connection is
    /// broken, nor the wait for the peer's end of a connection that has ended.
    #[inline]
    pub(super) fn may_read(&self) -> bool {
        if self.flags.has(Flags::EOF) {
            return false;
        }
        match self.phase {
            Phase::Resolving | Phase::Connecting => false,
            Phase::Tunnelling => true,
            #[cfg(feature = "tls")]
            Phase::Securing => true,
            Phase::Ending => true,
            // Once the last event is out, nothing is read until the stream is settled at the next poll.
            Phase::Live if self.flags.has(Flags::ENDED) => false,
            Phase::Live => {
                self.flags.has(Flags::UNWRITABLE) || (!self.flags.has(Flags::PAUSED) && self.conn.wants_read())
            }
        }
    }

    /// Arms the timer for whatever is due first.
    #[inline]
    pub(super) fn rearm(&mut self, id: StreamId, core: &mut Core<S>) {
        let mut due = self.deadline;
        if self.phase == Phase::Live
            && !self.flags.has(Flags::ENDED)
            && let Some(protocol) = self.conn.poll_timeout()
        {
            due = due.min(protocol);
        }
        if due == NEVER {
            if self.armed != Armed::NONE {
                self.unarm(core);
            }
        } else {
            core.timers.arm(&mut self.armed, id.token(), Some(due));
        }
    }

    /// Nothing is due, unless the stream is watched: then its entry stays until it comes up.
    #[cold]
    fn unarm(&mut self, core: &mut Core<S>) {
        if !self.is_watched() {
            core.timers.release(&mut self.armed);
        }
    }

    /// Ends the stream for a reason that the protocol does not know; nothing that it may still say is heard.
    pub(super) fn fail(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>, failure: Failure) {
        self.flags.set(Flags::DEAD);
        self.end(id, core, sink, Kind::Failed(Box::new(failure)));
    }

    /// Hands out the last event, unless it has been.
    pub(super) fn end(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>, last: Kind) {
        if self.flags.has(Flags::ENDED) {
            return;
        }
        self.count_end(core, &last);
        tell_end(id, &last);
        self.flags.set(Flags::ENDED);
        // What was due is moot; settling the stream has a deadline of its own.
        self.deadline = NEVER;
        self.leave_handshake();
        self.lose_queue_if_broken(id, core);
        sink.push(Entry { stream: id, kind: last });
        core.ended.push(id);
        core.adopted.remove(&id);
        core.probes.remove(&id);
    }

    /// Reads again, whatever the host wanted before: the peer's Close is awaited.
    pub(super) fn unpause(&mut self, id: StreamId, core: &mut Core<S>) {
        self.flags.clear(Flags::PAUSED);
        self.mark_ready(id, core);
    }

    /// Whether the opening handshake, or what comes before it, is under way.
    pub(super) fn is_opening(&self) -> bool {
        let is_handshaking = self.flags.has(Flags::HANDSHAKE) || self.dial.is_some();
        self.phase != Phase::Ending
            && (self.phase != Phase::Live || is_handshaking || self.conn.state() == State::Opening)
    }

    /// The handshake is over, in whatever way: the listener may take another.
    pub(super) fn leave_handshake(&mut self) {
        if self.flags.has(Flags::HANDSHAKE) {
            self.flags.clear(Flags::HANDSHAKE);
            self.profile.handshakes.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether messages can be sent.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Live && !self.flags.has(Flags::ENDED) && self.conn.state() == State::Open
    }

    /// Whether we are the server.
    pub(super) fn is_server(&self) -> bool {
        self.conn.side() == Side::Server
    }
}

#[cfg(all(test, feature = "sys"))]
mod tests {
    use super::*;

    #[test]
    fn an_idle_stream_is_small() {
        let bytes = std::mem::size_of::<Stream<crate::sys::MioSys>>();
        // In debug builds mio keeps eight bytes more with each socket.
        assert!(bytes <= 216 + if cfg!(debug_assertions) { 16 } else { 0 }, "{bytes}");
    }
}
