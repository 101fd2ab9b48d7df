use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use wsloop::engine::{AdoptOptions, Config, Engine, Events, Handle, ListenOptions};
use wsloop::proto::Instant;
use wsloop::sim::naive::{Act, Client, Frame, Heard, REQUEST, Reading};
use wsloop::sim::{Faults, Link, Net, Peer, Rng, SimForeign, SimSys, Status};

use crate::host::{End, Host};
use crate::seeds;

/// No run needs as many turns of the loop.
const TURNS: usize = 200_000;

/// Sockets on their way to the loop, with what was read of them.
type HandedOver = Rc<RefCell<VecDeque<(Link, Vec<u8>)>>>;

/// Another part of the process, which accepts, reads as much as it pleases, and hands the socket over.
struct Acceptor {
    addr: SocketAddr,
    listens: bool,
    /// With how much it wants of each.
    reading: Vec<(Link, Vec<u8>, usize)>,
    /// It looks now and then: whoever reads wakes the other side, and two that always read never rest.
    next_look: Instant,
    handed_over: HandedOver,
    handle: Handle,
}

impl Peer for Acceptor {
    fn step(&mut self, net: &mut Net) {
        if !self.listens {
            self.listens = true;
            net.listen(self.addr);
        }
        while let Some(link) = net.accept(self.addr) {
            let wants = net
                .rng()
                .pick(&[0, 1, 50, REQUEST.len(), REQUEST.len() + 7, 8000, 8000]);
            self.reading.push((link, Vec::new(), wants));
            net.wake_at(self.next_look);
        }
        if net.now() < self.next_look {
            return;
        }
        self.next_look = net.now() + Duration::from_millis(1);
        if !self.reading.is_empty() {
            net.wake_at(self.next_look);
        }
        self.reading.retain_mut(|(link, bytes, wants)| {
            bytes.extend(net.read(*link, *wants - bytes.len()));
            let goes_on = bytes.len() < *wants && net.status(*link) == Status::Open;
            // What it waits for may be more than comes, since the client waits for an answer: it loses patience.
            if goes_on && (bytes.len() < REQUEST.len() || !net.rng().chance(300)) {
                return true;
            }
            self.handed_over.borrow_mut().push_back((*link, std::mem::take(bytes)));
            self.handle.wake();
            false
        });
    }
}

struct Participant {
    messages: Vec<(bool, Vec<u8>)>,
    heard: Rc<RefCell<Heard>>,
}

#[test]
fn adopted_streams_lose_nothing_of_what_was_read_and_what_was_not() {
    seeds("adopted_streams", 200, |seed, verbose| {
        if Rng::new(seed).chance(500) {
            run::<false>(seed, verbose);
        } else {
            run::<true>(seed, verbose);
        }
    });
}

fn run<const SHORT_READS: bool>(seed: u64, verbose: bool) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(3));
    let faults = Faults::draw(&mut rng);
    let mut sys = SimSys::<SHORT_READS>::new(rng.number(), faults);
    if verbose {
        sys.net_mut().set_tracer(|line| eprintln!("{line}"));
    }
    let config = Config {
        read_budget_bytes: rng.size(4096, 1 << 19),
        linger_timeout: Duration::from_secs(600),
        ..Config::default()
    };
    let engine = Engine::with_sys(sys, config);
    let mut host = Host::new(engine, Events::with_capacity(rng.pick(&[4096, 1 << 16])), usize::MAX);
    let addr: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    let handed_over = HandedOver::default();
    let acceptor = Acceptor {
        addr,
        listens: false,
        reading: Vec::new(),
        next_look: Instant::ZERO,
        handed_over: Rc::clone(&handed_over),
        handle: host.engine.handle(),
    };
    let start = Instant::from_nanos(1_000_000_000);
    let net = host.engine.sys_mut().net_mut();
    net.add_peer(acceptor, start);
    let crowd: Vec<Participant> = (0..rng.size(1, 6))
        .map(|_| enter(&mut rng, host.engine.sys_mut().net_mut(), addr, start))
        .collect();
    let template = AdoptOptions::server(ListenOptions::default().protocol(patient()));
    let is_finished = || crowd.iter().all(|one| one.heard.borrow().end.is_some());
    for turn in 0.. {
        assert!(turn < TURNS, "the run does not come to an end");
        if is_finished() {
            break;
        }
        if let Err(error) = host.turn() {
            // The last client may come to its end without the engine's hearing of it.
            assert!(is_finished(), "{error}");
        }
        while let Some((link, bytes)) = handed_over.borrow_mut().pop_front() {
            // A client may be gone by now, or the system out of memory.
            let _ = host
                .engine
                .adopt(SimForeign::Connected(link), template.clone().received(bytes));
        }
    }
    for one in &crowd {
        one.check(&host);
    }
}

/// A second is a long time in some of these worlds.
fn patient() -> std::sync::Arc<wsloop::proto::Config> {
    std::sync::Arc::new(wsloop::proto::Config {
        opening_timeout: Duration::from_secs(600),
        closing_timeout: Duration::from_secs(600),
        ..Default::default()
    })
}

/// A client that speaks at once or waits to be accepted, and closes when all has come back.
fn enter(rng: &mut Rng, net: &mut Net, addr: SocketAddr, start: Instant) -> Participant {
    let mut acts = Vec::new();
    let mut bytes = REQUEST.as_bytes().to_vec();
    if rng.chance(500) {
        acts.extend([Act::Write(std::mem::take(&mut bytes)), Act::AwaitOpen]);
    }
    let messages: Vec<(bool, Vec<u8>)> = (0..rng.size(1, 20))
        .map(|number| (false, vec![number as u8; rng.size(0, 900)]))
        .collect();
    for (_, payload) in &messages {
        bytes.extend(Frame::whole(2, payload).encode(Some([1, 2, 3, 4])));
    }
    let heard = Rc::<RefCell<Heard>>::default();
    acts.extend([
        Act::Write(bytes),
        Act::AwaitMessages(messages.len()),
        Act::Close(Frame::close(Some(1000), "")),
    ]);
    let delay = Duration::from_nanos(1 + rng.below(2_000_000_000));
    net.add_peer(
        Client::new(addr, acts, Reading::Prompt, Rc::clone(&heard)),
        start + delay,
    );
    Participant { messages, heard }
}

impl Participant {
    fn check<const SHORT_READS: bool>(&self, host: &Host<SHORT_READS>) {
        let heard = self.heard.borrow();
        assert!(heard.faults.is_empty(), "{:?}", heard.faults);
        let (end, _) = heard.end.expect("it has an end");
        let seen = host.streams.values().find(|seen| Some(seen.peer) == heard.addr);
        let Some(seen) = seen else {
            assert!(
                heard.messages.is_empty() && end != Status::Ended,
                "nobody saw it, and yet: {end:?}"
            );
            return;
        };
        assert_eq!(end, Status::Ended, "an end in good order");
        assert!(heard.messages == self.messages, "what came back is not what was sent");
        assert!(heard.close.is_some(), "Close is answered");
        assert!(matches!(seen.end, Some(End::Closed(_))), "{:?}", seen.end);
    }
}
