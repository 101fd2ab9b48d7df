//! From bytes to messages.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use fastwebsockets::Role as FastRole;
use futures_core::Stream;
use tungstenite::protocol::Role;
use wsloop::proto::{Connection, Event, Instant, Message, Side};

use crate::frames::{self, CASES};
use crate::memory::{Memory, ready};
use crate::{Cases, by_hand};

/// ASCII, and characters of one to four bytes.
pub(crate) const TEXTS: [(&str, &str); 2] = [("ascii", "abcd"), ("mixed", "aé€😀")];

/// Binary messages where they lie. To unmask twice is to mask again, so the bytes need no renewal from pass to pass.
pub(crate) fn in_place() -> Vec<Cases> {
    let tasks = CASES.into_iter().map(|(length, count)| {
        let mut task = Cases::new("read in place", format!("binary {}", frames::length(length)), count);
        let bytes = frames::from_client(Message::Binary(&vec![b'x'; length]), count);
        let mut buffer = bytes.clone();
        task.add("by hand", move || {
            by_hand::read(black_box(&mut buffer), |payload| {
                black_box(payload);
            })
        });
        let mut buffer = bytes.clone();
        let mut server = frames::connection(Side::Server);
        task.add("wsloop", move || read(&mut server, black_box(&mut buffer)));
        let mut buffer = bytes.clone();
        task.add("memcpy", move || {
            black_box(&mut buffer).copy_from_slice(black_box(&bytes))
        });
        task
    });
    tasks.collect()
}

/// The same with one copy, from a transport in memory: what the kernel does for everybody.
pub(crate) fn copied() -> Vec<Cases> {
    let mut tasks = Vec::new();
    for (length, count) in CASES {
        let what = format!("binary {}", frames::length(length));
        tasks.push(contend(what, Message::Binary(&vec![b'x'; length]), count));
    }
    for (name, unit) in TEXTS {
        for (length, count) in CASES {
            let text = frames::text(unit, length);
            let what = format!("{name} {}", frames::length(length));
            tasks.push(contend(what, Message::from(text.as_str()), count));
        }
    }
    tasks
}

fn contend(what: String, message: Message<'_>, count: usize) -> Cases {
    let mut task = Cases::new("read", what, count);
    let is_text = message.is_text();
    let bytes = frames::from_client(message, count);

    let memory = Memory::new(bytes.clone());
    let mut buffer = bytes.clone();
    task.add("by hand", move || {
        memory.rewind();
        let length = memory.copy_to(&mut buffer);
        by_hand::read(&mut buffer[..length], |payload| {
            assert!(!is_text || simdutf8::basic::from_utf8(payload).is_ok());
            black_box(payload);
        });
    });

    let memory = Memory::new(bytes.clone());
    let mut buffer = bytes.clone();
    let mut server = frames::connection(Side::Server);
    task.add("wsloop", move || {
        memory.rewind();
        let length = memory.copy_to(&mut buffer);
        read(&mut server, &mut buffer[..length]);
    });

    let memory = Memory::new(bytes.clone());
    let mut buffer = vec![0; bytes.len() / count];
    let mut server = frames::connection(Side::Server);
    task.add("wsloop, a read each", move || {
        memory.rewind();
        for _ in 0..count {
            let length = memory.copy_to(&mut buffer);
            read(&mut server, &mut buffer[..length]);
        }
    });

    let memory = Memory::new(bytes.clone());
    let mut server = tungstenite::WebSocket::from_raw_socket(memory.clone(), Role::Server, None);
    task.add("tungstenite", move || {
        memory.rewind();
        for _ in 0..count {
            black_box(server.read().expect("a message"));
        }
    });

    let memory = Memory::new(bytes.clone());
    let mut server = fastwebsockets::WebSocket::after_handshake(memory.clone(), FastRole::Server);
    task.add("fastwebsockets", move || {
        memory.rewind();
        for _ in 0..count {
            black_box(ready(server.read_frame()).expect("a message").payload);
        }
    });

    let memory = Memory::new(bytes);
    let mut server = tokio_websockets::ServerBuilder::new().serve(memory.clone());
    task.add("tokio-websockets", move || {
        memory.rewind();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..count {
            match Pin::new(&mut server).poll_next(&mut context) {
                Poll::Ready(Some(Ok(message))) => black_box(message),
                _ => panic!("no message"),
            };
        }
    });
    task
}

/// Every event of `bytes`.
fn read(connection: &mut Connection, bytes: &mut [u8]) {
    // Reading takes no random bytes but to answer a ping.
    struct Nothing;
    impl wsloop::proto::Entropy for Nothing {
        fn fill(&mut self, _: &mut [u8]) {}
    }
    let mut input = connection.handle_bytes(Instant::ZERO, bytes);
    while let Some(event) = connection.poll_event(&mut input, &mut Nothing) {
        match event {
            Event::Message(message) => {
                black_box(message.as_message());
            }
            _ => panic!("no message"),
        }
    }
}
