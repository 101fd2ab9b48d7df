//! `null`: every piece is `null`, every value no bytes at all.

use std::boxed::Box;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::Value;
use super::Codec;

pub(super) const PAGE: Page = Page {
    summary: "Nothing: every piece is null",
    text: "Each piece gives the event `null`; each event gives an empty piece.",
    options: &[],
    examples: &[
        Example::In {
            title: "Whatever comes is null",
            definition: r#"{"codec": "null"}"#,
            messages: &[b"hello"],
            events: &[r#"null"#],
        },
        Example::Out {
            title: "Whatever goes is empty",
            definition: r#"{"codec": "null"}"#,
            values: &[r#"1"#],
            chunks: &[b""],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Null))
}

pub(super) struct Null;

impl Codec for Null {
    fn decode(&mut self, _bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        Ok(Some(Value::Null))
    }

    fn encode(&mut self, _value: &Value, _meta: &Value, _bytes: &mut Vec<u8>) -> Result<(), StageError> {
        Ok(())
    }
}
