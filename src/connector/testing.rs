//! What the tests of connectors share.

use std::string::{String, ToString};
use std::vec::Vec;

use super::config::lines;
use super::event::{ConnectorId, Event, Origin, Port};
use super::value::{Record, Value, json};
use super::{Processing, StreamReader, StreamWriter};

/// A value from its JSON.
pub(super) fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

/// A definition's `with` from JSON: an object.
pub(super) fn with(text: &str) -> Record {
    value(text).as_record().unwrap().clone()
}

/// The processing that a definition asks for, or its mistakes, one a line.
pub(super) fn try_processing(definition: &str) -> Result<Processing, String> {
    let mut errors = Vec::new();
    Processing::from_definition(&with(definition), &mut errors).ok_or_else(|| lines(&errors))
}

pub(super) fn reader(definition: &str) -> StreamReader {
    let origin = Origin {
        connector: ConnectorId(3),
        stream: 9,
    };
    try_processing(definition).unwrap().reader("flow::here".into(), origin)
}

pub(super) fn writer(definition: &str) -> StreamWriter {
    try_processing(definition).unwrap().writer()
}

/// What a stream of these messages gives, finish included: each value as JSON, each error event as `error`.
pub(super) fn read_all<B: AsRef<[u8]>>(definition: &str, messages: impl IntoIterator<Item = B>) -> Vec<String> {
    let mut reader = reader(definition);
    let mut emitted = Vec::new();
    for message in messages {
        reader.read(message.as_ref(), &Value::record([("k", 1)]), 5, &mut emitted);
    }
    reader.finish(&Value::Null, 6, &mut emitted);
    shown(&emitted)
}

/// Each value as JSON, each error event as `error`.
pub(super) fn shown(emitted: &[(Port, Event)]) -> Vec<String> {
    let show = |(port, event): &(Port, Event)| match port {
        Port::Out => event.value.to_string(),
        Port::Err => "error".into(),
        Port::In | Port::Stdout | Port::Stderr => unreachable!("a source has no such port"),
    };
    emitted.iter().map(show).collect()
}

/// The chunks that a value gives.
pub(super) fn write_all(definition: &str, value: &Value) -> Result<Vec<Vec<u8>>, String> {
    let mut chunks = Vec::new();
    let mut writer = writer(definition);
    writer
        .write(value, 5, &mut |chunk| chunks.push(chunk.to_vec()))
        .map_err(|error| error.to_string())?;
    writer
        .finish(5, &mut |chunk| chunks.push(chunk.to_vec()))
        .map_err(|error| error.to_string())?;
    Ok(chunks)
}
