//! Options of an engine, its listeners and its connections, each with its default.

mod connect;
mod headers;
mod listen;
mod proxy;
mod request;
pub(super) mod url;

use std::string::String;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

pub use connect::ConnectOptions;
pub use listen::ListenOptions;
pub use proxy::Proxy;

use super::keep_alive::KeepAlive;
use crate::proto;

/// What holds for a whole engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bytes read from one stream in a turn before the others have theirs; default 512 KiB. Large reads are cheap, and
    /// a stream that has more is continued in the next turn.
    pub read_budget_bytes: usize,
    /// Connections taken from a listener's backlog in a turn; default 64.
    pub accept_budget: usize,
    /// Connections in all, accepted and dialled, from the first packet until the socket is closed; default 1,048,576.
    /// At the bound, listeners wait and `connect` fails.
    pub connections_max: usize,
    /// How long an ended connection may take to send what is left and to see the peer's end of the stream; default 5 s.
    /// Without that wait a last frame could be lost to a reset (RFC 9112 section 9.6 has the same remedy).
    pub linger_timeout: Duration,
    /// Commands of [`Handle`](crate::engine::Handle)s that may wait; default 4,096.
    pub handle_queue_len: usize,
    /// Bytes of messages in them; default 64 MiB.
    pub handle_queue_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            read_budget_bytes: 512 << 10,
            accept_budget: 64,
            connections_max: 1 << 20,
            linger_timeout: Duration::from_secs(5),
            handle_queue_len: 4096,
            handle_queue_bytes: 64 << 20,
        }
    }
}

/// Bounds of a stream's queue of bytes to send, and what becomes of a message that would pass them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueOptions {
    /// Above this many bytes `send` answers [`Sent::AboveHighWater`](crate::engine::Sent::AboveHighWater); default 1 MiB.
    pub high_water_bytes: usize,
    /// At this many bytes or fewer, after that, [`Event::LowWater`](crate::engine::Event::LowWater) comes; default 256 KiB.
    pub low_water_bytes: usize,
    /// A message that would bring the queue above this is treated as `slow_reader` says; default 65 MiB: the longest
    /// message by default, and a MiB of others. `proto::Limits::queued_bytes` bounds the same queue; the lower counts.
    /// What is longer than this alone never fits, however often it is tried: send it in chunks that do.
    pub limit_bytes: usize,
    /// The policy at the limit; default [`SlowReader::Refuse`].
    pub slow_reader: SlowReader,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            high_water_bytes: 1 << 20,
            low_water_bytes: 256 << 10,
            limit_bytes: 65 << 20,
            slow_reader: SlowReader::Refuse,
        }
    }
}

/// What `send` does with a message for which a stream's queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SlowReader {
    /// Gives it back: [`Sent::Refused`](crate::engine::Sent::Refused).
    #[default]
    Refuse,
    /// Drops it and counts it: [`Sent::Dropped`](crate::engine::Sent::Dropped).
    DropNewest,
    /// Drops the queue behind the frame under way, sends Close 1013 (try again later), and resets the connection if
    /// that isn't written within a second: [`Sent::Closing`](crate::engine::Sent::Closing).
    Close,
}

/// What the streams of a listener, or one dialled stream, have in common.
#[derive(Debug, Clone)]
pub(in crate::engine) struct StreamOptions {
    pub(in crate::engine) protocol: Arc<proto::Config>,
    pub(in crate::engine) queue: QueueOptions,
    pub(in crate::engine) requests: bool,
    pub(in crate::engine) control_events: bool,
    pub(in crate::engine) chunks: bool,
    pub(in crate::engine) subprotocols: Vec<String>,
    pub(in crate::engine) tls_timeout: Duration,
    pub(in crate::engine) account: bool,
    /// An account is kept, or uses are noted: there is something to do for each message.
    pub(in crate::engine) is_noted: bool,
    pub(in crate::engine) keep_alive: Option<KeepAlive>,
    pub(in crate::engine) idle_timeout: Option<Duration>,
}

impl StreamOptions {
    /// Whether an open stream has deadlines.
    #[inline]
    pub(in crate::engine) const fn is_watched(&self) -> bool {
        self.keep_alive.is_some() || self.idle_timeout.is_some()
    }
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            protocol: Arc::default(),
            queue: QueueOptions::default(),
            requests: false,
            control_events: false,
            chunks: false,
            subprotocols: Vec::new(),
            tls_timeout: Duration::from_secs(10),
            account: false,
            is_noted: false,
            keep_alive: None,
            idle_timeout: None,
        }
    }
}
