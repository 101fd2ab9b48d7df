//! `limits`, `keep_alive` and `compression`: what both kinds may be told of a connection.

use std::format;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use crate::connector::config::ConfigError;
use crate::connector::options::options;
use crate::engine::{KeepAlive, QueueOptions};
use crate::proto::{self, Limits};

options! {
    /// Bounds of what a peer can make us hold.
    pub(super) struct LimitsRecord {
        /// The longest frame that is received, in bytes of its payload. A longer one ends the connection with 1009 as soon
        /// as its header has come.
        frame_bytes: NonZeroU64 = nonzero_u64(Limits::default().frame_bytes),
        /// The longest message that is received, in bytes, all fragments together and inflated. Past it: 1009.
        message_bytes: NonZeroU64 = nonzero_u64(Limits::default().message_bytes),
        /// The most frames that a received message may be cut into. Past it: 1009.
        fragments: NonZeroU32 = NonZeroU32::new(Limits::default().fragments).unwrap_or(NonZeroU32::MIN),
        /// How many bytes a byte of a compressed message may become. Past it: 1009.
        inflate_ratio: NonZeroU32 = NonZeroU32::new(Limits::default().inflate_ratio).unwrap_or(NonZeroU32::MIN),
        /// The longest head of an opening handshake, in bytes. A server answers a longer one with 431.
        head_bytes: NonZeroUsize = nonzero_usize(Limits::default().head_bytes),
        /// The most header fields of an opening handshake. A server answers more with 431.
        head_fields: NonZeroUsize = nonzero_usize(Limits::default().head_fields),
        /// Pongs that may wait unsent on one connection, in bytes. Past it only the latest ping is answered.
        pong_queue_bytes: NonZeroUsize = nonzero_usize(Limits::default().pong_queue_bytes),
        /// Bytes that may wait to be sent on one connection. What happens past it is `slow_reader`'s of a `ws_server`; a
        /// `ws_client` loses the message and says so on `err`. If not given, one message of 64 MiB and a MiB more.
        queued_bytes: Option<NonZeroUsize> = None,
        /// Bytes waiting on a client's connection above which its sources pause. If not given, 1 MiB or `queued_bytes`, the
        /// smaller.
        high_water_bytes: Option<NonZeroUsize> = None,
        /// Bytes waiting at which they go on. If not given, a quarter of `high_water_bytes` at most.
        low_water_bytes: Option<usize> = None,
    }
}

fn nonzero_u64(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN)
}

fn nonzero_usize(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

impl LimitsRecord {
    pub(super) fn protocol(&self) -> proto::Config {
        let mut config = proto::Config::default();
        let limits = &mut config.limits;
        limits.frame_bytes = self.frame_bytes.get();
        limits.message_bytes = self.message_bytes.get();
        limits.fragments = self.fragments.get();
        limits.inflate_ratio = self.inflate_ratio.get();
        limits.head_bytes = self.head_bytes.get();
        limits.head_fields = self.head_fields.get();
        limits.pong_queue_bytes = self.pong_queue_bytes.get();
        limits.queued_bytes = self.queued_bytes.map_or(limits.queued_bytes, NonZeroUsize::get);
        config
    }

    /// The water marks; those that are not given follow the ones that are.
    pub(super) fn queue(&self) -> Result<QueueOptions, ConfigError> {
        let mut queue = QueueOptions::default();
        if let Some(bytes) = self.queued_bytes {
            queue.limit_bytes = bytes.get();
            queue.high_water_bytes = queue.high_water_bytes.min(bytes.get());
        }
        if let Some(bytes) = self.high_water_bytes {
            queue.high_water_bytes = bytes.get();
        }
        queue.low_water_bytes = self
            .low_water_bytes
            .unwrap_or(queue.low_water_bytes.min(queue.high_water_bytes / 4));
        if queue.low_water_bytes <= queue.high_water_bytes && queue.high_water_bytes <= queue.limit_bytes {
            return Ok(queue);
        }
        Err(ConfigError::new(
            ["config", "limits"],
            format!(
                "`low_water_bytes` ({}) must not be above `high_water_bytes` ({}), nor that above `queued_bytes` ({})",
                queue.low_water_bytes, queue.high_water_bytes, queue.limit_bytes
            ),
        ))
    }
}

options! {
    /// Pings to a peer that is silent.
    pub(super) struct KeepAliveRecord {
        /// Milliseconds of silence after which the peer is sent a ping.
        interval_ms: u64 [1..=MAX_KEEP_ALIVE_MS] = ms(KeepAlive::default().interval),
        /// Milliseconds of silence after the ping, after which the connection counts as lost.
        timeout_ms: u64 [1..=MAX_KEEP_ALIVE_MS] = ms(KeepAlive::default().timeout),
    }
}

/// A day: who wants to know less often has no use for it.
const MAX_KEEP_ALIVE_MS: u64 = 24 * 3600 * 1000;

impl KeepAliveRecord {
    pub(super) const fn read(&self) -> KeepAlive {
        KeepAlive {
            interval: Duration::from_millis(self.interval_ms),
            timeout: Duration::from_millis(self.timeout_ms),
        }
    }
}

/// A duration in milliseconds, as a default is shown.
pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
