//! Payloads that tell who sent them: 16 hexadecimal digits of the connection, 16 of the message, and then bytes from a
//! place in a table that follows from both.

/// Longer than any payload and any place.
const TABLE_BYTES: usize = 512 << 10;
const HEAD_BYTES: usize = 32;

#[derive(Clone, Copy)]
pub struct Expected {
    pub sequence: u64,
    pub bytes: usize,
    pub text: bool,
}

/// What is wrong with an echo.
pub enum Fault {
    Crossed,
    Damaged,
}

pub struct Payloads {
    noise: Vec<u8>,
    text: Vec<u8>,
    state: u64,
}

impl Payloads {
    pub fn new() -> Self {
        let mut made = Self {
            noise: Vec::new(),
            text: Vec::new(),
            state: 0x9e37_79b9_7f4a_7c15,
        };
        // Units of four bytes, so that a text may be cut at each of them.
        let units = ["abcd", "жю", "éè", "🙂", "0 1."];
        while made.noise.len() < TABLE_BYTES {
            let random = made.random();
            made.noise.extend_from_slice(&random.to_le_bytes());
            made.text
                .extend_from_slice(units[random as usize % units.len()].as_bytes());
            made.text
                .extend_from_slice(units[(random >> 32) as usize % units.len()].as_bytes());
        }
        made
    }

    pub fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// Mostly small, seldom large; at least the head.
    pub fn draw(&mut self, sequence: u64) -> Expected {
        let random = self.random();
        let bound = match random % 1000 {
            0..700 => 128,
            700..950 => 1 << 10,
            950..998 => 16 << 10,
            _ => 256 << 10,
        };
        Expected {
            sequence,
            bytes: HEAD_BYTES + ((random >> 16) as usize % bound) / 4 * 4,
            text: random >> 63 == 1,
        }
    }

    pub fn push(&self, out: &mut Vec<u8>, id: u64, expected: Expected) {
        out.extend_from_slice(&head(id, expected.sequence));
        out.extend_from_slice(self.body(id, expected));
    }

    pub fn check(&self, id: u64, expected: Expected, text: bool, payload: &[u8]) -> Result<(), Fault> {
        let whole = text == expected.text && payload.len() == expected.bytes;
        if whole
            && payload.starts_with(&head(id, expected.sequence))
            && payload[HEAD_BYTES..] == *self.body(id, expected)
        {
            return Ok(());
        }
        if payload.starts_with(&head(id, 0)[..16]) {
            return Err(Fault::Damaged);
        }
        Err(Fault::Crossed)
    }

    fn body(&self, id: u64, expected: Expected) -> &[u8] {
        let length = expected.bytes - HEAD_BYTES;
        let mixed = (id ^ expected.sequence.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let place = mixed as usize % ((TABLE_BYTES - length) / 4) * 4;
        let table = if expected.text { &self.text } else { &self.noise };
        &table[place..place + length]
    }
}

fn head(id: u64, sequence: u64) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    for (place, digit) in head.iter_mut().enumerate() {
        let number = if place < 16 { id } else { sequence };
        *digit = b"0123456789abcdef"[(number >> (60 - place % 16 * 4)) as usize & 15];
    }
    head
}
