//! `ingest-ns`: each piece begins with the time at which it was read.

use std::boxed::Box;
use std::format;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

pub(super) const PAGE: Page = Page {
    summary: "Takes the time of ingestion from the first 8 bytes of each piece",
    text: "
Nanoseconds since 1970 as a 64-bit integer, its highest byte first; it becomes the event's time of ingestion, and the rest
goes on. A piece of less than 8 bytes is an error event.
",
    options: &[],
    examples: &[Example::In {
        title: "The time, then the text",
        definition: r#"{"codec": "string", "preprocessors": ["ingest-ns"]}"#,
        messages: &[b"\0\0\0\0\0\0\0\x01hello", b"short"],
        events: &[r#""hello""#, "error"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(IngestNs))
}

struct IngestNs;

impl Stage for IngestNs {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        match piece.bytes.split_first_chunk::<8>() {
            Some((time, bytes)) => out(Ok(Piece {
                bytes,
                ingest_ns: u64::from_be_bytes(*time),
            })),
            None => out(Err(format!(
                "ingest-ns: 8 bytes of time were expected, but there are only {}",
                piece.bytes.len()
            )
            .into())),
        }
    }
}
