//! `streaming-compress`: one compressed whole over many pieces.

use std::boxed::Box;
use std::format;
use std::io;

use super::super::compression::{Algorithm, Stream};
use super::super::config::{ConfigError, Segment, read};
use super::super::doc::{Example, Page};
use super::super::options::{choices, options};
use super::super::registry::Factory;
use super::super::stage::{Out, Piece, Stage, StageError};
use super::super::value::Value;
use super::compress;

options! {
    struct Config {
        /// The format.
        algorithm: Choice,
        /// How hard to search: 0 to 9 with `xz2` (9 if not given), -7 to 22 with `zstd` (its own default, 3).
        level: Option<i64> = None,
        /// Whether what is compressed by then leaves with each event, which compresses less well. If not, it leaves when a
        /// block is full, and at the end.
        flush: bool = false,
    }
}

choices! {
    enum Choice {
        /// The xz format.
        Xz = "xz2",
        /// Zstandard, RFC 8878.
        Zstd = "zstd",
    }
}

pub(super) const PAGE: Page = Page {
    summary: "Compresses all pieces of a stream into one whole",
    text: "
For files above all: what is written from the start to the end is one compressed whole. On a connection it begins and ends with
that; the last part leaves before the Close. The outcome is no text: see `not_text`.
",
    options: Config::OPTIONS,
    examples: &[Example::Out {
        title: "Two events, one frame of Zstandard",
        definition: r#"{"codec": "string",
            "postprocessors": [{"name": "streaming-compress", "config": {"algorithm": "zstd"}}]}"#,
        values: &[r#""hel""#, r#""lo""#],
        chunks: &[b"\x28\xb5\x2f\xfd\x00\x58\x29\x00\x00hello"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    let nothing = Value::record::<&str, Value>([]);
    let config: Config = read(path, config.unwrap_or(&nothing))?;
    let algorithm = match config.algorithm {
        Choice::Xz => Algorithm::Xz,
        Choice::Zstd => Algorithm::Zstd,
    };
    let level = compress::level(path, algorithm, config.level)?;
    let (choice, flush) = (config.algorithm, config.flush);
    Ok(Box::new(move || {
        Box::new(StreamingCompress {
            choice,
            level,
            flush,
            stream: None,
        })
    }))
}

struct StreamingCompress {
    choice: Choice,
    level: Option<i32>,
    flush: bool,
    /// Begun by the first piece.
    stream: Option<Stream>,
}

impl StreamingCompress {
    fn begin(&self) -> io::Result<Stream> {
        match self.choice {
            Choice::Xz => Ok(Stream::xz(self.level)),
            Choice::Zstd => Stream::zstd(self.level),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<std::vec::Vec<u8>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.begin()?,
        };
        // After an error it begins anew.
        let written = stream.write(bytes, self.flush)?;
        self.stream = Some(stream);
        Ok(written)
    }
}

fn failure(error: &io::Error) -> StageError {
    StageError(format!("streaming-compress: {error}"))
}

impl Stage for StreamingCompress {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        match self.write(piece.bytes) {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => out(Ok(Piece { bytes: &bytes, ..piece })),
            Err(error) => out(Err(failure(&error))),
        }
    }

    fn is_streaming(&self) -> bool {
        true
    }

    fn finish(&mut self, ingest_ns: u64, out: &mut Out<'_>) {
        let Some(stream) = self.stream.take() else { return };
        match stream.finish() {
            Ok(bytes) => out(Ok(Piece {
                bytes: &bytes,
                ingest_ns,
            })),
            Err(error) => out(Err(failure(&error))),
        }
    }
}
