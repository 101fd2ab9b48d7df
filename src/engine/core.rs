//! What all streams of an engine share: the system, the time, timers, and the lists of who wants what next.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::vec::Vec;

use super::account::Books;
use super::counters::Counters;
use super::events::Entry;
use super::id::{ListenerId, StreamId};
use super::keep_alive::{Probe, Tick, Uses};
use super::options::Config;
use super::pool::Pool;
use super::seam::Sys;
use super::timers::Timers;
use crate::proto::{Instant, OutputBuffer, SharedMemory};

/// Lent to every method of a stream.
pub(super) struct Core<S> {
    pub(super) sys: S,
    pub(super) config: Config,
    /// The time at the last look at the clock: once a turn, and at calls of the host that set a deadline.
    pub(super) now: Instant,
    pub(super) timers: Timers,
    /// `now` in ticks, for what is noted again and again (see `keep_alive`).
    pub(super) tick: Tick,
    /// Pings of ours that wait for their pongs, and streams that are closed for having been idle.
    pub(super) probes: BTreeMap<StreamId, Probe>,
    /// When the streams that have an idle time-out were used last.
    pub(super) uses: Uses,
    /// The accounts of streams that have one.
    pub(super) books: Books,
    /// Connections by address, of the listeners that bound them.
    pub(super) addresses: BTreeMap<(ListenerId, IpAddr), u32>,
    /// While the engine drains: until when.
    pub(super) draining: Option<Instant>,
    /// Buffers to gather messages in, and for TLS records.
    pub(super) pool: Pool<Vec<u8>>,
    /// Buffers for what is to be sent.
    pub(super) outputs: Pool<OutputBuffer>,
    /// The arena of the events that the host looks at: what it sends from there need not be copied.
    pub(super) arena: Option<SharedMemory>,
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
            books: Books::default(),
            addresses: BTreeMap::new(),
            draining: None,
            timers: Timers::new(),
            pool: Pool::new(),
            outputs: Pool::new(),
            arena: None,
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
