//! The whole engine in one world: as server and as client of itself and of naive peers, with a host that uses every
//! command at any moment, and a model of what must come of it.

mod acts;
mod draw;
mod host;
mod model;
mod sending;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{Engine, Events};
use wsloop::sim::naive::{Client, Heard, Script, Server};
use wsloop::sim::{Call, Rng, SimSys};

use crate::seeds;
use acts::generator;
use draw::Setup;
use host::Host;
use model::{Model, Pair};

/// No run may take longer, in its own time.
const RUN: Duration = Duration::from_secs(100_000);

/// No run needs as many turns of the loop.
const TURNS: u64 = 300_000;

#[test]
fn everything_that_was_said_arrives() {
    seeds("everything_that_was_said", 400, |seed, verbose| {
        run(seed, verbose, None, &mut Setup::draw);
    });
}

#[test]
fn everything_that_was_said_to_many_arrives() {
    seeds("said_to_many", 200, |seed, verbose| {
        run(seed, verbose, None, &mut Setup::shared);
    });
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..30 {
        let once = run(seed, false, None, &mut Setup::draw);
        assert_eq!(once, run(seed, false, None, &mut Setup::draw), "seed {seed}");
    }
}

/// The first call fails, then the second, and so on until a run has fewer calls: a small world without other faults.
#[test]
fn any_call_may_fail() {
    let calls = RefCell::new(BTreeSet::new());
    for seed in 0..4 {
        for number in 1.. {
            assert!(number < 5_000, "a world has fewer calls");
            let one = std::panic::AssertUnwindSafe(|| run(seed, false, Some(number), &mut Setup::small));
            let outcome = std::panic::catch_unwind(one).unwrap_or_else(|panic| {
                eprintln!("seed {seed} fails when call {number} does");
                std::panic::resume_unwind(panic)
            });
            let Some(call) = outcome.failed else { break };
            calls.borrow_mut().insert(call);
        }
    }
    assert!(calls.borrow().len() >= 8, "{:?}", calls.borrow());
}

/// What tells two runs apart.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    trace: u64,
    seen: u64,
    failed: Option<Call>,
}

fn run(seed: u64, verbose: bool, failing: Option<u64>, setup: &mut dyn FnMut(&mut Rng) -> Setup) -> Outcome {
    if Rng::new(seed).chance(500) {
        run_on::<false>(seed, verbose, failing, setup)
    } else {
        run_on::<true>(seed, verbose, failing, setup)
    }
}

fn run_on<const SHORT_READS: bool>(
    seed: u64,
    verbose: bool,
    failing: Option<u64>,
    setup: &mut dyn FnMut(&mut Rng) -> Setup,
) -> Outcome {
    let setup = setup(&mut generator(seed, 1));
    let mut host = Host::<SHORT_READS>::begin(seed, setup, verbose);
    if let Some(number) = failing {
        host.engine.sys_mut().net_mut().fail_call(number);
    }
    host.populate();
    host.live();
    host.finish();
    let net = host.engine.sys().net();
    Outcome {
        trace: net.trace(),
        seen: host.seen,
        failed: net.failed_call(),
    }
}

impl<const SHORT_READS: bool> Host<SHORT_READS> {
    fn begin(seed: u64, setup: Setup, verbose: bool) -> Self {
        let mut rng = generator(seed, 2);
        let mut sys = SimSys::<SHORT_READS>::new(rng.number(), setup.faults.clone());
        if verbose {
            eprintln!("{setup:?}");
            sys.net_mut().set_tracer(|line| eprintln!("{line}"));
        }
        let engine = Engine::with_sys(sys, setup.config.clone());
        Self {
            handle: engine.handle(),
            engine,
            events: Events::with_capacity(setup.arena_bytes),
            protocol: Arc::new(setup.protocol()),
            setup,
            rng,
            model: Model::default(),
            streams: BTreeMap::new(),
            gone: BTreeSet::new(),
            listeners: BTreeMap::new(),
            command: None,
            naive_addrs: Vec::new(),
            naive_clients: Vec::new(),
            served: Rc::default(),
            draining: false,
            cutting: false,
            seen: 0,
            turns: 0,
            verbose,
        }
    }

    /// Adds listeners and naive peers.
    fn populate(&mut self) {
        for number in 1..=self.rng.size(1, 2) {
            self.listen(addr(number, 9001));
        }
        for number in 0..self.setup.naive_servers {
            self.add_naive_server(addr(number + 10, 80));
        }
        // So that the naive servers listen.
        let polled = wsloop::engine::Sys::poll(self.engine.sys_mut(), &mut Vec::new(), Some(Duration::ZERO));
        polled.expect("nothing is waited for");
        let own: Vec<SocketAddr> = self.listeners.values().map(|(addr, _)| *addr).collect();
        for addr in own.iter().chain(&self.naive_addrs) {
            let name = format!("name-{}.example", addr.ip());
            self.engine.sys_mut().net_mut().add_name(&name, &[*addr]);
        }
        for _ in 0..self.setup.naive_clients {
            let addr = self.rng.pick(&own);
            self.add_naive_client(addr);
        }
    }

    fn add_naive_client(&mut self, addr: SocketAddr) {
        let (plan, reading, ending) = draw::plan(&mut self.rng, &self.setup, false);
        let heard = Rc::new(RefCell::new(Heard::default()));
        let client = Client::new(addr, plan, reading, Rc::clone(&heard));
        let start = self.engine.now() + Duration::from_micros(self.rng.below(200_000));
        self.engine.sys_mut().net_mut().add_peer(client, start);
        // Its address is known once it has begun.
        self.naive_clients.push((heard, ending));
    }

    fn add_naive_server(&mut self, addr: SocketAddr) {
        let (mut rng, setup) = (self.rng.fork(), self.setup.clone());
        let naives = Rc::clone(&self.served);
        let server = Server::new(addr, move |from| {
            let (plan, reading, ending) = draw::plan(&mut rng, &setup, true);
            let heard = Rc::new(RefCell::new(Heard::default()));
            naives.borrow_mut().push((from, Rc::clone(&heard), ending));
            Script::new(plan, reading, heard)
        });
        let start = self.engine.now();
        self.engine.sys_mut().net_mut().add_peer(server, start);
        self.naive_addrs.push(addr);
    }

    /// Tells the model of naive peers whose address has become known.
    pub(super) fn meet_naive_peers(&mut self) {
        let model = &mut self.model;
        self.naive_clients.retain(|(heard, ending)| {
            let addr = heard.borrow().addr;
            if let Some(addr) = addr {
                let pair: &mut Pair = model.pairs.entry(addr).or_default();
                pair.client.naive = Some(Rc::clone(heard));
                pair.trouble = pair.trouble.or(ending.trouble());
            }
            addr.is_none()
        });
        for (addr, heard, ending) in self.served.borrow_mut().drain(..) {
            let pair: &mut Pair = model.pairs.entry(addr).or_default();
            pair.server.naive = Some(heard);
            pair.trouble = pair.trouble.or(ending.trouble());
        }
    }

    /// Lets the host act until it has done all that it may, and everything come to its end.
    fn live(&mut self) {
        let start = self.engine.now();
        let mut acts = self.setup.acts;
        let mut early_end = self.rng.chance(150).then(|| self.rng.below(acts as u64 + 1) as usize);
        loop {
            if acts > 0 {
                acts -= 1;
                self.act();
            }
            if early_end == Some(acts) {
                early_end = None;
                self.end_early();
            }
            let quiet = acts == 0 && self.wind_down() && !self.has_chunks();
            self.act_on_time();
            self.meet_naive_peers();
            // A drained engine waits for nobody; the naive peers come to their end by themselves.
            if quiet && (self.is_over() || self.engine.is_drained()) {
                return;
            }
            let step = Duration::from_nanos(self.rng.below(self.setup.step_max.as_nanos() as u64 + 1));
            let now = self.engine.now();
            let until = self.next_time().map(|time| time - now);
            let timeout = if quiet {
                until
            } else {
                Some(until.map_or(step, |until| until.min(step)))
            };
            if let Err(error) = self.turn(timeout) {
                self.meet_naive_peers();
                // The last naive peer may come to its end without the engine's hearing of it.
                let streams = self.streams.keys();
                assert!(
                    quiet && self.is_over(),
                    "{error}, and these streams have not ended: {streams:?}"
                );
                return;
            }
            assert!(
                self.turns < TURNS && self.engine.now() - start < RUN,
                "the run does not come to an end"
            );
        }
    }

    /// Every stream and every naive peer that will is at its end.
    fn is_over(&self) -> bool {
        let deaf = |trouble: Option<&str>| trouble.is_some();
        self.naive_clients.is_empty()
            && self.streams.values().all(|known| known.ended)
            && self.model.pairs.values().all(|pair| {
                [&pair.client, &pair.server].into_iter().all(|half| {
                    let over = half.naive.as_ref().is_none_or(|naive| naive.borrow().end.is_some());
                    over || deaf(pair.trouble)
                })
            })
    }

    /// Drains or stops in the middle of everything.
    fn end_early(&mut self) {
        self.draining = true;
        let now = self
            .rng
            .pick(&[None, Some(Duration::from_secs(50_000)), Some(Duration::from_millis(20))]);
        self.cutting = now != Some(Duration::from_secs(50_000));
        let afar = self.command.is_none() && self.rng.chance(300);
        // Who is not open is cut, and who waits in the backlog.
        self.setup.crowded = true;
        match (now, afar) {
            (None, false) => self.engine.stop(),
            (None, true) => self.handle.stop().expect("there is room"),
            (Some(deadline), false) => self.engine.drain(deadline),
            (Some(deadline), true) => self.handle.drain(deadline).expect("there is room"),
        }
    }

    /// The end of the engine, and the last checks.
    fn finish(&mut self) {
        self.draining = true;
        self.engine.drain(Duration::from_secs(3600));
        for _ in 0..1000 {
            if self.engine.is_drained() {
                break;
            }
            self.turn(None).expect("a drain has a deadline");
        }
        assert!(self.engine.is_drained(), "the drain does not end");
        assert_eq!(self.engine.stream_count(), 0, "streams are left");
        assert_eq!(self.engine.sys().net().engine_sockets(), 0, "sockets are left open");
        // What is still under way arrives.
        let mut late = Vec::new();
        let polled = wsloop::engine::Sys::poll(self.engine.sys_mut(), &mut late, Some(RUN));
        polled.expect("time goes by");
        self.meet_naive_peers();
        self.check();
    }

    fn check(&mut self) {
        let net = self.engine.sys().net();
        for (addr, pair) in &mut self.model.pairs {
            if self.cutting || net.jumps() > 0 || net.was_cut(*addr) {
                pair.trouble.get_or_insert("the world cut it");
            }
            if self.setup.crowded && pair.server.stream.is_none() {
                pair.trouble.get_or_insert("the server never saw it");
            }
            let check = std::panic::AssertUnwindSafe(|| pair.check());
            if let Err(panic) = std::panic::catch_unwind(check) {
                let ends = (&pair.client.end, &pair.server.end);
                eprintln!("the connection from {addr}, {:?}, ends: {ends:?}", pair.trouble);
                std::panic::resume_unwind(panic);
            }
        }
    }
}

fn addr(number: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, number as u8], port))
}
