//! The `url` of `ws_server` and `ws_client`, and what follows from it.

use std::format;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::string::{String, ToString};

use crate::connector::ConfigError;

/// Where the key stands in a definition.
const PATH: [&str; 2] = ["config", "url"];

/// A `ws://` or `wss://` address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WsUrl {
    /// `Some(true)` for `wss://`, `Some(false)` for `ws://`, `None` if no scheme is written.
    pub(crate) secure: Option<bool>,
    /// Host and port as written, without user and password: what the `Host` header says.
    pub(crate) authority: String,
    /// The host: a name, or an IP address without brackets.
    pub(crate) host: String,
    /// The port, if one is written.
    pub(crate) port: Option<u16>,
    /// Path and query; begins with `/`.
    pub(crate) target: String,
}

impl WsUrl {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let (secure, rest) = scheme(text)?;
        // A fragment is for the reader of a document; a WebSocket address has none (RFC 6455 section 3).
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if let Some((_, after)) = authority.rsplit_once('@') {
            return Err(wrong(text, "user and password have no place in it").help(format!(
                "write `{after}`, and give `\"headers\": {{\"Authorization\": …}}` in `config` of a `ws_client`"
            )));
        }
        let (host, port) = split_port(text, authority)?;
        let host = check_host(text, host)?;
        let target = if resource.starts_with('/') {
            resource.to_string()
        } else {
            format!("/{resource}")
        };
        // RFC 6455 sections 11.1.1 and 11.1.2: others must be converted, which is left to the writer.
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(text, "a path is made of printable ASCII")
                .help("write other characters in percent form, such as `%20` for a space"));
        }
        let authority = authority.strip_suffix(':').unwrap_or(authority).to_string();
        Ok(Self {
            secure,
            authority,
            host,
            port,
            target,
        })
    }

    /// The port, or else the scheme's own: 443 with TLS, 80 without (RFC 6455 section 3).
    pub(crate) fn port_or_default(&self, tls: bool) -> u16 {
        self.port.unwrap_or(if tls { 443 } else { 80 })
    }

    /// The host to connect to: one that stands for every address of this machine (`0.0.0.0`, `[::]`) is the loopback
    /// of its family, since nothing can be connected to it as such.
    pub(crate) fn host_to_dial(&self) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V4(addr)) if addr.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            Ok(IpAddr::V6(addr)) if addr.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
            Ok(_) | Err(_) => self.host.clone(),
        }
    }

    /// The address to listen on, `ip:port` or `[ip]:port`.
    ///
    /// # Errors
    /// The host is a name other than `localhost`.
    pub(crate) fn addr_to_listen(&self, tls: bool) -> Result<String, ConfigError> {
        let port = self.port_or_default(tls);
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V4(addr)) => Ok(format!("{addr}:{port}")),
            Ok(IpAddr::V6(addr)) => Ok(format!("[{addr}]:{port}")),
            Err(_) if self.host.eq_ignore_ascii_case("localhost") => Ok(format!("{}:{port}", Ipv4Addr::LOCALHOST)),
            Err(_) => Err(ConfigError::new(
                PATH,
                format!("a server listens on an address, not on a name like `{}`", self.host),
            )
            .expected("an IP address of this machine, or `localhost`")
            .help(format!(
                "write `127.0.0.1:{port}` for programs on this machine, `0.0.0.0:{port}` for every network"
            ))),
        }
    }
}

fn wrong(text: &str, what: &str) -> ConfigError {
    ConfigError::new(PATH, format!("`{text}` can't be used as `url`: {what}"))
}

/// The scheme and what follows it. Without `letters://` in front, a text is host and port alone.
fn scheme(text: &str) -> Result<(Option<bool>, &str), ConfigError> {
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    }) else {
        return Ok((None, text));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "ws" => Ok((Some(false), rest)),
        "wss" => Ok((Some(true), rest)),
        other => {
            let instead = if matches!(other, "https" | "ssl" | "tls") {
                "wss"
            } else {
                "ws"
            };
            Err(wrong(text, &format!("its scheme is `{scheme}`"))
                .expected("`ws://` or `wss://`, or no scheme at all")
                .help(format!("write `{instead}://{rest}`")))
        }
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; an empty port is none (RFC 3986 section 3.2.3).
fn split_port<'a>(text: &str, authority: &'a str) -> Result<(&'a str, Option<u16>), ConfigError> {
    let host_end = if authority.starts_with('[') {
        match authority.find(']') {
            Some(end) => end + 1,
            None => return Err(wrong(text, "the `[` of the IPv6 address is never closed")),
        }
    } else {
        let host_end = authority.find(':').unwrap_or(authority.len());
        if authority[host_end..].matches(':').count() > 1 {
            let help = format!("write `[{authority}]` or `[{authority}]:4242`");
            return Err(wrong(text, "an IPv6 address stands in brackets").help(help));
        }
        host_end
    };
    let (host, rest) = authority.split_at(host_end);
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        Some("") => Ok((host, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => match port.parse() {
            Ok(port) => Ok((host, Some(port))),
            Err(_) => Err(wrong(text, &format!("{port} is no port")).expected("a port from 0 to 65535")),
        },
        None | Some(_) => Err(wrong(text, &format!("`{rest}` is no port")).expected("a port, such as `:4242`")),
    }
}

/// The host without brackets.
fn check_host(text: &str, host: &str) -> Result<String, ConfigError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return match inner.parse::<Ipv6Addr>() {
            Ok(addr) => Ok(addr.to_string()),
            Err(_) => Err(wrong(text, &format!("`{inner}` is no IPv6 address"))),
        };
    }
    if host.is_empty() {
        return Err(wrong(text, "the host is missing").expected("a host, such as `127.0.0.1` or `example.com`"));
    }
    if !host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    {
        return Err(wrong(text, &format!("`{host}` is no host name"))
            .expected("letters, digits, `-`, `_` and `.`")
            .help("write a name in other letters in its ASCII form (`xn--…`)"));
    }
    Ok(host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says() {
        for (text, secure, authority, host, port, target) in [
            ("127.0.0.1:4242", None, "127.0.0.1:4242", "127.0.0.1", Some(4242), "/"),
            ("localhost:80/x", None, "localhost:80", "localhost", Some(80), "/x"),
            ("h", None, "h", "h", None, "/"),
            ("ws://h", Some(false), "h", "h", None, "/"),
            ("WSS://h:", Some(true), "h", "h", None, "/"),
            (
                "wss://0.0.0.0:65535",
                Some(true),
                "0.0.0.0:65535",
                "0.0.0.0",
                Some(65535),
                "/",
            ),
            (
                "ws://[::1]:7/chat?x=1#top",
                Some(false),
                "[::1]:7",
                "::1",
                Some(7),
                "/chat?x=1",
            ),
            ("[0:0::1]", None, "[0:0::1]", "::1", None, "/"),
            ("h?a=b://c", None, "h", "h", None, "/?a=b://c"),
            ("h:0", None, "h:0", "h", Some(0), "/"),
        ] {
            let expected = WsUrl {
                secure,
                authority: authority.into(),
                host: host.into(),
                port,
                target: target.into(),
            };
            assert_eq!(WsUrl::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_a_fix() {
        for (text, says) in [
            ("", "the host is missing"),
            (":4242", "the host is missing"),
            ("http://h:1/x", "write `ws://h:1/x`"),
            ("https://h", "write `wss://h`"),
            ("tcp://h:1", "its scheme is `tcp`"),
            ("ws://me:secret@h:1", "Authorization"),
            ("ws://h:99999", "99999 is no port"),
            ("ws://h:x", "`:x` is no port"),
            ("::1", "write `[::1]`"),
            ("[::1", "never closed"),
            ("[::g]:1", "`::g` is no IPv6 address"),
            ("[::1]x", "`x` is no port"),
            ("ws://a b", "`a b` is no host name"),
            ("ws://bücher.example", "xn--"),
            ("ws://h/a b", "%20"),
        ] {
            let error = WsUrl::parse(text).unwrap_err();
            assert!(error.to_string().contains(says), "{text}: {error}");
            assert_eq!(error.path, PATH.map(Into::into));
        }
    }

    #[test]
    fn a_missing_port_is_the_schemes_own() {
        let url = WsUrl::parse("wss://h").unwrap();
        assert_eq!((url.port_or_default(true), url.port_or_default(false)), (443, 80));
        assert_eq!(WsUrl::parse("ws://h:443").unwrap().port_or_default(false), 443);
    }

    #[test]
    fn addresses_that_stand_for_all_are_dialled_as_loopback() {
        for (text, dialled) in [
            ("0.0.0.0:1", "127.0.0.1"),
            ("[::]:1", "::1"),
            ("10.0.0.1:1", "10.0.0.1"),
            ("example.com", "example.com"),
        ] {
            assert_eq!(WsUrl::parse(text).unwrap().host_to_dial(), dialled);
        }
    }

    #[test]
    fn a_server_listens_on_addresses() {
        for (text, tls, addr) in [
            ("0.0.0.0:65535", true, "0.0.0.0:65535"),
            ("wss://[::]", true, "[::]:443"),
            ("LocalHost:0", false, "127.0.0.1:0"),
            ("ws://127.0.0.1/ignored", false, "127.0.0.1:80"),
        ] {
            assert_eq!(WsUrl::parse(text).unwrap().addr_to_listen(tls), Ok(addr.into()));
        }
        let error = WsUrl::parse("example.com:7")
            .unwrap()
            .addr_to_listen(false)
            .unwrap_err();
        assert!(error.to_string().contains("0.0.0.0:7"), "{error}");
    }
}
