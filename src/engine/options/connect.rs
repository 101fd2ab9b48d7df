//! Where to connect to, and how the stream behaves.

use std::net::SocketAddr;
use std::string::{String, ToString};
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::super::error::Error;
use super::super::seam::{Address, SocketOptions};
use super::{QueueOptions, StreamOptions};
use crate::proto::{self, ClientRequest};

/// Where to connect to, and how the stream behaves.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub(in crate::engine) host: String,
    pub(in crate::engine) port: u16,
    pub(in crate::engine) target: String,
    /// The URL said `wss`.
    pub(in crate::engine) secure: bool,
    /// Stands in the `Host` header in place of `host` and `port`.
    pub(in crate::engine) host_header: Option<String>,
    pub(in crate::engine) headers: Vec<(String, String)>,
    pub(in crate::engine) offered: Vec<String>,
    /// Where to connect to; if empty, the host is looked up.
    pub(in crate::engine) addresses: Vec<Address>,
    pub(in crate::engine) socket: SocketOptions,
    pub(in crate::engine) dial_timeout: Duration,
    pub(in crate::engine) attempt_delay: Duration,
    pub(in crate::engine) stream: StreamOptions,
    #[cfg(feature = "tls")]
    pub(in crate::engine) tls: Option<(crate::tls::ClientConfig, String)>,
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
            addresses: Vec::new(),
            socket: SocketOptions::default(),
            dial_timeout: Duration::from_secs(10),
            attempt_delay: Duration::from_millis(250),
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

    /// Connects to one of these addresses instead of looking the host up: the preferred one first, each with its port.
    /// What is asked of the server, and the certificate that it must have, stay the same.
    #[must_use]
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.addresses = addresses.into_iter().map(Address::Inet).collect();
        self
    }

    /// Connects to the Unix socket at `path`, or on Linux to `@name` in the abstract namespace. What is asked of the
    /// server stays as it is, the `Host` header too.
    ///
    /// ```
    /// use wsloop::engine::ConnectOptions;
    ///
    /// let options = ConnectOptions::from_url("ws://localhost/events")?.unix("/run/service.sock");
    /// # let _ = options;
    /// # Ok::<(), wsloop::engine::Error>(())
    /// ```
    #[must_use]
    pub fn unix(mut self, path: impl Into<String>) -> Self {
        self.addresses = vec![Address::Unix(path.into())];
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

    /// Time for the name look-up and the connection, whatever the number of the host's addresses; default 10 s.
    #[must_use]
    pub const fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// How long an attempt to connect has to itself before the next of the host's addresses is tried beside it (RFC
    /// 8305 section 5); default 250 ms, and from 100 ms to 2 s whatever is asked for. After an attempt that failed the
    /// next one begins at once. The first to succeed is the connection, the others are closed; at most eight are under
    /// way together.
    #[must_use]
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.attempt_delay = delay.clamp(Duration::from_millis(100), Duration::from_secs(2));
        self
    }

    /// Time for the TLS handshake; default 10 s.
    #[must_use]
    pub const fn tls_timeout(mut self, timeout: Duration) -> Self {
        self.stream.tls_timeout = timeout;
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

    /// Bounds of the stream's queue.
    #[must_use]
    pub const fn queue(mut self, options: QueueOptions) -> Self {
        self.stream.queue = options;
        self
    }

    #[cfg(feature = "tls")]
    pub(in crate::engine) const fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    pub(in crate::engine) const fn speaks_tls(&self) -> bool {
        false
    }

    /// The opening handshake's request.
    pub(in crate::engine) fn request(&self) -> ClientRequest {
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
}
