//! Draws what a world is like, and what the naive peers in it are going to do.

use std::time::Duration;

use wsloop::engine::{Config, KeepAlive, QueueOptions, SlowReader};
use wsloop::proto::{self, Limits};
use wsloop::sim::naive::{Act, Frame, REQUEST, Reading};
use wsloop::sim::{Faults, Rng};

use super::model::Message;

/// How one world differs from others.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) faults: Faults,
    pub(super) config: Config,
    pub(super) arena_bytes: usize,
    /// Bytes that one end may say on one connection.
    pub(super) budget: usize,
    pub(super) message_max: usize,
    /// Things that the host does of its own accord.
    pub(super) acts: usize,
    /// In thousandths: how often a message is echoed; how often a destructive act is done where one could be.
    pub(super) echo: u16,
    pub(super) violent: u16,
    pub(super) pausing: u16,
    /// Everything goes on in steps of at most so long.
    pub(super) step_max: Duration,
    pub(super) deflate: bool,
    pub(super) backlog: u32,
    pub(super) handshakes_max: u32,
    pub(super) naive_clients: usize,
    pub(super) naive_servers: usize,
    /// In thousandths: how often a message is prepared first, as one for many.
    pub(super) prepared: u16,
    pub(super) keep_alive: Option<KeepAlive>,
    pub(super) idle_timeout: Option<Duration>,
    /// Streams that are silent for a while are cut.
    pub(super) impatient: bool,
    pub(super) listener_max: u32,
    /// A handshake may come to nothing, since others stand in its way.
    pub(super) crowded: bool,
}

impl Setup {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let faults = Faults::harsh(rng);
        let mut setup = Self::on(rng, faults);
        setup.acts = rng.size(1, 120);
        setup
    }

    /// As [`draw`](Self::draw), with messages whose bytes are shared.
    pub(super) fn shared(rng: &mut Rng) -> Self {
        Self {
            prepared: 500,
            ..Self::draw(rng)
        }
    }

    /// A small world in which nothing goes wrong by itself.
    pub(super) fn small(rng: &mut Rng) -> Self {
        let mut setup = Self::on(rng, Faults::none());
        setup.acts = 12;
        setup.naive_clients = 1;
        setup.naive_servers = 1;
        setup.violent = 0;
        setup.backlog = 128;
        setup.handshakes_max = 4096;
        setup.listener_max = u32::MAX;
        (setup.idle_timeout, setup.impatient) = (None, false);
        setup.keep_alive = None;
        setup.config.connections_max = 1 << 20;
        setup.crowded = false;
        setup
    }

    fn on(rng: &mut Rng, faults: Faults) -> Self {
        let (backlog, handshakes_max) = (rng.pick(&[128, 128, 1]), rng.pick(&[4096, 4096, 4, 1]));
        let connections_max = rng.pick(&[1 << 20, 1 << 20, 1 << 20, 6]);
        let listener_max = rng.pick(&[u32::MAX, u32::MAX, u32::MAX, 2]);
        let (keeps_alive, impatient) = (rng.chance(300), rng.chance(100));
        let interval = Duration::from_millis(rng.pick(&[20, 1000, 30_000]));
        let timeout = if impatient {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(5000)
        };
        let least = faults.capacity_bytes.0;
        let roomy = least >= 65_536 && faults.latency_max <= Duration::from_millis(1);
        let message_max = if roomy && rng.chance(200) {
            200_000
        } else {
            rng.pick(&[20, 300, 5_000])
        };
        Self {
            config: Config {
                read_budget_bytes: rng.size(1024, 1 << 19),
                accept_budget: rng.size(1, 64),
                connections_max,
                linger_timeout: Duration::from_secs(900),
                handle_queue_len: rng.pick(&[2, 4096]),
                ..Config::default()
            },
            arena_bytes: rng.pick(&[4096, 16_384, 1 << 18]),
            budget: (least * 40).clamp(400, 20_000).max(2 * message_max.min(least * 40)),
            message_max,
            acts: 0,
            echo: rng.pick(&[0, 300, 1000]),
            violent: rng.pick(&[0, 0, 200, 1000]),
            pausing: rng.pick(&[0, 200, 1000]),
            step_max: Duration::from_micros(rng.pick(&[1, 1_000, 200_000])),
            deflate: cfg!(feature = "deflate") && rng.chance(250),
            backlog,
            handshakes_max,
            naive_clients: rng.size(0, 5),
            naive_servers: rng.size(0, 2),
            prepared: 0,
            keep_alive: keeps_alive.then_some(KeepAlive { interval, timeout }),
            idle_timeout: impatient.then(|| Duration::from_millis(rng.pick(&[500, 20_000]))),
            impatient,
            listener_max,
            crowded: backlog == 1 || handshakes_max < 4096 || connections_max == 6 || listener_max == 2,
            faults,
        }
    }

    pub(super) fn protocol(&self) -> proto::Config {
        proto::Config {
            limits: Limits {
                pong_queue_bytes: 80,
                ..Limits::default()
            },
            opening_timeout: Duration::from_secs(3000),
            closing_timeout: Duration::from_secs(9000),
            plain_requests: false,
            #[cfg(feature = "deflate")]
            deflate: self.deflate.then(|| proto::Deflate {
                contexts: proto::Contexts::new(64 << 20),
                ..proto::Deflate::default()
            }),
        }
    }

    pub(super) fn queue(&self, rng: &mut Rng) -> QueueOptions {
        let limit_bytes = rng.pick(&[65 << 20, 4 * self.message_max, 500]);
        let high_water_bytes = rng.size(1, limit_bytes.min(20_000));
        QueueOptions {
            high_water_bytes,
            low_water_bytes: rng.size(0, high_water_bytes),
            limit_bytes,
            slow_reader: rng.pick(&[SlowReader::Refuse, SlowReader::DropNewest, SlowReader::Close]),
        }
    }
}

/// How a naive peer's connection is going to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It says a Close, and waits for the other's.
    Closes,
    /// It says nothing more, but listens and answers.
    StaysSilent,
    /// What follows is no good end.
    HalfCloses,
    Resets,
    GoesDeaf,
    StallsInHandshake,
    Violates,
    Refuses,
}

impl Ending {
    pub(super) const fn trouble(self) -> Option<&'static str> {
        match self {
            Self::Closes | Self::StaysSilent => None,
            Self::HalfCloses => Some("the naive peer half-closes"),
            Self::Resets => Some("the naive peer resets"),
            Self::GoesDeaf => Some("the naive peer is deaf"),
            Self::StallsInHandshake => Some("the naive peer stalls"),
            Self::Violates => Some("the naive peer breaks the protocol"),
            Self::Refuses => Some("the naive peer refuses"),
        }
    }
}

/// Draws a naive peer's plan.
pub(super) fn plan(rng: &mut Rng, setup: &Setup, is_server: bool) -> (Vec<Act>, Reading, Ending) {
    use Ending::{Closes, GoesDeaf, HalfCloses, Refuses, Resets, StallsInHandshake, StaysSilent, Violates};
    let ending = if rng.chance(700) || setup.violent == 0 {
        rng.pick(&[Closes, Closes, StaysSilent])
    } else {
        let last = if is_server { Refuses } else { StallsInHandshake };
        rng.pick(&[HalfCloses, Resets, GoesDeaf, Violates, last])
    };
    let slow = Reading::Slow(rng.size(64, 8192), Duration::from_micros(rng.below(20_000)));
    let reading = match ending {
        GoesDeaf => Reading::Never,
        _ => rng.pick(&[Reading::Prompt, Reading::Prompt, slow]),
    };
    let mut acts = Vec::new();
    match (is_server, ending) {
        (false, StallsInHandshake) => {
            acts.push(Act::Write(
                REQUEST.as_bytes()[..rng.below(REQUEST.len() as u64) as usize].to_vec(),
            ));
            return (acts, reading, ending);
        }
        (true, Refuses) => {
            acts.push(Act::AwaitOpen);
            let refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno";
            acts.extend([Act::Write(refusal.to_vec()), Act::Shutdown]);
            return (acts, reading, ending);
        }
        (false, _) => acts.push(Act::Write(REQUEST.as_bytes().to_vec())),
        (true, _) => acts.extend([Act::AwaitOpen, pause(rng, 5_000), Act::Accept]),
    }
    if !is_server && reading == Reading::Never {
        acts.push(Act::Pause(Duration::from_secs(3)));
    } else if !is_server && !rng.chance(200) {
        acts.push(Act::AwaitOpen);
    }
    let mut budget = setup.budget;
    for _ in 0..rng.size(0, 40) {
        let size = rng.size(0, budget.min(setup.message_max));
        budget -= size;
        acts.push(say(rng, size));
        // A burst fills what may wait of pongs.
        let burst = if rng.chance(20) {
            12
        } else {
            usize::from(rng.chance(100))
        };
        for _ in 0..burst {
            let size = rng.size(0, 40);
            acts.push(Act::Ping(bytes(rng, size)));
        }
        if rng.chance(150) {
            acts.push(pause(rng, 100_000));
        }
    }
    match ending {
        Closes => acts.push(Act::Close(Frame::close(Some(rng.pick(&[1000, 3000, 4999])), "done"))),
        HalfCloses => acts.push(Act::Shutdown),
        Resets => acts.push(Act::Reset),
        Violates => acts.push(Act::Write(vec![0xff, 0x7f, 0, 0, 0, 0])),
        StaysSilent | GoesDeaf | StallsInHandshake | Refuses => {}
    }
    (acts, reading, ending)
}

fn pause(rng: &mut Rng, most_micros: u64) -> Act {
    Act::Pause(Duration::from_micros(rng.below(most_micros)))
}

fn say(rng: &mut Rng, size: usize) -> Act {
    let (text, payload) = message(rng, size);
    let mut rest = &payload[..];
    let mut pieces = Vec::new();
    while rng.chance(200) {
        let (piece, after) = rest.split_at(rng.below(rest.len() as u64 + 1) as usize);
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces.push(rest.to_vec());
    Act::Say(text, pieces)
}

/// A message of at most `size` bytes.
pub(super) fn message(rng: &mut Rng, size: usize) -> Message {
    if rng.chance(500) {
        return (false, bytes(rng, size));
    }
    let mut text = String::with_capacity(size);
    while text.len() + 16 <= size {
        if rng.chance(300) {
            text.push_str(rng.pick(&["grün", "€uro", "𝄞", "\u{0}\n"]));
        } else {
            text.push_str(&format!("{:x}", rng.number()));
        }
    }
    while text.len() > size {
        text.pop();
    }
    (true, text.into_bytes())
}

pub(super) fn bytes(rng: &mut Rng, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    rng.fill(&mut bytes);
    bytes
}
