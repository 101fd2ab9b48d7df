//! `compression`: permessage-deflate (RFC 7692).

use crate::connector::config::ConfigError;
use crate::connector::options::options;
use crate::proto;

options! {
    /// The parameters have the names of RFC 7692 section 7.1.
    #[cfg_attr(not(feature = "deflate"), expect(dead_code, reason = "checked all the same"))]
    pub(super) struct CompressionRecord {
        /// How hard to search for repetitions: 0 not at all, 9 as hard as can be.
        level: u16 [0..=9] = 6,
        /// How much is gathered for one block, 1 to 9; a compressor takes 448 bytes times two to this power.
        memory_level: u16 [1..=9] = 5,
        /// Shorter messages go out as they are, in bytes.
        min_bytes: usize = 64,
        /// The server compresses each message by itself: less memory, less gain.
        server_no_context_takeover: bool = false,
        /// The client compresses each message by itself.
        client_no_context_takeover: bool = false,
        /// How far back the server looks, as a power of two of bytes.
        server_max_window_bits: u16 [9..=15] = 15,
        /// How far back the client looks, as a power of two of bytes.
        client_max_window_bits: u16 [9..=15] = 15,
        /// The memory in bytes that the connections of this connector may take for it together; beyond it messages go
        /// out as they are.
        budget_bytes: usize = 64 << 20,
    }
}

/// Which end of a connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

impl CompressionRecord {
    /// Turns it on in `config`.
    #[cfg(feature = "deflate")]
    pub(super) fn apply(&self, side: Side, config: &mut proto::Config) -> Result<(), ConfigError> {
        let byte = |number: u16| u8::try_from(number).unwrap_or(u8::MAX);
        let server = (self.server_no_context_takeover, byte(self.server_max_window_bits));
        let client = (self.client_no_context_takeover, byte(self.client_max_window_bits));
        let (own, peer) = match side {
            Side::Server => (server, client),
            Side::Client => (client, server),
        };
        config.deflate = Some(proto::Deflate {
            own_no_context_takeover: own.0,
            peer_no_context_takeover: peer.0,
            own_max_window_bits: own.1,
            peer_max_window_bits: peer.1,
            level: byte(self.level),
            memory_level: byte(self.memory_level),
            min_bytes: self.min_bytes,
            contexts: proto::Contexts::new(self.budget_bytes),
        });
        Ok(())
    }

    #[cfg(not(feature = "deflate"))]
    pub(super) fn apply(&self, _side: Side, _config: &mut proto::Config) -> Result<(), ConfigError> {
        Err(
            ConfigError::new(["config", "compression"], "this program was built without compression")
                .help("build it with the feature `deflate`"),
        )
    }
}
