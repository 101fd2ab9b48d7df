//! Frames as RFC 6455 section 5.2 draws them.

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last one of its message.
    pub fin: bool,
    /// 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// The payload, not masked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame that stands alone.
    #[must_use]
    pub fn whole(opcode: u8, payload: &[u8]) -> Self {
        Self {
            fin: true,
            opcode,
            payload: payload.to_vec(),
        }
    }

    /// A Close.
    #[must_use]
    pub fn close(code: Option<u16>, reason: &str) -> Self {
        let mut payload = Vec::new();
        if let Some(code) = code {
            payload.push((code >> 8) as u8);
            payload.push((code & 0xff) as u8);
            payload.extend_from_slice(reason.as_bytes());
        }
        Self::whole(8, &payload)
    }

    /// The bytes on the wire; a client's are masked, a server's are not.
    #[must_use]
    pub fn encode(&self, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = vec![self.opcode | if self.fin { 0x80 } else { 0 }];
        let mask_bit = if mask.is_some() { 0x80 } else { 0 };
        let length = self.payload.len();
        if length < 126 {
            bytes.push(length as u8 | mask_bit);
        } else if length < 65_536 {
            bytes.push(126 | mask_bit);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        } else {
            bytes.push(127 | mask_bit);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
        bytes.extend(mask.iter().flatten());
        for (index, byte) in self.payload.iter().enumerate() {
            bytes.push(match mask {
                Some(key) => byte ^ key[index % 4],
                None => *byte,
            });
        }
        bytes
    }

    /// Takes one frame off the front of `bytes`, or none if it isn't whole.
    ///
    /// # Errors
    /// What is wrong with it, by section 5.2 (where `masked` tells which side it comes from) and 5.5.
    pub fn decode(bytes: &mut Vec<u8>, masked: bool) -> Result<Option<Self>, String> {
        let [first, second, ..] = bytes[..] else {
            return Ok(None);
        };
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Err(format!("reserved bits in {first:#04x}"));
        }
        if !matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10) {
            return Err(format!("reserved opcode {opcode}"));
        }
        if (second & 0x80 != 0) != masked {
            return Err(format!("masked: {}, must be {masked}", second & 0x80 != 0));
        }
        let extra = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key_start = 2 + extra;
        let payload_start = key_start + if masked { 4 } else { 0 };
        if bytes.len() < payload_start {
            return Ok(None);
        }
        let mut length = u64::from(second & 0x7f);
        if extra > 0 {
            length = bytes[2..key_start]
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte));
            if length < if extra == 2 { 126 } else { 65_536 } {
                return Err(format!("length {length} is not in its shortest form"));
            }
        }
        if opcode >= 8 && (length > 125 || !fin) {
            return Err(format!("control frame of {length} bytes, fin {fin}"));
        }
        if length > 1 << 30 {
            return Err(format!("frame of {length} bytes"));
        }
        let end = payload_start + length as usize;
        if bytes.len() < end {
            return Ok(None);
        }
        let mut payload = bytes[payload_start..end].to_vec();
        if masked {
            for (index, byte) in payload.iter_mut().enumerate() {
                *byte ^= bytes[key_start + index % 4];
            }
        }
        bytes.drain(..end);
        Ok(Some(Self { fin, opcode, payload }))
    }
}

/// Puts the frames of one side together to messages.
#[derive(Debug, Default)]
pub struct Listener {
    /// The message under way: whether it is text, and what has come.
    partial: Option<(bool, Vec<u8>)>,
    closed: bool,
}

impl Listener {
    /// Takes the next frame and gives what it completes: a whole message as a frame, or the control frame itself.
    ///
    /// # Errors
    /// What is wrong with it, by RFC 6455 sections 5.4 to 5.6.
    pub fn hear(&mut self, frame: Frame) -> Result<Option<Frame>, String> {
        // RFC 6455 section 5.5.1 forbids data after a Close; section 5.5.2 wants pings answered until one has come.
        if self.closed && frame.opcode <= 8 {
            return Err(format!("a frame after Close: {frame:?}"));
        }
        if frame.opcode >= 8 {
            self.closed |= frame.opcode == 8;
            return Ok(Some(frame));
        }
        let (text, payload) = match (self.partial.take(), frame.opcode) {
            (None, 0) => return Err("a continuation of nothing".to_owned()),
            (None, opcode) => (opcode == 1, frame.payload),
            (Some((text, mut payload)), 0) => {
                payload.extend_from_slice(&frame.payload);
                (text, payload)
            }
            (Some(_), _) => return Err("a message within another".to_owned()),
        };
        if !frame.fin {
            self.partial = Some((text, payload));
            return Ok(None);
        }
        if text && std::str::from_utf8(&payload).is_err() {
            return Err("text that is not UTF-8".to_owned());
        }
        Ok(Some(Frame::whole(if text { 1 } else { 2 }, &payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 section 5.7.
    #[test]
    fn the_examples_of_the_standard() {
        let hello = Frame::whole(1, b"Hello");
        assert_eq!(hello.encode(None), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(hello.encode(Some([0x37, 0xfa, 0x21, 0x3d])), masked);
        let mut bytes = masked.to_vec();
        assert_eq!(Frame::decode(&mut bytes, true), Ok(Some(hello)));
        assert!(bytes.is_empty());
    }

    #[test]
    fn frames_of_all_lengths_come_back_and_not_before_they_are_whole() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let frame = Frame {
                fin: false,
                opcode: 2,
                payload: vec![7; length],
            };
            let whole = frame.encode(Some([1, 2, 3, 4]));
            let mut cut = whole[..whole.len() - 1].to_vec();
            assert_eq!(Frame::decode(&mut cut, true), Ok(None));
            assert_eq!(Frame::decode(&mut whole.clone(), true), Ok(Some(frame)));
        }
    }
}
