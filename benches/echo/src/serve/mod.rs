//! The servers. Each runs in one thread, for ever.

mod corked;
mod floor;
mod forwarder;
mod on_mio;
mod on_tokio;
mod transport;
mod tungstenite;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};

use crate::arguments::Arguments;
use crate::tls;
use on_tokio::Kind;

pub const NAMES: [&str; 8] = [
    "floor",
    "forwarder",
    "tungstenite",
    "tokio-tungstenite",
    "fastwebsockets",
    "tokio-websockets",
    "yawc",
    "sockudo-ws",
];

/// What a server is given.
pub struct Setting {
    pub listener: std::net::TcpListener,
    pub tls: Option<Arc<ServerConfig>>,
}

pub fn run(arguments: &mut Arguments) -> Result<(), Box<dyn Error>> {
    let name = arguments.needed("NAME")?;
    let address: SocketAddr = arguments.needed("ADDRESS")?.parse()?;
    let files = arguments.values("--tls", 2)?;
    let setting = Setting {
        listener: listen(address)?,
        tls: files.map(|files| tls::server(&files[0], &files[1])).transpose()?,
    };
    match name.as_str() {
        "floor" => on_mio::run(setting, floor::Floor::default),
        "forwarder" => on_mio::run(setting, forwarder::Forwarder::default),
        "tungstenite" => tungstenite::run(setting),
        "tokio-tungstenite" => on_tokio::run(setting, Kind::TokioTungstenite),
        "fastwebsockets" => on_tokio::run(setting, Kind::FastWebsockets),
        "tokio-websockets" => on_tokio::run(setting, Kind::TokioWebsockets),
        "yawc" => on_tokio::run(setting, Kind::Yawc),
        "sockudo-ws" => on_tokio::run(setting, Kind::SockudoWs),
        _ => Err(format!("no server is called {name}").into()),
    }
}

/// A backlog of 4,096 for all, and not blocking.
fn listen(address: SocketAddr) -> Result<std::net::TcpListener, Box<dyn Error>> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}
