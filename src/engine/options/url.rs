//! URLs, as far as a client needs them: of servers, of proxies, and where a server redirects to.

use std::string::{String, ToString};
use std::vec::Vec;

/// The parts of a URL with an authority, as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Url<'a> {
    pub(in crate::engine) scheme: &'a str,
    /// What stands before `@`.
    pub(in crate::engine) userinfo: Option<&'a str>,
    /// With brackets around an IPv6 address.
    pub(in crate::engine) host: &'a str,
    pub(in crate::engine) port: Option<u16>,
    /// Path and query, without the fragment.
    pub(in crate::engine) resource: &'a str,
    pub(in crate::engine) has_fragment: bool,
}

impl<'a> Url<'a> {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::engine) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("expected SCHEME://HOST")?;
        let (rest, has_fragment) = match rest.split_once('#') {
            Some((rest, _)) => (rest, true),
            None => (rest, false),
        };
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (userinfo, authority) = match authority.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, authority),
        };
        let (host, port) = split_authority(authority).ok_or("the port must be a number up to 65535")?;
        if host.is_empty() {
            return Err("the host is missing");
        }
        Ok(Self {
            scheme,
            userinfo,
            host,
            port,
            resource,
            has_fragment,
        })
    }

    /// Path and query as a request has them.
    pub(in crate::engine) fn target(&self) -> String {
        if self.resource.starts_with('/') {
            self.resource.to_string()
        } else {
            format!("/{}", self.resource)
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

/// A host without the brackets that an IPv6 address has in a URL.
pub(in crate::engine) fn bare_host(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// A URL with what stands before `@` left out, to be shown.
pub(in crate::engine) fn without_userinfo(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    match url[start..end].rfind('@') {
        Some(at) => format!("{}…{}", &url[..start], &url[start + at..]),
        None => url.to_string(),
    }
}

/// A user or a password with its percent-encoding (RFC 3986 section 2.1) undone; `None` if that is malformed, or not
/// UTF-8 in the end.
pub(in crate::engine) fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        decoded.push((high << 4 | low) as u8);
    }
    String::from_utf8(decoded).ok()
}

/// A reference from `Location` without its fragment, and in the characters that a request may hold: others are
/// percent-encoded, as browsers do.
fn cleaned(reference: &str) -> String {
    let reference = reference.split('#').next().unwrap_or_default();
    let mut cleaned = String::with_capacity(reference.len());
    for byte in reference.trim_ascii().bytes() {
        if byte.is_ascii_graphic() {
            cleaned.push(char::from(byte));
        } else {
            cleaned.push_str(&format!("%{byte:02X}"));
        }
    }
    cleaned
}

/// What `reference` refers to for a document at `target` of an authority with `scheme` (RFC 3986 section 5.2): a whole
/// URL, or a target of the same authority.
pub(in crate::engine) fn resolve(scheme: &str, target: &str, reference: &str) -> Resolved {
    let reference = cleaned(reference);
    let scheme_end = reference.find([':', '/', '?']).unwrap_or(reference.len());
    if reference[scheme_end..].starts_with(':') {
        return Resolved::Url(reference);
    }
    if reference.starts_with("//") {
        return Resolved::Url(format!("{scheme}:{reference}"));
    }
    let base_path = target.split('?').next().unwrap_or_default();
    Resolved::Target(match reference.chars().next() {
        None => target.to_string(),
        Some('?') => format!("{base_path}{reference}"),
        Some('/') => without_dots(&reference),
        Some(_) => {
            let folder = base_path.rfind('/').map_or("/", |at| &base_path[..=at]);
            without_dots(&format!("{folder}{reference}"))
        }
    })
}

/// What [`resolve`] found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum Resolved {
    /// Another place, which may be the same.
    Url(String),
    /// Another target of the same authority.
    Target(String),
}

/// A target, which begins with `/`, with the segments `.` and `..` of its path removed (RFC 3986 section 5.2.4).
pub(in crate::engine) fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut segments: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for segment in path.split('/').skip(1) {
        is_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let end = if is_folder && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}{query}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3986 section 5.4, with its base URI, of the kinds that occur.
    #[test]
    fn the_examples_of_rfc_3986_section_5_4() {
        for (reference, expected) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("g?y#s", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../g", "/g"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            ("g?y/../x", "/b/c/g?y/../x"),
        ] {
            assert_eq!(
                resolve("http", "/b/c/d;p?q", reference),
                Resolved::Target(expected.into()),
                "{reference:?}"
            );
        }
        for (reference, expected) in [("//g", "http://g"), ("g:h", "g:h"), ("https://a/b#c", "https://a/b")] {
            assert_eq!(resolve("http", "/b/c/d;p?q", reference), Resolved::Url(expected.into()));
        }
    }

    #[test]
    fn what_no_request_may_hold_is_encoded() {
        for (reference, expected) in [
            ("/a b", "/a%20b"),
            ("/ü", "/%C3%BC"),
            (" /x ", "/x"),
            ("/a\tb", "/a%09b"),
        ] {
            assert_eq!(resolve("ws", "/", reference), Resolved::Target(expected.into()));
        }
    }

    #[test]
    fn user_and_password_are_taken_out() {
        let url = Url::parse("socks5h://us%40er:p%3Aw@[::1]:1080/x").unwrap();
        assert_eq!((url.scheme, url.userinfo), ("socks5h", Some("us%40er:p%3Aw")));
        assert_eq!((url.host, url.port, url.resource), ("[::1]", Some(1080), "/x"));
        assert_eq!(percent_decoded("us%40er").as_deref(), Some("us@er"));
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(percent_decoded(bad), None, "{bad}");
        }
        assert_eq!(without_userinfo("http://a:b@c@d:1/e@f"), "http://…@d:1/e@f");
        assert_eq!(without_userinfo("http://d:1/e@f"), "http://d:1/e@f");
        assert_eq!(without_userinfo("a:b@c"), "…@c");
    }
}
