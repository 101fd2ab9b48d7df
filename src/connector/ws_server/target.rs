//! Which connections an event goes to.

use std::net::{IpAddr, SocketAddr};
use std::vec::Vec;

use super::connections::Connections;
use crate::connector::event::{ConnectorId, Event};
use crate::connector::value::Value;
use crate::engine::StreamId;

impl Connections {
    /// The open connection that the event's metadata names (`$ws_server.peer`, or else `$ws_server.stream`); if none,
    /// every open one among the event's origins.
    pub(super) fn targets(&self, event: &Event, server: ConnectorId) -> Vec<StreamId> {
        if let Some(named) = event.meta.field("ws_server").and_then(|meta| self.named(meta)) {
            return vec![named];
        }
        let origins = event.origins.iter().filter(|origin| origin.connector == server);
        origins.filter_map(|origin| self.open(origin.stream)).collect()
    }

    fn named(&self, meta: &Value) -> Option<StreamId> {
        let by_peer = peer(meta).and_then(|peer| self.open_with(peer));
        by_peer.or_else(|| self.open(meta.field("stream")?.as_u64()?))
    }
}

fn peer(meta: &Value) -> Option<SocketAddr> {
    let peer = meta.field("peer")?;
    let host: IpAddr = peer.field("host")?.as_str()?.parse().ok()?;
    let port = u16::try_from(peer.field("port")?.as_u64()?).ok()?;
    Some(SocketAddr::new(host, port))
}
