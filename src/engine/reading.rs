//! From the socket into the arena, and from there through the protocol to events.

use std::boxed::Box;
use std::io;

use super::core::Core;
use super::error::{Failure, Phase as WaitedFor};
use super::events::{ChunkFlags, Entry, Events, Kind, Place};
use super::id::StreamId;
use super::seam::Sys;
use super::stream::{Flags, Phase, Stream};
use super::telling::tell;
use crate::proto::{self, Accept, Request};

/// Bytes that are read at once where the peer may compress: each can become a thousand, for which the host has to have its
/// turn.
pub(in crate::engine) const COMPRESSED_READ_BYTES: usize = 16 << 10;

impl<S: Sys> Stream<S> {
    /// Reads what the budget allows. Afterwards `READABLE` tells whether there may be more.
    pub(super) fn read(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events) {
        if self.phase == Phase::Ending {
            self.read_away(core, events);
        } else if self.phase == Phase::Tunnelling {
            self.read_tunnel(id, core, events);
        } else if !core.adopted.is_empty() && !self.read_adopted(id, core, events) {
            // What comes from the socket comes later.
        } else if self.secure.is_some() {
            self.read_secure(id, core, events);
        } else {
            self.read_plain(id, core, events);
        }
        self.rearm(id, core);
        self.mark_ready(id, core);
    }

    fn read_plain(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events) {
        let mut budget = core.config.read_budget_bytes;
        while self.may_read() && self.flags.has(Flags::READABLE) && !self.flags.has(Flags::ENDED) {
            let mut asked = events.room().min(budget);
            if self.conn.inflates() {
                asked = asked.min(COMPRESSED_READ_BYTES);
            }
            if asked == 0 || events.is_full() {
                core.counters.budgets_exhausted += u64::from(budget == 0);
                return;
            }
            let Some(socket) = &mut self.socket else { return };
            let (start, first) = (events.used, events.entries.len());
            match core.sys.read(socket, &mut events.arena[start..start + asked]) {
                Ok(0) => self.handle_eof(id, core, events),
                Ok(count) => {
                    if S::SHORT_READ_DRAINS && count < asked && !self.flags.has(Flags::HANGUP) {
                        self.flags.clear(Flags::READABLE);
                    }
                    core.counters.bytes_received += count as u64;
                    budget -= count;
                    self.handle_bytes(id, core, events, count);
                    events.stamp(first, core.sys.received_at());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.flags.clear(Flags::READABLE),
                Err(error) => self.handle_lost(id, core, events, error),
            }
        }
    }

    /// Reads and forgets: the peer's last bytes, until its end of the stream.
    fn read_away(&mut self, core: &mut Core<S>, events: &mut Events) {
        let start = events.used;
        if events.room() == 0 {
            return;
        }
        let Some(socket) = &mut self.socket else { return };
        match core.sys.read(socket, &mut events.arena[start..]) {
            Ok(0) => {
                self.flags.set(Flags::EOF);
                self.flags.clear(Flags::READABLE);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.flags.clear(Flags::READABLE),
            Err(_) => {
                self.flags.set(Flags::EOF.or(Flags::UNWRITABLE));
                self.flags.clear(Flags::READABLE);
            }
        }
    }

    /// The peer's bytes have ended.
    pub(super) fn handle_eof(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events) {
        self.flags.set(Flags::EOF);
        self.flags.clear(Flags::READABLE);
        if self.phase == Phase::Live {
            self.conn.handle_end(core.now);
            self.drain_connection(id, core, events, None);
        } else {
            let lost = Failure::Protocol(proto::Failure::Lost);
            self.fail(id, core, &mut events.entries, lost);
        }
        self.mark_dirty(id, &mut core.dirty);
    }

    /// The connection failed while it was read. What the protocol makes of that is no news to it if it has ended in
    /// good order; else the system's reason says more than that the bytes ended.
    pub(super) fn handle_lost(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events, error: io::Error) {
        self.flags.set(Flags::UNWRITABLE.or(Flags::CUT));
        self.flags.set(Flags::EOF);
        self.flags.clear(Flags::READABLE);
        if self.phase == Phase::Live {
            self.conn.handle_end(core.now);
            self.drain_connection(id, core, events, Some(error));
        } else {
            self.fail(id, core, &mut events.entries, Failure::Io(error.into()));
        }
        self.mark_dirty(id, &mut core.dirty);
    }

    /// Takes `count` bytes that were put behind the used part of the arena.
    #[inline]
    pub(super) fn handle_bytes(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events, count: usize) {
        let start = events.used;
        self.heard = core.tick;
        let mut messages = 0;
        let Events {
            arena,
            used,
            entries,
            owned,
            owned_bytes,
            control,
            ..
        } = events;
        // Pings are answered and handshakes too: what comes may have something to send for its effect.
        self.prepare_output(id, core);
        if !self.conn.has_input_buffer() {
            self.conn.lend_input(core.pool.take());
        }
        let mut input = self.conn.handle_bytes(core.now, &mut arena[start..start + count]);
        loop {
            let before = input.consumed();
            self.conn.take_whole(&mut input, |is_text, end, len| {
                messages += 1;
                let place = Place::before(start + end, len);
                let kind = Kind::Message { is_text, place };
                entries.push(Entry { stream: id, kind });
            });
            if input.consumed() > before {
                *used = start + input.consumed();
            }
            let Some(event) = self.conn.poll_event(&mut input, &mut core.sys) else {
                break;
            };
            match event {
                proto::Event::Message(message) => {
                    messages += 1;
                    let is_text = message.as_message().is_text();
                    let kind = if message.is_borrowed() {
                        *used = start + input.consumed();
                        Kind::Message {
                            is_text,
                            place: Place::before(*used, message.as_message().len()),
                        }
                    } else {
                        let payload = message.into_owned_buffer().unwrap_or_default();
                        let index = Events::keep_owned(owned, owned_bytes, payload);
                        self.conn.lend_input(core.pool.take());
                        Kind::Owned { is_text, index }
                    };
                    entries.push(Entry { stream: id, kind });
                }
                proto::Event::Chunk(chunk) => {
                    messages += u64::from(chunk.is_last());
                    let flags = ChunkFlags::of(&chunk);
                    let kind = if chunk.is_borrowed() {
                        *used = start + input.consumed();
                        let place = Place::before(*used, chunk.as_bytes().len());
                        Kind::Chunk { flags, place }
                    } else {
                        let payload = chunk.into_owned_buffer().unwrap_or_default();
                        let index = Events::keep_owned(owned, owned_bytes, payload);
                        self.conn.lend_input(core.pool.take());
                        Kind::OwnedChunk { flags, index }
                    };
                    entries.push(Entry { stream: id, kind });
                }
                other => self.handle_rare(id, core, entries, control, other, None),
            }
        }
        if let Some(buffer) = self.conn.reclaim_input() {
            core.pool.give(buffer);
        }
        self.note_received(id, core, messages);
    }

    /// Takes what the protocol has to say when no bytes came: after an end, a time-out, an answer of the host.
    pub(super) fn drain_connection(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        events: &mut Events,
        mut lost: Option<io::Error>,
    ) {
        let mut messages = 0;
        let mut input = self.conn.handle_bytes(core.now, &mut []);
        while let Some(event) = self.conn.poll_event(&mut input, &mut core.sys) {
            let Events {
                entries,
                owned,
                owned_bytes,
                control,
                ..
            } = events;
            match event {
                proto::Event::Message(message) => {
                    messages += 1;
                    let is_text = message.as_message().is_text();
                    let payload = message.into_owned().into_owned_buffer().unwrap_or_default();
                    let index = Events::keep_owned(owned, owned_bytes, payload);
                    let kind = Kind::Owned { is_text, index };
                    entries.push(Entry { stream: id, kind });
                }
                proto::Event::Chunk(chunk) => {
                    messages += u64::from(chunk.is_last());
                    let flags = ChunkFlags::of(&chunk);
                    let payload = chunk.into_owned().into_owned_buffer().unwrap_or_default();
                    let index = Events::keep_owned(owned, owned_bytes, payload);
                    let kind = Kind::OwnedChunk { flags, index };
                    entries.push(Entry { stream: id, kind });
                }
                event => self.handle_rare(id, core, entries, control, event, lost.take()),
            }
        }
        self.note_received(id, core, messages);
        self.mark_dirty(id, &mut core.dirty);
    }

    /// Counts messages that came.
    #[inline]
    fn note_received(&self, id: StreamId, core: &mut Core<S>, messages: u64) {
        if messages > 0 {
            core.counters.messages_received += messages;
            if self.profile.options.is_noted {
                self.note_use(id, core);
            }
        }
    }

    /// Any event but a message.
    #[cold]
    fn handle_rare(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        entries: &mut Vec<Entry>,
        control: &mut Vec<u8>,
        event: proto::Event<'_>,
        lost: Option<io::Error>,
    ) {
        match event {
            proto::Event::Request(request) => {
                if self.profile.options.requests {
                    entries.push(Entry {
                        stream: id,
                        kind: Kind::Request(request),
                    });
                } else if !request.is_upgrade() {
                    // Nobody is there to answer it.
                    let _ = self.conn.refuse(&proto::BadRequest::Upgrade.into());
                } else {
                    let answer = self.answer(&request);
                    // It was asked a moment ago, and the subprotocol is one of those offered.
                    let _ = self.conn.accept(&answer);
                }
            }
            proto::Event::Opened(opened) => {
                self.leave_handshake();
                self.dial = None;
                self.begin_watch(id, core);
                core.counters.opened += 1;
                tell!(debug, "{id:?} is open");
                entries.push(Entry {
                    stream: id,
                    kind: Kind::Opened(opened),
                });
            }
            // Only `handle_bytes` and `drain_connection` have the place for a payload.
            proto::Event::Message(_) | proto::Event::Chunk(_) => {}
            proto::Event::Ping(payload) => {
                if self.profile.options.control_events {
                    let place = keep(control, payload.as_bytes());
                    entries.push(Entry {
                        stream: id,
                        kind: Kind::Ping(place),
                    });
                }
            }
            proto::Event::Pong(payload) => {
                if let Some(nanos) = self.take_round_trip(id, core, payload.as_bytes()) {
                    entries.push(Entry {
                        stream: id,
                        kind: Kind::RoundTrip { nanos },
                    });
                } else if self.profile.options.control_events {
                    let place = keep(control, payload.as_bytes());
                    entries.push(Entry {
                        stream: id,
                        kind: Kind::Pong(place),
                    });
                }
            }
            proto::Event::Closed(_) if self.is_closed_for_idleness(id, core) => {
                let idle = Failure::TimedOut(WaitedFor::Idle);
                self.end(id, core, entries, Kind::Failed(Box::new(idle)));
            }
            proto::Event::Closed(closed) => self.end(id, core, entries, Kind::Closed(Box::new(closed))),
            proto::Event::Failed(proto::Failure::Refused(refusal)) if self.follow(id, core, entries, &refusal) => {}
            proto::Event::Failed(failure) => {
                if let proto::Failure::TimedOut(_) = failure {
                    self.flags.set(Flags::CUT);
                }
                let failure = match (failure, lost) {
                    (proto::Failure::Lost | proto::Failure::TimedOut(_), _)
                        if self.is_closed_for_idleness(id, core) =>
                    {
                        Failure::TimedOut(WaitedFor::Idle)
                    }
                    (proto::Failure::Lost, Some(error)) => Failure::Io(error.into()),
                    (failure, _) => Failure::Protocol(failure),
                };
                self.end(id, core, entries, Kind::Failed(Box::new(failure)));
            }
        }
    }

    /// How a listener without a host's opinion answers: yes, with the first subprotocol of its own that is offered.
    fn answer(&self, request: &Request) -> Accept {
        let spoken = &self.profile.options.subprotocols;
        match spoken
            .iter()
            .find(|name| request.subprotocols().any(|offered| offered == name.as_str()))
        {
            Some(name) => Accept::new().subprotocol(name.as_str()),
            None => Accept::new(),
        }
    }
}

fn keep(control: &mut Vec<u8>, payload: &[u8]) -> Place {
    control.extend_from_slice(payload);
    Place::before(control.len(), payload.len())
}
