//! Reading frames one byte after another, each rule looked at as soon as its bytes are there.

use super::inflate::inflate;
use super::{End, Endpoint, Rule, Seen, Sent, Story};

/// Everything that `endpoint` sees and says when its peer sends `bytes` and then nothing more.
pub(crate) fn receive(endpoint: Endpoint, bytes: &[u8]) -> Story {
    let mut reader = Reader {
        endpoint,
        rest: bytes.iter(),
        message: None,
        closing: false,
        window: Vec::new(),
        story: Story {
            seen: Vec::new(),
            end: End::Lost,
            sent: Vec::new(),
        },
    };
    let mut end = loop {
        if let Err(end) = reader.frame() {
            break end;
        }
    };
    if end == End::Lost
        && let Err(earlier) = reader.inflate(false)
    {
        end = earlier;
    }
    reader.finish(&end);
    reader.story.end = end;
    reader.story
}

struct Reader<'a> {
    endpoint: Endpoint,
    rest: core::slice::Iter<'a, u8>,
    message: Option<Unfinished>,
    /// Our own Close is sent.
    closing: bool,
    /// What a compressed message may refer to.
    window: Vec<u8>,
    story: Story,
}

#[derive(Default)]
struct Unfinished {
    text: bool,
    fragments: usize,
    payload: Vec<u8>,
    /// How much of the payload is whole characters.
    checked: usize,
    /// The bytes as they came, if they are compressed.
    compressed: Option<Vec<u8>>,
}

struct Header {
    fin: bool,
    reserved: u8,
    opcode: u8,
    masked: bool,
    length: u64,
    key: [u8; 4],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, End> {
        self.rest.next().copied().ok_or(End::Lost)
    }

    fn frame(&mut self) -> Result<(), End> {
        let late = self.endpoint.habits.judges_whole_frames;
        let header = if late { self.header_late()? } else { self.header()? };
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        if header.opcode >= 8 {
            let mut payload = Vec::new();
            for index in 0..length {
                payload.push(self.byte()? ^ header.key[index % 4]);
            }
            if late {
                self.judge_late(&header)?;
            }
            return self.control(header.opcode, payload);
        }
        if late {
            // Nothing is looked at before the last byte of the frame.
            if self.rest.len() < length {
                return Err(End::Lost);
            }
            self.judge_late(&header)?;
        }
        self.begin_fragment(&header)?;
        for index in 0..length {
            let byte = self.byte()? ^ header.key[index % 4];
            match &mut self.message.as_mut().unwrap().compressed {
                Some(compressed) => compressed.push(byte),
                None => self.payload_byte(byte)?,
            }
        }
        self.inflate(header.fin)?;
        if header.fin { self.finish_message() } else { Ok(()) }
    }

    /// Section 5.2, from the first byte on.
    fn header(&mut self) -> Result<Header, End> {
        let first = self.byte()?;
        let (fin, reserved, opcode) = (first >= 128, first / 16 % 8, first % 16);
        // RFC 7692 section 6.1: the first of them, on the first frame of a message.
        let compressed = self.endpoint.compression.is_some() && reserved == 4 && [1, 2].contains(&opcode);
        if reserved != 0 && !compressed {
            return Err(End::Broken(Rule::ReservedBits));
        }
        if (3..8).contains(&opcode) || opcode > 10 {
            return Err(End::Broken(Rule::Opcode(opcode)));
        }
        if opcode >= 8 && !fin {
            return Err(End::Broken(Rule::ControlFragmented));
        }
        let second = self.byte()?;
        let masked = second >= 128;
        if masked != self.endpoint.server {
            return Err(End::Broken(Rule::Mask));
        }
        if opcode >= 8 && second % 128 > 125 {
            return Err(End::Broken(Rule::ControlLength));
        }
        let length = self.length(second % 128)?;
        let key = self.key(masked)?;
        Ok(Header {
            fin,
            reserved,
            opcode,
            masked,
            length,
            key,
        })
    }

    fn length(&mut self, short: u8) -> Result<u64, End> {
        let bytes = match short {
            126 => 2,
            127 => 8,
            short => return Ok(u64::from(short)),
        };
        let any = self.endpoint.habits.takes_any_length;
        let mut length = 0u64;
        for index in 0..bytes {
            let byte = self.byte()?;
            if index == 0 && bytes == 8 && byte >= 128 && !any {
                return Err(End::Broken(Rule::LengthBit));
            }
            length = length * 256 + u64::from(byte);
        }
        let shorter = if bytes == 2 { 126 } else { 65536 };
        if length < shorter && !any {
            return Err(End::Broken(Rule::MinimalLength));
        }
        Ok(length)
    }

    fn key(&mut self, masked: bool) -> Result<[u8; 4], End> {
        let mut key = [0; 4];
        if masked {
            for byte in &mut key {
                *byte = self.byte()?;
            }
        }
        Ok(key)
    }

    /// The header, of which only the opcode and the length are looked at, once it is whole.
    fn header_late(&mut self) -> Result<Header, End> {
        let first = self.byte()?;
        let second = self.byte()?;
        let length = self.length(second % 128)?;
        let key = self.key(second >= 128)?;
        let opcode = first % 16;
        if (3..8).contains(&opcode) || opcode > 10 {
            return Err(End::Broken(Rule::Opcode(opcode)));
        }
        if length > self.endpoint.frame_bytes as u64 {
            return Err(End::Broken(Rule::FrameLimit));
        }
        Ok(Header {
            fin: first >= 128,
            reserved: first / 16 % 8,
            opcode,
            masked: second >= 128,
            length,
            key,
        })
    }

    /// The rest of the rules, once the whole frame is there.
    fn judge_late(&self, header: &Header) -> Result<(), End> {
        let broken = if self.endpoint.server && !header.masked {
            Rule::Mask
        } else if header.reserved != 0 {
            Rule::ReservedBits
        } else if !self.endpoint.server && header.masked {
            Rule::Mask
        } else if header.opcode >= 8 && !header.fin {
            Rule::ControlFragmented
        } else if header.opcode >= 8 && header.length > 125 {
            Rule::ControlLength
        } else {
            return Ok(());
        };
        Err(End::Broken(broken))
    }

    /// Section 5.4, and the limits.
    fn begin_fragment(&mut self, header: &Header) -> Result<(), End> {
        match (header.opcode, &self.message) {
            (0, None) => return Err(End::Broken(Rule::NothingToContinue)),
            (1 | 2, Some(_)) => return Err(End::Broken(Rule::Interleaved)),
            _ => {}
        }
        let message = self.message.get_or_insert_with(|| Unfinished {
            text: header.opcode == 1,
            compressed: (header.reserved == 4).then(Vec::new),
            ..Unfinished::default()
        });
        if header.length > self.endpoint.frame_bytes as u64 {
            return Err(End::Broken(Rule::FrameLimit));
        }
        let compressed = message.compressed.is_some();
        if !compressed && message.payload.len() as u64 + header.length > self.endpoint.message_bytes as u64 {
            return Err(End::Broken(Rule::MessageLimit));
        }
        if message.fragments == self.endpoint.fragments && !self.endpoint.habits.counts_no_fragments {
            return Err(End::Broken(Rule::FragmentLimit));
        }
        message.fragments += 1;
        Ok(())
    }

    /// RFC 7692 section 6.2: what came so far of a compressed message is inflated, all of it again each time, and what is
    /// new of it looked at.
    fn inflate(&mut self, last: bool) -> Result<(), End> {
        let Some((message, compressed)) = self
            .message
            .as_ref()
            .and_then(|message| Some((message, message.compressed.as_ref()?)))
        else {
            return Ok(());
        };
        let inflated = inflate(&self.window, compressed, last);
        for &byte in &inflated.output[message.payload.len()..] {
            self.payload_byte(byte)?;
            if self.message.as_ref().unwrap().payload.len() > self.endpoint.message_bytes {
                return Err(End::Broken(Rule::MessageLimit));
            }
        }
        if inflated.fault {
            return Err(End::Broken(Rule::Inflate));
        }
        if last {
            let takes_over = self.endpoint.compression == Some(true);
            self.window = if takes_over { inflated.window } else { Vec::new() };
        }
        Ok(())
    }

    /// Section 8.1: a byte that can't stand in UTF-8 fails the connection at once.
    fn payload_byte(&mut self, byte: u8) -> Result<(), End> {
        let message = self.message.as_mut().unwrap();
        message.payload.push(byte);
        if message.text {
            match core::str::from_utf8(&message.payload[message.checked..]) {
                Ok(_) => message.checked = message.payload.len(),
                Err(error) if error.error_len().is_some() => return Err(End::Broken(Rule::TextUtf8)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn finish_message(&mut self) -> Result<(), End> {
        let message = self.message.take().unwrap();
        if !message.text {
            return self.see(Seen::Binary(message.payload));
        }
        if message.checked < message.payload.len() {
            return Err(End::Broken(Rule::TextUtf8));
        }
        self.see(Seen::Text(message.payload))
    }

    /// Section 5.5.
    fn control(&mut self, opcode: u8, payload: Vec<u8>) -> Result<(), End> {
        match opcode {
            9 => {
                if !(self.closing && self.endpoint.habits.ignores_pings_when_closing) {
                    self.say(10, payload.clone());
                }
                self.see(Seen::Ping(payload))
            }
            10 => self.see(Seen::Pong(payload)),
            _ => Err(self.close(&payload)),
        }
    }

    /// Section 5.5.1 and 7.4.
    fn close(&self, payload: &[u8]) -> End {
        let habits = self.endpoint.habits;
        let first = !self.closing;
        let (code, reason) = match payload {
            [] => (None, &[][..]),
            [_] => return End::Broken(Rule::CloseLength),
            [high, low, reason @ ..] => (Some(u16::from(*high) * 256 + u16::from(*low)), reason),
        };
        let may_be_sent = |code: u16| match code {
            1000..=1003 | 1007..=1013 | 3000..=4999 => true,
            // Registered with IANA as section 11.7 provides.
            1014 => !habits.refuses_1014,
            _ => false,
        };
        let bad = code.filter(|&code| !may_be_sent(code));
        if let Some(bad) = bad
            && !habits.mends_close_codes
        {
            return End::Broken(Rule::CloseCode(bad));
        }
        let Ok(reason) = core::str::from_utf8(reason) else {
            return End::Broken(Rule::ReasonUtf8);
        };
        if bad.is_some() && (first || !habits.takes_any_answer) {
            return End::Closed {
                code: Some(1002),
                reason: "Protocol violation".into(),
                first,
            };
        }
        End::Closed {
            code,
            reason: reason.into(),
            first,
        }
    }

    /// The application sees a message, echoes it, and closes if it wants to.
    fn see(&mut self, what: Seen) -> Result<(), End> {
        if !self.closing {
            match &what {
                Seen::Text(payload) => self.say(1, payload.clone()),
                Seen::Binary(payload) => self.say(2, payload.clone()),
                Seen::Ping(_) | Seen::Pong(_) => {}
            }
        }
        self.story.seen.push(what);
        if Some(self.story.seen.len()) == self.endpoint.close_after {
            self.say(8, vec![3, 232]);
            self.closing = true;
        }
        Ok(())
    }

    fn say(&mut self, opcode: u8, payload: Vec<u8>) {
        self.story.sent.push(Sent { opcode, payload });
    }

    /// Section 5.5.1: a Close is answered, with its own code; section 7.1.7: a violation is told; but one
    /// Close is all that an endpoint sends.
    fn finish(&mut self, end: &End) {
        if self.closing {
            return;
        }
        match end {
            End::Lost => {}
            End::Closed { code, reason, .. } => {
                let mut payload: Vec<u8> = code.iter().flat_map(|code| code.to_be_bytes()).collect();
                payload.extend(reason.as_bytes());
                self.say(8, payload);
            }
            End::Broken(_) if self.endpoint.habits.breaks_off => {}
            End::Broken(rule) => self.say(8, rule.close_code().to_be_bytes().to_vec()),
        }
    }
}
