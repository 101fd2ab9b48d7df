//! One end of a simulated connection, and what travels to it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use super::net::Link;
use crate::engine::Token;
use crate::proto::Instant;

/// Who holds an end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The engine, by the token that it registered.
    Engine(Token),
    /// A peer, by its number.
    Peer(usize),
    /// A listener's backlog, or a connect under way: the end is not held yet.
    Backlog,
    /// Nobody any more: it was closed.
    Nobody,
}

impl Owner {
    /// The engine's token.
    pub(super) const fn token(self) -> Option<Token> {
        match self {
            Self::Engine(token) => Some(token),
            Self::Peer(_) | Self::Backlog | Self::Nobody => None,
        }
    }
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Connected,
    Refused,
}

/// Readiness that was not reported yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) closed: bool,
}

impl Edge {
    pub(super) const fn is_some(self) -> bool {
        self.readable || self.writable || self.closed
    }
}

/// One end of a connection. Bytes on the way to it count against its capacity, as those that wait in it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) owner: Owner,
    pub(super) addr: SocketAddr,
    pub(super) stage: Stage,
    /// Bytes that arrived and wait to be read.
    pub(super) inbox: VecDeque<u8>,
    /// Bytes on their way here.
    pub(super) in_flight: usize,
    pub(super) capacity: usize,
    /// When the last piece sent so far arrives: none overtakes another.
    pub(super) last_arrival: Instant,
    /// The other side's FIN has arrived.
    pub(super) ended: bool,
    /// A reset has arrived.
    pub(super) reset: bool,
    /// The reset was told by an error once.
    pub(super) reset_told: bool,
    /// This side has sent its FIN.
    pub(super) shut: bool,
    pub(super) reset_on_close: bool,
    /// The engine has seen that there is nothing to read: what comes next is an edge.
    pub(super) drained: bool,
    /// The engine has seen that there is no room to write: the next room is an edge.
    pub(super) blocked: bool,
    pub(super) edge: Edge,
    /// After so many more bytes from here the connection is cut.
    pub(super) fuse: Option<usize>,
    /// It was cut.
    pub(super) severed: bool,
}

impl End {
    pub(super) fn new(owner: Owner, addr: SocketAddr, capacity: usize) -> Self {
        Self {
            owner,
            addr,
            stage: Stage::Connecting,
            inbox: VecDeque::new(),
            in_flight: 0,
            capacity,
            last_arrival: Instant::ZERO,
            ended: false,
            reset: false,
            reset_told: false,
            shut: false,
            reset_on_close: false,
            drained: true,
            blocked: false,
            edge: Edge::default(),
            fuse: None,
            severed: false,
        }
    }

    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.inbox.len() + self.in_flight)
    }

    /// True if a read would not block.
    pub(super) fn is_readable(&self) -> bool {
        !self.inbox.is_empty() || self.ended || self.reset
    }

    /// Fills all of `bytes` with waiting ones, of which there are as many.
    pub(super) fn take(&mut self, bytes: &mut [u8]) {
        let (first, second) = self.inbox.as_slices();
        let from_first = first.len().min(bytes.len());
        let from_second = bytes.len() - from_first;
        bytes[..from_first].copy_from_slice(&first[..from_first]);
        bytes[from_first..].copy_from_slice(&second[..from_second]);
        self.inbox.drain(..bytes.len());
    }

    /// The error that a reset gives the first time that it is met; afterwards the stream has just ended.
    pub(super) fn tell_reset(&mut self) -> Option<io::Error> {
        let told = std::mem::replace(&mut self.reset_told, true);
        (!told).then(|| io::ErrorKind::ConnectionReset.into())
    }
}

/// A listener: the engine's, by its token, or a peer's, by its number.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) owner: Owner,
    pub(super) backlog: VecDeque<Link>,
    pub(super) backlog_max: usize,
    /// The engine has seen that the backlog is empty: what comes next is an edge.
    pub(super) drained: bool,
    pub(super) edge: bool,
}

impl Listening {
    pub(super) const fn new(owner: Owner, backlog_max: usize) -> Self {
        Self {
            owner,
            backlog: VecDeque::new(),
            backlog_max,
            drained: true,
            edge: false,
        }
    }
}

/// Something that happens at a certain time.
#[derive(Debug)]
pub(super) enum Happening {
    Bytes {
        to: Link,
        bytes: Vec<u8>,
    },
    Fin {
        to: Link,
    },
    Reset {
        to: Link,
    },
    /// A connect reaches the address it was for; `attempts` are left if the backlog is full.
    Syn {
        from: Link,
        addr: SocketAddr,
        attempts: u8,
    },
    Established {
        at: Link,
    },
    Refused {
        at: Link,
    },
    Wake {
        peer: usize,
    },
    Resolved {
        token: Token,
        addrs: Option<Vec<SocketAddr>>,
    },
    Interrupt,
    Reload,
    Terminate,
    /// Input for the standard input; `None` is its end.
    Stdin {
        bytes: Option<Vec<u8>>,
    },
}
