//! A system without a kernel, and without an allocation once its connections are there: all of them ask to be opened, and
//! then take whatever is written, each after the others.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{Address, SocketOptions, Sys, SysEvent, Token, Wake};
use wsloop::proto::{Entropy, Instant};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// What was asked of it since it was made.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) calls: usize,
    pub(crate) bytes: usize,
}

pub(crate) struct Sinks {
    /// Connections that are to be accepted, and the listener.
    backlog: u64,
    listener: Token,
    /// Connections that were accepted since the last poll.
    fresh: Vec<Token>,
    /// Whether what is written is taken, or finds no room.
    pub(crate) takes: bool,
    pub(crate) written: Written,
}

pub(crate) struct Socket {
    has_asked: bool,
}

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

impl Sinks {
    pub(crate) const fn new(connections: u64) -> Self {
        Self {
            backlog: connections,
            listener: Token(0),
            fresh: Vec::new(),
            takes: true,
            written: Written { calls: 0, bytes: 0 },
        }
    }

    fn take(&mut self, bytes: usize) -> io::Result<usize> {
        if !self.takes {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.written.calls += 1;
        self.written.bytes += bytes;
        Ok(bytes)
    }
}

impl Entropy for Sinks {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5A);
    }
}

impl Sys for Sinks {
    type Socket = Socket;
    type Listener = ();
    type Foreign = ();

    const SHORT_READ_DRAINS: bool = true;

    fn now(&mut self) -> Instant {
        Instant::ZERO
    }

    fn wall_now(&mut self) -> Duration {
        Duration::ZERO
    }

    fn listen(&mut self, token: Token, address: &Address, _: u32, _: &SocketOptions) -> io::Result<((), Address)> {
        self.listener = token;
        Ok(((), address.clone()))
    }

    fn accept(&mut self, (): &mut (), token: Token, _: &SocketOptions) -> io::Result<(Socket, Address)> {
        if self.backlog == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.backlog -= 1;
        self.fresh.push(token);
        Ok((
            Socket { has_asked: false },
            SocketAddr::from(([127, 0, 0, 1], 1)).into(),
        ))
    }

    fn adopt_listener(&mut self, _: Token, (): (), _: &SocketOptions) -> io::Result<((), Address)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn adopt(&mut self, _: Token, (): (), _: &SocketOptions) -> io::Result<(Socket, Address)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn received_at(&mut self) -> Option<Duration> {
        None
    }

    fn close_listener(&mut self, (): ()) {}

    fn connect(&mut self, _: Token, _: &Address, _: &SocketOptions) -> io::Result<Socket> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connected(&mut self, _: &mut Socket) -> io::Result<()> {
        Ok(())
    }

    fn local_addr(&mut self, _: &Socket) -> io::Result<Address> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn resolve(&mut self, _: Token, _: &str, _: u16) {}

    fn read(&mut self, socket: &mut Socket, bytes: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut socket.has_asked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        bytes[..REQUEST.len()].copy_from_slice(REQUEST);
        Ok(REQUEST.len())
    }

    fn write(&mut self, _: &mut Socket, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes.len())
    }

    fn write_vectored(&mut self, _: &mut Socket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.take(slices.iter().map(|slice| slice.len()).sum())
    }

    fn shutdown(&mut self, _: &mut Socket) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self, _: Socket) {}

    fn reset_on_close(&mut self, _: &mut Socket) {}

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(Nobody)
    }

    fn has_more(&self) -> bool {
        false
    }

    fn poll(&mut self, events: &mut Vec<SysEvent>, _: Option<Duration>) -> io::Result<()> {
        let event = |token| SysEvent::Io {
            token,
            readable: true,
            writable: true,
            closed: false,
        };
        if self.backlog > 0 {
            events.push(event(self.listener));
        }
        events.extend(self.fresh.drain(..).map(event));
        Ok(())
    }
}
