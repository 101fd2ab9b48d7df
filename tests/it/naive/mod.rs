//! A second implementation of the receiving side, from RFC 6455 alone: slow, byte after byte, nothing shared with
//! `proto`. It knows what an endpoint must see and say, given all that its peer sends; and, by [`Habits`], in which
//! named ways another implementation does otherwise.

pub(crate) mod extensions;
mod habits;
pub(crate) mod heads;
mod inflate;
mod reader;
#[cfg(feature = "deflate")]
pub(crate) mod terms;

pub(crate) use habits::{Habits, HeadHabits, TUNGSTENITE, TUNGSTENITE_HEADS};
pub(crate) use reader::receive;

/// A whole message or a control frame, as the application sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer's Close came; `first`: before one of ours.
    Closed {
        code: Option<u16>,
        reason: String,
        first: bool,
    },
    /// The peer broke a rule.
    Broken(Rule),
    /// The bytes ended before a Close.
    Lost,
}

/// The rules of RFC 6455 that frames can break, and the limits that they can pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// Section 5.2: reserved bits are zero.
    ReservedBits,
    /// Section 5.2: reserved opcodes fail the connection.
    Opcode(u8),
    /// Section 5.1: a client masks, a server doesn't.
    Mask,
    /// Section 5.2: the minimal number of bytes encodes the length.
    MinimalLength,
    /// Section 5.2: the most significant bit of a long length is zero.
    LengthBit,
    /// Section 5.5: control frames aren't fragmented.
    ControlFragmented,
    /// Section 5.5: control frames carry at most 125 bytes.
    ControlLength,
    /// Section 5.4: a continuation continues something.
    NothingToContinue,
    /// Section 5.4: fragments of different messages aren't interleaved.
    Interleaved,
    /// Section 8.1: text is UTF-8.
    TextUtf8,
    /// RFC 7692 section 7.2.2: a compressed message is DEFLATE.
    Inflate,
    /// Section 5.5.1: a Close has no payload, or a code of two bytes first.
    CloseLength,
    /// Section 7.4: some codes are never sent.
    CloseCode(u16),
    /// Section 5.5.1: the reason is UTF-8.
    ReasonUtf8,
    FrameLimit,
    MessageLimit,
    FragmentLimit,
}

impl Rule {
    /// The code of the Close that tells the peer (section 7.4.1).
    pub(crate) fn close_code(self) -> u16 {
        match self {
            Self::TextUtf8 | Self::Inflate | Self::ReasonUtf8 => 1007,
            Self::FrameLimit | Self::MessageLimit | Self::FragmentLimit => 1009,
            _ => 1002,
        }
    }
}

/// A frame that the endpoint sends, with its mask taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// All that an endpoint does about what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) seen: Vec<Seen>,
    pub(crate) end: End,
    pub(crate) sent: Vec<Sent>,
}

/// What the endpoint is like: its side, its limits, its application.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    /// Whether it is the server, whose peer masks.
    pub(crate) server: bool,
    pub(crate) frame_bytes: usize,
    pub(crate) message_bytes: usize,
    pub(crate) fragments: usize,
    /// Its application echoes messages, and closes with code 1000 as soon as it has seen this many messages and control frames.
    pub(crate) close_after: Option<usize>,
    /// Whether permessage-deflate was agreed on, and then whether the peer takes its context over.
    pub(crate) compression: Option<bool>,
    pub(crate) habits: Habits,
}

/// Frames as another endpoint would read them, all whole and right; panics if they are not.
pub(crate) fn frames(mut bytes: &[u8], masked: bool) -> Vec<Sent> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        assert_eq!(bytes[0] & 0x70, 0, "reserved bits");
        assert_eq!(bytes[0] & 0x80, 0x80, "a fragment");
        assert_eq!(bytes[1] & 0x80 != 0, masked, "the mask");
        let (length, mut start) = match bytes[1] & 0x7F {
            126 => (usize::from(bytes[2]) * 256 + usize::from(bytes[3]), 4),
            127 => (
                bytes[2..10]
                    .iter()
                    .fold(0, |length, &byte| length * 256 + usize::from(byte)),
                10,
            ),
            short => (usize::from(short), 2),
        };
        assert_eq!(
            start,
            if length < 126 {
                2
            } else if length < 65536 {
                4
            } else {
                10
            },
            "not minimal"
        );
        let mut key = [0; 4];
        if masked {
            key.copy_from_slice(&bytes[start..start + 4]);
            start += 4;
        }
        let payload = bytes[start..start + length].iter().zip(key.iter().cycle());
        frames.push(Sent {
            opcode: bytes[0] & 0x0F,
            payload: payload.map(|(byte, key)| byte ^ key).collect(),
        });
        bytes = &bytes[start + length..];
    }
    frames
}
