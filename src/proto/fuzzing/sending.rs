//! What a host sends, read by the naive reader and by our own.

use alloc::vec::Vec;

use super::naive::{self, Seen};
use super::plan::{Plan, scattered};
use super::streaming::{Way, hear};
use super::talker::{Talker, Words};
use crate::proto::{CloseCode, Config, Connection, Instant, Limits, Side};

/// Plays a plan of messages, pings, pongs, a Close, and of how much of them leaves when; reads it back.
pub(super) fn play(plan: &mut Plan<'_>) {
    let choice = plan.byte();
    let side = if choice & 1 == 0 { Side::Client } else { Side::Server };
    let config = Config {
        limits: Limits {
            queued_bytes: plan.pick(&[usize::MAX, 70_000, 300]),
            ..Limits::default()
        },
        ..Config::default()
    };
    let mut talker = Talker::opened(side, config);
    let mut wire = Vec::new();
    while !plan.is_done() {
        step(&mut talker, plan, &mut wire);
        talker.check();
    }
    wire.extend(talker.transmit(Instant::ZERO, usize::MAX));
    assert_eq!(talker.queued_bytes(), 0);

    let said: Vec<Seen> = talker.said.into_iter().filter_map(|said| seen(said.words)).collect();
    let limits = Limits::default();
    assert_eq!(naive::read(&wire, side == Side::Client, &limits), said);
    for way in [Way::Whole, Way::Chunks] {
        for cuts in [Vec::new(), scattered(wire.len(), choice)] {
            let reader = &mut Connection::opened(side.peer(), Config::default().into());
            assert_eq!(hear(reader, &wire, &cuts, way).seen, said);
        }
    }
}

fn step(talker: &mut Talker, plan: &mut Plan<'_>, wire: &mut Vec<u8>) {
    let now = Instant::ZERO;
    match plan.byte() % 10 {
        8 => talker.begin(plan.byte() & 1 == 0),
        9 => {
            // Any bytes, so that texts are cut within characters, and wrong ones are refused.
            let how = plan.byte();
            let piece = match how & 6 {
                0 => plan.text(),
                2 => plan.binary(),
                _ => plan.bytes(usize::from(how >> 3)).to_vec(),
            };
            talker.piece(&piece, how & 1 != 0);
        }
        0 | 1 => talker.send(true, &plan.text()),
        2 | 3 => talker.send(false, &plan.binary()),
        4 => {
            let length = plan.length();
            talker.ping(plan.bytes(length));
        }
        5 => {
            let length = plan.length();
            talker.pong(plan.bytes(length));
        }
        6 => wire.extend(talker.transmit(now, plan.share())),
        _ => match plan.byte() % 4 {
            0 => {
                let number = u16::from_be_bytes([plan.byte(), plan.byte()]);
                let reason = "€".repeat(usize::from(plan.byte()) % 43);
                talker.close(now, CloseCode::new(number), &reason);
            }
            1 => talker.discard(),
            _ => talker.exchange_buffers(),
        },
    }
}

fn seen(words: Words) -> Option<Seen> {
    match words {
        Words::Frame(seen) => Some(seen),
        Words::Piece(_) => None,
        Words::Head | Words::Refusal(_) => panic!("the connection was open from the start"),
    }
}
