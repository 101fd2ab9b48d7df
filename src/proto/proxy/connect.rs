//! HTTP's CONNECT (RFC 9110 section 9.3.6).

use alloc::string::String;
use alloc::vec::Vec;

use super::ProxyError;
use crate::proto::handshake::head::{self, HeadBuffer, Search};
use crate::proto::handshake::headers::is_authority;
use crate::proto::handshake::write_line;
use crate::proto::{Credentials, Limits, Misuse};

/// Waits for the proxy's answer.
#[derive(Default)]
pub(super) struct Connect {
    head: HeadBuffer,
    /// Heads of interim responses (1xx) that came before, in bytes: they count against the limit as well.
    interim_bytes: usize,
}

impl Connect {
    pub(super) fn start(
        host: &str,
        port: u16,
        credentials: Option<&Credentials>,
        output: &mut Vec<u8>,
    ) -> Result<Self, Misuse> {
        if !is_authority(host.as_bytes()) {
            return Err(Misuse::InvalidHost);
        }
        // RFC 9112 section 3.2.3: host and port, the latter always; RFC 3986 section 3.2.2: brackets around IPv6.
        let authority = if host.contains(':') {
            alloc::format!("[{host}]:{port}")
        } else {
            alloc::format!("{host}:{port}")
        };
        write_line(output, &["CONNECT ", &authority, " HTTP/1.1"]);
        write_line(output, &["Host: ", &authority]);
        if let Some(credentials) = credentials {
            // RFC 9110 section 11.7.2: for the next proxy alone; the request inside the tunnel has none of it.
            write_line(output, &["Proxy-Authorization: ", &credentials.basic()?]);
        }
        write_line(output, &[]);
        Ok(Self::default())
    }

    /// Takes bytes; gives how many were the proxy's, and whether the tunnel stands.
    pub(super) fn read(&mut self, bytes: &[u8], limits: &Limits) -> Result<(usize, bool), ProxyError> {
        let mut consumed = 0;
        loop {
            let new = &bytes[consumed..];
            let room = limits.head_bytes.saturating_sub(self.interim_bytes);
            match self.head.search(new, room) {
                Search::Open => {
                    self.head.keep(new);
                    return Ok((bytes.len(), false));
                }
                Search::TooLong => return Err(ProxyError::TooBig),
                Search::Ends(count) => {
                    consumed += count;
                    if self.finish(&new[..count], limits)? {
                        return Ok((consumed, true));
                    }
                }
            }
        }
    }

    /// Reads a whole head, whose last part is `new`: true if it is the success, false if it is one to be followed by
    /// another.
    fn finish(&mut self, new: &[u8], limits: &Limits) -> Result<bool, ProxyError> {
        let mut buffer = core::mem::take(&mut self.head);
        let head = buffer.join(new);
        let mut fields = alloc::vec![httparse::EMPTY_HEADER; head::lines(head).min(limits.head_fields)];
        let mut parsed = httparse::Response::new(&mut fields);
        let parsing = httparse::ParserConfig::default()
            .allow_obsolete_multiline_headers_in_responses(true)
            .parse_response(&mut parsed, head);
        match parsing {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(ProxyError::TooBig),
            Ok(httparse::Status::Partial) | Err(_) => return Err(ProxyError::Malformed),
        }
        match parsed.code.unwrap_or_default() {
            // To a CONNECT there is nothing to switch to.
            101 | 0..=99 => Err(ProxyError::Malformed),
            100..=199 => {
                self.interim_bytes += head.len();
                Ok(false)
            }
            // Whatever the fields say of a body: there is none (RFC 9112 section 6.3, item 2).
            200..=299 => Ok(true),
            status @ 300.. => Err(ProxyError::Refused {
                status,
                reason: String::from(parsed.reason.unwrap_or_default()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cutting::{Outcome, outcome, talk};
    use super::super::{ProxyError, Tunnel};
    use super::*;

    fn tunnel() -> Tunnel {
        Tunnel::http("example.com", 443, None).unwrap()
    }

    fn answered(answer: &str) -> Outcome {
        outcome(tunnel, answer.as_bytes(), &Limits::default())
    }

    fn refused(status: u16, reason: &str) -> Outcome {
        let reason = reason.into();
        Err(ProxyError::Refused { status, reason })
    }

    #[test]
    fn the_request_names_the_server_and_carries_the_credentials() {
        let request = |host: &str, credentials| {
            let tunnel = Tunnel::http(host, 8443, credentials).unwrap();
            String::from_utf8(tunnel.poll_transmit().to_vec()).unwrap()
        };
        assert_eq!(
            request("fd00::1", Some(&Credentials::new("Aladdin", "open sesame"))),
            "CONNECT [fd00::1]:8443 HTTP/1.1\r\nHost: [fd00::1]:8443\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
        for host in ["", "a b", "a\r\nX: y", "a/b"] {
            assert_eq!(
                Tunnel::http(host, 1, None).unwrap_err(),
                Misuse::InvalidHost,
                "{host:?}"
            );
        }
        let colon = Credentials::new("a:b", "");
        assert_eq!(
            Tunnel::http("a", 1, Some(&colon)).unwrap_err(),
            Misuse::InvalidCredentials
        );
    }

    #[test]
    fn answers_at_every_cut() {
        let ok = "HTTP/1.1 200 Connection established\r\n\r\n";
        for (answer, rest) in [
            (ok, ""),
            (ok, "the server's first bytes\r\n\r\n"),
            ("HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n", "HTTP/1.1 500 no\r\n\r\n"),
            (
                "HTTP/1.1 204 \r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                "12345",
            ),
            ("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 299 Fine\n\n", "\n"),
        ] {
            let whole = answer.len();
            let outcome = answered(&[answer, rest].concat()).unwrap();
            assert_eq!((outcome.0, outcome.1), (whole, true), "{answer:?}");
        }
        assert_eq!(
            answered("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n<html>"),
            refused(407, "Proxy Authentication Required")
        );
        assert_eq!(
            answered("HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n"),
            refused(302, "Found")
        );
        for answer in [
            "hello\r\n\r\n",
            "\u{5}\u{0}\n\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 99 X\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ] {
            assert_eq!(answered(answer), Err(ProxyError::Malformed), "{answer:?}");
        }
    }

    #[test]
    fn heads_without_end_are_given_up() {
        let limits = Limits {
            head_bytes: 100,
            head_fields: 3,
            ..Limits::default()
        };
        let too_big = |answer: &str| outcome(tunnel, answer.as_bytes(), &limits) == Err(ProxyError::TooBig);
        assert!(too_big(&["HTTP/1.1 200 OK\r\nA: ", &"x".repeat(100)].concat()));
        assert!(too_big("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n"));
        // Interim answers don't begin anew.
        assert!(too_big(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(10)));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_no_cut_matters(
            input in proptest::collection::vec(proptest::sample::select(&b"HTP/1.20 \r\n:a\0\xff4"[..]), 0..120),
            ok in any::<bool>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let begin: &[u8] = if ok { b"HTTP/1.1 2" } else { b"" };
            let input = [begin, &input].concat();
            let whole = talk(tunnel(), &input, &[], &Limits::default());
            prop_assert_eq!(talk(tunnel(), &input, &[cut.index(input.len() + 1)], &Limits::default()), whole);
        }
    }
}
