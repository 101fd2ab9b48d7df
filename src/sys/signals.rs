//! SIGINT, SIGTERM and SIGHUP as events of the poll: the handler writes a byte into a socket that the poll watches.

use std::io::{self, Read};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::engine::{Signal, SysEvent};

/// What a signal means.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Stop(Signal),
    Reload,
}

/// The reading ends of the pipes that the handlers write to.
#[derive(Default)]
pub(super) struct Signals {
    pipes: Vec<(Meaning, UnixStream)>,
}

impl Signals {
    /// Installs the handlers of SIGINT and SIGTERM, for the life of the process; the pipes are registered under `tokens`.
    pub(super) fn watch_stop(&mut self, registry: &Registry, tokens: [Token; 2]) -> io::Result<()> {
        if !self
            .pipes
            .iter()
            .any(|(meaning, _)| matches!(meaning, Meaning::Stop(_)))
        {
            let [interrupt, terminate] = tokens;
            self.pipes
                .push((Meaning::Stop(Signal::Interrupt), watch(SIGINT, registry, interrupt)?));
            self.pipes
                .push((Meaning::Stop(Signal::Terminate), watch(SIGTERM, registry, terminate)?));
        }
        Ok(())
    }

    /// The same for SIGHUP.
    pub(super) fn watch_reload(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        if !self.pipes.iter().any(|(meaning, _)| matches!(meaning, Meaning::Reload)) {
            self.pipes.push((Meaning::Reload, watch(SIGHUP, registry, token)?));
        }
        Ok(())
    }

    /// Whether any is watched.
    pub(super) const fn is_empty(&self) -> bool {
        self.pipes.is_empty()
    }

    /// Empties the pipes; gives the signals that came since the last time, several of a kind as one.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = SysEvent> + '_ {
        self.pipes.iter_mut().filter_map(|(meaning, pipe)| {
            let mut came = false;
            let mut bytes = [0; 64];
            while matches!(pipe.read(&mut bytes), Ok(count) if count > 0) {
                came = true;
            }
            came.then_some(match meaning {
                Meaning::Stop(signal) => SysEvent::Signal(*signal),
                Meaning::Reload => SysEvent::Reload,
            })
        })
    }
}

fn watch(signal: i32, registry: &Registry, token: Token) -> io::Result<UnixStream> {
    let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    writer.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal, writer)?;
    let mut reader = UnixStream::from_std(reader);
    registry.register(&mut reader, token, Interest::READABLE)?;
    Ok(reader)
}
