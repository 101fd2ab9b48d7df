//! The only seam to the kernel: [`Sys`] for sockets and time, [`Files`] for files and standard streams.
//!
//! The engine is written against these traits and calls nothing else, so that the same engine runs on mio and in a
//! simulated world. Implementations keep mio's contract, stated at each method.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::string::String;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use crate::proto::{Entropy, Instant};

/// Names a registered socket, listener or look-up in the events that [`Sys::poll`] gives.
///
/// The engine chooses the value; the system only hands it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Where a socket is bound or connected to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP: an IP address and a port.
    Inet(SocketAddr),
    /// A Unix socket: its path, or on Linux `@name` in the abstract namespace, which is no file. Empty for the end of
    /// one that was never bound, as a client's is.
    Unix(String),
}

impl Address {
    /// The IP address and port; `None` of a Unix socket.
    #[must_use]
    pub const fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }
}

/// `127.0.0.1:9001`, or `unix:/run/x.sock`: as [`ListenOptions::new`](super::ListenOptions::new) reads it.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => fmt::Display::fmt(addr, formatter),
            Self::Unix(path) => write!(formatter, "unix:{path}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

/// Options set on a socket before it binds or connects; `None` leaves the system's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketOptions {
    /// `TCP_NODELAY`; default true, since a small message that waits for an acknowledgement waits 40 ms.
    pub no_delay: bool,
    /// `SO_REUSEADDR`; default true, so that a restarted server can bind at once.
    pub reuse_addr: bool,
    /// `SO_REUSEPORT`; default false.
    pub reuse_port: bool,
    /// `SO_KEEPALIVE` with this idle time; default `None`: no TCP keep-alive.
    pub keep_alive: Option<Duration>,
    /// The address that a connection comes from, of the family of the one that it goes to; port 0 for one that the system
    /// chooses. Default `None`: the system chooses both. Unused by listeners.
    pub bind: Option<SocketAddr>,
    /// `SO_RCVBUF` in bytes.
    pub recv_buffer_bytes: Option<u32>,
    /// `SO_SNDBUF` in bytes.
    pub send_buffer_bytes: Option<u32>,
    /// The permissions of the file of a Unix socket that is listened on, such as `0o660`; by default those that the
    /// process's umask leaves. To connect takes the permission to write to it.
    pub unix_mode: Option<u32>,
    /// `SO_TIMESTAMPNS`: the kernel tells when it received what is read, and [`Events::iter_received`] tells the host;
    /// default false, since it is asked for with every read. TCP on Linux only; elsewhere it has no effect.
    ///
    /// [`Events::iter_received`]: super::Events::iter_received
    #[cfg(feature = "timestamps")]
    pub timestamps: bool,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            no_delay: true,
            reuse_addr: true,
            reuse_port: false,
            keep_alive: None,
            bind: None,
            recv_buffer_bytes: None,
            send_buffer_bytes: None,
            unix_mode: None,
            #[cfg(feature = "timestamps")]
            timestamps: false,
        }
    }
}

/// What [`Sys::poll`] reports.
#[derive(Debug)]
pub enum SysEvent {
    /// A socket or listener changed; edge-triggered, and possibly spurious.
    Io {
        /// The token that it was registered under.
        token: Token,
        /// New bytes, a new connection to accept, or the end of the stream.
        readable: bool,
        /// Room to write again, or a connect that came to an end.
        writable: bool,
        /// The peer closed its sending side, or the connection failed: read until the end, whatever a short read
        /// said before.
        closed: bool,
    },
    /// A look-up that [`Sys::resolve`] began has ended.
    Resolved {
        /// The token given to [`Sys::resolve`].
        token: Token,
        /// The addresses in the order to try them; never empty when `Ok`.
        result: io::Result<Vec<SocketAddr>>,
    },
    /// Somebody used the [`Wake`].
    Woken,
    /// The process was asked to stop.
    Signal(Signal),
    /// The process was asked to read again what it was configured by (`SIGHUP`).
    Reload,
    /// [`Files::read`] or [`Files::write`] said `WouldBlock` before and may succeed now.
    Files,
}

/// A signal that asks the process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// `SIGINT`, as from Ctrl-C.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
}

/// Ends a [`Sys::poll`] that waits, from any thread.
pub trait Wake: Send + Sync {
    /// Makes the poll in progress, or else the next one, return with [`SysEvent::Woken`]; several calls may be
    /// merged into one event.
    fn wake(&self);
}

/// Sockets, listeners, look-ups, time and randomness, as the engine needs them.
///
/// The contract is mio's: readiness is edge-triggered and may be spurious, so a caller reads, writes and accepts until
/// `WouldBlock` (or until a short read where [`SHORT_READ_DRAINS`](Self::SHORT_READ_DRAINS)), and every socket is
/// registered for reading and writing once, when it is made. No method blocks but [`poll`](Self::poll).
/// `Interrupted` never comes out: an implementation tries again.
pub trait Sys: Entropy {
    /// A connected or connecting stream socket, registered under the token it was made with.
    type Socket;
    /// A listening socket, registered under the token it was made with.
    type Listener;
    /// A socket that somebody else made: a file descriptor, where the system is a real one.
    type Foreign;

    /// True if a read that gave fewer bytes than asked means that the socket is drained, and that new bytes will
    /// give a new event (epoll and kqueue promise this).
    const SHORT_READ_DRAINS: bool;

    /// The monotonic clock.
    fn now(&mut self) -> Instant;

    /// The time of day, since the Unix epoch (1970-01-01 00:00:00 UTC).
    fn wall_now(&mut self) -> Duration;

    /// Binds and listens; gives the address bound (which names the port where `address` asked for port 0).
    ///
    /// # Errors
    /// Whatever the system says: address in use, no permission, no such address.
    fn listen(
        &mut self,
        token: Token,
        address: &Address,
        backlog: u32,
        options: &SocketOptions,
    ) -> io::Result<(Self::Listener, Address)>;

    /// Takes over a listening socket that somebody else made, sets those of `options` on it that its connections are to
    /// have, and tells its address.
    ///
    /// # Errors
    /// It is no listening stream socket, or the system refuses to register it.
    fn adopt_listener(
        &mut self,
        token: Token,
        foreign: Self::Foreign,
        options: &SocketOptions,
    ) -> io::Result<(Self::Listener, Address)>;

    /// Takes one connection off the backlog and registers it under `token`. Of `options`, which are the listener's, it
    /// sets what the system doesn't hand down.
    ///
    /// # Errors
    /// `WouldBlock` when the backlog is empty; else the system's error (too many open files, or a connection that
    /// was reset while it waited: then the next call may succeed).
    fn accept(
        &mut self,
        listener: &mut Self::Listener,
        token: Token,
        options: &SocketOptions,
    ) -> io::Result<(Self::Socket, Address)>;

    /// Takes over a connected socket that somebody else made, sets `options` on it, and tells the peer's address. An
    /// event comes for what it holds already.
    ///
    /// # Errors
    /// It is no connected stream socket, or the system refuses to register it or an option.
    fn adopt(
        &mut self,
        token: Token,
        foreign: Self::Foreign,
        options: &SocketOptions,
    ) -> io::Result<(Self::Socket, Address)>;

    /// Stops listening; connections in the backlog are lost, and the file of a Unix socket is removed.
    fn close_listener(&mut self, listener: Self::Listener);

    /// Begins to connect; an event with `writable` (or `closed`) tells that it came to an end.
    ///
    /// # Errors
    /// The system's error if the attempt could not even begin.
    fn connect(&mut self, token: Token, address: &Address, options: &SocketOptions) -> io::Result<Self::Socket>;

    /// What became of a connect: `Ok` when connected, `WouldBlock` while under way.
    ///
    /// # Errors
    /// The reason why the connection could not be made.
    fn connected(&mut self, socket: &mut Self::Socket) -> io::Result<()>;

    /// The socket's own address.
    ///
    /// # Errors
    /// The system's error.
    fn local_addr(&mut self, socket: &Self::Socket) -> io::Result<Address>;

    /// Begins to look up `host`; [`SysEvent::Resolved`] brings the answer under `token`. Never blocks.
    fn resolve(&mut self, token: Token, host: &str, port: u16);

    /// Nobody waits any more for the look-up of `host` under `token`; its answer may come nevertheless. Does nothing unless
    /// the system can save itself work.
    fn forget_resolve(&mut self, token: Token, host: &str) {
        let _ = (token, host);
    }

    /// Reads into `bytes`; `Ok(0)` (of a buffer that is not empty) is the end of the peer's stream.
    ///
    /// # Errors
    /// `WouldBlock` when drained; else the connection has failed.
    fn read(&mut self, socket: &mut Self::Socket, bytes: &mut [u8]) -> io::Result<usize>;

    /// When the system received what the last [`read`](Self::read) brought, or the last part of it, since the Unix
    /// epoch. `None` if the socket's options don't ask for it, or the system doesn't tell.
    fn received_at(&mut self) -> Option<Duration>;

    /// Writes a prefix of `bytes` and tells its length.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; else the connection has failed.
    fn write(&mut self, socket: &mut Self::Socket, bytes: &[u8]) -> io::Result<usize>;

    /// Writes a prefix of the slices, one after the other, and tells its length.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn write_vectored(&mut self, socket: &mut Self::Socket, slices: &[io::IoSlice<'_>]) -> io::Result<usize>;

    /// Ends our sending side (FIN), after what was written.
    ///
    /// # Errors
    /// The system's error; the connection is then as good as closed.
    fn shutdown(&mut self, socket: &mut Self::Socket) -> io::Result<()>;

    /// Closes the socket. No event with its token comes after the end of the present [`poll`](Self::poll).
    fn close(&mut self, socket: Self::Socket);

    /// Makes the next [`close`](Self::close) of this socket a reset: what is unsent is dropped at once.
    fn reset_on_close(&mut self, socket: &mut Self::Socket);

    /// A way to end a waiting [`poll`](Self::poll) from another thread.
    fn waker(&self) -> Arc<dyn Wake>;

    /// Whether the last [`poll`](Self::poll) left something that the next one will report at once. Another loop that
    /// this one is nested in may have been told of it already, and is not told twice.
    fn has_more(&self) -> bool;

    /// Waits until something happened or `timeout` passed (`None`: for ever; zero: not at all), and appends what
    /// happened to `events`.
    ///
    /// # Errors
    /// The system's own failure; the loop can't go on.
    fn poll(&mut self, events: &mut Vec<SysEvent>, timeout: Option<Duration>) -> io::Result<()>;
}

/// Names an open file or a standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

impl FileId {
    /// Standard input; read by a helper thread from the first [`Files::read`] on.
    pub const STDIN: Self = Self(0);
    /// Standard output; written by a helper thread with a bounded queue.
    pub const STDOUT: Self = Self(1);
    /// Standard error; as standard output.
    pub const STDERR: Self = Self(2);
}

/// How [`Files::open`] opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// For reading; the file must exist.
    Read,
    /// For writing; made if it isn't there, emptied if it is.
    Truncate,
    /// For writing behind what is there; made if it isn't there.
    Append,
    /// For writing over what is there, from its beginning; made if it isn't there.
    Overwrite,
}

/// Files and standard streams. A read or write of a file is done at once, in pieces small enough not to hold up the
/// loop; the standard streams never block (`WouldBlock`, then [`SysEvent::Files`]).
pub trait Files {
    /// Opens `path`, which is relative to the working directory.
    ///
    /// # Errors
    /// The system's error; a directory is an error too (`IsADirectory`).
    fn open(&mut self, path: &str, mode: OpenMode) -> io::Result<FileId>;

    /// Reads into `bytes`; `Ok(0)` (of a buffer that is not empty) is the end.
    ///
    /// # Errors
    /// `WouldBlock` from standard input when nothing has come yet; else the system's error.
    fn read(&mut self, file: FileId, bytes: &mut [u8]) -> io::Result<usize>;

    /// Writes a prefix of `bytes` and tells its length.
    ///
    /// # Errors
    /// `WouldBlock` from standard output or error when the queue is full; `BrokenPipe` when nobody reads any more;
    /// else the system's error (a full disk, say).
    fn write(&mut self, file: FileId, bytes: &[u8]) -> io::Result<usize>;

    /// Makes sure that what was written is where it belongs: on disk, or, for a standard stream, handed to the
    /// system.
    ///
    /// # Errors
    /// `WouldBlock` while a standard stream's queue is not empty; else the system's error.
    fn sync(&mut self, file: FileId) -> io::Result<()>;

    /// Closes the file; standard streams stay open.
    fn close(&mut self, file: FileId);

    /// The whole content of a file of at most `limit_bytes`: certificates, keys, configuration.
    ///
    /// # Errors
    /// The system's error, or `FileTooLarge` past the limit.
    fn read_whole(&mut self, path: &str, limit_bytes: usize) -> io::Result<Vec<u8>>;

    /// Every regular file below a folder, by its path from there with `/` between the parts, sorted; links are not followed,
    /// nor told.
    ///
    /// # Errors
    /// The system's error; `FileTooLarge` if there are more than `limit`; `Unsupported` of a system without folders.
    fn list(&mut self, folder: &str, limit: usize) -> io::Result<Vec<String>> {
        let _ = (folder, limit);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The absolute form of `path`, for messages to people; `path` itself if there is none.
    fn absolute(&self, path: &str) -> String;
}
