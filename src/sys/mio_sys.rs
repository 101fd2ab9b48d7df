//! [`Sys`] on mio.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mio::{Interest, Poll};

use super::files::OsFiles;
use super::inbox::Inbox;
use super::listener::Listener;
use super::net::{self, Socket};
use super::random::Pool;
use super::resolve::Resolver;
use crate::engine::{Address, FileId, Files, OpenMode, SocketOptions, Sys, SysEvent, Token, Wake};
use crate::proto::{Entropy, Instant};

/// Events that one `epoll_wait` or `kevent` may bring; more wait in the kernel for the next one.
const EVENTS_LEN: usize = 1024;

const TOKEN_WAKER: mio::Token = mio::Token(usize::MAX);
#[cfg(feature = "cli")]
const TOKENS_STOP: [mio::Token; 2] = [mio::Token(usize::MAX - 1), mio::Token(usize::MAX - 2)];
#[cfg(feature = "cli")]
const TOKEN_RELOAD: mio::Token = mio::Token(usize::MAX - 3);

// A token of the engine holds a generation as well as an index, and mio's has the width of a pointer.
const _: () = assert!(usize::BITS >= 64, "wsloop needs a 64-bit target");

/// The real system: sockets and readiness through mio, the monotonic clock, random numbers from the system's
/// generator, name look-ups on helper threads, and [files](OsFiles).
pub struct MioSys {
    poll: Poll,
    events: mio::Events,
    /// The last poll filled `events`: the kernel may have more.
    was_filled: bool,
    #[cfg(feature = "timestamps")]
    stamps: super::stamps::Stamps,
    origin: std::time::Instant,
    random: Pool,
    inbox: Arc<Inbox>,
    resolver: Resolver,
    files: OsFiles,
    #[cfg(feature = "cli")]
    signals: super::signals::Signals,
}

impl MioSys {
    /// Opens a poll instance and fills the pool of random bytes.
    ///
    /// # Errors
    /// The system's: too many open files, no random numbers.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let inbox = Inbox::new(mio::Waker::new(poll.registry(), TOKEN_WAKER)?);
        Ok(Self {
            poll,
            events: mio::Events::with_capacity(EVENTS_LEN),
            was_filled: false,
            #[cfg(feature = "timestamps")]
            stamps: super::stamps::Stamps::default(),
            origin: std::time::Instant::now(),
            random: Pool::new()?,
            resolver: Resolver::new(Arc::clone(&inbox)),
            files: OsFiles::with_inbox(Arc::clone(&inbox)),
            inbox,
            #[cfg(feature = "cli")]
            signals: super::signals::Signals::default(),
        })
    }

    /// From now on SIGINT and SIGTERM don't end the process, but come as [`SysEvent::Signal`]. Several calls do what
    /// one does.
    ///
    /// # Errors
    /// The system's: too many open files.
    #[cfg(feature = "cli")]
    pub fn watch_signals(&mut self) -> io::Result<()> {
        self.signals.watch_stop(self.poll.registry(), TOKENS_STOP)
    }

    /// From now on SIGHUP doesn't end the process, but comes as [`SysEvent::Reload`]. Several calls do what one does.
    ///
    /// # Errors
    /// The system's: too many open files.
    #[cfg(feature = "cli")]
    pub fn watch_reload(&mut self) -> io::Result<()> {
        self.signals.watch_reload(self.poll.registry(), TOKEN_RELOAD)
    }

    fn register(&self, socket: &mut Socket, token: Token) -> io::Result<()> {
        self.poll
            .registry()
            .register(socket, to_mio(token), Interest::READABLE | Interest::WRITABLE)
    }

    fn register_listener(&self, listener: &mut Listener, token: Token) -> io::Result<Address> {
        let bound = listener.address()?;
        self.poll
            .registry()
            .register(listener.source(), to_mio(token), Interest::READABLE)?;
        Ok(bound)
    }

    /// Waits, and again if a signal handler ran meanwhile, but no longer than `timeout` in all.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let mut left = timeout;
        let mut begun = None;
        loop {
            match self.poll.poll(&mut self.events, left) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    let now = std::time::Instant::now();
                    let begun = *begun.get_or_insert(now);
                    left = timeout.map(|timeout| timeout.saturating_sub(now - begun));
                    #[cfg(feature = "cli")]
                    if !self.signals.is_empty() {
                        // The handler has written to its pipe: the next try comes back with it at once.
                        continue;
                    }
                }
                other => return other,
            }
        }
    }
}

impl Sys for MioSys {
    type Socket = Socket;
    type Listener = Listener;
    type Foreign = OwnedFd;

    const SHORT_READ_DRAINS: bool = cfg!(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    ));

    fn now(&mut self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    fn wall_now(&mut self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn listen(
        &mut self,
        token: Token,
        address: &Address,
        backlog: u32,
        options: &SocketOptions,
    ) -> io::Result<(Listener, Address)> {
        let mut listener = Listener::bind(address, backlog, options)?;
        self.register_listener(&mut listener, token)
            .map(|bound| (listener, bound))
    }

    fn adopt_listener(
        &mut self,
        token: Token,
        foreign: OwnedFd,
        options: &SocketOptions,
    ) -> io::Result<(Listener, Address)> {
        let mut listener = Listener::adopt(foreign, options)?;
        self.register_listener(&mut listener, token)
            .map(|bound| (listener, bound))
    }

    fn accept(
        &mut self,
        listener: &mut Listener,
        token: Token,
        options: &SocketOptions,
    ) -> io::Result<(Socket, Address)> {
        let (mut socket, peer) = again(|| listener.accept())?;
        // Linux hands the option down from the listener, which saves a system call for each connection.
        if options.no_delay && cfg!(not(target_os = "linux")) && peer.socket_addr().is_some() {
            socket.set_nodelay(true)?;
        }
        self.register(&mut socket, token)?;
        #[cfg(feature = "timestamps")]
        self.stamps.note(&socket, &peer, options);
        Ok((socket, peer))
    }

    fn adopt(&mut self, token: Token, foreign: OwnedFd, options: &SocketOptions) -> io::Result<(Socket, Address)> {
        let (mut socket, peer) = net::adopt(foreign, options)?;
        self.register(&mut socket, token)?;
        #[cfg(feature = "timestamps")]
        self.stamps.note(&socket, &peer, options);
        Ok((socket, peer))
    }

    fn close_listener(&mut self, mut listener: Listener) {
        // Closing takes it off the poll as well; this only makes it certain for duplicated descriptors.
        let _ = self.poll.registry().deregister(listener.source());
    }

    fn connect(&mut self, token: Token, address: &Address, options: &SocketOptions) -> io::Result<Socket> {
        let mut socket = net::connect(address, options)?;
        self.register(&mut socket, token)?;
        #[cfg(feature = "timestamps")]
        self.stamps.note(&socket, address, options);
        Ok(socket)
    }

    fn connected(&mut self, socket: &mut Socket) -> io::Result<()> {
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        match net::peer_address(socket) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error),
        }
    }

    fn local_addr(&mut self, socket: &Socket) -> io::Result<Address> {
        net::local_address(socket)
    }

    fn resolve(&mut self, token: Token, host: &str, port: u16) {
        self.resolver.resolve(token, host, port);
    }

    fn forget_resolve(&mut self, token: Token, host: &str) {
        self.resolver.forget(token, host);
    }

    fn read(&mut self, socket: &mut Socket, bytes: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "timestamps")]
        {
            self.stamps.last = None;
            if self.stamps.is_on(socket) {
                return again(|| self.stamps.read(socket, bytes));
            }
        }
        again(|| socket.read(bytes))
    }

    #[inline]
    fn received_at(&mut self) -> Option<Duration> {
        #[cfg(feature = "timestamps")]
        return self.stamps.last;
        #[cfg(not(feature = "timestamps"))]
        None
    }

    fn write(&mut self, socket: &mut Socket, bytes: &[u8]) -> io::Result<usize> {
        again(|| socket.write(bytes))
    }

    fn write_vectored(&mut self, socket: &mut Socket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        again(|| socket.write_vectored(slices))
    }

    fn shutdown(&mut self, socket: &mut Socket) -> io::Result<()> {
        socket.shutdown(Shutdown::Write)
    }

    fn close(&mut self, socket: Socket) {
        // The kernel takes a closed socket off the poll by itself.
        drop(socket);
    }

    fn reset_on_close(&mut self, socket: &mut Socket) {
        // If the option can't be set, the close is an ordinary one, and the peer sees the end a little later.
        let _ = net::reset_on_close(socket);
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::clone(&self.inbox) as Arc<dyn Wake>
    }

    fn has_more(&self) -> bool {
        self.was_filled
    }

    fn poll(&mut self, events: &mut Vec<SysEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.was_filled = false;
        self.wait(timeout)?;
        self.was_filled = self.events.iter().count() == EVENTS_LEN;
        for event in &self.events {
            let token = event.token();
            if token == TOKEN_WAKER {
                self.inbox.drain(events);
                continue;
            }
            #[cfg(feature = "cli")]
            if token == TOKEN_RELOAD || TOKENS_STOP.contains(&token) {
                events.extend(self.signals.drain());
                continue;
            }
            events.push(SysEvent::Io {
                token: Token(token.0 as u64),
                readable: event.is_readable(),
                writable: event.is_writable(),
                closed: event.is_read_closed() || event.is_write_closed() || event.is_error(),
            });
        }
        Ok(())
    }
}

impl Entropy for MioSys {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.random.fill(bytes);
    }
}

impl AsFd for MioSys {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}

impl AsRawFd for MioSys {
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}

impl Files for MioSys {
    fn open(&mut self, path: &str, mode: OpenMode) -> io::Result<FileId> {
        self.files.open(path, mode)
    }

    fn read(&mut self, file: FileId, bytes: &mut [u8]) -> io::Result<usize> {
        self.files.read(file, bytes)
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> io::Result<usize> {
        self.files.write(file, bytes)
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        self.files.sync(file)
    }

    fn close(&mut self, file: FileId) {
        self.files.close(file);
    }

    fn read_whole(&mut self, path: &str, limit_bytes: usize) -> io::Result<Vec<u8>> {
        self.files.read_whole(path, limit_bytes)
    }

    fn list(&mut self, folder: &str, limit: usize) -> io::Result<Vec<String>> {
        self.files.list(folder, limit)
    }

    fn absolute(&self, path: &str) -> String {
        self.files.absolute(path)
    }
}

const fn to_mio(token: Token) -> mio::Token {
    mio::Token(token.0 as usize)
}

/// Calls `call` until a signal handler did not interrupt it.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
