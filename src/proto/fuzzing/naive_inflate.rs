//! A second inflater: slow, plain, bit by bit, and made from RFC 1951 and RFC 7692 alone.

use alloc::vec::Vec;

/// What RFC 7692 section 7.2.2 puts back behind a message.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// Not DEFLATE, or it ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad;

/// The peer's window, kept from message to message.
#[derive(Debug, Default)]
pub(super) struct Inflater {
    history: Vec<u8>,
}

impl Inflater {
    /// Inflates a whole message; gives also what came out before a fault.
    pub(super) fn message(&mut self, payload: &[u8], takes_over: bool) -> (Vec<u8>, Result<(), Bad>) {
        if !takes_over {
            self.history.clear();
        }
        let mut run = Run {
            bytes: [payload, &TAIL].concat(),
            payload_bits: payload.len() * 8,
            at: 0,
            out: core::mem::take(&mut self.history),
            window: 0,
        };
        let start = run.out.len();
        let result = if payload.is_empty() { Ok(()) } else { run.blocks() };
        let message = run.out[start..].to_vec();
        self.history = run.out.split_off(run.window);
        (message, result)
    }
}

/// The work on one message.
struct Run {
    bytes: Vec<u8>,
    payload_bits: usize,
    /// The next bit.
    at: usize,
    out: Vec<u8>,
    /// Where in `out` the window may begin.
    window: usize,
}

impl Run {
    fn blocks(&mut self) -> Result<(), Bad> {
        loop {
            let is_last = self.bits(1)? == 1;
            match self.bits(2)? {
                0 => self.stored()?,
                1 => self.compressed(&Code::new(&fixed_lengths()), &Code::new(&[5; 30]))?,
                2 => self.dynamic()?,
                _ => return Err(Bad),
            }
            if is_last {
                // RFC 7692 section 7.2.3.4: another stream may follow, at the next byte and without what went before.
                self.at = self.at.next_multiple_of(8);
                self.window = self.out.len();
            }
            let end = self.bytes.len() * 8;
            if is_last && self.at == self.payload_bits || self.at == end {
                return Ok(());
            }
            if is_last && self.at > self.payload_bits {
                return Err(Bad);
            }
        }
    }

    fn bits(&mut self, count: usize) -> Result<usize, Bad> {
        let mut value = 0;
        for bit in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or(Bad)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Ok(value)
    }

    /// Puts out a byte. What was put back may not become one.
    fn put(&mut self, byte: u8) -> Result<(), Bad> {
        if self.at > self.payload_bits {
            return Err(Bad);
        }
        self.out.push(byte);
        Ok(())
    }

    fn stored(&mut self) -> Result<(), Bad> {
        self.at = self.at.next_multiple_of(8);
        let length = self.bits(16)?;
        if self.bits(16)? != length ^ 0xFFFF {
            return Err(Bad);
        }
        for _ in 0..length {
            let byte = self.bits(8)? as u8;
            self.put(byte)?;
        }
        Ok(())
    }

    fn dynamic(&mut self) -> Result<(), Bad> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let literals = self.bits(5)? + 257;
        let distances = self.bits(5)? + 1;
        let lengths = self.bits(4)? + 4;
        if literals > 286 || distances > 30 {
            return Err(Bad);
        }
        let mut code = [0; 19];
        for place in &ORDER[..lengths] {
            code[*place] = self.bits(3)?;
        }
        let code = Code::new(&code);
        // Zlib takes no incomplete code here, and below only one of a single bit.
        if code.left != 0 {
            return Err(Bad);
        }
        let mut all: Vec<usize> = Vec::new();
        while all.len() < literals + distances {
            let (value, times) = match self.symbol(&code)? {
                16 => (*all.last().ok_or(Bad)?, 3 + self.bits(2)?),
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (length, 1),
            };
            all.resize(all.len() + times, value);
        }
        if all.len() > literals + distances || all[256] == 0 {
            return Err(Bad);
        }
        let literal = Code::new(&all[..literals]);
        let distance = Code::new(&all[literals..]);
        if !literal.is_usable() || !distance.is_usable() {
            return Err(Bad);
        }
        self.compressed(&literal, &distance)
    }

    fn compressed(&mut self, literal: &Code, distance: &Code) -> Result<(), Bad> {
        loop {
            let symbol = self.symbol(literal)?;
            if symbol == 256 {
                return Ok(());
            }
            if symbol < 256 {
                self.put(symbol as u8)?;
                continue;
            }
            let length = match symbol - 257 {
                short @ 0..8 => 3 + short,
                28 => 258,
                long @ 8..28 => 3 + ((4 + long % 4) << (long / 4 - 1)) + self.bits(long / 4 - 1)?,
                _ => return Err(Bad),
            };
            let back = match self.symbol(distance)? {
                near @ 0..4 => 1 + near,
                far @ 4..30 => 1 + ((2 + far % 2) << (far / 2 - 1)) + self.bits(far / 2 - 1)?,
                _ => return Err(Bad),
            };
            if back > self.out.len() - self.window {
                return Err(Bad);
            }
            for _ in 0..length {
                self.put(self.out[self.out.len() - back])?;
            }
        }
    }

    fn symbol(&mut self, code: &Code) -> Result<usize, Bad> {
        let (mut bits, mut first, mut index) = (0, 0, 0);
        for count in &code.counts[1..] {
            bits |= self.bits(1)?;
            if bits < first + count {
                return Ok(code.symbols[index + bits - first]);
            }
            index += count;
            first = (first + count) << 1;
            bits <<= 1;
        }
        Err(Bad)
    }
}

/// A canonical Huffman code (RFC 1951 section 3.2.2).
struct Code {
    /// How many codes there are of each length.
    counts: [usize; 16],
    /// The symbols in the order of their codes.
    symbols: Vec<usize>,
    /// How much of the space of codes is left, in codes of 15 bits; less than nothing if there are too many.
    left: i32,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut counts = [0; 16];
        let mut symbols = Vec::new();
        let mut left = 1 << 15;
        for (length, count) in counts.iter_mut().enumerate().skip(1) {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, other)| **other == length) {
                *count += 1;
                symbols.push(symbol);
                left -= 1 << (15 - length);
            }
        }
        // No code at all is as good as complete until it is used.
        if symbols.is_empty() {
            left = 0;
        }
        Self { counts, symbols, left }
    }

    fn is_usable(&self) -> bool {
        self.left == 0 || self.left > 0 && self.symbols.len() == 1 && self.counts[1] == 1
    }
}

fn fixed_lengths() -> Vec<usize> {
    let length = |symbol| match symbol {
        0..144 => 8,
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    };
    (0..288).map(length).collect()
}
