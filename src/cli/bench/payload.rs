//! What is sent, so that what comes back can be told: which connection's, which message, whole or damaged.
//!
//! A payload of 16 bytes and more begins with 16 characters: the message's number (8), its connection's (4), and a
//! check over both, the run's seed and the length (4). The rest is a piece of a random text or of random bytes, which
//! piece is decided by the same numbers. Shorter payloads have less: number and connection from 8 bytes on, below that
//! as much of the number as there is room for.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The header of a payload that has room for all of it.
const HEADER_BYTES: usize = 16;

/// Pieces of a pool begin at multiples of this, so that no character is cut.
const GROUP_BYTES: usize = 12;

/// How many places of a pool a piece may begin at.
const PLACES: u64 = 256;

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// What a payload consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Text messages of English words: ASCII, and compresses like prose
    Text,
    /// Binary messages of random bytes, which don't compress
    Binary,
    /// Text messages whose characters have one to four bytes
    Unicode,
}

impl Kind {
    const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Unicode)
    }
}

/// The payloads of a run: a function of connection and number, once the seed is chosen.
pub(super) struct Payloads {
    seed: u64,
    sizes: Vec<usize>,
    kinds: Vec<Kind>,
    words: String,
    wide: String,
    bytes: Vec<u8>,
}

/// Who a payload says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// `None` if it is too short to tell.
    pub(super) connection: Option<u32>,
    /// The number's last bits.
    number: u64,
    /// How many different numbers those bits can tell apart.
    modulus: u64,
}

impl Identity {
    /// The number that this is the end of, if it is `front` or one of the `window - 1` that follow; else `Err` with the
    /// nearest one before `front`, if there is one.
    pub(super) fn resolve(self, front: u64, window: u64) -> Result<u64, Option<u64>> {
        let ahead = self.number.wrapping_sub(front) & (self.modulus - 1);
        if ahead < window {
            Ok(front + ahead)
        } else {
            Err(front.checked_sub(self.modulus - ahead))
        }
    }
}

/// A payload to be sent.
pub(super) enum Payload<'p> {
    Text(&'p str),
    Binary(&'p [u8]),
}

/// Where payloads are put together.
#[derive(Default)]
pub(super) struct Scratch {
    text: String,
    bytes: Vec<u8>,
}

impl Payloads {
    /// `sizes` and `kinds` are gone through in turn; neither may be empty.
    pub(super) fn new(seed: u64, sizes: &[usize], kinds: &[Kind]) -> Self {
        let longest = sizes.iter().copied().max().unwrap_or_default();
        let len = longest + GROUP_BYTES * PLACES as usize;
        let has = |kind| kinds.contains(&kind);
        let mut random = Random(seed);
        Self {
            seed,
            sizes: sizes.to_vec(),
            kinds: kinds.to_vec(),
            words: text(&mut random, &WORDS, if has(Kind::Text) { len } else { 0 }),
            wide: text(&mut random, &WIDE, if has(Kind::Unicode) { len } else { 0 }),
            bytes: bytes(&mut random, if has(Kind::Binary) { len } else { 0 }),
        }
    }

    /// The payload of message `number` on `connection`.
    pub(super) fn make<'s>(&self, scratch: &'s mut Scratch, connection: u32, number: u64) -> Payload<'s> {
        let (size, kind) = self.shape(connection, number);
        let (header, len) = self.header(connection, number, size);
        let header = header.get(..len).unwrap_or_default();
        let (piece, padding) = self.piece(kind, connection, number, size - len);
        if kind.is_text() {
            scratch.text.clear();
            // Digits and groups of whole characters, so both are texts.
            scratch.text.extend(header.iter().copied().map(char::from));
            scratch.text.push_str(std::str::from_utf8(piece).unwrap_or_default());
            scratch.text.extend(std::iter::repeat_n('.', padding));
            Payload::Text(&scratch.text)
        } else {
            scratch.bytes.clear();
            scratch.bytes.extend_from_slice(header);
            scratch.bytes.extend_from_slice(piece);
            Payload::Binary(&scratch.bytes)
        }
    }

    /// Whether `payload` is, to the byte, message `number` of `connection`; its kind is another question.
    pub(super) fn is(&self, connection: u32, number: u64, payload: &[u8]) -> bool {
        let (size, kind) = self.shape(connection, number);
        if payload.len() != size {
            return false;
        }
        let (header, len) = self.header(connection, number, size);
        let (piece, padding) = self.piece(kind, connection, number, size - len);
        let (head, rest) = payload.split_at(len);
        let (body, tail) = rest.split_at(rest.len() - padding);
        head == header.get(..len).unwrap_or_default() && body == piece && tail.iter().all(|byte| *byte == b'.')
    }

    /// Whether message `number` of `connection` is a text.
    pub(super) fn is_text(&self, connection: u32, number: u64) -> bool {
        self.shape(connection, number).1.is_text()
    }

    /// Bytes of message `number` of `connection`.
    pub(super) fn size(&self, connection: u32, number: u64) -> usize {
        self.shape(connection, number).0
    }

    /// Who `payload` says that it is; `None` if it can't be one of this run's, or nothing can be told.
    pub(super) fn identify(&self, payload: &[u8]) -> Option<Identity> {
        match payload.len() {
            0 => None,
            HEADER_BYTES.. => {
                let number = value(&payload[..8])?;
                let connection = value(&payload[8..12])? as u32;
                let check = value(&payload[12..16])?;
                (check == self.check(connection, number, payload.len())).then_some(Identity {
                    connection: Some(connection),
                    number,
                    modulus: 1 << 48,
                })
            }
            8.. => Some(Identity {
                number: value(&payload[..5])?,
                connection: Some(value(&payload[5..8])? as u32),
                modulus: 1 << 30,
            }),
            len => {
                let len = len.min(5);
                Some(Identity {
                    number: value(&payload[..len])?,
                    connection: None,
                    modulus: 1 << (6 * len),
                })
            }
        }
    }

    /// Whether `payload`, which says that it is `connection`'s, has more to show for that than its saying so.
    pub(super) fn confirms(&self, identity: Identity, connection: u32, payload: &[u8]) -> bool {
        payload.len() >= HEADER_BYTES || self.is(connection, identity.number, payload)
    }

    fn shape(&self, connection: u32, number: u64) -> (usize, Kind) {
        let turn = u64::from(connection).wrapping_add(number) as usize;
        let size = self.sizes[turn % self.sizes.len()];
        let kind = self.kinds[turn / self.sizes.len() % self.kinds.len()];
        (size, kind)
    }

    fn header(&self, connection: u32, number: u64, size: usize) -> ([u8; HEADER_BYTES], usize) {
        let mut header = [0; HEADER_BYTES];
        let len = match size {
            HEADER_BYTES.. => {
                digits(number, &mut header[..8]);
                digits(connection.into(), &mut header[8..12]);
                digits(self.check(connection, number, size), &mut header[12..]);
                HEADER_BYTES
            }
            8.. => {
                digits(number, &mut header[..5]);
                digits(connection.into(), &mut header[5..8]);
                8
            }
            _ => {
                let len = size.min(5);
                digits(number, &mut header[..len]);
                len
            }
        };
        (header, len)
    }

    /// A piece of the kind's pool, and how many bytes must be added to have `len`.
    fn piece(&self, kind: Kind, connection: u32, number: u64, len: usize) -> (&[u8], usize) {
        let (pool, padding) = match kind {
            Kind::Text => (self.words.as_bytes(), 0),
            Kind::Binary => (&self.bytes[..], 0),
            Kind::Unicode => (self.wide.as_bytes(), len % GROUP_BYTES),
        };
        let place = mix(self.seed ^ number.rotate_left(20) ^ u64::from(connection)) % PLACES;
        let start = place as usize * GROUP_BYTES;
        (pool.get(start..start + len - padding).unwrap_or_default(), padding)
    }

    fn check(&self, connection: u32, number: u64, size: usize) -> u64 {
        let both = number ^ u64::from(connection).rotate_left(40) ^ (size as u64).rotate_left(17);
        mix(self.seed ^ both) >> 40
    }
}

/// `number` in digits of six bits, the highest first, as many as there is room for.
fn digits(number: u64, place: &mut [u8]) {
    let mut rest = number;
    for digit in place.iter_mut().rev() {
        *digit = DIGITS[(rest & 63) as usize];
        rest >>= 6;
    }
}

fn value(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        Some(value << 6 | u64::from(digit))
    })
}

/// SplitMix64: all bits of the result depend on all bits of the argument.
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

const WORDS: [&str; 16] = [
    "the ", "of ", "and ", "message ", "socket ", "loop ", "to ", "waits ", "until ", "bytes ", "a ", "quick ",
    "event ", "is ", "sent ", "again ",
];

/// Each of twelve bytes.
const WIDE: [&str; 4] = ["aé€😀bc", "Привет", "日本語文", "plain words "];

/// Words in a random order, `len` bytes at least.
fn text(random: &mut Random, words: &[&str], len: usize) -> String {
    let mut text = String::with_capacity(len + GROUP_BYTES);
    while text.len() < len {
        text.push_str(words[random.next() as usize % words.len()]);
    }
    text
}

fn bytes(random: &mut Random, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 3] = [Kind::Text, Kind::Binary, Kind::Unicode];

    fn made(payloads: &Payloads, connection: u32, number: u64) -> (bool, Vec<u8>) {
        match payloads.make(&mut Scratch::default(), connection, number) {
            Payload::Text(text) => (true, text.as_bytes().to_vec()),
            Payload::Binary(bytes) => (false, bytes.to_vec()),
        }
    }

    #[test]
    fn a_payload_is_known_again_and_no_other_is_taken_for_it() {
        for size in [16, 17, 27, 28, 40, 125, 1000, 70_000] {
            let payloads = Payloads::new(7, &[size], &KINDS);
            for (connection, number) in [(0, 0), (3, 1), (70_000, 2), (5, 1 << 40)] {
                let (is_text, payload) = made(&payloads, connection, number);
                assert_eq!(payload.len(), size);
                assert_eq!(is_text, payloads.is_text(connection, number));
                assert!(payloads.is(connection, number, &payload));
                assert!(!payloads.is(connection, number + 1, &payload));
                assert!(!payloads.is(connection + 1, number, &payload));
                let identity = payloads.identify(&payload).unwrap();
                assert_eq!(identity.connection, Some(connection));
                assert_eq!(identity.resolve(number, 1), Ok(number));
                for at in [0, 9, 15, size - 1] {
                    let mut damaged = payload.clone();
                    damaged[at] ^= 1;
                    assert!(!payloads.is(connection, number, &damaged), "{size} {at}");
                    assert!(at > 15 || payloads.identify(&damaged).is_none(), "{size} {at}");
                }
                assert!(payloads.identify(&payload[..size - 1]).is_none() || size == 16);
            }
            assert!(!Payloads::new(8, &[size], &KINDS).is(0, 0, &made(&payloads, 0, 0).1));
        }
    }

    #[test]
    fn short_payloads_tell_as_much_as_they_can() {
        for size in 0..16 {
            let payloads = Payloads::new(1, &[size], &KINDS);
            let (_, payload) = made(&payloads, 2, 50);
            assert_eq!(payload.len(), size);
            assert!(payloads.is(2, 50, &payload));
            let identity = payloads.identify(&payload);
            assert_eq!(identity.is_some(), size > 0);
            let Some(identity) = identity else { continue };
            assert_eq!(identity.connection, (size >= 8).then_some(2));
            assert_eq!(identity.resolve(40, 11), Ok(50));
            assert_eq!(identity.resolve(51, 4), Err(Some(50)));
            assert!(!payloads.is(2, 51, &payload));
        }
    }

    #[test]
    fn texts_are_texts_of_every_width_and_sizes_and_kinds_take_turns() {
        let payloads = Payloads::new(3, &[100, 2000], &[Kind::Unicode, Kind::Binary]);
        let mut seen = [0; 4];
        for number in 0..40 {
            let (is_text, payload) = made(&payloads, 0, number);
            assert_eq!(payload.len(), if number % 2 == 0 { 100 } else { 2000 });
            assert_eq!(is_text, number / 2 % 2 == 0);
            if is_text {
                for char in std::str::from_utf8(&payload).unwrap().chars() {
                    seen[char.len_utf8() - 1] += 1;
                }
            }
        }
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    }
}
