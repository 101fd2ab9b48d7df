//! `json`: one JSON document a piece.

use std::boxed::Box;
use std::string::ToString as _;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment, read};
use super::super::doc::{Example, Page};
use super::super::options::{choices, options};
use super::super::registry::Factory;
use super::super::stage::StageError;
use super::super::value::{Value, json};
use super::Codec;

options! {
    struct Config {
        /// The order in which the keys of records are written.
        mode: Mode = Mode::Unsorted,
    }
}

choices! {
    enum Mode {
        /// That in which they were set.
        Unsorted = "unsorted",
        /// By name, at every depth.
        Sorted = "sorted",
    }
}

pub(super) const PAGE: Page = Page {
    summary: "JSON: one document a piece",
    text: "Records keep the order of their keys; of a key that comes twice the last value stays, in the first one's place.",
    options: Config::OPTIONS,
    examples: &[
        Example::In {
            title: "A document becomes a value",
            definition: r#"{"codec": "json"}"#,
            messages: &[b"{\"b\": 1, \"a\": 2.0}", b"nul"],
            events: &[r#"{"b":1,"a":2.0}"#, r#"error"#],
        },
        Example::Out {
            title: "A value becomes a document, here with sorted keys",
            definition: r#"{"codec": {"name": "json", "config": {"mode": "sorted"}}}"#,
            values: &[r#"{"b": 1, "a": [true, null]}"#],
            chunks: &[b"{\"a\":[true,null],\"b\":1}"],
        },
    ],
};

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

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        json::write(value, self.sorted, bytes).map_err(|error| error.to_string().into())
    }
}
