//! What follows an event on all its ways, so that its source learns what became of it.
//!
//! A source that wants to know gives an event a [`Ticket`]. Whatever is derived from the event holds it as well: copies,
//! what a pipeline makes of it, what several events are merged into. A sink holds it until what it made of the event was
//! given to the system, or says that it failed. When nobody holds it any more, the source is told: [`Outcome::Ack`] if
//! nobody said that it failed, else [`Outcome::Fail`]. So an event to three connections is acknowledged when the last of
//! them has been written to, and one that a pipeline drops at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;

use super::event::ConnectorId;

/// What became of an event that has a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Every sink that it reached has given it to the system.
    Ack,
    /// One at least has not, and will not.
    Fail,
}

/// The outcome of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The source that issued the ticket.
    pub source: ConnectorId,
    /// The number that it gave it.
    pub id: u64,
    /// What became of the event.
    pub outcome: Outcome,
}

/// Where tickets come from and their outcomes go.
#[derive(Debug, Clone, Default)]
pub struct TicketOffice(Arc<Mutex<Vec<Settled>>>);

impl TicketOffice {
    /// A ticket of that source's; `id` is its own to choose.
    #[must_use]
    pub fn issue(&self, source: ConnectorId, id: u64) -> Ticket {
        Ticket(Held::One(Arc::new(Issued {
            source,
            id,
            has_failed: AtomicBool::new(false),
            office: self.clone(),
        })))
    }

    /// The outcomes since the last call, in the order in which they were settled.
    pub fn poll_settled(&self, settled: &mut Vec<Settled>) {
        settled.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Follows an event; see the module. Most events have an empty one, which costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Ticket(Held);

#[derive(Debug, Clone, Default)]
enum Held {
    #[default]
    Nothing,
    One(Arc<Issued>),
    Many(Arc<Vec<Arc<Issued>>>),
}

#[derive(Debug)]
struct Issued {
    source: ConnectorId,
    id: u64,
    has_failed: AtomicBool,
    office: TicketOffice,
}

impl Drop for Issued {
    fn drop(&mut self) {
        let outcome = if *self.has_failed.get_mut() {
            Outcome::Fail
        } else {
            Outcome::Ack
        };
        let settled = Settled {
            source: self.source,
            id: self.id,
            outcome,
        };
        self.office
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(settled);
    }
}

impl Ticket {
    /// Whether nobody waits for an outcome.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.0, Held::Nothing)
    }

    /// The event, or a part of what was made of it, will not reach where it should.
    pub fn fail(&self) {
        match &self.0 {
            Held::Nothing => {}
            Held::One(issued) => issued.has_failed.store(true, Ordering::Relaxed),
            Held::Many(all) => all
                .iter()
                .for_each(|issued| issued.has_failed.store(true, Ordering::Relaxed)),
        }
    }

    /// The event is made of another one as well: this ticket stands for both.
    pub fn merge(&mut self, other: &Self) {
        let mut all = self.issued();
        for issued in other.issued() {
            if !all.iter().any(|known| Arc::ptr_eq(known, &issued)) {
                all.push(issued);
            }
        }
        self.0 = match all.as_slice() {
            [] => Held::Nothing,
            [only] => Held::One(Arc::clone(only)),
            _ => Held::Many(Arc::new(all)),
        };
    }

    fn issued(&self) -> Vec<Arc<Issued>> {
        match &self.0 {
            Held::Nothing => Vec::new(),
            Held::One(issued) => vec![Arc::clone(issued)],
            Held::Many(all) => all.to_vec(),
        }
    }
}

/// Tickets make no difference between events.
impl PartialEq for Ticket {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(office: &TicketOffice) -> Vec<(u64, Outcome)> {
        let mut settled = Vec::new();
        office.poll_settled(&mut settled);
        settled.iter().map(|settled| (settled.id, settled.outcome)).collect()
    }

    #[test]
    fn the_last_holder_settles_it() {
        let office = TicketOffice::default();
        let ticket = office.issue(ConnectorId(1), 7);
        let copies = [ticket.clone(), ticket.clone()];
        drop(ticket);
        let [first, second] = copies;
        drop(first);
        assert_eq!(settled(&office), []);
        drop(second);
        assert_eq!(settled(&office), [(7, Outcome::Ack)]);
        assert_eq!(settled(&office), [], "once");
    }

    #[test]
    fn one_failure_of_several_is_a_failure() {
        let office = TicketOffice::default();
        let ticket = office.issue(ConnectorId(1), 7);
        let other = ticket.clone();
        ticket.fail();
        drop((ticket, other));
        assert_eq!(settled(&office), [(7, Outcome::Fail)]);
    }

    #[test]
    fn what_is_merged_settles_all() {
        let office = TicketOffice::default();
        let mut merged = Ticket::default();
        assert!(merged.is_empty());
        for id in [1, 2, 3] {
            let ticket = office.issue(ConnectorId(1), id);
            merged.merge(&ticket);
            merged.merge(&ticket);
        }
        let lost = merged.clone();
        assert_eq!(settled(&office), []);
        lost.fail();
        drop((merged, lost));
        assert_eq!(
            settled(&office),
            [(1, Outcome::Fail), (2, Outcome::Fail), (3, Outcome::Fail)]
        );
    }
}
