//! `separate`: a separator behind each piece.

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use serde::Deserialize;

use super::super::config::{ConfigError, Segment, read};
use super::super::registry::Factory;
use super::super::separator;
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

/// The configuration, each key with its default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// One byte of text.
    separator: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { separator: "\n".into() }
    }
}

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
