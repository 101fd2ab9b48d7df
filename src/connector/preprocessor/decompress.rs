//! `decompress`: each piece is one compressed whole.

use std::boxed::Box;
use std::format;
use std::num::NonZeroUsize;
use std::vec::Vec;

use super::super::compression::{Algorithm, Bounds};
use super::super::config::{ConfigError, Segment, read};
use super::super::doc::{Example, Page};
use super::super::options::{choices, options};
use super::super::registry::Factory;
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

options! {
    struct Config {
        /// The format.
        algorithm: Choice = Choice::Autodetect,
        /// The most bytes that a piece may become; more is an error.
        max_bytes: NonZeroUsize = NonZeroUsize::new(16 << 20).unwrap_or(NonZeroUsize::MIN),
        /// The most that a byte may become; looked at once a piece has become more than 256 KiB.
        max_ratio: NonZeroUsize = NonZeroUsize::new(200).unwrap_or(NonZeroUsize::MIN),
    }
}

choices! {
    enum Choice {
        /// RFC 1952; several members may follow each other.
        Gzip = "gzip",
        /// RFC 1950.
        Zlib = "zlib",
        /// The xz format; several streams may follow each other.
        Xz = "xz2",
        /// Snappy, in its framed format.
        Snappy = "snappy",
        /// LZ4, in its frame format.
        Lz4 = "lz4",
        /// Zstandard, RFC 8878; several frames may follow each other.
        Zstd = "zstd",
        /// Brotli, RFC 7932.
        Brotli = "br",
        /// Each piece in the format of its first bytes; a piece that begins like none of them, or has less than six bytes,
        /// passes unchanged. Brotli can't be told by its first bytes.
        Autodetect = "autodetect",
    }
}

/// A short piece that repeats itself harms nobody.
const RATIO_FROM_BYTES: usize = 256 << 10;

/// So many bytes are needed to tell formats apart.
const DETECTED_BYTES: usize = 6;

pub(super) const PAGE: Page = Page {
    summary: "Decompresses each piece",
    text: "
Each piece is one compressed whole, as `compress` makes it: a message, usually. What is cut off, damaged, followed by
other bytes, or becomes too much (a bomb) is an error event, and costs no more memory than `max_bytes`. Only what follows the
end of Brotli is not noticed.
",
    options: Config::OPTIONS,
    examples: &[Example::In {
        title: "Compressed or not",
        definition: r#"{"codec": "string", "preprocessors": ["decompress"]}"#,
        messages: &[
            b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15",
            b"hello",
            b"\x78\x9c\xcb\x48\xcd\xc9",
        ],
        events: &[r#""hello""#, r#""hello""#, "error"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    let config: Config = config.map_or(Ok(Config::default()), |config| read(path, config))?;
    let algorithm = match config.algorithm {
        Choice::Gzip => Some(Algorithm::Gzip),
        Choice::Zlib => Some(Algorithm::Zlib),
        Choice::Xz => Some(Algorithm::Xz),
        Choice::Snappy => Some(Algorithm::Snappy),
        Choice::Lz4 => Some(Algorithm::Lz4),
        Choice::Zstd => Some(Algorithm::Zstd),
        Choice::Brotli => Some(Algorithm::Brotli),
        Choice::Autodetect => None,
    };
    let bounds = Bounds {
        bytes: config.max_bytes.get(),
        ratio: config.max_ratio.get(),
        ratio_from_bytes: RATIO_FROM_BYTES,
    };
    Ok(Box::new(move || Box::new(Decompress { algorithm, bounds })))
}

struct Decompress {
    /// Or else what each piece begins with.
    algorithm: Option<Algorithm>,
    bounds: Bounds,
}

impl Stage for Decompress {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let detect = || Algorithm::detect(piece.bytes).filter(|_| piece.bytes.len() >= DETECTED_BYTES);
        let Some(algorithm) = self.algorithm.or_else(detect) else {
            return out(Ok(piece));
        };
        let mut bytes = Vec::new();
        match algorithm.decompress(piece.bytes, self.bounds, &mut bytes) {
            Ok(()) => out(Ok(Piece { bytes: &bytes, ..piece })),
            Err(error) => out(Err(format!("decompress ({}): {error}", algorithm.name()).into())),
        }
    }
}
