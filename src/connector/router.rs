//! [`Router`]: drives a flow's connectors. It brings the engine's events, the time and each other's events to them, and
//! their commands to the engine.

mod commands;
mod slots;
mod stopping;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::string::{String, ToString};
use std::time::Duration;
use std::vec::Vec;

use self::commands::EngineCommands;
use self::slots::Slot;
use self::stopping::Stopping;
use super::api::{Built, Connector, Context, Level, LogLine, Rank, StopRequest, Wiring};
use super::event::{ConnectorId, Delivery, Event, Port};
use super::ticket::{Settled, TicketOffice};
use crate::engine::{self, Engine, Events, Files, ListenerId, Notice, Signal, StreamId, Sys};
use crate::proto::Instant;

/// Who speaks in lines for the log that are about the service as a whole.
const SERVICE: &str = "wsloop";

/// Random numbers kept for connectors; one call of a connector's takes one or two.
const RANDOM_NUMBERS: usize = 8;

/// What a router may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterOptions {
    /// How long a graceful stop may take in all; each step of it may take a third. Default 5 s.
    pub stop_timeout: Duration,
}

impl Default for RouterOptions {
    fn default() -> Self {
        Self {
            stop_timeout: Duration::from_secs(5),
        }
    }
}

/// Where the service stands after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It goes on.
    Running,
    /// It has ended.
    Ended(Outcome),
}

/// How a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was stopped, or had done all there was to do, and nothing was lost.
    Done,
    /// It was stopped in good order, but something was cut or lost; the log says what.
    Incomplete,
    /// A connector failed and nothing was left to do.
    Failed,
    /// A second signal, while it stopped, ended it at once.
    Killed(Signal),
}

impl Outcome {
    /// The exit code that tells it: 0; 1 for [`Outcome::Incomplete`] and [`Outcome::Failed`]; 128 and the signal's
    /// number for [`Outcome::Killed`].
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Incomplete | Self::Failed => 1,
            Self::Killed(Signal::Interrupt) => 130,
            Self::Killed(Signal::Terminate) => 143,
        }
    }
}

/// A place where a service listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening<'a> {
    /// The connector, `flow::alias`.
    pub name: &'a str,
    /// The address, with the port that the system chose if 0 was asked for.
    pub addr: SocketAddr,
    /// Whether its connections speak TLS.
    pub is_secure: bool,
}

/// A running service: connectors, the links between them, and the engine beneath.
///
/// Connectors that nothing is linked to are never started. The others start in the order of their [`Rank`]; a source
/// reads while every sink behind it is up. When no source has anything more to give and no server listens, the service
/// stops by itself.
pub struct Router<S: Sys + Files, W: Wiring> {
    core: Core<S, W>,
    events: Events,
}

/// All but the queue of events, which is read while this is changed.
struct Core<S: Sys + Files, W: Wiring> {
    engine: Engine<S>,
    slots: Vec<Slot>,
    wiring: W,
    options: RouterOptions,
    listeners: Vec<(ListenerId, ConnectorId)>,
    /// Emitted events that have not been taken through the wiring yet.
    queue: VecDeque<(ConnectorId, Port, Event)>,
    emitted: Vec<(Port, Event)>,
    deliveries: Vec<Delivery>,
    log: Vec<LogLine>,
    tickets: TicketOffice,
    settled: Vec<Settled>,
    random: Vec<u64>,
    now: Instant,
    wall_ns: u64,
    is_started: bool,
    was_signalled: bool,
    stop_request: Option<StopRequest>,
    stopping: Option<Stopping>,
    outcome: Option<Outcome>,
}

impl<S: Sys + Files, W: Wiring> Router<S, W> {
    /// A service that starts with its first turn. The position of a connector in `connectors` is the [`ConnectorId`] by
    /// which `wiring` knows it.
    #[must_use]
    pub fn new(engine: Engine<S>, connectors: Vec<Built>, wiring: W, options: RouterOptions) -> Self {
        let ids = (0..).map(ConnectorId);
        let slots = ids
            .zip(connectors)
            .map(|(id, built)| Slot::new(built, wiring.links(id)))
            .collect();
        Self {
            core: Core {
                engine,
                slots,
                wiring,
                options,
                listeners: Vec::new(),
                queue: VecDeque::new(),
                emitted: Vec::new(),
                deliveries: Vec::new(),
                log: Vec::new(),
                tickets: TicketOffice::default(),
                settled: Vec::new(),
                random: Vec::new(),
                now: Instant::ZERO,
                wall_ns: 0,
                is_started: false,
                was_signalled: false,
                stop_request: None,
                stopping: None,
                outcome: None,
            },
            events: Events::default(),
        }
    }

    /// Waits until something happens, or `timeout` has passed (`None`: for ever), and does all that follows from it.
    ///
    /// # Errors
    /// The system's own failure; the service can't go on.
    pub fn turn(&mut self, timeout: Option<Duration>) -> Result<Turn, engine::Error> {
        let Self { core, events } = self;
        // What the start has to say and to do is not kept waiting for the first thing that happens.
        let has_started = core.begin();
        if core.outcome.is_none() {
            let timeout = if has_started {
                Some(Duration::ZERO)
            } else {
                core.bounded(timeout)
            };
            core.engine.poll(events, timeout)?;
            core.see_the_time();
            for notice in events.notices() {
                core.handle_notice(notice);
            }
            for (stream, event) in &*events {
                core.handle_stream(stream, &event);
            }
            core.handle_timeouts();
        }
        core.settle();
        Ok(core.outcome.map_or(Turn::Running, Turn::Ended))
    }

    /// Takes turns until the service ends, and gives each line for the log to `log`.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn run(&mut self, log: &mut dyn FnMut(LogLine)) -> Result<Outcome, engine::Error> {
        loop {
            let turn = self.turn(None);
            self.poll_log().for_each(&mut *log);
            if let Turn::Ended(outcome) = turn? {
                return Ok(outcome);
            }
        }
    }

    /// The lines for the log since the last call.
    pub fn poll_log(&mut self) -> impl Iterator<Item = LogLine> + '_ {
        self.core.log.drain(..)
    }

    /// Asks for a stop, as a signal or the connector `exit` does.
    pub fn stop(&mut self, request: StopRequest) {
        self.core.stop_request.get_or_insert(request);
    }

    /// Where the service listens.
    pub fn listeners(&self) -> impl Iterator<Item = Listening<'_>> {
        self.core.listeners.iter().filter_map(|(listener, owner)| {
            Some(Listening {
                name: self.core.slots.get(owner.0 as usize)?.name.as_str(),
                addr: self.core.engine.local_addr(*listener).ok()?,
                is_secure: self.core.engine.is_secure(*listener).ok()?,
            })
        })
    }

    /// The engine beneath: its handle and counters, say.
    pub const fn engine(&mut self) -> &mut Engine<S> {
        &mut self.core.engine
    }
}

impl<S: Sys + Files, W: Wiring> Core<S, W> {
    /// Starts the connectors, if that has not been done: then it is true.
    fn begin(&mut self) -> bool {
        self.see_the_time();
        if self.is_started {
            return false;
        }
        self.is_started = true;
        for rank in [Rank::Local, Rank::Server, Rank::Client] {
            for id in self.ids() {
                let slot = &self.slots[id.0 as usize];
                if slot.is_linked() && slot.connector.rank() == rank {
                    let links = slot.links;
                    self.call(id, |connector, cx| connector.start(links, cx));
                }
            }
        }
        self.settle();
        true
    }

    fn ids(&self) -> impl Iterator<Item = ConnectorId> + use<S, W> {
        (0..self.slots.len() as u32).map(ConnectorId)
    }

    fn see_the_time(&mut self) {
        self.now = self.engine.now();
        self.wall_ns = u64::try_from(self.engine.wall_now().as_nanos()).unwrap_or(u64::MAX);
    }

    /// Calls a connector and takes what it emitted.
    fn call(&mut self, id: ConnectorId, work: impl FnOnce(&mut dyn Connector, &mut Context<'_>)) {
        self.fill_random();
        let Some(slot) = self.slots.get_mut(id.0 as usize).filter(|slot| slot.is_linked()) else {
            return;
        };
        let random = &mut self.random;
        let mut cx = Context {
            id,
            now: self.now,
            wall_ns: self.wall_ns,
            commands: &mut EngineCommands {
                engine: &mut self.engine,
                listeners: &mut self.listeners,
                owner: id,
            },
            emitted: &mut self.emitted,
            log: &mut self.log,
            stop: &mut self.stop_request,
            tickets: &self.tickets,
            random: &mut || random.pop().unwrap_or_default(),
        };
        work(&mut *slot.connector, &mut cx);
        let emitted = self.emitted.drain(..).map(|(port, event)| (id, port, event));
        self.queue.extend(emitted);
    }

    /// The generator is the system's, and out of reach while the engine is lent to a connector.
    fn fill_random(&mut self) {
        if self.random.len() >= RANDOM_NUMBERS / 2 {
            return;
        }
        let mut bytes = [0; RANDOM_NUMBERS * 8];
        self.engine.sys_mut().fill(&mut bytes);
        let (numbers, _) = bytes.as_chunks::<8>();
        self.random
            .extend(numbers.iter().map(|number| u64::from_ne_bytes(*number)));
    }

    /// Takes emitted events through the wiring to where they go, in order. That comes to an end: what a delivery makes a
    /// connector emit is an error event, and an error event gives rise to none.
    fn deliver(&mut self) {
        while let Some((from, port, event)) = self.queue.pop_front() {
            self.wiring.handle_event(from, port, event, &mut self.deliveries);
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        for Delivery { to, port, event } in deliveries.drain(..) {
            self.call(to, |connector, cx| connector.handle_delivery(port, &event, cx));
        }
        self.deliveries = deliveries;
    }

    /// Tells sources what became of events that they wanted to hear of again.
    fn tell_outcomes(&mut self) {
        let mut settled = std::mem::take(&mut self.settled);
        self.tickets.poll_settled(&mut settled);
        for Settled { source, id, outcome } in settled.drain(..) {
            self.call(source, |connector, cx| connector.handle_settled(id, outcome, cx));
        }
        self.settled = settled;
        self.deliver();
    }

    fn handle_notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Signal(signal) => self.handle_signal(*signal),
            Notice::Reload => {
                self.say(Level::Info, SERVICE, "SIGHUP: reading certificates again");
                for id in self.ids() {
                    self.call(id, |connector, cx| connector.handle_reload(cx));
                }
            }
            Notice::Files => {
                for id in self.ids() {
                    self.call(id, |connector, cx| connector.handle_files(cx));
                }
                self.deliver();
            }
            Notice::ListenerPaused { error, .. } => {
                let text = std::format!("no connection can be accepted for now: {error}");
                self.say(Level::Warn, SERVICE, text);
            }
            Notice::Woken
            | Notice::CommandFailed { .. }
            | Notice::MessageNotQueued { .. }
            | Notice::ListenerFull { .. }
            | Notice::ConnectionRefused { .. } => {}
        }
    }

    fn handle_stream(&mut self, stream: StreamId, event: &engine::Event<'_>) {
        if let Some(owner) = self.owner(stream) {
            self.call(owner, |connector, cx| connector.handle_stream(stream, event, cx));
            self.deliver();
        }
    }

    /// The stream's own number tells its connector: one more than its id. A stream that was accepted has none yet.
    fn owner(&mut self, stream: StreamId) -> Option<ConnectorId> {
        if let Some(id) = self.engine.data(stream).ok()?.checked_sub(1) {
            return Some(ConnectorId(u32::try_from(id).ok()?));
        }
        let listener = self.engine.listener_of(stream).ok()??;
        let (_, owner) = self.listeners.iter().find(|(known, _)| *known == listener)?;
        self.engine.set_data(stream, u64::from(owner.0) + 1).ok()?;
        Some(*owner)
    }

    fn handle_timeouts(&mut self) {
        let now = self.now;
        if self.wiring.poll_timeout().is_some_and(|due| due <= now) {
            self.wiring.handle_timeout(now, &mut self.deliveries);
            self.hand_over();
            self.deliver();
        }
        for id in self.ids() {
            let due = self.slots[id.0 as usize].poll_timeout();
            if due.is_some_and(|due| due <= now) {
                self.call(id, |connector, cx| connector.handle_timeout(cx));
                self.deliver();
            }
        }
    }

    /// The time to wait at most: until the first connector, pipeline or step of a stop wants to be called.
    fn bounded(&self, timeout: Option<Duration>) -> Option<Duration> {
        let due = self
            .slots
            .iter()
            .filter_map(Slot::poll_timeout)
            .chain(self.wiring.poll_timeout())
            .chain(self.stopping.as_ref().map(Stopping::deadline))
            .min()
            .map(|due| due - self.now);
        match (timeout, due) {
            (Some(timeout), Some(due)) => Some(timeout.min(due)),
            (timeout, due) => timeout.or(due),
        }
    }

    /// What follows from all that happened: sources go on or wait, a stop begins or goes on, the service ends.
    fn settle(&mut self) {
        self.deliver();
        self.tell_outcomes();
        self.update_flow();
        self.advance_stop();
        self.wiring.poll_log(&mut self.log);
    }

    fn say(&mut self, level: Level, source: &str, text: impl Into<String>) {
        self.log.push(LogLine {
            level,
            source: source.to_string(),
            text: text.into(),
        });
    }
}
