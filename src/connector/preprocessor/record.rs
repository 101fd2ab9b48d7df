//! Records that begin with their length, whatever form the length has.

use std::format;
use std::vec::Vec;

use super::super::stage::{Out, Piece, Stage, StageError};

/// The longest record that is taken: as much as one WebSocket message may hold by default. A longer one is told of
/// and skipped as it comes, in no memory.
pub(super) const MAX_RECORD_BYTES: u64 = 64 << 20;

/// What the bytes at the beginning of a record say.
pub(super) enum Header {
    /// More are needed.
    Incomplete,
    /// The header is `header_bytes` long, and `body_bytes` follow it.
    Complete { header_bytes: usize, body_bytes: u64 },
    /// No header at all.
    Invalid(StageError),
}

/// Cuts a stream into records. `name` is the processor's; `parse` reads a header, which is at most a dozen bytes long.
pub(super) struct Records {
    name: &'static str,
    parse: fn(&[u8]) -> Header,
    state: State,
    /// The part of a header or body that has come; never more than [`MAX_RECORD_BYTES`], and never taken in advance.
    held: Vec<u8>,
}

enum State {
    Header,
    Body {
        length: usize,
    },
    /// The rest of a record that is too long.
    Skipping {
        left: u64,
    },
}

impl Records {
    pub(super) const fn new(name: &'static str, parse: fn(&[u8]) -> Header) -> Self {
        Self {
            name,
            parse,
            state: State::Header,
            held: Vec::new(),
        }
    }

    /// Takes a header off `rest`, or holds back what has come of it. False if it isn't whole yet.
    fn header(&mut self, rest: &mut &[u8], out: &mut Out<'_>) -> bool {
        loop {
            let from_input = self.held.is_empty();
            match (self.parse)(if from_input { rest } else { &self.held }) {
                Header::Complete {
                    header_bytes,
                    body_bytes,
                } => {
                    if from_input {
                        *rest = &rest[header_bytes..];
                    }
                    self.held = Vec::new();
                    self.begin_body(body_bytes, out);
                    return true;
                }
                Header::Incomplete if rest.is_empty() => return false,
                Header::Incomplete if from_input => {
                    self.held.extend_from_slice(rest);
                    *rest = &[];
                    return false;
                }
                Header::Incomplete => {
                    self.held.push(rest[0]);
                    *rest = &rest[1..];
                }
                Header::Invalid(error) => {
                    // There is no telling where the next record begins: the next message is the best guess.
                    self.held = Vec::new();
                    *rest = &[];
                    out(Err(error));
                    return false;
                }
            }
        }
    }

    fn begin_body(&mut self, length: u64, out: &mut Out<'_>) {
        self.state = match usize::try_from(length) {
            Ok(short) if length <= MAX_RECORD_BYTES => State::Body { length: short },
            _ => {
                let text = format!(
                    "{}: a record of {length} bytes was dropped; at most {MAX_RECORD_BYTES} are taken",
                    self.name
                );
                out(Err(text.into()));
                State::Skipping { left: length }
            }
        };
    }

    /// Takes a body off `rest`, or holds back what has come of it. False if it isn't whole yet.
    fn body(&mut self, length: usize, rest: &mut &[u8], ingest_ns: u64, out: &mut Out<'_>) -> bool {
        let (part, later) = rest.split_at(rest.len().min(length - self.held.len()));
        *rest = later;
        if part.len() == length {
            self.state = State::Header;
            out(Ok(Piece { bytes: part, ingest_ns }));
            return true;
        }
        self.held.extend_from_slice(part);
        if self.held.len() < length {
            return false;
        }
        self.state = State::Header;
        let bytes = std::mem::take(&mut self.held);
        out(Ok(Piece {
            bytes: &bytes,
            ingest_ns,
        }));
        true
    }
}

impl Stage for Records {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        let mut rest = piece.bytes;
        loop {
            let goes_on = match self.state {
                State::Header => self.header(&mut rest, out),
                State::Body { length } => self.body(length, &mut rest, piece.ingest_ns, out),
                State::Skipping { left } => {
                    let skipped = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    rest = &rest[skipped..];
                    let left = left - skipped as u64;
                    self.state = if left == 0 {
                        State::Header
                    } else {
                        State::Skipping { left }
                    };
                    left == 0
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    fn finish(&mut self, _ingest_ns: u64, out: &mut Out<'_>) {
        let is_cut = match self.state {
            State::Header => !self.held.is_empty(),
            State::Body { .. } => true,
            // This one was told of when it began.
            State::Skipping { .. } => false,
        };
        self.state = State::Header;
        self.held = Vec::new();
        if is_cut {
            out(Err(format!("{}: the stream ended within a record", self.name).into()));
        }
    }
}
