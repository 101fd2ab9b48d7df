//! How to listen, and how the accepted streams behave.

use std::net::{Ipv4Addr, SocketAddr};
use std::string::{String, ToString};
use std::sync::Arc;
use std::time::Duration;

use super::super::error::Error;
use super::super::keep_alive::KeepAlive;
use super::super::seam::{Address, SocketOptions};
use super::{QueueOptions, StreamOptions};
use crate::proto;

/// How to listen, and how the accepted streams behave.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    pub(in crate::engine) address: String,
    pub(in crate::engine) backlog: u32,
    pub(in crate::engine) socket: SocketOptions,
    pub(in crate::engine) handshakes_max: u32,
    pub(in crate::engine) connections_max: u32,
    pub(in crate::engine) per_address_max: u32,
    pub(in crate::engine) stream: StreamOptions,
    #[cfg(feature = "tls")]
    pub(in crate::engine) tls: Option<crate::tls::ServerConfig>,
}

impl ListenOptions {
    /// Listens on `address`: `127.0.0.1:9001`, `[::1]:9001`, `localhost:9001` (which is 127.0.0.1), with port 0 for one
    /// that the system chooses. A [`SocketAddr`] goes in by its `to_string`.
    ///
    /// `unix:/run/x.sock` is a Unix socket; its file must not be there yet, but for a socket that nobody answers on any
    /// more, which is replaced. The file is removed when the listener is closed, or the engine dropped; who may connect
    /// is said by its [permissions](SocketOptions::unix_mode) and those of its directory. `unix:@name` is a name in
    /// Linux's abstract namespace, which any process of the same network namespace may connect to.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            backlog: 1024,
            socket: SocketOptions::default(),
            handshakes_max: 4096,
            connections_max: u32::MAX,
            per_address_max: u32::MAX,
            stream: StreamOptions::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Connections that may wait in the system to be accepted; default 1,024. (Linux cuts it to
    /// `net.core.somaxconn`.)
    #[must_use]
    pub const fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Options of the sockets.
    #[must_use]
    pub fn socket(mut self, options: SocketOptions) -> Self {
        self.socket = options;
        self
    }

    /// Has the kernel tell when it received each message; see [`SocketOptions::timestamps`].
    #[cfg(feature = "timestamps")]
    #[must_use]
    pub const fn timestamps(mut self, told: bool) -> Self {
        self.socket.timestamps = told;
        self
    }

    /// Speaks TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: crate::tls::ServerConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Handshakes (TLS and opening) that may be under way at once on this listener; default 4,096. Further connections
    /// wait in the backlog.
    #[must_use]
    pub const fn handshakes_max(mut self, handshakes: u32) -> Self {
        self.handshakes_max = handshakes;
        self
    }

    /// Connections that this listener may have at once, from the first packet until the socket is closed; default no bound
    /// but that of the [engine](crate::engine::Config::connections_max). Further connections wait in the backlog until
    /// another ends, which [`Notice::ListenerFull`](crate::engine::Notice::ListenerFull) tells once.
    #[must_use]
    pub const fn connections_max(mut self, connections: u32) -> Self {
        self.connections_max = connections;
        self
    }

    /// Connections that this listener may have at once from one IP address; default no bound. Whose a connection is can be
    /// seen only when it is accepted: one too many is reset at once, before anything is read from it, and
    /// [`Notice::ConnectionRefused`](crate::engine::Notice::ConnectionRefused) tells. An IPv4 address that came through an
    /// IPv6 socket is the same as without. Unix sockets have no addresses and no such bound.
    #[must_use]
    pub const fn per_address_max(mut self, connections: u32) -> Self {
        self.per_address_max = connections;
        self
    }

    /// Hands every [`Event::Request`](crate::engine::Event::Request) to the host, which then accepts or refuses; default false:
    /// every valid request is accepted.
    #[must_use]
    pub const fn requests(mut self, handed_over: bool) -> Self {
        self.stream.requests = handed_over;
        self
    }

    /// Keeps an exact [account](crate::engine::Engine::account) of what becomes of each message that is sent; default false.
    /// It takes 144 bytes a stream.
    #[must_use]
    pub const fn account(mut self, kept: bool) -> Self {
        self.stream.account = kept;
        self.stream.is_noted = kept || self.stream.idle_timeout.is_some();
        self
    }

    /// Sends pings to a peer that is silent, and ends the stream if it stays so; default none.
    #[must_use]
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.stream.keep_alive = Some(keep_alive.bounded());
        self
    }

    /// Closes a stream that nobody uses for so long: no message was sent or received, nor a part of one. The peer gets
    /// Close 1001 (going away), and the stream ends with
    /// [`Failure::TimedOut(Phase::Idle)`](crate::engine::Phase::Idle) when the peer has answered, or has had its time to.
    /// Pings and pongs are no use; while the host [pauses](crate::engine::Engine::pause) the stream its time stands still.
    /// Default none; no more than 24 days.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.stream.idle_timeout = Some(timeout.min(KeepAlive::MAX));
        self.stream.is_noted = true;
        self
    }

    /// Hands messages to the host in chunks as they come, rather than whole; default false. Can be changed by stream:
    /// [`Engine::deliver_chunks`](crate::engine::Engine::deliver_chunks).
    #[must_use]
    pub const fn chunks(mut self, delivered: bool) -> Self {
        self.stream.chunks = delivered;
        self
    }

    /// Hands pings and pongs to the host as events; default false. Pings are answered in either case.
    #[must_use]
    pub const fn control_events(mut self, handed_over: bool) -> Self {
        self.stream.control_events = handed_over;
        self
    }

    /// Limits and time-outs of the protocol, and compression, which is off unless it is asked for:
    ///
    /// ```
    /// # #[cfg(all(feature = "net", feature = "deflate"))] {
    /// use std::sync::Arc;
    /// use wsloop::engine::{ConnectOptions, ListenOptions};
    /// use wsloop::proto::{Config, Contexts, Deflate};
    ///
    /// let deflate = Deflate { contexts: Contexts::new(32 << 20), ..Deflate::default() };
    /// let protocol = Arc::new(Config { deflate: Some(deflate), ..Config::default() });
    /// // Both draw on the same budget of memory.
    /// let listen = ListenOptions::new("127.0.0.1:9001").protocol(Arc::clone(&protocol));
    /// let connect = ConnectOptions::new("127.0.0.1", 9001, "/").protocol(protocol);
    /// # let _ = (listen, connect);
    /// # }
    /// ```
    #[must_use]
    pub fn protocol(mut self, config: Arc<proto::Config>) -> Self {
        self.stream.protocol = config;
        self
    }

    /// Subprotocols that are spoken here: of those a client offers, the first that stands in this list is chosen.
    /// Unused if the host has the requests.
    #[must_use]
    pub fn subprotocols<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.stream.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Bounds of each stream's queue.
    #[must_use]
    pub const fn queue(mut self, options: QueueOptions) -> Self {
        self.stream.queue = options;
        self
    }

    /// Time for the TLS handshake; default 10 s. The opening handshake has its own,
    /// `proto::Config::opening_timeout`.
    #[must_use]
    pub const fn tls_timeout(mut self, timeout: Duration) -> Self {
        self.stream.tls_timeout = timeout;
        self
    }

    pub(in crate::engine) fn address(&self) -> Result<Address, Error> {
        let address = self.address.as_str();
        if let Some(path) = address.strip_prefix("unix:") {
            return if path.is_empty() || path.contains('\0') {
                Err(Error::Address(format!(
                    "can't listen on `{address}`: expected a path behind `unix:`, such as unix:/run/x.sock"
                )))
            } else {
                Ok(Address::Unix(path.to_string()))
            };
        }
        let local = || {
            let port = address.strip_prefix("localhost:")?.parse().ok()?;
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        };
        let addr: Option<SocketAddr> = address.parse().ok().or_else(local);
        addr.map(Address::Inet).ok_or_else(|| {
            Error::Address(format!(
                "can't listen on `{address}`: expected an address and a port, such as 127.0.0.1:9001, [::1]:9001 or \
                 localhost:9001, or the path of a Unix socket, such as unix:/run/x.sock"
            ))
        })
    }
}

/// For a socket that has its address already: [`Engine::adopt_listener`](crate::engine::Engine::adopt_listener) and
/// [`AdoptOptions::server`](crate::engine::AdoptOptions::server). To be listened on it means 127.0.0.1 and any port.
impl Default for ListenOptions {
    fn default() -> Self {
        Self::new("127.0.0.1:0")
    }
}

impl From<SocketAddr> for ListenOptions {
    fn from(addr: SocketAddr) -> Self {
        Self::new(addr.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on() {
        for (address, addr) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("localhost:4242", "127.0.0.1:4242"),
            ("[::1]:1", "[::1]:1"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("unix:@x", "unix:@x"),
        ] {
            assert_eq!(ListenOptions::new(address).address().unwrap().to_string(), addr);
        }
        for address in [
            "127.0.0.1",
            "example.com:80",
            "localhost:65536",
            "",
            "unix:",
            "unix:a\0b",
        ] {
            assert!(ListenOptions::new(address).address().is_err(), "{address}");
        }
    }
}
