//! Two connections talk while an adversary cuts, delays, ends and times what goes between them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::naive::Seen;
use super::plan::Plan;
use super::talker::{Life, Talker, Words};
use crate::proto::{CloseCode, Config, Instant, Limits, Side};
#[cfg(feature = "deflate")]
use crate::proto::{Contexts, Deflate};

/// What may happen next. Two bits of the byte that decides say to whom, the others what.
#[derive(Debug, Clone, Copy)]
enum Act {
    Transmit,
    Deliver,
    /// Everything, to the other.
    Exchange,
    Text,
    Binary,
    Ping,
    Pong,
    Close,
    /// The answer to the request.
    Open,
    Refuse,
    Wait,
    Ring,
    Sever,
    Discard,
    Neglect,
    Buffers,
    /// A message in pieces begins.
    Begin,
    Piece,
}

const ACTS: [Act; 20] = [
    Act::Transmit,
    Act::Deliver,
    Act::Exchange,
    Act::Text,
    Act::Binary,
    Act::Ping,
    Act::Pong,
    Act::Close,
    Act::Open,
    Act::Refuse,
    Act::Wait,
    Act::Ring,
    Act::Sever,
    Act::Discard,
    Act::Neglect,
    Act::Buffers,
    Act::Begin,
    Act::Piece,
    Act::Piece,
    Act::Exchange,
];

/// The way from one end to the other.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// Nothing more goes in.
    severed: bool,
    /// Bytes were lost.
    lossy: bool,
    /// The end was told.
    ended: bool,
}

struct World {
    now: Instant,
    /// Client and server.
    talkers: [Talker; 2],
    /// What the client, and what the server, sent.
    pipes: [Pipe; 2],
}

/// Plays a plan, then lets both come to their end in peace; messages must come whole, in order, and all of them that can.
pub(super) fn play(plan: &mut Plan<'_>) {
    let choice = plan.byte();
    let world = World::new(plan, choice, choice & 1 == 0, config);
    world.play(plan);
}

/// The same with connections that agree on compression, if they can.
#[cfg(feature = "deflate")]
pub(super) fn play_compressed(plan: &mut Plan<'_>) {
    let contexts = Contexts::new(plan.pick(&[2 << 20, 700 << 10, 400 << 10, 96 << 10, 20 << 10]));
    let choice = plan.byte();
    let mut world = World::new(plan, choice, true, |plan| compressing(plan, &contexts));
    if choice & 1 != 0 {
        for who in [0, 1] {
            world.transmit(who, usize::MAX);
            world.deliver(who, usize::MAX);
            world.answer(true);
        }
    }
    world.play(plan);
    // What waits to be used again is within the budget, too.
    assert!(contexts.used_bytes() <= contexts.budget_bytes());
}

fn config(plan: &mut Plan<'_>) -> Config {
    Config {
        limits: Limits {
            frame_bytes: plan.pick(&[70_000, 300]),
            message_bytes: plan.pick(&[70_000, 299]),
            pong_queue_bytes: plan.pick(&[4_096, 20, 1]),
            queued_bytes: plan.pick(&[usize::MAX, 400, 40]),
            ..Limits::default()
        },
        opening_timeout: Duration::from_secs(10),
        closing_timeout: Duration::from_secs(5),
        plain_requests: false,
        #[cfg(feature = "deflate")]
        deflate: None,
    }
}

/// The same as [`config`], with wishes for compression.
#[cfg(feature = "deflate")]
fn compressing(plan: &mut Plan<'_>, contexts: &Contexts) -> Config {
    let [flags, levels] = [plan.byte(), plan.byte()];
    let deflate = Deflate {
        own_no_context_takeover: flags & 1 != 0,
        peer_no_context_takeover: flags & 2 != 0,
        own_max_window_bits: 9 + (flags >> 2) % 7,
        peer_max_window_bits: 8 + (flags >> 5),
        level: levels % 10,
        memory_level: 1 + levels / 10 % 9,
        min_bytes: plan.pick(&[0, 1, 64]),
        contexts: contexts.clone(),
    };
    Config {
        deflate: Some(deflate),
        ..config(plan)
    }
}

impl World {
    fn play(mut self, plan: &mut Plan<'_>) {
        while !plan.is_done() {
            self.step(plan);
            self.check();
        }
        self.finish();
    }

    fn new(plan: &mut Plan<'_>, choice: u8, opens: bool, config: impl Fn(&mut Plan<'_>) -> Config) -> Self {
        let now = Instant::from_nanos(1_000);
        let mut talkers = [Side::Client, Side::Server].map(|side| {
            let config = config(plan);
            if opens {
                Talker::opening(side, config, now)
            } else {
                Talker::opened(side, config)
            }
        });
        // One of them at most, or they would never end.
        talkers[usize::from(choice >> 1) & 1].echoes = choice & 4 != 0;
        for (talker, bit) in talkers.iter_mut().zip([8, 16]) {
            if choice & bit != 0 {
                talker.hear_chunks();
            }
        }
        Self {
            now,
            talkers,
            pipes: Default::default(),
        }
    }

    fn step(&mut self, plan: &mut Plan<'_>) {
        let choice = plan.byte();
        let who = usize::from(choice & 1);
        let act = ACTS[usize::from(choice >> 1) % ACTS.len()];
        let talker = &mut self.talkers[who];
        match act {
            Act::Transmit => self.transmit(who, plan.share()),
            Act::Deliver => self.deliver(who, plan.share()),
            Act::Exchange => {
                self.transmit(who, usize::MAX);
                self.deliver(who, usize::MAX);
            }
            Act::Text => talker.send(true, &plan.text()),
            Act::Binary => talker.send(false, &plan.binary()),
            Act::Ping => {
                let length = usize::from(plan.byte()) % 140;
                talker.ping(plan.bytes(length));
            }
            Act::Pong => {
                let length = usize::from(plan.byte()) % 140;
                talker.pong(plan.bytes(length));
            }
            Act::Close => {
                let code = plan.pick(&[Some(1000), None, Some(1001), Some(4999), Some(3000)]);
                // Up to 126 bytes, three more than fit.
                let reason = "ß".repeat(usize::from(plan.byte()) % 64);
                talker.close(self.now, code.and_then(CloseCode::new), &reason);
            }
            Act::Open => self.answer(true),
            Act::Refuse => self.answer(false),
            Act::Wait => self.now += Duration::from_millis(u64::from(plan.byte()) * 100),
            Act::Ring => self.ring(who),
            Act::Sever => self.sever(who, plan.byte()),
            Act::Discard => talker.discard(),
            Act::Neglect => self.neglect(who, plan.share()),
            Act::Buffers => talker.exchange_buffers(),
            Act::Begin => talker.begin(plan.byte() & 1 == 0),
            Act::Piece => {
                let how = plan.byte();
                let piece = if how & 2 == 0 { plan.text() } else { plan.binary() };
                talker.piece(&piece, how & 1 != 0);
            }
        }
    }

    fn check(&self) {
        for (who, talker) in self.talkers.iter().enumerate() {
            talker.check();
            assert!(talker.heard <= self.talkers[1 - who].said.len());
        }
        if self.talkers.iter().all(|talker| talker.life == Life::Open) {
            let [client, server] = &self.talkers;
            client.assert_agrees_with(server);
        }
    }

    fn transmit(&mut self, who: usize, most: usize) {
        let bytes = self.talkers[who].transmit(self.now, most);
        let pipe = &mut self.pipes[who];
        if pipe.severed {
            pipe.lossy |= !bytes.is_empty();
        } else {
            pipe.bytes.extend(bytes);
        }
    }

    /// Brings up to `most` bytes of what `who` sent to the other.
    fn deliver(&mut self, who: usize, most: usize) {
        let pipe = &mut self.pipes[who];
        let mut bytes: Vec<u8> = pipe.bytes.drain(..most.min(pipe.bytes.len())).collect();
        let now = self.now;
        let (speaker, hearer) = self.pair(who);
        hearer.hear(now, &mut bytes, &speaker.said);
        let pipe = &mut self.pipes[who];
        if pipe.severed && !pipe.ended && pipe.bytes.is_empty() {
            pipe.ended = true;
            let (speaker, hearer) = self.pair(who);
            hearer.hear_end(now, &speaker.said);
        }
    }

    fn neglect(&mut self, who: usize, most: usize) {
        let pipe = &mut self.pipes[who];
        let count = most.min(pipe.bytes.len());
        if count < 2 {
            return;
        }
        let mut bytes: Vec<u8> = pipe.bytes.drain(..count).collect();
        pipe.lossy = true;
        let now = self.now;
        let (speaker, hearer) = self.pair(who);
        hearer.neglect(now, &mut bytes, &speaker.said);
    }

    fn ring(&mut self, who: usize) {
        let now = self.now;
        let (hearer, speaker) = self.pair(who);
        let said = &speaker.said;
        hearer.ring(now, said);
    }

    fn answer(&mut self, opens: bool) {
        let now = self.now;
        let (client, server) = self.pair(0);
        server.answer(now, opens, &client.said);
    }

    /// Nothing more of `who` comes through, and of what is under way only a share.
    fn sever(&mut self, who: usize, share: u8) {
        let pipe = &mut self.pipes[who];
        pipe.severed = true;
        let stay = pipe.bytes.len() * usize::from(share) / 255;
        pipe.lossy |= stay < pipe.bytes.len();
        pipe.bytes.truncate(stay);
    }

    /// The one who speaks and the one who hears.
    fn pair(&mut self, speaker: usize) -> (&mut Talker, &mut Talker) {
        let [client, server] = &mut self.talkers;
        if speaker == 0 {
            (client, server)
        } else {
            (server, client)
        }
    }

    /// Everything that can move moves, but time.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            for who in [0, 1] {
                self.transmit(who, usize::MAX);
                self.deliver(who, usize::MAX);
                self.check();
            }
            if self.talkers[1].is_asked() {
                self.answer(true);
            }
            let quiet = |who: usize| self.pipes[who].bytes.is_empty() && self.talkers[who].queued_bytes() == 0;
            if quiet(0) && quiet(1) && self.talkers.iter().all(|talker| !talker.owes()) {
                return;
            }
        }
        panic!("they never come to rest");
    }

    fn finish(&mut self) {
        self.settle();
        for who in [0, 1] {
            let (speaker, hearer) = (&self.talkers[who], &self.talkers[1 - who]);
            // Whoever still listens, or was told goodbye, has heard everything.
            if !self.pipes[who].lossy && hearer.life != Life::Failed {
                // Pongs are said after a Close, too, to nobody; and a message without its end is not heard.
                let close = speaker
                    .said
                    .iter()
                    .position(|said| matches!(said.words, Words::Frame(Seen::Close(..))));
                let last = speaker
                    .said
                    .iter()
                    .rposition(|said| !matches!(said.words, Words::Piece(_)));
                assert_eq!(hearer.heard, close.or(last).map_or(0, |last| last + 1));
                assert!(hearer.life != Life::Opening || speaker.life == Life::Failed);
            }
        }
        let now = self.now;
        if self.talkers.iter().all(|talker| talker.life == Life::Open) {
            let first = &mut self.talkers[0];
            first.close(now, Some(CloseCode::NORMAL), "");
            self.settle();
            if self.pipes.iter().all(|pipe| !pipe.lossy) {
                assert!(self.talkers.iter().all(|talker| talker.life == Life::Closed));
            }
        }
        // Hosts end the transport when all is said; time does the rest.
        for _ in 0..3 {
            for who in [0, 1] {
                if self.talkers[who].is_silent() {
                    self.pipes[who].severed = true;
                }
            }
            self.settle();
        }
        self.now += Duration::from_secs(60);
        for who in [0, 1] {
            self.ring(who);
        }
        self.settle();
        for who in [0, 1] {
            self.pipes[who].severed = true;
        }
        self.settle();
        for talker in &self.talkers {
            assert!(talker.has_ended() && talker.is_silent(), "{talker:?}");
        }
    }
}
