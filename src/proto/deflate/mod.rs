//! permessage-deflate (RFC 7692): messages compressed with DEFLATE, each by itself or with what went before as context.
//!
//! What a host sees is [`Deflate`] (what it wants), [`Contexts`] (what all connections together may hold) and [`Agreed`]
//! (what came of it). A connection holds an [`Extension`].

mod compressor;
mod contexts;
mod extension;
mod inflater;
mod negotiate;
mod variants;

pub use contexts::Contexts;
pub(crate) use extension::Extension;
pub(crate) use negotiate::{NAME, Offer, Parameters, agreed_elsewhere, answer};
pub(crate) use variants::Variants;

/// Whether and how messages are compressed (permessage-deflate, RFC 7692); stands in
/// [`Config::deflate`](super::Config::deflate).
///
/// "Own" is what this end sends, "peer's" what it receives, whichever side it is. What is asked of the peer is a wish:
/// a connection is agreed without it rather than without compression, since inflating costs the same memory anyway. A
/// number outside its range counts as the nearest within.
///
/// ```
/// use wsloop::proto::{Config, Contexts, Deflate};
///
/// let deflate = Deflate {
///     own_max_window_bits: 12,
///     contexts: Contexts::new(16 << 20),
///     ..Deflate::default()
/// };
/// let config = Config { deflate: Some(deflate), ..Config::default() };
/// # let _ = config;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deflate {
    /// Compress each message by itself. Default `false`: a message may refer to those before it, which pays for many
    /// small, similar ones, and costs a compressor for each connection that sends (see [`Contexts`]).
    pub own_no_context_takeover: bool,
    /// Ask the peer to do so. Default `false`; with `true` an inflater is held only while a message is under way.
    pub peer_no_context_takeover: bool,
    /// How far back our compressor looks, as a power of two of bytes, 9 to 15; default 15, which is 32 KiB.
    pub own_max_window_bits: u8,
    /// The same of the peer's, 8 to 15; default 15. Not every implementation can compress with 8.
    pub peer_max_window_bits: u8,
    /// How hard to search, 0 (not at all) to 9; default 6, zlib's own.
    pub level: u8,
    /// How much is gathered for one block, 1 to 9; default 5: a compressor takes 448 bytes times two to this power, and
    /// messages are seldom so long that more than 2,048 symbols to a block would make them smaller.
    pub memory_level: u8,
    /// Shorter messages go out as they are; default 64 bytes, as a compressed frame saves little below.
    pub min_bytes: usize,
    /// What all connections with this configuration together may hold; clones share it.
    pub contexts: Contexts,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            own_no_context_takeover: false,
            peer_no_context_takeover: false,
            own_max_window_bits: 15,
            peer_max_window_bits: 15,
            level: 6,
            memory_level: 5,
            min_bytes: 64,
            contexts: Contexts::default(),
        }
    }
}

/// The parameters of permessage-deflate that the two sides agreed on (RFC 7692 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Agreed {
    /// The server compresses each message by itself (section 7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client compresses each message by itself (section 7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The server's window is at most two to this power, in bytes; 8 to 15 (section 7.1.2.1).
    pub server_max_window_bits: u8,
    /// The client's window is at most two to this power, in bytes; 8 to 15 (section 7.1.2.2).
    pub client_max_window_bits: u8,
}

/// What RFC 7692 section 7.2.1 takes from the end of a compressed message, and section 7.2.2 puts back.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
