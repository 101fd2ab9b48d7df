//! Requests to open: [`Request`] as a server sees it, [`ClientRequest`] as a client makes it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::headers::{Headers, is_authority, is_field_value, is_token};
use crate::proto::Misuse;

/// A client's valid request to open a connection; the host decides what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) kind: RequestKind,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// To open a connection.
    Upgrade,
    /// What lies at the target.
    Get,
    /// The same without its body.
    Head,
}

impl Request {
    /// Whether it asks to open a WebSocket connection; others come only to a host that
    /// [asked for them](crate::proto::Config::plain_requests), and can't be accepted.
    #[must_use]
    pub const fn is_upgrade(&self) -> bool {
        matches!(self.kind, RequestKind::Upgrade)
    }

    /// The request target as the client wrote it, such as `/chat?room=7`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The target's path, such as `/chat`; percent-encoding is left as it is.
    #[must_use]
    pub fn path(&self) -> &str {
        let resource = self.resource();
        let path = resource.split('?').next().unwrap_or_default();
        if path.is_empty() { "/" } else { path }
    }

    /// What follows the target's first `?`, such as `room=7`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.resource().split_once('?').map(|(_, query)| query)
    }

    /// The target without scheme and authority, should the client have sent the absolute form.
    fn resource(&self) -> &str {
        absolute_form(&self.target).map_or(&self.target, |(_, _, resource)| resource)
    }

    /// All header fields, those that mean nothing to the handshake as well (RFC 6455 section 4.2.1, item 10).
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The host that is asked, with its port if there was one: the `Host` header, of which a valid request has exactly
    /// one. Should the client have sent the absolute form of the target, then it is the target's (RFC 9112 section
    /// 3.2.2), whatever the header says.
    #[must_use]
    pub fn host(&self) -> &str {
        match absolute_form(&self.target) {
            Some((_, authority, _)) => authority,
            None => self.headers.get("host").unwrap_or_default(),
        }
    }

    /// The `Origin` header. Browsers always send it, and a server that serves them should look at it (RFC 6455 sections
    /// 4.2.1 and 10.2); other clients can send what they like (section 10.1).
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.headers.get("origin")
    }

    /// The subprotocols that the client offers, in its order of preference.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.subprotocols.iter().map(String::as_str)
    }
}

/// Scheme, authority and the rest of a target in the absolute form of RFC 9112 section 3.2.2; `None` for a path.
pub(crate) fn absolute_form(target: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    if scheme.contains(['/', '?']) {
        return None;
    }
    let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Some((scheme, authority, resource))
}

/// What a client asks for.
///
/// ```
/// use wsloop::proto::ClientRequest;
///
/// let request = ClientRequest::new("example.com:8080", "/chat?room=7")
///     .header("Authorization", "Bearer 123")
///     .subprotocol("chat.v2");
/// # let _ = request;
/// ```
///
/// Debug output shows of headers only the names, since their values may be secrets, and the target without its query.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientRequest {
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) subprotocols: Vec<String>,
}

impl ClientRequest {
    /// Asks `host` (as it shall stand in the `Host` header, with the port unless it is the scheme's own) for `target` (a
    /// path that begins with `/`, with the query if there is one). What is given is checked by
    /// [`Connection::client`](crate::proto::Connection::client).
    #[must_use]
    pub fn new(host: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            target: target.into(),
            headers: Vec::new(),
            subprotocols: Vec::new(),
        }
    }

    /// Adds a header; those of the handshake itself can't be given.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Offers a subprotocol; the first is the most wanted.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// Whether it can be sent.
    pub(crate) fn check(&self) -> Result<(), Misuse> {
        let printable = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_authority(self.host.as_bytes()) {
            return Err(Misuse::InvalidHost);
        }
        // RFC 6455 section 3: no fragment in a WebSocket address.
        if !printable(&self.target) || !self.target.starts_with('/') || self.target.contains('#') {
            return Err(Misuse::InvalidTarget);
        }
        check_headers(&self.headers)?;
        // RFC 6455 section 4.1, item 10.
        for (index, name) in self.subprotocols.iter().enumerate() {
            if !is_token(name) || self.subprotocols[..index].contains(name) {
                return Err(Misuse::InvalidSubprotocol);
            }
        }
        Ok(())
    }
}

/// Whether headers of the host's may stand beside the handshake's own.
pub(crate) fn check_headers<'h>(headers: impl IntoIterator<Item = &'h (String, String)>) -> Result<(), Misuse> {
    for (name, value) in headers {
        if !is_token(name) || !is_field_value(value) {
            return Err(Misuse::InvalidHeader);
        }
        let of_handshake = ["host", "upgrade", "connection", "content-length", "transfer-encoding"];
        if of_handshake.iter().any(|own| name.eq_ignore_ascii_case(own))
            || name
                .get(..14)
                .is_some_and(|start| start.eq_ignore_ascii_case("sec-websocket-"))
        {
            return Err(Misuse::ReservedHeader);
        }
    }
    Ok(())
}

impl fmt::Debug for ClientRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("ClientRequest")
            .field("host", &self.host)
            .field("path", &self.target.split('?').next().unwrap_or_default())
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_target() {
        for (target, host, path, query) in [
            ("/", "h", "/", None),
            ("/chat?room=7?", "h", "/chat", Some("room=7?")),
            ("http://example.com", "example.com", "/", None),
            ("ws://example.com?x", "example.com", "/", Some("x")),
            ("wss://[::1]:1/a/b?c", "[::1]:1", "/a/b", Some("c")),
            ("/go?to=http://x/y", "h", "/go", Some("to=http://x/y")),
        ] {
            let mut headers = Headers::default();
            headers.push(b"Host", b"h");
            let request = Request {
                target: target.into(),
                headers,
                subprotocols: Vec::new(),
                kind: RequestKind::Upgrade,
            };
            assert_eq!(
                (request.host(), request.path(), request.query()),
                (host, path, query),
                "{target}"
            );
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let request = ClientRequest::new("a", "/p?s3cret")
            .header("Cookie", "s3cret")
            .subprotocol("s3cret");
        let shown = alloc::format!("{request:?}");
        assert!(
            !shown.contains("s3cret") && shown.contains("Cookie") && shown.contains("/p"),
            "{shown}"
        );
    }

    #[test]
    fn what_can_not_be_sent_is_named() {
        let ok = || ClientRequest::new("a:1", "/");
        assert_eq!(ok().header("X", "y").subprotocol("p").check(), Ok(()));
        for host in ["", "a\r\nb", "a/b", "user@a"] {
            assert_eq!(
                ClientRequest::new(host, "/").check(),
                Err(Misuse::InvalidHost),
                "{host:?}"
            );
        }
        for target in ["", "x", "/a b", "/a\r\n", "/#top"] {
            assert_eq!(
                ClientRequest::new("a", target).check(),
                Err(Misuse::InvalidTarget),
                "{target:?}"
            );
        }
        assert_eq!(ok().header("X", "y\r\nZ: 1").check(), Err(Misuse::InvalidHeader));
        assert_eq!(ok().header("X y", "").check(), Err(Misuse::InvalidHeader));
        for name in [
            "Host",
            "upgrade",
            "CONNECTION",
            "Sec-WebSocket-Key",
            "sec-websocket-extensions",
        ] {
            assert_eq!(ok().header(name, "x").check(), Err(Misuse::ReservedHeader), "{name}");
        }
        assert_eq!(ok().subprotocol("a b").check(), Err(Misuse::InvalidSubprotocol));
        assert_eq!(
            ok().subprotocol("a").subprotocol("a").check(),
            Err(Misuse::InvalidSubprotocol)
        );
    }
}
