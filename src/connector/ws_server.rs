//! `ws_server`: listens for WebSocket connections; each is a stream of events, and events find their way back to it.

mod connections;
mod counts;
mod deliver;
mod life;
mod request;
mod stopping;
mod target;

use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use self::connections::Connections;
pub(super) use self::counts::Counts;
use super::api::{Connector, Context, Level, Links, LogLine, Rank, Status, StopStep};
use super::build::Setup;
use super::config::ConfigError;
use super::doc::{Example, Page};
use super::event::{Event, Port};
use super::reconnect::{Next, Reconnect};
use super::ws::check::Check;
use super::ws::frame::NotText;
use super::ws::options::{SERVER_OPTIONS, ServerPlan};
use super::{Processing, StreamWriter, error_event};
use crate::engine::{self, ListenerId, StreamId};
use crate::proto::Instant;

pub(super) const PAGE: Page = Page {
    summary: "Listens for WebSocket connections; each is a stream of events, and events find their way back to it",
    text: r#"
Each message of a connection passes the preprocessors and the codec, and what comes of it are events on `out`; what can't be
understood is an event on `err`. Events carry `$ws_server`: `tls`, `peer` (`host`, `port`), `stream` (a number that no other
connection ever has) and `request` (`target`, `path`, `query`, `headers`, `subprotocol`); `$binary` is `true` for a binary
message, and absent for text.

### Whom an event reaches

1. With `$ws_server.broadcast`: every open connection (`true`), or those that asked for a path or speak a subprotocol
   (`{"path": "/chat", "subprotocol": "v2"}`). It is encoded once. That it reaches nobody is no error.
2. Else the open connection that `$ws_server.peer` or `$ws_server.stream` names.
3. Else every open connection that the event came from: the one that asked, or all that contributed to it.
4. Else nobody: it is dropped and counted, and an event on `err` says so, unless it came from `err` itself.

Each piece that codec and postprocessors make of it is one frame: text, or binary if `$binary` (or `$ws_server.binary`) is
`true`. An event that can't be encoded, or isn't text although it should be, is an event on `err`, and the connection stays.

### Closing a connection

`$ws_server.close = {"code": 4000, "reason": "enough"}` (or `true` for 1000) closes the connections that the event reaches,
behind its message; with `"only": true` the event itself is not sent. Codes are 1000 to 1003, 1007 to 1014 and 3000 to 4999, a
reason has at most 123 bytes; others are an event on `err`. What comes in never has this key, so an echo closes nothing.

### The port `connections`

If it is linked, it gives `{"event": "connected"}` for each connection that has opened, and for each of these exactly once
`{"event": "disconnected", "by": "peer", "code": 1000, "reason": "", "counts": {…}}` when it has ended. `by` is `peer`, `us` or
`error`, and then `reason` says what happened. The counts are `messages_in`, `bytes_in`, `messages_out`, `bytes_out` and
`dropped`. Both have the metadata and origin of the connection: linked back to `in`, the first one greets it, and the other
reaches nobody, which is no error.

### A client that doesn't read

Each connection has a queue of its own, bounded by `limits.queued_bytes`; what happens at the bound is `slow_reader`'s to say.
The others never wait, and every message that is dropped is counted for its connection.

### Differences to Tremor

Frames are binary by `$ws_server.binary` as well; merged events reach every contributing connection; a server without
clients pauses nobody; handshakes are independent of each other and limited in time; a bad request is answered by HTTP. The
ports and keys beyond `url`, `tls`, `backlog` and `socket_options` are ours.
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
    *setup.needs_binary = setup.processing.gives_bytes() && plan.not_text == NotText::Error;
    Ok(Box::new(WsServer {
        name: setup.name,
        plan,
        broadcaster: setup.processing.writer(),
        processing: setup.processing,
        reconnect: Reconnect::new(setup.reconnect),
        state: State::Idle,
        links: Links::default(),
        connections: Connections::default(),
        may_read: false,
        has_read: false,
        counts: Counts::default(),
        check: Check::default(),
        cut: 0,
    }))
}

struct WsServer {
    name: Arc<str>,
    plan: ServerPlan,
    processing: Processing,
    /// Makes the frames that everybody gets.
    broadcaster: StreamWriter,
    reconnect: Reconnect,
    state: State,
    links: Links,
    connections: Connections,
    may_read: bool,
    /// A message came since the last look: what waits has not been read to its end.
    has_read: bool,
    counts: Counts,
    /// When to look at what was sent, for those that wait to hear of it.
    check: Check,
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
}

impl Connector for WsServer {
    fn rank(&self) -> Rank {
        Rank::Server
    }

    fn start(&mut self, links: Links, cx: &mut Context<'_>) {
        self.links = links;
        self.listen(cx);
    }

    fn handle_flow(&mut self, may_read: bool, cx: &mut Context<'_>) {
        self.may_read = may_read;
        // One that is being closed is read, whatever waits, until the peer's Close; one that is gone has nothing to pause.
        for connection in self.connections.iter_mut().filter(|connection| !connection.is_closing) {
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
            engine::Event::Opened(_) => self.handle_opened(stream, cx),
            engine::Event::Message(message) => self.handle_message(stream, *message, cx),
            engine::Event::Closed(closed) => self.handle_closed(stream, closed, cx),
            engine::Event::Failed(failure) => self.handle_failed(stream, failure, cx),
            // A slow reader's policy is the engine's; pings are answered by it.
            _ => {}
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        match self.state {
            State::Waiting(until) if until <= cx.now => self.listen(cx),
            State::ReadingOn(until) => self.read_on(until, cx),
            State::Idle
            | State::Waiting(_)
            | State::Listening(_)
            | State::Closed
            | State::Closing
            | State::Failed(_) => {}
        }
        self.check_sent(cx);
    }

    fn handle_reload(&mut self, cx: &mut Context<'_>) {
        if let Some(Err(error)) = self.plan.http.as_mut().map(|http| http.reload(cx.commands.files())) {
            self.say(cx, Level::Warn, format!("the files stay as they were: {error}"));
        }
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
        self.begin_step(step, cx);
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
            State::Idle | State::Listening(_) | State::Closed | State::Closing | State::Failed(_) => self.check.due(),
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
