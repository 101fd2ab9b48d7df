//! How messages become bytes (RFC 6455 section 6.1): the verbs of [`Connection`] that send, and what stands behind them.

use super::connection::Connection;
use super::message::ControlPayload;
use super::outgoing::NextFrame;
use super::state::Stage;
use super::wire::close::ClosePayload;
use super::wire::header::{self, Opcode};
use super::wire::mask;
use super::{CloseCode, Entropy, Instant, Message, MessageKind, Misuse, SharedMemory};

impl Connection {
    /// Queues a message as one frame; compressed where the two sides agreed on it, the message is long enough for it to
    /// pay, and memory for it is to be had (RFC 7692).
    ///
    /// # Errors
    /// [`Misuse::NotOpen`] before the connection is open and after its Close; [`Misuse::QueueFull`] if the frame, not
    /// compressed, would not fit into `Limits::queued_bytes`; [`Misuse::MessageUnderWay`] while another is sent in chunks,
    /// [`Misuse::MessageCut`] when one was [given up](Self::discard_queued). Nothing is queued then.
    #[inline]
    pub fn send(&mut self, message: Message<'_>, entropy: &mut impl Entropy) -> Result<(), Misuse> {
        if self.compression.is_agreed() {
            return self.send_compressed(message, entropy);
        }
        self.send_uncompressed(message, entropy)
    }

    /// Queues a message as one frame that is not compressed, whatever was agreed on: for what is compressed already, and
    /// for secrets beside which a peer may place text of its own (RFC 7692 section 8).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_uncompressed(&mut self, message: Message<'_>, entropy: &mut impl Entropy) -> Result<(), Misuse> {
        if !self.outgoing.is_idle() {
            self.check_may_send()?;
        }
        let opcode = if message.is_text() {
            Opcode::Text
        } else {
            Opcode::Binary
        };
        self.queue(opcode, message.as_bytes(), entropy)
    }

    /// [`send_uncompressed`](Self::send_uncompressed) for the common case: a message of a server's, where compression was not
    /// agreed on and the place for it is there. Gives how many bytes wait then; `None`, with nothing done, in all other cases,
    /// and if more than `limit_bytes` might wait.
    #[cfg(feature = "engine")]
    #[inline]
    pub(crate) fn send_at_once(&mut self, message: Message<'_>, limit_bytes: usize) -> Option<usize> {
        if !self.stage.may_send() || !self.outgoing.is_idle() || self.side.masks() || self.compression.is_agreed() {
            return None;
        }
        let limit_bytes = limit_bytes.min(self.config.limits.queued_bytes);
        let first = header::first_byte(
            if message.is_text() {
                Opcode::Text
            } else {
                Opcode::Binary
            },
            true,
            false,
        );
        self.output.append_frame(first, message.as_bytes(), limit_bytes)
    }

    #[inline(never)]
    fn send_compressed(&mut self, message: Message<'_>, entropy: &mut impl Entropy) -> Result<(), Misuse> {
        self.check_may_send()?;
        let payload = message.as_bytes();
        self.check_room(payload.len())?;
        if !self.compression.begin_message(Some(payload.len())) {
            return self.send_uncompressed(message, entropy);
        }
        let opcode = if message.is_text() {
            Opcode::Text
        } else {
            Opcode::Binary
        };
        self.write_compressed(header::first_byte(opcode, true, true), payload, true, entropy);
        Ok(())
    }

    /// As [`send_uncompressed`](Self::send_uncompressed), but where the payload lies in `memory` and goes out as it is (a
    /// client's is masked, so it doesn't) no byte of it is copied: the connection keeps a reference to `memory` until the
    /// message is sent. A reference costs more than to copy a short payload.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use wsloop::proto::{Config, Connection, Entropy, Instant, Message, Misuse, SharedMemory, Side};
    /// # struct Fixed;
    /// # impl Entropy for Fixed { fn fill(&mut self, bytes: &mut [u8]) { bytes.fill(7); } }
    /// let mut connection = Connection::opened(Side::Server, Arc::new(Config::default()));
    /// let memory: SharedMemory = Arc::new(*b"Hello, world");
    /// connection.send_shared(Message::Binary(&(*memory).as_ref()[7..]), &memory, &mut Fixed)?;
    /// assert_eq!(connection.poll_transmit(Instant::ZERO, &mut Fixed), b"\x82\x05");
    /// let slices: Vec<&[u8]> = connection.transmit_slices().collect();
    /// assert_eq!(slices, [b"\x82\x05", &b"world"[..]]);
    /// # Ok::<(), Misuse>(())
    /// ```
    pub fn send_shared(
        &mut self,
        message: Message<'_>,
        memory: &SharedMemory,
        entropy: &mut impl Entropy,
    ) -> Result<(), Misuse> {
        let payload = message.as_bytes();
        let bytes = (**memory).as_ref();
        let start = payload.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
        let range = start..start.wrapping_add(payload.len());
        if self.side.masks() || payload.is_empty() || bytes.get(range.clone()).is_none() {
            return self.send_uncompressed(message, entropy);
        }
        self.check_may_send()?;
        self.check_room(payload.len())?;
        let opcode = match message.kind() {
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        };
        let output = self.output.append(header::MAX_BYTES);
        header::encode(output, header::first_byte(opcode, true, false), payload.len(), None);
        self.output.append_shared(memory, range);
        Ok(())
    }

    /// Begins a message that is sent in [chunks](Self::send_chunk), so that one of any length passes in bounded memory and
    /// control frames can go between. Nothing is queued yet. `compress`: as [`send`](Self::send) would; else as
    /// [`send_uncompressed`](Self::send_uncompressed).
    ///
    /// # Errors
    /// [`Misuse::NotOpen`] before the connection is open and after its Close; [`Misuse::MessageUnderWay`] before the last
    /// chunk of another, [`Misuse::MessageCut`] when one was [given up](Self::discard_queued).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use wsloop::proto::{Config, Connection, Entropy, Instant, MessageKind, Misuse, Side};
    /// # struct Fixed;
    /// # impl Entropy for Fixed { fn fill(&mut self, bytes: &mut [u8]) { bytes.fill(7); } }
    /// let mut connection = Connection::opened(Side::Server, Arc::new(Config::default()));
    /// connection.begin_message(MessageKind::Text, true)?;
    /// connection.send_chunk(b"Hel", false, &mut Fixed)?;
    /// connection.ping(b"", &mut Fixed)?;
    /// connection.send_chunk(b"lo", true, &mut Fixed)?;
    /// // The fragmented message of RFC 6455 section 5.7, with a ping between its frames.
    /// assert_eq!(connection.poll_transmit(Instant::ZERO, &mut Fixed), b"\x01\x03Hel\x89\x00\x80\x02lo");
    /// # Ok::<(), Misuse>(())
    /// ```
    pub fn begin_message(&mut self, kind: MessageKind, compress: bool) -> Result<(), Misuse> {
        self.check_may_send()?;
        let compress = compress && self.compression.begin_message(None);
        self.outgoing.begin(kind, compress);
        Ok(())
    }

    /// Queues the next chunk of the message that was begun, as one frame, and if it is the `last` ends the message. A
    /// chunk may be empty, and that of a text may end within a character.
    ///
    /// # Errors
    /// [`Misuse::NoMessageUnderWay`] if none was begun; [`Misuse::NotUtf8`] if the chunks of a text are not; else as
    /// [`send`](Self::send). Nothing is queued then, and another chunk may be tried.
    pub fn send_chunk(&mut self, chunk: &[u8], last: bool, entropy: &mut impl Entropy) -> Result<(), Misuse> {
        if !self.stage.may_send() {
            return Err(Misuse::NotOpen);
        }
        let (frame, next) = self.outgoing.check(chunk, last)?;
        self.check_room(chunk.len())?;
        self.outgoing = next;
        let NextFrame {
            opcode,
            is_first,
            compress,
        } = frame;
        // RFC 7692 section 6.1: the bit stands on the first frame alone, of control frames on none.
        let first = header::first_byte(opcode, last, compress && is_first);
        if compress {
            self.write_compressed(first, chunk, last, entropy);
        } else {
            self.write_frame(first, chunk, entropy);
        }
        Ok(())
    }

    /// Queues a ping.
    ///
    /// # Errors
    /// [`Misuse::NotOpen`] before the connection is open and after its Close; [`Misuse::ControlTooLong`] for more than 125
    /// bytes; [`Misuse::QueueFull`].
    pub fn ping(&mut self, payload: &[u8], entropy: &mut impl Entropy) -> Result<(), Misuse> {
        self.queue_control(Opcode::Ping, payload, entropy)
    }

    /// Queues a pong that nobody asked for, as a one-sided sign of life (RFC 6455 section 5.5.3); pings are answered
    /// without it.
    ///
    /// # Errors
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8], entropy: &mut impl Entropy) -> Result<(), Misuse> {
        self.queue_control(Opcode::Pong, payload, entropy)?;
        if let Some(rare) = &mut self.rare
            && !rare.pongs.is_idle()
        {
            let frame_bytes = header::encoded_bytes(payload.len(), self.side.masks()) + payload.len();
            rare.pongs.queued(frame_bytes, self.output.len());
        }
        Ok(())
    }

    /// Begins the closing handshake (RFC 6455 section 7.1.2): queues our Close, after which nothing can be sent, also not
    /// the rest of a message in chunks. Messages are still delivered until the peer's Close, which is awaited until
    /// `Config::closing_timeout` from `now`.
    ///
    /// # Errors
    /// [`Misuse::NotOpen`] unless the connection is open; [`Misuse::ReasonTooLong`] for a reason of more than 123 bytes;
    /// [`Misuse::ReasonWithoutCode`] for a reason without a code.
    pub fn close(
        &mut self,
        now: Instant,
        code: Option<CloseCode>,
        reason: &str,
        entropy: &mut impl Entropy,
    ) -> Result<(), Misuse> {
        if self.stage != Stage::Open {
            return Err(Misuse::NotOpen);
        }
        let payload = ClosePayload::new(code, reason)?;
        self.write_control(Opcode::Close, payload.as_bytes(), entropy);
        self.stage = self.stage.close_sent();
        self.outgoing.cut();
        self.compression.end_sending();
        self.deadline = now + self.config.closing_timeout;
        Ok(())
    }

    /// Drops all that waits to be sent behind the frame under way, or behind the answer of the opening handshake, so that a
    /// Close may follow at once; gives how many messages the peer will not have whole for it. After our Close nothing is
    /// dropped, since that must be sent.
    ///
    /// If that cuts a message of which chunks have been sent, or one is being sent in chunks, only the Close can follow:
    /// other messages are [`Misuse::MessageCut`].
    pub fn discard_queued(&mut self) -> usize {
        if self.stage != Stage::Open {
            return 0;
        }
        let discarded = self.output.discard_unsent();
        let one_more = self.outgoing.discarded(discarded.messages, discarded.cut);
        // What the peer never gets can't be referred to.
        self.compression.discarded();
        if let Some(rare) = &mut self.rare {
            rare.pongs.discarded(self.output.len());
            self.tidy();
        }
        discarded.messages + usize::from(one_more)
    }

    /// What waits of messages: how many whose last byte was not sent, the one included that is being sent in chunks and
    /// has begun; and the bytes of their frames. Walks over what waits.
    #[must_use]
    pub fn queued_messages(&self) -> (usize, usize) {
        let (messages, bytes) = self.output.messages();
        (messages + usize::from(self.outgoing.is_continued()), bytes)
    }

    /// Whether the next chunk is its message's first.
    #[inline]
    #[must_use]
    pub const fn begins_message(&self) -> bool {
        self.outgoing.is_begun()
    }

    /// Whether a message that is sent in chunks has begun to leave, and not ended.
    #[must_use]
    pub const fn is_sending_chunks(&self) -> bool {
        self.outgoing.is_continued()
    }

    /// Nothing can be sent any more: drops all that waits.
    pub fn abandon_queued(&mut self) {
        self.output.abandon();
        self.outgoing.cut();
        if let Some(rare) = &mut self.rare {
            rare.pongs.discarded(0);
            self.tidy();
        }
    }

    /// After our Close: awaits the peer's until `deadline` instead of the time that `Config::closing_timeout` gave it.
    pub fn await_close_until(&mut self, deadline: Instant) {
        if self.stage == Stage::CloseSent {
            self.deadline = deadline;
        }
    }

    /// Whether a message may begin now.
    pub(super) fn check_may_send(&self) -> Result<(), Misuse> {
        if !self.stage.may_send() {
            return Err(Misuse::NotOpen);
        }
        self.outgoing.check_idle()
    }

    /// Whether a frame with so much payload fits into the queue.
    #[inline]
    pub(super) fn check_room(&self, payload_bytes: usize) -> Result<(), Misuse> {
        let frame_bytes = header::encoded_bytes(payload_bytes, self.side.masks()) + payload_bytes;
        if frame_bytes > self.config.limits.queued_bytes.saturating_sub(self.output.len()) {
            return Err(Misuse::QueueFull);
        }
        Ok(())
    }

    fn queue_control(&mut self, opcode: Opcode, payload: &[u8], entropy: &mut dyn Entropy) -> Result<(), Misuse> {
        if payload.len() > ControlPayload::MAX_BYTES {
            return Err(Misuse::ControlTooLong);
        }
        self.queue(opcode, payload, entropy)
    }

    /// Queues a frame of the application's that is no fragment.
    #[inline]
    fn queue(&mut self, opcode: Opcode, payload: &[u8], entropy: &mut (impl Entropy + ?Sized)) -> Result<(), Misuse> {
        if !self.stage.may_send() {
            return Err(Misuse::NotOpen);
        }
        self.check_room(payload.len())?;
        self.write_frame(header::first_byte(opcode, true, false), payload, entropy);
        Ok(())
    }

    /// Appends a control frame.
    pub(super) fn write_control(&mut self, opcode: Opcode, payload: &[u8], entropy: &mut dyn Entropy) {
        self.write_frame(header::first_byte(opcode, true, false), payload, entropy);
    }

    /// Appends a frame: header, then the payload, copied once and masked where it lies, so that the application can't change
    /// it any more (RFC 6455 section 10.3). Sections 5.1 and 5.3: a client masks every frame with a fresh key, its Close as
    /// well (section 5.5.1).
    #[inline]
    fn write_frame(&mut self, first: u8, payload: &[u8], entropy: &mut (impl Entropy + ?Sized)) {
        let output = self.output.append(header::MAX_BYTES + payload.len());
        if self.side.masks() {
            let mut key = [0; 4];
            entropy.fill(&mut key);
            header::encode(output, first, payload.len(), Some(key));
            let start = output.len();
            output.extend_from_slice(payload);
            mask::apply(&mut output[start..], key);
        } else {
            header::encode(output, first, payload.len(), None);
            output.extend_from_slice(payload);
        }
    }

    /// Appends a frame with a piece of a compressed message. Its length, and so its header's, is known only when it is
    /// compressed: it is then moved to where it belongs.
    fn write_compressed(&mut self, first: u8, piece: &[u8], last: bool, entropy: &mut (impl Entropy + ?Sized)) {
        const GAP: usize = header::MAX_BYTES;
        // The compressor makes its own room past this, to the double; here the queue sees to it that it grows by less.
        const ROOM_BYTES: usize = 33 << 10;
        let key = self.side.masks().then(|| {
            let mut key = [0; 4];
            entropy.fill(&mut key);
            key
        });
        let output = self.output.append((2 * GAP + piece.len()).min(ROOM_BYTES));
        let start = output.len();
        output.extend_from_slice(&[0; GAP]);
        self.compression.compress(piece, last, output);
        let length = output.len() - start - GAP;
        if let Some(key) = key {
            mask::apply(&mut output[start + GAP..], key);
        }
        // The header is written behind the payload, and put before it.
        header::encode(output, first, length, key);
        let header_bytes = output.len() - start - GAP - length;
        let mut frame_header = [0; GAP];
        frame_header[..header_bytes].copy_from_slice(&output[start + GAP + length..]);
        output[start..start + header_bytes].copy_from_slice(&frame_header[..header_bytes]);
        output.copy_within(start + GAP..start + GAP + length, start + header_bytes);
        output.truncate(start + header_bytes + length);
    }

    /// Answers a ping, now or when the pongs that wait have left (RFC 6455 section 5.5.3 lets us answer only the latest).
    pub(super) fn queue_pong(&mut self, payload: &[u8], entropy: &mut dyn Entropy) {
        let bound = self.config.limits.pong_queue_bytes;
        if self.rare.as_ref().is_none_or(|rare| rare.pongs.is_idle()) {
            // If less than the bound waits in all, less of pongs does: nothing has to be counted.
            if self.output.len() < bound {
                self.write_control(Opcode::Pong, payload, entropy);
                return;
            }
            // What is walked over here has to leave before it can be asked again.
            self.rare().pongs = self.output.pongs();
        }
        let pongs = &mut self.rare().pongs;
        if pongs.is_deferring() || !pongs.has_room(bound) {
            pongs.defer(payload);
            return;
        }
        let before = self.output.len();
        self.write_control(Opcode::Pong, payload, entropy);
        let queued = self.output.len();
        self.rare().pongs.queued(queued - before, queued);
    }
}
