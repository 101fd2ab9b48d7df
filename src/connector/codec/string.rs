//! `string`: a piece is a text. Whatever isn't one is written as JSON.

use std::boxed::Box;
use std::format;
use std::string::ToString as _;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::{Value, json};
use super::Codec;

pub(super) const PAGE: Page = Page {
    summary: "Text: a piece is a string",
    text: "Bytes that are not UTF-8 are an error. A value that is no string is written as JSON.",
    options: &[],
    examples: &[
        Example::In {
            title: "Text becomes a string",
            definition: r#"{"codec": "string"}"#,
            messages: &[b"hello"],
            events: &[r#""hello""#],
        },
        Example::Out {
            title: "Other values are written as JSON",
            definition: r#"{"codec": "string"}"#,
            values: &[r#""hello""#, r#"{"a": 1}"#],
            chunks: &[b"hello", b"{\"a\":1}"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Text))
}

struct Text;

impl Codec for Text {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(Value::from(text))),
            Err(error) => Err(format!("not UTF-8 at byte {}", error.valid_up_to()).into()),
        }
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        match value {
            Value::String(text) => {
                bytes.extend_from_slice(text.as_bytes());
                Ok(())
            }
            other => json::write(other, false, bytes).map_err(|error| error.to_string().into()),
        }
    }
}
