//! About the least that framing can cost: headers are rewritten and payloads unmasked as they come, in one pass, and no
//! message is ever held. It checks nothing, and knows no control frames: what it is not told by its bench it gets wrong.

use std::io::{self, ErrorKind};
use std::ops::Range;

use super::on_mio::{Echo, HEADROOM_BYTES};
use crate::frames;

#[derive(Default)]
pub struct Forwarder {
    open: bool,
    /// Of the frame under way.
    payload_left: usize,
    mask: [u8; 4],
    /// The header that came in part, or the request before the handshake.
    kept: Vec<u8>,
}

impl Echo for Forwarder {
    fn turn(&mut self, buffer: &mut [u8], end: usize) -> io::Result<Range<usize>> {
        let mut start = HEADROOM_BYTES;
        if !self.kept.is_empty() {
            start = start.checked_sub(self.kept.len()).ok_or(ErrorKind::InvalidData)?;
            buffer[start..HEADROOM_BYTES].copy_from_slice(&self.kept);
            self.kept.clear();
        }
        if !self.open {
            return self.shake_hands(buffer, start, end);
        }
        let (mut read, mut write) = (start, start);
        loop {
            let count = self.payload_left.min(end - read);
            if count > 0 {
                move_unmasked(buffer, read, write, count, self.mask);
                self.mask.rotate_left(count % 4);
                self.payload_left -= count;
                read += count;
                write += count;
            }
            let Some((length, header)) = header(&buffer[read..end]) else {
                break;
            };
            // The client's header is longer by the mask than the server's, and so is never overwritten unread.
            let own = header - 4;
            self.mask.copy_from_slice(&buffer[read + own..read + header]);
            for offset in 0..own {
                buffer[write + offset] = buffer[read + offset];
            }
            buffer[write + 1] &= 0x7f;
            self.payload_left = length;
            read += header;
            write += own;
        }
        self.kept.extend_from_slice(&buffer[read..end]);
        Ok(start..write)
    }
}

impl Forwarder {
    fn shake_hands(&mut self, buffer: &mut [u8], start: usize, end: usize) -> io::Result<Range<usize>> {
        let request = &buffer[start..end];
        if !request.ends_with(b"\r\n\r\n") {
            self.kept.extend_from_slice(request);
            return Ok(start..start);
        }
        let name = b"Sec-WebSocket-Key: ";
        let key = request
            .windows(name.len())
            .position(|window| window == name)
            .and_then(|place| request.get(place + name.len()..place + name.len() + 24))
            .ok_or(ErrorKind::InvalidData)?;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            frames::accept_value(key)
        );
        self.open = true;
        buffer[..answer.len()].copy_from_slice(answer.as_bytes());
        Ok(0..answer.len())
    }
}

/// The payload's length and the header's, if the header is there.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let (length, header) = match *bytes.get(1)? & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 8),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 14),
        length => (usize::from(length), 6),
    };
    (bytes.len() >= header).then_some((length, header))
}

/// Both at once, so that the payload goes through the processor's registers once.
#[inline]
fn move_unmasked(buffer: &mut [u8], from: usize, to: usize, count: usize, mask: [u8; 4]) {
    let half = u64::from(u32::from_ne_bytes(mask));
    let word = half << 32 | half;
    let mut place = 0;
    while place + 64 <= count
        && let Some(bytes) = buffer[from + place..].first_chunk::<64>()
    {
        let moved = unmasked(*bytes, word);
        buffer[to + place..to + place + 64].copy_from_slice(&moved);
        place += 64;
    }
    while place + 8 <= count
        && let Some(bytes) = buffer[from + place..].first_chunk()
    {
        let moved = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        buffer[to + place..to + place + 8].copy_from_slice(&moved);
        place += 8;
    }
    // The loop's buffer is longer than what is read into it, so that a word can be read; it must not be written.
    if place < count
        && let Some(bytes) = buffer[from + place..].first_chunk()
    {
        let moved = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        buffer[to + place..to + count].copy_from_slice(&moved[..count - place]);
    }
}

#[inline]
fn unmasked(mut bytes: [u8; 64], word: u64) -> [u8; 64] {
    let (words, _) = bytes.as_chunks_mut();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    bytes
}
