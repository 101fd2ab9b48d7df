//! Options of an engine, its listeners and its connections, each with its default.

use std::net::{Ipv4Addr, SocketAddr};
use std::string::{String, ToString};
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::error::Error;
use super::seam::SocketOptions;
use crate::proto::{self, ClientRequest};

/// What holds for a whole engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bytes read from one stream in a turn before the others have theirs; default 512 KiB. Large reads are cheap, and
    /// a stream that has more is continued in the next turn.
    pub read_budget_bytes: usize,
    /// Connections taken from a listener's backlog in a turn; default 64.
    pub accept_budget: usize,
    /// Connections in all, accepted and dialled, from the first packet until the socket is closed; default 1,048,576.
    /// At the bound, listeners wait and `connect` fails.
    pub connections_max: usize,
    /// How long an ended connection may take to send what is left and to see the peer's end of the stream; default 5 s.
    /// Without that wait a last frame could be lost to a reset (RFC 9112 section 9.6 has the same remedy).
    pub linger_timeout: Duration,
    /// Commands of [`Handle`](super::Handle)s that may wait; default 4,096.
    pub handle_queue_len: usize,
    /// Bytes of messages in them; default 64 MiB.
    pub handle_queue_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            read_budget_bytes: 512 << 10,
            accept_budget: 64,
            connections_max: 1 << 20,
            linger_timeout: Duration::from_secs(5),
            handle_queue_len: 4096,
            handle_queue_bytes: 64 << 20,
        }
    }
}

/// Bounds of a stream's queue of bytes to send, and what becomes of a message that would pass them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueOptions {
    /// Above this many bytes `send` answers [`Sent::AboveHighWater`](super::Sent::AboveHighWater); default 1 MiB.
    pub high_water_bytes: usize,
    /// At this many bytes or fewer, after that, [`Event::LowWater`](super::Event::LowWater) comes; default 256 KiB.
    pub low_water_bytes: usize,
    /// A message that would bring the queue above this is treated as `slow_reader` says; default 65 MiB: the longest
    /// message by default, and a MiB of others. `proto::Limits::queued_bytes` bounds the same queue; the lower counts.
    /// What is longer than this alone never fits, however often it is tried: send it in chunks that do.
    pub limit_bytes: usize,
    /// The policy at the limit; default [`SlowReader::Refuse`].
    pub slow_reader: SlowReader,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            high_water_bytes: 1 << 20,
            low_water_bytes: 256 << 10,
            limit_bytes: 65 << 20,
            slow_reader: SlowReader::Refuse,
        }
    }
}

/// What `send` does with a message for which a stream's queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SlowReader {
    /// Gives it back: [`Sent::Refused`](super::Sent::Refused).
    #[default]
    Refuse,
    /// Drops it and counts it: [`Sent::Dropped`](super::Sent::Dropped).
    DropNewest,
    /// Drops the queue behind the frame under way, sends Close 1013 (try again later), and resets the connection if
    /// that isn't written within a second: [`Sent::Closing`](super::Sent::Closing).
    Close,
}

/// How to listen, and how the accepted streams behave.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    pub(super) address: String,
    pub(super) backlog: u32,
    pub(super) socket: SocketOptions,
    pub(super) handshakes_max: u32,
    pub(super) stream: StreamOptions,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<crate::tls::ServerConfig>,
}

impl ListenOptions {
    /// Listens on `address`: `127.0.0.1:9001`, `[::1]:9001`, `localhost:9001` (which is 127.0.0.1), with port 0 for one
    /// that the system chooses. A [`SocketAddr`] goes in by its `to_string`.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            backlog: 1024,
            socket: SocketOptions::default(),
            handshakes_max: 4096,
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

    /// Hands every [`Event::Request`](super::Event::Request) to the host, which then accepts or refuses; default false:
    /// every valid request is accepted.
    #[must_use]
    pub const fn requests(mut self, handed_over: bool) -> Self {
        self.stream.requests = handed_over;
        self
    }

    /// Hands messages to the host in chunks as they come, rather than whole; default false. Can be changed by stream:
    /// [`Engine::deliver_chunks`](super::Engine::deliver_chunks).
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

    pub(super) fn socket_addr(&self) -> Result<SocketAddr, Error> {
        let address = self.address.as_str();
        let local = || {
            let port = address.strip_prefix("localhost:")?.parse().ok()?;
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        };
        address.parse().ok().or_else(local).ok_or_else(|| {
            Error::Address(format!(
                "can't listen on `{address}`: expected an address and a port, such as 127.0.0.1:9001, [::1]:9001 or \
                 localhost:9001"
            ))
        })
    }
}

impl From<SocketAddr> for ListenOptions {
    fn from(addr: SocketAddr) -> Self {
        Self::new(addr.to_string())
    }
}

/// Where to connect to, and how the stream behaves.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) target: String,
    /// The URL said `wss`.
    pub(super) secure: bool,
    /// Stands in the `Host` header in place of `host` and `port`.
    pub(super) host_header: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) offered: Vec<String>,
    pub(super) socket: SocketOptions,
    pub(super) dial_timeout: Duration,
    pub(super) stream: StreamOptions,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<(crate::tls::ClientConfig, String)>,
}

impl ConnectOptions {
    /// Connects to `host`, a name or an IP address, and asks for `target`, such as `/chat?room=7`.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, target: impl Into<String>) -> Self {
        let host = host.into();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .map(ToString::to_string);
        Self {
            host: bare.unwrap_or(host),
            port,
            target: target.into(),
            secure: false,
            host_header: None,
            headers: Vec::new(),
            offered: Vec::new(),
            socket: SocketOptions::default(),
            dial_timeout: Duration::from_secs(10),
            stream: StreamOptions::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Connects to a `ws://` or `wss://` URL (RFC 6455 section 3). A `wss` URL needs [`tls`](Self::tls) as well; its
    /// host is [`host`](Self::host).
    ///
    /// # Errors
    /// [`Error::Address`] says what is wrong with the URL.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Address(format!("can't connect to `{url}`: {what}"));
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| wrong("expected ws://HOST or wss://HOST"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(wrong("the scheme must be ws or wss")),
        };
        if rest.contains('#') {
            return Err(wrong("a WebSocket URL has no fragment (`#…`)"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("user and password have no place in a WebSocket URL"));
        }
        let (host, port) = split_authority(authority).ok_or_else(|| wrong("the port must be a number up to 65535"))?;
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        let target = if resource.starts_with('/') {
            resource.to_string()
        } else {
            format!("/{resource}")
        };
        let mut options = Self::new(host, port.unwrap_or(if secure { 443 } else { 80 }), target);
        options.secure = secure;
        Ok(options)
    }

    /// The host: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the URL said `wss`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Speaks TLS; the server's certificate must be valid for `server_name`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: crate::tls::ClientConfig, server_name: impl Into<String>) -> Self {
        self.tls = Some((config, server_name.into()));
        self
    }

    /// What the `Host` header says, with the port if it shall stand there; by default host and port as they are
    /// connected to. For a host that is reached under another name or address than its own.
    #[must_use]
    pub fn host_header(mut self, authority: impl Into<String>) -> Self {
        self.host_header = Some(authority.into());
        self
    }

    /// Adds a header to the request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Subprotocols to offer, the preferred one first.
    #[must_use]
    pub fn subprotocols<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.offered = names.into_iter().map(Into::into).collect();
        self
    }

    /// Options of the socket.
    #[must_use]
    pub fn socket(mut self, options: SocketOptions) -> Self {
        self.socket = options;
        self
    }

    /// Limits and time-outs of the protocol, and compression; see [`ListenOptions::protocol`].
    #[must_use]
    pub fn protocol(mut self, config: Arc<proto::Config>) -> Self {
        self.stream.protocol = config;
        self
    }

    /// Time for the name look-up and the connection; default 10 s. Each address of the host has an equal share of what
    /// is left.
    #[must_use]
    pub const fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// Time for the TLS handshake; default 10 s.
    #[must_use]
    pub const fn tls_timeout(mut self, timeout: Duration) -> Self {
        self.stream.tls_timeout = timeout;
        self
    }

    /// Hands messages to the host in chunks as they come, rather than whole; default false. Can be changed by stream:
    /// [`Engine::deliver_chunks`](super::Engine::deliver_chunks).
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

    /// Bounds of the stream's queue.
    #[must_use]
    pub const fn queue(mut self, options: QueueOptions) -> Self {
        self.stream.queue = options;
        self
    }

    #[cfg(feature = "tls")]
    pub(super) const fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    pub(super) const fn speaks_tls(&self) -> bool {
        false
    }

    /// The opening handshake's request.
    pub(super) fn request(&self) -> ClientRequest {
        let host = self.host_header.clone().unwrap_or_else(|| self.authority());
        let mut request = ClientRequest::new(host, self.target.as_str());
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        for name in &self.offered {
            request = request.subprotocol(name.as_str());
        }
        request
    }

    /// Host and port as they stand in the `Host` header.
    fn authority(&self) -> String {
        // RFC 6455 section 4.1: the port stands in Host unless it is the scheme's own; RFC 3986 section 3.2.2: an IPv6
        // address stands in brackets.
        let own_port = if self.speaks_tls() { 443 } else { 80 };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == own_port {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// What the streams of a listener, or one dialled stream, have in common.
#[derive(Debug, Clone)]
pub(super) struct StreamOptions {
    pub(super) protocol: Arc<proto::Config>,
    pub(super) queue: QueueOptions,
    pub(super) requests: bool,
    pub(super) control_events: bool,
    pub(super) chunks: bool,
    pub(super) subprotocols: Vec<String>,
    pub(super) tls_timeout: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            protocol: Arc::default(),
            queue: QueueOptions::default(),
            requests: false,
            control_events: false,
            chunks: false,
            subprotocols: Vec::new(),
            tls_timeout: Duration::from_secs(10),
        }
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; `None` if the port is no number.
fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_end = if authority.starts_with('[') {
        authority.find(']').map_or(0, |end| end + 1)
    } else {
        0
    };
    match authority[host_end..].split_once(':') {
        None => Some((authority, None)),
        // RFC 3986 section 3.2.3 allows an empty port.
        Some((rest, "")) => Some((&authority[..host_end + rest.len()], None)),
        Some((rest, port)) => Some((&authority[..host_end + rest.len()], Some(port.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (url, host, port, target, secure) in [
            ("ws://localhost", "localhost", 80, "/", false),
            ("ws://localhost:4242", "localhost", 4242, "/", false),
            (
                "WSS://example.com/chat?room=7",
                "example.com",
                443,
                "/chat?room=7",
                true,
            ),
            ("wss://[::1]:8443/a", "::1", 8443, "/a", true),
            ("ws://[::1]", "::1", 80, "/", false),
            ("ws://127.0.0.1:?x=1", "127.0.0.1", 80, "/?x=1", false),
        ] {
            let options = ConnectOptions::from_url(url).unwrap();
            assert_eq!(
                (
                    options.host(),
                    options.port(),
                    options.target.as_str(),
                    options.is_secure()
                ),
                (host, port, target, secure),
                "{url}"
            );
        }
    }

    #[test]
    fn bad_urls_are_refused_with_a_reason() {
        for (url, reason) in [
            ("localhost:80", "ws://HOST"),
            ("http://localhost", "scheme"),
            ("ws://localhost/#a", "fragment"),
            ("ws://a:b@localhost/", "password"),
            ("ws://localhost:99999", "port"),
            ("ws://localhost:x", "port"),
            ("ws://:80/", "host"),
            ("ws:///x", "host"),
        ] {
            let text = ConnectOptions::from_url(url).unwrap_err().to_string();
            assert!(text.contains(url) && text.contains(reason), "{text}");
        }
    }

    #[test]
    fn addresses_to_listen_on() {
        for (address, addr) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("localhost:4242", "127.0.0.1:4242"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(ListenOptions::new(address).socket_addr().unwrap().to_string(), addr);
        }
        for address in ["127.0.0.1", "example.com:80", "localhost:65536", ""] {
            assert!(ListenOptions::new(address).socket_addr().is_err(), "{address}");
        }
    }
}
