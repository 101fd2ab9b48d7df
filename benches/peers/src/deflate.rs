//! permessage-deflate. None of the peers has it; the yardstick is the same compressor, called by hand.

use std::hint::black_box;
use std::sync::Arc;

use wsloop::proto::{Accept, ClientRequest, Config, Connection, Contexts, Deflate as Options, Event, Instant, Message};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush};

use crate::Cases;
use crate::frames::{self, Random};

/// What ends a flush, and is no part of a message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

pub(crate) fn cases() -> Vec<Cases> {
    let mut tasks = Vec::new();
    for takeover in [true, false] {
        for (length, count) in [(125, 128), (1024, 64), (16 << 10, 8)] {
            let kept = if takeover { "context kept" } else { "each by itself" };
            let messages = quotes(length, count);
            let what = |verb| format!("{verb} {}, {kept}", frames::length(length));
            tasks.push(compress(
                Cases::new("deflate", what("compress"), count),
                &messages,
                takeover,
            ));
            tasks.push(inflate(
                Cases::new("deflate", what("inflate"), count),
                &messages,
                takeover,
            ));
        }
    }
    tasks
}

fn compress(mut task: Cases, messages: &[String], takeover: bool) -> Cases {
    let own = messages.to_vec();
    let mut deflate = compressor();
    let mut output = vec![0; 64 << 10];
    task.add("zlib-rs by hand", move || {
        for message in &own {
            if !takeover {
                deflate.reset();
            }
            let status = deflate.compress(message.as_bytes(), &mut output, DeflateFlush::SyncFlush);
            black_box(status.expect("the room is enough"));
        }
    });

    let own = messages.to_vec();
    let (_, mut server) = opened(takeover);
    let mut random = Random::new();
    task.add("wsloop", move || {
        for message in &own {
            server
                .send(Message::from(message.as_str()), &mut random)
                .expect("it is taken");
        }
        let written = black_box(server.poll_transmit(Instant::ZERO, &mut random)).len();
        server.transmitted(Instant::ZERO, written);
    });
    task
}

/// A stream may be inflated again and again even if its context is kept: it never refers to what was before its start.
fn inflate(mut task: Cases, messages: &[String], takeover: bool) -> Cases {
    let mut deflate = compressor();
    let mut room = vec![0; 64 << 10];
    let compressed = messages.iter().map(|message| {
        if !takeover {
            deflate.reset();
        }
        let before = deflate.total_out();
        let status = deflate.compress(message.as_bytes(), &mut room, DeflateFlush::SyncFlush);
        status.expect("the room is enough");
        room[..(deflate.total_out() - before) as usize].to_vec()
    });
    let compressed: Vec<_> = compressed.collect();
    let mut inflate = Inflate::new(false, 15);
    let mut output = vec![0; 64 << 10];
    task.add("zlib-rs by hand", move || {
        for message in &compressed {
            if !takeover {
                inflate.reset(false);
            }
            assert!(message.ends_with(&TAIL));
            let before = inflate.total_out();
            let status = inflate.decompress(message, &mut output, InflateFlush::SyncFlush);
            status.expect("it is valid");
            let length = (inflate.total_out() - before) as usize;
            black_box(simdutf8::basic::from_utf8(&output[..length]).expect("it is text"));
        }
    });

    let (mut client, mut server) = opened(takeover);
    let mut random = Random::new();
    for message in messages {
        server
            .send(Message::from(message.as_str()), &mut random)
            .expect("it is taken");
    }
    let bytes = server.poll_transmit(Instant::ZERO, &mut random).to_vec();
    assert!(
        bytes.len() < messages.iter().map(String::len).sum(),
        "nothing was compressed"
    );
    let mut buffer = bytes.clone();
    task.add("wsloop", move || {
        buffer.copy_from_slice(&bytes);
        let mut input = client.handle_bytes(Instant::ZERO, &mut buffer);
        while let Some(event) = client.poll_event(&mut input, &mut random) {
            let Event::Message(message) = event else {
                panic!("no message");
            };
            black_box(message.as_message());
            if let Some(buffer) = message.into_owned_buffer() {
                client.lend_input(buffer);
            }
        }
    });
    task
}

/// As wsloop's own by default.
fn compressor() -> Deflate {
    Deflate::new_with_config(DeflateConfig {
        level: 6,
        window_bits: -15,
        mem_level: 5,
        ..DeflateConfig::default()
    })
}

/// A client and a server that have agreed on compression.
fn opened(takeover: bool) -> (Connection, Connection) {
    let config = Arc::new(Config {
        deflate: Some(Options {
            own_no_context_takeover: !takeover,
            peer_no_context_takeover: !takeover,
            contexts: Contexts::new(64 << 20),
            ..Options::default()
        }),
        ..Config::default()
    });
    let mut random = Random::new();
    let request = ClientRequest::new("localhost", "/");
    let client = Connection::client(config.clone(), &request, Instant::ZERO, &mut random);
    let mut client = client.expect("the request is valid");
    let mut server = Connection::server(config, Instant::ZERO);
    pass(&mut client, &mut server, &mut random);
    server.accept(&Accept::new()).expect("a request waits");
    pass(&mut client, &mut server, &mut random);
    pass(&mut server, &mut client, &mut random);
    (client, server)
}

/// What one has to say, and all events of the other's.
fn pass(from: &mut Connection, to: &mut Connection, random: &mut Random) {
    let mut bytes = from.poll_transmit(Instant::ZERO, random).to_vec();
    from.transmitted(Instant::ZERO, bytes.len());
    let mut input = to.handle_bytes(Instant::ZERO, &mut bytes);
    while let Some(event) = to.poll_event(&mut input, random) {
        assert!(matches!(event, Event::Request(_) | Event::Opened(_)));
    }
}

/// Messages such as a ticker sends: alike, but no two the same.
fn quotes(length: usize, count: usize) -> Vec<String> {
    let mut state = 1_u64;
    let mut number = |below: u64| {
        // Any generator does, if it gives the same messages each time.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let message = |_| {
        let mut text = String::new();
        while text.len() < length {
            text += &format!(
                r#"{{"symbol":"{}","bid":{}.{:02},"ask":{}.{:02},"volume":{},"time":17{:08}}},"#,
                ["ACME", "GLOBEX", "INITECH", "HOOLI", "UMBRELLA"][number(5) as usize],
                100 + number(20),
                number(100),
                100 + number(20),
                number(100),
                number(100_000),
                number(100_000_000),
            );
        }
        text.truncate(length);
        text
    };
    (0..count).map(message).collect()
}
