//! `ws_client`: one connection to a server, made again when it is lost.

mod flight;
mod life;
mod sending;

use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use self::flight::Flight;
use super::api::{Connector, Context, Level, Links, LogLine, Rank, Status, StopStep};
use super::build::Setup;
use super::config::ConfigError;
use super::doc::{Example, Page};
use super::event::{Event, Origin, Port};
use super::reconnect::Reconnect;
use super::ws::check::Check;
use super::ws::frame::NotText;
use super::ws::life::{End, Traffic};
use super::ws::meta::Metadata;
use super::ws::options::{CLIENT_OPTIONS, ClientPlan};
use super::{Processing, StreamReader, StreamWriter, error_event, tls};
use crate::engine::{self, StreamId};
use crate::proto::{CloseCode, Instant, Side};

pub(super) const PAGE: Page = Page {
    summary: "One WebSocket connection to a server, made again when it is lost",
    text: r#"
Each message of the server passes the preprocessors and the codec, and what comes of it are events on `out`; what can't be
understood is an event on `err`. Events carry `$ws_client` (and the same record as `$ws_server`): `tls`, `peer` (`host`,
`port`, of the address that was connected to) and `stream`; `$binary` is `true` for a binary message, and absent for text. An
event that reaches `in` is sent: each piece that codec and postprocessors make of it is one frame: text, or binary if `$binary`
(or `$ws_client.binary`) is `true`.

### When a connection is lost

Whoever lost it, in reading or in writing, [`reconnect`](reconnect.md) decides about the next attempt. Codec and processors
begin anew with each connection; half a line that waited for its end becomes an event of the connection that brought it.

While there is no connection, and while more than `limits.high_water_bytes` wait to be sent, the sources in front of it wait;
up to 4096 events that were on their way already are kept. What becomes of each event is accounted for:

- sent: all its frames were given to the system; whether the server received them nobody knows;
- sent by the next connection, in order and before later ones: not all of its frames were given to the system when the
  connection was lost;
- failed, with an event on `err`: it can't be encoded, or isn't text although it should be; there is no room for it; attempts
  are used up. How many failed is told at the end, and the exit code is 1 then.

### Closing the connection

`$ws_client.close = {"code": 4000, "reason": "enough"}` (or `true` for 1000) closes the connection behind the event's message;
with `"only": true` the event itself is not sent. That is no loss: the next event makes a new connection.

### The port `connections`

If it is linked, it gives `{"event": "connected"}`; when the connection has ended `{"event": "disconnected", "by": "peer", "code":
1000, "reason": "", "counts": {…}}`, as with a [`ws_server`](ws_server.md); and `{"event": "failed", "reason": "…", "attempts": 3}` when
attempts are used up.

### Differences to Tremor

It notices in reading, too, that the server is gone; events in flight are accounted for; a Close is sent when the service ends;
`wss://` switches TLS on; a url needs no port. The ports and keys beyond `url`, `tls` and `socket_options` are ours.
"#,
    options: CLIENT_OPTIONS,
    examples: &[Example::Flow {
        title: "A terminal for a server",
        text: r#"
define flow terminal
flow
  define connector server from ws_client
  with codec = "string", config = {"url": "ws://127.0.0.1:4242/"},
       reconnect = {"retry": {"interval_ms": 500, "max_retries": 10}}
  end;
  define connector lines from stdio
  with codec = "string", preprocessors = ["separate"], postprocessors = ["separate"]
  end;
  define pipeline up pipeline select event from in into out end;
  define pipeline down pipeline select event from in into out end;
  create connector server; create connector lines; create pipeline up; create pipeline down;
  connect /connector/lines to /pipeline/up;    connect /pipeline/up to /connector/server;
  connect /connector/server to /pipeline/down; connect /pipeline/down to /connector/lines;
end;
deploy flow terminal
"#,
    }],
};

pub(super) fn make(setup: Setup<'_>) -> Result<Box<dyn Connector>, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let plan = ClientPlan::read(setup.with, setup.files, &mut errors).ok_or(errors)?;
    *setup.needs_binary = setup.processing.gives_bytes() && plan.not_text == NotText::Error;
    Ok(Box::new(WsClient {
        name: setup.name,
        plan,
        processing: setup.processing,
        reconnect: Reconnect::new(setup.reconnect),
        state: State::Idle,
        links: Links::default(),
        flight: Flight::default(),
        check: Check::default(),
        may_read: false,
        is_congested: false,
        was_cut: false,
    }))
}

struct WsClient {
    name: Arc<str>,
    plan: ClientPlan,
    processing: Processing,
    reconnect: Reconnect,
    state: State,
    links: Links,
    /// Events that are not sent yet, and the account of all.
    flight: Flight,
    /// When to look at what was sent, for those that wait to hear of it.
    check: Check,
    may_read: bool,
    is_congested: bool,
    /// The closing handshake was not done when time was up.
    was_cut: bool,
}

enum State {
    Idle,
    /// The first bytes of a connection are under way.
    Dialing(StreamId),
    Open(Box<Open>),
    /// The next attempt is at this moment.
    Waiting(Instant),
    /// Closed because an event asked for it; the next event opens it again.
    Resting,
    /// Stopped in good order.
    Stopped,
    Failed(String),
}

/// An open connection. Codec and processors begin anew with each.
struct Open {
    stream: StreamId,
    origin: Origin,
    metadata: Metadata,
    reader: StreamReader,
    writer: StreamWriter,
    closing: Closing,
    traffic: Traffic,
}

/// Whether our Close is sent, or queued, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// An event asked for it.
    ToRest,
    /// The service stops.
    ToStop,
}

impl WsClient {
    fn say(&self, cx: &mut Context<'_>, level: Level, text: String) {
        let source = self.name.to_string();
        cx.log.push(LogLine { level, source, text });
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

    /// All that is queued is sent, then Close 1000; what comes until the peer's Close is still delivered.
    fn stop(&mut self, cx: &mut Context<'_>) {
        match &mut self.state {
            State::Open(open) => {
                open.closing = Closing::ToStop;
                self.close_open(CloseCode::NORMAL, "", cx);
            }
            State::Failed(_) => {}
            State::Idle | State::Dialing(_) | State::Waiting(_) | State::Resting | State::Stopped => {
                self.flight.abandon();
                self.state = State::Stopped;
            }
        }
    }
}

impl Connector for WsClient {
    fn rank(&self) -> Rank {
        Rank::Client
    }

    fn start(&mut self, links: Links, cx: &mut Context<'_>) {
        self.links = links;
        self.dial(cx);
    }

    fn handle_flow(&mut self, may_read: bool, cx: &mut Context<'_>) {
        self.may_read = may_read;
        if let State::Open(open) = &self.state
            && open.closing == Closing::No
        {
            // One that is gone has nothing to pause.
            let _ = if may_read {
                cx.commands.resume(open.stream)
            } else {
                cx.commands.pause(open.stream)
            };
        }
    }

    fn handle_delivery(&mut self, _port: Port, event: &Event, cx: &mut Context<'_>) {
        self.flight.received();
        match &self.state {
            State::Open(open) if open.closing == Closing::No => self.send(event, cx),
            State::Resting => {
                self.hold(event, cx);
                self.dial(cx);
            }
            State::Open(open) if open.closing == Closing::ToRest => self.hold(event, cx),
            State::Idle | State::Dialing(_) | State::Waiting(_) => self.hold(event, cx),
            State::Open(_) | State::Stopped | State::Failed(_) => self.lose(event, cx),
        }
    }

    fn handle_stream(&mut self, stream: StreamId, event: &engine::Event<'_>, cx: &mut Context<'_>) {
        match event {
            engine::Event::Opened(_) => self.handle_opened(stream, cx),
            engine::Event::Message(message) => self.handle_message(stream, *message, cx),
            engine::Event::HighWater { .. } => self.is_congested = true,
            engine::Event::LowWater { .. } => self.is_congested = false,
            engine::Event::Closed(closed) => {
                let code = closed
                    .code
                    .map_or_else(|| "no code".to_string(), |code| format!("code {}", code.as_u16()));
                let reason = format!("the server closed it ({code})");
                self.handle_end(stream, &reason, &End::closed(closed, Side::Client), cx);
            }
            engine::Event::Failed(failure) => {
                let reason = tls::explain(failure);
                self.handle_end(stream, &reason, &End::failed(&reason), cx);
            }
            // A client is asked nothing, and pings are answered by the engine.
            _ => {}
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        if let State::Waiting(until) = self.state
            && until <= cx.now
        {
            self.dial(cx);
        }
        self.check_sent(cx);
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
            StopStep::Sources | StopStep::Servers => {}
            StopStep::Clients => self.stop(cx),
            StopStep::Sinks => self.was_cut = matches!(self.state, State::Open(_)),
        }
    }

    fn is_settled(&self, step: StopStep) -> bool {
        step != StopStep::Clients || matches!(self.state, State::Stopped | State::Failed(_))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(until) => Some(until),
            State::Open(_) => self.check.due(),
            State::Idle | State::Dialing(_) | State::Resting | State::Stopped | State::Failed(_) => None,
        }
    }

    fn status(&self) -> Status {
        match &self.state {
            State::Idle | State::Dialing(_) | State::Waiting(_) => Status::Starting,
            State::Open(_) if self.is_congested => Status::Congested,
            State::Open(_) | State::Resting => Status::Up,
            State::Stopped => Status::Finished,
            State::Failed(text) => Status::Failed(text.clone()),
        }
    }

    fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        let lost = self.flight.lost();
        if lost > 0 {
            losses.push(format!("{lost} events were not sent to {}", self.plan.url));
        }
        if self.was_cut {
            losses.push(format!(
                "the connection to {} was cut before the server's Close",
                self.plan.url
            ));
        }
        losses
    }
}
