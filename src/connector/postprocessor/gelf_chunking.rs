//! `gelf-chunking`: messages of Graylog's extended log format, cut into chunks.

use std::boxed::Box;
use std::format;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

/// What one chunk takes, its header included: what a datagram takes in most networks.
const CHUNK_BYTES: usize = 8192;
const HEADER_BYTES: usize = 12;
const MAX_CHUNKS: usize = 128;

pub(super) const PAGE: Page = Page {
    summary: "Cuts each piece into GELF chunks",
    text: "
Chunks of at most 8192 bytes, each with its header of 12 bytes, one chunk included; a piece that would need more than 128 of them
is an error. The id of a message is made of its time of ingestion and a count. The outcome is no text: see `not_text`.
",
    options: &[],
    examples: &[Example::Out {
        title: "One chunk",
        definition: r#"{"codec": "string", "postprocessors": ["gelf-chunking"]}"#,
        values: &[r#""hello""#],
        chunks: &[b"\x1e\x0f\x87%\xca\x7f\x015\xf5\xfd\x00\x01hello"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(GelfChunking { count: 0 }))
}

struct GelfChunking {
    /// Messages so far.
    count: u64,
}

/// Spreads numbers that lie close together over all 64 bits (the finalizer of splitmix64).
const fn spread(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Stage for GelfChunking {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let per_chunk = CHUNK_BYTES - HEADER_BYTES;
        let count = piece.bytes.len().div_ceil(per_chunk).max(1);
        let Some(total) = u8::try_from(count).ok().filter(|_| count <= MAX_CHUNKS) else {
            let text = format!(
                "gelf-chunking: {} bytes would need {count} chunks, and {MAX_CHUNKS} are allowed",
                piece.bytes.len()
            );
            return out(Err(text.into()));
        };
        self.count += 1;
        let id = spread(spread(piece.ingest_ns).wrapping_add(self.count)).to_be_bytes();
        let mut bytes = Vec::with_capacity(CHUNK_BYTES.min(piece.bytes.len() + HEADER_BYTES));
        for number in 0..total {
            let begin = usize::from(number) * per_chunk;
            let end = piece.bytes.len().min(begin + per_chunk);
            bytes.clear();
            bytes.extend_from_slice(&[0x1e, 0x0f]);
            bytes.extend_from_slice(&id);
            bytes.extend_from_slice(&[number, total]);
            bytes.extend_from_slice(&piece.bytes[begin..end]);
            out(Ok(Piece { bytes: &bytes, ..piece }));
        }
    }
}
