//! The simulated network: connections, what is under way, the peers at the far ends, and the time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::breaking::{Breaks, Call};
use super::faults::Faults;
use super::rng::Rng;
use super::wire::{End, Happening, Listening, Owner, Stage};
use crate::engine::{Signal, SysEvent, Token};
use crate::proto::Instant;

/// How often a connect that meets a full backlog is tried again, a second apart, before it is refused.
const SYN_ATTEMPTS: u8 = 6;

/// A program at the far end of the wire. It acts when something happened to one of its connections, or at a time that
/// it asked for; whatever it does, it does through the [`Net`] that it is lent.
pub trait Peer {
    /// Goes on as far as possible; it is called again when there is more to do.
    fn step(&mut self, net: &mut Net);
}

/// One end of a simulated connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link(pub(super) usize);

impl Link {
    pub(super) const fn index(self) -> usize {
        self.0
    }

    pub(super) const fn other(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// What a peer sees of a connection, apart from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not answered yet.
    Connecting,
    /// Nobody listens there, or nobody accepts.
    Refused,
    /// Bytes may come and go.
    Open,
    /// The other side sends no more, and all that it sent was read.
    Ended,
    /// The connection was reset.
    Reset,
}

/// Is told every happening in words.
type Tracer = Box<dyn FnMut(&str)>;

/// The simulated network, with its clock.
pub struct Net {
    pub(super) rng: Rng,
    pub(super) faults: Faults,
    pub(super) now: Instant,
    pub(super) ends: Vec<End>,
    pub(super) listeners: BTreeMap<SocketAddr, Listening>,
    /// Ends whose readiness is to be reported to the engine.
    pub(super) edges: BTreeSet<Link>,
    /// Ends that the engine holds.
    pub(super) engine_ends: BTreeSet<Link>,
    /// What else is to be reported to the engine.
    pub(super) reports: Vec<SysEvent>,
    pub(super) stdin: VecDeque<u8>,
    pub(super) stdin_ended: bool,
    names: BTreeMap<String, Vec<SocketAddr>>,
    pub(super) happenings: BTreeMap<(Instant, u64), Happening>,
    sequence: u64,
    pub(super) peers: Vec<Option<Box<dyn Peer>>>,
    pub(super) runnable: BTreeSet<usize>,
    pub(super) acting: usize,
    pub(super) breaks: Breaks,
    trace: u64,
    tracer: Option<Tracer>,
}

/// What peers, and the tests that look on, may do.
impl Net {
    pub(super) fn new(rng: Rng, faults: Faults) -> Self {
        Self {
            rng,
            faults,
            // Not zero: a time-out that was never set must not look as one that is due.
            now: Instant::from_nanos(1_000_000_000),
            ends: Vec::new(),
            listeners: BTreeMap::new(),
            edges: BTreeSet::new(),
            engine_ends: BTreeSet::new(),
            reports: Vec::new(),
            stdin: VecDeque::new(),
            stdin_ended: false,
            names: BTreeMap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            peers: Vec::new(),
            runnable: BTreeSet::new(),
            acting: usize::MAX,
            breaks: Breaks::default(),
            trace: 0xcbf2_9ce4_8422_2325,
            tracer: None,
        }
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The choices of this run.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The faults of this run.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// A number that all that happened so far has gone into: two runs that give the same have been the same.
    #[must_use]
    pub const fn trace(&self) -> u64 {
        self.trace
    }

    /// Has every happening from now on told to `tracer` in words.
    pub fn set_tracer(&mut self, tracer: impl FnMut(&str) + 'static) {
        self.tracer = Some(Box::new(tracer));
    }

    /// How many sockets the engine holds.
    #[must_use]
    pub fn engine_sockets(&self) -> usize {
        self.engine_ends.len()
    }

    /// Lets `peer` act for the first time at `start`.
    pub fn add_peer(&mut self, peer: impl Peer + 'static, start: Instant) {
        self.peers.push(Some(Box::new(peer)));
        self.at(
            start,
            Happening::Wake {
                peer: self.peers.len() - 1,
            },
        );
    }

    /// Has name look-ups of `host` answered with `addrs` (whose ports are replaced); other names don't exist.
    pub fn add_name(&mut self, host: &str, addrs: &[SocketAddr]) {
        self.names.insert(host.to_owned(), addrs.to_vec());
    }

    /// Sends the process a signal at `time`.
    pub fn signal_at(&mut self, time: Instant, signal: Signal) {
        let happening = match signal {
            Signal::Interrupt => Happening::Interrupt,
            Signal::Terminate => Happening::Terminate,
        };
        self.at(time, happening);
    }

    /// Has the process asked to read its configuration again at `time`.
    pub fn reload_at(&mut self, time: Instant) {
        self.at(time, Happening::Reload);
    }

    /// Gives `bytes` to standard input at `time`; `None` is its end.
    pub fn stdin_at(&mut self, time: Instant, bytes: Option<&[u8]>) {
        self.at(
            time,
            Happening::Stdin {
                bytes: bytes.map(<[u8]>::to_vec),
            },
        );
    }

    /// Lets the acting peer act again at `time`.
    pub fn wake_at(&mut self, time: Instant) {
        self.at(time, Happening::Wake { peer: self.acting });
    }

    /// Begins to connect to `addr`.
    pub fn dial(&mut self, addr: SocketAddr) -> Link {
        self.begin_connect(Owner::Peer(self.acting), addr)
    }

    /// Has the acting peer listen on `addr`; connects to it are then to be [`accept`](Self::accept)ed.
    pub fn listen(&mut self, addr: SocketAddr) {
        let owner = Owner::Peer(self.acting);
        self.listeners.insert(addr, Listening::new(owner, 128));
    }

    /// Takes a connection that came to `addr`.
    pub fn accept(&mut self, addr: SocketAddr) -> Option<Link> {
        let link = self.listeners.get_mut(&addr)?.backlog.pop_front()?;
        self.end(link).owner = Owner::Peer(self.acting);
        Some(link)
    }

    /// The address of this end of a connection.
    #[must_use]
    pub fn local_addr(&self, link: Link) -> SocketAddr {
        self.ends[link.0].addr
    }

    /// How `link` stands.
    #[must_use]
    pub fn status(&self, link: Link) -> Status {
        let end = &self.ends[link.0];
        match end.stage {
            Stage::Connecting => Status::Connecting,
            Stage::Refused => Status::Refused,
            Stage::Connected if !end.inbox.is_empty() => Status::Open,
            Stage::Connected if end.reset => Status::Reset,
            Stage::Connected if end.ended => Status::Ended,
            Stage::Connected => Status::Open,
        }
    }

    /// Takes up to `most` bytes that have arrived.
    pub fn read(&mut self, link: Link, most: usize) -> Vec<u8> {
        let end = self.end(link);
        let mut bytes = vec![0; end.inbox.len().min(most)];
        end.take(&mut bytes);
        self.note("peer reads", link, bytes.len() as u64);
        self.tell_room(link.other());
        bytes
    }

    /// Sends as many of `bytes` as there is room for, and tells how many.
    pub fn write(&mut self, link: Link, bytes: &[u8]) -> usize {
        let end = &self.ends[link.0];
        if end.stage != Stage::Connected || end.shut || end.reset {
            return 0;
        }
        let count = bytes.len().min(self.ends[link.other().0].room());
        self.note("peer writes", link, count as u64);
        self.send(link, &bytes[..count]);
        count
    }

    /// Sends no more (FIN), but still receives.
    pub fn shutdown(&mut self, link: Link) {
        self.note("peer shuts", link, 0);
        self.send_fin(link);
    }

    /// Ends the connection: in good order, or by a reset if unread bytes wait, as a system does.
    pub fn close(&mut self, link: Link) {
        self.note("peer closes", link, 0);
        self.release(link);
    }

    /// Ends the connection by a reset; of what was sent, the other side may see a part.
    pub fn reset(&mut self, link: Link) {
        self.note("peer resets", link, 0);
        self.end(link).reset_on_close = true;
        self.release(link);
    }
}

/// What `SimSys` uses as well.
impl Net {
    pub(super) fn end(&mut self, link: Link) -> &mut End {
        &mut self.ends[link.0]
    }

    pub(super) fn other_end(&mut self, link: Link) -> &mut End {
        &mut self.ends[link.other().0]
    }

    /// Makes `link` the engine's.
    pub(super) fn take_over(&mut self, link: Link, token: Token) {
        self.engine_ends.insert(link);
        let end = self.end(link);
        end.owner = Owner::Engine(token);
        if end.is_readable() {
            self.tell_arrival(link, self.ends[link.0].ended || self.ends[link.0].reset);
        }
    }

    /// Folds something that happened into the trace.
    pub(super) fn note(&mut self, what: &str, link: Link, number: u64) {
        self.fold(what.as_bytes());
        self.fold(&self.now.as_nanos().to_le_bytes());
        self.fold(&(link.0 as u64).to_le_bytes());
        self.fold(&number.to_le_bytes());
        let now = Duration::from_nanos(self.now.as_nanos());
        if let Some(tracer) = &mut self.tracer {
            tracer(&format!("{now:?} link {}: {what} {number}", link.0));
        }
    }

    /// FNV-1a, in words of eight bytes.
    fn fold(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.trace = (self.trace ^ u64::from_le_bytes(word))
                .wrapping_mul(0x0100_0000_01b3)
                .rotate_left(5);
        }
    }

    pub(super) fn at(&mut self, time: Instant, happening: Happening) {
        self.sequence += 1;
        self.happenings.insert((time.max(self.now), self.sequence), happening);
    }

    /// When something happens next.
    pub(super) fn next_time(&self) -> Option<Instant> {
        self.happenings.first_key_value().map(|(key, _)| key.0)
    }

    pub(super) fn latency(&mut self) -> Duration {
        let most = if self.rng.chance(self.faults.delay) {
            Duration::from_secs(1)
        } else {
            self.faults.latency_max
        };
        Duration::from_nanos(self.rng.below(most.as_nanos() as u64 + 1))
    }

    pub(super) fn begin_connect(&mut self, owner: Owner, addr: SocketAddr) -> Link {
        let link = Link(self.ends.len());
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 49_152 + (self.ends.len() / 2 % 16_000) as u16));
        let (least, most) = self.faults.capacity_bytes;
        for (owner, addr) in [(owner, local), (Owner::Backlog, addr)] {
            let capacity = self.rng.size(least, most);
            let mut end = End::new(owner, addr, capacity);
            if self.rng.chance(self.faults.cut) {
                end.fuse = Some(self.rng.size(0, 100_000));
            }
            self.ends.push(end);
        }
        let late = self.rng.chance(self.faults.late_connect);
        let wait = if late {
            Duration::from_millis(self.rng.below(8000))
        } else {
            self.latency()
        };
        self.at(
            self.now + wait,
            Happening::Syn {
                from: link,
                addr,
                attempts: SYN_ATTEMPTS,
            },
        );
        link
    }

    /// Sends bytes on their way, in one piece or several.
    pub(super) fn send(&mut self, from: Link, bytes: &[u8]) {
        let (through, cut) = self.burn(from, bytes.len());
        let mut rest = &bytes[..through];
        self.fold(rest);
        while !rest.is_empty() {
            let count = if self.rng.chance(self.faults.split) {
                self.rng.size(1, rest.len())
            } else {
                rest.len()
            };
            let (piece, after) = rest.split_at(count);
            let time = self.arrival(from.other());
            self.other_end(from).in_flight += piece.len();
            self.at(
                time,
                Happening::Bytes {
                    to: from.other(),
                    bytes: piece.to_vec(),
                },
            );
            rest = after;
        }
        if cut {
            self.cut(from);
        }
    }

    pub(super) fn send_fin(&mut self, from: Link) {
        if !std::mem::replace(&mut self.end(from).shut, true) {
            let time = self.arrival(from.other());
            self.at(time, Happening::Fin { to: from.other() });
        }
    }

    /// When something that is sent now arrives at `to`: not before what was sent earlier.
    pub(super) fn arrival(&mut self, to: Link) -> Instant {
        let time = (self.now + self.latency()).max(self.end(to).last_arrival);
        self.end(to).last_arrival = time;
        time
    }

    /// Gives an end up.
    pub(super) fn release(&mut self, link: Link) {
        self.edges.remove(&link);
        self.engine_ends.remove(&link);
        let end = self.end(link);
        let abrupt = end.reset_on_close || !end.inbox.is_empty();
        end.owner = Owner::Nobody;
        end.inbox = VecDeque::new();
        if end.stage != Stage::Connected || end.reset {
            return;
        }
        if abrupt {
            self.send_reset(link);
        } else {
            self.send_fin(link);
        }
    }

    /// A reset overtakes: what arrives after it is lost.
    pub(super) fn send_reset(&mut self, from: Link) {
        let time = self.now + self.latency();
        self.end(from).reset = true;
        self.at(time, Happening::Reset { to: from.other() });
    }

    pub(super) fn begin_resolve(&mut self, token: Token, host: &str, port: u16) {
        let fails = self.fails(Call::Resolve) || self.rng.chance(self.faults.resolve_fails);
        let addrs = self
            .names
            .get(host)
            .filter(|_| !fails)
            .map(|addrs| addrs.iter().map(|addr| SocketAddr::new(addr.ip(), port)).collect());
        let time = self.now + self.latency();
        self.at(time, Happening::Resolved { token, addrs });
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("now", &self.now)
            .field("ends", &self.ends.len())
            .finish_non_exhaustive()
    }
}
