//! Connections from many addresses, since one has no more than 28,000 ports.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

const ADDRESSES: u64 = 16;

fn socket(address: SocketAddr, number: u64) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.ip().is_loopback() && address.is_ipv4() {
        socket.set_reuse_address(true)?;
        let own = Ipv4Addr::new(127, 0, 0, 2 + (number % ADDRESSES) as u8);
        socket.bind(&SocketAddr::from((own, 0)).into())?;
    }
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

/// Waits until it is connected.
pub fn connect(address: SocketAddr, number: u64) -> io::Result<std::net::TcpStream> {
    let socket = socket(address, number)?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}

/// Does not wait.
pub fn start(address: SocketAddr, number: u64) -> io::Result<mio::net::TcpStream> {
    let socket = socket(address, number)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(115) && error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(mio::net::TcpStream::from_std(socket.into())),
    }
}
