//! `base64`: each piece is base64 text of the standard alphabet, padded, without line breaks.

use std::boxed::Box;
use std::format;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

pub(super) const PAGE: Page = Page {
    summary: "Decodes base64",
    text: "The standard alphabet with padding, and no line breaks: put `separate` in front if there are any.",
    options: &[],
    examples: &[Example::In {
        title: "Text in base64",
        definition: r#"{"codec": "string", "preprocessors": ["base64"]}"#,
        messages: &[b"aGVsbG8=", b"?"],
        events: &[r#""hello""#, r#"error"#],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(Base64))
}

struct Base64;

impl Stage for Base64 {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        match STANDARD.decode(piece.bytes) {
            Ok(bytes) => out(Ok(Piece { bytes: &bytes, ..piece })),
            Err(error) => out(Err(format!("base64: {error}").into())),
        }
    }
}
