//! One compressor: zlib-rs, raw, flushed at the end of each piece.

use alloc::vec::Vec;

use zlib_rs::{DeflateConfig, DeflateFlush, Status};

use super::{Deflate, TAIL};

/// Most room made for output at once, in bytes; a multiple of what fits into a cache.
const STEP_BYTES: usize = 32 << 10;
/// Room that is there at each call: an empty flush of six bytes must fit, lest it be repeated.
const SPARE_BYTES: usize = 64;

/// What compressors must have in common to stand in for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    window_bits: u8,
    level: u8,
    memory_level: u8,
}

impl Shape {
    /// `None` for a window that we can't compress with: zlib's compressors know none of 8 bits.
    pub(super) fn new(config: &Deflate, agreed_window_bits: u8) -> Option<Self> {
        let window_bits = agreed_window_bits.min(config.own_max_window_bits.clamp(9, 15));
        (window_bits >= 9).then_some(Self {
            window_bits,
            level: config.level.min(9),
            memory_level: config.memory_level.clamp(1, 9),
        })
    }

    /// What a compressor takes: the window twice, its chains, the hash table, the symbols gathered and the output that
    /// waits; the rest is its state.
    pub(super) const fn bytes(self) -> usize {
        let window = 4usize << self.window_bits;
        let gathered = 448usize << self.memory_level;
        let hash = 128 << 10;
        let state = 4 << 10;
        window + gathered + hash + state
    }
}

/// A compressor and its context.
pub(super) struct Compressor {
    shape: Shape,
    inner: zlib_rs::Deflate,
}

impl Compressor {
    /// Allocates; see [`Shape::bytes`].
    pub(super) fn new(shape: Shape) -> Self {
        let config = DeflateConfig {
            level: i32::from(shape.level),
            window_bits: -i32::from(shape.window_bits),
            mem_level: i32::from(shape.memory_level),
            ..DeflateConfig::default()
        };
        Self {
            shape,
            inner: zlib_rs::Deflate::new_with_config(config),
        }
    }

    pub(super) const fn shape(&self) -> Shape {
        self.shape
    }

    /// Forgets all that went before.
    pub(super) fn reset(&mut self) {
        self.inner.reset();
    }

    /// Appends `piece`, compressed and flushed to a whole byte; the last piece of a message without the four bytes that
    /// end a flush (RFC 7692 section 7.2.1).
    pub(super) fn compress(&mut self, mut piece: &[u8], last: bool, output: &mut Vec<u8>) {
        if piece.is_empty() {
            // Nothing to flush, and zlib would flush nothing. Section 7.2.3.6: the head of an empty block stands for it.
            if last {
                output.push(0x00);
            }
            return;
        }
        loop {
            let start = output.len();
            let room = piece.len().min(STEP_BYTES) + SPARE_BYTES;
            output.resize(start + room, 0);
            let before = (self.inner.total_in(), self.inner.total_out());
            let status = self
                .inner
                .compress(piece, &mut output[start..], DeflateFlush::SyncFlush);
            let consumed = usize::try_from(self.inner.total_in() - before.0).unwrap_or(usize::MAX);
            let written = usize::try_from(self.inner.total_out() - before.1).unwrap_or(usize::MAX);
            piece = &piece[consumed.min(piece.len())..];
            output.truncate(start + written);
            // A compressor has no bad input; whatever else it says, it would say again.
            debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)));
            let is_flushed = piece.is_empty() && written < room;
            if is_flushed || !matches!(status, Ok(Status::Ok)) {
                break;
            }
        }
        if last {
            debug_assert!(output.ends_with(&TAIL));
            output.truncate(output.len() - TAIL.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(window_bits: u8, level: u8, memory_level: u8) -> Shape {
        let config = Deflate {
            own_max_window_bits: window_bits,
            level,
            memory_level,
            ..Deflate::default()
        };
        Shape::new(&config, 15).unwrap()
    }

    #[test]
    fn a_window_of_eight_bits_is_none() {
        assert_eq!(Shape::new(&Deflate::default(), 8), None);
        assert_eq!(shape(0, 200, 0), shape(9, 9, 1));
        assert_eq!(shape(99, 0, 99), shape(15, 0, 9));
    }

    #[test]
    fn the_examples_of_rfc_7692() {
        // Sections 7.2.3.1, 7.2.3.2 and 7.2.3.6.
        let mut compressor = Compressor::new(shape(15, 6, 8));
        let mut output = Vec::new();
        compressor.compress(b"Hello", true, &mut output);
        assert_eq!(output, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        output.clear();
        compressor.compress(b"Hello", true, &mut output);
        assert_eq!(output, [0xf2, 0x00, 0x11, 0x00, 0x00]);
        output.clear();
        compressor.compress(b"", true, &mut output);
        assert_eq!(output, [0x00]);
        output.clear();
        compressor.reset();
        compressor.compress(b"Hello", true, &mut output);
        assert_eq!(output, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    }

    #[test]
    fn what_a_compressor_takes_is_known() {
        // Measured with a counting allocator, zlib-rs 0.6.8.
        for (window_bits, memory_level, measured) in
            [(9, 1, 137_216), (12, 5, 164_992), (15, 5, 279_680), (15, 9, 494_720)]
        {
            let counted = shape(window_bits, 6, memory_level).bytes();
            assert!(
                (measured..measured + 1024).contains(&counted),
                "{window_bits} {memory_level}: {counted}"
            );
        }
    }
}
