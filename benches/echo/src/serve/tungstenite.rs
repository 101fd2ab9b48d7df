//! tungstenite on mio. Its read buffer is 16 KiB, not 128: it zeroes it before each read.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::server::{NoCallback, ServerHandshake};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{WebSocket, accept_with_config};

use super::Setting;

const LISTENER: Token = Token(usize::MAX);

type Handshake<S> = tungstenite::handshake::MidHandshake<ServerHandshake<S, NoCallback>>;

enum Peer<S: Read + Write> {
    Opening(Handshake<S>),
    Open(WebSocket<S>),
}

pub fn run(setting: Setting) -> Result<(), Box<dyn Error>> {
    match setting.tls {
        Some(tls) => serve(setting.listener, |stream| secure(&tls, stream)),
        None => serve(setting.listener, Ok),
    }
}

fn secure(config: &Arc<ServerConfig>, stream: TcpStream) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let mut session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    session.set_buffer_limit(None);
    Ok(StreamOwned::new(session, stream))
}

pub fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(512 << 10)
}

fn serve<S: Read + Write>(
    listener: std::net::TcpListener,
    transport: impl Fn(TcpStream) -> io::Result<S>,
) -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::from_std(listener);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut peers: Vec<Option<Peer<S>>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let place = free.pop().unwrap_or_else(|| {
                        peers.push(None);
                        peers.len() - 1
                    });
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(place), interest)?;
                    peers[place] = open(accept_with_config(transport(stream)?, Some(config())));
                    if peers[place].is_none() {
                        free.push(place);
                    }
                }
                continue;
            }
            let place = event.token().0;
            let Some(taken) = peers.get_mut(place) else { continue };
            let mut peer = match taken.take() {
                Some(Peer::Opening(handshake)) => open(handshake.handshake()),
                peer => peer,
            };
            if let Some(Peer::Open(socket)) = &mut peer
                && echo(socket).is_err()
            {
                peer = None;
            }
            if peer.is_none() {
                free.push(place);
            }
            *taken = peer;
        }
    }
}

fn open<S: Read + Write>(
    result: Result<WebSocket<S>, HandshakeError<ServerHandshake<S, NoCallback>>>,
) -> Option<Peer<S>> {
    match result {
        Ok(socket) => Some(Peer::Open(socket)),
        Err(HandshakeError::Interrupted(handshake)) => Some(Peer::Opening(handshake)),
        Err(HandshakeError::Failure(_)) => None,
    }
}

/// All that is there, and then one flush; `Err` at the end of the connection.
fn echo<S: Read + Write>(socket: &mut WebSocket<S>) -> Result<(), tungstenite::Error> {
    loop {
        let result = match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => socket.write(message),
            Ok(_) => continue,
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        };
        unless_full(result)?;
    }
    // Also what a full socket left before.
    unless_full(socket.flush())
}

fn unless_full(result: Result<(), tungstenite::Error>) -> Result<(), tungstenite::Error> {
    match result {
        Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}
