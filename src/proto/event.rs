//! What comes out of a connection ([`Event`]) and the bytes that go in ([`Input`]).

use alloc::boxed::Box;
use core::mem;

use super::{Chunk, Closed, ControlPayload, Failure, MessageBuf, Opened, Request};

/// What happened. Events borrow the bytes lent to `handle_bytes`, never the connection.
///
/// A connection gives `Request? Opened? (Message | Chunk | Ping | Pong)* (Closed | Failed)`, the last exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'b> {
    /// A client asks to open; a server's host now calls `accept` or `refuse`.
    Request(Box<Request>),
    /// The connection is open. On a server this follows the host's own `accept`.
    Opened(Box<Opened>),
    /// A whole message.
    Message(MessageBuf<'b>),
    /// A part of a message, if the host asked for [chunks](super::Connection::deliver_chunks).
    Chunk(Chunk<'b>),
    /// A ping; its pong is already queued.
    Ping(ControlPayload<'b>),
    /// A pong, asked for or not.
    Pong(ControlPayload<'b>),
    /// The end: both sides have closed, once what waits is sent. `send` still works until the next `poll_transmit` if
    /// the peer was the first to close.
    Closed(Closed),
    /// The end: the connection failed.
    Failed(Failure),
}

impl Event<'_> {
    /// The same event, with nothing borrowed.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Event::Request(request) => Event::Request(request),
            Event::Opened(opened) => Event::Opened(opened),
            Event::Message(message) => Event::Message(message.into_owned()),
            Event::Chunk(chunk) => Event::Chunk(chunk.into_owned()),
            Event::Ping(payload) => Event::Ping(payload.into_owned()),
            Event::Pong(payload) => Event::Pong(payload.into_owned()),
            Event::Closed(closed) => Event::Closed(closed),
            Event::Failed(failure) => Event::Failed(failure),
        }
    }
}

/// The bytes lent to `handle_bytes`, and how far they are read.
#[derive(Debug)]
pub struct Input<'b> {
    rest: &'b mut [u8],
    consumed: usize,
}

impl<'b> Input<'b> {
    #[inline]
    pub(crate) fn new(bytes: &'b mut [u8]) -> Self {
        Self {
            rest: bytes,
            consumed: 0,
        }
    }

    /// How many of the lent bytes have been read. After an event with a borrowed payload, that payload ends here.
    #[must_use]
    #[inline]
    pub const fn consumed(&self) -> usize {
        self.consumed
    }

    /// The bytes not yet read.
    #[inline]
    pub(crate) const fn rest(&self) -> &[u8] {
        self.rest
    }

    /// The next `count` bytes, or all if there are fewer, to be changed but not yet taken.
    pub(crate) fn ahead(&mut self, count: usize) -> &mut [u8] {
        let count = count.min(self.rest.len());
        &mut self.rest[..count]
    }

    /// All bytes not yet read, until they are [put back](Self::put_back).
    #[cfg(feature = "engine")]
    #[inline]
    pub(crate) fn take_rest(&mut self) -> &'b mut [u8] {
        mem::take(&mut self.rest)
    }

    /// Of the bytes that were taken, `rest` are not read; all others before it are.
    #[cfg(feature = "engine")]
    #[inline]
    pub(crate) fn put_back(&mut self, rest: &'b mut [u8], consumed: usize) {
        self.rest = rest;
        self.consumed = consumed;
    }

    /// Splits off the next `count` bytes, or all if there are fewer.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> &'b mut [u8] {
        let rest = mem::take(&mut self.rest);
        let (taken, rest) = rest.split_at_mut(count.min(rest.len()));
        self.rest = rest;
        self.consumed += taken.len();
        taken
    }
}
