//! What can go wrong, by whose fault it is: the peer's ([`Violation`], [`BadRequest`]), the caller's ([`Misuse`]).

use alloc::boxed::Box;
use core::fmt;

use super::{CloseCode, Refusal};

/// Why a connection ended without a closing handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The peer broke a rule of the protocol; it is told by a Close where the connection was open.
    Violation(Violation),
    /// The opening handshake ended with an HTTP answer other than 101: the server's to us, or ours to the client.
    Refused(Box<Refusal>),
    /// The peer's bytes ended without a Close (which RFC 6455 section 7.1.5 calls 1006).
    Lost,
    /// A time-out of [`Config`](super::Config) passed.
    TimedOut(Phase),
    /// The host broke the contract in a way that lost bytes of the peer's.
    Misused(Misuse),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => fmt::Display::fmt(violation, formatter),
            Self::Refused(refusal) => fmt::Display::fmt(refusal, formatter),
            Self::Lost => formatter.write_str("the connection was lost: the peer's bytes ended without a Close"),
            Self::TimedOut(phase) => write!(formatter, "{phase} timed out"),
            Self::Misused(misuse) => fmt::Display::fmt(misuse, formatter),
        }
    }
}

impl core::error::Error for Failure {}

/// What a connection was waiting for when time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The opening handshake: the peer's part, or our host's answer.
    Opening,
    /// The peer's Close after ours.
    Closing,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Opening => "the opening handshake",
            Self::Closing => "the closing handshake",
        })
    }
}

/// A rule of RFC 6455, or a limit of ours, that the peer broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A reserved bit is set to which no negotiated extension gives a meaning (section 5.2; for the bit of compression
    /// RFC 7692 section 6).
    ReservedBits,
    /// An opcode that nobody has defined (section 5.2).
    ReservedOpcode(u8),
    /// A client's frame came without a mask (section 5.1).
    Unmasked,
    /// A server's frame came with a mask (section 5.1).
    Masked,
    /// A length written in more bytes than it needs (section 5.2).
    LengthNotMinimal,
    /// A 64-bit length with its highest bit set (section 5.2).
    LengthOverflow,
    /// A control frame without the FIN bit (section 5.5).
    ControlFragmented,
    /// A control frame of more than 125 bytes (section 5.5).
    ControlTooLong,
    /// A continuation with no message to continue (section 5.4).
    UnexpectedContinuation,
    /// A new message before the end of the one under way (section 5.4).
    ExpectedContinuation,
    /// A text message that is not UTF-8 (section 8.1).
    TextNotUtf8,
    /// A compressed message that is not DEFLATE (RFC 7692 section 7.2.2).
    Inflate,
    /// A compressed message that grew by more than `Limits::inflate_ratio`.
    InflateRatio,
    /// A Close with a payload of one byte, where a code takes two (section 5.5.1).
    CloseTruncated,
    /// A Close with a code that must not be sent (section 7.4).
    CloseCode(u16),
    /// A Close whose reason is not UTF-8 (section 5.5.1).
    CloseReasonNotUtf8,
    /// A frame longer than `Limits::frame_bytes`.
    FrameTooBig,
    /// A message longer than `Limits::message_bytes`, after inflation if it was compressed.
    MessageTooBig,
    /// A message in more frames than `Limits::fragments`.
    TooManyFragments,
    /// A client sent more than `Limits::early_bytes` before it had our answer (section 4.1).
    EarlyData,
    /// The server's answer is not HTTP/1.1 (section 4.1).
    ResponseMalformed,
    /// The server's answer has a head longer than `Limits::head_bytes` or with more fields than `Limits::head_fields`.
    ResponseTooBig,
    /// 101 without `Upgrade: websocket` (section 4.1).
    ResponseUpgrade,
    /// 101 without `Connection: Upgrade` (section 4.1).
    ResponseConnection,
    /// 101 whose `Sec-WebSocket-Accept` does not follow from our key (section 4.1).
    ResponseAccept,
    /// 101 with an extension that we did not offer, with one named twice, or with a `Sec-WebSocket-Extensions` that is no
    /// list of extensions or comes twice (sections 4.1, 9.1 and 11.3.2).
    ResponseExtension,
    /// 101 with parameters of permessage-deflate that none of our offers permits: unknown ones, one named twice, a value
    /// that it can't have or that is greater than was offered (RFC 7692 section 7.1).
    ResponseExtensionParameters,
    /// 101 with a subprotocol that we did not offer, or with several (section 4.1).
    ResponseSubprotocol,
}

impl Violation {
    /// The code of the Close that tells the peer (RFC 6455 sections 7.1.7 and 10.7); `None` during the opening handshake,
    /// when no frame can be sent.
    #[must_use]
    pub const fn close_code(self) -> Option<CloseCode> {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::Unmasked
            | Self::Masked
            | Self::LengthNotMinimal
            | Self::LengthOverflow
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::CloseTruncated
            | Self::CloseCode(_) => Some(CloseCode::PROTOCOL_ERROR),
            Self::TextNotUtf8 | Self::Inflate | Self::CloseReasonNotUtf8 => Some(CloseCode::INVALID_PAYLOAD),
            Self::FrameTooBig | Self::MessageTooBig | Self::TooManyFragments | Self::InflateRatio => {
                Some(CloseCode::TOO_BIG)
            }
            Self::EarlyData
            | Self::ResponseMalformed
            | Self::ResponseTooBig
            | Self::ResponseUpgrade
            | Self::ResponseConnection
            | Self::ResponseAccept
            | Self::ResponseExtension
            | Self::ResponseExtensionParameters
            | Self::ResponseSubprotocol => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::ReservedBits => "the peer set a reserved bit that no negotiated extension gives a meaning to",
            Self::ReservedOpcode(opcode) => return write!(formatter, "the peer sent the reserved opcode {opcode:#x}"),
            Self::Unmasked => "the client sent a frame without a mask",
            Self::Masked => "the server sent a frame with a mask",
            Self::LengthNotMinimal => "the peer wrote a frame's length in more bytes than it needs",
            Self::LengthOverflow => "the peer sent a frame length of 2^63 or more",
            Self::ControlFragmented => "the peer fragmented a control frame",
            Self::ControlTooLong => "the peer sent a control frame of more than 125 bytes",
            Self::UnexpectedContinuation => "the peer sent a continuation, but no message is under way",
            Self::ExpectedContinuation => "the peer began a message before it had finished the last",
            Self::TextNotUtf8 => "the peer sent a text message that is not UTF-8",
            Self::Inflate => "the peer sent a compressed message that is not DEFLATE",
            Self::InflateRatio => "the peer sent a compressed message that grows by more than the limit",
            Self::CloseTruncated => "the peer sent a Close with half a status code",
            Self::CloseCode(code) => return write!(formatter, "the peer closed with the invalid status code {code}"),
            Self::CloseReasonNotUtf8 => "the peer closed with a reason that is not UTF-8",
            Self::FrameTooBig => "the peer sent a frame longer than the limit",
            Self::MessageTooBig => "the peer sent a message longer than the limit",
            Self::TooManyFragments => "the peer cut a message into more frames than the limit",
            Self::EarlyData => "the client sent more than the limit before it had our answer",
            Self::ResponseMalformed => "the server's answer to the handshake is not HTTP/1.1",
            Self::ResponseTooBig => "the server's answer to the handshake has a head larger than the limit",
            Self::ResponseUpgrade => "the server's answer lacks `Upgrade: websocket`",
            Self::ResponseConnection => "the server's answer lacks `Connection: Upgrade`",
            Self::ResponseAccept => "the server's `Sec-WebSocket-Accept` does not match our key",
            Self::ResponseExtension => "the server chose an extension that was not offered",
            Self::ResponseExtensionParameters => "the server chose parameters of compression that were not offered",
            Self::ResponseSubprotocol => "the server chose a subprotocol that was not offered",
        };
        formatter.write_str(text)
    }
}

impl core::error::Error for Violation {}

/// What was wrong with a request that a server refused by itself (RFC 6455 sections 4.2.1, 4.2.2 and 10.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadRequest {
    /// Not an HTTP request: 400.
    Malformed,
    /// A method other than GET: 405.
    Method,
    /// HTTP/1.0 or a version that this server does not speak: 505.
    HttpVersion,
    /// A request target longer than the limit: 414.
    TargetTooLong,
    /// A head longer, or with more fields, than the limit: 431.
    HeadTooBig,
    /// A request target that is neither a path nor an absolute http(s) or ws(s) address: 400.
    Target,
    /// No `Host`, or several: 400.
    Host,
    /// No `Upgrade: websocket`: 426, since only WebSocket is spoken here.
    Upgrade,
    /// No `Connection: Upgrade`: 400.
    Connection,
    /// No `Sec-WebSocket-Key`, several, or one that is not 16 bytes in base64: 400.
    Key,
    /// A `Sec-WebSocket-Version` other than 13, or none: 426.
    Version,
    /// A `Sec-WebSocket-Protocol` that is not a list of tokens, each named once: 400.
    Subprotocol,
    /// A `Sec-WebSocket-Extensions` that is not a list of extensions with parameters: 400.
    Extensions,
    /// A body announced by `Content-Length` or `Transfer-Encoding`, which would be read as frames: 400.
    Body,
    /// An `Expect` other than `100-continue`: 417.
    Expectation,
}

impl BadRequest {
    /// The HTTP status that it earns.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed
            | Self::Target
            | Self::Host
            | Self::Connection
            | Self::Key
            | Self::Subprotocol
            | Self::Extensions
            | Self::Body => 400,
            Self::Method => 405,
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::Upgrade | Self::Version => 426,
            Self::HeadTooBig => 431,
            Self::HttpVersion => 505,
        }
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "the request is not HTTP",
            Self::Method => "the method must be GET",
            Self::HttpVersion => "the version must be HTTP/1.1",
            Self::TargetTooLong => "the request target is too long",
            Self::HeadTooBig => "the request head is too large",
            Self::Target => "the request target must be a path or an http, https, ws or wss address",
            Self::Host => "there must be one Host header",
            Self::Upgrade => "the Upgrade header must name websocket",
            Self::Connection => "the Connection header must name Upgrade",
            Self::Key => "there must be one Sec-WebSocket-Key header of 16 bytes in base64",
            Self::Version => "the Sec-WebSocket-Version must be 13",
            Self::Subprotocol => "Sec-WebSocket-Protocol must be a list of tokens, each named once",
            Self::Extensions => "Sec-WebSocket-Extensions must be a list of extensions with parameters",
            Self::Body => "a WebSocket handshake has no body",
            Self::Expectation => "nothing but 100-continue can be expected",
        })
    }
}

impl core::error::Error for BadRequest {}

/// The caller asked for what can't be done; nothing was changed by the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Misuse {
    /// `accept` or `refuse` without a request that waits for its answer.
    NotOpening,
    /// `accept` of a request that asks for no upgrade.
    NoUpgrade,
    /// `send`, `begin_message`, `send_chunk`, `ping`, `pong` or `close` before the connection is open, or after its Close.
    NotOpen,
    /// A message can't begin while another is being sent in chunks.
    MessageUnderWay,
    /// `send_chunk` without a `begin_message` before it.
    NoMessageUnderWay,
    /// The queue was dropped while a message was sent in chunks, or the rest of one whose begin had left: only a Close may
    /// follow.
    MessageCut,
    /// The chunks of a text message are not UTF-8.
    NotUtf8,
    /// The queue would grow past `Limits::queued_bytes`; nothing was queued.
    QueueFull,
    /// A ping or pong of more than 125 bytes.
    ControlTooLong,
    /// A reason for closing of more than 123 bytes.
    ReasonTooLong,
    /// A reason for closing without a code, which the wire can't carry.
    ReasonWithoutCode,
    /// A header's name is not a token, or its value holds a control character such as a line break.
    InvalidHeader,
    /// A header that belongs to the handshake itself.
    ReservedHeader,
    /// A request target that doesn't begin with `/`, or holds spaces or control characters.
    InvalidTarget,
    /// A host that is empty, or holds spaces or control characters.
    InvalidHost,
    /// A user or a password that the protocol can't carry: a colon in the user, a control character, too many bytes.
    InvalidCredentials,
    /// A subprotocol that is not a token, or is named twice.
    InvalidSubprotocol,
    /// A subprotocol accepted that the client didn't offer.
    SubprotocolNotOffered,
    /// A refusal with a status outside 200 to 599.
    InvalidStatus,
    /// New bytes came before the events of the last ones were drained, so that some of those were lost.
    InputNotDrained,
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotOpening => "no request waits for an answer",
            Self::NoUpgrade => "the request asks for no upgrade",
            Self::NotOpen => "the connection is not open",
            Self::MessageUnderWay => "another message is being sent in chunks",
            Self::NoMessageUnderWay => "no message was begun that the chunk could belong to",
            Self::MessageCut => "the rest of a message was dropped, so only a Close may follow",
            Self::NotUtf8 => "the chunks of a text message are not UTF-8",
            Self::QueueFull => "the queue of bytes to send is full",
            Self::ControlTooLong => "a ping or pong carries at most 125 bytes",
            Self::ReasonTooLong => "a reason for closing is at most 123 bytes long",
            Self::ReasonWithoutCode => "a reason for closing needs a status code",
            Self::InvalidHeader => "the header is not valid in HTTP",
            Self::ReservedHeader => "the header belongs to the handshake itself",
            Self::InvalidTarget => "the request target must begin with `/` and hold no spaces",
            Self::InvalidHost => "the host must not be empty and hold no spaces",
            Self::InvalidCredentials => {
                "user and password can't be sent: a colon in the user, a control character, or too long"
            }
            Self::InvalidSubprotocol => "a subprotocol must be a token, and be named once",
            Self::SubprotocolNotOffered => "the client did not offer this subprotocol",
            Self::InvalidStatus => "a refusal has a status from 200 to 599",
            Self::InputNotDrained => "new bytes were given before the events of the last ones were drained",
        })
    }
}

impl core::error::Error for Misuse {}
