//! What a connection may cost: time-outs and limits, each with its reason.

use core::time::Duration;

#[cfg(feature = "deflate")]
use super::Deflate;

/// How connections behave; shared by many of them as `Arc<Config>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bounds on everything that a peer can make grow.
    pub limits: Limits,
    /// From the connection's creation until it is open, the host's answer to the request included; default 10 s, since
    /// an honest handshake takes a few round trips and a stalled one holds a socket.
    pub opening_timeout: Duration,
    /// From our own Close until the peer's; default 5 s. The peer may have much to read before it comes to our Close,
    /// but one that never answers must not keep the connection.
    pub closing_timeout: Duration,
    /// Whether a server hands over requests that ask for no upgrade ([`Request::is_upgrade`](super::Request::is_upgrade)): GET
    /// and HEAD of HTTP/1.1 and 1.0, within the limits and the time of an opening handshake. The host answers with
    /// [`refuse`](super::Connection::refuse), whatever the status, and the connection ends: one request each. Default
    /// `false`: they are refused with 426, or whatever else is wrong with them.
    pub plain_requests: bool,
    /// Whether and how messages are compressed (permessage-deflate, RFC 7692); default `None`: neither offered nor agreed
    /// on. It is not on by itself since what it costs, about 320 KiB and most of the time per message, pays for slow
    /// networks alone.
    #[cfg(feature = "deflate")]
    pub deflate: Option<Deflate>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            opening_timeout: Duration::from_secs(10),
            closing_timeout: Duration::from_secs(5),
            plain_requests: false,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }
}

/// Every bound on what a peer, or a slow one, can make us hold (RFC 6455 section 10.4). All are finite by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Payload of one received frame, in bytes, compressed if it is; default 16 MiB. A longer one fails the connection with
    /// 1009 as soon as its header is read. As the next two it does not bound messages that are handed out in
    /// [chunks](super::Connection::deliver_chunks), of which nothing is held.
    pub frame_bytes: u64,
    /// Payload of one received message, all fragments together, in bytes; default 64 MiB. Past it: 1009, of a compressed
    /// message at the first inflated byte too many.
    pub message_bytes: u64,
    /// Frames that one received message may be cut into, empty ones counted; default 65,536, which is a 64 MiB message
    /// in fragments of 1 KiB. Past it: 1009.
    pub fragments: u32,
    /// How many bytes a byte of a compressed message may become; default 200. What people and programs write comes to
    /// less than 20; a thousand is what DEFLATE can do at most, with nothing but repetitions. Past it: 1009. Looked at
    /// while the message is inflated (feature `deflate`), from [`inflate_ratio_from_bytes`](Self::inflate_ratio_from_bytes) on:
    /// piece by piece as the bytes come, so how they are cut decides at which byte it is passed, and whether a message
    /// passes whose begin alone grows by more.
    pub inflate_ratio: u32,
    /// How long, in inflated bytes, a message must be for its [`inflate_ratio`](Self::inflate_ratio) to matter; default
    /// 256 KiB, since a short one that repeats itself harms nobody.
    pub inflate_ratio_from_bytes: u64,
    /// Request or response head, from the first byte to the empty line, in bytes; default 16 KiB, twice what browsers
    /// and proxies send at most. A server answers a longer one with 431, or 414 if it is all request target.
    pub head_bytes: usize,
    /// Header fields in a head; default 100. A server answers more with 431.
    pub head_fields: usize,
    /// Body of a refusal that a client keeps, in bytes; default 64 KiB. The rest is not read.
    pub refusal_body_bytes: usize,
    /// What a client may send between its request and our answer, in bytes; default 64 KiB. RFC 6455 section 4.1 forbids
    /// it to send anything, but bytes that came in the same read are kept rather than lost.
    pub early_bytes: usize,
    /// Pongs that may wait unsent, in bytes of frames; default 4 KiB. Past it only the latest ping will be answered, which
    /// RFC 6455 section 5.5.3 allows. When pongs wait in more than 64 places of the queue, what lies between the others
    /// counts as well.
    pub pong_queue_bytes: usize,
    /// Bytes that may wait to be sent; default 65 MiB: one message of the greatest default length and a MiB of others. A
    /// `send` or `ping` that would pass it is [`Misuse::QueueFull`](super::Misuse::QueueFull) and queues nothing. Pongs
    /// and Closes, which are bounded by themselves, don't count against it.
    pub queued_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 16 << 20,
            message_bytes: 64 << 20,
            fragments: 65_536,
            inflate_ratio: 200,
            inflate_ratio_from_bytes: 256 << 10,
            head_bytes: 16 << 10,
            head_fields: 100,
            refusal_body_bytes: 64 << 10,
            early_bytes: 64 << 10,
            pong_queue_bytes: 4 << 10,
            queued_bytes: 65 << 20,
        }
    }
}
