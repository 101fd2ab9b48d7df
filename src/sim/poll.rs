//! Waiting in the simulated world: what is reported, when, and in which order; and how time goes by.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::net::Net;
use super::sys::SimSys;
use super::wire::Owner;
use crate::engine::{SysEvent, Token};

/// What a system call costs at most; a loop that never waits still sees time go by.
const CALL_NANOS: u64 = 2_000;

/// How long the process may stand still.
const STALL_NANOS: u64 = 100_000_000;

/// How far the clock may jump ahead, as after the machine was suspended.
const JUMP_NANOS: u64 = 60_000_000_000;

impl<const SHORT_READS: bool> SimSys<SHORT_READS> {
    /// [`Sys::poll`](crate::engine::Sys::poll).
    pub(super) fn wait(&mut self, events: &mut Vec<SysEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = timeout.map(|timeout| self.net.now + timeout);
        let stalls = self.net.rng.chance(self.net.faults.stall);
        let cost = self.net.rng.below(if stalls { STALL_NANOS } else { CALL_NANOS });
        self.net.advance(self.net.now + Duration::from_nanos(cost));
        if self.net.rng.chance(self.net.faults.jump) {
            // Nobody else has acted in that time: all that was to happen in it happens at once.
            let jump = Duration::from_nanos(self.net.rng.below(JUMP_NANOS));
            self.net.jump(jump);
        }
        let before = events.len();
        loop {
            self.net.settle();
            self.report(events);
            if events.len() > before || deadline.is_some_and(|deadline| deadline <= self.net.now) {
                return Ok(());
            }
            // Something that was held back is reported a moment later.
            let held_back = (!self.net.edges.is_empty()).then_some(self.net.now + Duration::from_micros(1));
            let next = [self.net.next_time(), held_back, deadline].into_iter().flatten().min();
            let Some(next) = next else {
                return Err(io::Error::other(
                    "a wait without end: no byte is under way, no peer and no timer will act",
                ));
            };
            self.net.now = self.net.now.max(next);
        }
    }

    /// Appends what is to be reported, in any order, some of it later.
    fn report(&mut self, events: &mut Vec<SysEvent>) {
        let before = events.len();
        let net = &mut self.net;
        if self.waker.0.swap(false, Ordering::SeqCst) {
            events.push(SysEvent::Woken);
        }
        events.append(&mut net.reports);
        if self.disk.drain_streams() {
            events.push(SysEvent::Files);
        }
        for link in std::mem::take(&mut net.edges) {
            if net.rng.chance(net.faults.hold_back) {
                net.edges.insert(link);
                continue;
            }
            let end = net.end(link);
            let edge = std::mem::take(&mut end.edge);
            if let (Owner::Engine(token), true) = (end.owner, edge.is_some()) {
                let (readable, writable, closed) = (edge.readable, edge.writable, edge.closed);
                events.push(SysEvent::Io {
                    token,
                    readable,
                    writable,
                    closed,
                });
                net.note(
                    "edge",
                    link,
                    u64::from(readable) | u64::from(writable) << 1 | u64::from(closed) << 2,
                );
            }
        }
        for listener in net.listeners.values_mut() {
            if let (true, Owner::Engine(token)) = (std::mem::take(&mut listener.edge), listener.owner) {
                events.push(SysEvent::Io {
                    token,
                    readable: true,
                    writable: false,
                    closed: false,
                });
            }
        }
        if net.rng.chance(net.faults.spurious) {
            events.extend(spurious(net));
        }
        for index in (before + 1..events.len()).rev() {
            let other = before + net.rng.below((index - before + 1) as u64) as usize;
            events.swap(index, other);
        }
    }
}

/// An event of a socket or listener that has no news.
fn spurious(net: &mut Net) -> Option<SysEvent> {
    let listeners = net.listeners.values().map(|listener| listener.owner);
    let owners = net
        .engine_ends
        .iter()
        .map(|link| net.ends[link.index()].owner)
        .chain(listeners);
    let tokens: Vec<Token> = owners.filter_map(|owner| owner.token()).collect();
    if tokens.is_empty() {
        return None;
    }
    let token = net.rng.pick(&tokens);
    let (readable, writable) = net.rng.pick(&[(true, false), (false, true), (true, true)]);
    Some(SysEvent::Io {
        token,
        readable,
        writable,
        closed: false,
    })
}
