//! SIGINT and SIGTERM as events of the poll: the handler writes a byte into a socket that the poll watches.

use std::io::{self, Read};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::engine::Signal;

/// The reading ends of the pipes that the handlers write to.
pub(super) struct Signals {
    pipes: [(Signal, UnixStream); 2],
}

impl Signals {
    /// Installs the handlers, for the life of the process; the pipes are registered under `tokens`.
    pub(super) fn new(registry: &Registry, tokens: [Token; 2]) -> io::Result<Self> {
        Ok(Self {
            pipes: [
                (Signal::Interrupt, watch(SIGINT, registry, tokens[0])?),
                (Signal::Terminate, watch(SIGTERM, registry, tokens[1])?),
            ],
        })
    }

    /// Empties the pipes; gives the signals that came since the last time, several of a kind as one.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Signal> + '_ {
        self.pipes.iter_mut().filter_map(|(signal, pipe)| {
            let mut came = false;
            let mut bytes = [0; 64];
            while matches!(pipe.read(&mut bytes), Ok(count) if count > 0) {
                came = true;
            }
            came.then_some(*signal)
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
