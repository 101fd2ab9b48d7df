//! `json`: one JSON document a piece.

use std::boxed::Box;
use std::string::ToString as _;
use std::vec::Vec;

use serde::Deserialize;

use super::super::config::{ConfigError, Segment, read};
use super::super::registry::Factory;
use super::super::stage::StageError;
use super::super::value::{Value, json};
use super::Codec;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    mode: Mode,
}

/// The order in which records' fields are written.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// That in which they were set.
    #[default]
    Unsorted,
    /// By name.
    Sorted,
}

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    let Config { mode } = config.map_or(Ok(Config::default()), |config| read(path, config))?;
    let sorted = matches!(mode, Mode::Sorted);
    Ok(Box::new(move || Box::new(Json { sorted })))
}

struct Json {
    sorted: bool,
}

impl Codec for Json {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        json::parse(bytes).map(Some).map_err(|error| error.to_string().into())
    }

    fn encode(&mut self, value: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        json::write(value, self.sorted, bytes).map_err(|error| error.to_string().into())
    }
}
