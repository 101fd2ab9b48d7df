//! A client's way through a proxy: HTTP's CONNECT and SOCKS5, as far as the first byte of the tunnel.

mod connect;
mod socks;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use self::connect::Connect;
use self::socks::Socks;
use super::{Credentials, Limits, Misuse};

/// Asks a proxy to connect to a server; once it has, the connection to the proxy is a tunnel to that server.
///
/// Sans-io as all of this room: the host writes what [`poll_transmit`](Self::poll_transmit) gives, hands in what comes, and
/// sees to the time. The proxy learns the server's name and port, and the credentials that are meant for it; the server
/// learns of neither proxy nor those.
///
/// ```
/// use wsloop::proto::{Limits, Tunnel};
///
/// let mut tunnel = Tunnel::http("example.com", 443, None)?;
/// let request = tunnel.poll_transmit();
/// assert_eq!(request, b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
/// let count = request.len();
/// tunnel.transmitted(count);
///
/// let answer = b"HTTP/1.1 200 Connection established\r\n\r\nfirst bytes of the server";
/// let consumed = tunnel.handle_bytes(answer, &Limits::default())?;
/// assert!(tunnel.is_established());
/// assert_eq!(&answer[consumed..], b"first bytes of the server");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tunnel {
    waiting: Waiting,
    output: Vec<u8>,
    established: bool,
}

/// The protocol that is spoken, and what is awaited in it.
enum Waiting {
    Http(Connect),
    Socks(Socks),
}

impl Tunnel {
    /// Asks an HTTP proxy by CONNECT (RFC 9110 section 9.3.6), with credentials in the Basic scheme if there are any.
    ///
    /// # Errors
    /// [`Misuse::InvalidHost`], [`Misuse::InvalidCredentials`]: they can't be sent in HTTP.
    pub fn http(host: &str, port: u16, credentials: Option<&Credentials>) -> Result<Self, Misuse> {
        let mut output = Vec::new();
        Ok(Self {
            waiting: Waiting::Http(Connect::start(host, port, credentials, &mut output)?),
            output,
            established: false,
        })
    }

    /// Asks a SOCKS5 proxy (RFC 1928), which is told the host's name unless it is an IP address; with user and password
    /// (RFC 1929) if there are credentials and the proxy wants them.
    ///
    /// # Errors
    /// [`Misuse::InvalidHost`]: it is empty or longer than 255 bytes. [`Misuse::InvalidCredentials`]: no user, or user or
    /// password longer than 255 bytes.
    pub fn socks5(host: &str, port: u16, credentials: Option<&Credentials>) -> Result<Self, Misuse> {
        let mut output = Vec::new();
        Ok(Self {
            waiting: Waiting::Socks(Socks::start(host, port, credentials, &mut output)?),
            output,
            established: false,
        })
    }

    /// What is to be written to the proxy now.
    #[must_use]
    pub fn poll_transmit(&self) -> &[u8] {
        &self.output
    }

    /// The first `count` bytes of that were written.
    pub fn transmitted(&mut self, count: usize) {
        self.output.drain(..count.min(self.output.len()));
    }

    /// Takes bytes of the proxy's and tells how many of them were its answer: all, until the tunnel stands. What follows
    /// is the server's.
    ///
    /// # Errors
    /// The proxy refuses, or breaks its protocol, or sends more than the limits of a head allow; nothing more can be done
    /// with the connection.
    pub fn handle_bytes(&mut self, bytes: &[u8], limits: &Limits) -> Result<usize, ProxyError> {
        if self.established {
            return Ok(0);
        }
        let (consumed, established) = match &mut self.waiting {
            Waiting::Http(connect) => connect.read(bytes, limits)?,
            Waiting::Socks(socks) => socks.read(bytes, &mut self.output)?,
        };
        self.established = established;
        Ok(consumed)
    }

    /// Whether the proxy has connected to the server.
    #[must_use]
    pub const fn is_established(&self) -> bool {
        self.established
    }
}

/// Not the output: there are credentials in it.
impl fmt::Debug for Tunnel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tunnel")
            .field("established", &self.established)
            .finish_non_exhaustive()
    }
}

/// Why there is no tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// An HTTP proxy's answer was no success.
    Refused {
        /// The status, such as 407: credentials are missing or wrong.
        status: u16,
        /// The phrase beside it, as it came.
        reason: String,
    },
    /// A SOCKS proxy could not connect, or did not want to.
    Socks(SocksReply),
    /// A SOCKS proxy wants credentials and was given none.
    CredentialsMissing,
    /// A SOCKS proxy did not take the credentials.
    CredentialsRefused,
    /// A SOCKS proxy takes neither no credentials nor user and password.
    NoAcceptableMethod,
    /// The answer is none in the protocol that the proxy was spoken to in.
    Malformed,
    /// The head of an HTTP answer is longer, or has more fields, than the limits allow.
    TooBig,
    /// The proxy closed the connection before it had answered.
    Closed,
}

/// What a SOCKS5 proxy says if it does not connect (RFC 1928 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocksReply {
    /// 1: it failed, for a reason that is not told.
    Failure,
    /// 2: its rules forbid it.
    NotAllowed,
    /// 3: the server's network can't be reached.
    NetworkUnreachable,
    /// 4: the server can't be reached, or its name not be found.
    HostUnreachable,
    /// 5: the server refused the connection.
    ConnectionRefused,
    /// 6: the server did not answer in time.
    TtlExpired,
    /// 7: the proxy doesn't connect at all.
    CommandNotSupported,
    /// 8: the proxy doesn't know this kind of address: names, or IPv6.
    AddressTypeNotSupported,
    /// Any other number.
    Other(u8),
}

impl fmt::Display for ProxyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status: 407, reason } => write!(
                formatter,
                "it wants credentials, or other ones (407 {})",
                reason.escape_debug()
            ),
            Self::Refused { status, reason } => {
                write!(formatter, "it refused to connect ({status} {})", reason.escape_debug())
            }
            Self::Socks(reply) => fmt::Display::fmt(reply, formatter),
            Self::CredentialsMissing => formatter.write_str("it wants credentials"),
            Self::CredentialsRefused => formatter.write_str("it refused the credentials"),
            Self::NoAcceptableMethod => {
                formatter.write_str("it takes neither no credentials nor a user with a password")
            }
            Self::Malformed => {
                formatter.write_str("its answer can't be understood: perhaps it is a proxy of another kind")
            }
            Self::TooBig => formatter.write_str("the head of its answer is too big"),
            Self::Closed => formatter.write_str("it closed the connection without an answer"),
        }
    }
}

impl core::error::Error for ProxyError {}

impl fmt::Display for SocksReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Failure => "it failed to connect, and does not say why",
            Self::NotAllowed => "its rules do not allow the connection",
            Self::NetworkUnreachable => "it can't reach the server's network",
            Self::HostUnreachable => "it can't reach the server",
            Self::ConnectionRefused => "the server refused its connection",
            Self::TtlExpired => "the server did not answer it in time",
            Self::CommandNotSupported => "it does not connect to servers",
            Self::AddressTypeNotSupported => "it does not know this kind of address",
            Self::Other(number) => return write!(formatter, "it failed to connect, with the unknown code {number}"),
        };
        formatter.write_str(text)
    }
}

/// What a whole answer makes of a tunnel, however it is cut.
#[cfg(test)]
mod cutting {
    use std::vec::Vec;

    use super::{Limits, ProxyError, Tunnel};

    /// What came of `input`: how many bytes were the proxy's, all that was written to it; or why there is no tunnel.
    pub(super) type Outcome = Result<(usize, bool, Vec<u8>), ProxyError>;

    pub(super) fn talk(mut tunnel: Tunnel, input: &[u8], cuts: &[usize], limits: &Limits) -> Outcome {
        let mut written = Vec::new();
        let mut consumed = 0;
        let mut start = 0;
        let ends = cuts.iter().copied().chain([input.len()]);
        for end in ends {
            let piece = &input[start..end];
            let count = tunnel.handle_bytes(piece, limits)?;
            written.extend_from_slice(tunnel.poll_transmit());
            tunnel.transmitted(tunnel.poll_transmit().len());
            consumed += count;
            start = end;
            assert!(count == piece.len() || tunnel.is_established());
        }
        Ok((consumed, tunnel.is_established(), written))
    }

    /// The outcome for `input`, which must be the same at every cut and byte by byte.
    pub(super) fn outcome(tunnel: impl Fn() -> Tunnel, input: &[u8], limits: &Limits) -> Outcome {
        let whole = talk(tunnel(), input, &[], limits);
        for cut in 0..=input.len() {
            assert_eq!(talk(tunnel(), input, &[cut], limits), whole, "cut at {cut}");
        }
        let each: Vec<usize> = (0..input.len()).collect();
        assert_eq!(talk(tunnel(), input, &each, limits), whole, "byte by byte");
        whole
    }
}
