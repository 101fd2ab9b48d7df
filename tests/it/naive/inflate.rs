//! DEFLATE from RFC 1951, bit after bit, as RFC 7692 section 7.2.2 uses it.

/// How far back a match may reach, whatever was agreed on: RFC 7692 section 7.2.2 lets an endpoint take more than that.
const WINDOW_BYTES: usize = 32 << 10;

/// What was made of a compressed message, or of the part of it that has come.
pub(crate) struct Inflated {
    pub(crate) output: Vec<u8>,
    /// What follows can't be DEFLATE, or the message ended within a block.
    pub(crate) fault: bool,
    /// What the next message may refer to.
    pub(crate) window: Vec<u8>,
}

/// Inflates `bytes`, which are a whole message if `last`, after `window`.
pub(crate) fn inflate(window: &[u8], bytes: &[u8], last: bool) -> Inflated {
    let part = run(window, bytes, None);
    if !last || bytes.is_empty() || part.fault {
        return part;
    }
    let whole = run(window, &[bytes, &[0, 0, 0xFF, 0xFF]].concat(), Some(bytes.len()));
    // What is put back says nothing of its own.
    let fault = whole.fault || whole.output.len() > part.output.len();
    Inflated {
        output: part.output,
        fault,
        window: whole.window,
    }
}

/// Inflates `bytes`, of which those from `end` on were put back, as far as it goes.
fn run(window: &[u8], bytes: &[u8], end: Option<usize>) -> Inflated {
    let mut stream = Stream {
        bytes,
        at: 0,
        reached: window.to_vec(),
        output: Vec::new(),
    };
    let result = stream.blocks(end);
    let fault = matches!((result, end), (Err(Stop::Fault), _) | (Err(Stop::Short), Some(_)));
    Inflated {
        output: stream.output,
        fault,
        window: stream.reached,
    }
}

/// Why it goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Short,
    Fault,
}

struct Stream<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
    /// What matches may refer to.
    reached: Vec<u8>,
    output: Vec<u8>,
}

impl Stream<'_> {
    /// Reads blocks; `end`: where the message's own bytes end, before those that were put back.
    fn blocks(&mut self, end: Option<usize>) -> Result<(), Stop> {
        while self.at < self.bytes.len() * 8 {
            let is_final = self.bits(1)? == 1;
            let mut length_at = None;
            match self.bits(2)? {
                0 => length_at = Some(self.stored()?),
                // Section 3.2.6: of 32 distances the last two are never used, but have codes.
                1 => self.coded(&fixed_literals(), &Code::new(&[5; 32]))?,
                2 => {
                    let (literals, distances) = self.codes()?;
                    self.coded(&literals, &distances)?;
                }
                _ => return Err(Stop::Fault),
            }
            if is_final {
                // RFC 7692 section 7.2.3.4: another stream may follow, at the next byte and with nothing before it.
                self.at = self.at.next_multiple_of(8);
                self.reached.clear();
                if end == Some(self.at / 8) {
                    return Ok(());
                }
            }
            // The four bytes are those of an empty block, and of nothing else.
            if self.at == self.bytes.len() * 8 && end.is_some() && end != length_at {
                return Err(Stop::Fault);
            }
        }
        if end.is_some_and(|end| end * 8 > self.at) {
            Err(Stop::Short)
        } else {
            Ok(())
        }
    }

    fn bits(&mut self, count: usize) -> Result<usize, Stop> {
        if self.at + count > self.bytes.len() * 8 {
            return Err(Stop::Short);
        }
        let mut value = 0;
        for index in 0..count {
            let at = self.at + index;
            value |= usize::from(self.bytes[at / 8] >> (at % 8) & 1) << index;
        }
        self.at += count;
        Ok(value)
    }

    fn put(&mut self, byte: u8) {
        self.output.push(byte);
        self.reached.push(byte);
    }

    /// RFC 1951 section 3.2.4; gives at which byte its length stood.
    fn stored(&mut self) -> Result<usize, Stop> {
        self.at = self.at.next_multiple_of(8);
        let start = self.at / 8;
        let (length, inverse) = (self.bits(16)?, self.bits(16)?);
        if length != !inverse & 0xFFFF {
            return Err(Stop::Fault);
        }
        for _ in 0..length {
            let byte = self.bits(8)? as u8;
            self.put(byte);
        }
        Ok(start)
    }

    /// Section 3.2.5.
    fn coded(&mut self, literals: &Code, distances: &Code) -> Result<(), Stop> {
        loop {
            match self.symbol(literals)? {
                literal @ 0..256 => self.put(literal as u8),
                256 => return Ok(()),
                symbol => {
                    let (base, extra) = *LENGTHS.get(symbol - 257).ok_or(Stop::Fault)?;
                    let length = base + self.bits(extra)?;
                    let (base, extra) = *DISTANCES.get(self.symbol(distances)?).ok_or(Stop::Fault)?;
                    let distance = base + self.bits(extra)?;
                    if distance > self.reached.len().min(WINDOW_BYTES) {
                        return Err(Stop::Fault);
                    }
                    for _ in 0..length {
                        self.put(self.reached[self.reached.len() - distance]);
                    }
                }
            }
        }
    }

    fn symbol(&mut self, code: &Code) -> Result<usize, Stop> {
        let mut bits = 0;
        for length in 1..=15 {
            bits = bits * 2 + self.bits(1)?;
            if let Some(symbol) = code.symbol(length, bits) {
                return Ok(symbol);
            }
            if !code.begins(length, bits) {
                break;
            }
        }
        Err(Stop::Fault)
    }

    /// Section 3.2.7.
    fn codes(&mut self) -> Result<(Code, Code), Stop> {
        let (literals, distances) = (self.bits(5)? + 257, self.bits(5)? + 1);
        let count = self.bits(4)? + 4;
        if literals > 286 || distances > 30 {
            return Err(Stop::Fault);
        }
        let mut lengths = [0; 19];
        for place in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
            .into_iter()
            .take(count)
        {
            lengths[place] = self.bits(3)?;
        }
        let code = Code::new(&lengths);
        if code.missing() != 0 {
            return Err(Stop::Fault);
        }
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (value, times) = match self.symbol(&code)? {
                16 => (*lengths.last().ok_or(Stop::Fault)?, 3 + self.bits(2)?),
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (length, 1),
            };
            lengths.extend(std::iter::repeat_n(value, times));
        }
        if lengths.len() > literals + distances || lengths[256] == 0 {
            return Err(Stop::Fault);
        }
        let (literals, distances) = (Code::new(&lengths[..literals]), Code::new(&lengths[literals..]));
        if !literals.is_usable() || !distances.is_usable() {
            return Err(Stop::Fault);
        }
        Ok((literals, distances))
    }
}

/// A canonical Huffman code (section 3.2.2): for each symbol its length and bits.
struct Code(Vec<(usize, usize)>);

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut next = 0;
        let mut code = vec![(0, 0); lengths.len()];
        for length in 1..=15 {
            next *= 2;
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, own)| **own == length) {
                code[symbol] = (length, next);
                next += 1;
            }
        }
        Self(code)
    }

    fn symbol(&self, length: usize, bits: usize) -> Option<usize> {
        self.0.iter().position(|&code| code == (length, bits))
    }

    /// Whether a longer code begins so.
    fn begins(&self, length: usize, bits: usize) -> bool {
        self.0
            .iter()
            .any(|code| code.0 > length && code.1 >> (code.0 - length) == bits)
    }

    /// How much of all that could be said by 15 bits is not said; below zero if it is too much.
    fn missing(&self) -> isize {
        let said: isize = self
            .0
            .iter()
            .filter(|code| code.0 > 0)
            .map(|code| 1 << (15 - code.0))
            .sum();
        (1 << 15) - said
    }

    /// A code says everything; but there may be one of a single bit, or none.
    fn is_usable(&self) -> bool {
        self.missing() == 0 || self.missing() > 0 && self.0.iter().all(|code| code.0 <= 1)
    }
}

fn fixed_literals() -> Code {
    let mut lengths = [8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Code::new(&lengths)
}

/// Base and extra bits of lengths and distances (section 3.2.5).
const LENGTHS: [(usize, usize); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
const DISTANCES: [(usize, usize); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];
