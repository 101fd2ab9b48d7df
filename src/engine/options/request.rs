//! What a dial makes of its options: the request, the first hop, the origin; and what may be shown of them.

use std::fmt;
use std::string::String;

use super::headers::sounds_secret;
use super::{ConnectOptions, Proxy};
use crate::proto::{self, ClientRequest, Tunnel};

impl ConnectOptions {
    #[cfg(feature = "tls")]
    pub(in crate::engine) const fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    pub(in crate::engine) const fn speaks_tls(&self) -> bool {
        false
    }

    /// The opening handshake's request.
    ///
    /// # Errors
    /// User and password can't be sent. The rest is checked by the connection that it is given to.
    pub(in crate::engine) fn request(&self) -> Result<ClientRequest, proto::Misuse> {
        let host = self.host_header.clone().unwrap_or_else(|| self.authority());
        let mut request = ClientRequest::new(host, self.target.as_str());
        for header in &self.headers {
            request = request.header(header.name.as_str(), header.value.as_str());
        }
        if let Some(basic) = &self.basic {
            request = request.header("Authorization", basic.basic()?);
        }
        for name in &self.offered {
            request = request.subprotocol(name.as_str());
        }
        Ok(request)
    }

    /// What is connected to: the proxy, if there is one.
    pub(in crate::engine) fn first_hop(&self) -> (&str, u16) {
        match &self.proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&self.host, self.port),
        }
    }

    /// What is to be said to the proxy, if there is one.
    pub(in crate::engine) fn tunnel(&self) -> Result<Option<Tunnel>, proto::Misuse> {
        let tunnel = |proxy: &Proxy| proxy.tunnel(&self.host, self.port);
        self.proxy.as_ref().map(tunnel).transpose()
    }

    /// The URL.
    pub(in crate::engine) fn url(&self) -> String {
        let scheme = if self.speaks_tls() { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.authority(), self.target)
    }

    /// The certificate must be one for `host` from now on.
    #[cfg(feature = "tls")]
    pub(in crate::engine) fn name_server(&mut self, host: &str) {
        if let Some((_, name)) = &mut self.tls {
            host.clone_into(name);
        }
    }

    #[cfg(not(feature = "tls"))]
    pub(in crate::engine) const fn name_server(&mut self, _: &str) {}

    /// Speaks TLS to another origin: with the configuration for redirects, or the one that there is, whose certificate is
    /// a credential and stays behind. False if there is none.
    #[cfg(feature = "tls")]
    pub(in crate::engine) fn begin_tls(&mut self) -> bool {
        self.tls = match self.tls.take() {
            Some((config, name)) => Some((config.without_identity(), name)),
            None => self.redirect_tls.clone().map(|config| (config, String::new())),
        };
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    pub(in crate::engine) const fn begin_tls(&mut self) -> bool {
        false
    }

    /// The subprotocols that are no secrets by their names.
    pub(in crate::engine) fn offered_to_anybody(&self) -> impl Iterator<Item = &String> {
        self.offered.iter().filter(|name| !sounds_secret(name))
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

/// Without headers that are secrets, and without the query of the target, which may hold some.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        formatter
            .debug_struct("ConnectOptions")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &path)
            .field("speaks_tls", &self.speaks_tls())
            .field("host_header", &self.host_header)
            .field("headers", &self.headers)
            .field("offered", &self.offered_to_anybody().collect::<Vec<_>>())
            .field("addresses", &self.addresses)
            .field("proxy", &self.proxy)
            .field("redirects_max", &self.redirects_max)
            .field("socket", &self.socket)
            .field("dial_timeout", &self.dial_timeout)
            .field("attempt_delay", &self.attempt_delay)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let options = ConnectOptions::new("h", 1, "/p?access=s3cret")
            .header("Cookie", "id=s3cret")
            .header("x-api-key", "s3cret")
            .header("X-Room", "seven")
            .sensitive_header("X-Plain", "s3cret")
            .subprotocols(["chat", "token.s3cret"])
            .proxy(Proxy::http("p", 1).credentials("s3cret", "s3cret"));
        for options in [
            options.clone().basic_auth("s3cret", "s3cret"),
            options.bearer_auth("s3cret"),
        ] {
            let shown = format!("{options:?}");
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(
                shown.contains("seven") && shown.contains("/p") && shown.contains("chat"),
                "{shown}"
            );
        }
    }

    #[test]
    fn the_last_authorization_counts() {
        let authorizations = |options: &ConnectOptions| -> Vec<String> {
            let headers = options.request().unwrap().headers;
            let mine = headers
                .into_iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
            mine.map(|(_, value)| value).collect()
        };
        let options = ConnectOptions::new("h", 1, "/").header("authorization", "x");
        assert_eq!(
            authorizations(&options.clone().basic_auth("a", "b").bearer_auth("c")),
            ["Bearer c"]
        );
        assert_eq!(
            authorizations(&options.bearer_auth("c").basic_auth("a", "b")),
            ["Basic YTpi"]
        );
        assert!(
            ConnectOptions::new("h", 1, "/")
                .basic_auth("a:", "b")
                .request()
                .is_err()
        );
    }
}
