//! A connection from its opening handshake to its end.

use std::format;
use std::string::{String, ToString as _};

use super::WsServer;
use super::connections::Connection;
use crate::connector::api::{Context, Level};
use crate::connector::event::{Origin, Port};
use crate::connector::tls;
use crate::connector::ws::life::{self, End};
use crate::engine::{Failure, StreamId};
use crate::proto::{Closed, Message, Side};

impl WsServer {
    pub(super) fn handle_opened(&mut self, stream: StreamId, cx: &mut Context<'_>) {
        let Some(connection) = self.connections.find(stream) else {
            return;
        };
        (connection.is_open, connection.was_opened) = (true, true);
        self.counts.opened += 1;
        if self.links.connections {
            let meta = connection.metadata.text.clone();
            let event = life::connected(origin(stream, cx), meta, cx.wall_ns);
            cx.emitted.push((Port::Connections, event));
        }
    }

    pub(super) fn handle_message(&mut self, stream: StreamId, message: Message<'_>, cx: &mut Context<'_>) {
        self.has_read = true;
        let Some(connection) = self.connections.find(stream) else {
            return;
        };
        let bytes = message.as_bytes();
        connection.traffic.messages_in += 1;
        connection.traffic.bytes_in += bytes.len() as u64;
        let metadata = &connection.metadata;
        let metadata = if message.is_text() {
            &metadata.text
        } else {
            &metadata.binary
        };
        connection.reader.read(bytes, metadata, cx.wall_ns, cx.emitted);
        self.counts.messages_in += 1;
        self.counts.bytes_in += bytes.len() as u64;
    }

    pub(super) fn handle_closed(&mut self, stream: StreamId, closed: &Closed, cx: &mut Context<'_>) {
        self.handle_ended(stream, &End::closed(closed, Side::Server), None, cx);
    }

    pub(super) fn handle_failed(&mut self, stream: StreamId, failure: &Failure, cx: &mut Context<'_>) {
        let reason = tls::explain(failure);
        self.handle_ended(stream, &End::failed(&reason), Some(reason), cx);
    }

    /// The connection has ended: what the preprocessors held back becomes events, which can still be answered where the
    /// peer closed in good order.
    fn handle_ended(&mut self, stream: StreamId, end: &End, problem: Option<String>, cx: &mut Context<'_>) {
        let Some(connection) = self.connections.end(stream) else {
            return;
        };
        let metadata = connection.metadata.text.clone();
        connection.reader.finish(&metadata, cx.wall_ns, cx.emitted);
        // What the postprocessors hold back still leaves before the answer to the peer's Close.
        let finished = if end.is_error() {
            Ok(())
        } else {
            connection.finish_writing(cx)
        };
        let (was_opened, peer) = (connection.was_opened, named(connection));
        let mut traffic = connection.traffic;
        let did_not_read = traffic.dropped > 0;
        if let Ok(account) = cx.commands.account(stream) {
            traffic.take_account(&account);
            // After a close handshake what is still queued is on its way.
            let queued = if end.is_error() { 0 } else { account.queued.messages };
            connection.see_sent(account.sent.messages + queued);
        }
        connection.see_lost();
        if was_opened {
            self.counts.ended += 1;
            self.counts.messages_dropped += traffic.dropped;
            if self.links.connections {
                let event = life::disconnected(origin(stream, cx), metadata, end, &traffic, cx.wall_ns);
                cx.emitted.push((Port::Connections, event));
            }
        }
        if let Err(problem) = finished {
            self.say(cx, Level::Warn, problem);
        }
        if let Some(problem) = problem {
            let text = format!("the connection with {peer} has failed: {problem}");
            self.say(cx, Level::Debug, text);
        }
        if traffic.dropped > 0 {
            let why = if did_not_read {
                "since it did not read"
            } else {
                "since the connection broke"
            };
            let text = format!("{} messages for {peer} were dropped, {why}", traffic.dropped);
            self.say(cx, Level::Warn, text);
        }
    }
}

/// How the log calls the peer of a connection.
pub(super) fn named(connection: &Connection) -> String {
    connection.peer.map_or_else(|| "a peer".into(), |peer| peer.to_string())
}

fn origin(stream: StreamId, cx: &Context<'_>) -> Origin {
    Origin {
        connector: cx.id,
        stream: stream.as_u64(),
    }
}
