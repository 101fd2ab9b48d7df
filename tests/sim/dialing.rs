use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{Config, ConnectOptions, Engine, Event, Events, Failure, ListenOptions, Phase, StreamId};
use wsloop::proto;
use wsloop::sim::{Faults, Rng, SimSys};

use crate::seeds;

const DELAY: Duration = Duration::from_millis(250);

/// What listens at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A server.
    Alive,
    /// Nobody.
    Refuses,
    /// A server with a full backlog: no answer ever comes.
    Dead,
}

struct World {
    engine: Engine<SimSys>,
    events: Events,
}

impl World {
    /// A world in which `many.example` has an address of each of `kinds`, in that order, and the families of `v6`.
    fn new(seed: u64, faults: Faults, kinds: &[(Kind, bool)]) -> Self {
        let mut sys = SimSys::new(seed, faults);
        let addrs: Vec<SocketAddr> = (1..).zip(kinds).map(|(n, (_, v6))| addr(n, *v6)).collect();
        sys.net_mut().add_name("many.example", &addrs);
        let mut world = Self {
            engine: Engine::with_sys(sys, Config::default()),
            events: Events::default(),
        };
        for (addr, (kind, _)) in addrs.iter().zip(kinds) {
            match kind {
                Kind::Alive => drop(
                    world
                        .engine
                        .listen(ListenOptions::from(*addr).protocol(patient()))
                        .unwrap(),
                ),
                Kind::Refuses => {}
                Kind::Dead => world.fill(*addr),
            }
        }
        world
    }

    /// Listens on `addr`, accepts nothing, and sees to it that the backlog is full.
    fn fill(&mut self, addr: SocketAddr) {
        let options = ListenOptions::from(addr).backlog(1).handshakes_max(0);
        self.engine.listen(options).unwrap();
        let filler = ConnectOptions::new(addr.ip().to_string(), addr.port(), "/");
        self.engine.connect(filler.protocol(patient())).unwrap();
        let dialled = self.engine.counters().dialled;
        while self.engine.counters().dialled == dialled {
            self.engine.poll(&mut self.events, None).unwrap();
        }
    }

    /// Dials, and tells what came of it and how long that took.
    fn dial(&mut self, options: ConnectOptions) -> (Duration, Result<StreamId, Failure>) {
        let begun = self.engine.now();
        let dialled = self.engine.connect(options).unwrap();
        loop {
            self.engine.poll(&mut self.events, None).unwrap();
            for (stream, event) in &self.events {
                let result = match event {
                    Event::Opened(_) if stream == dialled => Ok(stream),
                    Event::Failed(failure) if stream == dialled => Err(failure.clone()),
                    _ => continue,
                };
                return (self.engine.now() - begun, result);
            }
        }
    }
}

/// The `n`th address of the host.
fn addr(n: u32, v6: bool) -> SocketAddr {
    let text = if v6 {
        format!("[fd00::{n}]:9001")
    } else {
        format!("10.0.0.{n}:9001")
    };
    text.parse().unwrap()
}

fn many() -> ConnectOptions {
    ConnectOptions::new("many.example", 9001, "/")
        .dial_timeout(Duration::from_secs(60))
        .protocol(patient())
}

/// Handshakes take as long as they do: byte by byte, each a second on its way.
fn patient() -> Arc<proto::Config> {
    Arc::new(proto::Config {
        opening_timeout: Duration::from_secs(100_000),
        ..proto::Config::default()
    })
}

fn no_faults() -> Faults {
    Faults {
        latency_max: Duration::from_millis(1),
        ..Faults::none()
    }
}

/// Some round trips: the look-up, the connection, the handshake.
const QUICK: Duration = Duration::from_millis(20);

#[test]
fn a_dead_address_costs_no_more_than_the_delay() {
    let dead = (Kind::Dead, true);
    let mut world = World::new(1, no_faults(), &[dead, dead, (Kind::Alive, true)]);
    let (took, result) = world.dial(many());
    let stream = result.unwrap();
    assert!(took >= 2 * DELAY && took < 2 * DELAY + QUICK, "{took:?}");
    assert_eq!(world.engine.peer_addr(stream).unwrap(), addr(3, true));
    let (took, result) = world.dial(many().attempt_delay(Duration::from_secs(1)));
    assert!(result.is_ok() && took >= Duration::from_secs(2), "{took:?}");
    // Of the attempts on dead addresses nothing is left: two fillers, and two ends of both connections.
    assert_eq!(world.engine.sys().net().engine_sockets(), 2 + 4);
}

#[test]
fn families_take_turns_so_that_a_dead_one_costs_one_delay() {
    let dead = (Kind::Dead, true);
    let kinds = [dead, dead, dead, dead, (Kind::Alive, false)];
    let mut world = World::new(2, no_faults(), &kinds);
    let (took, result) = world.dial(many());
    assert_eq!(world.engine.peer_addr(result.unwrap()).unwrap(), addr(5, false));
    assert!(took >= DELAY && took < DELAY + QUICK, "{took:?}");
}

#[test]
fn a_refused_address_costs_nothing() {
    let kinds = [(Kind::Refuses, false), (Kind::Refuses, false), (Kind::Alive, false)];
    let mut world = World::new(3, no_faults(), &kinds);
    let (took, result) = world.dial(many());
    assert!(result.is_ok() && took < QUICK, "{took:?}");
}

#[test]
fn the_last_refusal_ends_a_dial_and_the_deadline_ends_one_of_dead_addresses() {
    let mut world = World::new(4, no_faults(), &[(Kind::Refuses, true), (Kind::Refuses, false)]);
    let (took, result) = world.dial(many());
    assert!(took < QUICK, "{took:?}");
    assert!(matches!(result, Err(Failure::Dial { address, .. }) if address == addr(2, false).into()));

    let kinds = [(Kind::Dead, false); 12];
    let mut world = World::new(5, no_faults(), &kinds);
    let (took, result) = world.dial(many().dial_timeout(Duration::from_secs(4)));
    assert_eq!(result, Err(Failure::TimedOut(Phase::Dial)));
    assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(4) + QUICK);
    world.engine.poll(&mut world.events, None).unwrap();
    assert_eq!(world.engine.sys().net().engine_sockets(), 12);
}

/// Whoever is aborted, or out of time, while a name is looked up has had its end when the answer comes.
#[test]
fn an_answer_that_nobody_waits_for_any_more_is_dropped() {
    let faults = Faults {
        latency_max: Duration::from_secs(1),
        ..Faults::none()
    };
    let mut world = World::new(7, faults, &[(Kind::Alive, false)]);
    let mut ends = BTreeMap::new();
    for number in 0..20 {
        let hurried = many().dial_timeout(Duration::from_micros(1));
        let stream = world
            .engine
            .connect(if number % 2 == 0 { many() } else { hurried })
            .unwrap();
        if number % 2 == 0 {
            world.engine.abort(stream).unwrap();
        }
        ends.insert(stream, None);
    }
    // Long after all answers have come.
    let until = world.engine.now() + Duration::from_secs(5);
    while world.engine.now() < until {
        let left = until - world.engine.now();
        world.engine.poll(&mut world.events, Some(left)).unwrap();
        for (stream, event) in &world.events {
            let Event::Failed(failure) = event else {
                panic!("{stream:?}: {event:?}");
            };
            assert_eq!(ends.insert(stream, Some(failure.clone())), Some(None));
        }
    }
    assert!(ends.values().all(Option::is_some));
    for end in ends.into_values().flatten() {
        assert!(
            matches!(end, Failure::Aborted | Failure::TimedOut(Phase::Dial)),
            "{end}"
        );
    }
    assert_eq!((world.engine.stream_count(), world.engine.counters().dialled), (0, 0));
    assert_eq!(world.engine.sys().net().engine_sockets(), 0);
}

/// More dead addresses than attempts are allowed at once: the oldest makes room, and the live one is found.
#[test]
fn many_dead_addresses_do_not_hide_the_live_one() {
    let mut kinds = [(Kind::Dead, false); 12];
    kinds[11].0 = Kind::Alive;
    let mut world = World::new(6, no_faults(), &kinds);
    let (took, result) = world.dial(many());
    assert_eq!(world.engine.peer_addr(result.unwrap()).unwrap(), addr(12, false));
    assert!(took >= 11 * DELAY && took < 11 * DELAY + QUICK, "{took:?}");
}

/// Addresses of all kinds, connects that come late, some that are refused by chance: whatever wins, there is one end,
/// one peer who hears it, and no socket that is left over.
#[test]
fn whichever_attempt_wins_the_others_are_closed() {
    seeds("whichever_attempt_wins", 200, |seed, verbose| {
        let mut rng = Rng::new(seed);
        let kinds: Vec<(Kind, bool)> = (0..rng.size(1, 12))
            .map(|_| {
                let kind = rng.pick(&[Kind::Alive, Kind::Alive, Kind::Refuses]);
                (kind, rng.chance(500))
            })
            .collect();
        let faults = Faults {
            accept_aborted: 0,
            accept_emfile: 0,
            ..Faults::draw(&mut rng)
        };
        let mut world = World::new(seed, faults, &kinds);
        if verbose {
            eprintln!("{kinds:?}");
            world.engine.sys_mut().net_mut().set_tracer(|line| eprintln!("{line}"));
        }
        for _ in 0..3 {
            let (_, result) = world.dial(many());
            match result {
                Ok(stream) => {
                    let peer = world.engine.peer_addr(stream).unwrap();
                    let place = (1..).zip(&kinds).find(|(n, (_, v6))| addr(*n, *v6) == peer);
                    assert_eq!(place.map(|(_, (kind, _))| *kind), Some(Kind::Alive));
                    assert!(world.engine.send(stream, "heard").unwrap().is_queued());
                    loop {
                        world.engine.poll(&mut world.events, None).unwrap();
                        let heard =
                            |(_, event)| matches!(event, Event::Message(message) if message.as_bytes() == b"heard");
                        if world.events.iter().any(heard) {
                            break;
                        }
                    }
                }
                Err(Failure::Dial { .. } | Failure::TimedOut(Phase::Dial)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        world.engine.stop();
        while !world.engine.is_drained() {
            world.engine.poll(&mut world.events, None).unwrap();
        }
        assert_eq!(world.engine.sys().net().engine_sockets(), 0);
    });
}
