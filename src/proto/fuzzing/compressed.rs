//! What a peer sends to a connection that agreed on compression.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::driver::Counting;
use super::naive::{self, Seen};
use super::naive_inflate::Inflater;
use super::plan::{Plan, scattered};
use super::streaming::{Heard, Way, hear};
use crate::proto::{
    Accept, ClientRequest, Config, Connection, Contexts, Deflate, Event, Instant, Limits, Side, Violation,
};

/// Bytes or compressed messages, against the limits and a naive inflater.
pub(super) fn play(plan: &mut Plan<'_>) {
    let choice = plan.byte();
    let side = if choice & 1 == 0 { Side::Server } else { Side::Client };
    let takes_over = choice & 2 == 0;
    let is_narrow = choice & 4 != 0;
    let is_wrapped = choice & 8 != 0;
    let config = config(takes_over, is_narrow);
    let seed = plan.byte();
    let mut messages = Vec::new();
    let wire = if is_wrapped {
        while !plan.is_done() {
            messages.push(Wrapped::draw(plan));
        }
        messages.iter().flat_map(|message| message.frames(side)).collect()
    } else {
        plan.bytes(usize::MAX).to_vec()
    };

    let mut heard = Vec::new();
    for way in [Way::Whole, Way::Chunks] {
        let hear = |cuts: &[usize]| hear(&mut agreed(side, &config), &wire, cuts, way);
        let whole = hear(&[]);
        let bytewise: Vec<usize> = (1..wire.len()).collect();
        compare(&hear(&bytewise), &whole);
        compare(&hear(&scattered(wire.len(), seed)), &whole);
        heard.push(whole);
    }
    check_bounds(&heard[0], &config.limits);
    if is_wrapped && !is_narrow {
        let expected = expect(&messages, takes_over);
        assert_eq!(heard[0].seen, expected);
        assert_eq!(heard[1].seen, expected);
    }
}

/// Two cuttings must give the same, but for the ratio: that is looked at piece by piece, so what came before may be cut
/// off earlier in one of them.
fn compare(one: &Heard, other: &Heard) {
    let by_ratio = Some(&Seen::Violation(Violation::InflateRatio));
    let [good, good_other] = [one, other].map(|heard| match heard.seen.split_last() {
        Some((last, good)) if Some(last) == by_ratio => Err(good),
        _ => Ok(heard),
    });
    match (good, good_other) {
        (Ok(one), Ok(other)) => assert_eq!(one, other),
        (Err(cut), Ok(Heard { seen, .. })) | (Ok(Heard { seen, .. }), Err(cut)) => assert!(seen.starts_with(cut)),
        (Err(one), Err(other)) => assert!(one.starts_with(other) || other.starts_with(one)),
    }
}

/// A compressed message, in frames.
struct Wrapped {
    is_text: bool,
    /// The lengths of its frames but for the last.
    cuts: [usize; 2],
    payload: Vec<u8>,
}

impl Wrapped {
    fn draw(plan: &mut Plan<'_>) -> Self {
        let how = plan.byte();
        let length = usize::from(plan.byte());
        Self {
            is_text: how & 1 != 0,
            cuts: [usize::from(how >> 1 & 7), usize::from(how >> 4)],
            payload: plan.bytes(length).to_vec(),
        }
    }

    fn frames(&self, to: Side) -> Vec<u8> {
        let key = (to == Side::Server).then_some([0x37, 0xfa, 0x21, 0x3d]);
        let mut first = if self.is_text { 0x41 } else { 0x42 };
        let mut rest = &self.payload[..];
        let mut frames = Vec::new();
        for cut in self.cuts {
            if cut > 0 && cut <= rest.len() {
                frames.extend(naive::write(first, key, None, &rest[..cut]));
                rest = &rest[cut..];
                first = 0;
            }
        }
        frames.extend(naive::write(first | 0x80, key, None, rest));
        frames
    }
}

/// What must come of messages when no limit is met.
fn expect(messages: &[Wrapped], takes_over: bool) -> Vec<Seen> {
    let mut inflater = Inflater::default();
    let mut seen = Vec::new();
    for message in messages {
        let (payload, result) = inflater.message(&message.payload, takes_over);
        let text = core::str::from_utf8(&payload);
        let violation = match text {
            Err(fault) if message.is_text && fault.error_len().is_some() => Some(Violation::TextNotUtf8),
            _ if result.is_err() => Some(Violation::Inflate),
            Err(_) if message.is_text => Some(Violation::TextNotUtf8),
            Ok(_) | Err(_) => None,
        };
        if let Some(violation) = violation {
            seen.push(Seen::Violation(violation));
            return seen;
        }
        seen.push(if message.is_text {
            Seen::Text(payload)
        } else {
            Seen::Binary(payload)
        });
    }
    seen
}

fn check_bounds(heard: &Heard, limits: &Limits) {
    for seen in &heard.seen {
        if let Seen::Text(payload) | Seen::Binary(payload) = seen {
            assert!(payload.len() as u64 <= limits.message_bytes);
        }
    }
    if let Some((_, part)) = &heard.part {
        assert!(part.len() as u64 <= limits.message_bytes.saturating_add(1));
    }
}

fn config(takes_over: bool, is_narrow: bool) -> Config {
    let limits = if is_narrow {
        Limits {
            frame_bytes: 100,
            message_bytes: 400,
            fragments: 4,
            inflate_ratio: 10,
            inflate_ratio_from_bytes: 100,
            ..Limits::default()
        }
    } else {
        Limits::default()
    };
    let deflate = Deflate {
        own_no_context_takeover: true,
        peer_no_context_takeover: !takes_over,
        // Room for one inflater: if it is not given back, the next connection agrees on nothing.
        contexts: Contexts::new(60 << 10),
        ..Deflate::default()
    };
    Config {
        limits,
        deflate: Some(deflate),
        ..Config::default()
    }
}

/// A connection that agreed on compression, with a peer that takes its context over if it may.
fn agreed(side: Side, config: &Config) -> Connection {
    let peer = Config {
        deflate: Some(Deflate::default()),
        ..Config::default()
    };
    let [client, server] = match side {
        Side::Client => pair(config, &peer),
        Side::Server => pair(&peer, config),
    };
    assert!(client.inflates() && server.inflates());
    if side == Side::Client { client } else { server }
}

/// Client and server, open.
fn pair(client: &Config, server: &Config) -> [Connection; 2] {
    let now = Instant::ZERO;
    let entropy = &mut Counting::default();
    let request = ClientRequest::new("a", "/");
    let mut server = Connection::server(Arc::new(server.clone()), now);
    let mut client = Connection::client(Arc::new(client.clone()), &request, now, entropy).unwrap();
    let mut head = client.poll_transmit(now, entropy).to_vec();
    client.transmitted(now, head.len());
    let mut input = server.handle_bytes(now, &mut head);
    assert!(matches!(
        server.poll_event(&mut input, entropy),
        Some(Event::Request(_))
    ));
    server.accept(&Accept::new()).unwrap();
    assert!(matches!(server.poll_event(&mut input, entropy), Some(Event::Opened(_))));
    assert!(server.poll_event(&mut input, entropy).is_none());
    let mut head = server.poll_transmit(now, entropy).to_vec();
    server.transmitted(now, head.len());
    let mut input = client.handle_bytes(now, &mut head);
    assert!(matches!(client.poll_event(&mut input, entropy), Some(Event::Opened(_))));
    assert!(client.poll_event(&mut input, entropy).is_none());
    [client, server]
}
