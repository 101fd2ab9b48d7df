//! A second reader and writer of frames: slow, plain, and made from RFC 6455 alone, to hold the real ones against.

use alloc::string::String;
use alloc::vec::Vec;

use crate::proto::{Limits, Violation};

/// What a reader of frames sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Violation(Violation),
}

/// Reads all of `bytes` at once, from a start between messages; `masked`: whether the peer must mask.
pub(super) fn read(bytes: &[u8], masked: bool, limits: &Limits) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut rest = bytes;
    let mut message: Option<Unfinished> = None;
    loop {
        match read_frame(rest, masked, limits, &mut message) {
            Ok(Some((bytes, what))) => {
                rest = &rest[bytes..];
                let closed = matches!(what, Some(Seen::Close(..)));
                seen.extend(what);
                if closed {
                    return seen;
                }
            }
            Ok(None) => return seen,
            Err(violation) => {
                seen.push(Seen::Violation(violation));
                return seen;
            }
        }
    }
}

struct Unfinished {
    text: bool,
    frames: u32,
    payload: Vec<u8>,
}

/// One frame at the start of `bytes`: its length and what it meant; `None` if it isn't whole.
#[allow(clippy::type_complexity)]
fn read_frame(
    bytes: &[u8],
    masked: bool,
    limits: &Limits,
    message: &mut Option<Unfinished>,
) -> Result<Option<(usize, Option<Seen>)>, Violation> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (fin, reserved, opcode) = (bytes[0] >= 128, (bytes[0] / 16) % 8, bytes[0] % 16);
    if reserved != 0 {
        return Err(Violation::ReservedBits);
    }
    if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
        return Err(Violation::ReservedOpcode(opcode));
    }
    if opcode >= 8 && !fin {
        return Err(Violation::ControlFragmented);
    }
    if bytes.len() < 2 {
        return Ok(None);
    }
    if (bytes[1] >= 128) != masked {
        return Err(if masked { Violation::Unmasked } else { Violation::Masked });
    }
    let short = bytes[1] % 128;
    if opcode >= 8 && short > 125 {
        return Err(Violation::ControlTooLong);
    }
    if short == 127 && bytes.len() > 2 && bytes[2] >= 128 {
        return Err(Violation::LengthOverflow);
    }
    let wide = [0, 2, 8][usize::from(short.saturating_sub(125))];
    if bytes.len() < 2 + wide {
        return Ok(None);
    }
    let length = match wide {
        0 => u64::from(short),
        _ => bytes[2..2 + wide]
            .iter()
            .fold(0, |length, &byte| length * 256 + u64::from(byte)),
    };
    if wide == 2 && length < 126 || wide == 8 && length < 65536 {
        return Err(Violation::LengthNotMinimal);
    }
    let start = 2 + wide + if masked { 4 } else { 0 };
    if bytes.len() < start {
        return Ok(None);
    }
    let mut payload: Vec<u8> = bytes[start..]
        .iter()
        .copied()
        .take(usize::try_from(length).unwrap())
        .collect();
    if masked {
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= bytes[2 + wide + index % 4];
        }
    }
    let whole = payload.len() as u64 == length;
    let frame = start + payload.len();
    if opcode >= 8 {
        return if whole {
            Ok(Some((frame, Some(control(opcode, payload)?))))
        } else {
            Ok(None)
        };
    }
    let seen = data(opcode, fin, length, payload, limits, message)?;
    Ok(whole.then_some((frame, seen)))
}

/// What a control frame means.
pub(super) fn control(opcode: u8, payload: Vec<u8>) -> Result<Seen, Violation> {
    match opcode {
        9 => return Ok(Seen::Ping(payload)),
        10 => return Ok(Seen::Pong(payload)),
        _ => {}
    }
    if payload.is_empty() {
        return Ok(Seen::Close(None, String::new()));
    }
    if payload.len() == 1 {
        return Err(Violation::CloseTruncated);
    }
    let code = u16::from(payload[0]) * 256 + u16::from(payload[1]);
    let known = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    if !known.contains(&code) && !(3000..5000).contains(&code) {
        return Err(Violation::CloseCode(code));
    }
    let reason = String::from_utf8(payload[2..].to_vec()).map_err(|_| Violation::CloseReasonNotUtf8)?;
    Ok(Seen::Close(Some(code), reason))
}

/// A data frame with what has come of its payload.
fn data(
    opcode: u8,
    fin: bool,
    length: u64,
    payload: Vec<u8>,
    limits: &Limits,
    message: &mut Option<Unfinished>,
) -> Result<Option<Seen>, Violation> {
    match (opcode, &message) {
        (0, None) => return Err(Violation::UnexpectedContinuation),
        (1 | 2, Some(_)) => return Err(Violation::ExpectedContinuation),
        _ => {}
    }
    let mut current = message.take().unwrap_or(Unfinished {
        text: opcode == 1,
        frames: 0,
        payload: Vec::new(),
    });
    if length > limits.frame_bytes {
        return Err(Violation::FrameTooBig);
    }
    if current.payload.len() as u64 + length > limits.message_bytes {
        return Err(Violation::MessageTooBig);
    }
    if current.frames == limits.fragments {
        return Err(Violation::TooManyFragments);
    }
    let whole = payload.len() as u64 == length;
    current.frames += 1;
    current.payload.extend(payload);
    if current.text
        && let Err(error) = core::str::from_utf8(&current.payload)
        && (error.error_len().is_some() || fin && whole)
    {
        return Err(Violation::TextNotUtf8);
    }
    if fin && whole {
        return Ok(Some(if current.text {
            Seen::Text(current.payload)
        } else {
            Seen::Binary(current.payload)
        }));
    }
    *message = Some(current);
    Ok(None)
}

/// Writes one frame, right or wrong: `first` is its whole first byte, and `wide` how many bytes
/// the length takes beyond the first, 2 or 8; `None` for as few as it needs.
#[cfg(any(test, feature = "deflate"))]
pub(super) fn write(first: u8, key: Option<[u8; 4]>, wide: Option<u8>, payload: &[u8]) -> Vec<u8> {
    let mut frame = alloc::vec![first];
    let length = payload.len();
    let bit = if key.is_some() { 128 } else { 0 };
    match (wide, length) {
        (None, 0..126) => frame.push(bit + length as u8),
        (Some(2), _) | (None, 126..65536) => {
            frame.extend([bit + 126, (length / 256) as u8, (length % 256) as u8]);
        }
        (Some(_) | None, _) => {
            frame.push(bit + 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(key.into_iter().flatten());
    let keys = key.unwrap_or_default().into_iter().cycle();
    frame.extend(payload.iter().zip(keys).map(|(byte, key)| byte ^ key));
    frame
}
