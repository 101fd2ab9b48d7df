//! Making connected and connecting sockets: options, addresses, and what socket2 is needed for.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, TcpKeepalive, Type};

use crate::engine::{Address, SocketOptions};

/// A connected or connecting stream socket, of whatever family: what the library's `TcpStream` does (`recv`, `send`,
/// `shutdown`, `getsockopt`) is the same for a Unix socket, all but its addresses, which are asked for here. An enum of
/// both would take eight bytes instead of four with each connection, and a branch with each call.
pub(super) type Socket = mio::net::TcpStream;

/// A socket on its way to `address`.
pub(super) fn connect(address: &Address, options: &SocketOptions) -> io::Result<Socket> {
    let socket = open(address, options)?;
    if let (Some(source), Address::Inet(_)) = (options.bind, address) {
        socket.bind(&source.into())?;
    }
    match socket.connect(&to_sockaddr(address)?) {
        Ok(()) => {}
        // A Unix socket is connected at once or not at all, and full is the other side's backlog.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && matches!(address, Address::Unix(_)) => {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "the listener's backlog is full",
            ));
        }
        Err(error) if under_way(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(wrap(socket.into()))
}

/// Takes over a connected socket, and tells the peer's address.
pub(super) fn adopt(foreign: OwnedFd, options: &SocketOptions) -> io::Result<(Socket, Address)> {
    let socket = SockRef::from(&foreign);
    check_stream(&socket)?;
    let peer = from_sockaddr(&socket.peer_addr()?)?;
    socket.set_nonblocking(true)?;
    set_options(&socket, &peer, options)?;
    Ok((wrap(foreign), peer))
}

/// Turns the next close into a reset; of a Unix socket, which has none, into nothing.
pub(super) fn reset_on_close(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

pub(super) fn local_address(socket: &impl AsFd) -> io::Result<Address> {
    from_sockaddr(&SockRef::from(socket).local_addr()?)
}

pub(super) fn peer_address(socket: &impl AsFd) -> io::Result<Address> {
    from_sockaddr(&SockRef::from(socket).peer_addr()?)
}

/// A stream socket that does not block, for `address`'s family.
pub(super) fn open(address: &Address, options: &SocketOptions) -> io::Result<socket2::Socket> {
    let (domain, protocol) = match address {
        Address::Inet(addr) => (Domain::for_address(*addr), Some(Protocol::TCP)),
        Address::Unix(_) => (Domain::UNIX, None),
    };
    let socket = socket2::Socket::new(domain, Type::STREAM, protocol)?;
    socket.set_nonblocking(true)?;
    set_options(&socket, address, options)?;
    Ok(socket)
}

/// Sets what a connection is to have. A listener hands these down to the connections that it accepts, on Linux as on
/// the BSDs.
pub(super) fn set_options(socket: &socket2::Socket, address: &Address, options: &SocketOptions) -> io::Result<()> {
    if address.socket_addr().is_some() {
        if options.no_delay {
            socket.set_tcp_nodelay(true)?;
        }
        if let Some(idle) = options.keep_alive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
        }
        #[cfg(feature = "timestamps")]
        if options.timestamps {
            super::stamps::turn_on(socket)?;
        }
    }
    if let Some(bytes) = options.recv_buffer_bytes {
        socket.set_recv_buffer_size(bytes as usize)?;
    }
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes as usize)?;
    }
    Ok(())
}

/// Says so if a descriptor is no stream socket.
pub(super) fn check_stream(socket: &socket2::Socket) -> io::Result<()> {
    if socket.r#type()? == Type::STREAM {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a stream socket"))
    }
}

/// A descriptor that is known to be a stream socket which does not block.
pub(super) fn wrap(socket: OwnedFd) -> Socket {
    Socket::from_std(socket.into())
}

/// As the system wants it.
pub(super) fn to_sockaddr(address: &Address) -> io::Result<SockAddr> {
    match address {
        Address::Inet(addr) => Ok((*addr).into()),
        Address::Unix(path) => match path.strip_prefix('@') {
            Some(name) if cfg!(any(target_os = "linux", target_os = "android")) => SockAddr::unix(format!("\0{name}")),
            _ => SockAddr::unix(path),
        },
    }
}

/// As the engine has it. A path that is no UTF-8 is shown as well as it can be.
pub(super) fn from_sockaddr(addr: &SockAddr) -> io::Result<Address> {
    if let Some(addr) = addr.as_socket() {
        return Ok(Address::Inet(addr));
    }
    if !addr.is_unix() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "neither an internet nor a Unix socket",
        ));
    }
    let name = addr
        .as_abstract_namespace()
        .map(|name| format!("@{}", name.escape_ascii()));
    let path = || addr.as_pathname().map(|path| path.to_string_lossy().into_owned());
    Ok(Address::Unix(name.or_else(path).unwrap_or_default()))
}

/// What a connect that does not block says on its way; the library has no stable name for it yet.
const EINPROGRESS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    115
} else {
    36
};

fn under_way(error: &io::Error) -> bool {
    // Interrupted: the attempt goes on by itself, and asking again would only say that it is under way.
    error.raw_os_error() == Some(EINPROGRESS)
        || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
