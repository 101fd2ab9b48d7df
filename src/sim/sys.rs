//! The engine's side of the simulated world: sockets, readiness, time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::breaking::Call;
use super::faults::Faults;
use super::files::Disk;
use super::net::{Link, Net};
use super::rng::Rng;
use super::wire::{Listening, Owner, Stage};
use crate::engine::{Address, SocketOptions, Sys, SysEvent, Token, Wake};
use crate::proto::{Entropy, Instant};

/// The time of day at the world's beginning: 2026-01-01 00:00:00 UTC.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// A simulated system. `SHORT_READS` is its [`SHORT_READ_DRAINS`](Sys::SHORT_READ_DRAINS): whether a short read promises
/// that the socket is drained (as with epoll and kqueue), or reads may be cut anywhere.
#[derive(Debug)]
pub struct SimSys<const SHORT_READS: bool = false> {
    pub(super) net: Net,
    pub(super) disk: Disk,
    entropy: Rng,
    pub(super) waker: Arc<Flag>,
}

/// An engine's simulated socket.
#[derive(Debug)]
pub struct SimSocket(Link);

/// An engine's simulated listener.
#[derive(Debug)]
pub struct SimListener(SocketAddr);

/// A socket of the simulated process that was made outside the engine, for the engine to adopt.
#[derive(Debug)]
pub enum SimForeign {
    /// An end of a connection.
    Connected(Link),
    /// A listener, by its address; nobody listens there yet.
    Listening(SocketAddr),
}

#[derive(Debug, Default)]
pub(super) struct Flag(pub(super) AtomicBool);

impl Wake for Flag {
    fn wake(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<const SHORT_READS: bool> SimSys<SHORT_READS> {
    /// A world of its own, all of whose choices follow from `seed`.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        let mut rng = Rng::new(seed);
        let entropy = rng.fork();
        Self {
            net: Net::new(rng, faults),
            disk: Disk::default(),
            entropy,
            waker: Arc::default(),
        }
    }

    /// The network, to look at.
    #[must_use]
    pub const fn net(&self) -> &Net {
        &self.net
    }

    /// The network, to add peers and signals.
    pub const fn net_mut(&mut self) -> &mut Net {
        &mut self.net
    }

    /// The files and what standard output and error were given.
    #[must_use]
    pub const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The files, to put some there or to fill the disk.
    pub const fn disk_mut(&mut self) -> &mut Disk {
        &mut self.disk
    }

    pub(super) const fn parts(&mut self) -> (&mut Disk, &mut Net) {
        (&mut self.disk, &mut self.net)
    }
}

/// The simulated network is TCP's alone.
fn inet(address: &Address) -> io::Result<SocketAddr> {
    address.socket_addr().ok_or_else(|| io::ErrorKind::Unsupported.into())
}

impl<const SHORT_READS: bool> Entropy for SimSys<SHORT_READS> {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.entropy.fill(bytes);
    }
}

impl<const SHORT_READS: bool> Sys for SimSys<SHORT_READS> {
    type Socket = SimSocket;
    type Listener = SimListener;
    type Foreign = SimForeign;

    const SHORT_READ_DRAINS: bool = SHORT_READS;

    fn now(&mut self) -> Instant {
        self.net.now
    }

    fn wall_now(&mut self) -> Duration {
        EPOCH + Duration::from_nanos(self.net.now.as_nanos())
    }

    fn listen(
        &mut self,
        token: Token,
        address: &Address,
        backlog: u32,
        _options: &SocketOptions,
    ) -> io::Result<(SimListener, Address)> {
        let mut addr = inet(address)?;
        if self.net.fails(Call::Listen) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let taken = |addr: &SocketAddr| self.net.listeners.contains_key(addr);
        if addr.port() == 0 {
            let free = (40_000..49_152).find(|port| !taken(&SocketAddr::new(addr.ip(), *port)));
            addr.set_port(free.ok_or(io::ErrorKind::AddrNotAvailable)?);
        } else if taken(&addr) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.net
            .listeners
            .insert(addr, Listening::new(Owner::Engine(token), backlog.max(1) as usize));
        Ok((SimListener(addr), addr.into()))
    }

    fn adopt_listener(
        &mut self,
        token: Token,
        foreign: SimForeign,
        options: &SocketOptions,
    ) -> io::Result<(SimListener, Address)> {
        match foreign {
            SimForeign::Listening(addr) => self.listen(token, &addr.into(), 128, options),
            SimForeign::Connected(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn accept(
        &mut self,
        listener: &mut SimListener,
        token: Token,
        _options: &SocketOptions,
    ) -> io::Result<(SimSocket, Address)> {
        let net = &mut self.net;
        let fails = net.fails(Call::Accept).then(|| io::ErrorKind::OutOfMemory.into());
        let failed = net.accept_error().or(fails);
        let aborted = net.rng.chance(net.faults.accept_aborted);
        let Some(waiting) = net.listeners.get_mut(&listener.0) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if waiting.backlog.is_empty() {
            waiting.drained = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let Some(link) = waiting.backlog.pop_front() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        if aborted {
            net.mark_cut(link);
            net.reset(link);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        net.note("accept", link, 0);
        net.take_over(link, token);
        net.ends[link.index()].edge.writable = true;
        net.edges.insert(link);
        Ok((SimSocket(link), net.other_end(link).addr.into()))
    }

    fn adopt(
        &mut self,
        token: Token,
        foreign: SimForeign,
        _options: &SocketOptions,
    ) -> io::Result<(SimSocket, Address)> {
        let SimForeign::Connected(link) = foreign else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let net = &mut self.net;
        if net.fails(Call::Adopt) {
            net.mark_cut(link);
            net.reset(link);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if net.end(link).stage != Stage::Connected {
            return Err(io::ErrorKind::NotConnected.into());
        }
        net.note("adopt", link, 0);
        net.take_over(link, token);
        net.ends[link.index()].edge.writable = true;
        net.edges.insert(link);
        Ok((SimSocket(link), net.other_end(link).addr.into()))
    }

    fn close_listener(&mut self, listener: SimListener) {
        if let Some(closed) = self.net.listeners.remove(&listener.0) {
            for link in closed.backlog {
                self.net.mark_cut(link);
                self.net.reset(link);
            }
        }
    }

    fn connect(&mut self, token: Token, address: &Address, _options: &SocketOptions) -> io::Result<SimSocket> {
        let addr = inet(address)?;
        if self.net.fails(Call::Connect) || self.net.rng.chance(self.net.faults.connect_fails) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let link = self.net.begin_connect(Owner::Engine(token), addr);
        self.net.take_over(link, token);
        Ok(SimSocket(link))
    }

    fn connected(&mut self, socket: &mut SimSocket) -> io::Result<()> {
        if self.net.fails(Call::Connected) {
            return Err(self.net.fail_end(socket.0));
        }
        match self.net.end(socket.0).stage {
            Stage::Connecting => Err(io::ErrorKind::WouldBlock.into()),
            Stage::Connected => Ok(()),
            Stage::Refused => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    fn local_addr(&mut self, socket: &SimSocket) -> io::Result<Address> {
        if self.net.fails(Call::LocalAddr) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(self.net.end(socket.0).addr.into())
    }

    fn resolve(&mut self, token: Token, host: &str, port: u16) {
        self.net.begin_resolve(token, host, port);
    }

    fn read(&mut self, socket: &mut SimSocket, bytes: &mut [u8]) -> io::Result<usize> {
        let (link, net) = (socket.0, &mut self.net);
        if net.fails(Call::Read) {
            return Err(net.fail_end(link));
        }
        let end = &mut net.ends[link.index()];
        if end.stage != Stage::Connected {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let mut count = end.inbox.len().min(bytes.len());
        if count == 0 && !bytes.is_empty() {
            return match (end.reset.then(|| end.tell_reset()).flatten(), end.is_readable()) {
                (Some(error), _) => Err(error),
                (None, true) => Ok(0),
                (None, false) => {
                    end.drained = true;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            };
        }
        if SHORT_READS {
            // The whole inbox came out: what comes next is news.
            end.drained = count < bytes.len();
        } else if net.rng.chance(net.faults.cut_read) {
            count = net.rng.size(1, count);
        }
        net.end(link).take(&mut bytes[..count]);
        net.note("read", link, count as u64);
        net.tell_room(link.other());
        Ok(count)
    }

    fn received_at(&mut self) -> Option<Duration> {
        None
    }

    fn write(&mut self, socket: &mut SimSocket, bytes: &[u8]) -> io::Result<usize> {
        let (link, net) = (socket.0, &mut self.net);
        if net.fails(Call::Write) {
            return Err(net.fail_end(link));
        }
        let room = net.other_end(link).room();
        let end = net.end(link);
        if end.stage != Stage::Connected {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if end.reset {
            return Err(end.tell_reset().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()));
        }
        if end.shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if room == 0 && !bytes.is_empty() {
            end.blocked = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut count = bytes.len().min(room);
        if count > 1 && net.rng.chance(net.faults.cut_write) {
            count = net.rng.size(1, count);
        }
        net.note("write", link, count as u64);
        net.send(link, &bytes[..count]);
        Ok(count)
    }

    fn write_vectored(&mut self, socket: &mut SimSocket, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let mut joined = Vec::new();
        for slice in slices {
            joined.extend_from_slice(slice);
        }
        self.write(socket, &joined)
    }

    fn shutdown(&mut self, socket: &mut SimSocket) -> io::Result<()> {
        if self.net.fails(Call::Shutdown) {
            return Err(self.net.fail_end(socket.0));
        }
        let end = self.net.end(socket.0);
        if end.stage != Stage::Connected || end.reset {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.net.note("shutdown", socket.0, 0);
        self.net.send_fin(socket.0);
        Ok(())
    }

    fn close(&mut self, socket: SimSocket) {
        self.net.note("close", socket.0, 0);
        self.net.release(socket.0);
    }

    fn reset_on_close(&mut self, socket: &mut SimSocket) {
        self.net.end(socket.0).reset_on_close = true;
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::clone(&self.waker) as Arc<dyn Wake>
    }

    fn has_more(&self) -> bool {
        false
    }

    fn poll(&mut self, events: &mut Vec<SysEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.wait(events, timeout)
    }
}
