//! What all streams of an engine share: the system, the time, timers, and the lists of who wants what next.

use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use super::events::Entry;
use super::id::StreamId;
use super::keep_alive::{Probe, Tick, Uses};
use super::options::Config;
use super::pool::Pool;
use super::seam::Sys;
use super::timers::Timers;
use crate::proto::Instant;

/// Lent to every method of a stream.
pub(super) struct Core<S> {
    pub(super) sys: S,
    pub(super) config: Config,
    /// The time at the last look at the clock: once a turn, and at calls of the host that set a deadline.
    pub(super) now: Instant,
    pub(super) timers: Timers,
    pub(super) pool: Pool,
    /// `now` in ticks, for what is noted again and again (see `keep_alive`).
    pub(super) tick: Tick,
    /// Pings of ours that wait for their pongs, and streams that are closed for having been idle.
    pub(super) probes: BTreeMap<StreamId, Probe>,
    /// When the streams that have an idle time-out were used last.
    pub(super) uses: Uses,
    /// Streams whose sockets may hold bytes that are not read, in the order in which they will be.
    pub(super) ready: VecDeque<StreamId>,
    /// Streams that may have something to send, each once (`Flags::DIRTY`).
    pub(super) dirty: Vec<StreamId>,
    /// Streams whose last event the host has, or will have with the present poll.
    pub(super) ended: Vec<StreamId>,
    /// What a host had read of the sockets that it had adopted, until it is read from here.
    pub(super) adopted: BTreeMap<StreamId, Vec<u8>>,
    /// Events that came up outside a poll; they go into the next one.
    pub(super) pending: Vec<Entry>,
    /// TLS records on their way from a socket into a session; allocated with the first TLS stream.
    #[cfg(feature = "tls")]
    pub(super) ciphertext: Vec<u8>,
    pub(super) counters: Counters,
}

/// What an engine has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections dialled.
    pub dialled: u64,
    /// Connections adopted.
    pub adopted: u64,
    /// Connections that ended, of all kinds.
    pub ended: u64,
    /// Messages that the host sent and that were queued.
    pub messages_sent: u64,
    /// Messages that were received, those in chunks when their last came.
    pub messages_received: u64,
    /// Messages that were dropped because a stream's queue was full (`SlowReader::DropNewest`), or with the queue of a
    /// stream that was closed at once (`SlowReader::Close`, `close_now`).
    pub messages_dropped: u64,
}

impl<S: Sys> Core<S> {
    pub(super) fn new(mut sys: S, config: Config) -> Self {
        let now = sys.now();
        Self {
            sys,
            config,
            now,
            tick: Tick::of(now),
            probes: BTreeMap::new(),
            uses: Uses::default(),
            timers: Timers::new(),
            pool: Pool::new(),
            ready: VecDeque::new(),
            dirty: Vec::new(),
            ended: Vec::new(),
            adopted: BTreeMap::new(),
            pending: Vec::new(),
            #[cfg(feature = "tls")]
            ciphertext: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Looks at the clock.
    pub(super) fn refresh(&mut self) -> Instant {
        self.now = self.sys.now();
        self.tick = Tick::of(self.now);
        self.now
    }
}
