//! Generated traffic: what a peer might send, right, nearly right and wrong.
//!
//! Everything is a proptest strategy, so that a failing case shrinks to a few short frames.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

/// How the tests on generated traffic run: always the same cases, unless the environment says otherwise.
/// `WSLOOP_DIFFERENTIAL_CASES` is how many, `WSLOOP_DIFFERENTIAL_SEED` which ones.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let mut config = fixed(number("WSLOOP_DIFFERENTIAL_CASES").map_or(cases, |cases| cases.try_into().unwrap()));
    if let Some(seed) = number("WSLOOP_DIFFERENTIAL_SEED") {
        config.rng_seed = RngSeed::Fixed(seed);
    }
    config
}

/// The same cases, whatever the environment says.
pub(crate) fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(6455),
        // The seeds are fixed, so there is nothing to remember; a failing case becomes a test with its bytes.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// What a peer sends, still in parts.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    units: Vec<Unit>,
    wounds: Vec<(Index, Wound)>,
}

/// What is sent as one thing.
#[derive(Debug, Clone)]
enum Unit {
    /// A message in fragments, and control frames between them.
    Message {
        payload: Content,
        cuts: Vec<Index>,
        between: Vec<(Index, Frame)>,
    },
    /// Any frame.
    Frame(Frame),
}

#[derive(Debug, Clone)]
enum Content {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    /// A text message if so said, compressed.
    #[cfg(feature = "deflate")]
    Deflated(bool, Vec<u8>),
}

#[derive(Debug, Clone)]
struct Frame {
    first: u8,
    payload: Vec<u8>,
    key: [u8; 4],
    /// A mask where there must be none, or none where there must be one.
    wrong_mask: bool,
    width: Width,
}

/// How a length is written.
#[derive(Debug, Clone, Copy)]
enum Width {
    Shortest,
    Two,
    Eight,
    /// In eight bytes, the first of which is more.
    Huge(u8),
}

/// What goes wrong with bytes on their way.
#[derive(Debug, Clone, Copy)]
enum Wound {
    Flip(u8),
    Set(u8),
    Insert(u8),
    Remove,
    Truncate,
}

impl Traffic {
    /// The bytes, as a client sends them if `masked`.
    pub(crate) fn bytes(&self, masked: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for unit in &self.units {
            match unit {
                Unit::Frame(frame) => frame.write(masked, &mut bytes),
                Unit::Message { payload, cuts, between } => message(payload, cuts, between, masked, &mut bytes),
            }
        }
        for (at, wound) in &self.wounds {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match *wound {
                Wound::Flip(bit) => bytes[at] ^= 1 << bit,
                Wound::Set(byte) => bytes[at] = byte,
                Wound::Insert(byte) => bytes.insert(at, byte),
                Wound::Remove => drop(bytes.remove(at)),
                Wound::Truncate => bytes.truncate(at),
            }
        }
        bytes
    }
}

fn message(content: &Content, cuts: &[Index], between: &[(Index, Frame)], masked: bool, bytes: &mut Vec<u8>) {
    let (opcode, payload) = match content {
        Content::Text(payload) => (1, payload),
        Content::Binary(payload) => (2, payload),
        #[cfg(feature = "deflate")]
        Content::Deflated(text, payload) => (if *text { 0x41 } else { 0x42 }, payload),
    };
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
    ends.push(payload.len());
    ends.sort_unstable();
    let mut at = 0;
    for (index, &end) in ends.iter().enumerate() {
        let is_last = index + 1 == ends.len();
        let fragment = Frame {
            first: if index == 0 { opcode } else { 0 } | if is_last { 0x80 } else { 0 },
            payload: payload[at..end].to_vec(),
            key: [index as u8, 0x5A, end as u8, 0xC3],
            wrong_mask: false,
            width: Width::Shortest,
        };
        at = end;
        fragment.write(masked, bytes);
        for (place, frame) in between {
            if !is_last && place.index(ends.len()) == index {
                frame.write(masked, bytes);
            }
        }
    }
}

impl Frame {
    fn write(&self, masked: bool, bytes: &mut Vec<u8>) {
        let masked = masked != self.wrong_mask;
        let length = self.payload.len();
        let bit = if masked { 0x80 } else { 0 };
        bytes.push(self.first);
        match self.width {
            Width::Shortest if length < 126 => bytes.push(bit | length as u8),
            Width::Shortest | Width::Two if length < 65536 => {
                bytes.push(bit | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            Width::Huge(high) => {
                bytes.push(bit | 127);
                bytes.extend(((length as u64) | u64::from(high) << 56).to_be_bytes());
            }
            Width::Shortest | Width::Two | Width::Eight => {
                bytes.push(bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        if masked {
            bytes.extend(self.key);
            bytes.extend(
                self.payload
                    .iter()
                    .zip(self.key.iter().cycle())
                    .map(|(byte, key)| byte ^ key),
            );
        } else {
            bytes.extend(&self.payload);
        }
    }
}

/// Traffic as a whole: half of it right, the rest with frames that break a rule, or with bytes changed on their way.
pub(crate) fn traffic() -> impl Strategy<Value = Traffic> {
    traffic_of(right_message().boxed())
}

/// The same where permessage-deflate was agreed on, with messages that are one of the `streams`.
#[cfg(feature = "deflate")]
pub(crate) fn deflated_traffic(streams: impl Strategy<Value = Vec<u8>> + 'static) -> impl Strategy<Value = Traffic> {
    let deflated = fragmented((any::<bool>(), streams).prop_map(|(text, bytes)| Content::Deflated(text, bytes)));
    traffic_of(prop_oneof![3 => deflated, 1 => right_message()].boxed())
}

fn traffic_of(messages: BoxedStrategy<Unit>) -> impl Strategy<Value = Traffic> {
    let right = move || prop_oneof![6 => messages.clone(), 2 => control().prop_map(Unit::Frame)];
    let close = || option::weighted(0.6, close_frame().prop_map(Unit::Frame));
    let tail = |(mut units, last): (Vec<Unit>, Option<Unit>), wounds| {
        units.extend(last);
        Traffic { units, wounds }
    };
    prop_oneof![
        4 => (vec(right(), 0..6), close()).prop_map(move |parts| tail(parts, Vec::new())),
        2 => (vec(right(), 0..4), wild_frame().prop_map(|frame| Some(Unit::Frame(frame))))
            .prop_map(move |parts| tail(parts, Vec::new())),
        1 => (vec(prop_oneof![3 => right(), 1 => wild_frame().prop_map(Unit::Frame)], 0..5), close())
            .prop_map(move |parts| tail(parts, Vec::new())),
        3 => ((vec(right(), 1..4), close()), vec((any::<Index>(), wound()), 1..3))
            .prop_map(move |(parts, wounds)| tail(parts, wounds)),
    ]
}

fn wound() -> impl Strategy<Value = Wound> {
    prop_oneof![
        4 => (0u8..8).prop_map(Wound::Flip),
        2 => any::<u8>().prop_map(Wound::Set),
        1 => any::<u8>().prop_map(Wound::Insert),
        1 => Just(Wound::Remove),
        2 => Just(Wound::Truncate),
    ]
}

fn right_message() -> impl Strategy<Value = Unit> {
    let content = prop_oneof![
        3 => text().prop_map(|text| Content::Text(text.into_bytes())),
        2 => binary().prop_map(Content::Binary),
        // Text that isn't, by a byte somewhere.
        1 => (text(), any::<Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
            let mut bytes = text.into_bytes();
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            Content::Text(bytes)
        }),
    ];
    fragmented(content)
}

fn fragmented(content: impl Strategy<Value = Content>) -> impl Strategy<Value = Unit> {
    let cuts =
        prop_oneof![3 => vec(any::<Index>(), 0..1), 3 => vec(any::<Index>(), 1..4), 1 => vec(any::<Index>(), 4..9)];
    (content, cuts, vec((any::<Index>(), control()), 0..3)).prop_map(|(payload, cuts, between)| Unit::Message {
        payload,
        cuts,
        between,
    })
}

/// Characters of every length, and those at the borders of what UTF-8 may say.
fn text() -> impl Strategy<Value = String> {
    let borders = select(vec![
        '\u{0}',
        '\u{7F}',
        '\u{80}',
        '\u{7FF}',
        '\u{800}',
        '\u{D7FF}',
        '\u{E000}',
        '\u{FFFF}',
        '\u{10000}',
        '\u{10FFFF}',
    ]);
    let letter = prop_oneof![3 => any::<char>(), 2 => borders, 1 => Just('a')];
    vec(letter, 0..40).prop_map(|letters| letters.into_iter().collect())
}

/// Lengths small, and at each border of a length's form.
fn binary() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![
        12 => 0usize..40,
        4 => 120usize..130,
        2 => 250usize..700,
        1 => prop::sample::select(vec![65_534usize, 65_535, 65_536, 65_537]),
    ];
    (length, any::<u8>(), 0u8..4).prop_map(|(length, start, step)| {
        (0..length)
            .map(|index| start.wrapping_add((index as u8).wrapping_mul(step)))
            .collect()
    })
}

fn control() -> impl Strategy<Value = Frame> {
    let payload = prop_oneof![3 => vec(any::<u8>(), 0..8), 1 => vec(any::<u8>(), 120..126)];
    (select(vec![0x89, 0x8A]), payload, any::<[u8; 4]>()).prop_map(|(first, payload, key)| Frame {
        first,
        payload,
        key,
        wrong_mask: false,
        width: Width::Shortest,
    })
}

/// A Close with every kind of payload.
fn close_frame() -> impl Strategy<Value = Frame> {
    let code = prop_oneof![
        4 => select(vec![1000u16, 1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999]),
        2 => select(vec![0u16, 999, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]),
        1 => any::<u16>(),
    ];
    let reason = prop_oneof![
        3 => "[a-zé€𝄞]{0,8}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..6),
        1 => vec(97u8..123, 121..124),
    ];
    let payload = prop_oneof![
        2 => Just(Vec::new()),
        1 => vec(any::<u8>(), 1..2),
        6 => (code, reason).prop_map(|(code, reason)| [&code.to_be_bytes()[..], &reason].concat()),
    ];
    (payload, any::<[u8; 4]>()).prop_map(|(payload, key)| Frame {
        first: 0x88,
        payload,
        key,
        wrong_mask: false,
        width: Width::Shortest,
    })
}

/// Any first byte, any mask, any form of the length.
fn wild_frame() -> impl Strategy<Value = Frame> {
    let first = prop_oneof![
        3 => any::<u8>(),
        3 => select(vec![0x00u8, 0x01, 0x02, 0x80, 0x81, 0x82, 0x08, 0x09, 0x0A, 0xC1, 0xA2, 0x90, 0x83, 0x8B, 0x8F]),
        2 => select(vec![0x81u8, 0x82, 0x88, 0x89, 0x8A]),
    ];
    let width = prop_oneof![
        4 => Just(Width::Shortest),
        2 => Just(Width::Two),
        2 => Just(Width::Eight),
        1 => select(vec![0u8, 1, 0x7F, 0x80, 0xFF]).prop_map(Width::Huge),
    ];
    (first, binary(), any::<[u8; 4]>(), prop::bool::weighted(0.2), width).prop_map(
        |(first, payload, key, wrong_mask, width)| Frame {
            first,
            payload,
            key,
            wrong_mask,
            width,
        },
    )
}
