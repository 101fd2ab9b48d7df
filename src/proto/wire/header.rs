//! Frame headers (RFC 6455 section 5.2).

use alloc::vec::Vec;

use crate::proto::Violation;

/// Longest header: two bytes, a 64-bit length, a mask.
pub(crate) const MAX_BYTES: usize = 14;

/// What a frame is (RFC 6455 section 5.2 and 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub(crate) const fn as_bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    const fn from_bits(bits: u8) -> Result<Self, Violation> {
        match bits {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xA => Ok(Self::Pong),
            reserved => Err(Violation::ReservedOpcode(reserved)),
        }
    }

    pub(crate) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A decoded header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    /// RSV1: the frame begins a compressed message (RFC 7692 section 6).
    pub(crate) compressed: bool,
    pub(crate) opcode: Opcode,
    /// Length of the payload, in bytes.
    pub(crate) length: u64,
    /// The masking key; zeroes, which change nothing, for a frame without a mask.
    pub(crate) key: [u8; 4],
    /// Length of the header itself, in bytes.
    pub(crate) bytes: usize,
}

/// Decodes the header at the start of `bytes`; `None` if it isn't complete.
///
/// Each rule is checked as soon as the bytes that it speaks of are there, so that an invalid header never has to be
/// waited for. `masked` says whether the peer's frames must carry a mask, `compression` whether permessage-deflate was
/// agreed on.
pub(crate) fn decode(bytes: &[u8], masked: bool, compression: bool) -> Result<Option<Header>, Violation> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    // Without an extension that gives them a meaning, the reserved bits must be zero. RFC 7692 section 6.1 gives one to
    // RSV1, on the first frame of a message alone.
    let compressed = compression && matches!(first & 0x7F, 0x41 | 0x42);
    if first & 0x70 != 0 && !compressed {
        return Err(Violation::ReservedBits);
    }
    let fin = first & 0x80 != 0;
    let opcode = Opcode::from_bits(first & 0x0F)?;
    // Sections 5.4 and 5.5.
    if opcode.is_control() && !fin {
        return Err(Violation::ControlFragmented);
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    // Section 5.1.
    if (second & 0x80 != 0) != masked {
        return Err(if masked { Violation::Unmasked } else { Violation::Masked });
    }
    let short = second & 0x7F;
    if opcode.is_control() && short > 125 {
        return Err(Violation::ControlTooLong);
    }
    let Some((length, length_bytes)) = length(short, &bytes[2..])? else {
        return Ok(None);
    };
    let mut at = 2 + length_bytes;
    let mut key = [0; 4];
    if masked {
        let Some(found) = bytes.get(at..at + 4) else {
            return Ok(None);
        };
        key.copy_from_slice(found);
        at += 4;
    }
    Ok(Some(Header {
        fin,
        compressed,
        opcode,
        length,
        key,
        bytes: at,
    }))
}

/// The payload's length and how many bytes `rest` spends on it; the shortest form is a must (section 5.2).
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    match short {
        126 => {
            let Some(&[high, low]) = rest.first_chunk::<2>() else {
                return Ok(None);
            };
            match u16::from_be_bytes([high, low]) {
                0..126 => Err(Violation::LengthNotMinimal),
                length => Ok(Some((u64::from(length), 2))),
            }
        }
        127 => {
            if rest.first().is_some_and(|first| first & 0x80 != 0) {
                return Err(Violation::LengthOverflow);
            }
            let Some(bytes) = rest.first_chunk::<8>() else {
                return Ok(None);
            };
            match u64::from_be_bytes(*bytes) {
                0..0x1_0000 => Err(Violation::LengthNotMinimal),
                length => Ok(Some((length, 8))),
            }
        }
        short => Ok(Some((u64::from(short), 0))),
    }
}

/// Length of the header that [`encode`] writes, in bytes.
#[inline]
pub(crate) const fn encoded_bytes(length: usize, masked: bool) -> usize {
    let mask = if masked { 4 } else { 0 };
    match length {
        0..126 => 2 + mask,
        126..0x1_0000 => 4 + mask,
        _ => 10 + mask,
    }
}

/// Length in bytes of the frame at the start of `queued`, header and payload; the frame is one that [`encode`] began,
/// and its header is whole.
pub(crate) fn frame_bytes(queued: &[u8]) -> usize {
    measure(queued).map_or(queued.len().max(1), |(header_bytes, length)| header_bytes + length)
}

/// Length in bytes of the header at its start.
pub(crate) fn header_bytes(queued: &[u8]) -> usize {
    measure(queued).map_or(queued.len(), |(header_bytes, _)| header_bytes)
}

/// Lengths of header and payload; `None` if it isn't one of ours, so that nothing behind it can be told apart.
fn measure(queued: &[u8]) -> Option<(usize, usize)> {
    let second = queued.get(1).copied().unwrap_or_default();
    let rest = queued.get(2..).unwrap_or_default();
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (length, length_bytes) = length(second & 0x7F, rest).ok()??;
    Some((2 + length_bytes + mask, length as usize))
}

/// Whether a frame at the start of `queued` is a pong.
pub(crate) fn is_pong(queued: &[u8]) -> bool {
    queued.first().is_some_and(|first| first & 0x0F == 0xA)
}

/// Whether a frame at the start of `queued` begins a message: neither a control frame nor a continuation.
pub(crate) fn is_message_frame(queued: &[u8]) -> bool {
    queued.first().is_some_and(|first| matches!(first & 0x0F, 0x1 | 0x2))
}

/// Whether a frame at the start of `queued` is the last of its message.
pub(crate) fn is_last(queued: &[u8]) -> bool {
    queued.first().is_some_and(|first| first & 0x80 != 0)
}

/// Whether a frame at the start of `queued` goes on with a message that was begun before.
pub(crate) fn is_continuation(queued: &[u8]) -> bool {
    queued
        .first()
        .is_some_and(|first| first & 0x0F == Opcode::Continuation.as_bits())
}

/// The first byte of a header: what the frame is, whether it is its message's last, whether it begins a compressed one.
#[inline]
pub(crate) const fn first_byte(opcode: Opcode, fin: bool, compressed: bool) -> u8 {
    let fin = if fin { 0x80 } else { 0 };
    let rsv1 = if compressed { 0x40 } else { 0 };
    fin | rsv1 | opcode.as_bits()
}

/// Appends a header that begins with the byte `first`, with the shortest form of the length; `key` is there if the frame
/// is masked, and then the mask bit is set (RFC 6455 section 5.3). Inlined always: where it is called, most of it is known
/// not to happen, which saves a short message a sixth of what sending it takes.
#[inline(always)]
pub(crate) fn encode(output: &mut Vec<u8>, first: u8, length: usize, key: Option<[u8; 4]>) {
    let mask = if key.is_some() { 0x80 } else { 0 };
    match length {
        // The casts keep the value: each arm bounds it.
        0..126 => output.extend_from_slice(&[first, mask | length as u8]),
        126..0x1_0000 => {
            let [high, low] = (length as u16).to_be_bytes();
            output.extend_from_slice(&[first, mask | 126, high, low]);
        }
        _ => {
            output.extend_from_slice(&[first, mask | 127]);
            output.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if let Some(key) = key {
        output.extend_from_slice(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(length: usize, key: Option<[u8; 4]>) -> Vec<u8> {
        let mut output = Vec::new();
        encode(&mut output, first_byte(Opcode::Binary, true, false), length, key);
        output
    }

    #[test]
    fn lengths_at_their_borders_come_back() {
        for length in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, usize::MAX >> 1] {
            for key in [None, Some([1, 2, 3, 4])] {
                let bytes = encoded(length, key);
                assert_eq!(bytes.len(), encoded_bytes(length, key.is_some()));
                let header = decode(&bytes, key.is_some(), false).unwrap().unwrap();
                assert_eq!((header.length, header.bytes), (length as u64, bytes.len()));
                assert_eq!(header.key, key.unwrap_or_default());
                for cut in 0..bytes.len() {
                    assert_eq!(
                        decode(&bytes[..cut], key.is_some(), false),
                        Ok(None),
                        "length {length} cut at {cut}"
                    );
                }
            }
        }
    }

    #[test]
    fn rules_are_checked_as_soon_as_they_can_be() {
        for (bytes, violation) in [
            (&[0xC1][..], Violation::ReservedBits),
            (&[0xA1], Violation::ReservedBits),
            (&[0x91], Violation::ReservedBits),
            (&[0x83], Violation::ReservedOpcode(3)),
            (&[0x8F], Violation::ReservedOpcode(15)),
            (&[0x08], Violation::ControlFragmented),
            (&[0x81, 0x80], Violation::Masked),
            (&[0x89, 126], Violation::ControlTooLong),
            (&[0x82, 126, 0, 125], Violation::LengthNotMinimal),
            (&[0x82, 127, 0x80], Violation::LengthOverflow),
            (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], Violation::LengthNotMinimal),
        ] {
            assert_eq!(decode(bytes, false, false), Err(violation), "{bytes:x?}");
            assert_eq!(decode(&bytes[..bytes.len() - 1], false, false), Ok(None), "{bytes:x?}");
        }
        assert_eq!(decode(&[0x81, 0x05], true, false), Err(Violation::Unmasked));
    }

    #[test]
    fn the_bit_of_compression_counts_where_a_message_begins() {
        for first in [0xC1, 0xC2, 0x41, 0x42] {
            let header = decode(&[first, 0], false, true).unwrap().unwrap();
            assert!(header.compressed, "{first:x}");
            assert_eq!(header.fin, first >= 0x80);
            assert_eq!(first_byte(header.opcode, header.fin, true), first);
            assert_eq!(decode(&[first], false, false), Err(Violation::ReservedBits));
        }
        for first in [0xC0, 0x40, 0xC8, 0xC9, 0xCA, 0xC3, 0xE1, 0xD1, 0xF1, 0xA1, 0x91] {
            assert_eq!(decode(&[first], false, true), Err(Violation::ReservedBits), "{first:x}");
        }
        assert!(!decode(&[0x81, 0], false, true).unwrap().unwrap().compressed);
    }
}
