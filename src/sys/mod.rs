//! The system beneath the engine, for real: mio, sockets, the clock, randomness, files and standard streams.
//!
//! This room is meant to be boring: it turns each method of [`Sys`](crate::engine::Sys) and
//! [`Files`](crate::engine::Files) into the system call of that name, and knows neither WebSocket nor TLS. What would
//! block (name look-ups, standard streams) is done by helper threads, which report through the waker.

// Clock, threads, files and sockets of the standard library are kept to this room; everybody else comes here for them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[cfg(feature = "activation")]
mod activation;
mod files;
mod inbox;
mod listener;
mod mio_sys;
mod net;
mod random;
mod resolve;
#[cfg(feature = "cli")]
mod signals;
#[cfg(feature = "timestamps")]
mod stamps;
mod stdio;

#[cfg(feature = "activation")]
pub use activation::{HandedOver, handed_over};
pub use files::OsFiles;
pub use mio_sys::MioSys;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use crate::engine::{Config, Engine, Error};

impl Engine<MioSys> {
    /// An event loop on the real system.
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives no poll instance (too many open files) or no random numbers.
    pub fn new(config: Config) -> Result<Self, Error> {
        let sys = MioSys::new().map_err(|source| Error::Io {
            doing: "opening the system's poll",
            source,
        })?;
        Ok(Self::with_sys(sys, config))
    }
}

/// For another loop to nest this one in: readable when [`Engine::poll`] has something to do that the system knows of.
/// Wait no longer than [`Engine::next_timeout`] says, since the system does not know of all.
impl AsFd for Engine<MioSys> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sys().as_fd()
    }
}

/// As [`AsFd`], for loops that want the bare number.
impl AsRawFd for Engine<MioSys> {
    fn as_raw_fd(&self) -> RawFd {
        self.sys().as_raw_fd()
    }
}
