//! Making listening and connecting sockets: options, backlog, and what socket2 is needed for.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::engine::SocketOptions;

/// A listening socket that does not block.
pub(super) fn listen(addr: SocketAddr, backlog: u32, options: &SocketOptions) -> io::Result<TcpListener> {
    let socket = open(addr, options)?;
    if options.reuse_addr {
        socket.set_reuse_address(true)?;
    }
    #[cfg(unix)]
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// A socket on its way to `addr`.
pub(super) fn connect(addr: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let socket = open(addr, options)?;
    match socket.connect(&addr.into()) {
        Ok(()) => {}
        Err(error) if under_way(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// Turns the next close into a reset.
pub(super) fn reset_on_close(stream: &impl std::os::fd::AsFd) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

fn open(addr: SocketAddr, options: &SocketOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A listener hands these down to the connections that it accepts, on Linux as on the BSDs.
    if options.no_delay {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(idle) = options.keep_alive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
    }
    if let Some(bytes) = options.recv_buffer_bytes {
        socket.set_recv_buffer_size(bytes as usize)?;
    }
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes as usize)?;
    }
    Ok(socket)
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
