//! Which proxy to go through.

use std::fmt;
use std::string::String;

use super::super::error::Error;
use super::url::{Url, bare_host, percent_decoded, without_userinfo};
use crate::proto::{Credentials, Misuse, Tunnel};

/// A proxy that a connection goes through: it is asked for a tunnel to the server, and all that follows, TLS above all, is
/// between this side and the server. The server's name is looked up by the proxy.
///
/// Debug output shows no credentials.
///
/// ```
/// use wsloop::engine::{ConnectOptions, Proxy};
///
/// let proxy = Proxy::http("proxy.example", 3128).credentials("user", "password");
/// # let _ = proxy;
/// let proxy = Proxy::from_url("socks5://user:password@127.0.0.1:1080")?;
/// let options = ConnectOptions::from_url("ws://example.com/chat")?.proxy(proxy);
/// # let _ = options;
/// # Ok::<(), wsloop::engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    pub(in crate::engine) host: String,
    pub(in crate::engine) port: u16,
    credentials: Option<Credentials>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

impl Proxy {
    /// An HTTP proxy, which is asked by CONNECT (RFC 9110 section 9.3.6).
    #[must_use]
    pub fn http(host: impl Into<String>, port: u16) -> Self {
        Self::new(Kind::Http, &host.into(), port)
    }

    /// A SOCKS5 proxy (RFC 1928).
    #[must_use]
    pub fn socks5(host: impl Into<String>, port: u16) -> Self {
        Self::new(Kind::Socks5, &host.into(), port)
    }

    fn new(kind: Kind, host: &str, port: u16) -> Self {
        Self {
            kind,
            host: bare_host(host).into(),
            port,
            credentials: None,
        }
    }

    /// Who we are to the proxy: sent to an HTTP proxy as `Proxy-Authorization: Basic`, to a SOCKS5 proxy if it asks for
    /// user and password (RFC 1929). In both cases they are readable by whoever can listen in on the way to the proxy; the
    /// server doesn't get them.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::new(user, password));
        self
    }

    /// A proxy as environment variables and other programs write it: `http://HOST:PORT`, `socks5://HOST:PORT` or
    /// `socks5h://HOST:PORT` (which are the same here), with `USER:PASSWORD@` before the host if it wants them, in
    /// percent-encoding. Without a port, 80 for HTTP and 1080 for SOCKS5.
    ///
    /// # Errors
    /// [`Error::Address`] says what is wrong with the URL, without user and password.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Address(format!("can't use the proxy `{}`: {what}", without_userinfo(url)));
        let parts = Url::parse(url).map_err(wrong)?;
        let (kind, port) = match parts.scheme.to_ascii_lowercase().as_str() {
            "http" => (Kind::Http, 80),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            _ => return Err(wrong("the scheme must be http, socks5 or socks5h")),
        };
        if !matches!(parts.resource, "" | "/") || parts.has_fragment {
            return Err(wrong("nothing may follow the port"));
        }
        let mut proxy = Self::new(kind, parts.host, parts.port.unwrap_or(port));
        if let Some(userinfo) = parts.userinfo {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            let decoded = percent_decoded(user).zip(percent_decoded(password));
            let (user, password) =
                decoded.ok_or_else(|| wrong("user and password must be in percent-encoded UTF-8"))?;
            proxy = proxy.credentials(user, password);
        }
        Ok(proxy)
    }

    /// What is to be said to the proxy for a connection to `host`.
    pub(in crate::engine) fn tunnel(&self, host: &str, port: u16) -> Result<Tunnel, Misuse> {
        match self.kind {
            Kind::Http => Tunnel::http(host, port, self.credentials.as_ref()),
            Kind::Socks5 => Tunnel::socks5(host, port, self.credentials.as_ref()),
        }
    }
}

/// As a URL, without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        if self.host.contains(':') {
            write!(formatter, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (url, proxy, shown) in [
            ("http://p:3128", Proxy::http("p", 3128), "http://p:3128"),
            ("HTTP://p/", Proxy::http("p", 80), "http://p:80"),
            ("socks5h://[::1]:9", Proxy::socks5("::1", 9), "socks5://[::1]:9"),
            (
                "socks5://u%3A:p%40w@p",
                Proxy::socks5("p", 1080).credentials("u:", "p@w"),
                "socks5://p:1080",
            ),
            ("http://u@p:1", Proxy::http("p", 1).credentials("u", ""), "http://p:1"),
        ] {
            let read = Proxy::from_url(url).unwrap();
            assert_eq!((read.to_string().as_str(), &read), (shown, &proxy), "{url}");
        }
    }

    #[test]
    fn nothing_shows_the_password() {
        for url in [
            "https://user:secret@p",
            "http://user:secret@p:x",
            "user:secret@p",
            "http://user:secret@p/x",
            "http://user:secret%@p",
        ] {
            let text = Proxy::from_url(url).unwrap_err().to_string();
            assert!(!text.contains("secret") && !text.contains("user:"), "{text}");
        }
        let proxy = Proxy::from_url("http://user:secret@p").unwrap();
        assert!(!format!("{proxy:?} {proxy}").contains("secret"));
    }
}
