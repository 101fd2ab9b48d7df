//! `textual-length-prefixed`: each piece behind its length in decimal digits and a blank.

use std::boxed::Box;
use std::format;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

pub(super) const PAGE: Page = Page {
    summary: "Puts the length in front, in decimal digits",
    text: "A blank stands between the two.",
    options: &[],
    examples: &[Example::Out {
        title: "Digits, a blank, then the record",
        definition: r#"{"codec": "json", "postprocessors": ["textual-length-prefixed"]}"#,
        values: &[r#"[1,2]"#],
        chunks: &[b"5 [1,2]"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(TextualLengthPrefixed))
}

struct TextualLengthPrefixed;

impl Stage for TextualLengthPrefixed {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let bytes = [format!("{} ", piece.bytes.len()).as_bytes(), piece.bytes].concat();
        out(Ok(Piece { bytes: &bytes, ..piece }));
    }
}
