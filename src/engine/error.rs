//! What can go wrong, by whose fault it is: the system's ([`Error`]), the caller's ([`Misuse`]), or a single
//! connection's ([`Failure`]).

use std::fmt;
use std::io;
use std::string::{String, ToString};

use super::seam::Address;
use crate::proto;

/// A call could not do its work; the engine and its other streams are as before.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system refused something.
    Io {
        /// What was being done, to be followed by the reason: `opening the system's poll`.
        doing: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The system refused to listen.
    Listen {
        /// The address asked for.
        address: Address,
        /// The reason: in use, not ours, no permission.
        source: io::Error,
    },
    /// An address to listen on that is neither `ip:port`, `[ip]:port`, `localhost:port` nor `unix:path`; or a URL to connect to
    /// that can't be read. The text names it and says what was expected.
    Address(String),
    /// A request that can't be sent as HTTP: a header or a target with characters that have no place there.
    Request(proto::Misuse),
    /// A `wss` URL without a TLS configuration.
    TlsMissing,
    /// The TLS session could not be set up: a server name that is none, say.
    #[cfg(feature = "tls")]
    Tls(crate::tls::Error),
    /// The engine drains or is stopped: it takes no new listeners and connections.
    Stopping,
    /// `Config::connections_max` is reached.
    TooManyConnections,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, source } => write!(formatter, "{doing}: {source}"),
            Self::Listen { address, source } => write!(formatter, "can't listen on {address}: {source}"),
            Self::Address(text) => formatter.write_str(text),
            Self::Request(misuse) => write!(formatter, "the request can't be sent: {misuse}"),
            Self::TlsMissing => formatter.write_str("a wss:// address needs a TLS configuration"),
            #[cfg(feature = "tls")]
            Self::Tls(error) => fmt::Display::fmt(error, formatter),
            Self::Stopping => formatter.write_str("the event loop is stopping"),
            Self::TooManyConnections => formatter.write_str("the limit of connections is reached"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Listen { source, .. } => Some(source),
            Self::Request(misuse) => Some(misuse),
            #[cfg(feature = "tls")]
            Self::Tls(error) => Some(error),
            Self::Address(_) | Self::TlsMissing | Self::Stopping | Self::TooManyConnections => None,
        }
    }
}

/// The caller asked for what can't be done; nothing was changed by the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// No stream has this id: it never was, or it has ended and its last event has been handed out.
    NoSuchStream,
    /// No listener has this id.
    NoSuchListener,
    /// The stream isn't connected yet.
    NotConnected,
    /// The stream's options ask for no account.
    NoAccount,
    /// The address asked for is a Unix socket's, which has neither IP address nor port.
    UnixSocket,
    /// The protocol does not allow it now: a message before the stream is open, or after its Close; a ping of more
    /// than 125 bytes.
    Protocol(proto::Misuse),
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchStream => formatter.write_str("no such stream"),
            Self::NoSuchListener => formatter.write_str("no such listener"),
            Self::NotConnected => formatter.write_str("the stream is not connected yet"),
            Self::NoAccount => formatter.write_str("the stream has no account"),
            Self::UnixSocket => formatter.write_str("a Unix socket has no IP address and no port"),
            Self::Protocol(misuse) => fmt::Display::fmt(misuse, formatter),
        }
    }
}

impl std::error::Error for Misuse {}

impl From<proto::Misuse> for Misuse {
    fn from(misuse: proto::Misuse) -> Self {
        Self::Protocol(misuse)
    }
}

/// Why a stream ended other than by a closing handshake.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Failure {
    /// The peer broke the protocol, refused the opening handshake, ended without a Close, or let a time-out pass.
    Protocol(proto::Failure),
    /// The TLS session failed; the text says why.
    #[cfg(feature = "tls")]
    Tls(crate::tls::Error),
    /// The system reported an error on the connection: a reset, most often.
    Io(IoFailure),
    /// None of the host's addresses could be connected to.
    Dial {
        /// The address tried last.
        address: Address,
        /// Why that failed.
        error: IoFailure,
    },
    /// The host's name has no address.
    Resolve {
        /// The name.
        host: String,
        /// What the system said.
        error: IoFailure,
    },
    /// A proxy brought about no tunnel to the server.
    Proxy {
        /// The proxy's URL, without credentials.
        proxy: String,
        /// Why.
        error: proto::ProxyError,
    },
    /// A redirect was not followed any further (`ConnectOptions::redirects`).
    Redirect {
        /// Where the server redirected to, without a query.
        location: String,
        /// Why not.
        error: RedirectError,
    },
    /// A time-out of the engine passed.
    TimedOut(Phase),
    /// This side cut the connection: `abort`, a stop, or a deadline of `close_now` or `drain`.
    Aborted,
}

/// Why a redirect was not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedirectError {
    /// It is one more than `ConnectOptions::redirects` allows.
    TooMany,
    /// The stream has been there already.
    Loop,
    /// It leads from TLS to a connection without.
    Downgrade,
    /// It leads to TLS, which is not configured (`ConnectOptions::redirect_tls`).
    TlsMissing,
    /// It leads away from a Unix socket.
    LeavesUnixSocket,
    /// It is no URL of the schemes ws, wss, http and https, or one with a user in it.
    BadLocation,
}

impl fmt::Display for RedirectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooMany => "one redirect more than is allowed",
            Self::Loop => "where this connection has been before",
            Self::Downgrade => "from TLS down to a connection that anybody can read",
            Self::TlsMissing => "where TLS is spoken, for which nothing is configured",
            Self::LeavesUnixSocket => "away from the Unix socket",
            Self::BadLocation => "which can't be followed: it must be ws, wss, http or https, without a user",
        })
    }
}

impl std::error::Error for RedirectError {}

/// What the engine was waiting for when time ran out; the protocol's own handshakes are
/// [`proto::Failure::TimedOut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The name look-up and the connection to one of its addresses (`ConnectOptions::dial_timeout`).
    Dial,
    /// The answer of a proxy, within the same time (`ConnectOptions::dial_timeout`).
    Proxy,
    /// The TLS handshake (`ListenOptions::tls_timeout`, `ConnectOptions::tls_timeout`).
    Tls,
    /// A sign of life, most often the answer to a ping ([`KeepAlive::timeout`](super::KeepAlive::timeout)).
    Pong,
    /// A use of the stream (`ListenOptions::idle_timeout`, `ConnectOptions::idle_timeout`).
    Idle,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(failure) => fmt::Display::fmt(failure, formatter),
            #[cfg(feature = "tls")]
            Self::Tls(error) => fmt::Display::fmt(error, formatter),
            Self::Io(error) => write!(formatter, "the connection was lost: {error}"),
            Self::Dial { address, error } => write!(formatter, "can't connect to {address}: {error}"),
            Self::Resolve { host, error } => write!(formatter, "can't find an address of {host}: {error}"),
            Self::Proxy { proxy, error } => write!(formatter, "no tunnel through the proxy {proxy}: {error}"),
            Self::Redirect { location, error } => {
                write!(
                    formatter,
                    "the server redirects to {}, {error}",
                    location.escape_debug()
                )
            }
            Self::TimedOut(Phase::Proxy) => formatter.write_str("the proxy did not answer in time"),
            Self::TimedOut(Phase::Dial) => formatter.write_str("connecting timed out"),
            Self::TimedOut(Phase::Tls) => formatter.write_str("the TLS handshake timed out"),
            Self::TimedOut(Phase::Pong) => formatter.write_str("the peer gave no sign of life"),
            Self::TimedOut(Phase::Idle) => formatter.write_str("nobody used the stream for too long"),
            Self::Aborted => formatter.write_str("the connection was cut by this side"),
        }
    }
}

impl std::error::Error for Failure {}

/// An [`io::Error`] that can be kept and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoFailure {
    /// The kind, for programs.
    pub kind: io::ErrorKind,
    /// What the system says, for people.
    pub text: String,
}

impl From<io::Error> for IoFailure {
    fn from(error: io::Error) -> Self {
        Self {
            kind: error.kind(),
            text: error.to_string(),
        }
    }
}

impl fmt::Display for IoFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for IoFailure {}
