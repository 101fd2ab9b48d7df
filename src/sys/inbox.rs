//! What helper threads report to the loop: a list of events, and the waker that tells the poll to look at it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::{SysEvent, Wake};

/// Shared between the loop, its helper threads and every [`Wake`].
pub(super) struct Inbox {
    waker: Option<mio::Waker>,
    woken: AtomicBool,
    files: AtomicBool,
    /// Answers of the resolver: at most one for each look-up that was asked for.
    events: Mutex<Vec<SysEvent>>,
}

impl Inbox {
    pub(super) fn new(waker: mio::Waker) -> Arc<Self> {
        Arc::new(Self::with_waker(Some(waker)))
    }

    /// An inbox that wakes nobody: for files without a loop.
    pub(super) fn silent() -> Arc<Self> {
        Arc::new(Self::with_waker(None))
    }

    fn with_waker(waker: Option<mio::Waker>) -> Self {
        Self {
            waker,
            woken: AtomicBool::new(false),
            files: AtomicBool::new(false),
            events: Mutex::new(Vec::new()),
        }
    }

    /// Reports that a standard stream that said `WouldBlock` may be ready.
    pub(super) fn files_ready(&self) {
        if !self.files.swap(true, Ordering::AcqRel) {
            self.ring();
        }
    }

    /// Reports `event`.
    pub(super) fn push(&self, event: SysEvent) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.ring();
    }

    /// Moves all that was reported to `events`. The flags are cleared before anything is looked at, so that a report
    /// that comes in between rings again.
    pub(super) fn drain(&self, events: &mut Vec<SysEvent>) {
        if self.woken.swap(false, Ordering::AcqRel) {
            events.push(SysEvent::Woken);
        }
        if self.files.swap(false, Ordering::AcqRel) {
            events.push(SysEvent::Files);
        }
        events.append(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn ring(&self) {
        if let Some(waker) = &self.waker {
            // The only failure that the system knows is a counter at its maximum, which means that the poll has been
            // told already.
            let _ = waker.wake();
        }
    }
}

impl Wake for Inbox {
    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.ring();
        }
    }
}
