//! Where to connect to, and how the stream behaves.

use std::fmt;
use std::net::SocketAddr;
use std::string::String;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::super::error::Error;
use super::super::keep_alive::KeepAlive;
use super::super::seam::{Address, SocketOptions};
use super::headers::Header;
use super::url::{Url, bare_host, without_userinfo};
use super::{Proxy, QueueOptions, StreamOptions};
use crate::proto::{self, Credentials};

/// Where to connect to, and how the stream behaves.
///
/// Debug output leaves secrets out: see [`header`](Self::header).
#[derive(Clone)]
pub struct ConnectOptions {
    pub(in crate::engine) host: String,
    pub(in crate::engine) port: u16,
    pub(in crate::engine) target: String,
    /// The URL said `wss`.
    pub(in crate::engine) secure: bool,
    /// Stands in the `Host` header in place of `host` and `port`.
    pub(in crate::engine) host_header: Option<String>,
    pub(in crate::engine) headers: Vec<Header>,
    pub(in crate::engine) basic: Option<Credentials>,
    pub(in crate::engine) offered: Vec<String>,
    /// Where to connect to; if empty, the host is looked up.
    pub(in crate::engine) addresses: Vec<Address>,
    pub(in crate::engine) proxy: Option<Proxy>,
    pub(in crate::engine) redirects_max: u8,
    pub(in crate::engine) socket: SocketOptions,
    pub(in crate::engine) dial_timeout: Duration,
    pub(in crate::engine) attempt_delay: Duration,
    pub(in crate::engine) stream: StreamOptions,
    #[cfg(feature = "tls")]
    pub(in crate::engine) tls: Option<(crate::tls::ClientConfig, String)>,
    /// For redirects from `ws` to `wss`.
    #[cfg(feature = "tls")]
    pub(in crate::engine) redirect_tls: Option<crate::tls::ClientConfig>,
}

impl ConnectOptions {
    /// Connects to `host`, a name or an IP address, and asks for `target`, such as `/chat?room=7`.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, target: impl Into<String>) -> Self {
        let host = host.into();
        Self {
            host: bare_host(&host).into(),
            port,
            target: target.into(),
            secure: false,
            host_header: None,
            headers: Vec::new(),
            basic: None,
            offered: Vec::new(),
            addresses: Vec::new(),
            proxy: None,
            redirects_max: 0,
            socket: SocketOptions::default(),
            dial_timeout: Duration::from_secs(10),
            attempt_delay: Duration::from_millis(250),
            stream: StreamOptions::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            redirect_tls: None,
        }
    }

    /// Connects to a `ws://` or `wss://` URL (RFC 6455 section 3). A `wss` URL needs [`tls`](Self::tls) as well; its
    /// host is [`host`](Self::host).
    ///
    /// # Errors
    /// [`Error::Address`] says what is wrong with the URL.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let shown = without_userinfo(url);
        let wrong = |what: &str| Error::Address(format!("can't connect to `{shown}`: {what}"));
        if !url.contains("://") {
            return Err(wrong("expected ws://HOST or wss://HOST"));
        }
        let parts = Url::parse(url).map_err(wrong)?;
        let secure = match parts.scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(wrong("the scheme must be ws or wss")),
        };
        if parts.has_fragment {
            return Err(wrong("a WebSocket URL has no fragment (`#…`)"));
        }
        if parts.userinfo.is_some() {
            return Err(wrong("user and password have no place in a WebSocket URL"));
        }
        let port = parts.port.unwrap_or(if secure { 443 } else { 80 });
        let mut options = Self::new(parts.host, port, parts.target());
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
    ///
    /// It is taken for a secret if its name has one of these in it: `auth`, `bearer`, `cookie`, `credential`, `jwt`,
    /// `key`, `passw`, `secret`, `session`, `token`. A secret is left out of debug output, and a redirect to another
    /// origin leaves it behind, as it does subprotocols of such a name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header::new(name.into(), value.into()));
        self
    }

    /// Adds a header that is a secret, whatever its name; see [`header`](Self::header).
    #[must_use]
    pub fn sensitive_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header {
            name: name.into(),
            value: value.into(),
            is_sensitive: true,
        });
        self
    }

    /// Tells the server who we are in the Basic scheme (RFC 7617), as a secret; in place of an `Authorization` that was
    /// there. A user with a colon, or control characters, are refused by
    /// [`connect`](crate::engine::Engine::connect). Without TLS both can be read on the way.
    #[must_use]
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.headers.retain(|header| !header.is_authorization());
        self.basic = Some(Credentials::new(user, password));
        self
    }

    /// Tells the server who we are by a token (RFC 6750 section 2.1), as a secret; in place of an `Authorization` that was
    /// there. Without TLS it can be read on the way.
    ///
    /// ```
    /// use wsloop::engine::ConnectOptions;
    ///
    /// let options = ConnectOptions::from_url("wss://example.com/feed")?.bearer_auth("s3cr3t");
    /// assert!(!format!("{options:?}").contains("s3cr3t"));
    /// # Ok::<(), wsloop::engine::Error>(())
    /// ```
    #[must_use]
    pub fn bearer_auth(mut self, token: impl fmt::Display) -> Self {
        self.headers.retain(|header| !header.is_authorization());
        self.basic = None;
        self.sensitive_header("Authorization", format!("Bearer {token}"))
    }

    /// Goes through a proxy, whose name is then the one that is looked up here, and to which
    /// [`addresses`](Self::addresses) and [`unix`](Self::unix) apply. Look-up, connection and the proxy's answer have
    /// [`dial_timeout`](Self::dial_timeout) together. The stream's peer address is the proxy's.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Follows up to `max` redirects, by the statuses 301, 302, 303, 307 and 308; default 0: such an answer is a refusal
    /// as any other. For each there is a new connection, with time-outs of its own; the stream keeps its id, and
    /// [`Engine::url`](crate::engine::Engine::url) tells where it has come to. `http` and `https` in the answer mean `ws`
    /// and `wss`.
    ///
    /// A redirect to another origin (scheme, host and port) leaves behind what was meant for the first one: user and
    /// password, token, [headers that are secrets](Self::header), the client certificate,
    /// [`host_header`](Self::host_header) and [`addresses`](Self::addresses). The stream fails with
    /// [`Failure::Redirect`](crate::engine::Failure::Redirect) at one that leads in a circle, one too many, one from `wss`
    /// down to `ws`, one to `wss` if there is no [TLS for it](Self::redirect_tls), or away from a Unix socket.
    #[must_use]
    pub const fn redirects(mut self, max: u8) -> Self {
        self.redirects_max = max;
        self
    }

    /// The TLS to speak if a `ws` server redirects to `wss`, to whatever origin; a stream that began with TLS goes on with
    /// [its own](Self::tls), less the client certificate.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn redirect_tls(mut self, config: crate::tls::ClientConfig) -> Self {
        self.redirect_tls = Some(config);
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

    /// Has the kernel tell when it received each message; see [`SocketOptions::timestamps`].
    #[cfg(feature = "timestamps")]
    #[must_use]
    pub const fn timestamps(mut self, told: bool) -> Self {
        self.socket.timestamps = told;
        self
    }

    /// Limits and time-outs of the protocol, and compression; see
    /// [`ListenOptions::protocol`](super::ListenOptions::protocol).
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

    /// Bounds of the stream's queue.
    #[must_use]
    pub const fn queue(mut self, options: QueueOptions) -> Self {
        self.stream.queue = options;
        self
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
            assert!(text.contains(&without_userinfo(url)) && text.contains(reason), "{text}");
            assert!(!text.contains("a:b"), "{text}");
        }
    }
}
