//! `ws_server`: listens for WebSocket connections; each is a stream of events, and events find their way back to it.

mod connections;
mod target;

use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use self::connections::{Connection, Connections};
use super::api::{Connector, Context, Level, Links, LogLine, Rank, Status, StopStep};
use super::build::Setup;
use super::config::ConfigError;
use super::doc::{Example, Page};
use super::event::{Event, Origin, Port};
use super::reconnect::{Next, Reconnect};
use super::ws::meta::{self, Metadata};
use super::ws::options::{SERVER_OPTIONS, ServerPlan};
use super::{Processing, error_event, tls};
use crate::engine::{self, ListenerId, Sent, StreamId};
use crate::proto::{Accept, CloseCode, Instant, Request, Response};

/// In the step of a stop that closes connections, what waits to be read is read first; but not for longer than this, or
/// a client that never pauses would be cut in the end.
const READ_ON: Duration = Duration::from_millis(500);

pub(super) const PAGE: Page = Page {
    summary: "Listens for WebSocket connections; each is a stream of events, and events find their way back to it",
    text: r#"
Each message of a connection passes the preprocessors and the codec, and what comes of it are events on `out`; what can't be
understood is an event on `err`. An event that reaches `in` goes to the connection that its metadata names
(`$ws_server.peer` or `$ws_server.stream`), else to every open connection that it came from; each piece that codec and
postprocessors make of it is one frame: a text frame, or a binary one if `$binary` is `true`.
"#,
    options: SERVER_OPTIONS,
    examples: &[Example::Flow {
        title: "An echo service",
        text: r#"
define flow echo
flow
  define connector server from ws_server with codec = "json", config = {"url": "127.0.0.1:4242"} end;
  define pipeline same pipeline select event from in into out end;
  create connector server; create pipeline same;
  connect /connector/server to /pipeline/same;
  connect /pipeline/same to /connector/server;
end;
deploy flow echo
"#,
    }],
};

pub(super) fn make(setup: Setup<'_>) -> Result<Box<dyn Connector>, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let plan = ServerPlan::read(setup.with, setup.files, &mut errors).ok_or(errors)?;
    Ok(Box::new(WsServer {
        name: setup.name,
        plan,
        processing: setup.processing,
        reconnect: Reconnect::new(setup.reconnect),
        state: State::Idle,
        connections: Connections::default(),
        may_read: false,
        has_read: false,
        untargeted: 0,
        cut: 0,
    }))
}

struct WsServer {
    name: Arc<str>,
    plan: ServerPlan,
    processing: Processing,
    reconnect: Reconnect,
    state: State,
    connections: Connections,
    may_read: bool,
    /// A message came since the last look: what waits has not been read to its end.
    has_read: bool,
    /// Events that no open connection was the target of.
    untargeted: u64,
    /// Connections that were still open when time was up.
    cut: usize,
}

enum State {
    Idle,
    Listening(ListenerId),
    /// The address could not be bound; the next attempt is at this moment.
    Waiting(Instant),
    /// A stop has begun; connections go on.
    Closed,
    /// What waits is read, until this moment.
    ReadingOn(Instant),
    /// Every connection was sent its Close.
    Closing,
    Failed(String),
}

impl WsServer {
    fn say(&self, cx: &mut Context<'_>, level: Level, text: String) {
        let source = self.name.to_string();
        cx.log.push(LogLine { level, source, text });
    }

    fn listen(&mut self, cx: &mut Context<'_>) {
        match cx.commands.listen(self.plan.listen.clone()) {
            Ok(listener) => {
                self.reconnect.succeeded();
                self.state = State::Listening(listener);
                if let Ok(addr) = cx.commands.listener_addr(listener) {
                    let text = format!("ws_server {} listens on {}://{addr}", self.name, self.plan.scheme);
                    self.say(cx, Level::Info, text);
                }
            }
            Err(error) => match self.reconnect.failed((cx.random)()) {
                Next::Retry(wait) => {
                    self.say(
                        cx,
                        Level::Warn,
                        format!("{error}; next attempt in {} ms", wait.as_millis()),
                    );
                    self.state = State::Waiting(cx.now + wait);
                }
                Next::GiveUp(reason) => self.state = State::Failed(format!("{error} ({reason})")),
            },
        }
    }

    /// A client asks to open a stream: accepted, unless it comes from a page or for a path that is not served.
    fn handle_request(&mut self, stream: StreamId, request: &Request, cx: &mut Context<'_>) {
        if let Some(response) = self.refusal(request) {
            // A stream that is gone needs no answer.
            let _ = cx.commands.refuse(stream, response);
            return;
        }
        let spoken = self.plan.subprotocols.iter();
        let subprotocol = spoken
            .map(String::as_str)
            .find(|name| request.subprotocols().any(|offered| offered == *name));
        let answer = subprotocol.map_or_else(Accept::new, |name| Accept::new().subprotocol(name));
        if cx.commands.accept(stream, answer).is_err() {
            return;
        }
        let peer = cx.commands.peer_addr(stream).ok();
        let mut record = meta::connection(self.plan.scheme == "wss", peer, stream);
        record.insert("request".into(), meta::request(request, subprotocol));
        let origin = Origin {
            connector: cx.id,
            stream: stream.as_u64(),
        };
        let connection = Connection {
            stream,
            peer,
            metadata: Metadata::new(&["ws_server"], record),
            reader: self.processing.reader(Arc::clone(&self.name), origin),
            writer: self.processing.writer(),
            is_open: false,
            dropped: 0,
        };
        self.connections.insert(connection);
        if !self.may_read {
            let _ = cx.commands.pause(stream);
        }
    }

    fn refusal(&self, request: &Request) -> Option<Response> {
        let plain = |status, text: &str| Response::new(status).header("Content-Type", "text/plain").body(text);
        let is_served = |paths: &Vec<String>| paths.iter().any(|path| path == request.path());
        if !self.plan.paths.as_ref().is_none_or(is_served) {
            return Some(plain(404, "There is no WebSocket at this path.\n"));
        }
        let origins = self.plan.origins.as_ref()?;
        let is_allowed = origins.iter().any(|allowed| match (allowed, request.origin()) {
            (Some(allowed), Some(origin)) => allowed.eq_ignore_ascii_case(origin),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        });
        (!is_allowed).then(|| plain(403, "This origin is not allowed.\n"))
    }

    /// The connection has ended: what the preprocessors held back becomes events, which can still be answered where the
    /// peer closed in good order.
    fn handle_ended(&mut self, stream: StreamId, reason: Option<String>, cx: &mut Context<'_>) {
        let Some(connection) = self.connections.end(stream) else {
            return;
        };
        let metadata = connection.metadata.text.clone();
        connection.reader.finish(&metadata, cx.wall_ns, cx.emitted);
        let (peer, dropped) = (connection.peer, connection.dropped);
        let peer = peer.map_or_else(|| "a peer".to_string(), |peer| peer.to_string());
        if let Some(reason) = reason {
            self.say(
                cx,
                Level::Debug,
                format!("the connection with {peer} has failed: {reason}"),
            );
        }
        if dropped > 0 {
            self.say(
                cx,
                Level::Warn,
                format!("{dropped} messages for {peer} were dropped, since it did not read"),
            );
        }
    }

    fn deliver(&mut self, event: &Event, cx: &mut Context<'_>) {
        // A target may turn out to be gone: then the event goes to whom it goes to without that one. Each round but the
        // last takes at least one connection off the open ones.
        loop {
            let targets = self.connections.targets(event, cx.id);
            if targets.is_empty() {
                self.untargeted += 1;
                return self.emit_error("no open connection is the target of this event", 0, event, cx);
            }
            let mut was_there = false;
            for stream in targets {
                match self.send(stream, event, cx) {
                    Ok(is_there) => was_there |= is_there,
                    Err(error) => {
                        was_there = true;
                        self.emit_error(&error, stream.as_u64(), event, cx);
                    }
                }
            }
            if was_there {
                return;
            }
        }
    }

    /// Sends an event to a connection; `false` if that is gone.
    fn send(&mut self, stream: StreamId, event: &Event, cx: &mut Context<'_>) -> Result<bool, String> {
        let Some(connection) = self.connections.find(stream) else {
            return Ok(false);
        };
        let before = connection.dropped;
        let Connection {
            writer,
            dropped,
            is_open,
            ..
        } = connection;
        let commands = &mut *cx.commands;
        let (mut was_closed, mut is_gone) = (false, false);
        let written = super::ws::frame::write(writer, event, &mut |message| match commands.send(stream, message) {
            Ok(Sent::Queued { .. } | Sent::AboveHighWater { .. }) => {}
            Ok(Sent::Dropped { .. } | Sent::Refused { .. }) => *dropped += 1,
            Ok(Sent::Closing) => {
                *dropped += 1;
                *is_open = false;
                was_closed = true;
            }
            // Its Close has been sent, or it is gone: there is nothing to send to any more.
            Err(_) => {
                *is_open = false;
                is_gone = true;
            }
        });
        let is_first = before == 0 && connection.dropped > 0;
        let peer = connection
            .peer
            .map_or_else(|| "a peer".to_string(), |peer| peer.to_string());
        if was_closed {
            self.say(
                cx,
                Level::Warn,
                format!("{peer} does not read what is sent to it, and is being closed (1013)"),
            );
        } else if is_first && self.connections.is_open(stream) {
            self.say(
                cx,
                Level::Warn,
                format!("{peer} does not read what is sent to it: messages are being dropped"),
            );
        }
        written.map(|()| !is_gone)
    }

    /// Tells on `err` what became of an event; an event that came from an `err` port gives rise to none.
    fn emit_error(&self, text: &str, stream: u64, event: &Event, cx: &mut Context<'_>) {
        if !event.is_error {
            let base = Event {
                ingest_ns: cx.wall_ns,
                ..event.clone()
            };
            cx.emitted
                .push((Port::Err, error_event(&self.name, text, stream, 0, base)));
        }
    }

    /// Sends every open connection what its postprocessors hold back, and its Close.
    fn close_all(&mut self, cx: &mut Context<'_>) {
        self.state = State::Closing;
        let mut problems = Vec::new();
        for connection in self.connections.iter_mut().filter(|connection| connection.is_open) {
            let (stream, commands) = (connection.stream, &mut *cx.commands);
            let finished = super::ws::frame::finish(&mut connection.writer, cx.wall_ns, &mut |message| {
                let _ = commands.send(stream, message);
            });
            problems.extend(finished.err());
            // One that closes already is on its way to where this leads.
            let _ = cx.commands.close(stream, Some(CloseCode::GOING_AWAY), "");
            let _ = cx.commands.resume(stream);
        }
        for problem in problems {
            self.say(cx, Level::Warn, problem);
        }
    }
}

impl Connector for WsServer {
    fn rank(&self) -> Rank {
        Rank::Server
    }

    fn start(&mut self, _links: Links, cx: &mut Context<'_>) {
        self.listen(cx);
    }

    fn handle_flow(&mut self, may_read: bool, cx: &mut Context<'_>) {
        self.may_read = may_read;
        for connection in self.connections.iter_mut() {
            // One that is gone has nothing to pause.
            let _ = if may_read {
                cx.commands.resume(connection.stream)
            } else {
                cx.commands.pause(connection.stream)
            };
        }
    }

    fn handle_delivery(&mut self, _port: Port, event: &Event, cx: &mut Context<'_>) {
        self.deliver(event, cx);
    }

    fn handle_stream(&mut self, stream: StreamId, event: &engine::Event<'_>, cx: &mut Context<'_>) {
        self.connections.forget_ended();
        match event {
            engine::Event::Request(request) => self.handle_request(stream, request, cx),
            engine::Event::Opened(_) => {
                if let Some(connection) = self.connections.find(stream) {
                    connection.is_open = true;
                }
            }
            engine::Event::Message(message) => {
                self.has_read = true;
                if let Some(connection) = self.connections.find(stream) {
                    let metadata = &connection.metadata;
                    let metadata = if message.is_text() {
                        &metadata.text
                    } else {
                        &metadata.binary
                    };
                    connection
                        .reader
                        .read(message.as_bytes(), metadata, cx.wall_ns, cx.emitted);
                }
            }
            engine::Event::Closed(_) => self.handle_ended(stream, None, cx),
            engine::Event::Failed(failure) => self.handle_ended(stream, Some(tls::explain(failure)), cx),
            // A slow reader's policy is the engine's; pings are answered by it.
            _ => {}
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        match self.state {
            State::Waiting(until) if until <= cx.now => self.listen(cx),
            State::ReadingOn(until) => {
                if self.has_read && cx.now < until {
                    self.has_read = false;
                } else {
                    self.close_all(cx);
                }
            }
            State::Idle
            | State::Waiting(_)
            | State::Listening(_)
            | State::Closed
            | State::Closing
            | State::Failed(_) => {}
        }
    }

    fn handle_reload(&mut self, cx: &mut Context<'_>) {
        if let Some(tls) = &self.plan.tls {
            match tls.reload(cx.commands.files()) {
                Ok(()) => self.say(cx, Level::Info, "the certificates were read again".into()),
                Err(error) => {
                    self.say(cx, Level::Warn, format!("the certificates stay as they were: {error}"));
                }
            }
        }
    }

    fn handle_stop(&mut self, step: StopStep, cx: &mut Context<'_>) {
        match step {
            StopStep::Sources => {
                if let State::Listening(listener) = self.state {
                    cx.commands.close_listener(listener);
                }
                if !matches!(self.state, State::Failed(_)) {
                    self.state = State::Closed;
                }
            }
            StopStep::Clients => {}
            StopStep::Servers => {
                if matches!(self.state, State::Closed) {
                    // What is there already is seen in the next turn.
                    self.has_read = true;
                    self.state = State::ReadingOn(cx.now + READ_ON);
                }
            }
            StopStep::Sinks => {
                if matches!(self.state, State::ReadingOn(_)) {
                    self.close_all(cx);
                }
                self.cut = self.connections.len();
            }
        }
    }

    fn is_settled(&self, step: StopStep) -> bool {
        match (step, &self.state) {
            (StopStep::Sources | StopStep::Clients | StopStep::Sinks, _) => true,
            (StopStep::Servers, State::Failed(_)) => true,
            (StopStep::Servers, _) => matches!(self.state, State::Closing) && self.connections.len() == 0,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(until) => Some(until),
            // At once: a turn in which nothing was read tells that nothing waits.
            State::ReadingOn(_) => Some(Instant::ZERO),
            State::Idle | State::Listening(_) | State::Closed | State::Closing | State::Failed(_) => None,
        }
    }

    fn status(&self) -> Status {
        match &self.state {
            State::Idle | State::Waiting(_) => Status::Starting,
            State::Listening(_) | State::Closed | State::ReadingOn(_) => Status::Up,
            State::Closing => Status::Finished,
            State::Failed(text) => Status::Failed(text.clone()),
        }
    }

    fn losses(&self) -> Vec<String> {
        match self.cut {
            0 => Vec::new(),
            cut => vec![format!("{cut} connections were cut before their end")],
        }
    }
}
