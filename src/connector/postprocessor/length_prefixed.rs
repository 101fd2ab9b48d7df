//! `length-prefixed`: each piece behind its length as 8 bytes, the highest first.

use std::boxed::Box;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

pub(super) const PAGE: Page = Page {
    summary: "Puts the length in front, as 8 bytes",
    text: "The highest byte comes first. The outcome is no text: see `$binary`.",
    options: &[],
    examples: &[Example::Out {
        title: "Eight bytes, then the record",
        definition: r#"{"codec": "json", "postprocessors": ["length-prefixed"]}"#,
        values: &[r#"[1,2]"#],
        chunks: &[b"\0\0\0\0\0\0\0\x05[1,2]"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(LengthPrefixed))
}

struct LengthPrefixed;

impl Stage for LengthPrefixed {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let length = piece.bytes.len() as u64;
        let bytes = [&length.to_be_bytes(), piece.bytes].concat();
        out(Ok(Piece { bytes: &bytes, ..piece }));
    }
}
