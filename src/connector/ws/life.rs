//! The events of the port `connections`: what is told of a connection that begins or ends.

use smol_str::SmolStr;

use crate::connector::event::{Event, Origin, Origins};
use crate::connector::ticket::Ticket;
use crate::connector::value::Value;
use crate::engine::Account;
use crate::proto::{Closed, Side};

/// What passed over a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Messages that came.
    pub(crate) messages_in: u64,
    /// Bytes of their payloads.
    pub(crate) bytes_in: u64,
    /// Messages that were given to the system to the last byte, or wait for that in good order.
    pub(crate) messages_out: u64,
    /// Bytes of their frames.
    pub(crate) bytes_out: u64,
    /// Messages that will never be sent: the peer did not read, or the connection broke.
    pub(crate) dropped: u64,
}

impl Traffic {
    /// Takes what went out from the loop's account. What is still queued after a close handshake will be sent, if the peer
    /// takes it.
    pub(crate) fn take_account(&mut self, account: &Account) {
        self.messages_out = account.sent.messages + account.queued.messages;
        self.bytes_out = account.sent.bytes + account.queued.bytes;
        self.dropped = account.dropped.total().messages + account.refused.messages;
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    /// `peer`, `us` or `error`.
    by: &'static str,
    code: Option<u16>,
    reason: SmolStr,
}

impl End {
    /// By a close handshake.
    pub(crate) fn closed(closed: &Closed, own_side: Side) -> Self {
        Self {
            by: if closed.initiator == own_side { "us" } else { "peer" },
            code: closed.code.map(|code| code.as_u16()),
            reason: closed.reason.as_str().into(),
        }
    }

    /// Whether it was no close handshake.
    pub(crate) fn is_error(&self) -> bool {
        self.by == "error"
    }

    /// In any other way.
    pub(crate) fn failed(reason: &str) -> Self {
        Self {
            by: "error",
            code: None,
            reason: reason.into(),
        }
    }
}

/// A connection is open: an event with its metadata, that finds its way to it.
pub(crate) fn connected(origin: Origin, meta: Value, wall_ns: u64) -> Event {
    Event {
        value: Value::record([("event", "connected")]),
        meta,
        origins: Origins::One(origin),
        ingest_ns: wall_ns,
        is_error: false,
        ticket: Ticket::default(),
    }
}

/// A connection has ended. Nothing can be sent to it any more, which is no error: like one that came from `err`, this
/// event gives rise to none.
pub(crate) fn disconnected(origin: Origin, meta: Value, end: &End, traffic: &Traffic, wall_ns: u64) -> Event {
    let counts = Value::record([
        ("messages_in", traffic.messages_in),
        ("bytes_in", traffic.bytes_in),
        ("messages_out", traffic.messages_out),
        ("bytes_out", traffic.bytes_out),
        ("dropped", traffic.dropped),
    ]);
    let value = Value::record([
        ("event", Value::from("disconnected")),
        ("by", Value::from(end.by)),
        (
            "code",
            end.code.map_or(Value::Null, |code| Value::from(u64::from(code))),
        ),
        ("reason", Value::String(end.reason.clone())),
        ("counts", counts),
    ]);
    Event {
        value,
        meta,
        origins: Origins::One(origin),
        ingest_ns: wall_ns,
        is_error: true,
        ticket: Ticket::default(),
    }
}
