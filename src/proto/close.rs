//! How a connection comes to its end in good order: [`CloseCode`] and [`Closed`].

use alloc::string::String;
use core::fmt;

use super::Side;

/// A status code that may stand in a Close frame (RFC 6455 section 7.4).
///
/// It can't hold the codes that must never be sent: 1005 (no code was given), 1006 (no Close came), 1015 (TLS failed),
/// nor those that nobody has assigned.
///
/// ```
/// use wsloop::proto::CloseCode;
///
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(4321).map(CloseCode::as_u16), Some(4321));
/// assert_eq!(CloseCode::new(1005), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that this endpoint does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1007: a payload that is not what its type says, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy is violated; for want of a better code.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message is too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: a client misses an extension that the server did not negotiate.
    pub const EXTENSION_REQUIRED: Self = Self(1010);
    /// 1011: a server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got a bad answer from the server behind it (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code, if it may stand on the wire: 1000–1003, 1007–1014 and 3000–4999.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        // RFC 6455 section 7.4.1 and 7.4.2; 1012 to 1014 come from the IANA registry that section 11.7 sets up.
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1007 => "invalid payload",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "extension required",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            3000..=3999 => "registered by a library",
            _ => "private use",
        };
        write!(formatter, "{} ({meaning})", self.0)
    }
}

/// The closing handshake is complete, or will be as soon as what waits is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The peer's code; `None` if its Close carried none (which RFC 6455 section 7.1.5 calls 1005).
    pub code: Option<CloseCode>,
    /// The peer's reason; at most 123 bytes.
    pub reason: String,
    /// Whose Close came first.
    pub initiator: Side,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_stand_on_the_wire() {
        let allowed: alloc::vec::Vec<u16> = (0..=u16::MAX)
            .filter(|&code| CloseCode::new(code).is_some())
            .filter(|&code| code < 3000)
            .collect();
        assert_eq!(
            allowed,
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
        );
        for (code, valid) in [
            (2999, false),
            (3000, true),
            (4999, true),
            (5000, false),
            (u16::MAX, false),
        ] {
            assert_eq!(CloseCode::new(code).is_some(), valid, "{code}");
        }
    }
}
