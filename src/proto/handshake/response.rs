//! Answers to a request: [`Accept`] and [`Response`] as a server gives them, [`Opened`] and [`Refusal`] as they are seen.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::headers::Headers;
use super::request::check_headers;
#[cfg(feature = "deflate")]
use crate::proto::Agreed;
use crate::proto::{BadRequest, Misuse};

/// A server's yes, with what it adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accept {
    pub(crate) subprotocol: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Accept {
    /// A plain yes: no subprotocol, no headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses one of the subprotocols that the client offered.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Adds a header, such as a cookie; those of the handshake itself can't be given.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A server's no, or its answer to a request for something else: an HTTP answer, after which the connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// An answer with `status`, 200 to 599, and no body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header. `Content-Length` and `Connection: close` are added by themselves and can't be given.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// How long the body is.
    #[cfg(feature = "engine")]
    pub(crate) const fn body_bytes(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn check(&self) -> Result<(), Misuse> {
        if !(200..=599).contains(&self.status) {
            return Err(Misuse::InvalidStatus);
        }
        // RFC 9110 section 15.5.22: 426 must name the protocol that it asks for, and RFC 6455 section 4.4 its version.
        let is_given = |name: &str| {
            let own = ["upgrade", "sec-websocket-version"];
            self.status == 426 && own.iter().any(|own| name.eq_ignore_ascii_case(own))
        };
        let others = self.headers.iter().filter(|(name, _)| !is_given(name));
        check_headers(others)
    }

    /// Appends the answer as it goes over the wire.
    pub(crate) fn write(&self, output: &mut Vec<u8>) {
        self.write_head(output);
        if self.has_body() {
            output.extend_from_slice(&self.body);
        }
    }

    /// RFC 9110 section 8.6: 204 must not have a length; with 304 it would speak of a body that isn't there.
    const fn has_body(&self) -> bool {
        self.status != 204 && self.status != 304
    }

    /// The same without its body, for HEAD (RFC 9110 section 9.3.2).
    pub(crate) fn write_head(&self, output: &mut Vec<u8>) {
        write_line(
            output,
            &[
                "HTTP/1.1 ",
                decimal(usize::from(self.status)).as_str(),
                " ",
                reason(self.status),
            ],
        );
        for (name, value) in &self.headers {
            write_line(output, &[name, ": ", value]);
        }
        // RFC 9110 section 7.8: whoever sends Upgrade names it in Connection too.
        let upgrade = self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
        write_line(output, &["Connection: close", if upgrade { ", Upgrade" } else { "" }]);
        if self.has_body() {
            write_line(output, &["Content-Length: ", decimal(self.body.len()).as_str()]);
        }
        write_line(output, &[]);
    }

    /// How the host sees what was sent.
    pub(crate) fn into_refusal(self, cause: Option<BadRequest>) -> Refusal {
        let mut headers = Headers::default();
        for (name, value) in &self.headers {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        Refusal {
            status: self.status,
            reason: String::from(reason(self.status)),
            headers,
            body: self.body,
            body_complete: true,
            cause,
        }
    }
}

/// The answer to a request that no server should honour, as RFC 6455 section 4.2.2 and RFC 9110 ask for.
impl From<BadRequest> for Response {
    fn from(cause: BadRequest) -> Self {
        let response = Self::new(cause.status()).header("Content-Type", "text/plain; charset=utf-8");
        let response = match cause {
            // RFC 9110 section 15.5.6.
            BadRequest::Method => response.header("Allow", "GET"),
            // RFC 9110 section 15.5.22 asks for Upgrade, RFC 6455 section 4.4 for the version.
            BadRequest::Upgrade | BadRequest::Version => response
                .header("Upgrade", "websocket")
                .header("Sec-WebSocket-Version", "13"),
            BadRequest::Malformed
            | BadRequest::HttpVersion
            | BadRequest::TargetTooLong
            | BadRequest::HeadTooBig
            | BadRequest::Target
            | BadRequest::Host
            | BadRequest::Connection
            | BadRequest::Key
            | BadRequest::Subprotocol
            | BadRequest::Extensions
            | BadRequest::Body
            | BadRequest::Expectation => response,
        };
        response.body(alloc::format!("{cause}\n"))
    }
}

/// What the two sides agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// The subprotocol, one of those that the client offered.
    pub subprotocol: Option<String>,
    /// On a client: all header fields of the server's answer. On a server: those that its host added.
    pub headers: Headers,
    /// How messages are compressed, if that was agreed on.
    #[cfg(feature = "deflate")]
    pub deflate: Option<Agreed>,
}

/// An opening handshake that ended with an HTTP answer other than 101.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status, such as 403.
    pub status: u16,
    /// The phrase beside the status, as it came.
    pub reason: String,
    /// The answer's header fields.
    pub headers: Headers,
    /// The answer's body; on a client at most `Limits::refusal_body_bytes`.
    pub body: Vec<u8>,
    /// Whether `body` is all of it.
    pub body_complete: bool,
    /// On a server: what was wrong with the request, if the server refused it by itself rather than its host.
    pub cause: Option<BadRequest>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the server refused the connection with {} {}",
            self.status,
            self.reason.escape_debug()
        )?;
        match self.cause {
            Some(cause) => write!(formatter, ": {cause}"),
            None => Ok(()),
        }
    }
}

/// Appends one line of a head.
pub(crate) fn write_line(output: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        output.extend_from_slice(part.as_bytes());
    }
    output.extend_from_slice(b"\r\n");
}

fn decimal(number: usize) -> String {
    alloc::format!("{number}")
}

/// The phrase that RFC 9110 section 15 and RFC 6585 give to a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Refused",
    }
}
