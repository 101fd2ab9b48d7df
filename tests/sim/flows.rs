//! Whole flows: the router with real connectors, in the simulated world, seed by seed.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use wsloop::connector::api::{Built, Links, LogLine, StopRequest, Wiring};
use wsloop::connector::value::json;
use wsloop::connector::{ConnectorId, Definition, Delivery, Event, Outcome, Port, Router, RouterOptions, Turn, build};
use wsloop::engine::{Config, Engine};
use wsloop::proto::Instant;
use wsloop::sim::naive::{Act, Client, Frame, Heard, Reading, Script, Server};
use wsloop::sim::{Faults, Rng, SimSys, Status};

use crate::plan::{Ending, Plan};
use crate::seeds;

/// No run may take longer, in its own time.
const RUN: Duration = Duration::from_secs(200_000);
const TURNS: usize = 1_000_000;

/// Links from `out` of one connector to `in` of another.
struct Straight {
    links: Vec<(u32, u32)>,
    sinks: Vec<Vec<ConnectorId>>,
}

impl Straight {
    fn new(links: &[(u32, u32)], connectors: u32) -> Self {
        let behind = |from: u32| {
            links
                .iter()
                .filter(move |link| link.0 == from)
                .map(|link| ConnectorId(link.1))
        };
        Self {
            links: links.to_vec(),
            sinks: (0..connectors).map(|from| behind(from).collect()).collect(),
        }
    }
}

impl Wiring for Straight {
    fn handle_event(&mut self, from: ConnectorId, port: Port, event: Event, deliveries: &mut Vec<Delivery>) {
        if port == Port::Out {
            deliveries.extend(self.sinks[from.0 as usize].iter().map(|to| Delivery {
                to: *to,
                port: Port::In,
                event: event.clone(),
            }));
        }
    }

    fn handle_timeout(&mut self, _now: Instant, _deliveries: &mut Vec<Delivery>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn sinks_behind(&self, from: ConnectorId) -> &[ConnectorId] {
        &self.sinks[from.0 as usize]
    }

    fn links(&self, of: ConnectorId) -> Links {
        Links {
            sink: self.links.iter().any(|link| link.1 == of.0),
            out: self.links.iter().any(|link| link.0 == of.0),
            ..Links::default()
        }
    }

    fn poll_log(&mut self, _log: &mut Vec<LogLine>) {}
}

type Service<const SHORT_READS: bool> = Router<SimSys<SHORT_READS>, Straight>;

fn service<const SHORT_READS: bool>(
    mut sys: SimSys<SHORT_READS>,
    rng: &mut Rng,
    connectors: &[(&str, String)],
    links: &[(u32, u32)],
) -> Service<SHORT_READS> {
    let built: Vec<Built> = connectors
        .iter()
        .map(|(kind, with)| {
            let definition = Definition {
                name: format!("flow::{kind}"),
                kind: (*kind).into(),
                with: json::parse(with.as_bytes()).unwrap().as_record().unwrap().clone(),
            };
            build(&definition, &mut sys).unwrap_or_else(|errors| panic!("{errors:?}"))
        })
        .collect();
    let config = Config {
        read_budget_bytes: rng.size(4096, 1 << 19),
        accept_budget: rng.size(1, 64),
        linger_timeout: Duration::from_secs(600),
        ..Config::default()
    };
    let wiring = Straight::new(links, connectors.len() as u32);
    let options = RouterOptions {
        stop_timeout: Duration::from_secs(30_000),
    };
    Router::new(Engine::with_sys(sys, config), built, wiring, options)
}

/// Takes turns until the service ends; asks it to stop, in good order, once `is_finished`.
fn run_to_the_end<const SHORT_READS: bool>(
    service: &mut Service<SHORT_READS>,
    verbose: bool,
    unfinished: impl Fn() -> Vec<String>,
) -> Outcome {
    let is_finished = || unfinished().is_empty();
    let begin = service.engine().now();
    let mut is_stopped = false;
    for turn in 0.. {
        if !is_stopped && is_finished() {
            service.stop(StopRequest { graceful: true });
            is_stopped = true;
        }
        let result = service.turn(Some(Duration::from_secs(500)));
        for line in service.poll_log() {
            if verbose {
                eprintln!("LOG {line:?}");
            }
        }
        match result {
            Ok(Turn::Ended(outcome)) => return outcome,
            Ok(Turn::Running) => {}
            // Nothing can happen any more by itself.
            Err(error) => assert!(is_stopped || is_finished(), "{error}"),
        }
        let passed = service.engine().now() - begin;
        assert!(
            turn < TURNS && passed < RUN,
            "it comes to no end: {turn} turns, {passed:?}: {:?}",
            unfinished()
        );
    }
    unreachable!("the loop has no end of its own")
}

fn numbered(rng: &mut Rng, faults: &Faults, message_max: usize) -> Plan {
    loop {
        let plan = Plan::draw(rng, faults, message_max);
        // Whoever asks for a Close asks a host that knows the words.
        if !matches!(plan.ending, Ending::AsksForClose { .. }) {
            return plan;
        }
    }
}

struct Participant {
    ending: Ending,
    reading: Reading,
    messages: Vec<(bool, Vec<u8>)>,
    heard: Rc<RefCell<Heard>>,
}

impl Participant {
    fn has_finished(&self) -> bool {
        let heard = self.heard.borrow();
        match self.ending {
            _ if heard.end.is_some() => true,
            Ending::StaysSilent => heard.http_status.is_some() && heard.messages.len() == self.messages.len(),
            Ending::GoesDeaf => true,
            _ => false,
        }
    }

    fn check(&self) {
        let heard = self.heard.borrow();
        assert!(heard.faults.is_empty(), "{:?}", heard.faults);
        let count = heard.messages.len();
        assert!(count <= self.messages.len(), "more came back than was sent");
        assert!(
            heard.messages[..] == self.messages[..count],
            "what came back is not what was sent"
        );
        let is_orderly = matches!(
            self.ending,
            Ending::Closes { .. } | Ending::Violates { .. } | Ending::StaysSilent
        );
        let was_served = heard.http_status == Some(101) && matches!(heard.end, Some((Status::Ended, _)));
        if is_orderly && was_served && self.reading != Reading::Never {
            assert_eq!(count, self.messages.len(), "not all replies came");
            assert!(heard.close.is_some(), "the end was told");
        }
    }
}

#[test]
fn each_client_of_a_server_gets_its_own_replies() {
    seeds("each_client_of_a_server", 300, |seed, verbose| {
        echo(seed, verbose);
    });
}

#[test]
fn the_same_seed_gives_the_same_flow() {
    for seed in 0..10 {
        assert_eq!(echo(seed, false), echo(seed, false), "seed {seed}");
        assert_eq!(send(seed, false), send(seed, false), "seed {seed}");
    }
}

fn echo(seed: u64, verbose: bool) -> u64 {
    if Rng::new(seed).chance(500) {
        echo_on::<false>(seed, verbose)
    } else {
        echo_on::<true>(seed, verbose)
    }
}

/// A server linked to itself, and a crowd.
fn echo_on<const SHORT_READS: bool>(seed: u64, verbose: bool) -> u64 {
    let mut rng = Rng::new(seed.wrapping_mul(0x2468_1357).wrapping_add(5));
    let faults = Faults::draw(&mut rng);
    let mut sys = SimSys::<SHORT_READS>::new(rng.number(), faults.clone());
    if verbose {
        eprintln!("{faults:?}");
        sys.net_mut().set_tracer(|line| eprintln!("{line}"));
    }
    let addr: SocketAddr = "127.0.0.1:9001".parse().unwrap();
    let backlog = rng.pick(&[1, 16, 1024]);
    let server = format!(
        r#"{{"codec":"binary","config":{{"url":"{addr}","backlog":{backlog},
            "timeouts":{{"opening_ms":120000,"closing_ms":600000}}}}}}"#
    );
    // Through narrow pipes long messages would take for ever.
    let message_max = rng.pick(&[200, 10_000, 60_000]).min(faults.capacity_bytes.0 * 50 + 200);
    let spread_nanos = rng.pick(&[0, 1_000_000, 2_000_000_000]);
    let crowd: Vec<Participant> = (0..rng.size(1, 10))
        .map(|_| {
            let plan = numbered(&mut rng, &faults, message_max);
            let heard = Rc::new(RefCell::new(Heard::default()));
            let client = Client::new(addr, plan.acts, plan.reading, Rc::clone(&heard));
            let start = Instant::from_nanos(1_000_000_000 + rng.below(spread_nanos));
            sys.net_mut().add_peer(client, start);
            Participant {
                ending: plan.ending,
                reading: plan.reading,
                messages: plan.messages,
                heard,
            }
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
    let mut service = service(sys, &mut rng, &[("ws_server", server)], &[(0, 0)]);
    run_to_the_end(&mut service, verbose, || {
        let unfinished = crowd.iter().filter(|one| !one.has_finished());
        unfinished
            .map(|one| {
                format!(
                    "{:?}: {} of {}",
                    one.ending,
                    one.heard.borrow().messages.len(),
                    one.messages.len()
                )
            })
            .collect()
    });
    for (index, one) in crowd.iter().enumerate() {
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one.check())) {
            eprintln!("client {index}: {:?}, {:?}", one.ending, one.reading);
            std::panic::resume_unwind(panic);
        }
    }
    assert_eq!(
        service.engine().sys().net().engine_sockets(),
        0,
        "sockets are left open"
    );
    service.engine().sys().net().trace()
}

#[test]
fn no_line_is_lost_doubled_or_overtaken_when_connections_break() {
    seeds("no_line_is_lost", 300, |seed, verbose| {
        send(seed, verbose);
    });
}

fn send(seed: u64, verbose: bool) -> u64 {
    if Rng::new(seed).chance(500) {
        send_on::<false>(seed, verbose)
    } else {
        send_on::<true>(seed, verbose)
    }
}

/// What a server does to its clients, before it is good to the last.
fn script(rng: &mut Rng, is_good: bool, heard: Rc<RefCell<Heard>>) -> Script {
    let mut acts = vec![Act::AwaitOpen];
    let reading = rng.pick(&[
        Reading::Prompt,
        Reading::Slow(1000, Duration::from_millis(200)),
        Reading::Slow(50_000, Duration::from_millis(20)),
    ]);
    if is_good {
        acts.push(Act::Accept);
        return Script::new(acts, Reading::Prompt, heard);
    }
    let after = Act::AwaitMessages(rng.size(0, 30));
    match rng.below(6) {
        // It never answers the request, or ends before it does.
        0 => acts.push(Act::Reset),
        1 => acts.push(Act::Shutdown),
        2 => acts.extend([Act::Accept, after, Act::Reset]),
        3 => acts.extend([Act::Accept, after, Act::Shutdown]),
        4 => acts.extend([
            Act::Accept,
            after,
            Act::Pause(Duration::from_secs(rng.below(20))),
            Act::Reset,
        ]),
        _ => acts.extend([Act::Accept, after, Act::Close(Frame::close(Some(1001), "away"))]),
    }
    Script::new(acts, reading, heard)
}

/// A file of numbered lines, read into a client whose server breaks off again and again.
fn send_on<const SHORT_READS: bool>(seed: u64, verbose: bool) -> u64 {
    let mut rng = Rng::new(seed.wrapping_mul(0x1357_2468).wrapping_add(7));
    let faults = Faults {
        refuse_connect: 0,
        connect_fails: 0,
        ..Faults::draw(&mut rng)
    };
    let mut sys = SimSys::<SHORT_READS>::new(rng.number(), faults.clone());
    if verbose {
        eprintln!("{faults:?}");
        sys.net_mut().set_tracer(|line| eprintln!("{line}"));
    }
    let addr: SocketAddr = "127.0.0.1:9002".parse().unwrap();
    let (count, fill) = (rng.size(1, 200), rng.size(0, rng_max(&faults)));
    let lines: Vec<String> = (0..count)
        .map(|number| format!("{number} {}", "x".repeat(fill)))
        .collect();
    sys.disk_mut().put("in.txt", (lines.join("\n") + "\n").as_bytes());
    let connections: Rc<RefCell<Vec<Rc<RefCell<Heard>>>>> = Rc::default();
    let (mut own, bad, seen) = (rng.fork(), rng.size(0, 6), Rc::clone(&connections));
    let server = Server::new(addr, move |_| {
        let heard = Rc::new(RefCell::new(Heard::default()));
        seen.borrow_mut().push(Rc::clone(&heard));
        let is_good = seen.borrow().len() > bad;
        script(&mut own, is_good, heard)
    });
    let start = Instant::from_nanos(1_000_000_000 + rng.below(3_000_000_000));
    sys.net_mut().add_peer(server, start);
    let acks = if rng.chance(300) {
        format!(r#","wait_for_acks":{}"#, rng.size(1, 20))
    } else {
        String::new()
    };
    let file = format!(
        r#"{{"codec":"string","preprocessors":["separate"],
            "config":{{"path":"in.txt","mode":"read","chunk_size":{}{acks}}}}}"#,
        rng.size(1, 4096)
    );
    let client = format!(
        r#"{{"codec":"string","config":{{"url":"{addr}","limits":{{"high_water_bytes":{}}},
            "timeouts":{{"dial_ms":100000,"opening_ms":100000,"closing_ms":600000}}}},
            "reconnect":{{"retry":{{"interval_ms":{},"max_interval_ms":5000,"jitter":"{}"}}}}}}"#,
        rng.size(1, 1 << 18),
        rng.size(0, 1000),
        rng.pick(&["full", "growth"]),
    );
    let mut service = service(sys, &mut rng, &[("file", file), ("ws_client", client)], &[(0, 1)]);
    let outcome = run_to_the_end(&mut service, verbose, || vec!["the file".into()]);
    check_lines(&lines, &connections.borrow(), outcome);
    assert_eq!(
        service.engine().sys().net().engine_sockets(),
        0,
        "sockets are left open"
    );
    service.engine().sys().net().trace()
}

/// Long lines where pipes are wide, so that much waits to be sent when a connection breaks.
fn rng_max(faults: &Faults) -> usize {
    (faults.capacity_bytes.0 / 2).clamp(20, 4000)
}

/// Each connection heard a stretch of the lines; each stretch begins behind the one before. What lies between two stretches was
/// given to the system for a connection that broke.
fn check_lines(lines: &[String], connections: &[Rc<RefCell<Heard>>], outcome: Outcome) {
    let mut next = 0;
    for (index, heard) in connections.iter().enumerate() {
        let heard = heard.borrow();
        assert!(heard.faults.is_empty(), "{:?}", heard.faults);
        for (offset, (is_text, payload)) in heard.messages.iter().enumerate() {
            let text = std::str::from_utf8(payload).unwrap();
            let number: usize = text.split(' ').next().unwrap().parse().unwrap();
            assert!(*is_text && lines[number] == text, "connection {index}: {text:?}");
            if offset == 0 {
                assert!(
                    number >= next,
                    "connection {index} begins with line {number}, and {next} was next"
                );
            } else {
                assert_eq!(number, next, "connection {index} has a gap, or a line twice");
            }
            next = number + 1;
        }
    }
    let last = connections.last().expect("somebody was connected to").borrow();
    if matches!(last.end, Some((Status::Ended, _))) && last.close.is_some() && outcome == Outcome::Done {
        // All that the last one was sent has come, so the end of the file has.
        let is_there = last.messages.is_empty() || next == lines.len();
        assert!(is_there, "line {next} of {} never came: {outcome:?}", lines.len());
    }
    assert!(matches!(outcome, Outcome::Done | Outcome::Incomplete), "{outcome:?}");
}
