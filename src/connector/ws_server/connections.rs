//! The connections of a server, by stream id and by peer.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::string::String;
use std::vec::Vec;

use crate::connector::api::Context;
use crate::connector::event::{ConnectorId, Event, Origins};
use crate::connector::ticket::Ticket;
use crate::connector::ws::frame;
use crate::connector::ws::life::Traffic;
use crate::connector::ws::meta::Metadata;
use crate::connector::{StreamReader, StreamWriter};
use crate::engine::StreamId;

/// One connection, from the moment its request was accepted.
pub(super) struct Connection {
    pub(super) stream: StreamId,
    pub(super) peer: Option<SocketAddr>,
    pub(super) metadata: Metadata,
    pub(super) reader: StreamReader,
    pub(super) writer: StreamWriter,
    /// The path that it asked for.
    pub(super) path: String,
    /// The subprotocol that was agreed on.
    pub(super) subprotocol: Option<String>,
    /// Its opening handshake has succeeded.
    pub(super) was_opened: bool,
    /// Messages can be sent.
    pub(super) is_open: bool,
    /// Our Close is sent, or queued.
    pub(super) is_closing: bool,
    /// What passed over it; what went out is known to the engine until the end.
    pub(super) traffic: Traffic,
    /// Messages that the loop has taken.
    pub(super) taken: u64,
    /// Events whose source waits to hear of them, each with how many messages the loop had taken by then.
    pub(super) awaited: VecDeque<(u64, Ticket)>,
}

impl Connection {
    /// Sends what the postprocessors hold back, as long as the connection can take it: before our Close, or our answer to
    /// the peer's.
    ///
    /// # Errors
    /// A postprocessor's.
    pub(super) fn finish_writing(&mut self, cx: &mut Context<'_>) -> Result<(), String> {
        let (stream, commands) = (self.stream, &mut *cx.commands);
        frame::finish(&mut self.writer, cx.wall_ns, &mut |message| {
            let _ = commands.send(stream, message);
        })
    }

    /// So many messages were given to the system.
    pub(super) fn see_sent(&mut self, messages: u64) {
        while self.awaited.front().is_some_and(|(number, _)| *number <= messages) {
            self.awaited.pop_front();
        }
    }

    /// What is not sent by now never will be.
    pub(super) fn see_lost(&mut self) {
        for (_, ticket) in self.awaited.drain(..) {
            ticket.fail();
        }
    }
}

/// All connections of a server.
#[derive(Default)]
pub(super) struct Connections {
    by_stream: HashMap<u64, Connection>,
    by_peer: HashMap<SocketAddr, StreamId>,
    /// Those that have ended, but whose last events may still be answered.
    ended: Vec<StreamId>,
}

impl Connections {
    pub(super) fn insert(&mut self, connection: Connection) {
        if let Some(peer) = connection.peer {
            self.by_peer.insert(peer, connection.stream);
        }
        self.by_stream.insert(connection.stream.as_u64(), connection);
    }

    pub(super) fn find(&mut self, stream: StreamId) -> Option<&mut Connection> {
        self.by_stream.get_mut(&stream.as_u64())
    }

    /// The open connection of that number.
    pub(super) fn open(&self, stream: u64) -> Option<StreamId> {
        let connection = self.by_stream.get(&stream)?;
        connection.is_open.then_some(connection.stream)
    }

    /// The open connection with that peer.
    pub(super) fn open_with(&self, peer: SocketAddr) -> Option<StreamId> {
        self.open(self.by_peer.get(&peer)?.as_u64())
    }

    /// The connection that an event comes from and goes back to: its only origin, whose metadata it still has.
    pub(super) fn answered(&self, event: &Event, server: ConnectorId) -> Option<StreamId> {
        let Origins::One(origin) = event.origins else {
            return None;
        };
        let connection = self.by_stream.get(&origin.stream)?;
        let metadata = &connection.metadata;
        let is_own = event.meta.is_same_record(&metadata.text) || event.meta.is_same_record(&metadata.binary);
        (origin.connector == server && connection.is_open && is_own).then_some(connection.stream)
    }

    /// The open connections, the oldest first.
    pub(super) fn open_ones(&self) -> Vec<StreamId> {
        let open = self.by_stream.values().filter(|connection| connection.is_open);
        let mut open: Vec<StreamId> = open.map(|connection| connection.stream).collect();
        open.sort_unstable_by_key(|stream| stream.as_u64());
        open
    }

    /// The connection has ended; it stays until [`forget_ended`](Self::forget_ended), so that its last events are
    /// answered where that is still possible.
    pub(super) fn end(&mut self, stream: StreamId) -> Option<&mut Connection> {
        let connection = self.by_stream.get_mut(&stream.as_u64())?;
        self.ended.push(stream);
        Some(connection)
    }

    pub(super) fn forget_ended(&mut self) {
        for stream in self.ended.drain(..) {
            let Some(connection) = self.by_stream.remove(&stream.as_u64()) else {
                continue;
            };
            // The peer's port may be another connection's by now.
            if let Some(peer) = connection.peer
                && self.by_peer.get(&peer) == Some(&stream)
            {
                self.by_peer.remove(&peer);
            }
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.by_stream.values_mut()
    }

    /// How many have not ended.
    pub(super) fn len(&self) -> usize {
        self.by_stream.len() - self.ended.len()
    }
}
