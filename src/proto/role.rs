//! The two sides of a connection, and what differs between them.

/// Which end of the connection somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that dialed and asked to open.
    Client,
    /// The end that was asked.
    Server,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Whether frames from this side carry a mask (RFC 6455 section 5.1: a client's all do, a server's never).
    #[inline]
    pub(crate) const fn masks(self) -> bool {
        matches!(self, Self::Client)
    }
}
