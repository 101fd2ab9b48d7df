//! The server's path through the opening handshake (RFC 6455 section 4.2).

use alloc::string::String;
use alloc::vec::Vec;

use super::head::{self, HeadBuffer, Search};
use super::headers::{Headers, is_authority, is_token};
use super::request::{RequestKind, absolute_form, check_headers};
use super::response::write_line;
use super::{Accept, Opened, Request, Response, extensions, key};
use crate::proto::compression::{Compression, Offers};
use crate::proto::{BadRequest, Config, Misuse};

/// Waits for the end of the client's request.
#[derive(Debug, Default)]
pub(crate) struct AwaitingRequest {
    head: HeadBuffer,
}

/// What new bytes made of a wait for the request.
#[derive(Debug)]
pub(crate) enum Progress {
    /// More bytes are needed; all of the new ones were kept.
    Waiting,
    /// The request is there, `consumed` new bytes long.
    Request {
        consumed: usize,
        request: Request,
        next: AwaitingAnswer,
    },
    /// The request must be refused.
    Bad(BadRequest),
}

impl AwaitingRequest {
    /// Takes the next bytes of the request.
    pub(crate) fn read(&mut self, new: &[u8], config: &Config) -> Progress {
        let limits = &config.limits;
        match self.head.search(new, limits.head_bytes) {
            Search::Open => {
                self.head.keep(new);
                Progress::Waiting
            }
            Search::TooLong => Progress::Bad(self.too_long(new, limits.head_bytes)),
            Search::Ends(consumed) => match parse(self.head.join(&new[..consumed]), config) {
                Ok((request, next)) => Progress::Request {
                    consumed,
                    request,
                    next,
                },
                Err(cause) => Progress::Bad(cause),
            },
        }
    }

    /// Whether the client has sent anything.
    pub(crate) fn has_begun(&self) -> bool {
        self.head.len() > 0
    }

    /// Tells a target that fills the head (414) from too many fields (431).
    fn too_long(&mut self, new: &[u8], limit_bytes: usize) -> BadRequest {
        let room = limit_bytes.saturating_sub(self.head.len());
        let head = self.head.join(&new[..room.min(new.len())]);
        if head.contains(&b'\n') {
            BadRequest::HeadTooBig
        } else {
            BadRequest::TargetTooLong
        }
    }
}

/// Reads a whole head and checks it against RFC 6455 section 4.2.1, in the order in which HTTP would.
fn parse(head: &[u8], config: &Config) -> Result<(Request, AwaitingAnswer), BadRequest> {
    let limits = &config.limits;
    let mut fields = alloc::vec![httparse::EMPTY_HEADER; head::lines(head).min(limits.head_fields)];
    // RFC 9112 sections 5.1 and 5.2: httparse refuses space before a colon, and folded fields of a request.
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(BadRequest::HeadTooBig),
        Err(httparse::Error::Version) => return Err(BadRequest::HttpVersion),
        Ok(httparse::Status::Partial) | Err(_) => return Err(BadRequest::Malformed),
    }
    let kind = kind(&parsed, config.plain_requests)?;
    let target = parsed
        .path
        .map(String::from)
        .filter(|target| is_target(target))
        .ok_or(BadRequest::Target)?;
    let headers = Headers::from_parsed(parsed.headers);
    if kind != RequestKind::Upgrade {
        return plain(target, headers, kind, parsed.version);
    }
    let (accept, subprotocols) = check(&headers)?;
    // RFC 6455 section 9.1: what is no list of extensions fails the handshake; what is unknown is passed over.
    let offers = Offers::new(&extensions::parse(&headers).map_err(|_| BadRequest::Extensions)?);
    let request = Request {
        target,
        headers,
        subprotocols: subprotocols.clone(),
        kind,
    };
    let next = AwaitingAnswer {
        accept,
        subprotocols,
        offers,
        kind,
    };
    Ok((request, next))
}

/// What a request asks for: an upgrade, or with GET or HEAD without one what lies there, if the host takes that.
fn kind(parsed: &httparse::Request<'_, '_>, plain_requests: bool) -> Result<RequestKind, BadRequest> {
    let is_upgrade = parsed
        .headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("upgrade"));
    if plain_requests && !is_upgrade {
        return match parsed.method {
            Some("GET") => Ok(RequestKind::Get),
            Some("HEAD") => Ok(RequestKind::Head),
            _ => Err(BadRequest::Method),
        };
    }
    // Section 4.2.1, item 1: HTTP/1.1 or higher, and GET.
    if parsed.version != Some(1) {
        return Err(BadRequest::HttpVersion);
    }
    if parsed.method != Some("GET") {
        return Err(BadRequest::Method);
    }
    Ok(RequestKind::Upgrade)
}

/// A request without an upgrade. It has no body (RFC 9110 sections 9.3.1 and 9.3.2 know none that means anything), and from
/// HTTP/1.1 on one host (RFC 9112 section 3.2).
fn plain(
    target: String,
    headers: Headers,
    kind: RequestKind,
    version: Option<u8>,
) -> Result<(Request, AwaitingAnswer), BadRequest> {
    let has_host = headers.values("host").next().is_some();
    if (version == Some(1) || has_host) && !headers.only("host").is_some_and(is_authority) {
        return Err(BadRequest::Host);
    }
    check_no_body(&headers)?;
    let request = Request {
        target,
        headers,
        subprotocols: Vec::new(),
        kind,
    };
    let next = AwaitingAnswer {
        accept: String::new(),
        subprotocols: Vec::new(),
        offers: Offers::new(&[]),
        kind,
    };
    Ok((request, next))
}

/// What follows the head is read as frames, so nothing may claim it as a body (RFC 9112 section 6).
fn check_no_body(headers: &Headers) -> Result<(), BadRequest> {
    let has_length = headers.values("content-length").any(|value| value != b"0");
    if has_length || headers.values("transfer-encoding").next().is_some() {
        return Err(BadRequest::Body);
    }
    Ok(())
}

/// Section 4.2.1, item 1, and RFC 9112 section 3.2: a path or an absolute address, in ASCII and without a fragment. Other
/// characters that should have been escaped, such as `|`, are let through: browsers leave them so.
fn is_target(target: &str) -> bool {
    let absolute = || {
        absolute_form(target).is_some_and(|(scheme, authority, _)| {
            let known = |known: &&str| scheme.eq_ignore_ascii_case(known);
            ["http", "https", "ws", "wss"].iter().any(known) && is_authority(authority.as_bytes())
        })
    };
    target.is_ascii() && !target.contains('#') && (target.starts_with('/') || absolute())
}

/// The checks of section 4.2.1 on header fields; gives the answer to the key, and the offered subprotocols.
fn check(headers: &Headers) -> Result<(String, Vec<String>), BadRequest> {
    // Item 2, and RFC 9112 section 3.2.
    let host = headers.only("host").ok_or(BadRequest::Host)?;
    if !is_authority(host) {
        return Err(BadRequest::Host);
    }
    // Item 3.
    if !headers.list_has("upgrade", "websocket") {
        return Err(BadRequest::Upgrade);
    }
    // Item 4.
    if !headers.list_has("connection", "upgrade") {
        return Err(BadRequest::Connection);
    }
    // Item 6, before the key: a client of another version may have no key at all. Section 11.3.5: one field.
    if headers.only("sec-websocket-version") != Some(b"13") {
        return Err(BadRequest::Version);
    }
    // Item 5, and section 11.3.1: one field.
    let key = headers
        .only("sec-websocket-key")
        .filter(|key| key::is_valid(key))
        .ok_or(BadRequest::Key)?;
    check_no_body(headers)?;
    // RFC 9110 section 10.1.1: a request without a body has nothing to continue with, so the final answer comes at once;
    // nothing else can be expected of us.
    if headers
        .list("expect")
        .any(|expected| !expected.eq_ignore_ascii_case("100-continue"))
    {
        return Err(BadRequest::Expectation);
    }
    // Item 8, and section 4.1, item 10: tokens, each named once.
    let mut subprotocols = Vec::new();
    for name in headers.list("sec-websocket-protocol") {
        if !is_token(name) || subprotocols.iter().any(|known| known == name) {
            return Err(BadRequest::Subprotocol);
        }
        subprotocols.push(String::from(name));
    }
    Ok((key::accept(key), subprotocols))
}

/// The host has the request and owes its answer.
#[derive(Debug)]
pub(crate) struct AwaitingAnswer {
    accept: String,
    subprotocols: Vec<String>,
    offers: Offers,
    kind: RequestKind,
}

impl AwaitingAnswer {
    /// Appends the 101 to `output` (section 4.2.2, item 5).
    pub(crate) fn accept(
        &self,
        config: &Config,
        answer: &Accept,
        output: &mut Vec<u8>,
    ) -> Result<(Opened, Compression), Misuse> {
        if self.kind != RequestKind::Upgrade {
            return Err(Misuse::NoUpgrade);
        }
        check_headers(&answer.headers)?;
        if let Some(name) = &answer.subprotocol
            && !self.subprotocols.contains(name)
        {
            return Err(Misuse::SubprotocolNotOffered);
        }
        write_line(output, &["HTTP/1.1 101 Switching Protocols"]);
        write_line(output, &["Upgrade: websocket"]);
        write_line(output, &["Connection: Upgrade"]);
        write_line(output, &["Sec-WebSocket-Accept: ", &self.accept]);
        if let Some(name) = &answer.subprotocol {
            write_line(output, &["Sec-WebSocket-Protocol: ", name]);
        }
        // RFC 6455 sections 5.8 and 9: none that was not offered; section 11.3.2: in one field.
        let (extensions, compression) = self.offers.answer(config);
        if let Some(extensions) = extensions {
            write_line(output, &["Sec-WebSocket-Extensions: ", &extensions]);
        }
        let mut headers = Headers::default();
        for (name, value) in &answer.headers {
            write_line(output, &[name, ": ", value]);
            headers.push(name.as_bytes(), value.as_bytes());
        }
        write_line(output, &[]);
        let opened = Opened {
            subprotocol: answer.subprotocol.clone(),
            headers,
            #[cfg(feature = "deflate")]
            deflate: compression.agreed(),
        };
        Ok((opened, compression))
    }

    /// Appends the refusal to `output`.
    pub(crate) fn refuse(&self, response: &Response, output: &mut Vec<u8>) -> Result<(), Misuse> {
        response.check()?;
        if self.kind == RequestKind::Head {
            response.write_head(output);
        } else {
            response.write(output);
        }
        Ok(())
    }
}
