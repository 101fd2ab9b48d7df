//! Many connections on one thread: listeners, timers, stream ids and the event queue, generic over [`Sys`].
//!
//! The face of the room is [`Engine`] with its host-owned [`Events`]; with the real system beneath it is
//! [`EventLoop`](crate::EventLoop). Inside, each connection is a `Stream`: `reading` brings bytes from its socket
//! through the protocol to events, `writing` what is to be sent to the socket, `ending` closes in good order, `dial`
//! and `listener` are the two ways in, `secure` puts TLS in between. `turn` is one poll.

mod account;
mod adopt;
mod broadcast;
mod chunks;
mod commands;
mod core;
mod counters;
mod dial;
mod ending;
// The type that the room is named for has a file of its own name.
#[allow(clippy::module_inception)]
mod engine;
mod error;
mod events;
mod facts;
mod handle;
mod id;
mod keep_alive;
mod listener;
mod options;
mod peer;
mod pool;
mod reading;
mod remote;
mod seam;
mod secure;
mod slab;
mod stamps;
mod stopping;
mod stream;
mod telling;
mod timers;
mod turn;
mod writing;

pub use account::{Account, Dropped, Tally};
pub use adopt::AdoptOptions;
pub use broadcast::Broadcast;
pub use counters::Counters;
pub use engine::Engine;
pub use error::{Error, Failure, IoFailure, Misuse, Phase, RedirectError};
pub use events::{Chunk, Event, Events, Iter, Notice};
pub use handle::{Handle, HandleError};
pub use id::{ListenerId, StreamId};
pub use keep_alive::KeepAlive;
pub use options::{Config, ConnectOptions, ListenOptions, Proxy, QueueOptions, SlowReader};
pub use seam::{Address, FileId, Files, OpenMode, Signal, SocketOptions, Sys, SysEvent, Token, Wake};
#[cfg(feature = "tls")]
pub use secure::TlsInfo;
#[cfg(feature = "timestamps")]
pub use stamps::IterReceived;
pub use writing::Sent;
