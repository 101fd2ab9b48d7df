//! The metadata of events that came by a WebSocket connection.

use std::net::SocketAddr;
use std::string::{String, ToString};
use std::vec::Vec;

use smol_str::SmolStr;

use crate::connector::value::{Record, Value};
use crate::engine::StreamId;
use crate::proto::Request;

/// A connection's metadata, made once and shared by its events: one form for text messages, one for binary ones.
pub(crate) struct Metadata {
    pub(crate) text: Value,
    pub(crate) binary: Value,
}

impl Metadata {
    /// `connection` under each of `names`, and `$binary` for binary messages.
    pub(crate) fn new(names: &[&'static str], connection: Record) -> Self {
        let connection = Value::from(connection);
        let text = Value::record(names.iter().map(|name| (*name, connection.clone())));
        let mut binary = text.clone();
        binary.set_field("binary", true);
        Self { text, binary }
    }
}

/// What both kinds tell of a connection.
pub(crate) fn connection(tls: bool, peer: Option<SocketAddr>, stream: StreamId) -> Record {
    let mut record = Record::default();
    record.insert("tls".into(), tls.into());
    if let Some(peer) = peer {
        let peer = Value::record([
            ("host", Value::from(peer.ip().to_string())),
            ("port", Value::from(u64::from(peer.port()))),
        ]);
        record.insert("peer".into(), peer);
    }
    record.insert("stream".into(), stream.as_u64().into());
    record
}

/// What a client asked for in its opening handshake. Header names are in lower case, each with a list of strings.
pub(crate) fn request(request: &Request, subprotocol: Option<&str>) -> Value {
    let mut headers: Vec<(SmolStr, Vec<Value>)> = Vec::new();
    for (name, value) in request.headers().iter() {
        let name = SmolStr::from(name.to_ascii_lowercase());
        let value = Value::from(String::from_utf8_lossy(value).into_owned());
        match headers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => headers.push((name, vec![value])),
        }
    }
    let optional = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    Value::record([
        ("target", Value::from(request.target())),
        ("path", Value::from(request.path())),
        ("query", optional(request.query())),
        (
            "headers",
            Value::record(headers.into_iter().map(|(name, values)| (name, Value::array(values)))),
        ),
        ("subprotocol", optional(subprotocol)),
    ])
}
