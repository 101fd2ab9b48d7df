//! Names of streams and listeners.

use std::fmt;

use super::seam::Token;

/// Set in the tokens of listeners, so that one number space serves both.
const LISTENER_BIT: u64 = 1 << 63;

/// A token's lower half is the place of a stream or listener in the lowest of its bits, and above it which of a
/// stream's sockets is meant: while it is dialled it may have several.
const INDEX_BITS: u32 = 29;

/// Sockets that one stream can have tokens for.
pub(super) const ATTEMPTS_MAX: usize = 1 << (u32::BITS - INDEX_BITS);

/// Names one connection (a stream of messages) of an [`Engine`](super::Engine) for as long as the engine lives.
///
/// It is never given to another connection: a method called with the id of one that is gone answers
/// [`Misuse::NoSuchStream`](super::Misuse::NoSuchStream).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(Key);

impl StreamId {
    /// The id as a number, unique among the streams of the engine.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0.as_u64()
    }

    pub(super) const fn new(key: Key) -> Self {
        Self(key)
    }

    pub(super) const fn key(self) -> Key {
        self.0
    }

    /// The token of all that a stream has once: its timer, its look-up, its socket unless it was dialled.
    pub(super) const fn token(self) -> Token {
        self.attempt(0)
    }

    /// The token of the socket of one attempt to connect, which is below [`ATTEMPTS_MAX`].
    pub(super) const fn attempt(self, attempt: u8) -> Token {
        Token(self.0.as_u64() | (attempt as u64) << INDEX_BITS)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StreamId({})", self.as_u64())
    }
}

/// Names one listener of an [`Engine`](super::Engine); never reused, as [`StreamId`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(Key);

impl ListenerId {
    /// The id as a number, unique among the listeners of the engine.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0.as_u64()
    }

    pub(super) const fn new(key: Key) -> Self {
        Self(key)
    }

    pub(super) const fn key(self) -> Key {
        self.0
    }

    pub(super) const fn token(self) -> Token {
        Token(self.0.as_u64() | LISTENER_BIT)
    }
}

impl fmt::Debug for ListenerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ListenerId({})", self.as_u64())
    }
}

/// What a token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// A stream, and which of its attempts to connect.
    Stream(StreamId, u8),
    Listener(ListenerId),
}

impl Named {
    pub(super) const fn of(token: Token) -> Self {
        if token.0 & LISTENER_BIT == 0 {
            let attempt = token.0 as u32 >> INDEX_BITS;
            let key = token.0 & !((ATTEMPTS_MAX as u64 - 1) << INDEX_BITS);
            Self::Stream(StreamId(Key::from_u64(key)), attempt as u8)
        } else {
            Self::Listener(ListenerId(Key::from_u64(token.0 & !LISTENER_BIT)))
        }
    }
}

/// A place in a [`Slab`](super::slab::Slab) and the generation of what was put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) generation: u32,
    pub(super) index: u32,
}

impl Key {
    /// Places are below this, so that a token has room for more than the key.
    pub(super) const INDEX_END: u32 = 1 << INDEX_BITS;

    const fn as_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    const fn from_u64(number: u64) -> Self {
        Self {
            generation: (number >> 32) as u32,
            index: number as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_what_it_was_made_for() {
        for (generation, index) in [(1, 0), (1, Key::INDEX_END - 1), (u32::MAX >> 1, 0), (7, 1 << 20)] {
            let key = Key { generation, index };
            let (stream, listener) = (StreamId(key), ListenerId(key));
            assert_eq!(Named::of(listener.token()), Named::Listener(listener));
            assert_eq!(Named::of(stream.token()), Named::Stream(stream, 0));
            for attempt in 0..ATTEMPTS_MAX as u8 {
                assert_eq!(Named::of(stream.attempt(attempt)), Named::Stream(stream, attempt));
            }
        }
    }
}
