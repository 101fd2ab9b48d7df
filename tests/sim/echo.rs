use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{Config, Engine, Events, Failure, ListenOptions, QueueOptions};
use wsloop::proto::{self, CloseCode, Instant};
use wsloop::sim::naive::{Client, Heard, Reading};
use wsloop::sim::{Faults, Rng, SimSys, Status};

use crate::host::{End, Host, Seen};
use crate::plan::{Ending, Plan};
use crate::seeds;

/// Headers, a Close and pongs beside the echoes in a queue.
const OVERHEAD_BYTES: usize = 8192;

/// No run may take longer, in its own time: nobody in it waits for more than a few minutes.
const RUN: Duration = Duration::from_secs(3600);

/// No run needs as many turns of the loop.
const TURNS: usize = 1_000_000;

#[test]
fn echoes_come_back_whole_and_in_order_whatever_happens() {
    seeds("echoes_come_back", 500, |seed, verbose| {
        run(seed, verbose);
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        assert_eq!(run(seed, false), run(seed, false), "seed {seed}");
    }
    assert_ne!(run(1, false), run(2, false));
}

/// One run, checked; gives its trace.
fn run(seed: u64, verbose: bool) -> u64 {
    if Rng::new(seed).chance(500) {
        run_on::<false>(seed, verbose)
    } else {
        run_on::<true>(seed, verbose)
    }
}

struct Participant {
    ending: Ending,
    reading: Reading,
    messages: Vec<(bool, Vec<u8>)>,
    pings: Vec<Vec<u8>>,
    heard: Rc<RefCell<Heard>>,
}

fn run_on<const SHORT_READS: bool>(seed: u64, verbose: bool) -> u64 {
    let mut rng = Rng::new(seed.wrapping_mul(0x1234_5677).wrapping_add(1));
    let faults = Faults::draw(&mut rng);
    let mut sys = SimSys::<SHORT_READS>::new(rng.number(), faults.clone());
    if verbose {
        eprintln!("{faults:?}");
        sys.net_mut().set_tracer(|line| eprintln!("{line}"));
    }
    let message_max = rng.pick(&[200, 10_000, 100_000]);
    let (mut host, addr) = serve(&mut rng, sys, message_max);
    // All at once, or one after the other.
    let spread_nanos = rng.pick(&[0, 1_000_000, 2_000_000_000]);
    let crowd: Vec<Participant> = (0..rng.size(1, 12))
        .map(|_| {
            let plan = Plan::draw(&mut rng, &faults, message_max);
            enter(plan, rng.below(spread_nanos), &mut host, addr)
        })
        .collect();
    if verbose {
        for (index, one) in crowd.iter().enumerate() {
            eprintln!(
                "client {index}: {:?}, {:?}, {} messages",
                one.ending,
                one.reading,
                one.messages.len()
            );
        }
    }

    let is_finished = || {
        crowd
            .iter()
            .all(|one| one.waits_for_the_end() || one.heard.borrow().end.is_some())
    };
    let start = host.engine.now();
    let mut draining = false;
    for turn in 0.. {
        if !draining && is_finished() {
            host.engine.drain(Duration::from_secs(120));
            draining = true;
        }
        if host.engine.is_drained() {
            break;
        }
        if let Err(error) = host.turn() {
            // The last client may come to its end without the engine's hearing of it.
            assert!(!draining && is_finished(), "{error}");
        }
        assert!(
            turn < TURNS && host.engine.now() - start < RUN,
            "the run does not come to an end"
        );
    }
    // What is still under way arrives; the engine holds nothing that it could hear of.
    assert_eq!(
        host.engine.sys().net().engine_sockets(),
        0,
        "the engine has forgotten to close sockets"
    );
    let mut late = Vec::new();
    wsloop::engine::Sys::poll(host.engine.sys_mut(), &mut late, Some(RUN)).unwrap();
    check(&crowd, &host, &faults);
    host.engine.sys().net().trace()
}

/// The server, with options drawn as well.
fn serve<const SHORT_READS: bool>(
    rng: &mut Rng,
    sys: SimSys<SHORT_READS>,
    message_max: usize,
) -> (Host<SHORT_READS>, SocketAddr) {
    let config = Config {
        read_budget_bytes: rng.size(4096, 1 << 19),
        accept_budget: rng.size(1, 64),
        linger_timeout: Duration::from_secs(600),
        ..Config::default()
    };
    let arena = rng.pick(&[4096, 16_384, 1 << 20]);
    let high_water_bytes = rng.size(1, 1 << 18);
    // Messages that were read in one turn are echoed though the first of them passed the mark: as much as one
    // stream may give in a turn, and a message that had come in pieces before.
    let queue_bound = high_water_bytes + config.read_budget_bytes + message_max + OVERHEAD_BYTES;
    let queue = QueueOptions {
        high_water_bytes,
        low_water_bytes: rng.size(0, high_water_bytes),
        limit_bytes: queue_bound,
        ..QueueOptions::default()
    };
    let protocol = proto::Config {
        opening_timeout: Duration::from_secs(120),
        closing_timeout: Duration::from_secs(600),
        ..proto::Config::default()
    };
    let mut engine = Engine::with_sys(sys, config);
    let options = ListenOptions::new("127.0.0.1:0")
        .backlog(rng.pick(&[1, 16, 1024]))
        .handshakes_max(rng.pick(&[1, 4, 4096]))
        .protocol(Arc::new(protocol))
        .queue(queue);
    let listener = engine.listen(options).unwrap();
    let addr = engine.local_addr(listener).unwrap();
    (Host::new(engine, Events::with_capacity(arena), queue_bound), addr)
}

/// Adds a client to the world.
fn enter<const SHORT_READS: bool>(
    plan: Plan,
    start_nanos: u64,
    host: &mut Host<SHORT_READS>,
    addr: SocketAddr,
) -> Participant {
    let Plan {
        acts,
        reading,
        messages,
        pings,
        ending,
    } = plan;
    let heard = Rc::new(RefCell::new(Heard::default()));
    let client = Client::new(addr, acts, reading, Rc::clone(&heard));
    let start = Instant::from_nanos(1_000_000_000 + start_nanos);
    host.engine.sys_mut().net_mut().add_peer(client, start);
    Participant {
        ending,
        reading,
        messages,
        pings,
        heard,
    }
}

impl Participant {
    /// True for those that go on for ever unless the server ends it.
    fn waits_for_the_end(&self) -> bool {
        match self.ending {
            Ending::StaysSilent => {
                let heard = self.heard.borrow();
                heard.http_status.is_some() && heard.messages.len() == self.messages.len()
            }
            Ending::GoesDeaf => true,
            _ => false,
        }
    }

    fn check(&self, seen: Option<&Seen>, faults: &Faults) {
        let heard = self.heard.borrow();
        assert!(heard.faults.is_empty(), "{:?}", heard.faults);
        assert!(
            heard.messages.len() <= self.messages.len(),
            "more came back than was sent"
        );
        assert!(
            heard.messages[..] == self.messages[..heard.messages.len()],
            "what came back is not what was sent"
        );
        assert!(heard.pongs.len() <= self.pings.len() && heard.pongs[..] == self.pings[..heard.pongs.len()]);
        if self.reading == Reading::Never {
            return;
        }
        let (end, _) = heard.end.expect("every client hears of the end");
        let Some(seen) = seen else {
            let unheard = match end {
                Status::Refused => true,
                Status::Reset => faults.accept_aborted > 0,
                // It may be over before the server has looked.
                Status::Open => self.ending == Ending::Resets,
                Status::Connecting | Status::Ended => false,
            };
            assert!(unheard, "the server did not hear of it, and yet: {end:?}");
            return;
        };
        self.check_end(&heard, end, seen);
    }

    fn check_end(&self, heard: &Heard, end: Status, seen: &Seen) {
        let whole = || {
            assert_eq!(heard.messages.len(), self.messages.len(), "not all came back");
            assert_eq!(heard.pongs.len(), self.pings.len(), "not all pings were answered");
            assert_eq!(seen.messages, self.messages.len());
            assert_eq!(end, Status::Ended, "an end in good order");
        };
        let close = heard.close.clone();
        match (&self.ending, seen.end.as_ref().expect("every stream has an end")) {
            (Ending::Closes { code, reason }, End::Closed(closed)) => {
                whole();
                assert_eq!(closed.code.map(|code| code.as_u16()), *code);
                assert_eq!(closed.reason, *reason);
                assert_eq!(close.expect("Close is answered").0, *code);
            }
            (Ending::AsksForClose { code, reason }, End::Closed(_)) => {
                whole();
                assert_eq!(close, Some((Some(*code), reason.clone())));
            }
            (Ending::Violates { code }, End::Failed(Failure::Protocol(proto::Failure::Violation(violation)))) => {
                whole();
                assert_eq!(violation.close_code(), CloseCode::new(*code));
                assert_eq!(close.expect("it was told").0, Some(*code));
            }
            (Ending::StaysSilent, End::Closed(_)) => {
                whole();
                assert_eq!(close.expect("it was told").0, Some(1001));
            }
            (Ending::BadRequest { status }, End::Failed(_)) => {
                assert_eq!(
                    (heard.http_status, end, seen.open),
                    (Some(*status), Status::Ended, false)
                );
            }
            (Ending::StallsInRequest, End::Failed(_)) => assert!(!seen.open),
            (Ending::HalfCloses | Ending::Resets, End::Failed(_)) => {}
            (ending, end) => panic!("{ending:?}, and the server saw {end:?}"),
        }
    }
}

fn check<const SHORT_READS: bool>(crowd: &[Participant], host: &Host<SHORT_READS>, faults: &Faults) {
    for (index, one) in crowd.iter().enumerate() {
        let addr = one.heard.borrow().addr;
        let mut seen = host.streams.values().filter(|seen| Some(seen.peer) == addr);
        let check = std::panic::AssertUnwindSafe(|| one.check(seen.next(), faults));
        if let Err(panic) = std::panic::catch_unwind(check) {
            eprintln!("client {index} at {addr:?}: {:?}, {:?}", one.ending, one.reading);
            std::panic::resume_unwind(panic);
        }
        assert!(seen.next().is_none(), "one connection, two streams");
    }
    for (stream, seen) in &host.streams {
        assert!(seen.end.is_some(), "{stream:?} has no end");
    }
}
