//! A connector with what the router knows of it, and the rule by which sources read or wait.

use std::boxed::Box;
use std::string::String;

use super::Core;
use crate::connector::api::{Built, Connector, Level, Links, Rank, Status, Wiring};
use crate::connector::event::ConnectorId;
use crate::engine::{Files, Sys};
use crate::proto::Instant;

/// One connector of the service.
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) connector: Box<dyn Connector>,
    pub(super) links: Links,
    /// As of the last look.
    status: Status,
    /// What it was told last; a source waits until it is told otherwise.
    may_read: bool,
}

impl Slot {
    pub(super) fn new(built: Built, links: Links) -> Self {
        Self {
            name: built.name,
            connector: built.connector,
            links,
            status: Status::Starting,
            may_read: false,
        }
    }

    /// Whether anything is linked to it; a connector in no link is never started.
    pub(super) const fn is_linked(&self) -> bool {
        self.links.sink || self.is_source()
    }

    const fn is_source(&self) -> bool {
        self.links.out || self.links.err || self.links.connections
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.connector.poll_timeout().filter(|_| self.is_linked())
    }

    pub(super) const fn has_failed(&self) -> bool {
        matches!(self.status, Status::Failed(_))
    }
}

impl<S: Sys + Files, W: Wiring> Core<S, W> {
    /// Looks at every connector's status, and tells each source whether everything behind it is up.
    pub(super) fn update_flow(&mut self) {
        for id in self.ids() {
            self.update_status(id);
        }
        for id in self.ids() {
            let slot = &self.slots[id.0 as usize];
            if !slot.is_source() {
                continue;
            }
            let may_read = self.wiring.sinks_behind(id).iter().all(|sink| self.takes_events(*sink));
            if may_read != slot.may_read {
                self.slots[id.0 as usize].may_read = may_read;
                self.call(id, |connector, cx| connector.handle_flow(may_read, cx));
                self.deliver();
            }
        }
    }

    fn update_status(&mut self, id: ConnectorId) {
        let Some(slot) = self.slots.get_mut(id.0 as usize).filter(|slot| slot.is_linked()) else {
            return;
        };
        let status = slot.connector.status();
        if status == slot.status {
            return;
        }
        if let Status::Failed(text) = &status {
            let (name, text) = (slot.name.clone(), text.clone());
            slot.status = status;
            self.say(Level::Error, &name, std::format!("failed: {text}"));
        } else {
            slot.status = status;
        }
    }

    /// Whether a source in front of this sink need not wait for it. While the service stops nobody waits for a sink that
    /// will never come back.
    fn takes_events(&self, sink: ConnectorId) -> bool {
        let Some(slot) = self.slots.get(sink.0 as usize) else {
            return true;
        };
        match slot.status {
            Status::Up | Status::Finished => true,
            Status::Starting | Status::Congested => false,
            Status::Failed(_) => self.stopping.is_some(),
        }
    }

    /// Whether anything may still come from anywhere: a source that is not exhausted and does not wait for a sink that
    /// has failed, or a server that listens.
    pub(super) fn has_work_left(&self) -> bool {
        self.ids().any(|id| {
            let slot = &self.slots[id.0 as usize];
            if !slot.is_linked() || slot.connector.is_exhausted() {
                return false;
            }
            let waits_in_vain = || {
                let mut sinks = self.wiring.sinks_behind(id).iter();
                sinks.any(|sink| self.slots.get(sink.0 as usize).is_some_and(Slot::has_failed))
            };
            match slot.connector.rank() {
                Rank::Server => true,
                Rank::Local | Rank::Client => slot.is_source() && !waits_in_vain(),
            }
        })
    }
}
