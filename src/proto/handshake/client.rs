//! The client's path through the opening handshake (RFC 6455 section 4.1).

use alloc::string::String;
use alloc::vec::Vec;

use super::head::{self, HeadBuffer, Search};
use super::headers::Headers;
use super::response::write_line;
use super::{ClientRequest, Opened, Refusal, extensions, key};
use crate::proto::compression::{Compression, Offer};
use crate::proto::{Config, Entropy, Limits, Misuse, Violation};

/// Waits for the end of the server's response.
#[derive(Debug)]
pub(crate) struct AwaitingResponse {
    accept: String,
    subprotocols: Vec<String>,
    offer: Offer,
    head: HeadBuffer,
    /// Heads of interim responses (1xx) that came before, in bytes: they count against the limit as well.
    interim_bytes: usize,
}

/// What new bytes made of a wait for the response.
#[derive(Debug)]
pub(crate) enum Progress {
    /// More bytes are needed; all of the new ones were kept.
    Waiting,
    /// An interim response, `consumed` new bytes long; the real one follows.
    Interim { consumed: usize },
    /// The server accepted; frames follow after `consumed` new bytes.
    Opened {
        consumed: usize,
        opened: Opened,
        compression: Compression,
    },
    /// The server refused; the body follows after `consumed` new bytes.
    Refused { consumed: usize, body: AwaitingBody },
}

impl AwaitingResponse {
    /// Appends the request to `output` and waits for its answer.
    pub(crate) fn start(
        config: &Config,
        request: &ClientRequest,
        entropy: &mut dyn Entropy,
        output: &mut Vec<u8>,
    ) -> Result<Self, Misuse> {
        request.check()?;
        let key = key::fresh(entropy);
        write_line(output, &["GET ", &request.target, " HTTP/1.1"]);
        write_line(output, &["Host: ", &request.host]);
        write_line(output, &["Upgrade: websocket"]);
        write_line(output, &["Connection: Upgrade"]);
        write_line(output, &["Sec-WebSocket-Key: ", &key]);
        write_line(output, &["Sec-WebSocket-Version: 13"]);
        if !request.subprotocols.is_empty() {
            write_line(output, &["Sec-WebSocket-Protocol: ", &request.subprotocols.join(", ")]);
        }
        let offer = Offer::new(config);
        if let Some(offers) = offer.value() {
            write_line(output, &["Sec-WebSocket-Extensions: ", &offers]);
        }
        for (name, value) in &request.headers {
            write_line(output, &[name, ": ", value]);
        }
        write_line(output, &[]);
        Ok(Self {
            accept: key::accept(key.as_bytes()),
            subprotocols: request.subprotocols.clone(),
            offer,
            head: HeadBuffer::default(),
            interim_bytes: 0,
        })
    }

    /// Takes the next bytes of the response.
    pub(crate) fn read(&mut self, new: &[u8], limits: &Limits) -> Result<Progress, Violation> {
        match self
            .head
            .search(new, limits.head_bytes.saturating_sub(self.interim_bytes))
        {
            Search::Open => {
                self.head.keep(new);
                Ok(Progress::Waiting)
            }
            Search::TooLong => Err(Violation::ResponseTooBig),
            Search::Ends(consumed) => self.finish(&new[..consumed], limits),
        }
    }

    /// Reads a whole head, whose last part is `new`.
    fn finish(&mut self, new: &[u8], limits: &Limits) -> Result<Progress, Violation> {
        let consumed = new.len();
        let mut buffer = core::mem::take(&mut self.head);
        let head = buffer.join(new);
        let mut fields = alloc::vec![httparse::EMPTY_HEADER; head::lines(head).min(limits.head_fields)];
        let mut parsed = httparse::Response::new(&mut fields);
        // RFC 9112 section 5.2: a client must take folded fields; servers of old send them.
        let parsing = httparse::ParserConfig::default()
            .allow_obsolete_multiline_headers_in_responses(true)
            .parse_response(&mut parsed, head);
        match parsing {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Violation::ResponseTooBig),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Violation::ResponseMalformed),
        }
        let status = parsed.code.unwrap_or_default();
        let headers = Headers::unfolded(parsed.headers);
        match status {
            101 if parsed.version == Some(1) => {
                let (opened, compression) = self.check(headers)?;
                Ok(Progress::Opened {
                    consumed,
                    opened,
                    compression,
                })
            }
            101 | 0..=99 => Err(Violation::ResponseMalformed),
            // RFC 9110 section 15.2: a client must be able to take interim responses that it did not ask for.
            100..=199 => {
                self.interim_bytes += head.len();
                Ok(Progress::Interim { consumed })
            }
            200.. => {
                let reason = String::from(parsed.reason.unwrap_or_default());
                Ok(Progress::Refused {
                    consumed,
                    body: AwaitingBody::new(status, reason, headers, limits)?,
                })
            }
        }
    }

    /// What section 4.1 asks of a 101, in its order; each field once (sections 11.3.2, 11.3.3 and 11.3.4). Otherwise the
    /// connection fails (section 7.2.1).
    fn check(&mut self, headers: Headers) -> Result<(Opened, Compression), Violation> {
        // Here the value must be that one; in a request others may stand beside it.
        let is_other = |name: &str| !name.eq_ignore_ascii_case("websocket");
        if !headers.list_has("upgrade", "websocket") || headers.list("upgrade").any(is_other) {
            return Err(Violation::ResponseUpgrade);
        }
        if !headers.list_has("connection", "upgrade") {
            return Err(Violation::ResponseConnection);
        }
        if headers.only("sec-websocket-accept") != Some(self.accept.as_bytes()) {
            return Err(Violation::ResponseAccept);
        }
        if headers.values("sec-websocket-extensions").count() > 1 {
            return Err(Violation::ResponseExtension);
        }
        let chosen = extensions::parse(&headers).map_err(|_| Violation::ResponseExtension)?;
        let compression = core::mem::take(&mut self.offer).answered(&chosen)?;
        let subprotocol = match headers.values("sec-websocket-protocol").next() {
            None => None,
            Some(_) => {
                let chosen = headers
                    .only("sec-websocket-protocol")
                    .ok_or(Violation::ResponseSubprotocol)?;
                let offered = self.subprotocols.iter().find(|name| name.as_bytes() == chosen);
                Some(offered.ok_or(Violation::ResponseSubprotocol)?.clone())
            }
        };
        let opened = Opened {
            subprotocol,
            headers,
            #[cfg(feature = "deflate")]
            deflate: compression.agreed(),
        };
        Ok((opened, compression))
    }
}

/// How the end of a refusal's body is told (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// This many bytes are still to come.
    Length(u64),
    /// The body ends with the connection.
    UntilEnd,
    /// Chunks, the next of which has its size line to come.
    ChunkSize,
    /// This many bytes are left of a chunk and of the line end behind it.
    Chunk(u64),
    /// Trailer fields, until an empty line.
    Trailers,
    /// Nothing more.
    Done,
}

/// Reads the body of a refusal.
#[derive(Debug)]
pub(crate) struct AwaitingBody {
    refusal: Refusal,
    framing: Framing,
    /// The part of a chunk's size line, or of a trailer line, that has come.
    line: Vec<u8>,
    limit_bytes: usize,
}

/// A chunk's size line with its extensions, or a trailer line, may be this long.
const LINE_BYTES: usize = 4096;

impl AwaitingBody {
    fn new(status: u16, reason: String, headers: Headers, limits: &Limits) -> Result<Self, Violation> {
        let chunked = headers
            .list("transfer-encoding")
            .last()
            .map(|coding| coding.eq_ignore_ascii_case("chunked"));
        let framing = match (status, chunked) {
            (204 | 304, _) => Framing::Done,
            (_, Some(true)) => Framing::ChunkSize,
            (_, Some(false)) => Framing::UntilEnd,
            (_, None) => match headers.values("content-length").next() {
                None => Framing::UntilEnd,
                Some(_) => Framing::Length(content_length(&headers).ok_or(Violation::ResponseMalformed)?),
            },
        };
        let refusal = Refusal {
            status,
            reason,
            headers,
            body: Vec::new(),
            body_complete: false,
            cause: None,
        };
        let mut body = Self {
            refusal,
            framing,
            line: Vec::new(),
            limit_bytes: limits.refusal_body_bytes,
        };
        body.settle();
        Ok(body)
    }

    /// Takes bytes of the body; gives how many it read, and whether it wants no more.
    pub(crate) fn read(&mut self, new: &[u8]) -> (usize, bool) {
        let mut consumed = 0;
        while self.framing != Framing::Done && !self.is_full() && consumed < new.len() {
            consumed += self.step(&new[consumed..]);
            self.settle();
        }
        (consumed, self.framing == Framing::Done || self.is_full())
    }

    /// Reads some of `new`, which is not empty.
    fn step(&mut self, new: &[u8]) -> usize {
        match self.framing {
            Framing::Length(left) => {
                let count = self.keep(new, left);
                self.framing = Framing::Length(left - count as u64);
                count
            }
            Framing::UntilEnd => self.keep(new, u64::MAX),
            Framing::Chunk(left) if left > 2 => {
                let count = self.keep(new, left - 2);
                self.framing = Framing::Chunk(left - count as u64);
                count
            }
            // The line end behind a chunk.
            Framing::Chunk(left) => {
                self.framing = if left > 1 {
                    Framing::Chunk(left - 1)
                } else {
                    Framing::ChunkSize
                };
                1
            }
            Framing::ChunkSize | Framing::Trailers => self.step_line(new[0]),
            Framing::Done => 0,
        }
    }

    /// Takes one byte of a chunk's size line or of a trailer line.
    fn step_line(&mut self, byte: u8) -> usize {
        if byte != b'\n' {
            if self.line.len() < LINE_BYTES {
                self.line.push(byte);
            } else {
                self.framing = Framing::Done;
            }
            return 1;
        }
        let line = core::mem::take(&mut self.line);
        let line = line.trim_ascii();
        self.framing = match self.framing {
            Framing::Trailers if line.is_empty() => {
                self.refusal.body_complete = true;
                Framing::Done
            }
            Framing::Trailers => Framing::Trailers,
            Framing::Length(_) | Framing::UntilEnd | Framing::Chunk(_) | Framing::Done => return 0,
            Framing::ChunkSize => match chunk_size(line) {
                Some(0) => Framing::Trailers,
                Some(size) => Framing::Chunk(size.saturating_add(2)),
                // What was read so far is shown; where it would go on can't be known.
                None => Framing::Done,
            },
        };
        1
    }

    /// Keeps up to `count` bytes of `new`, and no more than the limit allows.
    fn keep(&mut self, new: &[u8], count: u64) -> usize {
        let room = self.limit_bytes - self.refusal.body.len();
        let count = new.len().min(room).min(usize::try_from(count).unwrap_or(usize::MAX));
        self.refusal.body.extend_from_slice(&new[..count]);
        count
    }

    fn is_full(&self) -> bool {
        self.refusal.body.len() >= self.limit_bytes
    }

    /// Ends a body of known length as soon as its last byte is there.
    fn settle(&mut self) {
        if self.framing == Framing::Length(0) {
            self.framing = Framing::Done;
            self.refusal.body_complete = true;
        }
        if self.framing == Framing::Done && matches!(self.refusal.status, 204 | 304) {
            self.refusal.body_complete = true;
        }
    }

    /// The refusal, with what has come of its body. `ended`: the server's bytes have come to their end.
    pub(crate) fn into_refusal(mut self, ended: bool) -> Refusal {
        if ended && self.framing == Framing::UntilEnd {
            self.refusal.body_complete = true;
        }
        self.refusal
    }
}

/// One length, however often it is said (RFC 9110 section 8.6).
fn content_length(headers: &Headers) -> Option<u64> {
    let mut lengths = headers.list("content-length");
    let first = lengths.next()?;
    let digits = first.bytes().all(|byte| byte.is_ascii_digit());
    (digits && lengths.all(|other| other == first)).then(|| first.parse().ok())?
}

/// RFC 9112 section 7.1: hexadecimal digits, then perhaps extensions.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    valid.then(|| u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok())?
}
