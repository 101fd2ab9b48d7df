//! Conversations with tungstenite: whatever one of the two says, the other hears, from the first frame to the last Close.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message as Theirs, WebSocket};
use wsloop::proto::{CloseCode, Config, Connection, Event, Message, MessageKind, Side};

use super::proto_traffic::config;
use super::proto_world::{Counting, NOW, read, written};

/// What one of the two says.
#[derive(Debug, Clone)]
enum Say {
    Text(String),
    Binary(Vec<u8>),
    /// A text in pieces of so many bytes, with a ping behind each but the last.
    Pieces(String, usize),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// What the other hears.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

/// A transport that has nothing for a while.
#[derive(Default)]
struct Wire {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
}

impl io::Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.incoming.read(buffer)
    }
}

impl io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The two, and how their bytes are cut on the way.
struct Pair {
    ours: Connection,
    theirs: WebSocket<Wire>,
    piece: usize,
}

impl Pair {
    fn new(we_serve: bool, piece: usize) -> Self {
        let (side, role) = if we_serve {
            (Side::Server, Role::Client)
        } else {
            (Side::Client, Role::Server)
        };
        let config = WebSocketConfig::default().read_buffer_size(4096);
        Self {
            ours: Connection::opened(side, Arc::new(Config::default())),
            theirs: WebSocket::from_raw_socket(Wire::default(), role, Some(config)),
            piece,
        }
    }

    fn we_say(&mut self, say: &Say) {
        let mut entropy = Counting::default();
        match say {
            Say::Text(text) => self.ours.send(Message::from(text.as_str()), &mut entropy).unwrap(),
            Say::Binary(bytes) => self.ours.send(Message::Binary(bytes), &mut entropy).unwrap(),
            Say::Ping(payload) => self.ours.ping(payload, &mut entropy).unwrap(),
            Say::Pong(payload) => self.ours.pong(payload, &mut entropy).unwrap(),
            Say::Pieces(text, length) => {
                self.ours.begin_message(MessageKind::Text, true).unwrap();
                for piece in text.as_bytes().chunks(*length) {
                    self.ours.send_chunk(piece, false, &mut entropy).unwrap();
                    self.ours
                        .ping(piece.get(..1).unwrap_or_default(), &mut entropy)
                        .unwrap();
                }
                self.ours.send_chunk(b"", true, &mut entropy).unwrap();
            }
        }
    }

    fn they_say(&mut self, say: &Say) {
        match say {
            Say::Text(text) => self.theirs.write(Theirs::text(text.as_str())).unwrap(),
            Say::Binary(bytes) => self.theirs.write(Theirs::binary(bytes.clone())).unwrap(),
            Say::Ping(payload) => self.theirs.write(Theirs::Ping(payload.clone().into())).unwrap(),
            Say::Pong(payload) => self.theirs.write(Theirs::Pong(payload.clone().into())).unwrap(),
            Say::Pieces(text, length) => {
                let mut kind = Data::Text;
                for piece in text.as_bytes().chunks(*length) {
                    let frame = Frame::message(piece.to_vec(), OpCode::Data(kind), false);
                    kind = Data::Continue;
                    self.theirs.write(Theirs::Frame(frame)).unwrap();
                    let ping = piece.get(..1).unwrap_or_default().to_vec();
                    self.theirs.write(Theirs::Ping(ping.into())).unwrap();
                }
                let last = Frame::message(Vec::new(), OpCode::Data(kind), true);
                self.theirs.write(Theirs::Frame(last)).unwrap();
            }
        }
        self.theirs.flush().unwrap();
    }

    /// Our bytes reach them; what they hear.
    fn they_hear(&mut self) -> Vec<Heard> {
        let bytes = written(&mut self.ours);
        let mut heard = Vec::new();
        for piece in bytes.chunks(self.piece) {
            self.theirs.get_mut().incoming.extend(piece);
            loop {
                heard.push(match self.theirs.read() {
                    Ok(Theirs::Text(text)) => Heard::Text(text.as_str().into()),
                    Ok(Theirs::Binary(bytes)) => Heard::Binary(bytes.to_vec()),
                    Ok(Theirs::Ping(payload)) => Heard::Ping(payload.to_vec()),
                    Ok(Theirs::Pong(payload)) => Heard::Pong(payload.to_vec()),
                    Ok(Theirs::Close(None)) => Heard::Close(None, String::new()),
                    Ok(Theirs::Close(Some(frame))) => {
                        Heard::Close(Some(frame.code.into()), frame.reason.as_str().into())
                    }
                    Ok(Theirs::Frame(_)) => unreachable!(),
                    Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(Error::ConnectionClosed) => break,
                    Err(error) => panic!("{error:?}"),
                });
            }
        }
        heard
    }

    /// Their bytes reach us; what we hear.
    fn we_hear(&mut self) -> Vec<Heard> {
        let bytes = std::mem::take(&mut self.theirs.get_mut().outgoing);
        let events = bytes.chunks(self.piece).flat_map(|piece| read(&mut self.ours, piece));
        let heard = events.map(|event| match event {
            Event::Message(message) => match message.as_message() {
                Message::Text(text) => Heard::Text(text.as_str().into()),
                Message::Binary(bytes) => Heard::Binary(bytes.to_vec()),
            },
            Event::Ping(payload) => Heard::Ping(payload.as_bytes().to_vec()),
            Event::Pong(payload) => Heard::Pong(payload.as_bytes().to_vec()),
            Event::Closed(closed) => Heard::Close(closed.code.map(CloseCode::as_u16), closed.reason),
            other => panic!("{other:?}"),
        });
        heard.collect()
    }
}

/// What is to be heard of it, and what of the answers to it.
fn heard_of(say: &Say) -> (Vec<Heard>, Vec<Heard>) {
    match say {
        Say::Text(text) => (vec![Heard::Text(text.clone())], Vec::new()),
        Say::Binary(bytes) => (vec![Heard::Binary(bytes.clone())], Vec::new()),
        Say::Pong(payload) => (vec![Heard::Pong(payload.clone())], Vec::new()),
        Say::Ping(payload) => (vec![Heard::Ping(payload.clone())], vec![Heard::Pong(payload.clone())]),
        Say::Pieces(text, length) => {
            let first_bytes = || text.as_bytes().chunks(*length).map(|piece| piece[..1].to_vec());
            let message = Heard::Text(text.clone());
            (
                first_bytes().map(Heard::Ping).chain([message]).collect(),
                first_bytes().map(Heard::Pong).collect(),
            )
        }
    }
}

fn say() -> impl Strategy<Value = Say> {
    let binary = prop_oneof![
        4 => vec(any::<u8>(), 0..200),
        1 => select(vec![125usize, 126, 65_535, 65_536]).prop_map(|length| vec![7; length]),
    ];
    let payload = || prop_oneof![vec(any::<u8>(), 0..10), vec(any::<u8>(), 125..126)];
    prop_oneof![
        "[a-zé€𝄞]{0,60}".prop_map(Say::Text),
        binary.prop_map(Say::Binary),
        ("[a-zé€𝄞]{0,30}", 1usize..20).prop_map(|(text, length)| Say::Pieces(text, length)),
        payload().prop_map(Say::Ping),
        payload().prop_map(Say::Pong),
    ]
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn generated_conversations_are_heard_by_both(
        we_serve: bool, piece in 1usize..3000, says in vec((any::<bool>(), say()), 0..8), we_close: bool,
        close in option::of((select(vec![1000u16, 1001, 1011, 3000, 4999]), "[a-zé]{0,40}")),
    ) {
        let mut pair = Pair::new(we_serve, piece);
        for (is_ours, say) in &says {
            let (heard, answers) = heard_of(say);
            if *is_ours {
                pair.we_say(say);
                prop_assert_eq!(pair.they_hear(), heard);
                prop_assert_eq!(pair.we_hear(), answers);
            } else {
                pair.they_say(say);
                prop_assert_eq!(pair.we_hear(), heard);
                prop_assert_eq!(pair.they_hear(), answers);
            }
        }
        let (code, reason) = close.map_or((None, String::new()), |(code, reason)| (Some(code), reason));
        let heard = [Heard::Close(code, reason.clone())];
        if we_close {
            pair.ours.close(NOW, code.and_then(CloseCode::new), &reason, &mut Counting::default()).unwrap();
            prop_assert_eq!(pair.they_hear(), &heard[..]);
            prop_assert_eq!(pair.we_hear(), &heard[..]);
        } else {
            let frame = code.map(|code| CloseFrame { code: code.into(), reason: reason.into() });
            pair.theirs.close(frame).unwrap();
            prop_assert_eq!(pair.we_hear(), &heard[..]);
            prop_assert_eq!(pair.they_hear(), &heard[..]);
        }
        prop_assert!(pair.ours.is_finished());
        prop_assert!(!pair.theirs.can_read() && !pair.theirs.can_write());
    }
}
