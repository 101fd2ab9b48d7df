//! Listening sockets: TCP's and Unix sockets', with the file that the latter have.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use socket2::SockRef;

use super::net::{self, Socket};
use crate::engine::{Address, SocketOptions};

/// A listening socket.
#[derive(Debug)]
pub struct Listener(Kind);

#[derive(Debug)]
enum Kind {
    Inet(TcpListener),
    Unix {
        listener: UnixListener,
        /// What is to be removed in the end; none of a socket that somebody else bound.
        _file: Option<SocketFile>,
    },
}

/// The file of a Unix socket that was bound here; removed when this is dropped, unless another has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: String,
    device: u64,
    inode: u64,
}

impl Listener {
    /// Binds and listens.
    pub(super) fn bind(address: &Address, backlog: u32, options: &SocketOptions) -> io::Result<Self> {
        let socket = net::open(address, options)?;
        let file = match address {
            Address::Inet(_) => {
                if options.reuse_addr {
                    socket.set_reuse_address(true)?;
                }
                if options.reuse_port {
                    socket.set_reuse_port(true)?;
                }
                socket.bind(&net::to_sockaddr(address)?)?;
                None
            }
            Address::Unix(path) => bind_unix(&socket, address, path, options)?,
        };
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(Self::new(socket.into(), address, file))
    }

    /// Takes over a listening socket.
    pub(super) fn adopt(foreign: OwnedFd, options: &SocketOptions) -> io::Result<Self> {
        let socket = SockRef::from(&foreign);
        net::check_stream(&socket)?;
        let address = net::from_sockaddr(&socket.local_addr()?)?;
        if !is_listening(&socket)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a listening socket"));
        }
        socket.set_nonblocking(true)?;
        net::set_options(&socket, &address, options)?;
        Ok(Self::new(foreign, &address, None))
    }

    fn new(socket: OwnedFd, address: &Address, file: Option<SocketFile>) -> Self {
        Self(match address {
            Address::Inet(_) => Kind::Inet(TcpListener::from_std(socket.into())),
            Address::Unix(_) => Kind::Unix {
                listener: UnixListener::from_std(socket.into()),
                _file: file,
            },
        })
    }

    /// Takes one connection off the backlog.
    pub(super) fn accept(&self) -> io::Result<(Socket, Address)> {
        match &self.0 {
            Kind::Inet(listener) => listener.accept().map(|(socket, peer)| (socket, peer.into())),
            Kind::Unix { listener, .. } => {
                let (socket, _) = listener.accept()?;
                let socket = std::os::unix::net::UnixStream::from(socket);
                // Clients don't bind theirs, so that there is no name worth asking for.
                Ok((net::wrap(socket.into()), Address::Unix(String::new())))
            }
        }
    }

    /// The address that it is bound to.
    pub(super) fn address(&self) -> io::Result<Address> {
        match &self.0 {
            Kind::Inet(listener) => listener.local_addr().map(Address::Inet),
            Kind::Unix { listener, .. } => net::local_address(&listener.as_fd()),
        }
    }

    /// For the poll.
    pub(super) fn source(&mut self) -> &mut dyn Source {
        match &mut self.0 {
            Kind::Inet(listener) => listener,
            Kind::Unix { listener, .. } => listener,
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever removed it and bound another under this name keeps that one.
        if let Ok(found) = fs::symlink_metadata(&self.path)
            && (found.dev(), found.ino()) == (self.device, self.inode)
        {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds to a path, in place of a socket that nobody answers on, if one is there; gives the file to remove in the end.
fn bind_unix(
    socket: &socket2::Socket,
    address: &Address,
    path: &str,
    options: &SocketOptions,
) -> io::Result<Option<SocketFile>> {
    let name = net::to_sockaddr(address)?;
    match socket.bind(&name) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(address, path) => {
            fs::remove_file(path)?;
            socket.bind(&name)?;
        }
        other => other?,
    }
    if name.as_pathname().is_none() {
        return Ok(None);
    }
    let made = fs::symlink_metadata(path)?;
    let file = SocketFile {
        path: path.to_owned(),
        device: made.dev(),
        inode: made.ino(),
    };
    if let Some(mode) = options.unix_mode {
        // Nobody gets in before: until `listen` every connection is refused.
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(Some(file))
}

/// Whether the file is a socket that nobody listens on: what a process that was killed leaves behind.
fn is_stale(address: &Address, path: &str) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let refused = || {
        let Ok(probe) = net::open(address, &SocketOptions::default()) else {
            return false;
        };
        let connected = net::to_sockaddr(address).and_then(|name| probe.connect(&name));
        connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    is_socket && refused()
}

/// `SO_ACCEPTCONN`, where the system has it; elsewhere the first accept tells.
fn is_listening(socket: &socket2::Socket) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    return socket.is_listener();
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    return socket.local_addr().map(|_| true);
}
