//! `ws_client`: one connection to a server, made again when it is lost.

use std::boxed::Box;
use std::collections::VecDeque;
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use super::api::{Connector, Context, Level, Links, LogLine, Rank, Status, StopStep};
use super::build::Setup;
use super::config::ConfigError;
use super::doc::{Example, Page};
use super::event::{Event, Origin, Port};
use super::reconnect::{Next, Reconnect};
use super::ws::frame;
use super::ws::meta::{self, Metadata};
use super::ws::options::{CLIENT_OPTIONS, ClientPlan};
use super::{Processing, StreamReader, StreamWriter, error_event, tls};
use crate::engine::{self, Sent, StreamId};
use crate::proto::{CloseCode, Instant, Message};

/// Events that are kept while there is no connection. Sources wait then, so these are only the ones that were already on
/// their way.
const HELD_EVENTS: usize = 4096;

pub(super) const PAGE: Page = Page {
    summary: "One WebSocket connection to a server, made again when it is lost",
    text: r#"
Each message of the server passes the preprocessors and the codec, and what comes of it are events on `out`; what can't be
understood is an event on `err`. An event that reaches `in` is sent: each piece that codec and postprocessors make of it is
one frame: a text frame, or a binary one if `$binary` is `true`. While there is no connection the sources in front of it
wait.
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
    Ok(Box::new(WsClient {
        name: setup.name,
        plan,
        processing: setup.processing,
        reconnect: Reconnect::new(setup.reconnect),
        state: State::Idle,
        held: VecDeque::new(),
        may_read: false,
        is_congested: false,
        lost: 0,
        was_cut: false,
    }))
}

struct WsClient {
    name: Arc<str>,
    plan: ClientPlan,
    processing: Processing,
    reconnect: Reconnect,
    state: State,
    /// Events that wait for a connection, in order.
    held: VecDeque<Event>,
    may_read: bool,
    is_congested: bool,
    /// Events that will not be sent.
    lost: u64,
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
    /// Stopped in good order.
    Stopped,
    Failed(String),
}

/// An open connection. Codec and processors begin anew with each.
struct Open {
    stream: StreamId,
    metadata: Metadata,
    reader: StreamReader,
    writer: StreamWriter,
    /// Our Close is sent, or queued.
    is_closing: bool,
}

impl WsClient {
    fn say(&self, cx: &mut Context<'_>, level: Level, text: String) {
        let source = self.name.to_string();
        cx.log.push(LogLine { level, source, text });
    }

    fn dial(&mut self, cx: &mut Context<'_>) {
        match cx.commands.connect(self.plan.connect.clone()) {
            Ok(stream) => self.state = State::Dialing(stream),
            Err(error) => self.handle_failed_attempt(&error.to_string(), cx),
        }
    }

    fn handle_failed_attempt(&mut self, reason: &str, cx: &mut Context<'_>) {
        let next = self.reconnect.failed((cx.random)());
        let text = format!("can't connect to {}: {reason}", self.plan.url);
        self.wait_or_give_up(next, text, cx);
    }

    fn handle_lost(&mut self, reason: &str, cx: &mut Context<'_>) {
        let next = self.reconnect.lost((cx.random)());
        let text = format!("the connection to {} is lost: {reason}", self.plan.url);
        self.wait_or_give_up(next, text, cx);
    }

    fn wait_or_give_up(&mut self, next: Next, text: String, cx: &mut Context<'_>) {
        match next {
            Next::Retry(wait) => {
                self.say(
                    cx,
                    Level::Warn,
                    format!("{text}; next attempt in {} ms", wait.as_millis()),
                );
                self.state = State::Waiting(cx.now + wait);
            }
            Next::GiveUp(reason) => {
                self.state = State::Failed(format!("{text}; not reconnecting: {reason}"));
                for event in std::mem::take(&mut self.held) {
                    self.lose(&event, cx);
                }
            }
        }
    }

    fn handle_opened(&mut self, stream: StreamId, cx: &mut Context<'_>) {
        self.reconnect.succeeded();
        self.is_congested = false;
        let peer = cx.commands.peer_addr(stream).ok();
        let record = meta::connection(self.plan.tls.is_some(), peer, stream);
        let origin = Origin {
            connector: cx.id,
            stream: stream.as_u64(),
        };
        self.state = State::Open(Box::new(Open {
            stream,
            metadata: Metadata::new(&["ws_client", "ws_server"], record),
            reader: self.processing.reader(Arc::clone(&self.name), origin),
            writer: self.processing.writer(),
            is_closing: false,
        }));
        self.say(
            cx,
            Level::Info,
            format!("ws_client {} is connected to {}", self.name, self.plan.url),
        );
        if !self.may_read {
            // It was opened this moment.
            let _ = cx.commands.pause(stream);
        }
        while let Some(event) = self.held.pop_front() {
            self.send(&event, cx);
        }
    }

    /// The end of a connection that was open: half a line that waited for its end becomes an event of this connection,
    /// and is not glued to what the next one brings.
    fn handle_ended(&mut self, mut open: Box<Open>, reason: &str, cx: &mut Context<'_>) {
        let metadata = &open.metadata.text;
        open.reader.finish(metadata, cx.wall_ns, cx.emitted);
        if open.is_closing {
            self.state = State::Stopped;
        } else {
            self.handle_lost(reason, cx);
        }
    }

    fn handle_end(&mut self, stream: StreamId, reason: &str, cx: &mut Context<'_>) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Dialing(dialled) if dialled == stream => self.handle_failed_attempt(reason, cx),
            State::Open(open) if open.stream == stream => self.handle_ended(open, reason, cx),
            state => self.state = state,
        }
    }

    fn send(&mut self, event: &Event, cx: &mut Context<'_>) {
        let State::Open(open) = &mut self.state else { return };
        let (commands, stream) = (&mut *cx.commands, open.stream);
        let (mut is_congested, mut problem) = (false, None);
        let written = frame::write(&mut open.writer, event, &mut |message: Message<'_>| match commands
            .send(stream, message)
        {
            Ok(Sent::Queued { .. }) => {}
            Ok(Sent::AboveHighWater { .. }) => is_congested = true,
            Ok(Sent::Refused { queued_bytes } | Sent::Dropped { queued_bytes }) => {
                problem = Some(format!("the queue is full: {queued_bytes} bytes wait to be sent"));
            }
            Ok(Sent::Closing) => problem = Some("the queue is full, and the connection is being closed".into()),
            Err(misuse) => problem = Some(misuse.to_string()),
        });
        self.is_congested |= is_congested;
        if let Some(problem) = problem {
            self.lost += 1;
            self.emit_error(&problem, stream.as_u64(), event, cx);
        } else if let Err(error) = written {
            self.emit_error(&error, stream.as_u64(), event, cx);
        }
    }

    fn lose(&mut self, event: &Event, cx: &mut Context<'_>) {
        self.lost += 1;
        self.emit_error("there is no connection to send this event by", 0, event, cx);
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
    fn close(&mut self, cx: &mut Context<'_>) {
        let wall_ns = cx.wall_ns;
        let problem = match &mut self.state {
            State::Open(open) => {
                open.is_closing = true;
                let (commands, stream) = (&mut *cx.commands, open.stream);
                let finished = frame::finish(&mut open.writer, wall_ns, &mut |message| {
                    let _ = commands.send(stream, message);
                });
                // If it closes already, its end is on the way.
                let _ = commands.close(stream, Some(CloseCode::NORMAL), "");
                let _ = commands.resume(stream);
                finished.err()
            }
            State::Failed(_) => None,
            State::Idle | State::Dialing(_) | State::Waiting(_) | State::Stopped => {
                self.lost += self.held.len() as u64;
                self.held.clear();
                self.state = State::Stopped;
                None
            }
        };
        if let Some(problem) = problem {
            self.say(cx, Level::Warn, problem);
        }
    }
}

impl Connector for WsClient {
    fn rank(&self) -> Rank {
        Rank::Client
    }

    fn start(&mut self, _links: Links, cx: &mut Context<'_>) {
        self.dial(cx);
    }

    fn handle_flow(&mut self, may_read: bool, cx: &mut Context<'_>) {
        self.may_read = may_read;
        if let State::Open(open) = &self.state
            && !open.is_closing
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
        match &self.state {
            State::Open(open) if !open.is_closing => self.send(event, cx),
            State::Idle | State::Dialing(_) | State::Waiting(_) if self.held.len() < HELD_EVENTS => {
                self.held.push_back(event.clone());
            }
            State::Open(_)
            | State::Idle
            | State::Dialing(_)
            | State::Waiting(_)
            | State::Stopped
            | State::Failed(_) => self.lose(event, cx),
        }
    }

    fn handle_stream(&mut self, stream: StreamId, event: &engine::Event<'_>, cx: &mut Context<'_>) {
        match event {
            engine::Event::Opened(_) => match self.state {
                State::Dialing(dialled) if dialled == stream => self.handle_opened(stream, cx),
                // A stop has passed by while it was dialled.
                State::Dialing(_)
                | State::Idle
                | State::Open(_)
                | State::Waiting(_)
                | State::Stopped
                | State::Failed(_) => {
                    let _ = cx.commands.close(stream, Some(CloseCode::NORMAL), "");
                }
            },
            engine::Event::Message(message) => {
                if let State::Open(open) = &mut self.state
                    && open.stream == stream
                {
                    let metadata = &open.metadata;
                    let metadata = if message.is_text() {
                        &metadata.text
                    } else {
                        &metadata.binary
                    };
                    open.reader.read(message.as_bytes(), metadata, cx.wall_ns, cx.emitted);
                }
            }
            engine::Event::HighWater { .. } => self.is_congested = true,
            engine::Event::LowWater { .. } => self.is_congested = false,
            engine::Event::Closed(closed) => {
                let code = closed
                    .code
                    .map_or_else(|| "no code".to_string(), |code| format!("code {}", code.as_u16()));
                self.handle_end(stream, &format!("the server closed it ({code})"), cx);
            }
            engine::Event::Failed(failure) => self.handle_end(stream, &tls::explain(failure), cx),
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
            StopStep::Clients => self.close(cx),
            StopStep::Sinks => self.was_cut = matches!(self.state, State::Open(_)),
        }
    }

    fn is_settled(&self, step: StopStep) -> bool {
        step != StopStep::Clients || matches!(self.state, State::Stopped | State::Failed(_))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(until) => Some(until),
            State::Idle | State::Dialing(_) | State::Open(_) | State::Stopped | State::Failed(_) => None,
        }
    }

    fn status(&self) -> Status {
        match &self.state {
            State::Idle | State::Dialing(_) | State::Waiting(_) => Status::Starting,
            State::Open(_) if self.is_congested => Status::Congested,
            State::Open(_) => Status::Up,
            State::Stopped => Status::Finished,
            State::Failed(text) => Status::Failed(text.clone()),
        }
    }

    fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        if self.lost > 0 {
            losses.push(format!("{} events were not sent to {}", self.lost, self.plan.url));
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
