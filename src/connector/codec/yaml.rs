//! `yaml`: one YAML document a piece.

use std::boxed::Box;
use std::format;
use std::vec::Vec;

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_saphyr::{Budget, Options};

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::Value;
use super::super::value::json::MAX_DEPTH;
use super::Codec;

/// Values in one document, those that aliases stand for included.
const MAX_NODES: usize = 250_000;

pub(super) const PAGE: Page = Page {
    summary: "YAML: one document a piece",
    text: "
Values may be nested 64 deep, and there may be 250000 of them, counting what aliases stand for: a document that would grow beyond
that is an error event. Keys of maps must be strings, or are read as such. What is written is in block style and ends with a
line break; bytes are written as base64 text.
",
    options: &[],
    examples: &[
        Example::In {
            title: "A document",
            definition: r#"{"codec": "yaml"}"#,
            messages: &[b"name: x\ntags: [a, 2]\n", b"a: [1\n"],
            events: &[r#"{"name":"x","tags":["a",2]}"#, "error"],
        },
        Example::Out {
            title: "A record",
            definition: r#"{"codec": "yaml"}"#,
            values: &[r#"{"name": "x", "tags": ["a", 2]}"#],
            chunks: &[b"name: x\ntags:\n- a\n- 2\n"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Yaml))
}

struct Yaml;

impl Codec for Yaml {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
        let mut budget = Budget::default();
        (budget.max_nodes, budget.max_documents) = (MAX_NODES, 1);
        let mut options = Options::default();
        options.budget = Some(budget);
        serde_saphyr::from_str_with_options(text, options)
            .map(Some)
            .map_err(|error| format!("invalid YAML: {error}").into())
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        if value.depth() > MAX_DEPTH {
            return Err(format!("lists and records are nested deeper than {MAX_DEPTH}").into());
        }
        let text = serde_saphyr::to_string(&Shown(value)).map_err(|error| format!("yaml: {error}"))?;
        bytes.extend_from_slice(text.as_bytes());
        if !text.ends_with('\n') {
            bytes.push(b'\n');
        }
        Ok(())
    }
}

struct Shown<'a>(&'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::UInt(number) => serializer.serialize_u64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::String(text) => serializer.serialize_str(text),
            Value::Bytes(_) => serializer.serialize_str(self.0.to_base64().as_deref().unwrap_or_default()),
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(&Shown(item))?;
                }
                list.end()
            }
            Value::Record(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields.iter() {
                    map.serialize_entry(key.as_str(), &Shown(value))?;
                }
                map.end()
            }
        }
    }
}
