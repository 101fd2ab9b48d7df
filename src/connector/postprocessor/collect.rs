//! `chunk` and `collect`: several pieces together.

use std::boxed::Box;
use std::format;
use std::num::NonZeroUsize;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment, read};
use super::super::doc::{Example, Page};
use super::super::options::options;
use super::super::registry::Factory;
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

/// What `collect` holds at most, whatever it is told: at this size it gives what it has.
const MAX_COLLECTED_BYTES: usize = 64 << 20;

options! {
    struct ChunkConfig {
        /// The longest that comes out, in bytes. A piece that is longer by itself is an error, and dropped.
        max_bytes: NonZeroUsize,
    }
}

options! {
    struct CollectConfig {
        /// The longest that comes out, in bytes, but for single pieces that are longer; 0: all at the end, or whenever
        /// 64 MiB are there.
        max_bytes: usize = 0,
    }
}

pub(super) const CHUNK_PAGE: Page = Page {
    summary: "Puts pieces together up to a size",
    text: "
Pieces are put together as long as they fit, and never cut. What is held back leaves when the next one doesn't fit, and at
the end of the stream: before the Close of a connection, that is.
",
    options: ChunkConfig::OPTIONS,
    examples: &[Example::Out {
        title: "Lines, as many to a frame as fit into 8 bytes",
        definition: r#"{"codec": "string",
            "postprocessors": ["separate", {"name": "chunk", "config": {"max_bytes": 8}}]}"#,
        values: &[r#""one""#, r#""two""#, r#""three""#],
        chunks: &[b"one\ntwo\n", b"three\n"],
    }],
};

pub(super) const COLLECT_PAGE: Page = Page {
    summary: "Puts pieces together until a size is reached, or the stream ends",
    text: "
As `chunk`, but a piece that is longer than the bound by itself goes out by itself, and there may be no bound: then all comes out
at the end of the stream.
",
    options: CollectConfig::OPTIONS,
    examples: &[Example::Out {
        title: "All at the end",
        definition: r#"{"codec": "string", "postprocessors": ["separate", "collect"]}"#,
        values: &[r#""one""#, r#""two""#],
        chunks: &[b"one\ntwo\n"],
    }],
};

pub(super) fn make_chunk(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    let nothing = Value::record::<&str, Value>([]);
    let config: ChunkConfig = read(path, config.unwrap_or(&nothing))?;
    let max_bytes = config.max_bytes.get();
    Ok(Box::new(move || Box::new(Together::new(max_bytes, false))))
}

pub(super) fn make_collect(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    let config: CollectConfig = config.map_or(Ok(CollectConfig::default()), |config| read(path, config))?;
    let max_bytes = match config.max_bytes {
        0 => MAX_COLLECTED_BYTES,
        bytes => bytes.min(MAX_COLLECTED_BYTES),
    };
    Ok(Box::new(move || Box::new(Together::new(max_bytes, true))))
}

struct Together {
    max_bytes: usize,
    /// Whether a piece that is too long goes out by itself.
    takes_long: bool,
    held: Vec<u8>,
}

impl Together {
    const fn new(max_bytes: usize, takes_long: bool) -> Self {
        Self {
            max_bytes,
            takes_long,
            held: Vec::new(),
        }
    }

    fn give(&mut self, ingest_ns: u64, out: &mut Out<'_>) {
        if !self.held.is_empty() {
            out(Ok(Piece {
                bytes: &self.held,
                ingest_ns,
            }));
            self.held.clear();
        }
    }
}

impl Stage for Together {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let length = piece.bytes.len();
        if length > self.max_bytes && !self.takes_long {
            let text = format!(
                "chunk: a piece of {length} bytes is longer than {} and dropped",
                self.max_bytes
            );
            return out(Err(text.into()));
        }
        if self.held.len() + length > self.max_bytes {
            self.give(piece.ingest_ns, out);
        }
        if length > self.max_bytes {
            return out(Ok(piece));
        }
        self.held.extend_from_slice(piece.bytes);
    }

    fn is_streaming(&self) -> bool {
        true
    }

    fn finish(&mut self, ingest_ns: u64, out: &mut Out<'_>) {
        self.give(ingest_ns, out);
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use proptest::prelude::*;

    use super::super::super::testing::writer;
    use super::*;

    /// What these texts give, finish included; an error as `error`.
    fn write(stage: &str, texts: &[&str]) -> Vec<String> {
        let mut writer = writer(&format!(r#"{{"codec":"string","postprocessors":[{stage}]}}"#));
        let mut chunks = Vec::new();
        for text in texts {
            let result = writer.write(&Value::from(*text), &Value::Null, 5, &mut |chunk| {
                chunks.push(String::from_utf8_lossy(chunk).into_owned());
            });
            if result.is_err() {
                chunks.push("error".into());
            }
        }
        let _ = writer.finish(5, &mut |chunk| chunks.push(String::from_utf8_lossy(chunk).into_owned()));
        chunks
    }

    #[test]
    fn pieces_come_together_as_long_as_they_fit() {
        let chunk = r#"{"name":"chunk","config":{"max_bytes":4}}"#;
        let collect = r#"{"name":"collect","config":{"max_bytes":4}}"#;
        for (stage, texts, expected) in [
            (chunk, &["ab", "cd", "e"][..], &["abcd", "e"][..]),
            (chunk, &["abc", "cd"], &["abc", "cd"]),
            (chunk, &["ab", "too long", "cd"], &["error", "abcd"]),
            (chunk, &[], &[]),
            (chunk, &[""], &[]),
            (collect, &["ab", "cd", "e"], &["abcd", "e"]),
            (collect, &["ab", "too long", "cd"], &["ab", "too long", "cd"]),
            (r#""collect""#, &["ab", "too long", "cd"], &["abtoo longcd"]),
            (r#""collect","separate""#, &["ab", "cd"], &["abcd\n"]),
            (r#""collect""#, &[], &[]),
        ] {
            assert_eq!(write(stage, texts), expected, "{stage} {texts:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_cut_or_out_of_order(texts in proptest::collection::vec("[a-z]{0,6}", 0..12), max in 6..20_usize) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            for name in ["chunk", "collect"] {
                let chunks = write(&format!(r#"{{"name":"{name}","config":{{"max_bytes":{max}}}}}"#), &texts);
                prop_assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= max));
                prop_assert_eq!(chunks.concat(), texts.concat());
            }
        }
    }
}
