//! Listeners: taking connections off the backlog, as many as the limits allow.

use std::collections::btree_map::Entry;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Core;
use super::events::{Events, Notice};
use super::id::{ListenerId, StreamId};
use super::options::ListenOptions;
use super::seam::{Address, SocketOptions, Sys};
use super::slab::Slab;
use super::stream::{Flags, NEVER, Phase, Profile, Stream};
use super::telling::tell;
use super::timers::Armed;
use crate::proto::{Connection, Instant};

/// How long a listener waits when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A listening socket and what its streams are like.
pub(super) struct Listener<S: Sys> {
    pub(super) socket: S::Listener,
    pub(super) address: Address,
    pub(super) profile: Arc<Profile>,
    pub(super) armed: Armed,
    /// It stands in the list of listeners whose backlog may hold connections.
    pub(super) queued: bool,
    /// Until when nothing is accepted; [`NEVER`] if the listener is not paused.
    pub(super) retry: Instant,
    options: SocketOptions,
    handshakes_max: u32,
    connections_max: u32,
    per_address_max: u32,
    /// The host was told that there is no room.
    full_told: bool,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::ServerConfig>,
}

impl<S: Sys> Listener<S> {
    pub(super) fn new(socket: S::Listener, address: Address, profile: Arc<Profile>, options: &ListenOptions) -> Self {
        Self {
            socket,
            address,
            profile,
            armed: Armed::NONE,
            queued: false,
            retry: NEVER,
            options: options.socket.clone(),
            handshakes_max: options.handshakes_max,
            connections_max: options.connections_max,
            per_address_max: options.per_address_max,
            full_told: false,
            #[cfg(feature = "tls")]
            tls: options.tls.clone(),
        }
    }

    /// Whether another connection may be accepted, of those that may wait.
    pub(super) fn has_room(&self, streams: usize, connections_max: usize) -> bool {
        self.retry == NEVER
            && streams < connections_max
            && self.profile.handshakes.load(Ordering::Relaxed) < self.handshakes_max
            && self.profile.connections.load(Ordering::Relaxed) < self.connections_max
    }

    /// Accepts what the budget and the limits allow. True if there may be more.
    pub(super) fn accept(
        &mut self,
        id: ListenerId,
        core: &mut Core<S>,
        streams: &mut Slab<Stream<S>>,
        events: &mut Events,
    ) -> bool {
        for _ in 0..core.config.accept_budget {
            if !self.has_room(streams.len(), core.config.connections_max) {
                // A pause is ended by a timer; room comes with the end of a stream or of a handshake.
                if self.retry == NEVER {
                    self.tell_full(id, core, events);
                }
                return self.retry == NEVER;
            }
            self.full_told = false;
            let Some(key) = streams.next_key() else { return true };
            let stream_id = StreamId::new(key);
            match core.sys.accept(&mut self.socket, stream_id.token(), &self.options) {
                Ok((mut socket, peer)) => {
                    if let Some(address) = self.count_address(id, core, &peer) {
                        core.sys.reset_on_close(&mut socket);
                        core.sys.close(socket);
                        core.counters.accepts_refused += 1;
                        tell!(debug, "{id:?} refuses a connection: too many from {address}");
                        events.notices.push(Notice::ConnectionRefused { listener: id, address });
                        continue;
                    }
                    let stream = self.new_stream(core, socket, &peer);
                    streams.insert(key, stream);
                    core.counters.accepted += 1;
                    if let Some(stream) = streams.get_mut(key) {
                        self.start(stream_id, core, stream, events);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    self.retry = core.now + PAUSE;
                    core.timers.arm(&mut self.armed, id.token(), Some(self.retry));
                    core.counters.accepts_paused += 1;
                    tell!(warn, "{id:?} accepts nothing for {PAUSE:?}: {error}");
                    events.notices.push(Notice::ListenerPaused {
                        listener: id,
                        error: error.into(),
                    });
                    return false;
                }
            }
        }
        true
    }

    fn new_stream(&self, core: &Core<S>, socket: S::Socket, peer: &Address) -> Stream<S> {
        let profile = Arc::clone(&self.profile);
        let mut conn = Connection::server(Arc::clone(&profile.options.protocol), core.now);
        conn.deliver_chunks(profile.options.chunks);
        let mut stream = Stream::new(conn, profile, Phase::Live);
        stream.socket = Some(socket);
        stream.peer = peer.into();
        stream.flags.set(Flags::HANDSHAKE);
        self.profile.handshakes.fetch_add(1, Ordering::Relaxed);
        self.profile.connections.fetch_add(1, Ordering::Relaxed);
        stream
    }

    fn tell_full(&mut self, id: ListenerId, core: &mut Core<S>, events: &mut Events) {
        if !self.full_told {
            self.full_told = true;
            core.counters.accepts_waited += 1;
            tell!(debug, "{id:?} has no room for more connections; they wait");
            events.notices.push(Notice::ListenerFull { listener: id });
        }
    }

    /// Counts a connection for its address, if that is bounded; gives the address if it has too many.
    fn count_address(&self, id: ListenerId, core: &mut Core<S>, peer: &Address) -> Option<IpAddr> {
        let (Address::Inet(addr), true) = (peer, self.per_address_max < u32::MAX) else {
            return None;
        };
        let address = addr.ip().to_canonical();
        let count = core.addresses.entry((id, address)).or_insert(0);
        if *count >= self.per_address_max {
            if *count == 0 {
                core.addresses.remove(&(id, address));
            }
            return Some(address);
        }
        *count += 1;
        None
    }

    /// Whether its streams speak TLS.
    #[cfg(feature = "tls")]
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether its streams speak TLS.
    #[cfg(not(feature = "tls"))]
    pub(super) fn is_secure(&self) -> bool {
        false
    }

    #[cfg(feature = "tls")]
    fn start(&self, id: StreamId, core: &mut Core<S>, stream: &mut Stream<S>, events: &mut Events) {
        let Some(config) = &self.tls else {
            stream.rearm(id, core);
            return;
        };
        config.clock().set(core.sys.wall_now());
        match crate::tls::Session::server(config) {
            Ok(session) => {
                stream.secure = Some(std::boxed::Box::new(super::secure::Secure::new(session)));
                stream.begin_securing(id, core);
            }
            Err(error) => stream.fail(id, core, &mut events.entries, super::error::Failure::Tls(error)),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn start(&self, id: StreamId, core: &mut Core<S>, stream: &mut Stream<S>, _: &mut Events) {
        stream.rearm(id, core);
    }
}

impl<S: Sys> Stream<S> {
    /// The socket is closed: its listener may have another.
    pub(super) fn leave_listener(&self, core: &mut Core<S>) {
        let Some(listener) = self.profile.listener else { return };
        self.profile.connections.fetch_sub(1, Ordering::Relaxed);
        if core.addresses.is_empty() {
            return;
        }
        if let Ok(addr) = self.peer.addr()
            && let Entry::Occupied(mut count) = core.addresses.entry((listener, addr.ip().to_canonical()))
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Errors of a connection that broke while it waited, which Linux reports from `accept`; the next one may be good.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::TimedOut
    )
}
