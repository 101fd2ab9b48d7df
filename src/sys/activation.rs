//! Sockets that the process was started with: systemd's socket activation, which `systemfd` and others speak, too.

use std::env;
use std::io;
use std::os::fd::OwnedFd;

use listenfd::ListenFd;

/// A socket that whoever started the process handed over.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandedOver {
    /// The socket: one that listens, most often, for [`Engine::adopt_listener`](crate::engine::Engine::adopt_listener);
    /// or a connection (systemd's `Accept=yes`), for [`Engine::adopt`](crate::engine::Engine::adopt).
    pub socket: OwnedFd,
    /// Its name (`FileDescriptorName=` in systemd's unit of the socket, by default that unit's own name); empty if it
    /// has none.
    pub name: String,
}

/// The stream sockets, of TCP or Unix, that the process was started with, in the order of their numbers; none if it was
/// started without. `LISTEN_FDS` says how many, from the descriptor 3 on, `LISTEN_PID` for which process, and
/// `LISTEN_FDNAMES` how they are called; what is meant for another process is left alone.
///
/// They are given once: the variables are removed, so that neither a second call nor a child process takes them again.
/// Since a process's variables belong to all its threads, call this at the beginning, before there are others.
///
/// # Errors
/// One of them is no stream socket. Those before it are closed.
pub fn handed_over() -> io::Result<Vec<HandedOver>> {
    // The names stay among the variables; without `LISTEN_FDS` they mean nothing.
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut sockets = ListenFd::from_env();
    (0..sockets.len())
        .map(|index| {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = take(&mut sockets, index)?;
            Ok(HandedOver { socket, name })
        })
        .collect()
}

fn take(sockets: &mut ListenFd, index: usize) -> io::Result<OwnedFd> {
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    match sockets.take_tcp_listener(index) {
        Ok(listener) => listener.map(OwnedFd::from).ok_or_else(missing),
        Err(_) => sockets
            .take_unix_listener(index)?
            .map(OwnedFd::from)
            .ok_or_else(missing),
    }
}
