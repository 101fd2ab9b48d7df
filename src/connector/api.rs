//! The contract between connectors, the router that drives them, and the graph that links them.
//!
//! Connectors are sans-io: the router hands them the engine's events, the events that pipelines deliver, and the time;
//! they answer through [`Context`], which carries commands to the engine, emitted events, and lines for the log. None
//! of them blocks, and none knows a socket, a clock or a thread.

use std::boxed::Box;
use std::net::SocketAddr;
use std::string::String;
use std::time::Duration;
use std::vec::Vec;

use super::config::ConfigError;
use super::event::{ConnectorId, Delivery, Event, Port};
use super::ticket::{Outcome as TicketOutcome, TicketOffice};
use crate::engine::{self, ConnectOptions, Files, ListenOptions, ListenerId, Misuse, Sent, StreamId};
use crate::proto::{self, CloseCode, Instant, Message};

/// What a connector is to its neighbours at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// On the way to [`Status::Up`]: a client that dials, say. Sources in front of it wait.
    Starting,
    /// At work.
    Up,
    /// Up, but its queue is above the high-water mark: sources in front of it pause.
    Congested,
    /// A source that has given all it had (or a sink that will take nothing more, having been stopped).
    Finished,
    /// It will not come back; the text says why.
    Failed(String),
}

/// The steps of a graceful stop, in order; the router moves on when every connector says that it has
/// [`Connector::is_settled`], or when a third of the deadline is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopStep {
    /// Listeners stop accepting; files, standard input and metronomes stop at the next chunk.
    Sources,
    /// Each client sends all it has, then Close 1000, and delivers what comes until the peer's Close.
    Clients,
    /// Each server reads what waits, routes it, sends the replies, then Close 1001.
    Servers,
    /// Processors finish, files are synced, standard output is written out.
    Sinks,
}

/// How a stop was asked for by the `exit` connector or the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRequest {
    /// Drain first (true), or end at once.
    pub graceful: bool,
}

/// How much a line for the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The service, or a part of it, can't do its work.
    Error,
    /// Something that an operator should look at.
    Warn,
    /// What an operator wants to see of a healthy service.
    Info,
    /// For finding faults.
    Debug,
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// Who says it: `flow::connector`, or `wsloop` for the service itself.
    pub source: String,
    /// What happened, in one line.
    pub text: String,
}

/// The engine's commands as a connector may give them; the router implements them for the real engine, tests for
/// their own.
pub trait Commands {
    /// See [`engine::Engine::listen`]. Streams accepted by the listener belong to the calling connector.
    ///
    /// # Errors
    /// The system's refusal.
    fn listen(&mut self, options: ListenOptions) -> Result<ListenerId, engine::Error>;
    /// The address that a listener is bound to.
    ///
    /// # Errors
    /// The listener is closed.
    fn listener_addr(&self, listener: ListenerId) -> Result<SocketAddr, Misuse>;
    /// Stops accepting; open streams stay.
    fn close_listener(&mut self, listener: ListenerId);
    /// See [`engine::Engine::connect`]. The stream belongs to the calling connector.
    ///
    /// # Errors
    /// The attempt could not begin.
    fn connect(&mut self, options: ConnectOptions) -> Result<StreamId, engine::Error>;
    /// Accepts an opening handshake that was handed over.
    ///
    /// # Errors
    /// The stream is gone, or asked nothing.
    fn accept(&mut self, stream: StreamId, answer: proto::Accept) -> Result<(), Misuse>;
    /// Refuses an opening handshake that was handed over.
    ///
    /// # Errors
    /// The stream is gone, or asked nothing.
    fn refuse(&mut self, stream: StreamId, response: proto::Response) -> Result<(), Misuse>;
    /// Sends a message as one frame.
    ///
    /// # Errors
    /// The stream is gone or closing.
    fn send(&mut self, stream: StreamId, message: Message<'_>) -> Result<Sent, Misuse>;
    /// Sends a message that others get as well, encoded once.
    ///
    /// # Errors
    /// The stream is gone or closing.
    fn send_prepared(&mut self, stream: StreamId, message: &proto::Prepared) -> Result<Sent, Misuse>;
    /// What became of the messages that a stream was given; see [`engine::Engine::account`].
    ///
    /// # Errors
    /// The stream is gone, or its options ask for no account.
    fn account(&self, stream: StreamId) -> Result<engine::Account, Misuse>;
    /// Begins the close handshake, behind what is queued.
    ///
    /// # Errors
    /// The stream is gone.
    fn close(&mut self, stream: StreamId, code: Option<CloseCode>, reason: &str) -> Result<(), Misuse>;
    /// Drops what is queued but for the frame under way, closes with `code`, and resets if that isn't written
    /// within `deadline`.
    ///
    /// # Errors
    /// The stream is gone.
    fn close_now(&mut self, stream: StreamId, code: CloseCode, reason: &str, deadline: Duration) -> Result<(), Misuse>;
    /// Stops reading a stream; back-pressure reaches its peer.
    ///
    /// # Errors
    /// The stream is gone.
    fn pause(&mut self, stream: StreamId) -> Result<(), Misuse>;
    /// Reads a stream again.
    ///
    /// # Errors
    /// The stream is gone.
    fn resume(&mut self, stream: StreamId) -> Result<(), Misuse>;
    /// Bytes that wait to be written to a stream.
    ///
    /// # Errors
    /// The stream is gone.
    fn queued_bytes(&self, stream: StreamId) -> Result<usize, Misuse>;
    /// The address of a stream's peer.
    ///
    /// # Errors
    /// The stream is gone, or not connected yet.
    fn peer_addr(&self, stream: StreamId) -> Result<SocketAddr, Misuse>;
    /// What the loop has done so far.
    fn counters(&self) -> engine::Counters;
    /// Files and standard streams.
    fn files(&mut self) -> &mut dyn Files;
}

/// What a connector works with during a call.
pub struct Context<'a> {
    /// The connector's own id, for [`super::event::Origin`]s.
    pub id: ConnectorId,
    /// The monotonic clock.
    pub now: Instant,
    /// Nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// The engine and the files.
    pub commands: &'a mut dyn Commands,
    /// Where emitted events go: the router takes them through the graph after the call.
    pub emitted: &'a mut Vec<(Port, Event)>,
    /// Lines for the log.
    pub log: &'a mut Vec<LogLine>,
    /// Set by `exit`.
    pub stop: &'a mut Option<StopRequest>,
    /// For tickets of events that the connector wants to hear of again.
    pub tickets: &'a TicketOffice,
    /// Uniform random numbers from the system's generator, for jitter.
    pub random: &'a mut dyn FnMut() -> u64,
}

/// When a connector's turn comes to be started; in this order, so that what a connector needs is there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Files, standard streams, timers: all that needs no network.
    Local,
    /// Listens.
    Server,
    /// Dials, possibly a server of the same flow.
    Client,
}

/// Which of a connector's ports are linked, told before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Links {
    /// Something is linked to `in` (or `stdout`, `stderr`): it is used as a sink.
    pub sink: bool,
    /// Something is linked to `out`.
    pub out: bool,
    /// Something is linked to `err`.
    pub err: bool,
    /// Something is linked to `connections`.
    pub connections: bool,
}

/// One connector instance. What a kind has no use for it leaves to the defaults, which do nothing.
pub trait Connector {
    /// When it is to be started.
    fn rank(&self) -> Rank {
        Rank::Local
    }

    /// Opens what it needs: files, listeners, the first dial. Called once, after everything was checked.
    fn start(&mut self, links: Links, cx: &mut Context<'_>);

    /// Sources only: everything behind it is up (true), or some of it is congested or away (false). Nothing is read
    /// before the first `true`.
    fn handle_flow(&mut self, may_read: bool, cx: &mut Context<'_>) {
        let _ = (may_read, cx);
    }

    /// An event for one of its sink ports.
    fn handle_delivery(&mut self, port: Port, event: &Event, cx: &mut Context<'_>) {
        let _ = (port, event, cx);
    }

    /// An event of a stream that belongs to it.
    fn handle_stream(&mut self, stream: StreamId, event: &engine::Event<'_>, cx: &mut Context<'_>) {
        let _ = (stream, event, cx);
    }

    /// A file or standard stream that said `WouldBlock` may be ready.
    fn handle_files(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// The moment of [`Connector::poll_timeout`] has come.
    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// An event that it gave a ticket of that number has been given to the system by every sink, or never will be.
    fn handle_settled(&mut self, id: u64, outcome: TicketOutcome, cx: &mut Context<'_>) {
        let _ = (id, outcome, cx);
    }

    /// The operator asks for what was configured by files to be read again: certificates, say. What can't be used is
    /// told in the log, and everything stays as it was.
    fn handle_reload(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// A step of a graceful stop begins.
    fn handle_stop(&mut self, step: StopStep, cx: &mut Context<'_>) {
        let _ = (step, cx);
    }

    /// Whether the step under way is done as far as this connector is concerned.
    fn is_settled(&self, step: StopStep) -> bool {
        let _ = step;
        true
    }

    /// When it wants [`Connector::handle_timeout`]; a moment in the past means at once (a file with more to read).
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// What it is to its neighbours.
    fn status(&self) -> Status;

    /// Sources only: it will give no more events of its own accord, although, being a sink as well, it may still be
    /// up (a terminal whose input has ended, say).
    fn is_exhausted(&self) -> bool {
        matches!(self.status(), Status::Finished | Status::Failed(_))
    }

    /// What a stop has cut, a line each, for the end of the log; empty if nothing was. It decides the exit code.
    fn losses(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A connector that was built from its definition and whose configuration was found good.
pub struct Built {
    /// `flow::connector`, as error events and the log name it.
    pub name: String,
    /// The connector.
    pub connector: Box<dyn Connector>,
    /// What was found good but doubtful in its definition.
    pub warnings: Vec<ConfigError>,
    /// It makes frames of bytes that need not be text, and events are errors that are not and don't say so by `$binary`.
    pub needs_binary: bool,
}

/// The links between connectors, with the pipelines in between; implemented by the flow.
pub trait Wiring {
    /// Takes an event that `from` emitted on `port` through the pipelines and appends what reaches connectors.
    fn handle_event(&mut self, from: ConnectorId, port: Port, event: Event, deliveries: &mut Vec<Delivery>);

    /// Pipelines that work by time (windows).
    fn handle_timeout(&mut self, now: Instant, deliveries: &mut Vec<Delivery>);

    /// When the pipelines want [`Wiring::handle_timeout`].
    fn poll_timeout(&self) -> Option<Instant>;

    /// Every sink that an event of `from` may reach, through whatever pipelines.
    fn sinks_behind(&self, from: ConnectorId) -> &[ConnectorId];

    /// Which ports of `of` are linked.
    fn links(&self, of: ConnectorId) -> Links;

    /// Moves lines for the log (run-time errors of pipelines) to `log`.
    fn poll_log(&mut self, log: &mut Vec<LogLine>);
}
