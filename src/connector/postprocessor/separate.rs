//! `separate`: a separator behind each piece.

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment, read};
use super::super::doc::{Example, Page};
use super::super::options::options;
use super::super::registry::Factory;
use super::super::separator;
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

options! {
    struct Config {
        /// What is put behind each piece: one byte of text.
        separator: String = "\n".into(),
    }
}

pub(super) const PAGE: Page = Page {
    summary: "Puts a separator behind each piece",
    text: "With codec `json` that makes lines of JSON.",
    options: Config::OPTIONS,
    examples: &[Example::Out {
        title: "Lines of JSON",
        definition: r#"{"codec": "json", "postprocessors": ["separate"]}"#,
        values: &[r#"{"a": 1}"#],
        chunks: &[b"{\"a\":1}\n"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    let config: Config = config.map_or(Ok(Config::default()), |config| read(path, config))?;
    let separator = separator::check(path, &config.separator)?;
    Ok(Box::new(move || Box::new(Separate { separator })))
}

struct Separate {
    separator: u8,
}

impl Stage for Separate {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let mut bytes = Vec::with_capacity(piece.bytes.len() + 1);
        bytes.extend_from_slice(piece.bytes);
        bytes.push(self.separator);
        out(Ok(Piece { bytes: &bytes, ..piece }));
    }
}
