//! [`Extension`]: permessage-deflate on one connection, both ways.

use alloc::vec::Vec;
use core::fmt;

use super::compressor::{Compressor, Shape};
use super::contexts::Reservation;
use super::inflater::{InflateError, Inflated, Inflater};
use super::variants::Variants;
use super::{Agreed, Deflate};
use crate::proto::{SharedMemory, Side};

/// What a connection that agreed on permessage-deflate keeps for it. Contexts come from the shared [`Contexts`], and go
/// back there at the end of a message or of the connection, as agreed.
///
/// [`Contexts`]: super::Contexts
pub(crate) struct Extension {
    reservation: Reservation,
    agreed: Agreed,
    side: Side,
    min_bytes: usize,
    /// `None` if we agreed to a window that we can't compress with: then all goes out as it is.
    shape: Option<Shape>,
    /// With context takeover: from the first compressed message on. Without: while one is under way.
    compressor: Option<Compressor>,
    /// The same for received messages.
    inflater: Option<Inflater>,
    compressed_bytes: u64,
    inflated_bytes: u64,
}

impl Extension {
    /// For a connection on which we are `side`, and on which `agreed` was agreed.
    pub(crate) fn new(config: &Deflate, agreed: Agreed, side: Side, reservation: Reservation) -> Self {
        Self {
            reservation,
            agreed,
            side,
            min_bytes: config.min_bytes,
            shape: Shape::new(config, agreed.max_window_bits(side)),
            compressor: None,
            inflater: None,
            compressed_bytes: 0,
            inflated_bytes: 0,
        }
    }

    /// What was agreed on.
    pub(crate) const fn agreed(&self) -> Agreed {
        self.agreed
    }

    /// Whether the next message, of so many `bytes` (`None`: not known), goes out compressed: it is long enough, and a
    /// compressor could be had within the budget. Then it must be given to [`compress`](Self::compress).
    pub(crate) fn begin_compress(&mut self, bytes: Option<usize>) -> bool {
        if bytes.is_some_and(|bytes| bytes < self.min_bytes) {
            return false;
        }
        if self.compressor.is_none() {
            self.compressor = self
                .shape
                .and_then(|shape| self.reservation.contexts().compressor(shape));
        }
        self.compressor.is_some()
    }

    /// Appends a piece of the message to `output`, compressed and flushed; the `last` piece without the four bytes
    /// 00 00 ff ff (RFC 7692 section 7.2.1). The context is then kept or given back, as agreed.
    pub(crate) fn compress(&mut self, piece: &[u8], last: bool, output: &mut Vec<u8>) {
        let Some(compressor) = &mut self.compressor else {
            debug_assert!(false, "a message must begin first");
            return;
        };
        compressor.compress(piece, last, output);
        if last && self.agreed.no_context_takeover(self.side) {
            self.give_compressor();
        }
    }

    /// The frame of a message that others get, too, compressed by itself; `None` if it goes out as it is.
    pub(crate) fn variant(
        &mut self,
        variants: &Variants,
        payload: &[u8],
        encode: impl FnOnce(&[u8]) -> SharedMemory,
    ) -> Option<SharedMemory> {
        if payload.len() < self.min_bytes {
            return None;
        }
        let frame = variants.frame(self.shape?, self.reservation.contexts(), payload, encode)?;
        // RFC 7692 sections 7.1.1 and 7.2.2: with context takeover the peer's window takes in every compressed message, and
        // distances are counted back from its end. This message moves that window on, and our compressor knows nothing of
        // it: where it would refer to what it has sent before, the peer would look in the wrong place. So it starts anew
        // (section 7.2.1 lets it refer to nothing before a message), and until then others may use it.
        self.give_compressor();
        Some(frame)
    }

    /// Gives the compressor back, if there is one: between messages as agreed, or since nothing more is sent.
    pub(crate) fn give_compressor(&mut self) {
        if let Some(compressor) = self.compressor.take() {
            self.reservation.contexts().give_compressor(compressor);
        }
    }

    /// Gives the inflater back, if there is one: between messages as agreed, or since nothing more is read.
    pub(crate) fn give_inflater(&mut self) {
        if let Some(inflater) = self.inflater.take() {
            self.reservation.give_inflater(inflater);
        }
    }

    /// What was compressed will not be sent, so the peer can't know it: the compressor starts anew.
    pub(crate) fn reset_compress(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.reset();
        }
    }

    /// A compressed message begins.
    pub(crate) fn begin_inflate(&mut self) {
        self.compressed_bytes = 0;
        self.inflated_bytes = 0;
        match &mut self.inflater {
            Some(inflater) => inflater.begin(),
            None => self.inflater = Some(self.reservation.inflater()),
        }
    }

    /// Inflates from `piece` and appends at most `most_bytes` to `sink`, which grows step by step and never past that.
    /// `last`: the message ends with this piece. Unless it is done, call again with the rest of the piece, even if that
    /// is empty. After the last piece the context is kept or given back, as agreed (RFC 7692 section 7.2.2). After an error
    /// the sink has what came before it, and the extension is of no more use.
    pub(crate) fn inflate(
        &mut self,
        piece: &[u8],
        last: bool,
        sink: &mut Vec<u8>,
        most_bytes: usize,
    ) -> Result<Inflated, InflateError> {
        let Some(inflater) = &mut self.inflater else {
            debug_assert!(false, "a message must begin first");
            return Err(InflateError);
        };
        let start = sink.len();
        let inflated = inflater.inflate(piece, last, sink, most_bytes);
        self.inflated_bytes += (sink.len() - start) as u64;
        let inflated = inflated?;
        self.compressed_bytes += inflated.consumed as u64;
        if last && inflated.is_done && self.agreed.no_context_takeover(self.side.peer()) {
            self.give_inflater();
        }
        Ok(inflated)
    }

    /// How much of the received message was read so far, compressed as it is.
    pub(crate) const fn compressed_bytes(&self) -> u64 {
        self.compressed_bytes
    }

    /// How much came out of it.
    pub(crate) const fn inflated_bytes(&self) -> u64 {
        self.inflated_bytes
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        self.give_compressor();
        self.give_inflater();
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Extension")
            .field("agreed", &self.agreed)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

impl Agreed {
    const fn no_context_takeover(self, side: Side) -> bool {
        match side {
            Side::Client => self.client_no_context_takeover,
            Side::Server => self.server_no_context_takeover,
        }
    }

    const fn max_window_bits(self, side: Side) -> u8 {
        match side {
            Side::Client => self.client_max_window_bits,
            Side::Server => self.server_max_window_bits,
        }
    }
}

#[cfg(test)]
mod tests;
