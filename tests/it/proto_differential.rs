//! Frames: what `proto` makes of generated traffic, held against the naive implementation and against tungstenite.
//!
//! `proto` must tell the naive implementation's story word for word. tungstenite must tell the story that the naive one
//! tells with the habits that `docs/PROTOCOL.md` explains, each of which is shown here to make a difference.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode as TheirCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message as Theirs, WebSocket};
use wsloop::proto::{CloseCode, Config, Connection, Event, Failure, Limits, MessageKind, Side, Violation};

use super::naive::{self, End, Endpoint, Habits, Rule, Seen, Story, TUNGSTENITE};
use super::proto_traffic::{config, fixed, traffic};
use super::proto_world::{Counting, NOW};

/// Limits that short traffic meets, or between which a frame may still have a length of eight bytes.
pub(crate) fn endpoint(server: bool, narrow: bool, close_after: Option<usize>) -> Endpoint {
    Endpoint {
        server,
        frame_bytes: if narrow { 120 } else { 65_536 },
        message_bytes: if narrow { 150 } else { 65_600 },
        fragments: 6,
        close_after,
        compression: None,
        habits: Habits::default(),
    }
}

/// The same without limits, which takes messages in chunks.
pub(crate) fn unlimited(endpoint: Endpoint) -> Endpoint {
    Endpoint {
        frame_bytes: usize::MAX,
        message_bytes: usize::MAX,
        fragments: usize::MAX,
        ..endpoint
    }
}

fn is_chunked(endpoint: Endpoint) -> bool {
    endpoint.message_bytes == usize::MAX
}

/// How a connection of ours is to be configured.
pub(crate) fn configured(endpoint: Endpoint) -> (Side, Config) {
    let limits = Limits {
        frame_bytes: endpoint.frame_bytes as u64,
        message_bytes: endpoint.message_bytes as u64,
        fragments: endpoint.fragments.try_into().unwrap_or(u32::MAX),
        ..Limits::default()
    };
    let side = if endpoint.server { Side::Server } else { Side::Client };
    let config = Config {
        limits,
        ..Config::default()
    };
    (side, config)
}

fn ours(endpoint: Endpoint, bytes: &[u8], pieces: &[usize]) -> Story {
    let (side, config) = configured(endpoint);
    tell(Connection::opened(side, Arc::new(config)), endpoint, bytes, pieces)
}

/// Tells the story of a connection of ours that gets `bytes`, cut into pieces of `pieces` bytes, over and over.
pub(crate) fn tell(mut connection: Connection, endpoint: Endpoint, bytes: &[u8], pieces: &[usize]) -> Story {
    let side = connection.side();
    connection.deliver_chunks(is_chunked(endpoint));
    let (mut chunks, mut is_within) = (Vec::new(), false);
    let mut entropy = Counting::default();
    let (mut seen, mut ends, mut written) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = bytes.to_vec();
    let mut pieces = pieces.iter().cycle();
    let mut ended = false;
    while !ended {
        let tail = rest.split_off(rest.len().min(*pieces.next().unwrap()));
        ended = rest.is_empty();
        if ended {
            connection.handle_end(NOW);
        }
        let mut input = connection.handle_bytes(NOW, &mut rest);
        while let Some(event) = connection.poll_event(&mut input, &mut entropy) {
            match event {
                Event::Message(message) => {
                    let message = message.as_message();
                    let payload = message.as_bytes().to_vec();
                    let _ = connection.send(message, &mut entropy);
                    seen.push(if message.is_text() {
                        Seen::Text(payload)
                    } else {
                        Seen::Binary(payload)
                    });
                }
                Event::Chunk(chunk) => {
                    assert_eq!(chunk.is_first(), chunks.is_empty() && !is_within);
                    chunks.extend_from_slice(chunk.as_bytes());
                    is_within = !chunk.is_last();
                    if chunk.is_last() {
                        let payload = std::mem::take(&mut chunks);
                        let kind = chunk.kind();
                        if connection.begin_message(kind, false).is_ok() {
                            connection.send_chunk(&payload, true, &mut entropy).unwrap();
                        }
                        seen.push(match kind {
                            MessageKind::Text => Seen::Text(payload),
                            MessageKind::Binary => Seen::Binary(payload),
                        });
                    }
                }
                Event::Ping(payload) => seen.push(Seen::Ping(payload.as_bytes().to_vec())),
                Event::Pong(payload) => seen.push(Seen::Pong(payload.as_bytes().to_vec())),
                Event::Closed(closed) => ends.push(End::Closed {
                    code: closed.code.map(CloseCode::as_u16),
                    reason: closed.reason,
                    first: closed.initiator != side,
                }),
                Event::Failed(Failure::Violation(violation)) => ends.push(End::Broken(rule(violation))),
                Event::Failed(Failure::Lost) => ends.push(End::Lost),
                other => panic!("{other:?}"),
            }
            if Some(seen.len()) == endpoint.close_after && ends.is_empty() {
                let _ = connection.close(NOW, Some(CloseCode::NORMAL), "", &mut entropy);
            }
        }
        written.extend_from_slice(connection.poll_transmit(NOW, &mut entropy));
        connection.transmitted(NOW, usize::MAX);
        rest = tail;
    }
    assert_eq!(ends.len(), 1, "{ends:?}");
    Story {
        seen,
        end: ends.remove(0),
        sent: naive::frames(&written, !endpoint.server),
    }
}

fn rule(violation: Violation) -> Rule {
    match violation {
        Violation::ReservedBits => Rule::ReservedBits,
        Violation::ReservedOpcode(opcode) => Rule::Opcode(opcode),
        Violation::Unmasked | Violation::Masked => Rule::Mask,
        Violation::LengthNotMinimal => Rule::MinimalLength,
        Violation::LengthOverflow => Rule::LengthBit,
        Violation::ControlFragmented => Rule::ControlFragmented,
        Violation::ControlTooLong => Rule::ControlLength,
        Violation::UnexpectedContinuation => Rule::NothingToContinue,
        Violation::ExpectedContinuation => Rule::Interleaved,
        Violation::TextNotUtf8 => Rule::TextUtf8,
        Violation::CloseTruncated => Rule::CloseLength,
        Violation::CloseCode(code) => Rule::CloseCode(code),
        Violation::CloseReasonNotUtf8 => Rule::ReasonUtf8,
        Violation::FrameTooBig => Rule::FrameLimit,
        Violation::MessageTooBig => Rule::MessageLimit,
        Violation::TooManyFragments => Rule::FragmentLimit,
        Violation::Inflate => Rule::Inflate,
        other => panic!("{other:?} of an open connection"),
    }
}

/// A transport that gives bytes in pieces, and takes all.
struct Pipe<'a> {
    rest: &'a [u8],
    piece: usize,
    written: Vec<u8>,
}

impl io::Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.rest.len().min(self.piece).min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest = &self.rest[count..];
        Ok(count)
    }
}

impl io::Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells the story of tungstenite, whose application flushes after each message, then does as ours.
fn theirs(endpoint: Endpoint, bytes: &[u8], piece: usize) -> Story {
    let role = if endpoint.server { Role::Server } else { Role::Client };
    let config = WebSocketConfig::default()
        .max_frame_size(Some(endpoint.frame_bytes))
        .max_message_size(Some(endpoint.message_bytes))
        .read_buffer_size(4096);
    let pipe = Pipe {
        rest: bytes,
        piece,
        written: Vec::new(),
    };
    let mut socket = WebSocket::from_raw_socket(pipe, role, Some(config));
    let mut seen = Vec::new();
    let mut closing = false;
    let end = loop {
        let message = match socket.read() {
            Ok(message) => message,
            Err(error) => break their_end(error),
        };
        // The answer to a Close ends a server with an error.
        let flushed = socket.flush();
        if let Theirs::Close(frame) = message {
            let (code, reason) = frame.map_or((None, String::new()), |frame| {
                (Some(u16::from(frame.code)), frame.reason.to_string())
            });
            break End::Closed {
                code,
                reason,
                first: !closing,
            };
        }
        flushed.unwrap();
        if !closing && (message.is_text() || message.is_binary()) {
            socket.send(message.clone()).unwrap();
        }
        seen.push(match message {
            Theirs::Text(text) => Seen::Text(text.as_bytes().to_vec()),
            Theirs::Binary(bytes) => Seen::Binary(bytes.to_vec()),
            Theirs::Ping(bytes) => Seen::Ping(bytes.to_vec()),
            Theirs::Pong(bytes) => Seen::Pong(bytes.to_vec()),
            Theirs::Close(_) | Theirs::Frame(_) => unreachable!(),
        });
        if Some(seen.len()) == endpoint.close_after {
            closing = true;
            let code = TheirCode::Normal;
            socket
                .close(Some(CloseFrame {
                    code,
                    reason: "".into(),
                }))
                .unwrap();
        }
    };
    let sent = naive::frames(&socket.get_ref().written, !endpoint.server);
    Story { seen, end, sent }
}

fn their_end(error: Error) -> End {
    End::Broken(match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return End::Lost,
        Error::Protocol(error) => match error {
            ProtocolError::NonZeroReservedBits => Rule::ReservedBits,
            ProtocolError::InvalidOpcode(opcode) => Rule::Opcode(opcode),
            ProtocolError::UnmaskedFrameFromClient | ProtocolError::MaskedFrameFromServer => Rule::Mask,
            ProtocolError::FragmentedControlFrame => Rule::ControlFragmented,
            ProtocolError::ControlFrameTooBig => Rule::ControlLength,
            ProtocolError::UnexpectedContinueFrame => Rule::NothingToContinue,
            ProtocolError::ExpectedFragment(_) => Rule::Interleaved,
            ProtocolError::InvalidCloseSequence => Rule::CloseLength,
            other => panic!("{other:?}"),
        },
        Error::Utf8(_) => Rule::TextUtf8,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Rule::FrameLimit,
        other => panic!("{other:?}"),
    })
}

/// The same story in tungstenite's words, which tell less.
pub(crate) fn coarse(mut story: Story) -> Story {
    if let End::Broken(rule) = &mut story.end {
        *rule = match *rule {
            Rule::ReasonUtf8 => Rule::TextUtf8,
            Rule::MessageLimit => Rule::FrameLimit,
            other => other,
        };
    }
    story
}

pub(crate) fn with(endpoint: Endpoint, habits: Habits) -> Endpoint {
    Endpoint { habits, ..endpoint }
}

pub(crate) fn check(endpoint: Endpoint, bytes: &[u8], pieces: &[usize]) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        ours(endpoint, bytes, pieces),
        naive::receive(endpoint, bytes),
        "{:x?}",
        bytes
    );
    let expected = naive::receive(with(endpoint, TUNGSTENITE), bytes);
    prop_assert_eq!(theirs(endpoint, bytes, pieces[0]), coarse(expected), "{:x?}", bytes);
    // In chunks there are no limits, and no echo before the last.
    let unlimited = unlimited(endpoint);
    prop_assert_eq!(
        ours(unlimited, bytes, pieces),
        naive::receive(unlimited, bytes),
        "in chunks: {:x?}",
        bytes
    );
    Ok(())
}

/// What the traffic of the first cases brings about.
fn reached() -> (BTreeSet<String>, BTreeSet<Rule>) {
    let mut runner = TestRunner::new(fixed(0));
    let (mut ends, mut rules) = (BTreeSet::new(), BTreeSet::new());
    for case in 0..1200 {
        let bytes = traffic().new_tree(&mut runner).unwrap().current().bytes(case % 2 == 0);
        let close_after = [None, Some(2)][case / 2 % 2];
        let story = naive::receive(endpoint(case % 2 == 0, case % 3 == 0, close_after), &bytes);
        let last = story.sent.last().map(|sent| sent.opcode);
        ends.insert(match story.end {
            End::Broken(rule) => {
                rules.insert(match rule {
                    Rule::Opcode(opcode) => Rule::Opcode(opcode & 8),
                    Rule::CloseCode(code) => Rule::CloseCode(code / 1000),
                    other => other,
                });
                format!("broken, last said {last:?}")
            }
            End::Closed { code, first, .. } => format!("closed with a code: {}, first: {first}", code.is_some()),
            End::Lost => format!("lost, with messages: {}", !story.seen.is_empty()),
        });
    }
    (ends, rules)
}

#[test]
fn generated_frames_reach_every_rule_and_every_end() {
    let (ends, rules) = reached();
    let expected = [
        Rule::ReservedBits,
        Rule::Opcode(0),
        Rule::Opcode(8),
        Rule::Mask,
        Rule::MinimalLength,
        Rule::LengthBit,
        Rule::ControlFragmented,
        Rule::ControlLength,
        Rule::NothingToContinue,
        Rule::Interleaved,
        Rule::TextUtf8,
        Rule::CloseLength,
        Rule::CloseCode(0),
        Rule::CloseCode(1),
        Rule::CloseCode(2),
        Rule::CloseCode(5),
        Rule::ReasonUtf8,
        Rule::FrameLimit,
        Rule::MessageLimit,
        Rule::FragmentLimit,
    ];
    for rule in expected {
        assert!(rules.contains(&rule), "{rule:?} is never broken: {rules:?}");
    }
    for code in [true, false] {
        for first in [true, false] {
            let end = format!("closed with a code: {code}, first: {first}");
            assert!(ends.contains(&end), "no connection {end}: {ends:?}");
        }
        assert!(ends.contains(&format!("lost, with messages: {code}")), "{ends:?}");
    }
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn generated_frames_tell_one_story(
        traffic in traffic(), server: bool, narrow: bool, close_after in prop::option::weighted(0.3, 1usize..5),
        pieces in vec(prop_oneof![3 => 1usize..20, 1 => 20usize..2000, 2 => Just(1 << 20)], 1..4),
    ) {
        check(endpoint(server, narrow, close_after), &traffic.bytes(server), &pieces)?;
    }
}
