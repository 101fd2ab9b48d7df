//! `separate`: pieces between separators, across the borders of messages.

use std::boxed::Box;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment, read};
use super::super::doc::{Example, Page};
use super::super::options::options;
use super::super::registry::Factory;
use super::super::separator;
use super::super::stage::{Out, Piece, Stage, StageError};
use super::super::value::Value;

options! {
    struct Config {
        /// What stands between two pieces: one byte of text.
        separator: String = "\n".into(),
        /// The longest piece that is taken, in bytes; 0: any. A stream that never sends a separator costs no more memory
        /// than that.
        max_length: usize = 1 << 20,
        /// Whether what follows the last separator of a message waits for the next message. If not, the end of a message
        /// ends its last piece as well.
        buffered: bool = true,
    }
}

pub(super) const PAGE: Page = Page {
    summary: "Cuts the bytes at a separator",
    text: "What follows the last separator waits for the next message, and for the end of the stream at the latest. A piece that is longer than `max_length` is one error event; the pieces around it are delivered.",
    options: Config::OPTIONS,
    examples: &[Example::In {
        title: "Lines, wherever the messages cut them",
        definition: r#"{"codec": "json", "preprocessors": ["separate"]}"#,
        messages: &[b"1\n{\"a\":", b"2}\n3"],
        events: &[r#"1"#, r#"{"a":2}"#, r#"3"#],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    let config: Config = config.map_or(Ok(Config::default()), |config| read(path, config))?;
    let separator = separator::check(path, &config.separator)?;
    let max_length = if config.max_length == 0 {
        usize::MAX
    } else {
        config.max_length
    };
    let buffered = config.buffered;
    Ok(Box::new(move || {
        Box::new(Separate {
            separator,
            max_length,
            buffered,
            tail: Vec::new(),
            is_skipping: false,
        })
    }))
}

struct Separate {
    separator: u8,
    max_length: usize,
    buffered: bool,
    /// The beginning of a piece whose separator hasn't come yet; never longer than `max_length`.
    tail: Vec<u8>,
    /// The piece under way was too long and has been told of; what is left of it is dropped.
    is_skipping: bool,
}

impl Separate {
    fn too_long(&self) -> StageError {
        format!(
            "separate: a piece longer than `max_length`, {} bytes, was dropped",
            self.max_length
        )
        .into()
    }

    /// A piece whose end has come.
    fn end_piece(&mut self, bytes: &[u8], ingest_ns: u64, out: &mut Out<'_>) {
        if std::mem::take(&mut self.is_skipping) {
            return;
        }
        if bytes.len() > self.max_length - self.tail.len() {
            self.tail = Vec::new();
            out(Err(self.too_long()));
        } else if self.tail.is_empty() {
            out(Ok(Piece { bytes, ingest_ns }));
        } else {
            self.tail.extend_from_slice(bytes);
            // Taken, so that a stream holds no memory between pieces.
            let bytes = std::mem::take(&mut self.tail);
            out(Ok(Piece {
                bytes: &bytes,
                ingest_ns,
            }));
        }
    }

    /// The beginning of a piece, or more of it.
    fn hold_back(&mut self, bytes: &[u8], out: &mut Out<'_>) {
        if self.is_skipping {
            return;
        }
        if bytes.len() > self.max_length - self.tail.len() {
            self.tail = Vec::new();
            self.is_skipping = true;
            out(Err(self.too_long()));
        } else {
            self.tail.extend_from_slice(bytes);
        }
    }
}

impl Stage for Separate {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let mut rest = piece.bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == self.separator) {
            self.end_piece(&rest[..end], piece.ingest_ns, out);
            rest = &rest[end + 1..];
        }
        if self.buffered {
            self.hold_back(rest, out);
        } else if !rest.is_empty() {
            self.end_piece(rest, piece.ingest_ns, out);
        }
    }

    fn finish(&mut self, ingest_ns: u64, out: &mut Out<'_>) {
        self.is_skipping = false;
        if !self.tail.is_empty() {
            let bytes = std::mem::take(&mut self.tail);
            out(Ok(Piece {
                bytes: &bytes,
                ingest_ns,
            }));
        }
    }
}
