//! What an engine has done so far: a plain struct, counted where the work is done anyway.

use super::core::Core;
use super::error::{Failure, Phase as WaitedFor};
use super::events::Kind;
use super::seam::Sys;
use super::stream::Stream;
use crate::proto;

/// What an engine has done so far. It is copied out; reading it costs nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Polls.
    pub turns: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections dialled.
    pub dialled: u64,
    /// Connections adopted.
    pub adopted: u64,
    /// Opening handshakes that succeeded.
    pub opened: u64,
    /// Connections that ended, of all kinds, in whatever way.
    pub ended: u64,
    /// Connections that ended before they were open since one side refused: by an HTTP answer that is no 101.
    pub handshakes_refused: u64,
    /// Connections that ended before they were open since time was up: dialling, TLS, or the opening handshake.
    pub handshakes_timed_out: u64,
    /// Connections that ended before they were open since the TLS or the opening handshake was no good.
    pub handshakes_broken: u64,
    /// Connections that ended before they were open for any other reason: not reached, lost, or cut by this side.
    pub handshakes_lost: u64,
    /// How often a listener paused since the system had no room ([`Notice::ListenerPaused`](super::Notice)).
    pub accepts_paused: u64,
    /// How often a listener began to let connections wait ([`Notice::ListenerFull`](super::Notice)).
    pub accepts_waited: u64,
    /// Connections that were reset since there were too many of their address
    /// ([`Notice::ConnectionRefused`](super::Notice)).
    pub accepts_refused: u64,
    /// Bytes read from sockets, TLS and handshakes included.
    pub bytes_received: u64,
    /// Bytes written to sockets, TLS and handshakes included.
    pub bytes_sent: u64,
    /// Messages that were received, those in chunks when their last came.
    pub messages_received: u64,
    /// Messages that the host sent and that were queued, those in chunks when their last was.
    pub messages_sent: u64,
    /// Messages that were not taken since a stream's queue was full (`SlowReader::Refuse`), and chunks.
    pub messages_refused: u64,
    /// Messages that were dropped because a stream's queue was full (`SlowReader::DropNewest`), or with the queue of a
    /// stream that was closed at once (`SlowReader::Close`, `close_now`).
    pub messages_dropped: u64,
    /// Messages that waited to be sent when their connection was lost or cut, or when its time to linger was up.
    pub messages_lost: u64,
    /// Pings of the engine's own: of [`KeepAlive`](super::KeepAlive) and for round trips.
    pub probes_sent: u64,
    /// Entries of timers that came up.
    pub timers_run: u64,
    /// How often a stream had to let others have their turn (`Config::read_budget_bytes`).
    pub budgets_exhausted: u64,
    /// How often streams had to wait for the next poll since the queue of events was full.
    pub arena_full: u64,
}

impl<S: Sys> Stream<S> {
    /// The stream ends for this reason, which is news.
    pub(super) fn count_end(&self, core: &mut Core<S>, last: &Kind) {
        let counters = &mut core.counters;
        counters.ended += 1;
        let Kind::Failed(failure) = last else { return };
        if !self.is_opening() {
            return;
        }
        let count = match &**failure {
            Failure::Protocol(proto::Failure::Refused(_)) => &mut counters.handshakes_refused,
            Failure::TimedOut(WaitedFor::Pong | WaitedFor::Idle) => &mut counters.handshakes_lost,
            Failure::TimedOut(_) | Failure::Protocol(proto::Failure::TimedOut(_)) => &mut counters.handshakes_timed_out,
            Failure::Protocol(proto::Failure::Violation(_)) => &mut counters.handshakes_broken,
            #[cfg(feature = "tls")]
            Failure::Tls(_) => &mut counters.handshakes_broken,
            Failure::Protocol(proto::Failure::Lost | proto::Failure::Misused(_))
            | Failure::Io(_)
            | Failure::Dial { .. }
            | Failure::Resolve { .. }
            | Failure::Proxy { .. }
            | Failure::Redirect { .. }
            | Failure::Aborted => &mut counters.handshakes_lost,
        };
        *count += 1;
    }
}
