//! What breaks in the simulated world: connections that are cut on their way, and calls that fail.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::net::{Link, Net};
use super::wire::Happening;

/// `EMFILE` on Linux, macOS and the BSDs: too many open files.
const EMFILE: i32 = 24;

/// What else `accept` may say: the system's table of files is full, no permission, out of buffers.
const ACCEPT_ERRORS: [i32; 3] = [23, 1, 105];

/// A system call that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// `listen`, with all that comes before it.
    Listen,
    /// `accept`.
    Accept,
    /// The begin of a connect.
    Connect,
    /// The question what became of a connect.
    Connected,
    /// The question for a socket's own address.
    LocalAddr,
    /// A look-up.
    Resolve,
    /// A read.
    Read,
    /// A write, of one piece or of several.
    Write,
    /// The end of the sending side.
    Shutdown,
    /// The registration of a socket that somebody else made.
    Adopt,
}

/// What broke so far, and what is going to.
#[derive(Debug, Default)]
pub(super) struct Breaks {
    /// Calls that could have failed.
    calls: u64,
    failing: Option<u64>,
    failed: Option<Call>,
    /// Connections that the world has cut, by the address of the end that connected.
    cuts: BTreeSet<SocketAddr>,
    pub(super) jumps: u64,
}

impl Net {
    /// Has the `number`-th call from now fail that may fail; the first is 1.
    pub fn fail_call(&mut self, number: u64) {
        self.breaks.failing = Some(self.breaks.calls + number);
    }

    /// The call that was made to fail, once it has come up.
    #[must_use]
    pub const fn failed_call(&self) -> Option<Call> {
        self.breaks.failed
    }

    /// Whether the world has cut the connection that came from `addr`: on its way, by a call that failed, or in the
    /// backlog.
    #[must_use]
    pub fn was_cut(&self, addr: SocketAddr) -> bool {
        self.breaks.cuts.contains(&addr)
    }

    /// How often the clock has jumped.
    #[must_use]
    pub const fn jumps(&self) -> u64 {
        self.breaks.jumps
    }

    /// Lets time pass in which nobody acts.
    pub(super) fn jump(&mut self, by: Duration) {
        self.breaks.jumps += 1;
        self.now += by;
    }

    /// Counts a call; true if it is the one to fail.
    pub(super) fn fails(&mut self, call: Call) -> bool {
        self.breaks.calls += 1;
        let fails = self.breaks.failing == Some(self.breaks.calls);
        if fails {
            self.breaks.failed = Some(call);
        }
        fails
    }

    /// How many of so many bytes from `from` still go through before the connection is cut there, if it is now.
    pub(super) fn burn(&mut self, from: Link, bytes: usize) -> (usize, bool) {
        let end = self.end(from);
        let Some(fuse) = &mut end.fuse else {
            return (bytes, false);
        };
        let through = bytes.min(*fuse);
        *fuse -= through;
        let cut = through < bytes && !std::mem::replace(&mut end.severed, true);
        (through, cut)
    }

    /// A connection is cut on its way: both ends hear of a reset, and nothing more goes through from here.
    pub(super) fn cut(&mut self, link: Link) {
        self.note("is cut", link, 0);
        self.mark_cut(link);
        for to in [link, link.other()] {
            let time = self.now + self.latency();
            self.at(time, Happening::Reset { to });
        }
    }

    /// A call on the engine's end `link` says that the connection has failed; the other end hears of a reset.
    pub(super) fn fail_end(&mut self, link: Link) -> io::Error {
        self.note("fails", link, 0);
        self.mark_cut(link);
        let end = self.end(link);
        end.inbox.clear();
        end.reset_told = true;
        if !end.reset {
            self.send_reset(link);
        }
        io::ErrorKind::ConnectionReset.into()
    }

    /// Remembers that a connection can't come to a good end.
    pub(super) fn mark_cut(&mut self, link: Link) {
        let addr = self.end(Link(link.index() & !1)).addr;
        self.breaks.cuts.insert(addr);
    }

    /// An error of `accept` that is not about one connection.
    pub(super) fn accept_error(&mut self) -> Option<io::Error> {
        let number = if self.rng.chance(self.faults.accept_emfile) {
            EMFILE
        } else if self.rng.chance(self.faults.accept_error) {
            self.rng.pick(&ACCEPT_ERRORS)
        } else {
            return None;
        };
        Some(io::Error::from_raw_os_error(number))
    }
}
