//! `ingest-ns`: the time of ingestion in front of each piece.

use std::boxed::Box;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

pub(super) const PAGE: Page = Page {
    summary: "Puts the event's time of ingestion in front, as 8 bytes",
    text: "
Nanoseconds since 1970 as a 64-bit integer, its highest byte first. The outcome is no text: see `not_text`.
",
    options: &[],
    examples: &[Example::Out {
        title: "The time (here 5 ns), then the text",
        definition: r#"{"codec": "string", "postprocessors": ["ingest-ns"]}"#,
        values: &[r#""hello""#],
        chunks: &[b"\0\0\0\0\0\0\0\x05hello"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(IngestNs))
}

struct IngestNs;

impl Stage for IngestNs {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let bytes = [&piece.ingest_ns.to_be_bytes(), piece.bytes].concat();
        out(Ok(Piece { bytes: &bytes, ..piece }));
    }
}
