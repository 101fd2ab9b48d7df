//! The third way in: sockets that somebody else accepted, connected or listens on.

use std::boxed::Box;
use std::io;
use std::sync::Arc;
use std::vec::Vec;

use super::core::Core;
use super::dial::Dial;
use super::engine::{Engine, later, profile};
use super::error::Error;
use super::events::Events;
use super::id::{ListenerId, StreamId};
use super::listener::Listener;
use super::options::{ConnectOptions, ListenOptions};
use super::reading::COMPRESSED_READ_BYTES;
use super::seam::{SocketOptions, Sys};
use super::stream::{Flags, Phase, Profile, Stream};
use super::telling::tell;
use crate::proto::{Connection, Side};

/// What an adopted socket is, and how its stream behaves.
///
/// Clones share what their streams have in common: keep one for sockets of a kind, and clone it for each.
#[derive(Clone)]
pub struct AdoptOptions {
    end: End,
    profile: Arc<Profile>,
    socket: SocketOptions,
    received: Vec<u8>,
    is_open: bool,
    #[cfg(feature = "deflate")]
    agreed: Option<crate::proto::Agreed>,
}

/// Which end of the connection the socket is.
#[derive(Clone)]
enum End {
    Server(Box<ListenOptions>),
    Client(Box<ConnectOptions>),
}

impl AdoptOptions {
    /// A connection that was accepted: we are the server. Its stream behaves as one of a listener with these options,
    /// TLS included; the address, the backlog and the bounds of a listener have no meaning here
    /// ([`ListenOptions::default`] does).
    #[must_use]
    pub fn server(options: ListenOptions) -> Self {
        let (stream, socket) = (options.stream.clone(), options.socket.clone());
        Self::new(End::Server(Box::new(options)), profile(stream, None), socket)
    }

    /// A connection to a server: we are the client, through a tunnel of the host's own perhaps. Its stream behaves as one
    /// that was dialled with these options, from the TLS handshake on.
    #[must_use]
    pub fn client(options: ConnectOptions) -> Self {
        let (stream, socket) = (options.stream.clone(), options.socket.clone());
        Self::new(End::Client(Box::new(options)), profile(stream, None), socket)
    }

    fn new(end: End, profile: Arc<Profile>, socket: SocketOptions) -> Self {
        Self {
            end,
            profile,
            socket,
            received: Vec::new(),
            is_open: false,
            #[cfg(feature = "deflate")]
            agreed: None,
        }
    }

    /// What the host has read from the socket already, and not made use of; default nothing. It is read before what is
    /// in the socket: the beginning of a TLS handshake or of an opening handshake, or frames behind it.
    #[must_use]
    pub fn received(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.received = bytes.into();
        self
    }

    /// The opening handshake was done by somebody else, such as an HTTP server: the stream is open from the start, and
    /// there will be no [`Event::Request`](super::Event::Request) and no [`Event::Opened`](super::Event::Opened). The
    /// subprotocol, if one was agreed on, is known to the host alone.
    #[must_use]
    pub const fn after_handshake(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// The opening handshake that was done by somebody else agreed on permessage-deflate so; implies
    /// [`after_handshake`](Self::after_handshake). The options' `protocol` must have compression as well, for its bounds.
    /// [`Agreed::from_answer`](crate::proto::Agreed::from_answer) reads the header.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(mut self, agreed: crate::proto::Agreed) -> Self {
        self.agreed = Some(agreed);
        self.after_handshake()
    }

    fn side(&self) -> Side {
        match self.end {
            End::Server(_) => Side::Server,
            End::Client(_) => Side::Client,
        }
    }

    /// Whether the stream begins with a TLS handshake.
    #[cfg(feature = "tls")]
    fn speaks_tls(&self) -> bool {
        match &self.end {
            End::Server(options) => options.tls.is_some(),
            End::Client(options) => options.speaks_tls(),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn speaks_tls(&self) -> bool {
        false
    }
}

impl std::fmt::Debug for AdoptOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AdoptOptions")
            .field("side", &self.side())
            .field("received_bytes", &self.received.len())
            .field("is_open", &self.is_open)
            .finish_non_exhaustive()
    }
}

impl<S: Sys> Engine<S> {
    /// Takes over a connected socket that somebody else made, from here on as if the engine had accepted or dialled it.
    /// The host must have taken it off its own poll; the engine closes it. It may be read from and written to by nobody
    /// else, and what it was set to (such as blocking) is set anew.
    ///
    /// # Errors
    /// The socket, which is then closed, is no connected stream socket; the limit of connections is reached, or the engine
    /// is stopping; a client's request can't be sent, or its URL asks for TLS that is not configured; the options ask for
    /// TLS behind which the handshake was done already, or for compression that there is no room for.
    pub fn adopt(&mut self, foreign: S::Foreign, options: AdoptOptions) -> Result<StreamId, Error> {
        if self.stopping.is_some() {
            return Err(Error::Stopping);
        }
        if let End::Client(connect) = &options.end
            && connect.secure
            && !connect.speaks_tls()
            && !options.is_open
        {
            return Err(Error::TlsMissing);
        }
        if options.is_open && options.speaks_tls() {
            return Err(refused(
                "the keys of a TLS session that somebody else began are not known",
            ));
        }
        let key = self
            .streams
            .next_key()
            .filter(|_| self.streams.len() < self.core.config.connections_max);
        let id = StreamId::new(key.ok_or(Error::TooManyConnections)?);
        self.core.refresh();
        let mut stream = new_stream(&options, &mut self.core)?;
        let (socket, peer) = self
            .core
            .sys
            .adopt(id.token(), foreign, &options.socket)
            .map_err(adopting)?;
        stream.socket = Some(socket);
        stream.peer = (&peer).into();
        stream.conn.deliver_chunks(options.profile.options.chunks);
        self.core.counters.adopted += 1;
        tell!(debug, "{id:?} is adopted");
        if !options.received.is_empty() {
            self.core.adopted.insert(id, options.received);
        }
        // Whether or not the socket holds something: a read more is cheaper than a wake-up that is lost.
        stream.flags.set(Flags::READABLE);
        later(&mut self.core, |core, sink| match options.end {
            End::Server(listen) => stream.start_adopted(id, core, sink, &listen),
            End::Client(_) if options.is_open => {}
            End::Client(_) => stream.start_transport(id, core, sink),
        });
        stream.mark_dirty(id, &mut self.core.dirty);
        stream.begin_watch(id, &mut self.core);
        stream.mark_ready(id, &mut self.core);
        stream.rearm(id, &mut self.core);
        self.streams.insert(id.key(), stream);
        Ok(id)
    }

    /// Takes over a socket that listens already, such as one that a supervisor handed over. Its backlog is accepted as
    /// if the engine had made it; the address and the backlog's length in `options` have no meaning. A Unix socket's
    /// file stays when the listener is closed, as it belongs to whoever made it.
    ///
    /// # Errors
    /// It is no listening stream socket, or the system refuses it; or the engine is stopping.
    pub fn adopt_listener(&mut self, foreign: S::Foreign, options: ListenOptions) -> Result<ListenerId, Error> {
        if self.stopping.is_some() {
            return Err(Error::Stopping);
        }
        let key = self.listeners.next_key().ok_or(Error::TooManyConnections)?;
        let id = ListenerId::new(key);
        let (socket, address) = self
            .core
            .sys
            .adopt_listener(id.token(), foreign, &options.socket)
            .map_err(adopting)?;
        let profile = profile(options.stream.clone(), Some(id));
        self.listeners
            .insert(key, Listener::new(socket, address, profile, &options));
        Ok(id)
    }
}

/// A stream in the state that the options say, without its socket.
fn new_stream<S: Sys>(options: &AdoptOptions, core: &mut Core<S>) -> Result<Stream<S>, Error> {
    let profile = Arc::clone(&options.profile);
    let config = Arc::clone(&profile.options.protocol);
    if options.is_open {
        #[cfg(feature = "deflate")]
        if let Some(agreed) = options.agreed {
            let conn = Connection::opened_compressed(options.side(), config, agreed)
                .ok_or_else(|| refused("no compression is configured, or its contexts have no room"))?;
            return Ok(Stream::new(conn, profile, Phase::Live));
        }
        let conn = Connection::opened(options.side(), config);
        return Ok(Stream::new(conn, profile, Phase::Live));
    }
    match &options.end {
        End::Server(_) => {
            let conn = Connection::server(config, core.now);
            Ok(Stream::new(conn, profile, Phase::Live))
        }
        End::Client(connect) => {
            let request = connect.request().map_err(Error::Request)?;
            // Another one is made when the transport stands; this one tells whether the request can be sent.
            let conn = Connection::client(config, &request, core.now, &mut core.sys).map_err(Error::Request)?;
            let mut stream = Stream::new(conn, profile, Phase::Connecting);
            stream.dial = Some(Box::new(Dial::new(ConnectOptions::clone(connect), request, core.now)));
            Ok(stream)
        }
    }
}

impl<S: Sys> Stream<S> {
    /// TLS first, if it is spoken.
    #[cfg(feature = "tls")]
    fn start_adopted(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        sink: &mut Vec<super::events::Entry>,
        options: &ListenOptions,
    ) {
        let Some(config) = &options.tls else { return };
        config.clock().set(core.sys.wall_now());
        match crate::tls::Session::server(config) {
            Ok(session) => {
                self.secure = Some(Box::new(super::secure::Secure::new(session)));
                self.begin_securing(id, core);
            }
            Err(error) => self.fail(id, core, sink, super::error::Failure::Tls(error)),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn start_adopted(&mut self, _: StreamId, _: &mut Core<S>, _: &mut Vec<super::events::Entry>, _: &ListenOptions) {}

    /// Reads what the host had read before the socket was adopted. True if nothing of it is left.
    #[cold]
    pub(super) fn read_adopted(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events) -> bool {
        let Some(mut bytes) = core.adopted.remove(&id) else {
            return true;
        };
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            let result = secure.session.handle_bytes(&bytes);
            self.mark_dirty(id, &mut core.dirty);
            match result {
                Ok(()) => self.advance_handshake(id, core, events),
                Err(error) => self.fail(id, core, &mut events.entries, super::error::Failure::Tls(error)),
            }
            return !self.flags.has(Flags::ENDED);
        }
        let mut taken = 0;
        while taken < bytes.len() && self.may_read() && !self.flags.has(Flags::ENDED) && !events.is_full() {
            let mut count = events.room().min(bytes.len() - taken);
            if self.conn.inflates() {
                count = count.min(COMPRESSED_READ_BYTES);
            }
            let start = events.used;
            events.arena[start..start + count].copy_from_slice(&bytes[taken..taken + count]);
            taken += count;
            self.handle_bytes(id, core, events, count);
        }
        bytes.drain(..taken);
        if bytes.is_empty() || self.flags.has(Flags::ENDED) {
            return true;
        }
        core.adopted.insert(id, bytes);
        false
    }
}

fn adopting(source: io::Error) -> Error {
    Error::Io {
        doing: "adopting a socket",
        source,
    }
}

fn refused(why: &'static str) -> Error {
    adopting(io::Error::new(io::ErrorKind::InvalidInput, why))
}
