//! [`Connection`]: what the host calls. How bytes become events is in `receive`, how messages become bytes in `sending`.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use super::assembling::{Assembly, Reading};
use super::compression::Compression;
use super::handshake::{Opening, client, server};
use super::outgoing::Outgoing;
use super::output::{Output, OutputBuffer, Pongs};
use super::state::Stage;
use super::wire::close::ClosePayload;
use super::wire::header::Opcode;
use super::{
    Accept, ClientRequest, CloseCode, Config, Entropy, Event, Failure, Input, Instant, Misuse, Response, SharedMemory,
    Side, State, Violation,
};

/// One WebSocket connection for its whole life: opening, open, closing, closed.
///
/// The [module](super) describes the contract between it and its host.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Arc<Config>,
    pub(super) output: Output,
    pub(super) reading: Reading,
    pub(super) assembly: Assembly,
    pub(super) compression: Compression,
    /// What most connections don't have at most times.
    pub(super) rare: Option<Box<Rare>>,
    /// [`Instant::NEVER`] if time doesn't matter; an `Option` would take eight bytes more.
    pub(super) deadline: Instant,
    pub(super) stage: Stage,
    pub(super) side: Side,
    pub(super) fate: Fate,
    /// Bytes were given and `poll_event` has not said `None` since.
    pub(super) undrained: bool,
    pub(super) outgoing: Outgoing,
}

/// State that is seldom needed, and given back when it isn't.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// There until the connection is open.
    pub(super) opening: Option<Box<Opening>>,
    /// The part of a control frame's payload that has come.
    pub(super) control: Vec<u8>,
    /// Frames that came before the host had accepted, and how far they are read.
    pub(super) early: Vec<u8>,
    pub(super) early_read: usize,
    pub(super) pongs: Pongs,
    /// The reason of the peer's Close, which our answer repeats.
    pub(super) close_reason: String,
    /// An event that a call of the host's caused, for the next `poll_event`.
    pub(super) news: Option<Event<'static>>,
    /// What was found wrong behind the chunk that was handed out last; the next `poll_event` fails for it.
    pub(super) fault: Option<Violation>,
}

impl Rare {
    fn is_idle(&self) -> bool {
        self.opening.is_none()
            && self.control.is_empty()
            && self.early.is_empty()
            && self.pongs.is_idle()
            && self.close_reason.is_empty()
            && self.news.is_none()
            && self.fault.is_none()
    }
}

/// What happened to the transport, told by the next `poll_event` that has read all input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Alive,
    /// The peer's bytes came to their end.
    Ended,
    /// The deadline passed.
    TimedOut,
}

impl Connection {
    /// A server's end: the client's request is awaited, until `Config::opening_timeout` from `now`.
    #[must_use]
    pub fn server(config: Arc<Config>, now: Instant) -> Self {
        let deadline = now + config.opening_timeout;
        let mut connection = Self::opened(Side::Server, config);
        connection.stage = Stage::Opening;
        connection.deadline = deadline;
        connection.rare().opening = Some(Box::new(Opening::Request(server::AwaitingRequest::default())));
        connection
    }

    /// A client's end: the request is queued at once, and the answer awaited until `Config::opening_timeout` from `now`.
    ///
    /// # Errors
    /// [`Misuse::InvalidHost`], [`InvalidTarget`](Misuse::InvalidTarget), [`InvalidHeader`](Misuse::InvalidHeader),
    /// [`ReservedHeader`](Misuse::ReservedHeader) or [`InvalidSubprotocol`](Misuse::InvalidSubprotocol) if the request
    /// can't be sent.
    pub fn client(
        config: Arc<Config>,
        request: &ClientRequest,
        now: Instant,
        entropy: &mut impl Entropy,
    ) -> Result<Self, Misuse> {
        let deadline = now + config.opening_timeout;
        let mut connection = Self::opened(Side::Client, config);
        let waiting =
            client::AwaitingResponse::start(&connection.config, request, entropy, connection.output.append(0))?;
        connection.stage = Stage::Opening;
        connection.deadline = deadline;
        connection.rare().opening = Some(Box::new(Opening::Response(waiting)));
        Ok(connection)
    }

    /// A connection whose opening handshake was done by somebody else, without extensions; it is open from the start and
    /// gives no [`Event::Opened`].
    #[must_use]
    pub fn opened(side: Side, config: Arc<Config>) -> Self {
        Self {
            config,
            output: Output::default(),
            reading: Reading::START,
            assembly: Assembly::default(),
            compression: Compression::NONE,
            rare: None,
            deadline: Instant::NEVER,
            stage: Stage::Open,
            side,
            fate: Fate::Alive,
            undrained: false,
            outgoing: Outgoing::default(),
        }
    }

    /// As [`opened`](Self::opened), but the handshake agreed on permessage-deflate as well. `None` if `Config::deflate`
    /// is not set, or its contexts have no room for another inflater: then the connection can't be gone on with.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn opened_compressed(side: Side, config: Arc<Config>, agreed: super::Agreed) -> Option<Self> {
        let compression = Compression::agreed_elsewhere(&config, agreed, side)?;
        let mut connection = Self::opened(side, config);
        connection.compression = compression;
        Some(connection)
    }

    /// Whether messages are handed out in [chunks](Event::Chunk) as they come, rather than gathered; from the next
    /// message on. At first they are gathered.
    ///
    /// Of a message in chunks nothing is held, so that one of any length passes in bounded memory, and
    /// `Limits::{frame_bytes, message_bytes, fragments}` do not apply; `Limits::inflate_ratio` does. Text is validated
    /// across chunks: the first bad byte fails the connection, when the chunks before it have been handed out.
    pub const fn deliver_chunks(&mut self, yes: bool) {
        self.assembly.deliver_chunks(yes);
    }

    /// Bytes came from the peer. Payloads are unmasked in place and events point into them: now call
    /// [`poll_event`](Self::poll_event) until it says `None`, after which the bytes are the caller's again.
    ///
    /// Bytes given before the events of the last ones were drained would follow a gap: the connection then fails with
    /// [`Misuse::InputNotDrained`].
    #[inline]
    pub fn handle_bytes<'b>(&mut self, now: Instant, bytes: &'b mut [u8]) -> Input<'b> {
        let _ = now;
        if !bytes.is_empty() {
            if self.undrained {
                self.misused();
            }
            self.undrained = true;
        }
        Input::new(bytes)
    }

    #[cold]
    fn misused(&mut self) {
        if !self.stage.has_ended() {
            self.end(Some(CloseCode::INTERNAL_ERROR));
            self.rare().news = Some(Event::Failed(Failure::Misused(Misuse::InputNotDrained)));
        }
    }

    /// The peer's bytes came to their end: end of file, or a reset. Then drain [`poll_event`](Self::poll_event).
    pub fn handle_end(&mut self, now: Instant) {
        let _ = now;
        self.fate = Fate::Ended;
    }

    /// The moment of [`poll_timeout`](Self::poll_timeout) has come. Then drain [`poll_event`](Self::poll_event). A call
    /// too early changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|deadline| now >= deadline) {
            self.deadline = Instant::NEVER;
            if self.fate == Fate::Alive {
                self.fate = Fate::TimedOut;
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; `None` for never.
    #[must_use]
    #[inline]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        if self.deadline.as_nanos() == Instant::NEVER.as_nanos() {
            None
        } else {
            Some(self.deadline)
        }
    }

    /// All bytes that wait to be sent, perhaps none; tell [`transmitted`](Self::transmitted) what became of them. If some
    /// of them are [shared](Self::send_shared) these are only the first that lie in one piece.
    ///
    /// The Close that answers the peer's, or tells it of a violation, is queued by the first call after the last event.
    #[inline]
    pub fn poll_transmit(&mut self, now: Instant, entropy: &mut impl Entropy) -> &[u8] {
        let _ = now;
        if self.rare.is_some() || matches!(self.stage, Stage::CloseOwed(_)) {
            self.queue_owed(entropy);
        }
        self.output.pending()
    }

    /// What [`poll_transmit`](Self::poll_transmit) gave, and all that waits behind it, piece by piece and none of them
    /// empty: for one gathered write.
    pub fn transmit_slices(&self) -> impl Iterator<Item = &[u8]> {
        self.output.slices()
    }

    /// Whether what waits to be sent lies in more than one piece, some of it [shared](Self::send_shared).
    #[must_use]
    #[inline]
    pub fn is_scattered(&self) -> bool {
        self.output.is_scattered()
    }

    /// Copies what of `memory` waits to be sent, so that the connection holds no reference to it any more.
    pub fn copy_shared(&mut self, memory: &SharedMemory) {
        if self.output.is_scattered() {
            self.output.copy_shared(memory);
        }
    }

    /// Queues what had to wait: the pong of a ping that came when too many were unsent, and a Close.
    #[cold]
    fn queue_owed(&mut self, entropy: &mut dyn Entropy) {
        let bound = self.config.limits.pong_queue_bytes;
        if self.stage.reads_frames()
            && let Some(rare) = &mut self.rare
            && rare.pongs.is_deferring()
            && rare.pongs.has_room(bound)
            && let Some(payload) = rare.pongs.take_deferred()
        {
            self.queue_pong(&payload, entropy);
        }
        if let Stage::CloseOwed(code) = self.stage {
            let reason = self.rare.as_mut().map(|rare| mem::take(&mut rare.close_reason));
            // The reason is one that came in a Close with a code, so it fits.
            let payload = ClosePayload::new(code, &reason.unwrap_or_default());
            let payload = payload.unwrap_or_else(|_| ClosePayload::bare(code));
            self.write_control(Opcode::Close, payload.as_bytes(), entropy);
            self.stage = self.stage.close_sent();
            // Others may have use for its memory while this one's last bytes leave.
            self.compression = Compression::NONE;
        }
    }

    /// The first `count` bytes of those that waited were sent; more than waited counts as all of them.
    #[inline]
    pub fn transmitted(&mut self, now: Instant, count: usize) {
        let _ = now;
        let count = self.output.transmitted(count);
        if let Some(rare) = &mut self.rare {
            rare.pongs.transmitted(count);
            self.tidy();
        }
    }

    /// Accepts the client's request; the next [`poll_event`](Self::poll_event) gives [`Event::Opened`].
    ///
    /// # Errors
    /// [`Misuse::NotOpening`] unless a request waits for its answer; [`Misuse::InvalidHeader`],
    /// [`ReservedHeader`](Misuse::ReservedHeader) or [`SubprotocolNotOffered`](Misuse::SubprotocolNotOffered) if the
    /// answer can't be sent: the request still waits.
    pub fn accept(&mut self, answer: &Accept) -> Result<(), Misuse> {
        let Some(Opening::Answer(waiting)) = opening(&self.rare) else {
            return Err(Misuse::NotOpening);
        };
        let (opened, compression) = waiting.accept(&self.config, answer, self.output.append(0))?;
        self.open(compression);
        self.rare().news = Some(Event::Opened(Box::new(opened)));
        Ok(())
    }

    /// Refuses the client's request with any HTTP answer, and ends the connection; the next
    /// [`poll_event`](Self::poll_event) gives [`Failure::Refused`].
    ///
    /// # Errors
    /// [`Misuse::NotOpening`] unless a request waits for its answer; [`Misuse::InvalidStatus`],
    /// [`InvalidHeader`](Misuse::InvalidHeader) or [`ReservedHeader`](Misuse::ReservedHeader) if the answer can't be
    /// sent: the request still waits.
    pub fn refuse(&mut self, response: &Response) -> Result<(), Misuse> {
        let Some(Opening::Answer(waiting)) = opening(&self.rare) else {
            return Err(Misuse::NotOpening);
        };
        waiting.refuse(response, self.output.append(0))?;
        self.end(None);
        let refusal = response.clone().into_refusal(None);
        self.rare().news = Some(Event::Failed(Failure::Refused(Box::new(refusal))));
        Ok(())
    }

    /// Which end this is.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Where the connection stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.stage.as_state()
    }

    /// How many bytes wait to be sent.
    #[must_use]
    #[inline]
    pub fn queued_bytes(&self) -> usize {
        self.output.len()
    }

    /// Whether all is said, both ways or by a failure: once what waits is sent, the transport may be ended.
    #[must_use]
    #[inline]
    pub const fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Closed)
    }

    /// Whether a part of a frame or message has come and the rest has not.
    #[must_use]
    pub fn is_amid_message(&self) -> bool {
        !(self.reading.is_between_frames() && self.assembly.is_idle())
    }

    /// Whether more bytes of the peer's would be of use. Not while the host owes an answer to a request, nor after the
    /// end.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.stage.has_ended() && !matches!(opening(&self.rare), Some(Opening::Answer(_)))
    }

    /// Whether the next bytes may hold compressed messages, so that few of them become many. Before the connection is open
    /// too, if it may yet be agreed on: what opens it can have messages behind it.
    #[must_use]
    #[inline]
    pub fn inflates(&self) -> bool {
        self.compression.is_agreed() || (self.stage == Stage::Opening && Compression::is_wanted(&self.config))
    }

    /// Lends an empty buffer to write into, from a pool of the host's; dropped if the connection has one.
    pub fn lend_output(&mut self, buffer: OutputBuffer) {
        self.output.lend(buffer);
    }

    /// Takes the buffer for output back, if there is one and nothing waits in it.
    pub fn reclaim_output(&mut self) -> Option<OutputBuffer> {
        self.output.reclaim()
    }

    /// Lends an empty buffer to gather a message in that comes in pieces, from a pool of the host's; dropped if the
    /// connection has one. It comes back as the message's own ([`MessageBuf::into_owned_buffer`](super::MessageBuf)), or
    /// by [`reclaim_input`](Self::reclaim_input).
    pub fn lend_input(&mut self, buffer: Vec<u8>) {
        self.assembly.lend(buffer);
    }

    /// Whether it has a buffer for input, so that [`lend_input`](Self::lend_input) would drop another.
    #[must_use]
    #[inline]
    pub const fn has_input_buffer(&self) -> bool {
        self.assembly.has_buffer()
    }

    /// Takes the buffer for input back, if there is one and no message is under way.
    pub fn reclaim_input(&mut self) -> Option<Vec<u8>> {
        self.assembly.reclaim()
    }

    /// The opening handshake succeeded.
    pub(super) fn open(&mut self, compression: Compression) {
        self.compression = compression;
        self.rare().opening = None;
        self.tidy();
        self.deadline = Instant::NEVER;
        self.stage = self.stage.opened();
    }

    /// The connection failed; `code` is for the peer, should it be told. What was kept of unfinished input is let go.
    pub(super) fn end(&mut self, code: Option<CloseCode>) {
        self.stage = self.stage.failed(code);
        self.forget_input();
    }

    /// Nothing more will be read.
    pub(super) fn forget_input(&mut self) {
        self.deadline = Instant::NEVER;
        self.reading = Reading::START;
        self.assembly = Assembly::default();
        if self.is_finished() {
            self.compression = Compression::NONE;
        } else {
            self.compression.end_reading();
        }
        if let Some(rare) = &mut self.rare {
            rare.fault = None;
            rare.opening = None;
            rare.control = Vec::new();
            rare.early = Vec::new();
        }
        self.tidy();
    }

    /// The rare state, made if it isn't there.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Lets the rare state go when nothing is in it.
    pub(super) fn tidy(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.is_idle()) {
            self.rare = None;
        }
    }
}

/// Where the opening handshake stands, if it isn't over; a function of one field, so that others can be changed meanwhile.
fn opening(rare: &Option<Box<Rare>>) -> Option<&Opening> {
    rare.as_ref()?.opening.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_stays_small() {
        assert!(size_of::<Connection>() <= 136, "{} bytes", size_of::<Connection>());
    }
}
