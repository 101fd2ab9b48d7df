//! What flows between connectors and pipelines.

use std::sync::Arc;
use std::vec::Vec;

use super::ticket::Ticket;
use super::value::Value;

/// Names a connector instance of the running service; given by the router, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectorId(pub u32);

/// A stream that an event came from, or that contributed to it: a connection of a server, a file, a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The connector that read it.
    pub connector: ConnectorId,
    /// The stream within it; for connections the engine's stream id, unique for the life of the process.
    pub stream: u64,
}

/// The set of streams that contributed to an event, in the order in which they first did. One is by far the most
/// common number, and takes no allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// Made by the service itself.
    #[default]
    None,
    /// Came from one stream.
    One(Origin),
    /// Several streams contributed; at least two, none twice.
    Many(Arc<Vec<Origin>>),
}

impl Origins {
    /// The streams, in order.
    pub fn iter(&self) -> impl Iterator<Item = Origin> + '_ {
        match self {
            Self::None => [].iter(),
            Self::One(origin) => std::slice::from_ref(origin).iter(),
            Self::Many(origins) => origins.iter(),
        }
        .copied()
    }

    /// Adds those of `other` that are not in the set yet.
    pub fn merge(&mut self, other: &Self) {
        for origin in other.iter() {
            if !self.iter().any(|known| known == origin) {
                *self = match std::mem::take(self) {
                    Self::None => Self::One(origin),
                    Self::One(first) => Self::Many(Arc::new(vec![first, origin])),
                    Self::Many(mut origins) => {
                        Arc::make_mut(&mut origins).push(origin);
                        Self::Many(origins)
                    }
                };
            }
        }
    }
}

/// One event: a value, its metadata (`$` in a pipeline) and where it came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// The data.
    pub value: Value,
    /// The metadata: a record, shared with the other events of its connection as long as nobody changes it.
    pub meta: Value,
    /// Every stream that contributed.
    pub origins: Origins,
    /// When it was read, in nanoseconds since the Unix epoch.
    pub ingest_ns: u64,
    /// True for an event that came out of an `err` port or tells of a connection that has ended, and for everything derived
    /// from it: it never gives rise to another error event.
    pub is_error: bool,
    /// By which its source learns what became of it; empty for most events.
    pub ticket: Ticket,
}

/// The ports of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Port {
    /// Takes events (sinks).
    In,
    /// Gives events (sources).
    Out,
    /// Gives error events (sources).
    Err,
    /// Gives an event for each connection that begins or ends (`ws_server`, `ws_client`).
    Connections,
    /// `stdio` only: the same as `in`.
    Stdout,
    /// `stdio` only: takes events that go to standard error.
    Stderr,
}

impl Port {
    /// The port's name in a flow.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Err => "err",
            Self::Connections => "connections",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The port of that name, in upper or lower case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::In,
            Self::Out,
            Self::Err,
            Self::Connections,
            Self::Stdout,
            Self::Stderr,
        ]
        .into_iter()
        .find(|port| port.name().eq_ignore_ascii_case(name))
    }
}

/// An event on its way into a connector.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The connector that it goes to.
    pub to: ConnectorId,
    /// The port that it enters by.
    pub port: Port,
    /// The event.
    pub event: Event,
}
