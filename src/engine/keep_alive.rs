//! Time on an open stream: pings to a peer that is silent, the time that they take, and an end to streams that nobody
//! uses.
//!
//! A message costs no look at the clock and no timer. A read notes the time of its turn in the stream; the timer comes up
//! at the earliest moment at which something may be due, looks at what was noted, and is set to the next one.

use std::time::Duration;
use std::vec::Vec;

use super::core::Core;
use super::engine::{Engine, later};
use super::error::{Failure, Misuse, Phase as WaitedFor};
use super::events::Entry;
use super::id::StreamId;
use super::seam::Sys;
use super::stream::{Flags, NEVER, Stream};
use super::timers::Armed;
use crate::proto::{self, CloseCode, Instant};

/// When a silent peer is asked for a sign of life, and for how long that is awaited.
///
/// Anything that is read is a sign of life, not the pong alone: that may stand behind a long message. So is room made in
/// the system's buffer by a peer that had left none. A busy stream is never pinged. While the host
/// [pauses](Engine::pause) a stream nothing of it is read, and nothing is concluded from that. The bounds are kept to
/// about a millisecond, never too early; no more than 24 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeepAlive {
    /// Silence after which a ping is sent; default 30 s.
    pub interval: Duration,
    /// Silence after the ping for which the stream is cut, and fails with
    /// [`Failure::TimedOut(Phase::Pong)`](super::Phase::Pong); default 10 s.
    pub timeout: Duration,
}

impl KeepAlive {
    /// Half of what can be told apart in a [`Tick`].
    pub(super) const MAX: Duration = Duration::from_secs(24 * 24 * 3600);

    pub(super) fn bounded(self) -> Self {
        Self {
            interval: self.interval.min(Self::MAX),
            timeout: self.timeout.min(Self::MAX),
        }
    }
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
        }
    }
}

/// A moment in four bytes, since every stream has one: in units of 2^20 ns, again from 0 after 52 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick(u32);

/// Length of a tick.
const TICK: Duration = Duration::from_nanos(1 << Tick::SHIFT);

impl Tick {
    pub(super) const ZERO: Self = Self(0);
    const SHIFT: u32 = 20;

    #[inline]
    pub(super) const fn of(moment: Instant) -> Self {
        // The cast is the modulus.
        Self((moment.as_nanos() >> Self::SHIFT) as u32)
    }

    const fn before(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    const fn is_before(self, other: Self) -> bool {
        other.0.wrapping_sub(self.0).wrapping_sub(1) < 1 << 31
    }

    const fn later(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }

    /// When this tick, which lies no more than 52 days before `now`, was over.
    const fn end(self, now: Instant) -> Instant {
        let age = Self::of(now).0.wrapping_sub(self.0);
        let ticks = (now.as_nanos() >> Self::SHIFT).saturating_sub(age as u64);
        Instant::from_nanos((ticks + 1) << Self::SHIFT)
    }
}

/// What is remembered of a stream beside the time of the last read, while there is something.
#[derive(Debug)]
pub(super) struct Probe {
    /// Of the latest ping of ours; random, so that its pong is told from any other.
    payload: [u8; 8],
    /// When it was sent; [`NEVER`] if none is under way.
    sent: Instant,
    /// Since when a sign of life is awaited.
    since: Option<Instant>,
    /// The stream is being closed since nobody used it.
    is_idle: bool,
}

impl Probe {
    const NONE: Self = Self {
        payload: [0; 8],
        sent: NEVER,
        since: None,
        is_idle: false,
    };
}

/// When streams with an idle time-out were used last, by their places among the streams; the others have no entry, or one
/// that means nothing.
#[derive(Debug, Default)]
pub(super) struct Uses(Vec<Tick>);

impl Uses {
    #[inline]
    fn note(&mut self, id: StreamId, tick: Tick) {
        let index = id.key().index as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, Tick::ZERO);
        }
        self.0[index] = tick;
    }

    fn last(&self, id: StreamId) -> Tick {
        self.0.get(id.key().index as usize).copied().unwrap_or(Tick::ZERO)
    }
}

impl<S: Sys> Engine<S> {
    /// Sends a ping, at once unless the peer is slow to take what was sent before; its pong gives
    /// [`Event::RoundTrip`](super::Event::RoundTrip). One ping is under way at a time: a second one takes the place of the
    /// first, whose pong then is an ordinary one. A peer that is asked more often than it answers need only answer the
    /// last (RFC 6455 section 5.5.3).
    ///
    /// # Errors
    /// The stream is gone or not open.
    pub fn measure_round_trip(&mut self, stream: StreamId) -> Result<(), Misuse> {
        let (state, core) = self.find_live(stream)?;
        if !state.is_open() {
            return Err(Misuse::Protocol(proto::Misuse::NotOpen));
        }
        later(core, |core, sink| state.probe(stream, core, sink));
        Ok(())
    }
}

impl<S: Sys> Stream<S> {
    /// Whether it is open and has deadlines.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.profile.options.is_watched() && self.is_open()
    }

    /// The stream is open: its time begins.
    pub(super) fn begin_watch(&mut self, id: StreamId, core: &mut Core<S>) {
        if self.is_watched() {
            self.touch(id, core);
            let due = self.watch_due(id, core);
            core.timers.arm(&mut self.armed, id.token(), Some(due));
        }
    }

    /// Arms the timer, unless it is.
    pub(super) fn rearm_watch(&mut self, id: StreamId, core: &mut Core<S>) {
        if self.armed == Armed::NONE {
            let due = self.watch_due(id, core);
            core.timers.arm(&mut self.armed, id.token(), Some(due));
        }
    }

    /// A message was sent or received.
    pub(super) fn note_use(&self, id: StreamId, core: &mut Core<S>) {
        if self.profile.options.idle_timeout.is_some() {
            core.uses.note(id, core.tick);
        }
    }

    /// Time begins anew.
    pub(super) fn touch(&mut self, id: StreamId, core: &mut Core<S>) {
        self.heard = core.tick;
        self.note_use(id, core);
        if let Some(probe) = core.probes.get_mut(&id) {
            probe.since = None;
        }
    }

    /// When something may be due, but not before the next tick.
    fn watch_due(&self, id: StreamId, core: &Core<S>) -> Instant {
        let now = core.now;
        let options = &self.profile.options;
        let mut due = NEVER;
        if let Some(keep_alive) = options.keep_alive {
            // While an answer is awaited this is so long after the question: the answer may come soon, and the next
            // question be due long before the time for this answer is up.
            let next = self.heard.end(now) + keep_alive.interval;
            due = match core.probes.get(&id).and_then(|probe| probe.since) {
                Some(since) if next <= now => since + keep_alive.timeout,
                Some(since) => next.min(since + keep_alive.timeout),
                None => next,
            };
        }
        if let Some(idle_timeout) = options.idle_timeout {
            due = due.min(self.last_use(id, core).end(now) + idle_timeout);
        }
        due.max(now + TICK)
    }

    /// A message that is under way, in or out, is a use as long as it comes on.
    fn last_use(&self, id: StreamId, core: &Core<S>) -> Tick {
        let last = core.uses.last(id);
        if self.conn.is_amid_message() || self.conn.queued_bytes() > 0 {
            last.later(self.heard)
        } else {
            last
        }
    }

    /// The timer has come up on an open stream: does what is due.
    pub(super) fn watch(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        if self.flags.has(Flags::PAUSED) {
            self.touch(id, core);
            return;
        }
        if self.flags.has(Flags::READABLE) {
            // What is there will be read in this turn or the next; the timer comes up again soon after.
            return;
        }
        let now = core.now;
        if let Some(keep_alive) = self.profile.options.keep_alive {
            let mut is_asked = false;
            if let Some(probe) = core.probes.get_mut(&id)
                && let Some(since) = probe.since
            {
                if !self.heard.is_before(Tick::of(since)) {
                    probe.since = None;
                } else if now >= since + keep_alive.timeout {
                    self.cut(id, core);
                    self.fail(id, core, sink, Failure::TimedOut(WaitedFor::Pong));
                    return;
                } else {
                    is_asked = true;
                }
            }
            if !is_asked && now >= self.heard.end(now) + keep_alive.interval {
                self.probe(id, core, sink);
                let since = core.now;
                core.probes.entry(id).or_insert(Probe::NONE).since = Some(since);
                // So that whatever is heard from now on is told from what was heard before.
                self.heard = Tick::of(since).before();
            }
        }
        if let Some(idle_timeout) = self.profile.options.idle_timeout
            && self.is_open()
            && now >= self.last_use(id, core).end(now) + idle_timeout
        {
            self.close_idle(id, core);
        }
    }

    /// Nobody uses the stream. RFC 6455 section 7.4.1 has 1001 for an end that goes away for reasons of its own.
    fn close_idle(&mut self, id: StreamId, core: &mut Core<S>) {
        if self.begin_close(id, core, Some(CloseCode::GOING_AWAY), "idle").is_ok() {
            core.probes.entry(id).or_insert(Probe::NONE).is_idle = true;
        }
    }

    /// Sends a ping whose pong gives the round-trip time.
    fn probe(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let mut payload = [0; 8];
        core.sys.fill(&mut payload);
        if !self.flags.has(Flags::DIRTY) && self.conn.queued_bytes() == 0 {
            self.conn.lend_output(core.outputs.take());
        }
        // Without room in the queue there is none; the peer has enough to answer for as it is.
        let pinged = self.conn.ping(&payload, &mut core.sys).is_ok();
        let sent = core.refresh();
        if pinged {
            core.counters.probes_sent += 1;
            let probe = core.probes.entry(id).or_insert(Probe::NONE);
            probe.payload = payload;
            probe.sent = sent;
        }
        if !self.flags.has(Flags::BLOCKED) {
            self.flush(id, core, sink);
            if self.flags.has(Flags::DIRTY) {
                self.conn.lend_output(core.outputs.take());
            }
        }
    }

    /// If a pong answers a ping of ours: how long that took, in nanoseconds.
    pub(super) fn take_round_trip(&self, id: StreamId, core: &mut Core<S>, payload: &[u8]) -> Option<u64> {
        let probe = core.probes.get_mut(&id)?;
        if probe.sent == NEVER || payload != probe.payload {
            return None;
        }
        let sent = std::mem::replace(&mut probe.sent, NEVER);
        if !probe.is_idle {
            core.probes.remove(&id);
        }
        let nanos = (core.refresh() - sent).as_nanos();
        Some(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Whether the stream is closed since nobody used it, so that an end in good order, or none within its time, is told as
    /// that.
    pub(super) fn is_closed_for_idleness(&self, id: StreamId, core: &Core<S>) -> bool {
        core.probes.get(&id).is_some_and(|probe| probe.is_idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ticks: u64) -> Instant {
        Instant::from_nanos(ticks << Tick::SHIFT)
    }

    #[test]
    fn ticks_are_told_apart_across_their_turn() {
        for ticks in [1, 7, (1 << 32) - 1, 1 << 32, (1 << 32) + 5, 1 << 43] {
            let now = at(ticks);
            let tick = Tick::of(now);
            assert!(tick.before().is_before(tick) && !tick.is_before(tick) && !tick.is_before(tick.before()));
            assert_eq!(tick.later(tick.before()), tick);
            assert_eq!(tick.before().later(tick), tick);
            assert_eq!(tick.end(now), at(ticks + 1));
            assert_eq!(tick.end(at(ticks + 1000)), at(ticks + 1));
            assert_eq!(tick.before().end(now), at(ticks));
        }
    }

    /// Ten thousand streams that are kept alive: one entry each in the heap, and two that come up for each
    /// ping, one when it is sent and one when its answer was due.
    #[cfg(feature = "sim")]
    #[test]
    fn ten_thousand_streams_cost_two_timers_a_ping() {
        use crate::engine::{Config, ConnectOptions, Event, Events, ListenOptions};
        use crate::sim::{Faults, SimSys};

        const STREAMS: u64 = 10_000;
        const MINUTES: u64 = 5;
        let sys: SimSys<true> = SimSys::new(0, Faults::none());
        let mut engine = Engine::with_sys(sys, Config::default());
        let listener = engine
            .listen(ListenOptions::new("127.0.0.1:0").keep_alive(KeepAlive::default()))
            .unwrap();
        let port = engine.local_addr(listener).unwrap().port();
        let mut events = Events::default();
        let mut opened = 0;
        for _ in 0..STREAMS / 100 {
            for _ in 0..100 {
                engine.connect(ConnectOptions::new("127.0.0.1", port, "/")).unwrap();
            }
            opened += 200;
            while engine.counters().opened < opened {
                engine.poll(&mut events, None).unwrap();
            }
        }
        let begun = engine.now();
        let before = engine.counters();
        let (mut trips, mut heap_len) = (0, 0);
        while engine.now() - begun < Duration::from_secs(60 * MINUTES) {
            engine.poll(&mut events, Some(Duration::from_secs(1))).unwrap();
            heap_len = heap_len.max(engine.core.timers.len() as u64);
            for (_, event) in &events {
                assert!(matches!(event, Event::RoundTrip { .. }), "{event:?}");
                trips += 1;
            }
        }
        let after = engine.counters();
        let pings = after.probes_sent - before.probes_sent;
        let timers = after.timers_run - before.timers_run;
        println!(
            "{pings} pings, {timers} timers, {heap_len} entries at most, {} turns",
            after.turns
        );
        // Every half minute, and no message went to or fro to spare one.
        assert!(
            (STREAMS * (2 * MINUTES - 1)..=STREAMS * 2 * MINUTES).contains(&pings),
            "{pings}"
        );
        assert!(trips <= pings && trips >= pings - STREAMS, "{trips} of {pings}");
        // Two a ping, and those of the opening handshakes.
        assert!(timers <= 2 * pings + 2 * STREAMS, "{timers}");
        // One a stream; those of the clients' handshakes, which are over, are dropped before they are as many.
        assert!(heap_len <= 3 * STREAMS, "{heap_len}");
        assert!(
            engine.core.timers.len() as u64 <= STREAMS + 64,
            "{}",
            engine.core.timers.len()
        );
        assert!(engine.core.probes.len() as u64 <= STREAMS);
    }
}
