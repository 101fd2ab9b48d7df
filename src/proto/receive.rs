//! How bytes become events (RFC 6455 section 6.2): [`Connection::poll_event`] and what stands behind it.

use alloc::boxed::Box;
use core::mem;

use super::assembling::{Frame, Reading};
use super::connection::{Connection, Fate};
use super::handshake::{Opening, client, server};
use super::message::{ControlPayload, MessageBuf, Payload};
use super::state::Stage;
use super::wire::header::{self, Header, Opcode};
use super::wire::{close, mask, utf8};
use super::{Closed, Entropy, Event, Failure, Input, Phase, Response, Violation};

/// Most bytes of a compressed message that are inflated for one chunk, and most that are looked at for it.
const CHUNK_BYTES: usize = 16 << 10;

/// What one step of reading gave: an event, or the need for more bytes.
type Step<'b> = Result<Option<Event<'b>>, Violation>;

impl Connection {
    /// The next event from `input`, or `None` when it is read to its end. An event borrows the bytes that were lent, not
    /// the connection, so the host may send before it asks again.
    #[inline]
    pub fn poll_event<'b>(&mut self, input: &mut Input<'b>, entropy: &mut impl Entropy) -> Option<Event<'b>> {
        if let Some(common) = self.common()
            && let Some(whole) = common.next(input.rest())
        {
            let (_, payload) = input.take(whole.bytes()).split_at_mut(whole.header_bytes);
            return Some(if whole.unmask(payload) {
                Event::Message(MessageBuf::new(whole.is_text, Payload::Borrowed(payload)))
            } else {
                self.fail(Violation::TextNotUtf8)
            });
        }
        self.poll_event_slow(input, entropy)
    }

    /// Takes all messages that come next and lie in `input` whole, each in one frame, without making events of them:
    /// `handle` is told whether each is a text, and its length; it ends where [`Input::consumed`] says then. What is left
    /// is for [`poll_event`](Self::poll_event), be it the fault of a message that should have been taken here.
    #[cfg(feature = "engine")]
    #[inline]
    pub(crate) fn take_whole(&self, input: &mut Input<'_>, mut handle: impl FnMut(bool, usize, usize)) {
        let Some(common) = self.common() else { return };
        let mut consumed = input.consumed();
        let mut rest = input.take_rest();
        while let Some(whole) = common.next(rest) {
            // Looked at before it is split off, so that a fault leaves the bytes as they came.
            let payload = &mut rest[whole.header_bytes..whole.bytes()];
            if !whole.unmask(payload) {
                mask::apply(payload, whole.key);
                break;
            }
            consumed += whole.bytes();
            handle(whole.is_text, consumed, whole.length);
            (_, rest) = rest.split_at_mut(whole.bytes());
        }
        input.put_back(rest, consumed);
    }

    /// What tells the common case, a whole message in one frame, from all else; `None` if nothing is in it now.
    #[inline]
    fn common(&self) -> Option<Common> {
        let limits = &self.config.limits;
        (self.stage.reads_frames()
            && self.reading.is_between_frames()
            && self.assembly.is_idle()
            && self.rare.is_none()
            && !self.assembly.will_deliver_chunks()
            && limits.fragments > 0)
            .then(|| Common {
                masked: self.side.peer().masks(),
                bound: limits.frame_bytes.min(limits.message_bytes),
            })
    }

    #[inline(never)]
    fn poll_event_slow<'b>(&mut self, input: &mut Input<'b>, entropy: &mut dyn Entropy) -> Option<Event<'b>> {
        loop {
            if let Some(rare) = &mut self.rare {
                if let Some(event) = rare.news.take() {
                    self.tidy();
                    return Some(event);
                }
                if let Some(violation) = rare.fault {
                    return Some(self.fail(violation));
                }
            }
            let step = match self.stage {
                Stage::Opening => self.read_opening(input),
                Stage::Open | Stage::CloseSent if self.has_early() => self.read_early(entropy),
                Stage::Open | Stage::CloseSent => self.read_frames(input, entropy),
                Stage::CloseOwed(_) | Stage::Closed => {
                    // RFC 6455 section 5.5.1 and 7.1.7: what follows a Close or a violation is not looked at.
                    input.take(usize::MAX);
                    Ok(None)
                }
            };
            match step {
                Ok(Some(event)) => return Some(event),
                Err(violation) => return Some(self.fail(violation)),
                Ok(None) if input.rest().is_empty() && !(self.stage.reads_frames() && self.has_early()) => break,
                Ok(None) => {}
            }
        }
        self.undrained = false;
        self.meet_fate()
    }

    /// All input is read: if the transport ended or time ran out, that is the last event (RFC 6455 sections 7.2.1 and
    /// 7.2.2).
    fn meet_fate<'b>(&mut self) -> Option<Event<'b>> {
        if self.stage.has_ended() {
            return None;
        }
        let phase = if self.stage == Stage::Opening {
            Phase::Opening
        } else {
            Phase::Closing
        };
        let failure = match self.fate {
            Fate::Alive => return None,
            Fate::Ended => Failure::Lost,
            Fate::TimedOut => Failure::TimedOut(phase),
        };
        let opening = self.rare.as_mut().and_then(|rare| rare.opening.take());
        if let (Failure::TimedOut(_), Some(opening)) = (&failure, &opening)
            && let Some(status) = opening.timeout_status()
        {
            Response::new(status).write(self.output.append(0));
        }
        // A refusal is more worth than how its body ended.
        let failure = match opening.map(|opening| *opening) {
            Some(Opening::Body(body)) => {
                Failure::Refused(Box::new(body.into_refusal(matches!(failure, Failure::Lost))))
            }
            Some(Opening::Request(_) | Opening::Answer(_) | Opening::Response(_)) | None => failure,
        };
        self.end(None);
        Some(Event::Failed(failure))
    }

    #[cold]
    fn fail<'b>(&mut self, violation: Violation) -> Event<'b> {
        self.end(violation.close_code());
        Event::Failed(Failure::Violation(violation))
    }

    /// Reads the opening handshake's part of `input`.
    fn read_opening<'b>(&mut self, input: &mut Input<'b>) -> Step<'b> {
        let limits = &self.config.limits;
        let Some(opening) = self.rare.as_mut().and_then(|rare| rare.opening.as_deref_mut()) else {
            input.take(usize::MAX);
            return Ok(None);
        };
        match opening {
            Opening::Request(waiting) => match waiting.read(input.rest(), &self.config) {
                server::Progress::Waiting => {
                    input.take(usize::MAX);
                    Ok(None)
                }
                server::Progress::Request {
                    consumed,
                    request,
                    next,
                } => {
                    input.take(consumed);
                    *opening = Opening::Answer(next);
                    Ok(Some(Event::Request(Box::new(request))))
                }
                server::Progress::Bad(cause) => {
                    let response = Response::from(cause);
                    response.write(self.output.append(0));
                    self.end(None);
                    Ok(Some(Event::Failed(Failure::Refused(Box::new(
                        response.into_refusal(Some(cause)),
                    )))))
                }
            },
            Opening::Answer(_) => {
                let limit = limits.early_bytes;
                let new = input.take(usize::MAX);
                if !new.is_empty() {
                    let early = &mut self.rare().early;
                    if new.len() > limit.saturating_sub(early.len()) {
                        return Err(Violation::EarlyData);
                    }
                    early.extend_from_slice(new);
                }
                Ok(None)
            }
            Opening::Response(waiting) => match waiting.read(input.rest(), limits)? {
                client::Progress::Waiting => {
                    input.take(usize::MAX);
                    Ok(None)
                }
                client::Progress::Interim { consumed } => {
                    input.take(consumed);
                    Ok(None)
                }
                client::Progress::Opened {
                    consumed,
                    opened,
                    compression,
                } => {
                    input.take(consumed);
                    self.open(compression);
                    Ok(Some(Event::Opened(Box::new(opened))))
                }
                client::Progress::Refused { consumed, body } => {
                    input.take(consumed);
                    *opening = Opening::Body(body);
                    Ok(self.read_body(input))
                }
            },
            Opening::Body(_) => Ok(self.read_body(input)),
        }
    }

    /// Reads a refusal's body; gives the refusal when it is whole.
    fn read_body<'b>(&mut self, input: &mut Input<'b>) -> Option<Event<'b>> {
        let opening = self.rare.as_mut().and_then(|rare| rare.opening.as_deref_mut());
        let Some(Opening::Body(body)) = opening else {
            return None;
        };
        let (consumed, done) = body.read(input.rest());
        input.take(consumed);
        if !done {
            return None;
        }
        let opening = self.rare().opening.take().map(|opening| *opening);
        self.end(None);
        match opening {
            Some(Opening::Body(body)) => Some(Event::Failed(Failure::Refused(Box::new(body.into_refusal(false))))),
            Some(Opening::Request(_) | Opening::Answer(_) | Opening::Response(_)) | None => None,
        }
    }

    fn has_early(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.early.is_empty())
    }

    /// Reads frames that came before the host had accepted; their payloads can't be borrowed from the caller's bytes.
    fn read_early<'b>(&mut self, entropy: &mut dyn Entropy) -> Step<'b> {
        let rare = self.rare();
        let mut early = mem::take(&mut rare.early);
        let read = mem::take(&mut rare.early_read);
        let mut input = Input::new(&mut early[read..]);
        let event = self.read_frames(&mut input, entropy)?.map(Event::into_owned);
        let read = read + input.consumed();
        if read < early.len() && self.stage.reads_frames() {
            let rare = self.rare();
            rare.early = early;
            rare.early_read = read;
        } else {
            self.tidy();
        }
        Ok(event)
    }

    /// Reads frames until one gives an event, control frames between fragments as well (RFC 6455 section 5.4), and checks
    /// all of them (section 10.7); `Ok(None)` means that `input` is read to its end.
    fn read_frames<'b>(&mut self, input: &mut Input<'b>, entropy: &mut dyn Entropy) -> Step<'b> {
        loop {
            if let Reading::Header { .. } = self.reading {
                let Some(header) = self.read_header(input)? else {
                    return Ok(None);
                };
                let limits = (!self.assembly.delivers_chunks()).then_some(&self.config.limits);
                self.assembly.admit(&header, limits)?;
                if let Some(event) = self.begin_frame(&header, input, entropy)? {
                    return Ok(Some(event));
                }
            }
            if let Reading::Payload(frame) = self.reading {
                let event = if frame.opcode.is_control() {
                    self.read_control(frame, input, entropy)
                } else if self.assembly.is_compressed() {
                    self.read_compressed(frame, input)
                } else {
                    self.read_data(frame, input)
                }?;
                if event.is_some() || matches!(self.reading, Reading::Payload(_)) {
                    return Ok(event);
                }
            }
        }
    }

    /// Reads a header, the start of which may have come before.
    fn read_header(&mut self, input: &mut Input<'_>) -> Result<Option<Header>, Violation> {
        let masked = self.side.peer().masks();
        let compression = self.compression.is_agreed();
        let Reading::Header { bytes, len } = &mut self.reading else {
            return Ok(None);
        };
        let held = usize::from(*len);
        let new = input.rest().len().min(bytes.len() - held);
        bytes[held..held + new].copy_from_slice(&input.rest()[..new]);
        match header::decode(&bytes[..held + new], masked, compression)? {
            Some(header) => {
                input.take(header.bytes - held);
                *len = 0;
                Ok(Some(header))
            }
            None => {
                input.take(new);
                // At most 14.
                *len = (held + new) as u8;
                Ok(None)
            }
        }
    }

    /// A frame's header is read: gives its event at once if the payload can be borrowed, else begins to gather.
    fn begin_frame<'b>(
        &mut self,
        header: &Header,
        input: &mut Input<'b>,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Event<'b>>, Violation> {
        let lies_here = header.length <= input.rest().len() as u64;
        let is_control = header.opcode.is_control();
        let is_whole = header.fin && matches!(header.opcode, Opcode::Text | Opcode::Binary);
        let is_plain_message = is_whole && !header.compressed && !self.assembly.delivers_chunks();
        if !lies_here || !(is_plain_message || is_control) {
            if !is_control {
                self.assembly.begin_frame(header);
                if header.compressed {
                    self.compression.begin_inflating();
                }
            }
            self.reading = Reading::Payload(Frame::new(header));
            return Ok(None);
        }
        // No longer than the input, so the cast keeps it.
        let payload = input.take(header.length as usize);
        mask::apply(payload, header.key);
        let payload = &*payload;
        if is_control {
            return self.finish_control(header.opcode, Payload::Borrowed(payload), entropy);
        }
        let is_text = header.opcode == Opcode::Text;
        if is_text && !utf8::is_valid(payload) {
            return Err(Violation::TextNotUtf8);
        }
        Ok(Some(Event::Message(MessageBuf::new(
            is_text,
            Payload::Borrowed(payload),
        ))))
    }

    /// Reads on in a control frame that came in pieces.
    fn read_control<'b>(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'b>,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Event<'b>>, Violation> {
        let bytes = input.take(frame.share(input.rest().len()));
        frame.unmask(bytes);
        self.rare().control.extend_from_slice(bytes);
        if !frame.is_complete() {
            self.reading = Reading::Payload(frame);
            return Ok(None);
        }
        self.reading = Reading::START;
        let payload = mem::take(&mut self.rare().control);
        let event = self.finish_control(frame.opcode, Payload::Owned(payload), entropy);
        self.tidy();
        event
    }

    /// Reads on in a data frame that is not compressed (RFC 7692 section 6.2).
    fn read_data<'b>(&mut self, mut frame: Frame, input: &mut Input<'b>) -> Step<'b> {
        let share = frame.share(input.rest().len());
        let is_last = frame.fin && frame.ends_within(share);
        let bytes = input.ahead(share);
        frame.unmask(bytes);
        self.reading = if frame.is_complete() {
            Reading::START
        } else {
            Reading::Payload(frame)
        };
        if self.assembly.delivers_chunks() {
            let (good, fault) = self.assembly.validate_chunk(bytes);
            return self.deliver(Payload::Borrowed(input.take(good)), is_last, fault);
        }
        self.assembly.push(bytes)?;
        input.take(share);
        if !is_last {
            return Ok(None);
        }
        Ok(Some(Event::Message(self.assembly.finish()?)))
    }

    /// Reads on in a frame of a compressed message (RFC 7692 section 6.2); what comes out of a text is UTF-8 (section 6.1).
    ///
    /// What comes out of it may have to wait for the host to take what came out before: then not all of the frame's
    /// bytes in `input` are read, and those that are not must be masked as they were.
    fn read_compressed<'b>(&mut self, mut frame: Frame, input: &mut Input<'b>) -> Step<'b> {
        let limits = &self.config.limits;
        let available = input.rest().len();
        // Of a message in chunks no more is unmasked at a time than may be masked again at little cost; a message's bound
        // is met when one byte more comes out.
        let (available, most_bytes) = if self.assembly.delivers_chunks() {
            (available.min(CHUNK_BYTES), CHUNK_BYTES)
        } else {
            (available, self.assembly.room(limits).saturating_add(1))
        };
        let share = frame.share(available);
        let is_last = frame.fin && frame.ends_within(share);
        let piece = input.ahead(share);
        frame.mask_ahead(piece);
        let sink = self.assembly.sink();
        let before = sink.len();
        let result = self.compression.inflate(piece, is_last, sink, most_bytes, limits);
        let inflated = sink.len() - before;
        let (consumed, is_done, mut fault) = match result {
            Ok(step) => (step.consumed, step.is_done, None),
            Err(fault) => (share, true, Some(fault)),
        };
        input.take(consumed);
        frame.advance(consumed);
        frame.mask_ahead(input.ahead(share - consumed));
        let is_complete = is_done && frame.is_complete();
        self.reading = if is_complete {
            Reading::START
        } else {
            Reading::Payload(frame)
        };
        let is_over = is_last && is_complete;
        // What came out before a fault is looked at first, as it would be had the fault come in another read.
        if self.assembly.delivers_chunks() {
            let (payload, invalid) = self.assembly.take_inflated();
            fault = invalid.or(fault);
            return self.deliver(Payload::Owned(payload), is_over, fault);
        }
        self.assembly.validate_last(inflated)?;
        // The byte too many came before whatever was found behind it.
        if inflated == most_bytes {
            return Err(Violation::MessageTooBig);
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        if !is_over {
            return Ok(None);
        }
        Ok(Some(Event::Message(self.assembly.finish()?)))
    }

    /// Hands out a chunk. A `fault` that was found behind it is met only after it: had the input been cut between the two,
    /// the chunk would have come before as well, and the host could still have closed.
    fn deliver<'b>(&mut self, payload: Payload<'b>, is_last: bool, fault: Option<Violation>) -> Step<'b> {
        let fault = fault.or_else(|| (is_last && !self.assembly.may_end()).then_some(Violation::TextNotUtf8));
        let is_last = is_last && fault.is_none();
        if payload.as_bytes().is_empty() && !is_last {
            if let Payload::Owned(buffer) = payload {
                self.assembly.lend(buffer);
            }
            return fault.map_or(Ok(None), Err);
        }
        let chunk = self.assembly.chunk(payload, is_last);
        if fault.is_some() {
            self.rare().fault = fault;
        }
        Ok(Some(Event::Chunk(chunk)))
    }

    /// A control frame is there (RFC 6455 section 5.5).
    fn finish_control<'b>(&mut self, opcode: Opcode, payload: Payload<'b>, entropy: &mut dyn Entropy) -> Step<'b> {
        let payload = ControlPayload::new(payload).ok_or(Violation::ControlTooLong)?;
        match opcode {
            // Section 5.5.2: answered, also after our own Close, until the peer's.
            Opcode::Ping => {
                self.queue_pong(payload.as_bytes(), entropy);
                Ok(Some(Event::Ping(payload)))
            }
            Opcode::Pong => Ok(Some(Event::Pong(payload))),
            Opcode::Close => {
                let (code, reason) = close::decode(payload.as_bytes())?;
                let initiator = if self.stage == Stage::Open {
                    self.side.peer()
                } else {
                    self.side
                };
                self.stage = self.stage.close_received(code);
                self.forget_input();
                if !reason.is_empty() && matches!(self.stage, Stage::CloseOwed(_)) {
                    self.rare().close_reason.clone_from(&reason);
                }
                Ok(Some(Event::Closed(Closed {
                    code,
                    reason,
                    initiator,
                })))
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => Ok(None),
        }
    }
}

/// What a frame must be like to be taken the short way.
#[derive(Clone, Copy)]
struct Common {
    masked: bool,
    bound: u64,
}

/// A message in one frame that lies there whole.
#[derive(Clone, Copy)]
struct Whole {
    is_text: bool,
    header_bytes: usize,
    length: usize,
    key: [u8; 4],
}

impl Common {
    /// The message at the start of `bytes`; `None` for all that is not that.
    #[inline]
    fn next(self, bytes: &[u8]) -> Option<Whole> {
        let &[first, second, ..] = bytes else {
            return None;
        };
        let is_text = match first {
            0x81 => true,
            0x82 => false,
            _ => return None,
        };
        // With the mask bit as it must be, taking it off leaves the short length; else something that is none.
        let short = if self.masked { second ^ 0x80 } else { second };
        let (length, length_bytes) = match short {
            0..126 => (usize::from(short), 2),
            126 => {
                let &[_, _, high, low] = bytes.first_chunk()?;
                let length = u16::from_be_bytes([high, low]);
                if length < 126 {
                    return None;
                }
                (usize::from(length), 4)
            }
            127.. => return None,
        };
        let header_bytes = if self.masked { length_bytes + 4 } else { length_bytes };
        if bytes.len() < header_bytes + length || length as u64 > self.bound {
            return None;
        }
        let mut key = [0; 4];
        if self.masked {
            key = *bytes[length_bytes..header_bytes].first_chunk()?;
        }
        Some(Whole {
            is_text,
            header_bytes,
            length,
            key,
        })
    }
}

impl Whole {
    /// Length of the frame.
    #[inline]
    const fn bytes(self) -> usize {
        self.header_bytes + self.length
    }

    /// Unmasks the payload; false if it should be a text and isn't. The key of a frame that isn't masked is zero.
    #[inline]
    fn unmask(self, payload: &mut [u8]) -> bool {
        if self.key != [0; 4] {
            mask::apply(payload, self.key);
        }
        !self.is_text || utf8::is_valid(payload)
    }
}
