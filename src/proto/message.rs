//! Messages: [`Message`] borrows what is sent or shown, [`MessageBuf`] and [`Chunk`] are what a connection delivers.

use alloc::vec::Vec;
use core::fmt;

/// One whole message, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(Text<'a>),
    /// Bytes that mean what the application says.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The payload, of either kind.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match *self {
            Self::Text(text) => text.0,
            Self::Binary(bytes) => bytes,
        }
    }

    /// The text, or `None` for a binary message.
    #[must_use]
    pub fn as_text(&self) -> Option<Text<'a>> {
        match *self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Which of the two kinds it is.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// Whether this is a text message.
    #[must_use]
    #[inline]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Length of the payload, in bytes.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty; an empty message is a message all the same.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A message whose payload was already found to be UTF-8 if it is text.
    #[inline]
    pub(crate) const fn from_validated(is_text: bool, payload: &'a [u8]) -> Self {
        if is_text {
            Self::Text(Text(payload))
        } else {
            Self::Binary(payload)
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<Text<'a>> for Message<'a> {
    fn from(text: Text<'a>) -> Self {
        Self::Text(text)
    }
}

/// The two kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes that mean what the application says.
    Binary,
}

/// Text of a message: UTF-8 by construction.
///
/// It holds bytes that were validated once, as they came. Forwarding them costs nothing more; [`as_str`](Self::as_str)
/// runs the (vectorised) validator a second time, since only the compiler's own proof makes a `str`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The bytes; always UTF-8.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text as a `str`; see the type for what it costs.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        simdutf8::basic::from_utf8(self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), formatter)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

/// The bytes given as [`Text`] were not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;

impl fmt::Display for NotUtf8 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the bytes are not UTF-8, so they can't be a text message")
    }
}

impl core::error::Error for NotUtf8 {}

impl<'a> TryFrom<&'a [u8]> for Text<'a> {
    type Error = NotUtf8;

    fn try_from(bytes: &'a [u8]) -> Result<Self, NotUtf8> {
        simdutf8::basic::from_utf8(bytes)
            .map(|_| Self(bytes))
            .map_err(|_| NotUtf8)
    }
}

/// Bytes that lie in the lent input, or, if they came in pieces, in a buffer of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload<'b> {
    Borrowed(&'b [u8]),
    Owned(Vec<u8>),
}

impl Payload<'_> {
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Payload::Borrowed(bytes) => bytes,
            Payload::Owned(bytes) => bytes,
        }
    }

    const fn is_borrowed(&self) -> bool {
        matches!(self, Payload::Borrowed(_))
    }

    fn into_buffer(self) -> Option<Vec<u8>> {
        match self {
            Payload::Borrowed(_) => None,
            Payload::Owned(bytes) => Some(bytes),
        }
    }

    fn into_owned(self) -> Payload<'static> {
        match self {
            Payload::Borrowed(bytes) => Payload::Owned(bytes.to_vec()),
            Payload::Owned(bytes) => Payload::Owned(bytes),
        }
    }
}

/// A received message: borrowed from the lent bytes where it lay in them whole, else owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageBuf<'b> {
    kind: Kind,
    payload: Payload<'b>,
}

/// As wide as a register: events are moved in words, and a word that was written as one byte and is read whole at once
/// has to wait until the byte has left the store buffer, which costs as much as the rest of a small message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Kind {
    Binary,
    Text,
}

impl<'b> MessageBuf<'b> {
    /// A message that the reader has validated.
    #[inline]
    pub(crate) const fn new(is_text: bool, payload: Payload<'b>) -> Self {
        let kind = if is_text { Kind::Text } else { Kind::Binary };
        Self { kind, payload }
    }

    /// The message, to look at or to send on.
    #[must_use]
    #[inline]
    pub fn as_message(&self) -> Message<'_> {
        Message::from_validated(matches!(self.kind, Kind::Text), self.payload.as_bytes())
    }

    /// Whether the payload lies in the bytes that were lent to `handle_bytes`.
    ///
    /// It then ends where [`Input::consumed`](super::Input::consumed) stands right after the event.
    #[must_use]
    pub const fn is_borrowed(&self) -> bool {
        self.payload.is_borrowed()
    }

    /// The buffer, if the payload has one of its own; `None` if it lies in the lent bytes.
    #[must_use]
    pub fn into_owned_buffer(self) -> Option<Vec<u8>> {
        self.payload.into_buffer()
    }

    /// The same message in a buffer of its own.
    #[must_use]
    pub fn into_owned(self) -> MessageBuf<'static> {
        MessageBuf {
            kind: self.kind,
            payload: self.payload.into_owned(),
        }
    }
}

/// A part of a message, for a host that asked for messages in chunks.
///
/// Chunks lie as the bytes came: one may end within a character of a text, which is valid as a whole. A message's last
/// chunk may be empty; no other is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk<'b> {
    payload: Payload<'b>,
    /// As wide as a register, for the reason that is told at `Kind`.
    flags: usize,
}

impl<'b> Chunk<'b> {
    const TEXT: usize = 1;
    const FIRST: usize = 2;
    const LAST: usize = 4;

    /// A chunk that the reader has validated.
    pub(crate) const fn new(payload: Payload<'b>, is_text: bool, is_first: bool, is_last: bool) -> Self {
        let mut flags = 0;
        if is_text {
            flags |= Self::TEXT;
        }
        if is_first {
            flags |= Self::FIRST;
        }
        if is_last {
            flags |= Self::LAST;
        }
        Self { payload, flags }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.payload.as_bytes()
    }

    /// What the message is.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        if self.flags & Self::TEXT == 0 {
            MessageKind::Binary
        } else {
            MessageKind::Text
        }
    }

    /// Whether the message begins here.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.flags & Self::FIRST != 0
    }

    /// Whether the message ends here.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.flags & Self::LAST != 0
    }

    /// Whether the bytes lie in those that were lent to `handle_bytes`.
    ///
    /// They then end where [`Input::consumed`](super::Input::consumed) stands right after the event.
    #[must_use]
    pub const fn is_borrowed(&self) -> bool {
        self.payload.is_borrowed()
    }

    /// The buffer, if the chunk has one of its own; `None` if it lies in the lent bytes.
    #[must_use]
    pub fn into_owned_buffer(self) -> Option<Vec<u8>> {
        self.payload.into_buffer()
    }

    /// The same chunk in a buffer of its own.
    #[must_use]
    pub fn into_owned(self) -> Chunk<'static> {
        Chunk {
            payload: self.payload.into_owned(),
            flags: self.flags,
        }
    }
}

/// Payload of a ping or pong: at most 125 bytes (RFC 6455 section 5.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPayload<'b>(Payload<'b>);

impl<'b> ControlPayload<'b> {
    /// Most bytes that a control frame may carry.
    pub const MAX_BYTES: usize = 125;

    /// `None` if it is longer than a control frame can be.
    pub(crate) fn new(payload: Payload<'b>) -> Option<Self> {
        (payload.as_bytes().len() <= Self::MAX_BYTES).then_some(Self(payload))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The same payload in a buffer of its own.
    #[must_use]
    pub fn into_owned(self) -> ControlPayload<'static> {
        ControlPayload(self.0.into_owned())
    }
}
