use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use wsloop::engine::{
    Config, ConnectOptions, Engine, Event, Events, Failure, ListenOptions, QueueOptions, Sent, StreamId,
};
use wsloop::proto::{self, CloseCode};
use wsloop::sim::{Faults, Rng, SimSys};

use crate::seeds;

/// Makes the options of both sides secure, or leaves them plain.
struct Transport {
    listen: fn(ListenOptions) -> ListenOptions,
    connect: fn(ConnectOptions) -> ConnectOptions,
}

#[test]
fn an_engine_talks_to_itself() {
    let plain = Transport {
        listen: |options| options,
        connect: |options| options,
    };
    seeds("an_engine_talks_to_itself", 150, |seed, verbose| {
        run(seed, verbose, &plain)
    });
}

/// The keys of TLS come from the system, so that a replay differs in its ciphertext, and at most in a byte's length.
#[cfg(feature = "tls")]
#[test]
fn an_engine_talks_to_itself_in_secret() {
    let secret = Transport {
        listen: |options| options.tls(tls::configs().0.clone()),
        connect: |options| options.tls(tls::configs().1.clone(), "sim.example"),
    };
    seeds("in_secret", 100, |seed, verbose| run(seed, verbose, &secret));
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::OnceLock;

    use wsloop::tls::{ClientConfig, ClientOptions, ServerConfig, ServerOptions};

    /// One server and one client that trusts it, so that sessions are resumed as well.
    pub(super) fn configs() -> &'static (ServerConfig, ClientConfig) {
        static CONFIGS: OnceLock<(ServerConfig, ClientConfig)> = OnceLock::new();
        CONFIGS.get_or_init(|| {
            let identity = rcgen::generate_simple_self_signed(["sim.example".to_owned()]).unwrap();
            let (certificate, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
            let server = ServerOptions {
                certificate_pem: certificate.as_bytes(),
                key_pem: key.as_bytes(),
                ..ServerOptions::default()
            };
            let client = ClientOptions {
                roots_pem: Some(certificate.as_bytes()),
                ..ClientOptions::default()
            };
            (ServerConfig::new(&server).unwrap(), ClientConfig::new(&client).unwrap())
        })
    }
}

/// What is known of one stream. A dialled one sends messages and compares what comes back; an accepted one echoes.
struct Seen {
    dialled: bool,
    open: bool,
    /// Messages whose echo is still to come, the next one last.
    expected: Vec<Vec<u8>>,
    end: Option<String>,
}

struct World<const SHORT_READS: bool> {
    engine: Engine<SimSys<SHORT_READS>>,
    streams: BTreeMap<StreamId, Seen>,
    rng: Rng,
    budget: usize,
    faults: Faults,
}

fn run(seed: u64, verbose: bool, transport: &Transport) {
    if Rng::new(seed).chance(500) {
        run_on::<false>(seed, verbose, transport);
    } else {
        run_on::<true>(seed, verbose, transport);
    }
}

fn run_on<const SHORT_READS: bool>(seed: u64, verbose: bool, transport: &Transport) {
    let mut rng = Rng::new(seed.wrapping_mul(0x7654_3211).wrapping_add(3));
    let faults = Faults {
        accept_aborted: 0,
        ..Faults::draw(&mut rng)
    };
    let mut sys = SimSys::<SHORT_READS>::new(rng.number(), faults.clone());
    let host = "127.0.0.1:9001".parse::<SocketAddr>().unwrap();
    let nobody = "127.0.0.9:9001".parse::<SocketAddr>().unwrap();
    sys.net_mut().add_name(
        "sim.example",
        rng.pick(&[&[host][..], &[nobody, host], &[host, nobody]]),
    );
    if verbose {
        eprintln!("{faults:?}");
        sys.net_mut().set_tracer(|line| eprintln!("{line}"));
    }
    let config = Config {
        read_budget_bytes: rng.size(4096, 1 << 19),
        linger_timeout: Duration::from_secs(600),
        ..Config::default()
    };
    let budget = (faults.capacity_bytes.0 * 50).clamp(2_000, 60_000);
    let engine = Engine::with_sys(sys, config);
    let mut world = World {
        engine,
        streams: BTreeMap::new(),
        rng,
        budget,
        faults,
    };
    world.start(host, transport);
    let mut events = Events::with_capacity(world.rng.size(4096, 1 << 18));
    let start = world.engine.now();
    let mut draining = false;
    while !world.engine.is_drained() {
        if !draining && world.streams.values().all(|seen| seen.end.is_some()) {
            world.engine.drain(Duration::from_secs(700));
            draining = true;
        }
        world
            .engine
            .poll(&mut events, None)
            .expect("there is always something to come");
        for (stream, event) in &events {
            world.handle(stream, event);
        }
        assert!(
            world.engine.now() - start < Duration::from_secs(3600),
            "the run does not come to an end"
        );
    }
    assert_eq!(world.engine.sys().net().engine_sockets(), 0);
    assert!(world.streams.values().all(|seen| seen.end.is_some()));
}

impl<const SHORT_READS: bool> World<SHORT_READS> {
    fn start(&mut self, host: SocketAddr, transport: &Transport) {
        let patient = proto::Config {
            opening_timeout: Duration::from_secs(300),
            closing_timeout: Duration::from_secs(600),
            ..proto::Config::default()
        };
        let patient = std::sync::Arc::new(patient);
        let queue = QueueOptions {
            high_water_bytes: 10_000,
            low_water_bytes: 1_000,
            ..QueueOptions::default()
        };
        let options = ListenOptions::from(host)
            .queue(queue)
            .protocol(std::sync::Arc::clone(&patient));
        self.engine
            .listen((transport.listen)(options.tls_timeout(Duration::from_secs(300))))
            .unwrap();
        for _ in 0..self.rng.size(1, 8) {
            let name = self
                .rng
                .pick(&["sim.example", "sim.example", "127.0.0.1", "no.example"]);
            let options = ConnectOptions::new(name, host.port(), "/")
                .dial_timeout(Duration::from_secs(20))
                .protocol(std::sync::Arc::clone(&patient))
                .tls_timeout(Duration::from_secs(300));
            let stream = self.engine.connect((transport.connect)(options)).unwrap();
            let seen = Seen {
                dialled: true,
                open: false,
                expected: Vec::new(),
                end: None,
            };
            assert!(self.streams.insert(stream, seen).is_none());
        }
    }

    fn handle(&mut self, stream: StreamId, event: Event<'_>) {
        let accepted = Seen {
            dialled: false,
            open: false,
            expected: Vec::new(),
            end: None,
        };
        let seen = self.streams.entry(stream).or_insert(accepted);
        assert!(seen.end.is_none(), "{stream:?}: {event:?} after {:?}", seen.end);
        match event {
            Event::Opened(_) => {
                assert!(!std::mem::replace(&mut seen.open, true), "{stream:?} opened twice");
                if seen.dialled {
                    self.say_all(stream);
                }
            }
            Event::Message(message) if seen.dialled => {
                assert_eq!(seen.expected.pop().as_deref(), Some(message.as_bytes()), "{stream:?}");
                if seen.expected.is_empty() {
                    self.engine.close(stream, Some(CloseCode::NORMAL), "done").unwrap();
                }
            }
            Event::Message(message) => match self.engine.send(stream, message).unwrap() {
                Sent::Queued { .. } => {}
                Sent::AboveHighWater { .. } => self.engine.pause(stream).unwrap(),
                refused => panic!("{stream:?}: {refused:?}"),
            },
            Event::HighWater { .. } if seen.dialled => {}
            Event::HighWater { .. } => self.engine.pause(stream).unwrap(),
            Event::LowWater { .. } => self.engine.resume(stream).unwrap(),
            Event::Closed(closed) => {
                assert_eq!(
                    (seen.expected.len(), closed.code),
                    (0, Some(CloseCode::NORMAL)),
                    "{stream:?}"
                );
                assert_eq!(closed.reason, "done", "an answer repeats code and reason");
                seen.end = Some("closed".to_owned());
            }
            Event::Failed(failure) => {
                assert!(may_fail(seen, failure, &self.faults), "{stream:?}: {failure}");
                seen.end = Some(failure.to_string());
            }
            other => panic!("{stream:?}: {other:?} was not asked for"),
        }
    }

    fn say_all(&mut self, stream: StreamId) {
        let mut said = Vec::new();
        let mut budget = self.budget;
        for _ in 0..self.rng.size(1, 20) {
            let mut message = vec![0; self.rng.size(0, budget)];
            budget -= message.len();
            self.rng.fill(&mut message);
            let sent = self.engine.send(stream, &message[..]).unwrap();
            assert!(sent.is_queued(), "{sent:?}");
            said.push(message);
        }
        said.reverse();
        self.streams.get_mut(&stream).expect("it is known").expected = said;
    }
}

/// Nobody resets here: a stream fails only on its way to the other side.
fn may_fail(seen: &Seen, failure: &Failure, faults: &Faults) -> bool {
    match failure {
        Failure::Resolve { host, .. } => seen.dialled && host == "no.example",
        Failure::Dial { .. } | Failure::TimedOut(_) => {
            seen.dialled && !seen.open && (faults.refuse_connect > 0 || faults.late_connect > 0)
        }
        // Whoever gave up waiting for a late connection leaves one that is accepted nevertheless, and ends at once.
        Failure::Protocol(proto::Failure::Lost) | Failure::Io(_) => {
            !seen.dialled && !seen.open && faults.late_connect > 0
        }
        _ => false,
    }
}
