//! `socket_options`.

use std::format;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::connector::config::ConfigError;
use crate::connector::options::options;
use crate::engine::SocketOptions;

options! {
    /// Named as the system names them.
    pub(super) struct SocketRecord {
        /// Small messages leave at once, rather than waiting for the peer to acknowledge those before; `true` if not given.
        no_delay as "TCP_NODELAY": Option<bool> = None,
        /// The address can be bound while connections of an earlier run still linger.
        reuse_addr as "SO_REUSEADDR": bool = SocketOptions::default().reuse_addr,
        /// Several processes may listen on the same port; the system spreads connections over them.
        reuse_port as "SO_REUSEPORT": bool = SocketOptions::default().reuse_port,
        /// Seconds of silence after which the system asks whether the peer is still there; turns `SO_KEEPALIVE` on. See
        /// `keep_alive` for what finds out more, and sooner.
        keep_idle_s as "TCP_KEEPIDLE": Option<NonZeroU32> = None,
        /// Bytes that the system holds of what came and was not read yet; if not given, the system decides.
        recv_buffer_bytes as "SO_RCVBUF": Option<NonZeroU32> = None,
        /// Bytes that the system holds of what is on its way; if not given, the system decides.
        send_buffer_bytes as "SO_SNDBUF": Option<NonZeroU32> = None,
    }
}

impl SocketRecord {
    /// `no_delay` is the older spelling of `TCP_NODELAY`.
    pub(super) fn read(&self, no_delay: Option<bool>) -> Result<SocketOptions, ConfigError> {
        if let (Some(old), Some(new)) = (no_delay, self.no_delay)
            && old != new
        {
            return Err(ConfigError::new(
                ["config", "no_delay"],
                format!("`no_delay` says `{old}`, but `TCP_NODELAY` in `socket_options` says `{new}`"),
            )
            .help("keep one of the two: `no_delay` is the older spelling"));
        }
        let defaults = SocketOptions::default();
        Ok(SocketOptions {
            no_delay: self.no_delay.or(no_delay).unwrap_or(defaults.no_delay),
            reuse_addr: self.reuse_addr,
            reuse_port: self.reuse_port,
            keep_alive: self.keep_idle_s.map(|idle| Duration::from_secs(idle.get().into())),
            recv_buffer_bytes: self.recv_buffer_bytes.map(NonZeroU32::get),
            send_buffer_bytes: self.send_buffer_bytes.map(NonZeroU32::get),
            ..defaults
        })
    }
}
