//! Names of streams and listeners.

use std::fmt;

use super::seam::Token;

/// Set in the tokens of listeners, so that one number space serves both.
const LISTENER_BIT: u64 = 1 << 63;

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

    pub(super) const fn token(self) -> Token {
        Token(self.0.as_u64())
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
    Stream(StreamId),
    Listener(ListenerId),
}

impl Named {
    pub(super) const fn of(token: Token) -> Self {
        if token.0 & LISTENER_BIT == 0 {
            Self::Stream(StreamId(Key::from_u64(token.0)))
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
