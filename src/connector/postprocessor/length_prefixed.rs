//! `length-prefixed`: each piece behind its length as 8 bytes, the highest first.

use std::boxed::Box;

use super::super::config::{ConfigError, Segment};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

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
