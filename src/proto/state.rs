//! Where a connection stands, and every way from one stage to the next; which side it is makes no difference here.

use super::CloseCode;

/// What an application needs to know of where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The opening handshake is under way.
    Opening,
    /// Messages go both ways.
    Open,
    /// One side has closed, or the connection failed and the peer is about to be told.
    Closing,
    /// All is said.
    Closed,
}

/// [`State`], with what the connection itself must remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The opening handshake is under way.
    Opening,
    /// Messages go both ways.
    Open,
    /// Our Close is queued; messages still come until the peer's.
    CloseSent,
    /// The host has had the last event. Our Close, the answer to the peer's or the word of its violation, is owed; until
    /// it is queued the host may send, so that what it sends on the events before does not depend on how the input was
    /// cut.
    CloseOwed(Option<CloseCode>),
    /// Nothing more is read or queued.
    Closed,
}

impl Stage {
    pub(crate) const fn as_state(self) -> State {
        match self {
            Self::Opening => State::Opening,
            Self::Open => State::Open,
            Self::CloseSent | Self::CloseOwed(_) => State::Closing,
            Self::Closed => State::Closed,
        }
    }

    /// Whether the peer's frames mean anything.
    #[inline]
    pub(crate) const fn reads_frames(self) -> bool {
        match self {
            Self::Open | Self::CloseSent => true,
            Self::Opening | Self::CloseOwed(_) | Self::Closed => false,
        }
    }

    /// Whether the application may send. RFC 6455 sections 4.1 and 6.1: not before the connection is open; section 5.5.1:
    /// nothing after our own Close.
    #[inline]
    pub(crate) const fn may_send(self) -> bool {
        match self {
            Self::Open | Self::CloseOwed(_) => true,
            Self::Opening | Self::CloseSent | Self::Closed => false,
        }
    }

    /// Whether the last event was given, or is about to be.
    pub(crate) const fn has_ended(self) -> bool {
        match self {
            Self::CloseOwed(_) | Self::Closed => true,
            Self::Opening | Self::Open | Self::CloseSent => false,
        }
    }

    /// The opening handshake succeeded.
    pub(crate) const fn opened(self) -> Self {
        match self {
            Self::Opening => Self::Open,
            Self::Open | Self::CloseSent | Self::CloseOwed(_) | Self::Closed => self,
        }
    }

    /// Our Close was queued. RFC 6455 section 7.1.2: with the peer's come before, that is the end.
    pub(crate) const fn close_sent(self) -> Self {
        match self {
            Self::Open => Self::CloseSent,
            Self::CloseOwed(_) => Self::Closed,
            Self::Opening | Self::CloseSent | Self::Closed => self,
        }
    }

    /// The peer's Close came. RFC 6455 section 5.5.1: it is answered, with its own code and reason, unless ours went before.
    pub(crate) const fn close_received(self, code: Option<CloseCode>) -> Self {
        match self {
            Self::Open => Self::CloseOwed(code),
            Self::CloseSent => Self::Closed,
            Self::Opening | Self::CloseOwed(_) | Self::Closed => self,
        }
    }

    /// The connection must be failed (RFC 6455 section 7.1.7): with a Close if it is open and ours has not gone yet.
    pub(crate) const fn failed(self, code: Option<CloseCode>) -> Self {
        match (self, code) {
            (Self::Open, Some(_)) => Self::CloseOwed(code),
            (Self::CloseOwed(_), _) => self,
            (Self::Opening | Self::Open | Self::CloseSent | Self::Closed, _) => Self::Closed,
        }
    }
}
