//! What happens in the simulated network when its time has come, and who is told.

use std::net::SocketAddr;
use std::time::Duration;

use super::net::{Link, Net};
use super::wire::{Happening, Owner, Stage};
use crate::engine::{Signal, SysEvent};
use crate::proto::Instant;

impl Net {
    /// Room for bytes to the other side may be news to the engine's end `link`.
    pub(super) fn tell_room(&mut self, link: Link) {
        let room = self.other_end(link).room() > 0;
        let end = self.end(link);
        match end.owner {
            Owner::Engine(_) if room && end.blocked => {
                end.blocked = false;
                end.edge.writable = true;
                self.edges.insert(link);
            }
            Owner::Peer(peer) if room => {
                self.runnable.insert(peer);
            }
            Owner::Engine(_) | Owner::Peer(_) | Owner::Backlog | Owner::Nobody => {}
        }
    }

    /// Something to read, or the end, came to `link`.
    pub(super) fn tell_arrival(&mut self, link: Link, closed: bool) {
        let end = self.end(link);
        match end.owner {
            // Whoever has not read all that an earlier edge announced hears of more by reading on; the end is told
            // in any case, since a short read may be taken for the last word.
            Owner::Engine(_) if closed || end.drained => {
                end.drained = false;
                end.edge.readable = true;
                end.edge.closed |= closed;
                // A writer that waits for room learns of a reset as well.
                end.edge.writable |= end.reset && std::mem::take(&mut end.blocked);
                self.edges.insert(link);
            }
            Owner::Peer(peer) => {
                self.runnable.insert(peer);
            }
            Owner::Engine(_) | Owner::Backlog | Owner::Nobody => {}
        }
    }

    /// Goes on to `time`, and lets everything happen on the way there when it is due.
    pub(super) fn advance(&mut self, time: Instant) {
        while let Some(next) = self.next_time().filter(|next| *next <= time) {
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = time;
    }

    /// Lets everything happen that is due, and the peers act, until nothing is left to do at this time.
    pub(super) fn settle(&mut self) {
        loop {
            while let Some(entry) = self.happenings.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let happening = entry.remove();
                self.happen(happening);
            }
            let Some(peer) = self.runnable.pop_first() else { return };
            if let Some(mut acting) = self.peers[peer].take() {
                self.acting = peer;
                acting.step(self);
                self.acting = usize::MAX;
                self.peers[peer] = Some(acting);
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Bytes { to, bytes } => self.bytes_arrive(to, &bytes),
            Happening::Fin { to } => {
                self.note("FIN arrives", to, 0);
                self.end(to).ended = true;
                self.tell_arrival(to, true);
            }
            Happening::Reset { to } => self.reset_arrives(to),
            Happening::Syn { from, addr, attempts } => self.syn_arrives(from, addr, attempts),
            Happening::Established { at } => {
                self.note("connected", at, 0);
                self.end(at).stage = Stage::Connected;
                self.connect_ended(at, false);
            }
            Happening::Refused { at } => {
                self.note("refused", at, 0);
                self.end(at).stage = Stage::Refused;
                self.connect_ended(at, true);
            }
            Happening::Wake { peer } => {
                self.runnable.insert(peer);
            }
            Happening::Resolved { token, addrs } => {
                let result = addrs.ok_or_else(|| std::io::Error::other("no such host"));
                self.reports.push(SysEvent::Resolved { token, result });
            }
            Happening::Interrupt => self.reports.push(SysEvent::Signal(Signal::Interrupt)),
            Happening::Terminate => self.reports.push(SysEvent::Signal(Signal::Terminate)),
            Happening::Reload => self.reports.push(SysEvent::Reload),
            Happening::Stdin { bytes } => {
                self.stdin_ended |= bytes.is_none();
                self.stdin.extend(bytes.unwrap_or_default());
                self.reports.push(SysEvent::Files);
            }
        }
    }

    fn bytes_arrive(&mut self, to: Link, bytes: &[u8]) {
        self.note("bytes arrive", to, bytes.len() as u64);
        let end = self.end(to);
        end.in_flight -= bytes.len();
        if end.reset {
            return;
        }
        match end.owner {
            // Nobody will read them: the sender must know that they were lost.
            Owner::Nobody => self.send_reset(to),
            Owner::Engine(_) | Owner::Peer(_) | Owner::Backlog => {
                end.inbox.extend(bytes);
                self.tell_arrival(to, false);
            }
        }
    }

    fn reset_arrives(&mut self, to: Link) {
        self.note("reset arrives", to, 0);
        let purges = self.rng.chance(self.faults.reset_purges);
        let end = self.end(to);
        end.reset = true;
        if purges {
            end.inbox.clear();
        }
        self.tell_arrival(to, true);
    }

    fn syn_arrives(&mut self, from: Link, addr: SocketAddr, attempts: u8) {
        let refuse = self.rng.chance(self.faults.refuse_connect);
        let answer = self.arrival(from);
        let Some(listener) = self.listeners.get_mut(&addr).filter(|_| !refuse) else {
            return self.at(answer, Happening::Refused { at: from });
        };
        if listener.backlog.len() >= listener.backlog_max {
            if attempts == 0 {
                return self.at(answer, Happening::Refused { at: from });
            }
            let again = Happening::Syn {
                from,
                addr,
                attempts: attempts - 1,
            };
            return self.at(self.now + Duration::from_secs(1), again);
        }
        listener.backlog.push_back(from.other());
        match listener.owner {
            Owner::Peer(peer) => {
                self.runnable.insert(peer);
            }
            Owner::Engine(_) | Owner::Backlog | Owner::Nobody => {
                listener.edge |= std::mem::take(&mut listener.drained);
            }
        }
        self.note("enters the backlog", from, 0);
        self.other_end(from).stage = Stage::Connected;
        self.at(answer, Happening::Established { at: from });
    }

    fn connect_ended(&mut self, at: Link, refused: bool) {
        let readable = self.ends[at.0].is_readable();
        let end = self.end(at);
        match end.owner {
            Owner::Engine(_) => {
                end.edge.writable = true;
                end.edge.readable |= readable;
                end.edge.closed |= refused;
                self.edges.insert(at);
            }
            Owner::Peer(peer) => {
                self.runnable.insert(peer);
            }
            // It gave up waiting: whoever accepts will see the end at once.
            Owner::Nobody if !refused => self.send_reset(at),
            Owner::Nobody | Owner::Backlog => {}
        }
    }
}
