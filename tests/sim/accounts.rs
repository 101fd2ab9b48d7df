//! What became of each message, under faults: what the account of one side says was sent, and what the other received.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{
    Account, Config, ConnectOptions, Engine, Event, Events, KeepAlive, ListenOptions, QueueOptions, Sent, SlowReader,
    StreamId,
};
use wsloop::proto::{self, CloseCode, MessageKind};
use wsloop::sim::{Faults, Rng, SimSys};

use crate::seeds;

#[test]
fn every_message_is_accounted_for_whatever_happens() {
    seeds("every_message_is_accounted_for", 300, |seed, verbose| {
        run(seed, verbose)
    });
}

/// One end of a connection of the engine with itself.
#[derive(Default)]
struct End {
    /// The other end, known when both are open.
    peer: Option<StreamId>,
    received: u64,
    /// Messages that were taken; one in chunks counts from its first.
    accepted: u64,
    /// A message in chunks was begun, and whether some of it was taken.
    amid: Option<bool>,
    /// How it ended: with the peer's Close or without, and the account then.
    end: Option<(bool, Account)>,
}

struct World {
    engine: Engine<SimSys>,
    ends: BTreeMap<StreamId, End>,
    /// Ends by the address of the one that dialled.
    places: BTreeMap<SocketAddr, StreamId>,
    rng: Rng,
}

fn run(seed: u64, verbose: bool) {
    let mut rng = Rng::new(seed.wrapping_mul(0x1234_5677).wrapping_add(5));
    let faults = Faults {
        accept_aborted: 0,
        ..Faults::draw(&mut rng)
    };
    let mut sys = SimSys::new(rng.number(), faults);
    if verbose {
        sys.net_mut().set_tracer(|line| eprintln!("{line}"));
    }
    let config = Config {
        read_budget_bytes: rng.size(4096, 1 << 16),
        ..Config::default()
    };
    let mut world = World {
        engine: Engine::with_sys(sys, config),
        ends: BTreeMap::new(),
        places: BTreeMap::new(),
        rng,
    };
    world.start();
    let mut events = Events::with_capacity(world.rng.size(4096, 1 << 16));
    let begun = world.engine.now();
    let mut is_draining = false;
    while !world.engine.is_drained() {
        if !is_draining && world.engine.now() - begun > Duration::from_secs(40) {
            let deadline = Duration::from_millis(world.rng.size(0, 60_000) as u64);
            world.engine.drain(deadline);
            is_draining = true;
        }
        world.engine.poll(&mut events, Some(Duration::from_secs(1))).unwrap();
        for (stream, event) in &events {
            world.handle(stream, &event);
        }
        world.act();
    }
    world.compare();
}

impl World {
    fn start(&mut self) {
        let policies = [SlowReader::Refuse, SlowReader::DropNewest, SlowReader::Close];
        let queue = QueueOptions {
            high_water_bytes: 4_000,
            low_water_bytes: 1_000,
            limit_bytes: self.rng.size(3_000, 40_000),
            slow_reader: self.rng.pick(&policies),
        };
        let keep_alive = KeepAlive {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
        };
        let protocol = Arc::new(proto::Config::default());
        let listen = ListenOptions::new("127.0.0.1:0").queue(queue).account(true);
        let listener = self
            .engine
            .listen(listen.protocol(Arc::clone(&protocol)).keep_alive(keep_alive))
            .unwrap();
        let port = self.engine.local_addr(listener).unwrap().port();
        for _ in 0..self.rng.size(1, 6) {
            let options = ConnectOptions::new("127.0.0.1", port, "/").queue(queue).account(true);
            let options = options.idle_timeout(Duration::from_secs(self.rng.size(3, 30) as u64));
            self.engine.connect(options).unwrap();
        }
    }

    fn handle(&mut self, stream: StreamId, event: &Event<'_>) {
        match event {
            Event::Opened(_) => {
                let end = self.ends.entry(stream).or_default();
                // Whichever opens later finds the other under the dialling end's address.
                let dialled = self.engine.listener_of(stream) == Ok(None);
                let address = if dialled {
                    self.engine.local_addr_of(stream)
                } else {
                    self.engine.peer_addr(stream)
                };
                let Ok(address) = address else { return };
                if let Some(peer) = self.places.insert(address, stream)
                    && peer != stream
                {
                    end.peer = Some(peer);
                    self.ends.entry(peer).or_default().peer = Some(stream);
                }
            }
            Event::Message(_) => self.ends.entry(stream).or_default().received += 1,
            Event::Closed(_) | Event::Failed(_) => {
                let account = self.engine.account(stream).unwrap();
                balanced(&account);
                let end = self.ends.entry(stream).or_default();
                assert!(end.end.is_none(), "two ends");
                assert_eq!(account.accepted.messages, end.accepted, "{account:?}");
                // That of an idle stream is told as a failure, and is a Close all the same.
                end.end = Some((matches!(event, Event::Closed(_)), account));
            }
            _ => {}
        }
    }

    /// Does something on each stream that is open.
    fn act(&mut self) {
        let open: Vec<StreamId> = self.ends.keys().copied().collect();
        for stream in open {
            if self.engine.is_open(stream) != Ok(true) {
                continue;
            }
            match self.rng.size(0, 40) {
                0 => {
                    let deadline = Duration::from_millis(self.rng.size(0, 3_000) as u64);
                    let closed = self.engine.close_now(stream, CloseCode::NORMAL, "", deadline);
                    assert_eq!(closed, Ok(()));
                }
                1 => assert_eq!(self.engine.close(stream, Some(CloseCode::NORMAL), ""), Ok(())),
                2 if self.rng.chance(300) => assert_eq!(self.engine.abort(stream), Ok(())),
                3..6 => assert_eq!(self.engine.pause(stream), Ok(())),
                6..12 => assert_eq!(self.engine.resume(stream), Ok(())),
                12 => assert_eq!(self.engine.flush(stream), Ok(())),
                _ => self.say(stream),
            }
            if let Ok(account) = self.engine.account(stream) {
                balanced(&account);
                assert_eq!(account.accepted.messages, self.ends[&stream].accepted, "{account:?}");
            }
        }
    }

    fn say(&mut self, stream: StreamId) {
        let end = self.ends.get_mut(&stream).unwrap();
        let payload = vec![b'x'; self.rng.size(0, 3_000)];
        if end.amid.is_none() && self.rng.chance(200) {
            self.engine.begin_message(stream, MessageKind::Text, true).unwrap();
            end.amid = Some(false);
        }
        if let Some(is_counted) = end.amid {
            let last = self.rng.chance(300);
            let sent = self.engine.send_chunk(stream, &payload, last).unwrap();
            if !matches!(sent, Sent::Refused { .. }) {
                end.accepted += u64::from(!is_counted);
                end.amid = (!last).then_some(true);
            }
            return;
        }
        match self.engine.send(stream, &payload[..]).unwrap() {
            Sent::Refused { .. } => {}
            Sent::Queued { .. } | Sent::AboveHighWater { .. } | Sent::Dropped { .. } | Sent::Closing => {
                end.accepted += 1
            }
        }
    }

    /// Whoever saw the peer's Close has received all that the peer says it sent, or would have; others no more than that.
    fn compare(&self) {
        for end in self.ends.values() {
            let Some(peer) = end.peer.and_then(|peer| self.ends.get(&peer)) else {
                continue;
            };
            let (Some((closed, _)), Some((_, account))) = (&end.end, &peer.end) else {
                panic!("a stream has no end");
            };
            let sent = account.sent.messages + account.queued.messages;
            if *closed {
                // One in chunks still waits for its last, unless it was given up already.
                let unfinished = account.queued.messages.min(u64::from(peer.amid == Some(true)));
                assert!(
                    (sent - unfinished..=sent).contains(&end.received),
                    "{} of {account:?}",
                    end.received
                );
            } else {
                assert!(end.received <= sent, "{} of {account:?}", end.received);
            }
        }
    }
}

fn balanced(account: &Account) {
    let mut sum = account.sent;
    sum += account.queued;
    sum += account.dropped.total();
    assert_eq!(sum, account.accepted, "{account:?}");
}
