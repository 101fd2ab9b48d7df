//! A connection from the first attempt to its end, and what comes after.

use std::boxed::Box;
use std::format;
use std::string::{String, ToString as _};
use std::sync::Arc;

use super::{Closing, Open, State, WsClient};
use crate::connector::api::{Context, Level};
use crate::connector::error_event;
use crate::connector::event::{Event, Origin, Port};
use crate::connector::reconnect::Next;
use crate::connector::value::Value;
use crate::connector::ws::frame;
use crate::connector::ws::life::{self, End, Traffic};
use crate::connector::ws::meta::{self, Metadata};
use crate::engine::StreamId;
use crate::proto::{CloseCode, Message};

impl WsClient {
    pub(super) fn dial(&mut self, cx: &mut Context<'_>) {
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
                let text = format!("{text}; not reconnecting: {reason}");
                self.tell_failure(&text, cx);
                self.state = State::Failed(text);
                while let Some(event) = self.flight.next_held() {
                    self.lose(&event, cx);
                }
            }
        }
    }

    /// Attempts are used up: an event on `err` and one on `connections` say so.
    fn tell_failure(&self, text: &str, cx: &mut Context<'_>) {
        let attempts = self.reconnect.attempts();
        let base = Event {
            ingest_ns: cx.wall_ns,
            meta: Value::record::<&str, Value>([]),
            ..Event::default()
        };
        let mut error = error_event(&self.name, text, 0, 0, base.clone());
        error.value.set_field("attempts", attempts);
        cx.emitted.push((Port::Err, error));
        if self.links.connections {
            let value = Value::record([
                ("event", Value::from("failed")),
                ("reason", Value::from(text)),
                ("attempts", Value::from(attempts)),
            ]);
            let told = Event {
                value,
                is_error: true,
                ..base
            };
            cx.emitted.push((Port::Connections, told));
        }
    }

    pub(super) fn handle_opened(&mut self, stream: StreamId, cx: &mut Context<'_>) {
        if !matches!(self.state, State::Dialing(dialled) if dialled == stream) {
            // A stop has passed by while it was dialled.
            let _ = cx.commands.close(stream, Some(CloseCode::NORMAL), "");
            return;
        }
        self.reconnect.succeeded();
        self.is_congested = false;
        let peer = cx.commands.peer_addr(stream).ok();
        let record = meta::connection(self.plan.tls.is_some(), peer, stream);
        let origin = Origin {
            connector: cx.id,
            stream: stream.as_u64(),
        };
        let metadata = Metadata::new(&["ws_client", "ws_server"], record);
        if self.links.connections {
            let event = life::connected(origin, metadata.text.clone(), cx.wall_ns);
            cx.emitted.push((Port::Connections, event));
        }
        self.state = State::Open(Box::new(Open {
            stream,
            origin,
            metadata,
            reader: self.processing.reader(Arc::clone(&self.name), origin),
            writer: self.processing.writer(),
            closing: Closing::No,
            traffic: Traffic::default(),
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
        self.send_held(cx);
    }

    /// Until all is sent, or one of them has closed the connection.
    fn send_held(&mut self, cx: &mut Context<'_>) {
        while matches!(&self.state, State::Open(open) if open.closing == Closing::No) {
            match self.flight.next_held() {
                Some(event) => self.send(&event, cx),
                None => return,
            }
        }
    }

    pub(super) fn handle_message(&mut self, stream: StreamId, message: Message<'_>, cx: &mut Context<'_>) {
        let State::Open(open) = &mut self.state else { return };
        if open.stream != stream {
            return;
        }
        let bytes = message.as_bytes();
        open.traffic.messages_in += 1;
        open.traffic.bytes_in += bytes.len() as u64;
        let metadata = &open.metadata;
        let metadata = if message.is_text() {
            &metadata.text
        } else {
            &metadata.binary
        };
        open.reader.read(bytes, metadata, cx.wall_ns, cx.emitted);
    }

    pub(super) fn handle_end(&mut self, stream: StreamId, reason: &str, end: &End, cx: &mut Context<'_>) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Dialing(dialled) if dialled == stream => self.handle_failed_attempt(reason, cx),
            State::Open(open) if open.stream == stream => self.handle_ended(open, reason, end, cx),
            state => self.state = state,
        }
    }

    /// The end of a connection that was open: half a line that waited for its end becomes an event of this connection,
    /// and is not glued to what the next one brings.
    fn handle_ended(&mut self, mut open: Box<Open>, reason: &str, end: &End, cx: &mut Context<'_>) {
        let metadata = &open.metadata.text;
        open.reader.finish(metadata, cx.wall_ns, cx.emitted);
        if !end.is_error() && open.closing == Closing::No {
            // What the postprocessors hold back still leaves before the answer to the server's Close.
            let (commands, stream) = (&mut *cx.commands, open.stream);
            let finished = frame::finish(&mut open.writer, cx.wall_ns, &mut |message| {
                let _ = commands.send(stream, message);
            });
            if let Err(problem) = finished {
                self.say(cx, Level::Warn, problem);
            }
        }
        let account = cx.commands.account(open.stream).unwrap_or_default();
        if end.is_error() {
            self.flight.see_lost(account.sent.messages);
        } else {
            // What is still queued will be sent, if the server takes it.
            self.flight.see_closed();
        }
        if self.links.connections {
            let mut traffic = open.traffic;
            traffic.take_account(&account);
            let event = life::disconnected(open.origin, metadata.clone(), end, &traffic, cx.wall_ns);
            cx.emitted.push((Port::Connections, event));
        }
        match open.closing {
            Closing::No => self.handle_lost(reason, cx),
            Closing::ToStop => {
                self.flight.abandon();
                self.state = State::Stopped;
            }
            Closing::ToRest => {
                self.state = State::Resting;
                if self.flight.has_held() {
                    self.dial(cx);
                }
            }
        }
    }
}
