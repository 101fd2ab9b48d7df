//! `compress`: each piece compressed by itself.

use std::boxed::Box;
use std::format;
use std::vec::Vec;

use super::super::compression::Algorithm;
use super::super::config::{ConfigError, Segment, read};
use super::super::doc::{Example, Page};
use super::super::options::options;
use super::super::registry::Factory;
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

options! {
    struct Config {
        /// The format.
        algorithm: Algorithm,
        /// How hard to search: 0 to 9 with `xz2` (9 if not given), 0 to 16 with `lz4` (4), -7 to 22 with `zstd` (its own
        /// default, 3). The others have no levels.
        level: Option<i64> = None,
    }
}

pub(super) const PAGE: Page = Page {
    summary: "Compresses each piece",
    text: "
Each piece becomes one compressed whole, which `decompress` reads. The outcome is no text: see `not_text`. WebSocket has a
compression of its own, the key `compression`, which needs nothing on the other side but a browser.
",
    options: Config::OPTIONS,
    examples: &[Example::Out {
        title: "Snappy, framed",
        definition: r#"{"codec": "string", "postprocessors": [{"name": "compress", "config": {"algorithm": "snappy"}}]}"#,
        values: &[r#""hello""#],
        chunks: &[b"\xff\x06\0\0sNaPpY\x01\x09\0\0\xbb\x1f\x1c\x19hello"],
    }],
};

/// Reads algorithm and level, which stand at `path`.
pub(super) fn level(path: &[Segment], algorithm: Algorithm, level: Option<i64>) -> Result<Option<i32>, ConfigError> {
    let Some(level) = level else { return Ok(None) };
    algorithm.check_level(level).map(Some).map_err(|(message, expected)| {
        let path = path.iter().cloned().chain([Segment::from("level")]);
        ConfigError::new(path, message).expected(expected)
    })
}

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    let nothing = Value::record::<&str, Value>([]);
    let config: Config = read(path, config.unwrap_or(&nothing))?;
    let algorithm = config.algorithm;
    let level = level(path, algorithm, config.level)?;
    Ok(Box::new(move || Box::new(Compress { algorithm, level })))
}

struct Compress {
    algorithm: Algorithm,
    level: Option<i32>,
}

impl Stage for Compress {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let mut bytes = Vec::new();
        match self.algorithm.compress(self.level, piece.bytes, &mut bytes) {
            Ok(()) => out(Ok(Piece { bytes: &bytes, ..piece })),
            Err(error) => out(Err(format!("compress: {error}").into())),
        }
    }
}
