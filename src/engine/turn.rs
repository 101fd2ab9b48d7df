//! One turn of the loop: what the last one left is sent and settled, the system is asked, its answers are read.

use std::time::Duration;
use std::vec::Vec;

use super::engine::Engine;
use super::error::{Error, Failure};
use super::events::{Events, Kind, Notice};
use super::id::{Key, ListenerId, Named, StreamId};
use super::seam::{Sys, SysEvent, Token};
use super::stream::{Flags, NEVER, Phase, Stream};
use crate::proto::Instant;

/// Names the deadline of a drain among the timers; no listener comes this far.
pub(super) const STOP_TOKEN: Token = Token(u64::MAX);

impl<S: Sys> Engine<S> {
    /// Sends what waits, then waits until something happens or `timeout` has passed (`None`: for ever; zero: not at
    /// all), and puts what happened into `events`, whose old content is dropped. It may come back with nothing.
    ///
    /// # Errors
    /// The system's poll failed; the loop can't go on.
    pub fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> Result<(), Error> {
        for buffer in events.owned.drain(..) {
            self.core.pool.give(buffer);
        }
        events.clear();
        self.core.counters.turns += 1;
        self.begin_turn(events);
        self.core.arena = None;
        events.take_arena();
        let result = self.take_turn(events, timeout);
        self.core.arena = Some(events.put_arena());
        result
    }

    fn take_turn(&mut self, events: &mut Events, timeout: Option<Duration>) -> Result<(), Error> {
        let timeout = self.waiting_time(events, timeout);
        let mut reports = std::mem::take(&mut self.sys_events);
        let result = self.core.sys.poll(&mut reports, timeout);
        self.core.refresh();
        for report in reports.drain(..) {
            self.handle_report(report, events);
        }
        self.sys_events = reports;
        result.map_err(|source| Error::Io {
            doing: "waiting for events",
            source,
        })?;
        self.run_timers(events);
        self.run_answered(events);
        self.run_ready(events);
        self.run_accepting(events);
        Ok(())
    }

    /// Whether a poll would find something to do without the system's help.
    pub(super) fn has_work(&self) -> bool {
        let core = &self.core;
        !(core.ready.is_empty() && core.dirty.is_empty() && core.pending.is_empty() && self.answered.is_empty())
            || self.shared.is_waiting()
            || core.sys.has_more()
            || self.may_accept()
    }

    fn may_accept(&self) -> bool {
        let (streams, limit) = (self.streams.len(), self.core.config.connections_max);
        self.accepting.iter().any(|id| {
            self.listeners
                .get(id.key())
                .is_some_and(|listener| listener.has_room(streams, limit))
        })
    }

    fn waiting_time(&self, events: &Events, timeout: Option<Duration>) -> Option<Duration> {
        // A host that polls until the engine is drained wants to hear of it.
        if !events.is_empty() || self.has_work() || self.is_drained() {
            return Some(Duration::ZERO);
        }
        // The last look at the clock lies a host's turn back, so that the poll may wait that much too long: all
        // deadlines here are in the order of seconds. A look costs more than a hundredth of a small echo.
        match (self.core.timers.next(), timeout) {
            (None, timeout) => timeout,
            (Some(next), None) => Some(next - self.core.now),
            (Some(next), Some(timeout)) => Some(timeout.min(next - self.core.now)),
        }
    }

    fn begin_turn(&mut self, events: &mut Events) {
        self.settle_ended(events);
        for entry in self.core.pending.drain(..) {
            if let Kind::Failed(_) = entry.kind {
                self.core.ended.push(entry.stream);
            }
            events.entries.push(entry);
        }
        self.run_commands(events);
        self.flush_dirty(events);
    }

    /// Goes on with the streams whose request was answered: what came with it is seen only now. This comes when all that is
    /// written in this turn is written, since a Close among it is answered no earlier than the host has had its turn.
    fn run_answered(&mut self, events: &mut Events) {
        for id in std::mem::take(&mut self.answered) {
            // One that was answered and cut in the same breath has had its last event.
            if let Some(stream) = self.streams.get_mut(id.key())
                && !stream.flags.has(Flags::ENDED)
            {
                stream.drain_connection(id, &mut self.core, events, None);
                stream.mark_dirty(id, &mut self.core.dirty);
                stream.mark_ready(id, &mut self.core);
                stream.rearm(id, &mut self.core);
            }
        }
    }

    /// Streams whose last event the host has had: their ids are stale from now on, and they are closed in good order.
    fn settle_ended(&mut self, events: &mut Events) {
        let mut ended = std::mem::take(&mut self.core.ended);
        if !ended.is_empty() {
            self.core.refresh();
        }
        for id in ended.drain(..) {
            if let Some(stream) = self.streams.get_mut(id.key()) {
                stream.flags.set(Flags::GONE);
                self.settle(id, events);
            }
        }
        if self.core.ended.is_empty() {
            self.core.ended = ended;
        }
    }

    fn settle(&mut self, id: StreamId, events: &mut Events) {
        if let Some(stream) = self.streams.get_mut(id.key())
            && stream.settle(id, &mut self.core, &mut events.entries)
        {
            self.streams.remove(id.key());
        }
    }

    fn flush_dirty(&mut self, events: &mut Events) {
        let mut dirty = std::mem::take(&mut self.core.dirty);
        for id in dirty.drain(..) {
            let Some(stream) = self.streams.get_mut(id.key()) else {
                continue;
            };
            stream.flags.clear(Flags::DIRTY);
            if !stream.flags.has(Flags::BLOCKED) {
                stream.flush(id, &mut self.core, &mut events.entries);
                if stream.phase == Phase::Ending {
                    self.settle(id, events);
                }
            }
        }
        if self.core.dirty.is_empty() {
            self.core.dirty = dirty;
        }
    }

    fn handle_report(&mut self, report: SysEvent, events: &mut Events) {
        match report {
            SysEvent::Io {
                token,
                readable,
                writable,
                closed,
            } => match Named::of(token) {
                Named::Stream(id, attempt) => self.handle_io(id, attempt, (readable, writable, closed), events),
                Named::Listener(id) => self.queue_listener(id),
            },
            SysEvent::Resolved { token, result } => {
                if let Named::Stream(id, _) = Named::of(token)
                    && let Some(stream) = self.streams.get_mut(id.key())
                {
                    stream.handle_resolved(id, &mut self.core, &mut events.entries, result);
                }
            }
            SysEvent::Woken => {
                events.notices.push(Notice::Woken);
                self.run_commands(events);
            }
            SysEvent::Signal(signal) => events.notices.push(Notice::Signal(signal)),
            SysEvent::Reload => events.notices.push(Notice::Reload),
            SysEvent::Files => events.notices.push(Notice::Files),
        }
    }

    #[inline]
    fn handle_io(
        &mut self,
        id: StreamId,
        attempt: u8,
        (readable, writable, closed): (bool, bool, bool),
        events: &mut Events,
    ) {
        let Some(stream) = self.streams.get_mut(id.key()) else {
            return;
        };
        if stream.phase == Phase::Connecting {
            stream.handle_attempt(id, attempt, &mut self.core, &mut events.entries);
            if stream.phase == Phase::Connecting {
                return;
            }
        }
        if stream.attempt != attempt {
            // The late news of an attempt that was given up.
            return;
        }
        if closed {
            stream.flags.set(Flags::HANGUP);
        }
        if readable || closed {
            stream.flags.set(Flags::READABLE);
            stream.mark_ready(id, &mut self.core);
        }
        if (writable || closed) && stream.flags.has(Flags::BLOCKED) {
            stream.flags.clear(Flags::BLOCKED);
            if writable {
                // The peer has taken something.
                stream.heard = self.core.tick;
            }
            stream.flush(id, &mut self.core, &mut events.entries);
            if stream.phase == Phase::Ending {
                self.settle(id, events);
            }
        }
    }

    fn queue_listener(&mut self, id: ListenerId) {
        if let Some(listener) = self.listeners.get_mut(id.key())
            && !listener.queued
        {
            listener.queued = true;
            self.accepting.push(id);
        }
    }

    /// Reads each stream that has something once; those that have more come again in the next turn.
    fn run_ready(&mut self, events: &mut Events) {
        for _ in 0..self.core.ready.len() {
            if events.is_full() {
                self.core.counters.arena_full += 1;
                return;
            }
            let Some(id) = self.core.ready.pop_front() else { return };
            let Some(stream) = self.streams.get_mut(id.key()) else {
                continue;
            };
            stream.flags.clear(Flags::QUEUED);
            stream.read(id, &mut self.core, events);
            if stream.phase == Phase::Ending {
                self.settle(id, events);
            }
        }
    }

    fn run_accepting(&mut self, events: &mut Events) {
        for id in std::mem::take(&mut self.accepting) {
            let Some(listener) = self.listeners.get_mut(id.key()) else {
                continue;
            };
            listener.queued = listener.accept(id, &mut self.core, &mut self.streams, events);
            if listener.queued {
                self.accepting.push(id);
            }
        }
    }

    fn run_timers(&mut self, events: &mut Events) {
        while let Some((token, deadline)) = self.core.timers.pop_due(self.core.now) {
            self.core.counters.timers_run += 1;
            if token == STOP_TOKEN {
                self.cut_all(events);
                continue;
            }
            match Named::of(token) {
                Named::Stream(id, _) => self.run_timer(id, deadline, events),
                Named::Listener(id) => {
                    if let Some(listener) = self.listeners.get_mut(id.key())
                        && self.core.timers.disarm(&mut listener.armed, deadline)
                    {
                        listener.retry = NEVER;
                        self.queue_listener(id);
                    }
                }
            }
        }
        let (streams, listeners) = (&self.streams, &self.listeners);
        self.core
            .timers
            .compact(streams.len() + listeners.len(), |token, deadline| {
                if token == STOP_TOKEN {
                    return true;
                }
                match Named::of(token) {
                    Named::Stream(id, _) => streams.get(id.key()).is_some_and(|stream| stream.armed.is(deadline)),
                    Named::Listener(id) => listeners
                        .get(id.key())
                        .is_some_and(|listener| listener.armed.is(deadline)),
                }
            });
    }

    fn run_timer(&mut self, id: StreamId, deadline: Instant, events: &mut Events) {
        let Some(stream) = self.streams.get_mut(id.key()) else {
            return;
        };
        if self.core.timers.disarm(&mut stream.armed, deadline) && stream.handle_timer(id, &mut self.core, events) {
            self.streams.remove(id.key());
        }
    }

    /// A drain has had its time.
    fn cut_all(&mut self, events: &mut Events) {
        let keys: Vec<Key> = self.streams.keys().collect();
        for key in keys {
            let Some(stream) = self.streams.get_mut(key) else {
                continue;
            };
            let id = StreamId::new(key);
            stream.cut(id, &mut self.core);
            stream.fail(id, &mut self.core, &mut events.entries, Failure::Aborted);
            if stream.flags.has(Flags::GONE) {
                self.streams.remove(key);
            }
        }
    }
}

impl<S: Sys> Stream<S> {
    /// Something is due, perhaps. True if the socket was closed and nobody knows the stream any more.
    fn handle_timer(&mut self, id: StreamId, core: &mut super::core::Core<S>, events: &mut Events) -> bool {
        let now = core.now;
        if self.deadline <= now {
            match self.phase {
                Phase::Resolving | Phase::Connecting | Phase::Tunnelling => {
                    if !self.flags.has(Flags::ENDED) {
                        self.handle_dial_timeout(id, core, &mut events.entries);
                    }
                }
                #[cfg(feature = "tls")]
                Phase::Securing => {
                    self.flags.set(Flags::CUT);
                    self.fail(
                        id,
                        core,
                        &mut events.entries,
                        Failure::TimedOut(super::error::Phase::Tls),
                    );
                }
                // The only deadline here is that of `close_now`.
                Phase::Live => {
                    self.cut(id, core);
                    self.fail(id, core, &mut events.entries, Failure::Aborted);
                }
                Phase::Ending => {
                    if self.flags.has(Flags::BLOCKED) {
                        self.cut(id, core);
                    } else {
                        self.close_socket(id, core);
                    }
                    return true;
                }
            }
        } else if self.phase == Phase::Live && self.conn.poll_timeout().is_some_and(|due| due <= now) {
            if self.conn.queued_bytes() > 0 && core.draining.is_some_and(|until| until > now) {
                // Our Close is not written yet, and there is still time for it.
                self.await_close_anew(core);
            }
            // Does nothing if it is too early now.
            self.conn.handle_timeout(now);
            self.drain_connection(id, core, events, None);
        } else if self.is_watched() {
            self.watch(id, core, &mut events.entries);
        }
        self.rearm(id, core);
        if self.is_watched() {
            self.rearm_watch(id, core);
        }
        false
    }
}
