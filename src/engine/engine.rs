//! [`Engine`] as its host sees it; what a poll does is in [`turn`](super::turn).

use std::boxed::Box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use std::vec::Vec;

use super::core::{Core, Counters};
use super::dial::Dial;
use super::error::{Error, Failure, Misuse};
use super::events::Entry;
use super::handle::{Handle, Shared};
use super::id::{Key, ListenerId, StreamId};
use super::listener::Listener;
use super::options::{Config, ConnectOptions, ListenOptions, StreamOptions};
use super::seam::{Sys, SysEvent};
use super::slab::Slab;
use super::stream::{Flags, Phase, Profile, Stream};
use super::timers::Armed;
use super::turn::STOP_TOKEN;
use super::writing::Sent;
use crate::proto::{Accept, CloseCode, Connection, Instant, Message, Response, State};

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
        let addr = options.socket_addr()?;
        let key = self.listeners.next_key().ok_or(Error::TooManyConnections)?;
        let id = ListenerId::new(key);
        let (socket, bound) = self
            .core
            .sys
            .listen(id.token(), addr, options.backlog, &options.socket)
            .map_err(|source| Error::Listen { addr, source })?;
        let profile = profile(options.stream.clone(), Some(id));
        self.listeners
            .insert(key, Listener::new(socket, bound, profile, &options));
        Ok(id)
    }

    /// The address that a listener is bound to, with the port that the system chose if 0 was asked for.
    ///
    /// # Errors
    /// The listener is closed.
    pub fn local_addr(&self, listener: ListenerId) -> Result<SocketAddr, Misuse> {
        self.listeners
            .get(listener.key())
            .map(|listener| listener.addr)
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
        let request = options.request();
        let profile = profile(options.stream.clone(), None);
        // Another one is made when the transport stands; this one tells whether the request can be sent.
        let config = Arc::clone(&profile.options.protocol);
        let conn = Connection::client(config, &request, now, &mut self.core.sys).map_err(Error::Request)?;
        let mut stream = Stream::new(conn, profile, Phase::Resolving);
        stream.dial = Some(Box::new(Dial::new(options, request, now)));
        later(&mut self.core, |core, sink| stream.start_dial(id, core, sink));
        self.streams.insert(key, stream);
        Ok(id)
    }

    /// Accepts a request to open a stream ([`Event::Request`](super::Event::Request)).
    ///
    /// # Errors
    /// The stream is gone, or asks nothing; or the answer can't be sent.
    pub fn accept(&mut self, stream: StreamId, answer: Accept) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        state.conn.accept(&answer)?;
        state.mark_dirty(stream, &mut core.dirty);
        self.answered.push(stream);
        Ok(())
    }

    /// Refuses a request to open a stream, with any HTTP response.
    ///
    /// # Errors
    /// The stream is gone, or asks nothing; or the response can't be sent.
    pub fn refuse(&mut self, stream: StreamId, response: Response) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        state.conn.refuse(&response)?;
        state.mark_dirty(stream, &mut core.dirty);
        self.answered.push(stream);
        Ok(())
    }

    /// Sends a message as one frame, at the next poll or [`flush`](Self::flush); compressed where that was agreed on.
    ///
    /// # Errors
    /// The stream is gone, not open yet, or has sent its Close; another message is being sent in chunks.
    #[inline]
    pub fn send<'m>(&mut self, stream: StreamId, message: impl Into<Message<'m>>) -> Result<Sent, Misuse> {
        let (state, core) = self.find(stream)?;
        state.send(stream, core, message.into(), true)
    }

    /// As [`send`](Self::send), but not compressed, whatever was agreed on.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_uncompressed<'m>(&mut self, stream: StreamId, message: impl Into<Message<'m>>) -> Result<Sent, Misuse> {
        let (state, core) = self.find(stream)?;
        state.send(stream, core, message.into(), false)
    }

    /// Sends a ping of at most 125 bytes.
    ///
    /// # Errors
    /// The stream is gone or not open; the payload is too long; the queue is full.
    pub fn ping(&mut self, stream: StreamId, payload: &[u8]) -> Result<(), Misuse> {
        let (state, core) = self.find_live(stream)?;
        state.prepare_output(stream, core);
        Ok(state.conn.ping(payload, &mut core.sys)?)
    }

    /// Begins the closing handshake, behind what is queued. Messages are delivered until the peer's Close.
    ///
    /// # Errors
    /// The stream is gone, not open yet, or has sent its Close; the reason is longer than 123 bytes.
    pub fn close(&mut self, stream: StreamId, code: Option<CloseCode>, reason: &str) -> Result<(), Misuse> {
        let (state, core) = self.find_live(stream)?;
        let now = core.refresh();
        state.prepare_output(stream, core);
        state.conn.close(now, code, reason, &mut core.sys)?;
        state.rearm(stream, core);
        Ok(())
    }

    /// Drops what is queued behind the frame under way, begins the closing handshake, and resets the connection if the
    /// Close isn't written within `deadline`.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub fn close_now(
        &mut self,
        stream: StreamId,
        code: CloseCode,
        reason: &str,
        deadline: Duration,
    ) -> Result<(), Misuse> {
        let (state, core) = self.find_live(stream)?;
        state.close_now(stream, core, code, reason, deadline)
    }

    /// Cuts the connection with a reset, whatever its state. The stream ends with [`Failure::Aborted`].
    ///
    /// # Errors
    /// The stream is gone.
    pub fn abort(&mut self, stream: StreamId) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        later(core, |core, sink| {
            state.cut(core);
            state.fail(stream, core, sink, Failure::Aborted);
        });
        Ok(())
    }

    /// Reads nothing more from a stream until [`resume`](Self::resume); back-pressure reaches the peer. Messages of the
    /// present poll are in the queue already. The peer's Close is not seen while the stream is paused.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn pause(&mut self, stream: StreamId) -> Result<(), Misuse> {
        self.find(stream)?.0.flags.set(Flags::PAUSED);
        Ok(())
    }

    /// Reads a stream again.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn resume(&mut self, stream: StreamId) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        state.flags.clear(Flags::PAUSED);
        state.mark_ready(stream, core);
        Ok(())
    }

    /// Writes what a stream has to send now rather than at the next poll. A Close of the peer's is answered no earlier
    /// than then, so that messages can still be sent.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn flush(&mut self, stream: StreamId) -> Result<(), Misuse> {
        let (state, core) = self.find(stream)?;
        if state.is_open() && !state.flags.has(Flags::BLOCKED) {
            later(core, |core, sink| state.flush(stream, core, sink));
            if state.flags.has(Flags::DIRTY) {
                state.conn.lend_output(core.pool.take());
            }
        }
        Ok(())
    }

    /// Bytes that wait to be written to a stream.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn queued_bytes(&self, stream: StreamId) -> Result<usize, Misuse> {
        Ok(self.see(stream)?.conn.queued_bytes())
    }

    /// Whether messages can be sent.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn is_open(&self, stream: StreamId) -> Result<bool, Misuse> {
        Ok(self.see(stream)?.is_open())
    }

    /// The address of a stream's peer.
    ///
    /// # Errors
    /// The stream is gone, or not connected yet.
    pub fn peer_addr(&self, stream: StreamId) -> Result<SocketAddr, Misuse> {
        self.see(stream)?.peer.addr().ok_or(Misuse::NotConnected)
    }

    /// The address of a stream's own end.
    ///
    /// # Errors
    /// The stream is gone, not connected yet, or not any more.
    pub fn local_addr_of(&mut self, stream: StreamId) -> Result<SocketAddr, Misuse> {
        let (state, core) = self.find(stream)?;
        let socket = state.socket.as_ref().ok_or(Misuse::NotConnected)?;
        core.sys.local_addr(socket).map_err(|_| Misuse::NotConnected)
    }

    /// The listener that a stream came from; `None` for one that was dialled.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn listener_of(&self, stream: StreamId) -> Result<Option<ListenerId>, Misuse> {
        Ok(self.see(stream)?.profile.listener)
    }

    /// The host's number for a stream; 0 until it is set.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn data(&self, stream: StreamId) -> Result<u64, Misuse> {
        Ok(self.see(stream)?.data)
    }

    /// Keeps a number of the host's with a stream.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn set_data(&mut self, stream: StreamId, data: u64) -> Result<(), Misuse> {
        self.find(stream)?.0.data = data;
        Ok(())
    }

    /// Stops in good order: listeners are closed, open streams get Close 1001 (going away) behind what is queued,
    /// streams that are not open yet are cut, and after `deadline` whatever is left is cut too. Go on polling until
    /// [`is_drained`](Self::is_drained).
    pub fn drain(&mut self, deadline: Duration) {
        let now = self.core.refresh();
        let until = now + deadline;
        self.stop_at(self.stopping.map_or(until, |earlier| earlier.min(until)));
        let keys: Vec<Key> = self.streams.keys().collect();
        for key in keys {
            let id = StreamId::new(key);
            let Some(stream) = self.streams.get_mut(key) else {
                continue;
            };
            match (stream.phase, stream.conn.state()) {
                (Phase::Live, State::Open) => {
                    stream.prepare_output(id, &mut self.core);
                    // The stream is open and the reason short: there is nothing that could be wrong.
                    let _ = stream
                        .conn
                        .close(now, Some(CloseCode::GOING_AWAY), "", &mut self.core.sys);
                    stream.rearm(id, &mut self.core);
                }
                (Phase::Live, State::Closing | State::Closed) | (Phase::Ending, _) => {}
                (Phase::Resolving | Phase::Connecting, _) | (Phase::Live, State::Opening) => {
                    let _ = self.abort(id);
                }
                #[cfg(feature = "tls")]
                (Phase::Securing, _) => {
                    let _ = self.abort(id);
                }
            }
        }
    }

    /// Stops at once: listeners are closed and all streams cut. Poll once more to have their last events.
    pub fn stop(&mut self) {
        let now = self.core.refresh();
        self.stop_at(now);
        let keys: Vec<Key> = self.streams.keys().collect();
        for key in keys {
            // A stream that has ended and only lingers is cut by the deadline, which is now.
            let _ = self.abort(StreamId::new(key));
        }
    }

    /// Whether a [`drain`](Self::drain) or [`stop`](Self::stop) is done: no stream and no listener is left.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.stopping.is_some() && self.streams.len() == 0 && self.listeners.len() == 0
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
    fn find(&mut self, id: StreamId) -> Result<(&mut Stream<S>, &mut Core<S>), Misuse> {
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

    fn stop_at(&mut self, when: Instant) {
        self.stopping = Some(when);
        let mut armed = Armed::NONE;
        self.core.timers.arm(&mut armed, STOP_TOKEN, Some(when));
        let keys: Vec<Key> = self.listeners.keys().collect();
        for key in keys {
            let _ = self.close_listener(ListenerId::new(key));
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

fn profile(options: StreamOptions, listener: Option<ListenerId>) -> Arc<Profile> {
    Arc::new(Profile {
        options,
        listener,
        handshakes: AtomicU32::new(0),
    })
}
