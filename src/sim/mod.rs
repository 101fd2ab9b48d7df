//! The system beneath the engine, simulated: the same engine in a false world that is drawn from a seed.
//!
//! [`SimSys`] is a [`Sys`](crate::engine::Sys) and [`Files`](crate::engine::Files) in memory. Its network cuts reads
//! and writes where it likes, delays, refuses and resets; its readiness is edge-triggered to the letter (an edge is
//! given once, and not again before the engine has drained what it announced), with spurious events among them; its
//! time stands still but in `poll`, where it jumps to the next thing that happens. [`Peer`]s live inside it: programs at
//! the other end of the wire, such as the [`naive`] WebSocket peer, whose own simple code is the oracle for the engine's.
//!
//! All choices come from the seed: the same seed, the same engine and the same host give the same
//! [`trace`](Net::trace). A [`poll`](crate::engine::Sys::poll) that waits for ever while nothing can ever happen is an
//! error: so a lost wake-up is found, not waited for.
//!
//! ```
//! use std::time::Duration;
//! use wsloop::engine::Sys;
//! use wsloop::sim::{Faults, SimSys};
//!
//! let mut sys: SimSys = SimSys::new(7, Faults::none());
//! let start = sys.now();
//! let mut events = Vec::new();
//! sys.poll(&mut events, Some(Duration::from_secs(3600))).unwrap();
//! assert_eq!(sys.now() - start, Duration::from_secs(3600));
//! assert!(sys.poll(&mut events, None).is_err(), "nothing will ever happen");
//! ```

mod breaking;
mod faults;
mod files;
mod happen;
pub mod naive;
mod net;
mod poll;
mod rng;
mod sys;
mod wire;

pub use breaking::Call;
pub use faults::Faults;
pub use net::{Link, Net, Peer, Status};
pub use rng::Rng;
pub use sys::{SimForeign, SimSys};
