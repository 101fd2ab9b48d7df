//! `base64`: each piece as base64 text of the standard alphabet, padded, without line breaks.

use std::boxed::Box;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

pub(super) const PAGE: Page = Page {
    summary: "Encodes as base64",
    text: "The standard alphabet with padding, without line breaks.",
    options: &[],
    examples: &[Example::Out {
        title: "Text in base64",
        definition: r#"{"codec": "string", "postprocessors": ["base64"]}"#,
        values: &[r#""hello""#],
        chunks: &[b"aGVsbG8="],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(Base64))
}

struct Base64;

impl Stage for Base64 {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let text = STANDARD.encode(piece.bytes);
        out(Ok(Piece {
            bytes: text.as_bytes(),
            ..piece
        }));
    }
}
