//! What the simulated world does to the engine.

use std::time::Duration;

use super::rng::Rng;

/// The mix of faults of one run. Chances are in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// A read gives fewer bytes than there are. (Not where a short read promises that the socket is drained.)
    pub cut_read: u16,
    /// A write takes fewer bytes than there is room for.
    pub cut_write: u16,
    /// Bytes written together arrive in several pieces.
    pub split: u16,
    /// A piece takes longer than [`latency_max`](Self::latency_max), up to a second.
    pub delay: u16,
    /// The longest that a piece commonly takes.
    pub latency_max: Duration,
    /// The bytes that one direction of a connection holds: at least the first, at most the second.
    pub capacity_bytes: (usize, usize),
    /// A poll reports a socket or listener that has nothing new.
    pub spurious: u16,
    /// A poll keeps an event back for the next one.
    pub hold_back: u16,
    /// A poll begins late, by up to a tenth of a second in which everybody else goes on: then much comes at once.
    pub stall: u16,
    /// `accept` fails since the process has too many open files (`EMFILE`).
    pub accept_emfile: u16,
    /// `accept` fails since the connection was lost while it waited.
    pub accept_aborted: u16,
    /// A reset takes away what had arrived but was not read.
    pub reset_purges: u16,
    /// A connect is not answered before some seconds have passed.
    pub late_connect: u16,
    /// A connect is refused although somebody listens.
    pub refuse_connect: u16,
    /// A connection is cut on its way after so many bytes as the dice say; both ends hear of a reset.
    pub cut: u16,
    /// `accept` fails for another reason that is not about one connection.
    pub accept_error: u16,
    /// A connect can't even begin.
    pub connect_fails: u16,
    /// A look-up fails though the name is there.
    pub resolve_fails: u16,
    /// The clock jumps ahead by up to a minute, as after the machine was suspended.
    pub jump: u16,
}

impl Faults {
    /// A perfect world: nothing is cut, everything arrives at once, buffers are large.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            cut_read: 0,
            cut_write: 0,
            split: 0,
            delay: 0,
            latency_max: Duration::ZERO,
            capacity_bytes: (1 << 20, 1 << 20),
            spurious: 0,
            hold_back: 0,
            stall: 0,
            accept_emfile: 0,
            accept_aborted: 0,
            reset_purges: 0,
            late_connect: 0,
            refuse_connect: 0,
            cut: 0,
            accept_error: 0,
            connect_fails: 0,
            resolve_fails: 0,
            jump: 0,
        }
    }

    /// A mix in which each kind is absent, rare or common, so that some runs see one fault alone and others all at once;
    /// without those that break what a connection was promised (see [`harsh`](Self::harsh)).
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let small = rng.size(1, 4096);
        Self {
            cut_read: rng.pick(&[0, 50, 800]),
            cut_write: rng.pick(&[0, 50, 800]),
            split: rng.pick(&[0, 100, 700]),
            delay: rng.pick(&[0, 5, 50]),
            latency_max: Duration::from_micros(rng.pick(&[0, 10, 1_000, 50_000])),
            capacity_bytes: rng.pick(&[(65_536, 1 << 20), (small, 65_536), (small, small)]),
            spurious: rng.pick(&[0, 20, 300]),
            hold_back: rng.pick(&[0, 50, 500]),
            stall: rng.pick(&[0, 50, 500]),
            accept_emfile: rng.pick(&[0, 0, 200]),
            accept_aborted: rng.pick(&[0, 0, 50]),
            reset_purges: rng.pick(&[0, 500, 1000]),
            late_connect: rng.pick(&[0, 0, 300]),
            refuse_connect: rng.pick(&[0, 0, 100]),
            ..Self::none()
        }
    }

    /// The same, and connections that are cut, calls that fail, and a clock that jumps.
    #[must_use]
    pub fn harsh(rng: &mut Rng) -> Self {
        Self {
            cut: rng.pick(&[0, 0, 100, 500]),
            accept_error: rng.pick(&[0, 0, 0, 100]),
            connect_fails: rng.pick(&[0, 0, 0, 200]),
            resolve_fails: rng.pick(&[0, 0, 0, 300]),
            jump: rng.pick(&[0, 0, 0, 5]),
            ..Self::draw(rng)
        }
    }
}
