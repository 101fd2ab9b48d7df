//! From messages to bytes: a pass queues its messages and hands all to the transport, which copies them as a kernel
//! would.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use fastwebsockets::{Frame, Payload, Role as FastRole};
use futures_sink::Sink;
use tungstenite::protocol::Role;
use wsloop::proto::{Entropy, Instant, Message, Side};

use crate::frames::{self, CASES, Random};
use crate::memory::{Memory, ready};
use crate::{Cases, by_hand};

pub(crate) fn cases() -> Vec<Cases> {
    let sides = [(Side::Server, "server"), (Side::Client, "client, masked")];
    let tasks = sides.into_iter().flat_map(|(side, name)| {
        CASES.into_iter().map(move |(length, count)| {
            let what = format!("{name} {}", frames::length(length));
            contend(Cases::new("write", what, count), side, length, count)
        })
    });
    tasks.collect()
}

fn contend(mut task: Cases, side: Side, length: usize, count: usize) -> Cases {
    // Each peer gets the payload in the form that costs it least: borrowed, or counted and shared.
    let payload = vec![b'x'; length];
    let shared = Bytes::from(payload.clone());

    let memory = Memory::new(Vec::new());
    let (mut output, mut random, bytes) = (Vec::new(), Random::new(), payload.clone());
    task.add("by hand", move || {
        memory.rewind();
        output.clear();
        for _ in 0..count {
            append(&mut output, &bytes, (side == Side::Client).then_some(&mut random));
        }
        memory.put(&output);
    });

    let memory = Memory::new(Vec::new());
    let (mut sender, mut random, bytes) = (frames::connection(side), Random::new(), payload.clone());
    task.add("wsloop", move || {
        memory.rewind();
        for _ in 0..count {
            sender.send(Message::Binary(&bytes), &mut random).expect("it is taken");
        }
        let output = sender.poll_transmit(Instant::ZERO, &mut random);
        memory.put(output);
        let written = output.len();
        sender.transmitted(Instant::ZERO, written);
    });

    let memory = Memory::new(Vec::new());
    let role = if side == Side::Client {
        Role::Client
    } else {
        Role::Server
    };
    let mut sender = tungstenite::WebSocket::from_raw_socket(memory.clone(), role, None);
    let bytes = shared.clone();
    task.add("tungstenite", move || {
        memory.rewind();
        for _ in 0..count {
            let message = tungstenite::Message::Binary(bytes.clone());
            sender.write(message).expect("it is taken");
        }
        sender.flush().expect("it is taken");
    });

    let memory = Memory::new(Vec::new());
    let role = if side == Side::Client {
        FastRole::Client
    } else {
        FastRole::Server
    };
    let mut sender = fastwebsockets::WebSocket::after_handshake(memory.clone(), role);
    task.add("fastwebsockets", move || {
        memory.rewind();
        for _ in 0..count {
            let frame = Frame::binary(Payload::Borrowed(&payload));
            ready(sender.write_frame(frame)).expect("it is taken");
        }
    });

    let memory = Memory::new(Vec::new());
    let mut sender = match side {
        Side::Client => tokio_websockets::ClientBuilder::new().take_over(memory.clone()),
        Side::Server => tokio_websockets::ServerBuilder::new().serve(memory.clone()),
    };
    task.add("tokio-websockets", move || {
        memory.rewind();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..count {
            let message = tokio_websockets::Message::binary(shared.clone());
            let is_ready = matches!(Pin::new(&mut sender).poll_ready(&mut context), Poll::Ready(Ok(())));
            assert!(is_ready && Pin::new(&mut sender).start_send(message).is_ok());
        }
        let is_done = Pin::new(&mut sender).poll_flush(&mut context).is_ready();
        assert!(is_done, "the transport takes all");
    });
    task
}

/// Appends one frame, masked if there is somewhere to take a key from.
fn append(output: &mut Vec<u8>, payload: &[u8], random: Option<&mut Random>) {
    let mask = if random.is_some() { 0x80 } else { 0 };
    match payload.len() {
        short @ 0..126 => output.extend_from_slice(&[0x82, mask | short as u8]),
        medium @ 126..0x1_0000 => {
            output.extend_from_slice(&[0x82, mask | 126]);
            output.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            output.extend_from_slice(&[0x82, mask | 127]);
            output.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let mut key = [0; 4];
    let masks = random.is_some();
    if let Some(random) = random {
        random.fill(&mut key);
        output.extend_from_slice(&key);
    }
    let start = output.len();
    output.extend_from_slice(payload);
    if masks {
        by_hand::mask(&mut output[start..], key);
    }
}
