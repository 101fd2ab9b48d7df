//! `binary`: a piece is a value of bytes. Text is written as its bytes, whatever is neither as JSON.

use std::boxed::Box;
use std::string::ToString as _;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::{Value, json};
use super::Codec;

pub(super) const PAGE: Page = Page {
    summary: "Bytes: a piece is a value of bytes",
    text: "Strings are written as their bytes, a value that is neither as JSON.",
    options: &[],
    examples: &[
        Example::In {
            title: "JSON shows bytes as base64",
            definition: r#"{"codec": "binary"}"#,
            messages: &[b"\xff\x00"],
            events: &[r#""/wA=""#],
        },
        Example::Out {
            title: "Text is written as it is",
            definition: r#"{"codec": "binary"}"#,
            values: &[r#""hello""#],
            chunks: &[b"hello"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Binary))
}

struct Binary;

impl Codec for Binary {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        Ok(Some(Value::from(bytes)))
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        match value {
            Value::Bytes(content) => bytes.extend_from_slice(content),
            Value::String(text) => bytes.extend_from_slice(text.as_bytes()),
            other => return json::write(other, false, bytes).map_err(|error| error.to_string().into()),
        }
        Ok(())
    }
}
