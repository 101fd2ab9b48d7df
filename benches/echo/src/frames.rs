//! Frames by hand (RFC 6455 section 5.2), and the opening handshake.

use base64::Engine as _;
use sha1::{Digest, Sha1};

/// A client's request, always the same.
pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// What a server answers to the key (RFC 6455 section 1.3).
pub fn accept_value(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(hash.finalize())
}

/// Appends an unfragmented frame.
pub fn push_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..126 => out.push(bit | length as u8),
        length @ 126..0x1_0000 => {
            out.push(bit | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(bit | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let Some(mask) = mask else {
        out.extend_from_slice(payload);
        return;
    };
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// What the payload of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Noise, in binary frames.
    Binary,
    /// Characters of one to four bytes.
    Text,
    /// A record as services send them, written as wsloop's codec writes it.
    Json,
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "binary" => Ok(Self::Binary),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("there is no kind of payload `{name}`")),
        }
    }
}

impl Kind {
    /// RFC 6455 section 11.8.
    pub fn opcode(self) -> u8 {
        if self == Self::Binary { 2 } else { 1 }
    }
}

/// A record of `length` bytes, or as many as its fields take.
fn record(length: usize) -> Vec<u8> {
    let start = r#"{"id":48213,"kind":"order","price":102.25,"open":true,"tags":["new","eu"],"text":""#;
    let fill = length.saturating_sub(start.len() + 2);
    format!("{start}{}\"}}", "x".repeat(fill)).into_bytes()
}

/// `length` bytes of a kind.
pub fn payload(kind: Kind, length: usize) -> Vec<u8> {
    if kind == Kind::Json {
        return record(length);
    }
    if kind == Kind::Binary {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        return (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect();
    }
    let words = "plain words, кириллица и ещё слова, 漢字とかな交じり文, emoji 🙂🚀🌍; ";
    let mut text = String::new();
    for character in words.chars().cycle() {
        if text.len() + character.len_utf8() > length {
            break;
        }
        text.push(character);
    }
    while text.len() < length {
        text.push('.');
    }
    text.into_bytes()
}

/// A server's whole, unfragmented frame at the start of the bytes: its opcode, and where its payload lies.
pub fn server_frame(bytes: &[u8]) -> Result<Option<(u8, std::ops::Range<usize>)>, ()> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        return Err(());
    }
    let (start, length) = match second {
        126 => (
            4,
            rest.first_chunk()
                .map(|length| usize::from(u16::from_be_bytes(*length))),
        ),
        127 => (
            10,
            rest.first_chunk().map(|length| u64::from_be_bytes(*length) as usize),
        ),
        length => (2, Some(usize::from(*length))),
    };
    let Some(length) = length else { return Ok(None) };
    Ok((bytes.len() - start >= length).then_some((first & 15, start..start + length)))
}
