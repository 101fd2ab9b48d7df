//! [`Engine`] as its host sees it; what a poll does is in [`turn`](super::turn).

use std::boxed::Box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use std::vec::Vec;

use super::core::Core;
use super::counters::Counters;
use super::dial::Dial;
use super::error::{Error, Misuse};
use super::events::Entry;
use super::handle::{Handle, Shared};
use super::id::{ListenerId, StreamId};
use super::listener::Listener;
use super::options::{Config, ConnectOptions, ListenOptions, StreamOptions};
use super::seam::{Address, Sys, SysEvent};
use super::slab::Slab;
use super::stream::{Flags, Phase, Profile, Stream};
use crate::proto::{Connection, Instant};

/// Many WebSocket connections on one thread.
///
/// The host calls [`poll`](Self::poll) in a loop and acts on the events that it brings. All other methods return at
/// once; what they cause leaves at the start of the next poll, all of a stream's in one write.
pub struct Engine<S: Sys> {
    pub(super) core: Core<S>,
    pub(super) streams: Slab<Stream<S>>,
    pub(super) listeners: Slab<Listener<S>>,
    /// Listeners whose backlog may hold connections.
    pub(super) accepting: Vec<ListenerId>,
    /// Streams whose protocol may have events though no bytes came: a request of theirs was answered.
    pub(super) answered: Vec<StreamId>,
    pub(super) sys_events: Vec<SysEvent>,
    pub(super) shared: Arc<Shared>,
    /// Since a drain or stop began nothing new is taken; at this moment (or never) what is left is cut.
    pub(super) stopping: Option<Instant>,
}

impl<S: Sys> Engine<S> {
    /// An engine on `sys`, without listeners and streams.
    #[must_use]
    pub fn with_sys(sys: S, config: Config) -> Self {
        let shared = Shared::new(sys.waker(), config.handle_queue_len, config.handle_queue_bytes);
        Self {
            core: Core::new(sys, config),
            streams: Slab::new(),
            listeners: Slab::new(),
            accepting: Vec::new(),
            answered: Vec::new(),
            sys_events: Vec::new(),
            shared,
            stopping: None,
        }
    }

    /// Listens for connections.
    ///
    /// # Errors
    /// The address can't be read, or the system refuses it; or the engine is stopping.
    pub fn listen(&mut self, options: ListenOptions) -> Result<ListenerId, Error> {
        if self.stopping.is_some() {
            return Err(Error::Stopping);
        }
        let address = options.address()?;
        let key = self.listeners.next_key().ok_or(Error::TooManyConnections)?;
        let id = ListenerId::new(key);
        let (socket, bound) = self
            .core
            .sys
            .listen(id.token(), &address, options.backlog, &options.socket)
            .map_err(|source| Error::Listen { address, source })?;
        let profile = profile(options.stream.clone(), Some(id));
        self.listeners
            .insert(key, Listener::new(socket, bound, profile, &options));
        Ok(id)
    }

    /// The address that a listener is bound to, with the port that the system chose if 0 was asked for.
    ///
    /// # Errors
    /// The listener is closed, or one of a Unix socket ([`Misuse::UnixSocket`]; see [`address`](Self::address)).
    pub fn local_addr(&self, listener: ListenerId) -> Result<SocketAddr, Misuse> {
        self.address(listener)?.socket_addr().ok_or(Misuse::UnixSocket)
    }

    /// The address that a listener is bound to, of whatever family.
    ///
    /// # Errors
    /// The listener is closed.
    pub fn address(&self, listener: ListenerId) -> Result<&Address, Misuse> {
        self.listeners
            .get(listener.key())
            .map(|listener| &listener.address)
            .ok_or(Misuse::NoSuchListener)
    }

    /// Whether a listener's streams speak TLS.
    ///
    /// # Errors
    /// The listener is closed.
    pub fn is_secure(&self, listener: ListenerId) -> Result<bool, Misuse> {
        self.listeners
            .get(listener.key())
            .map(super::listener::Listener::is_secure)
            .ok_or(Misuse::NoSuchListener)
    }

    /// Stops listening. Connections that wait in the backlog are lost; streams that were accepted stay.
    ///
    /// # Errors
    /// The listener is closed already.
    pub fn close_listener(&mut self, listener: ListenerId) -> Result<(), Misuse> {
        let listener = self.listeners.remove(listener.key()).ok_or(Misuse::NoSuchListener)?;
        self.core.sys.close_listener(listener.socket);
        Ok(())
    }

    /// Begins to connect: [`Event::Opened`](super::Event::Opened) or [`Event::Failed`](super::Event::Failed) tells
    /// what came of it.
    ///
    /// # Errors
    /// The request can't be sent, TLS is asked for and not configured, the limit of connections is reached, or the
    /// engine is stopping.
    pub fn connect(&mut self, options: ConnectOptions) -> Result<StreamId, Error> {
        if self.stopping.is_some() {
            return Err(Error::Stopping);
        }
        if options.secure && !options.speaks_tls() {
            return Err(Error::TlsMissing);
        }
        let key = self
            .streams
            .next_key()
            .filter(|_| self.streams.len() < self.core.config.connections_max);
        let key = key.ok_or(Error::TooManyConnections)?;
        let id = StreamId::new(key);
        let now = self.core.refresh();
        let request = options.request().map_err(Error::Request)?;
        options.tunnel().map_err(Error::Request)?;
        let profile = dialled_profile(&options);
        // Another one is made when the transport stands; this one tells whether the request can be sent.
        let config = Arc::clone(&profile.options.protocol);
        let conn = Connection::client(config, &request, now, &mut self.core.sys).map_err(Error::Request)?;
        let mut stream = Stream::new(conn, profile, Phase::Resolving);
        stream.dial = Some(Box::new(Dial::new(options, request, now)));
        later(&mut self.core, |core, sink| stream.start_dial(id, core, sink));
        self.streams.insert(key, stream);
        Ok(id)
    }

    /// Gives commands to this engine from other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared))
    }

    /// How long the next poll may wait at most: zero if there is something to do already, `None` for ever. A loop that
    /// this one is nested in needs it, since the system announces only what is new.
    #[must_use]
    pub fn next_timeout(&mut self) -> Option<Duration> {
        if self.has_work() || !self.core.ended.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.core.timers.next()?;
        Some(next - self.core.refresh())
    }

    /// The monotonic clock as of now.
    #[must_use]
    pub fn now(&mut self) -> Instant {
        self.core.refresh()
    }

    /// The time of day, since the Unix epoch.
    #[must_use]
    pub fn wall_now(&mut self) -> Duration {
        self.core.sys.wall_now()
    }

    /// What the engine has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.core.counters
    }

    /// How many streams there are, those included that are being opened, or closed in good order.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// The system beneath.
    #[must_use]
    pub const fn sys(&self) -> &S {
        &self.core.sys
    }

    /// The system beneath: its files, say.
    #[must_use]
    pub const fn sys_mut(&mut self) -> &mut S {
        &mut self.core.sys
    }

    pub(super) fn see(&self, id: StreamId) -> Result<&Stream<S>, Misuse> {
        self.streams
            .get(id.key())
            .filter(|stream| !stream.flags.has(Flags::GONE))
            .ok_or(Misuse::NoSuchStream)
    }

    #[inline]
    pub(super) fn find(&mut self, id: StreamId) -> Result<(&mut Stream<S>, &mut Core<S>), Misuse> {
        match self.streams.get_mut(id.key()) {
            Some(stream) if !stream.flags.has(Flags::GONE) => Ok((stream, &mut self.core)),
            Some(_) | None => Err(Misuse::NoSuchStream),
        }
    }

    /// As `find`, for commands that the protocol must be there for.
    pub(super) fn find_live(&mut self, id: StreamId) -> Result<(&mut Stream<S>, &mut Core<S>), Misuse> {
        let (stream, core) = self.find(id)?;
        if stream.phase == Phase::Live {
            Ok((stream, core))
        } else {
            Err(Misuse::Protocol(crate::proto::Misuse::NotOpen))
        }
    }
}

impl<S: Sys> Drop for Engine<S> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Runs `work` outside a poll: the events that it makes are kept for the next one, and so is the end of their streams.
pub(super) fn later<S: Sys>(core: &mut Core<S>, work: impl FnOnce(&mut Core<S>, &mut Vec<Entry>)) {
    let mut pending = std::mem::take(&mut core.pending);
    let ended = core.ended.len();
    work(core, &mut pending);
    core.ended.truncate(ended);
    core.pending = pending;
}

pub(super) fn profile(options: StreamOptions, listener: Option<ListenerId>) -> Arc<Profile> {
    Arc::new(Profile {
        options,
        listener,
        url: None,
        handshakes: AtomicU32::new(0),
        connections: AtomicU32::new(0),
    })
}

pub(super) fn dialled_profile(options: &ConnectOptions) -> Arc<Profile> {
    Arc::new(Profile {
        options: options.stream.clone(),
        listener: None,
        url: Some(options.url().into()),
        handshakes: AtomicU32::new(0),
        connections: AtomicU32::new(0),
    })
}
