//! Events on their way out: to whom, as what, and what became of them.

use std::format;
use std::vec::Vec;

use super::WsServer;
use super::connections::Connection;
use super::life::named;
use crate::connector::api::{Context, Level};
use crate::connector::event::Event;
use crate::connector::ws::control::{Broadcast, Close, Control};
use crate::connector::ws::frame;
use crate::engine::{Sent, StreamId};
use crate::proto::Prepared;

impl WsServer {
    pub(super) fn deliver(&mut self, event: &Event, cx: &mut Context<'_>) {
        self.counts.events_in += 1;
        // By far the most events are an answer that still has the metadata of the connection that asked.
        if let Some(stream) = self.connections.answered(event, cx.id)
            && self.send_to(&[stream], event, cx)
        {
            return;
        }
        match Control::read(&event.meta, "ws_server") {
            Ok(control) => self.deliver_controlled(event, control, cx),
            Err(problem) => {
                self.counts.events_failed += 1;
                event.ticket.fail();
                self.emit_error(&problem, 0, event, cx);
            }
        }
    }

    fn deliver_controlled(&mut self, event: &Event, control: Control, cx: &mut Context<'_>) {
        let is_sent = !control.close.as_ref().is_some_and(|close| close.only);
        if let Some(broadcast) = &control.broadcast {
            let targets = self.connections.fitting(broadcast);
            if is_sent {
                self.broadcast(&targets, event, cx);
            } else {
                self.counts.events_sent += 1;
            }
            if let Some(close) = &control.close {
                self.close(&targets, close, cx);
            }
            return;
        }
        // A target may turn out to be gone: then the event goes to whom it goes to without that one. Each round but the
        // last takes at least one connection off the open ones.
        loop {
            let targets = self.connections.targets(event, cx.id);
            if targets.is_empty() {
                self.counts.events_untargeted += 1;
                event.ticket.fail();
                return self.emit_error("no open connection is the target of this event", 0, event, cx);
            }
            if !is_sent {
                self.counts.events_sent += 1;
            }
            if !is_sent || self.send_to(&targets, event, cx) {
                if let Some(close) = &control.close {
                    self.close(&targets, close, cx);
                }
                return;
            }
        }
    }

    /// Sends an event to connections; `false` if all of them are gone.
    fn send_to(&mut self, targets: &[StreamId], event: &Event, cx: &mut Context<'_>) -> bool {
        let (mut was_there, mut has_failed) = (false, false);
        for stream in targets {
            match self.send(*stream, event, cx) {
                Ok(is_there) => was_there |= is_there,
                Err(error) => {
                    (was_there, has_failed) = (true, true);
                    event.ticket.fail();
                    self.emit_error(&error, stream.as_u64(), event, cx);
                }
            }
        }
        if has_failed {
            self.counts.events_failed += 1;
        } else if was_there {
            self.counts.events_sent += 1;
        }
        was_there
    }

    /// Sends an event to a connection; `false` if that is gone.
    fn send(&mut self, stream: StreamId, event: &Event, cx: &mut Context<'_>) -> Result<bool, std::string::String> {
        let not_text = self.plan.not_text;
        let Some(connection) = self.connections.find(stream) else {
            return Ok(false);
        };
        let mut fate = Fate::default();
        let commands = &mut *cx.commands;
        let written = frame::write(&mut connection.writer, event, not_text, &mut |message| {
            fate.take(commands.send(stream, message));
        });
        self.see(stream, event, &fate, cx);
        written.map(|()| !fate.is_gone)
    }

    /// Makes the frames of an event once, and sends them to everybody.
    fn broadcast(&mut self, targets: &[StreamId], event: &Event, cx: &mut Context<'_>) {
        if self.broadcaster.is_streaming() {
            // What a postprocessor holds back belongs to a connection: each has its own.
            for stream in targets {
                if let Err(error) = self.send(*stream, event, cx) {
                    self.counts.events_failed += 1;
                    event.ticket.fail();
                    return self.emit_error(&error, stream.as_u64(), event, cx);
                }
            }
            self.counts.events_sent += 1;
            return;
        }
        let mut frames = Vec::new();
        let written = frame::write(&mut self.broadcaster, event, self.plan.not_text, &mut |message| {
            frames.push(Prepared::new(message));
        });
        if let Err(error) = written {
            self.counts.events_failed += 1;
            event.ticket.fail();
            return self.emit_error(&error, 0, event, cx);
        }
        self.counts.events_sent += 1;
        for stream in targets {
            let mut fate = Fate::default();
            for frame in &frames {
                fate.take(cx.commands.send_prepared(*stream, frame));
            }
            self.see(*stream, event, &fate, cx);
        }
    }

    /// Notes what became of the messages of an event for a connection.
    fn see(&mut self, stream: StreamId, event: &Event, fate: &Fate, cx: &mut Context<'_>) {
        self.counts.messages_out += fate.taken;
        self.follow(stream, event, fate);
        if fate.dropped == 0 && !fate.is_gone {
            return;
        }
        let Some(connection) = self.connections.find(stream) else {
            return;
        };
        let Connection { is_open, traffic, .. } = connection;
        let is_first = traffic.dropped == 0 && fate.dropped > 0;
        traffic.dropped += fate.dropped;
        let was_open = std::mem::replace(is_open, *is_open && !fate.was_closed && !fate.is_gone);
        let peer = named(connection);
        if fate.was_closed && was_open {
            let text = format!("{peer} does not read what is sent to it, and is being closed (1013)");
            self.say(cx, Level::Warn, text);
        } else if is_first && !fate.is_gone {
            let text = format!("{peer} does not read what is sent to it: messages are being dropped");
            self.say(cx, Level::Warn, text);
        }
    }

    /// Remembers who waits to hear of an event: it is settled when its last message was given to the system, or lost.
    fn follow(&mut self, stream: StreamId, event: &Event, fate: &Fate) {
        let Some(connection) = self.connections.find(stream) else {
            return;
        };
        connection.taken += fate.taken;
        if event.ticket.is_empty() {
            return;
        }
        if fate.dropped > 0 {
            event.ticket.fail();
        }
        connection.awaited.push_back((connection.taken, event.ticket.clone()));
        self.check.soon();
    }

    /// Looks which events were sent, if somebody waits to hear of one.
    pub(super) fn check_sent(&mut self, cx: &mut Context<'_>) {
        if self.check.due().is_none_or(|due| due > cx.now) {
            return;
        }
        let mut is_awaited = false;
        for connection in self.connections.iter_mut() {
            if connection.awaited.is_empty() {
                continue;
            }
            if let Ok(account) = cx.commands.account(connection.stream) {
                connection.see_sent(account.sent.messages);
            }
            is_awaited |= !connection.awaited.is_empty();
        }
        if is_awaited {
            self.check.later(cx.now);
        } else {
            self.check.never();
        }
    }

    /// Begins the close handshake of connections, behind what waits to be sent.
    fn close(&mut self, targets: &[StreamId], close: &Close, cx: &mut Context<'_>) {
        for stream in targets {
            let Some(connection) = self.connections.find(*stream) else {
                continue;
            };
            (connection.is_open, connection.is_closing) = (false, true);
            let finished = connection.finish_writing(cx);
            // One that closes already is on its way to where this leads.
            let _ = cx.commands.close(*stream, Some(close.code), &close.reason);
            // Else the answer would wait behind what is not read.
            let _ = cx.commands.resume(*stream);
            if let Err(problem) = finished {
                self.say(cx, Level::Warn, problem);
            }
        }
    }
}

/// What became of the messages of one event at one connection.
#[derive(Debug, Default)]
struct Fate {
    taken: u64,
    dropped: u64,
    /// The connection is being closed, since it reads too slowly.
    was_closed: bool,
    /// Its Close has been sent, or it is gone: there is nothing to send to any more.
    is_gone: bool,
}

impl Fate {
    fn take<E>(&mut self, sent: Result<Sent, E>) {
        match sent {
            Ok(Sent::Queued { .. } | Sent::AboveHighWater { .. }) => self.taken += 1,
            Ok(Sent::Dropped { .. } | Sent::Refused { .. }) => self.dropped += 1,
            Ok(Sent::Closing) => {
                self.dropped += 1;
                self.was_closed = true;
            }
            Err(_) => self.is_gone = true,
        }
    }
}

impl super::connections::Connections {
    /// The open connections that a broadcast is meant for, the oldest first.
    fn fitting(&mut self, broadcast: &Broadcast) -> Vec<StreamId> {
        let mut fitting: Vec<StreamId> = self
            .iter_mut()
            .filter(|connection| {
                let fits = |asked: &Option<std::string::String>, is: Option<&str>| {
                    asked.as_deref().is_none_or(|asked| is == Some(asked))
                };
                connection.is_open
                    && fits(&broadcast.path, Some(&connection.path))
                    && fits(&broadcast.subprotocol, connection.subprotocol.as_deref())
            })
            .map(|connection| connection.stream)
            .collect();
        fitting.sort_unstable_by_key(|stream| stream.as_u64());
        fitting
    }
}
