//! Decisions read from the bytes that a fuzzer gives.

use alloc::vec::Vec;

/// Bytes that decide what happens next; after their end every decision is the first choice.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    rest: &'a [u8],
    /// How many more payloads may be long: one shows what a hundred would, and takes a hundredth of the time.
    long_left: u8,
}

/// Lengths at which a frame's header changes its form, and such as meet the limits of the tests.
const LENGTHS: [usize; 10] = [124, 125, 126, 127, 300, 301, 1_000, 4_096, 65_535, 65_536];

/// Pieces of text of which each has another width in UTF-8.
const TEXT: [&str; 5] = ["a", "ß", "€", "😀", "wsloop "];

impl<'a> Plan<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            long_left: 3,
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        byte
    }

    /// One of the choices.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// The next `count` bytes, or what there is of them.
    pub(super) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// A length: any short one, or one at a border.
    pub(super) fn length(&mut self) -> usize {
        let byte = usize::from(self.byte());
        let Some(index) = byte.checked_sub(256 - LENGTHS.len()) else {
            return byte;
        };
        if LENGTHS[index] < 1_000 {
            return LENGTHS[index];
        }
        let is_last = self.long_left == 0;
        self.long_left = self.long_left.saturating_sub(1);
        if is_last { 200 } else { LENGTHS[index] }
    }

    /// How many bytes go on: some, many, or all.
    pub(super) fn share(&mut self) -> usize {
        match self.byte() {
            few @ 0..=199 => usize::from(few),
            many @ 200..=249 => usize::from(many - 199) * 100,
            _ => usize::MAX,
        }
    }

    /// A payload of bytes without a pattern that a mask or a compressor could meet by chance.
    pub(super) fn binary(&mut self) -> Vec<u8> {
        let length = self.length();
        let mut state = u32::from(self.byte()) | 0x100;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        core::iter::repeat_with(next).take(length).collect()
    }

    /// Text of characters of all widths, exactly as long as was drawn.
    pub(super) fn text(&mut self) -> Vec<u8> {
        let length = self.length();
        let first = usize::from(self.byte());
        let mut text = Vec::with_capacity(length);
        for step in 0.. {
            let piece = TEXT[(first + step) % TEXT.len()];
            if text.len() + piece.len() > length {
                break;
            }
            text.extend_from_slice(piece.as_bytes());
        }
        text.resize(length, b'z');
        text
    }
}

/// Some cuts within `len` bytes, ascending, that follow from `seed`.
pub(super) fn scattered(len: usize, seed: u8) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut random = u32::from(seed).wrapping_mul(0x9E37_79B9) | 1;
    let mut at = 0;
    loop {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        // The longer, the fewer, so that long inputs take no longer than they must.
        at += 1 + (random % (3 + u32::from(seed))) as usize + len / 4_096;
        if at >= len {
            return cuts;
        }
        cuts.push(at);
    }
}

/// `bytes` in the pieces that `cuts` make of them.
pub(super) fn pieces<'a>(bytes: &'a [u8], cuts: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let starts = core::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([bytes.len()]);
    starts.zip(ends).map(|(start, end)| &bytes[start..end])
}
