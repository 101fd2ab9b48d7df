//! A system without a kernel: every socket is readable in every turn and gives the same burst of frames, and what is
//! written is counted and forgotten.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{Address, SocketOptions, Sys, SysEvent, Token, Wake};
use wsloop::proto::{ClientRequest, Config, Connection, Entropy, Instant, Message, Side};

/// Names the sockets by their places in `sockets`.
pub(crate) struct Swallowing {
    sockets: Vec<Socket>,
    /// Connections that wait to be accepted.
    backlog: usize,
    listener: Token,
    request: Vec<u8>,
    burst: Vec<u8>,
    is_started: bool,
    written_bytes: u64,
}

struct Socket {
    token: Token,
    /// How much of the request, and later of the burst, was read.
    read: usize,
    is_asked: bool,
}

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// Frames as a client sends them.
pub(crate) fn frames(message: Message<'_>, count: usize) -> Vec<u8> {
    let mut client = Connection::opened(Side::Client, Arc::new(Config::default()));
    for _ in 0..count {
        client.send(message, &mut Fixed).unwrap();
    }
    client.poll_transmit(Instant::ZERO, &mut Fixed).to_vec()
}

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5A);
    }
}

impl Swallowing {
    /// A system with as many connections in the listener's backlog, each of which asks to be opened.
    pub(crate) fn new(connections: usize, burst: Vec<u8>) -> Self {
        let request = ClientRequest::new("localhost", "/");
        let config = Arc::new(Config::default());
        let mut client = Connection::client(config, &request, Instant::ZERO, &mut Fixed).unwrap();
        let request = client.poll_transmit(Instant::ZERO, &mut Fixed).to_vec();
        Self {
            sockets: Vec::new(),
            backlog: connections,
            listener: Token(0),
            request,
            burst,
            is_started: false,
            written_bytes: 0,
        }
    }

    /// A system all of whose connections stand.
    pub(crate) fn open(connections: usize, burst: Vec<u8>) -> Self {
        let mut sys = Self::new(0, burst);
        let socket = |number| Socket {
            token: Token(number as u64),
            read: 0,
            is_asked: true,
        };
        sys.sockets = (0..connections).map(socket).collect();
        sys.start();
        sys
    }

    /// From now on there are bursts to read.
    pub(crate) fn start(&mut self) {
        self.is_started = true;
    }

    /// From now on there are none.
    pub(crate) fn stop(&mut self) {
        self.is_started = false;
    }

    pub(crate) const fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Whether a burst was read to its end.
    pub(crate) fn is_drained(&self, socket: u64) -> bool {
        self.sockets[socket as usize].read == 0
    }
}

impl Entropy for Swallowing {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5A);
    }
}

impl Sys for Swallowing {
    type Socket = u64;
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

    fn accept(&mut self, (): &mut (), token: Token, _: &SocketOptions) -> io::Result<(u64, Address)> {
        if self.backlog == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.backlog -= 1;
        self.sockets.push(Socket {
            token,
            read: 0,
            is_asked: false,
        });
        Ok((
            self.sockets.len() as u64 - 1,
            SocketAddr::from(([127, 0, 0, 1], 1)).into(),
        ))
    }

    fn adopt_listener(&mut self, _: Token, (): (), _: &SocketOptions) -> io::Result<((), Address)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn adopt(&mut self, _: Token, (): (), _: &SocketOptions) -> io::Result<(u64, Address)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn received_at(&mut self) -> Option<Duration> {
        None
    }

    fn close_listener(&mut self, (): ()) {}

    fn connect(&mut self, _: Token, _: &Address, _: &SocketOptions) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connected(&mut self, _: &mut u64) -> io::Result<()> {
        Ok(())
    }

    fn local_addr(&mut self, _: &u64) -> io::Result<Address> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn resolve(&mut self, _: Token, _: &str, _: u16) {}

    fn read(&mut self, socket: &mut u64, bytes: &mut [u8]) -> io::Result<usize> {
        let socket = &mut self.sockets[*socket as usize];
        let source = if socket.is_asked { &self.burst } else { &self.request };
        let count = bytes.len().min(source.len() - socket.read);
        bytes[..count].copy_from_slice(&source[socket.read..socket.read + count]);
        socket.read += count;
        if socket.read == source.len() {
            socket.read = 0;
            socket.is_asked = true;
        }
        Ok(count)
    }

    fn write(&mut self, _: &mut u64, bytes: &[u8]) -> io::Result<usize> {
        self.written_bytes += std::hint::black_box(bytes).len() as u64;
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, _: &mut u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = std::hint::black_box(slices).iter().map(|slice| slice.len()).sum();
        self.written_bytes += count as u64;
        Ok(count)
    }

    fn shutdown(&mut self, _: &mut u64) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self, _: u64) {}

    fn reset_on_close(&mut self, _: &mut u64) {}

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
        let has_bytes = |socket: &&Socket| self.is_started || !socket.is_asked;
        events.extend(self.sockets.iter().filter(has_bytes).map(|socket| event(socket.token)));
        Ok(())
    }
}
