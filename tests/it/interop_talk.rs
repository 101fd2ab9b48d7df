//! The conversation of the tests of compression, and wsloop's part in it.
//!
//! Both sides know the same messages. The client sends each, the server compares it with what it knows and sends it
//! back, the client compares as well: nothing that went wrong there can go right on the way back. Before every third
//! message the sender pings; the long ones marked so go in fragments, of which one is empty, with pings between. At the
//! end the peer closes, or says `close me`, and then wsloop does.

use std::path::PathBuf;

use wsloop::EventLoop;
use wsloop::engine::{Event, StreamId};
use wsloop::proto::{Agreed, CloseCode, Message, MessageKind, Side};

pub(crate) struct Known {
    pub(crate) bytes: Vec<u8>,
    is_text: bool,
    pub(crate) is_fragmented: bool,
}

/// How many short and similar ones come first.
const SIMILAR: usize = 20;

/// Where in the messages the mebibyte of what looks like JSON is, and that of random bytes.
pub(crate) const JSON: usize = SIMILAR;
pub(crate) const RANDOM: usize = SIMILAR + 1;

const MEBI: usize = 1 << 20;

/// The messages.
pub(crate) fn known() -> Vec<Known> {
    let text = |text: String| Known {
        bytes: text.into_bytes(),
        is_text: true,
        is_fragmented: false,
    };
    let binary = |bytes: Vec<u8>| Known {
        bytes,
        is_text: false,
        is_fragmented: false,
    };
    let mut random = xorshift(0x2545_f491);
    let mut json = String::new();
    for row in 0.. {
        let (price, name) = (
            random() % 100_000,
            ["Grüße", "世界", "plain", "🌍"][random() as usize % 4],
        );
        json += &format!(
            r#"{{"row":{row},"price":{}.{:02},"name":"{name}"}},"#,
            price / 100,
            price % 100
        );
        if json.len() >= MEBI {
            break;
        }
    }
    let noise: Vec<u8> = (0..MEBI).map(|_| random() as u8).collect();
    let mixed = "Grüße aus Köln, 世界! Žluťoučký kůň 🌍🚀 ".repeat(40);

    let mut messages: Vec<Known> = (0..SIMILAR)
        .map(|i| {
            text(format!(
                r#"{{"type":"trade","pair":"BTC-EUR","venue":"exchange","price":{},"size":0.25}}"#,
                60_000 + i * 7
            ))
        })
        .collect();
    messages.extend([text(json.clone()), binary(noise)]);
    messages.extend([
        text(String::new()),
        binary(Vec::new()),
        text("é".into()),
        binary(vec![7]),
    ]);
    messages.extend([text("x".repeat(63)), text("x".repeat(64)), binary(vec![0; 125])]);
    messages.extend([text(mixed.clone()), binary(vec![0xa5; 70_000])]);
    let mut fragmented = [
        text(mixed),
        text(json.chars().take(250_000).collect()),
        binary(vec![0x5a; 70_000]),
    ];
    for message in &mut fragmented {
        message.is_fragmented = true;
    }
    messages.extend(fragmented);
    messages
}

/// Numbers that are the same everywhere, as Marsaglia's shifts give them.
fn xorshift(seed: u32) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    }
}

/// As the scripts read them: flags, length, bytes.
pub(crate) fn packed(messages: &[Known]) -> Vec<u8> {
    let mut packed = Vec::new();
    for message in messages {
        packed.push(u8::from(message.is_text) | u8::from(message.is_fragmented) << 1);
        packed.extend_from_slice(&u32::try_from(message.bytes.len()).unwrap().to_be_bytes());
        packed.extend_from_slice(&message.bytes);
    }
    packed
}

/// The same as a file.
pub(crate) fn file(folder: &tempfile::TempDir, messages: &[Known]) -> PathBuf {
    let path = folder.path().join("messages");
    std::fs::write(&path, packed(messages)).unwrap();
    path
}

/// Wsloop's part on one stream.
pub(crate) struct Talk<'a> {
    known: &'a [Known],
    side: Side,
    next: usize,
    pub(crate) agreed: Option<Agreed>,
    unanswered: usize,
    is_over: bool,
}

impl<'a> Talk<'a> {
    pub(crate) fn new(known: &'a [Known], side: Side) -> Self {
        Self {
            known,
            side,
            next: 0,
            agreed: None,
            unanswered: 0,
            is_over: false,
        }
    }

    pub(crate) fn handle(&mut self, event_loop: &mut EventLoop, stream: StreamId, event: &Event<'_>) {
        match event {
            Event::Opened(opened) => {
                self.agreed = opened.deflate;
                if self.side == Side::Client {
                    self.say(event_loop, stream);
                }
            }
            Event::Message(message) => self.hear(event_loop, stream, message),
            Event::Pong(_) => self.unanswered -= 1,
            Event::Closed(closed) => {
                assert_eq!(closed.code, Some(CloseCode::NORMAL));
                // All pings went before our last message, and the peer ends only after that.
                assert_eq!(self.unanswered, 0, "pings without an answer");
                assert_eq!(self.next, self.known.len(), "messages that came");
                self.is_over = true;
            }
            Event::Failed(failure) => panic!("after message {}: {failure}", self.next),
            _ => {}
        }
    }

    fn hear(&mut self, event_loop: &mut EventLoop, stream: StreamId, message: &Message<'_>) {
        let Some(known) = self.known.get(self.next) else {
            assert_eq!(*message, Message::from("close me"));
            event_loop.close(stream, Some(CloseCode::NORMAL), "bye").unwrap();
            return;
        };
        assert_eq!(message.is_text(), known.is_text);
        assert!(message.as_bytes() == known.bytes, "message {} is another", self.next);
        match self.side {
            Side::Server => {
                self.say(event_loop, stream);
                self.next += 1;
            }
            Side::Client => {
                self.next += 1;
                if self.next < self.known.len() {
                    self.say(event_loop, stream);
                }
            }
        }
    }

    /// Sends the next message.
    fn say(&mut self, event_loop: &mut EventLoop, stream: StreamId) {
        let message = &self.known[self.next];
        let mut ping = |event_loop: &mut EventLoop| {
            event_loop.ping(stream, b"are you there?").unwrap();
            self.unanswered += 1;
        };
        if self.next.is_multiple_of(3) {
            ping(event_loop);
        }
        if !message.is_fragmented {
            let message = match std::str::from_utf8(&message.bytes) {
                Ok(text) if message.is_text => Message::from(text),
                _ => Message::from(message.bytes.as_slice()),
            };
            let _ = event_loop.send(stream, message).unwrap();
            return;
        }
        let kind = if message.is_text {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        event_loop.begin_message(stream, kind, true).unwrap();
        let (third, len) = (message.bytes.len() / 3, message.bytes.len());
        for piece in [0..third, third..third, third..len - 1] {
            let _ = event_loop.send_chunk(stream, &message.bytes[piece], false).unwrap();
            ping(event_loop);
        }
        let _ = event_loop.send_chunk(stream, &message.bytes[len - 1..], true).unwrap();
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }
}
