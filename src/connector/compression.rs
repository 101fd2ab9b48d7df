//! The compression formats of the processors `decompress`, `compress` and `streaming-compress`.

use std::format;
use std::io::{self, Read, Write};
use std::string::String;
use std::vec::Vec;

use super::options::choices;

choices! {
    pub(super) enum Algorithm {
        /// RFC 1952.
        Gzip = "gzip",
        /// RFC 1950.
        Zlib = "zlib",
        /// The xz format.
        Xz = "xz2",
        /// Snappy, in its framed format.
        Snappy = "snappy",
        /// LZ4, in its frame format.
        Lz4 = "lz4",
        /// Zstandard, RFC 8878.
        Zstd = "zstd",
        /// Brotli, RFC 7932.
        Brotli = "br",
    }
}

/// What decoders may take for their own windows: above what the formats' own tools use by default.
const MAX_WINDOW_LOG: u32 = 27;
const MAX_XZ_BYTES: u64 = 128 << 20;

/// How much is inflated between two looks at the bounds.
const STEP_BYTES: usize = 16 << 10;

/// Bounds of what compressed bytes may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes in all.
    pub(super) bytes: usize,
    /// As a multiple of the compressed bytes.
    pub(super) ratio: usize,
    /// From so many bytes on.
    pub(super) ratio_from_bytes: usize,
}

impl Algorithm {
    /// The format that the first bytes are typical of; `None` if of none of them. Brotli has no such bytes.
    pub(super) fn detect(bytes: &[u8]) -> Option<Self> {
        const SNAPPY: &[u8] = b"\xff\x06\0\0sN";
        match bytes {
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            // RFC 1950 section 2.2: deflate with a window of 32 KiB, and a check of both bytes.
            [0x78, flags, ..] if (0x7800 + u16::from(*flags)).is_multiple_of(31) && flags & 0x20 == 0 => {
                Some(Self::Zlib)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ if bytes.starts_with(SNAPPY) => Some(Self::Snappy),
            _ => None,
        }
    }

    /// Appends what `bytes`, which are one compressed whole, become.
    pub(super) fn decompress(self, bytes: &[u8], bounds: Bounds, out: &mut Vec<u8>) -> Result<(), String> {
        let mut rest = bytes;
        match self {
            Self::Gzip => read_all(
                flate2::bufread::MultiGzDecoder::new(&mut rest),
                bytes.len(),
                bounds,
                out,
            )?,
            Self::Zlib => read_all(flate2::bufread::ZlibDecoder::new(&mut rest), bytes.len(), bounds, out)?,
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(MAX_XZ_BYTES, liblzma::stream::CONCATENATED)
                    .map_err(|error| format!("{error}"))?;
                let decoder = liblzma::bufread::XzDecoder::new_stream(&mut rest, stream);
                read_all(decoder, bytes.len(), bounds, out)?;
            }
            Self::Snappy => read_all(snap::read::FrameDecoder::new(&mut rest), bytes.len(), bounds, out)?,
            Self::Lz4 => {
                let mut decoder = lz4::Decoder::new(&mut rest).map_err(|error| format!("{error}"))?;
                read_all(&mut decoder, bytes.len(), bounds, out)?;
                // Only this tells of a frame that is cut off.
                decoder.finish().1.map_err(|error| format!("{error}"))?;
            }
            Self::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(&mut rest).map_err(|error| format!("{error}"))?;
                decoder
                    .window_log_max(MAX_WINDOW_LOG)
                    .map_err(|error| format!("{error}"))?;
                read_all(decoder, bytes.len(), bounds, out)?;
            }
            Self::Brotli => {
                read_all(
                    brotli::Decompressor::new(&mut rest, STEP_BYTES),
                    bytes.len(),
                    bounds,
                    out,
                )?;
            }
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(format!("{} bytes follow the end of what is compressed", rest.len()))
        }
    }

    /// Appends `bytes`, compressed. `level` was checked by [`check_level`].
    pub(super) fn compress(self, level: Option<i32>, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
                encoder.write_all(bytes)?;
                encoder.finish().map(drop)
            }
            Self::Zlib => {
                let mut encoder = flate2::write::ZlibEncoder::new(out, flate2::Compression::default());
                encoder.write_all(bytes)?;
                encoder.finish().map(drop)
            }
            Self::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(out, xz_level(level));
                encoder.write_all(bytes)?;
                encoder.finish().map(drop)
            }
            Self::Snappy => {
                let mut encoder = snap::write::FrameEncoder::new(out);
                encoder.write_all(bytes)?;
                encoder
                    .into_inner()
                    .map(drop)
                    .map_err(|error| io::Error::other(format!("{error}")))
            }
            Self::Lz4 => {
                let level = u32::try_from(level.unwrap_or(LZ4_LEVEL)).unwrap_or(0);
                let mut encoder = lz4::EncoderBuilder::new().level(level).build(out)?;
                encoder.write_all(bytes)?;
                encoder.finish().1
            }
            Self::Zstd => zstd::stream::copy_encode(bytes, out, level.unwrap_or(0)),
            Self::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(out, STEP_BYTES, 11, 22);
                encoder.write_all(bytes)?;
                encoder.flush()
            }
        }
    }

    /// The levels that it has, if it has any.
    const fn levels(self) -> Option<std::ops::RangeInclusive<i32>> {
        match self {
            Self::Xz => Some(0..=9),
            Self::Lz4 => Some(0..=16),
            Self::Zstd => Some(-7..=22),
            Self::Gzip | Self::Zlib | Self::Snappy | Self::Brotli => None,
        }
    }

    /// What is wrong with a level, and what would be right.
    pub(super) fn check_level(self, level: i64) -> Result<i32, (String, String)> {
        let Some(levels) = self.levels() else {
            return Err((
                format!("{} has no levels", self.name()),
                "`level` only with `xz2`, `lz4` or `zstd`".into(),
            ));
        };
        let number = i32::try_from(level).ok().filter(|level| levels.contains(level));
        let expected = format!("an integer from {} to {}", levels.start(), levels.end());
        number.ok_or_else(|| {
            (
                format!("the level of {} must be {expected}, not {level}", self.name()),
                expected,
            )
        })
    }
}

/// Tremor's default.
const LZ4_LEVEL: i32 = 4;

fn xz_level(level: Option<i32>) -> u32 {
    level.and_then(|level| u32::try_from(level).ok()).unwrap_or(9)
}

/// Reads a decoder to its end, as far as the bounds allow.
fn read_all(mut decoder: impl Read, compressed: usize, bounds: Bounds, out: &mut Vec<u8>) -> Result<(), String> {
    let mut step = [0; STEP_BYTES];
    let begin = out.len();
    loop {
        let count = match decoder.read(&mut step) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("{error}")),
        };
        let total = out.len() - begin + count;
        if total > bounds.bytes {
            return Err(format!("it becomes more than {} bytes", bounds.bytes));
        }
        if total > bounds.ratio_from_bytes && total / bounds.ratio > compressed {
            return Err(format!("it becomes more than {} times as long", bounds.ratio));
        }
        out.extend_from_slice(&step[..count]);
    }
}

/// One compressed whole over many pieces.
pub(super) enum Stream {
    Xz(liblzma::write::XzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Stream {
    pub(super) fn xz(level: Option<i32>) -> Self {
        Self::Xz(liblzma::write::XzEncoder::new(Vec::new(), xz_level(level)))
    }

    pub(super) fn zstd(level: Option<i32>) -> io::Result<Self> {
        zstd::stream::write::Encoder::new(Vec::new(), level.unwrap_or(0)).map(Self::Zstd)
    }

    /// Takes bytes; what is compressed by now, which may be nothing, is given.
    pub(super) fn write(&mut self, bytes: &[u8], is_flushed: bool) -> io::Result<Vec<u8>> {
        match self {
            Self::Xz(encoder) => {
                encoder.write_all(bytes)?;
                if is_flushed {
                    encoder.flush()?;
                }
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Zstd(encoder) => {
                encoder.write_all(bytes)?;
                if is_flushed {
                    encoder.flush()?;
                }
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }

    /// The end: gives the rest.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Xz(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use proptest::prelude::*;

    use super::super::testing::{read_all, write_all};
    use super::super::value::Value;
    use super::*;

    const ALL: [Algorithm; 7] = [
        Algorithm::Gzip,
        Algorithm::Zlib,
        Algorithm::Xz,
        Algorithm::Snappy,
        Algorithm::Lz4,
        Algorithm::Zstd,
        Algorithm::Brotli,
    ];

    const BOUNDS: Bounds = Bounds {
        bytes: 1 << 20,
        ratio: 200,
        ratio_from_bytes: 64 << 10,
    };

    fn compressed(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        algorithm.compress(None, bytes, &mut out).unwrap();
        out
    }

    fn decompressed(algorithm: Algorithm, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        algorithm.decompress(bytes, BOUNDS, &mut out).map(|()| out)
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for algorithm in ALL {
            let detected = Algorithm::detect(&compressed(algorithm, b"hello"));
            let expected = (algorithm != Algorithm::Brotli).then_some(algorithm);
            assert_eq!(detected, expected, "{algorithm:?}");
        }
        assert_eq!(
            Algorithm::detect(b"xylophone"),
            None,
            "it is text, though it begins with 0x78"
        );
    }

    #[test]
    fn a_bomb_is_an_error_and_stays_within_its_bound() {
        let nothing = vec![0; 8 << 20];
        for algorithm in ALL {
            let bomb = compressed(algorithm, &nothing);
            let mut out = Vec::new();
            let error = algorithm.decompress(&bomb, BOUNDS, &mut out).unwrap_err();
            assert!(error.starts_with("it becomes more than"), "{algorithm:?}: {error}");
            assert!(out.len() <= BOUNDS.bytes, "{algorithm:?}: {}", out.len());
            let many = Bounds {
                ratio: usize::MAX,
                ..BOUNDS
            };
            let error = algorithm.decompress(&bomb, many, &mut Vec::new()).unwrap_err();
            assert_eq!(error, "it becomes more than 1048576 bytes", "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_followed_by_other_bytes_is_an_error() {
        let text: Vec<u8> = (0..2000_u32)
            .flat_map(|number| number.to_string().into_bytes())
            .collect();
        for algorithm in ALL {
            let whole = compressed(algorithm, &text);
            assert_eq!(decompressed(algorithm, &whole).as_ref(), Ok(&text), "{algorithm:?}");
            let cut = decompressed(algorithm, &whole[..whole.len() / 2]);
            assert!(cut.is_err(), "{algorithm:?}: cut off");
            let followed = decompressed(algorithm, &[whole.as_slice(), b"more"].concat());
            // The decoder of Brotli reads ahead.
            assert_eq!(followed.is_err(), algorithm != Algorithm::Brotli, "{algorithm:?}");
        }
    }

    #[test]
    fn members_may_follow_each_other_where_the_format_allows_it() {
        for algorithm in [Algorithm::Gzip, Algorithm::Xz, Algorithm::Zstd] {
            let two = [compressed(algorithm, b"hel"), compressed(algorithm, b"lo")].concat();
            assert_eq!(decompressed(algorithm, &two), Ok(b"hello".to_vec()), "{algorithm:?}");
        }
    }

    #[test]
    fn levels_are_checked() {
        for (algorithm, level, right) in [
            (Algorithm::Xz, 0, true),
            (Algorithm::Xz, 10, false),
            (Algorithm::Lz4, 0, true),
            (Algorithm::Lz4, -1, false),
            (Algorithm::Zstd, -7, true),
            (Algorithm::Zstd, 23, false),
            (Algorithm::Gzip, 6, false),
            (Algorithm::Brotli, 1, false),
        ] {
            assert_eq!(algorithm.check_level(level).is_ok(), right, "{algorithm:?} {level}");
            if right {
                let mut out = Vec::new();
                algorithm
                    .compress(i32::try_from(level).ok(), b"hello", &mut out)
                    .unwrap();
                assert_eq!(decompressed(algorithm, &out), Ok(b"hello".to_vec()));
            }
        }
    }

    #[test]
    fn a_stream_is_one_whole_however_it_is_given() {
        for (algorithm, config) in [
            ("zstd", r#"{"algorithm":"zstd"}"#),
            ("zstd", r#"{"algorithm":"zstd","level":9,"flush":true}"#),
            ("xz2", r#"{"algorithm":"xz2"}"#),
            ("xz2", r#"{"algorithm":"xz2","level":1,"flush":true}"#),
        ] {
            let definition =
                format!(r#"{{"codec":"string","postprocessors":[{{"name":"streaming-compress","config":{config}}}]}}"#);
            let mut writer = super::super::testing::writer(&definition);
            let mut chunks: Vec<Vec<u8>> = Vec::new();
            for word in ["one ", "two ", "three"] {
                writer
                    .write(&Value::from(word), &Value::Null, 5, &mut |chunk| {
                        chunks.push(chunk.to_vec())
                    })
                    .unwrap();
            }
            writer.finish(6, &mut |chunk| chunks.push(chunk.to_vec())).unwrap();
            if config.contains("flush") {
                assert!(chunks.len() >= 3, "each event leaves at once");
            }
            let read = format!(
                r#"{{"codec":"string","preprocessors":[{{"name":"decompress","config":{{"algorithm":"{algorithm}"}}}}]}}"#
            );
            assert_eq!(read_all(&read, [chunks.concat()]), [r#""one two three""#], "{config}");
        }
    }

    proptest! {
        /// What `compress` makes, `decompress` undoes, with and without being told the format.
        #[test]
        fn what_is_compressed_is_decompressed(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            which in 0..ALL.len(),
        ) {
            let algorithm = ALL[which];
            let name = algorithm.name();
            let out = format!(
                r#"{{"codec":"binary","postprocessors":[{{"name":"compress","config":{{"algorithm":"{name}"}}}}]}}"#
            );
            let chunks = write_all(&out, &Value::from(bytes.as_slice())).unwrap();
            let told = format!(
                r#"{{"codec":"binary","preprocessors":[{{"name":"decompress","config":{{"algorithm":"{name}"}}}}]}}"#
            );
            let expected = [Value::from(bytes.as_slice()).to_string()];
            prop_assert_eq!(read_all(&told, &chunks), expected.clone());
            if algorithm != Algorithm::Brotli {
                let detected = r#"{"codec":"binary","preprocessors":["decompress"]}"#;
                prop_assert_eq!(read_all(detected, &chunks), expected);
            }
        }

        /// Hostile bytes give an error or something within the bounds, never a panic.
        #[test]
        fn any_bytes_are_survived(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            which in 0..ALL.len(),
            flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        ) {
            let algorithm = ALL[which];
            let mut damaged = compressed(algorithm, &bytes);
            for (place, byte) in flips {
                let place = place % damaged.len();
                damaged[place] = byte;
            }
            for hostile in [&damaged, &bytes] {
                let mut out = Vec::new();
                let _ = algorithm.decompress(hostile, BOUNDS, &mut out);
                prop_assert!(out.len() <= BOUNDS.bytes);
            }
        }
    }
}
