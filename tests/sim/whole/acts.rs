//! What the host does of its own accord.

use std::net::SocketAddr;
use std::time::Duration;

use wsloop::engine::{ConnectOptions, ListenOptions, Misuse, Sent, StreamId};
use wsloop::proto::{self, CloseCode, MessageKind};
use wsloop::sim::Rng;

use super::draw;
use super::host::{Command, Host, Known};
use super::model::Side;

/// Nobody listens there.
const NOBODY: &str = "127.0.0.9:9";

impl<const SHORT_READS: bool> Host<SHORT_READS> {
    /// Answers requests and resumes streams whose time has come.
    pub(super) fn act_on_time(&mut self) {
        let now = self.engine.now();
        let due = |time: Option<wsloop::proto::Instant>| time.is_some_and(|time| time <= now);
        let streams: Vec<StreamId> = self.streams.keys().copied().collect();
        for stream in streams {
            if due(self.streams[&stream].answer_at) {
                self.answer(stream);
            }
            if due(self.streams[&stream].resume_at) {
                let known = self.streams.get_mut(&stream).expect("it is known");
                (known.resume_at, known.paused_at) = (None, None);
                self.engine.resume(stream).expect("it is there");
            }
            if self.streams[&stream].under_way.is_some() && !self.streams[&stream].above {
                self.go_on_with_chunks(stream);
            }
        }
    }

    /// Whether a chunk could be sent now.
    pub(super) fn has_chunks(&self) -> bool {
        let mut streams = self.streams.values();
        streams.any(|known| known.under_way.is_some() && !known.above && !known.ended)
    }

    /// When the host wants to act next by the clock.
    pub(super) fn next_time(&self) -> Option<wsloop::proto::Instant> {
        let times = self
            .streams
            .values()
            .flat_map(|known| [known.answer_at, known.resume_at]);
        times.flatten().min()
    }

    /// Does one thing that the dice choose.
    pub(super) fn act(&mut self) {
        let pick = self.rng.below(100);
        if pick < 8 || self.streams.is_empty() {
            return self.dial();
        }
        if pick < 11 {
            return self.try_stale();
        }
        let open = self.streams.iter().filter(|(_, known)| known.open && !known.ended);
        let open: Vec<StreamId> = open.map(|(stream, _)| *stream).collect();
        if open.is_empty() {
            return;
        }
        let stream = self.rng.pick(&open);
        match pick {
            0..55 => self.say(stream),
            55..65 => self.begin_chunks(stream),
            65..71 => self.ping(stream),
            71..78 if self.rng.chance(self.setup.pausing) => self.pause(stream),
            78..82 => self.engine.flush(stream).expect("it is there"),
            82..86 => {
                let chunks = self.rng.chance(500);
                self.engine.deliver_chunks(stream, chunks).expect("it is open");
            }
            86..91 => self.command(stream),
            91..94 => self.close(stream),
            94..98 if self.rng.chance(self.setup.violent) => self.break_off(stream),
            _ => {}
        }
    }

    fn say(&mut self, stream: StreamId) {
        for _ in 0..self.rng.size(1, 6) {
            let known = &self.streams[&stream];
            // A host that was told to wait does, mostly.
            if known.sent_bytes >= self.setup.budget || known.above && self.rng.chance(800) {
                return;
            }
            let size = self
                .rng
                .size(0, self.setup.message_max.min(self.setup.budget - known.sent_bytes));
            let whole = draw::message(&mut self.rng, size);
            let compress = self.rng.chance(700);
            self.send(stream, whole, compress);
        }
    }

    fn begin_chunks(&mut self, stream: StreamId) {
        let known = &self.streams[&stream];
        if known.sent_bytes >= self.setup.budget || self.engine.is_open(stream) != Ok(true) {
            return;
        }
        let size = self
            .rng
            .size(0, self.setup.message_max.min(self.setup.budget - known.sent_bytes));
        let whole = draw::message(&mut self.rng, size);
        let kind = if whole.0 {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        let compress = self.rng.chance(700);
        let known = self.streams.get_mut(&stream).expect("it is known");
        match self.engine.begin_message(stream, kind, compress) {
            Ok(()) => {
                assert!(known.under_way.is_none());
                known.under_way = Some((whole, 0));
                known.begun = false;
            }
            Err(Misuse::Protocol(proto::Misuse::MessageUnderWay)) => assert!(known.under_way.is_some()),
            Err(misuse) => panic!("{stream:?}: {misuse}"),
        }
    }

    fn go_on_with_chunks(&mut self, stream: StreamId) {
        let known = self.streams.get_mut(&stream).expect("it is known");
        let begun = known.begun;
        let Some((whole, sent)) = known.under_way.clone() else {
            return;
        };
        if self.engine.is_open(stream) != Ok(true) {
            known.under_way = None;
            return;
        }
        let rest = &whole.1[sent..];
        let count = if self.rng.chance(300) {
            rest.len()
        } else {
            self.rng.size(0, rest.len())
        };
        let last = count == rest.len() && self.rng.chance(700);
        let dropped_before = self.engine.counters().messages_dropped;
        let result = self
            .engine
            .send_chunk(stream, &rest[..count], last)
            .expect("a message was begun");
        if self.verbose {
            eprintln!("    {stream:?} sends a chunk of {count}, last: {last}: {result:?}");
        }
        if result.is_queued() {
            let known = self.streams.get_mut(&stream).expect("it is known");
            known.sent_bytes += count + 16;
            known.books.accepted += u64::from(!begun);
            known.begun = !last;
            if last {
                known.under_way = None;
                let side = known.side;
                self.pair(stream).say(side, whole);
            } else {
                known.under_way = Some((whole, sent + count));
            }
        }
        self.note_sent(stream, result, count, dropped_before, 0);
        if let Sent::Closing = result {
            self.streams.get_mut(&stream).expect("it is known").books.unsure = true;
        }
    }

    fn ping(&mut self, stream: StreamId) {
        let size = self.rng.size(0, 40);
        let payload = draw::bytes(&mut self.rng, size);
        match self.engine.ping(stream, &payload) {
            // Where the engine pings by itself the host does not hear of pings.
            Ok(()) if self.setup.keep_alive.is_none() => {
                let side = self.streams[&stream].side;
                self.pair(stream).ping(side, &payload);
            }
            Ok(()) => {}
            Err(misuse) => assert_ne!(self.engine.is_open(stream), Ok(true), "{stream:?}: {misuse}"),
        }
    }

    fn pause(&mut self, stream: StreamId) {
        self.engine.pause(stream).expect("it is there");
        let wait = Duration::from_micros(self.rng.below(3_000_000));
        let until = self.engine.now() + wait;
        let known = self.streams.get_mut(&stream).expect("it is known");
        known.resume_at = Some(until);
        known.paused_at = Some(self.turns);
    }

    /// A message, or a Close, as another thread would give it.
    fn command(&mut self, stream: StreamId) {
        if self.command.is_some() {
            return;
        }
        if self.rng.chance(200) {
            return self.handle.wake();
        }
        if self.rng.chance(100) {
            self.handle
                .close(stream, CloseCode::new(4000), "from afar")
                .expect("there is room");
            self.command = Some(Command::Close(stream));
            return;
        }
        let size = self.rng.size(0, 60);
        let whole = draw::message(&mut self.rng, size);
        let result = match &whole {
            (true, text) => self.handle.send(stream, std::str::from_utf8(text).expect("a text")),
            (false, bytes) => self.handle.send(stream, &bytes[..]),
        };
        result.expect("there is room");
        self.command = Some(Command::Send(stream, whole));
    }

    fn close(&mut self, stream: StreamId) {
        let code = self.rng.pick(&[None, Some(CloseCode::NORMAL), CloseCode::new(3001)]);
        let reason = if code.is_some() {
            self.rng.pick(&["", "a reason", "grün"])
        } else {
            ""
        };
        let was_open = self.engine.is_open(stream);
        match self.engine.close(stream, code, reason) {
            Ok(()) => {
                let known = self.streams.get_mut(&stream).expect("it is known");
                known.under_way = None;
                let side = known.side;
                self.pair(stream).half(side).closed_with = Some((code.map(|code| code.as_u16()), reason.to_owned()));
            }
            Err(misuse) => assert_ne!(was_open, Ok(true), "{stream:?}: {misuse}"),
        }
    }

    fn break_off(&mut self, stream: StreamId) {
        if self.rng.chance(500) {
            self.pair(stream).trouble.get_or_insert("the host aborts");
            return self.engine.abort(stream).expect("it is there");
        }
        let dropped_before = self.engine.counters().messages_dropped;
        let wait = Duration::from_micros(self.rng.below(3_000_000));
        let was_open = self.engine.is_open(stream);
        match self.engine.close_now(stream, CloseCode::GOING_AWAY, "now", wait) {
            Ok(()) => {
                let dropped = self.engine.counters().messages_dropped - dropped_before;
                self.note_discarded(stream, dropped, "the host closes at once");
                let side = self.streams[&stream].side;
                self.pair(stream).half(side).closed_with = Some((Some(1001), "now".to_owned()));
            }
            Err(misuse) => assert_ne!(was_open, Ok(true), "{stream:?}: {misuse}"),
        }
    }

    /// An id that is gone names nothing.
    fn try_stale(&mut self) {
        let Some(stream) = self.gone.iter().nth(self.rng.below(self.gone.len() as u64) as usize) else {
            return;
        };
        assert_eq!(
            self.engine.send(*stream, "stale"),
            Err(Misuse::NoSuchStream),
            "{stream:?}"
        );
        assert_eq!(
            self.engine.queued_bytes(*stream),
            Err(Misuse::NoSuchStream),
            "{stream:?}"
        );
        assert_eq!(self.engine.abort(*stream), Err(Misuse::NoSuchStream), "{stream:?}");
    }

    /// Dials one of the world's servers, or nobody.
    fn dial(&mut self) {
        if self.cutting {
            return;
        }
        let own: Vec<SocketAddr> = self.listeners.values().map(|(addr, _)| *addr).collect();
        let all = [&own[..], &self.naive_addrs[..]].concat();
        let nobody: SocketAddr = NOBODY.parse().expect("an address");
        let bad = self.rng.chance(60) || all.is_empty();
        let addr = if bad { nobody } else { self.rng.pick(&all) };
        let host = if !bad && self.rng.chance(300) {
            format!("name-{}.example", addr.ip())
        } else {
            addr.ip().to_string()
        };
        let queue = self.setup.queue(&mut self.rng);
        let options = ConnectOptions::new(host, addr.port(), "/")
            .protocol(std::sync::Arc::clone(&self.protocol))
            .dial_timeout(Duration::from_secs(60))
            .chunks(self.rng.chance(200))
            .control_events(self.setup.keep_alive.is_none())
            .account(true)
            .queue(queue);
        let options = match self.setup.keep_alive {
            Some(keep_alive) => options.keep_alive(keep_alive),
            None => options,
        };
        let options = match self.setup.idle_timeout {
            Some(timeout) => options.idle_timeout(timeout),
            None => options,
        };
        let Ok(stream) = self.engine.connect(options) else {
            assert!(
                self.setup.config.connections_max < 100 || self.draining,
                "a dial failed at once"
            );
            return;
        };
        assert!(
            !self.gone.contains(&stream) && !self.streams.contains_key(&stream),
            "{stream:?} is reused"
        );
        let data = self.rng.number();
        self.engine.set_data(stream, data).expect("it is there");
        let mut known = Known::new(Side::Client, queue, data);
        known.may_fail = bad || self.setup.violent > 0;
        self.streams.insert(stream, known);
        if self.verbose {
            eprintln!("    {stream:?} dials {addr}");
        }
    }

    /// Listens; a call that fails is tried again.
    pub(super) fn listen(&mut self, addr: SocketAddr) {
        let queue = self.setup.queue(&mut self.rng);
        let options = ListenOptions::from(addr)
            .backlog(self.setup.backlog)
            .handshakes_max(self.setup.handshakes_max)
            .requests(self.rng.chance(300))
            .chunks(self.rng.chance(200))
            .control_events(self.setup.keep_alive.is_none())
            .account(true)
            .connections_max(self.setup.listener_max)
            .protocol(std::sync::Arc::clone(&self.protocol))
            .queue(queue);
        let options = match self.setup.keep_alive {
            Some(keep_alive) => options.keep_alive(keep_alive),
            None => options,
        };
        let options = match self.setup.idle_timeout {
            Some(timeout) => options.idle_timeout(timeout),
            None => options,
        };
        let listener = self
            .engine
            .listen(options.clone())
            .or_else(|_| self.engine.listen(options));
        self.listeners
            .insert(listener.expect("the address is free"), (addr, queue));
    }

    /// Closes every open stream in good order, one at a time; true when there is none.
    pub(super) fn wind_down(&mut self) -> bool {
        let open = self.streams.iter().filter(|(stream, known)| {
            known.open
                && !known.ended
                && (known.under_way.is_none() || known.above)
                && self.engine.is_open(**stream) == Ok(true)
        });
        let open: Vec<StreamId> = open.map(|(stream, _)| *stream).collect();
        if open.is_empty() {
            return true;
        }
        let stream = self.rng.pick(&open);
        self.close(stream);
        false
    }
}

/// A generator whose numbers have nothing to do with another's of the same seed.
pub(super) const fn generator(seed: u64, purpose: u64) -> Rng {
    Rng::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(purpose))
}
