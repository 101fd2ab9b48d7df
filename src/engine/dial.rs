//! On the way to a server: the name look-up, one address after the other, and the start of the protocol.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::core::Core;
use super::error::{Failure, IoFailure, Phase as WaitedFor};
use super::events::Entry;
use super::id::StreamId;
use super::options::ConnectOptions;
use super::peer::Peer;
use super::seam::Sys;
use super::stream::{Flags, NEVER, Phase, Stream};
use crate::proto::{ClientRequest, Connection, Instant};

/// What a stream needs until it is connected; and its request, until TLS stands.
pub(super) struct Dial {
    options: ConnectOptions,
    request: ClientRequest,
    /// Addresses not tried yet, the next one last.
    addrs: Vec<SocketAddr>,
    /// The address being tried.
    current: Option<SocketAddr>,
    /// Why the last attempt failed.
    failed: Option<(SocketAddr, IoFailure)>,
    /// When the time for all attempts is up.
    deadline: Instant,
}

impl Dial {
    pub(super) fn new(options: ConnectOptions, request: ClientRequest, now: Instant) -> Self {
        let deadline = now + options.dial_timeout;
        Self {
            options,
            request,
            addrs: Vec::new(),
            current: None,
            failed: None,
            deadline,
        }
    }

    /// Time that the next attempt may take: an equal share of what is left, so that one address that swallows packets
    /// does not use it all up.
    fn share(&self, now: Instant) -> Duration {
        let attempts = u32::try_from(self.addrs.len()).unwrap_or(u32::MAX).saturating_add(1);
        (self.deadline - now) / attempts
    }
}

impl<S: Sys> Stream<S> {
    /// Begins: with a look-up, unless the host is an address.
    pub(super) fn start_dial(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let Some(dial) = &self.dial else { return };
        match dial.options.host.parse::<IpAddr>() {
            Ok(ip) => {
                let addr = SocketAddr::new(ip, dial.options.port);
                self.handle_addrs(id, core, sink, vec![addr]);
            }
            Err(_) => {
                self.deadline = dial.deadline;
                core.sys.resolve(id.token(), &dial.options.host, dial.options.port);
                self.rearm(id, core);
            }
        }
    }

    /// The look-up has ended.
    pub(super) fn handle_resolved(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        sink: &mut Vec<Entry>,
        result: io::Result<Vec<SocketAddr>>,
    ) {
        if self.phase != Phase::Resolving || self.flags.has(Flags::ENDED) {
            return;
        }
        match result {
            Ok(addrs) => self.handle_addrs(id, core, sink, addrs),
            Err(error) => {
                let host = self
                    .dial
                    .as_ref()
                    .map(|dial| dial.options.host.clone())
                    .unwrap_or_default();
                self.fail(
                    id,
                    core,
                    sink,
                    Failure::Resolve {
                        host,
                        error: error.into(),
                    },
                );
            }
        }
    }

    fn handle_addrs(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>, mut addrs: Vec<SocketAddr>) {
        self.phase = Phase::Connecting;
        addrs.reverse();
        if let Some(dial) = &mut self.dial {
            dial.addrs = addrs;
        }
        self.try_next(id, core, sink);
    }

    /// Tries one address after the other until an attempt is under way; if there are none left, that's the end (RFC 6455
    /// section 4.1, item 4).
    fn try_next(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        if let Some(socket) = self.socket.take() {
            core.sys.close(socket);
        }
        let Some(dial) = &mut self.dial else { return };
        while let Some(addr) = dial.addrs.pop() {
            let share = dial.share(core.now);
            match core.sys.connect(id.token(), &addr.into(), &dial.options.socket) {
                Ok(socket) => {
                    dial.current = Some(addr);
                    self.socket = Some(socket);
                    self.deadline = core.now + share;
                    self.rearm(id, core);
                    return;
                }
                Err(error) => dial.failed = Some((addr, error.into())),
            }
        }
        let failure = match dial.failed.take() {
            Some((_, error)) if error.kind == io::ErrorKind::TimedOut && core.now >= dial.deadline => {
                Failure::TimedOut(WaitedFor::Dial)
            }
            Some((addr, error)) => Failure::Dial { addr, error },
            None => Failure::Resolve {
                host: dial.options.host.clone(),
                error: io::Error::from(io::ErrorKind::NotFound).into(),
            },
        };
        self.fail(id, core, sink, failure);
    }

    /// The socket says that the attempt may have come to an end.
    pub(super) fn handle_connected(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let (Some(socket), Some(dial)) = (&mut self.socket, &mut self.dial) else {
            return;
        };
        match core.sys.connected(socket) {
            Ok(()) => {
                self.peer = dial.current.map_or(Peer::UNKNOWN, Peer::from);
                core.counters.dialled += 1;
                self.start_transport(id, core, sink);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                dial.failed = dial.current.map(|addr| (addr, error.into()));
                self.try_next(id, core, sink);
            }
        }
    }

    /// An attempt, or the look-up, has had its time.
    pub(super) fn handle_dial_timeout(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let Some(dial) = &mut self.dial else { return };
        if self.phase == Phase::Resolving || core.now >= dial.deadline {
            self.fail(id, core, sink, Failure::TimedOut(WaitedFor::Dial));
            return;
        }
        dial.failed = dial
            .current
            .map(|addr| (addr, io::Error::from(io::ErrorKind::TimedOut).into()));
        self.try_next(id, core, sink);
    }

    /// Connected: TLS first, if it is spoken (RFC 6455 section 4.1, item 5).
    #[cfg(feature = "tls")]
    fn start_transport(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let Some((config, name)) = self.dial.as_ref().and_then(|dial| dial.options.tls.clone()) else {
            self.begin_protocol(id, core, sink);
            return;
        };
        config.clock().set(core.sys.wall_now());
        match crate::tls::Session::client(&config, &name) {
            Ok(session) => {
                self.secure = Some(std::boxed::Box::new(super::secure::Secure::new(session)));
                self.begin_securing(id, core);
            }
            Err(error) => self.fail(id, core, sink, Failure::Tls(error)),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn start_transport(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        self.begin_protocol(id, core, sink);
    }

    /// The TLS handshake begins.
    #[cfg(feature = "tls")]
    pub(super) fn begin_securing(&mut self, id: StreamId, core: &mut Core<S>) {
        self.phase = Phase::Securing;
        self.deadline = core.now + self.profile.options.tls_timeout;
        self.mark_dirty(id, &mut core.dirty);
        self.mark_ready(id, core);
        self.rearm(id, core);
    }

    /// The transport stands: from now on the protocol has the word, and its opening time-out counts.
    pub(super) fn begin_protocol(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let config = Arc::clone(&self.profile.options.protocol);
        // First gives back what the connection of `Engine::connect` reserved for its inflater.
        self.conn = Connection::opened(self.conn.side(), Arc::clone(&config));
        let conn = match self.dial.take() {
            Some(dial) => Connection::client(config, &dial.request, core.now, &mut core.sys),
            None => Ok(Connection::server(config, core.now)),
        };
        match conn {
            Ok(conn) => {
                self.conn = conn;
                self.conn.deliver_chunks(self.profile.options.chunks);
                self.phase = Phase::Live;
                self.deadline = NEVER;
                self.mark_dirty(id, &mut core.dirty);
                self.mark_ready(id, core);
                self.rearm(id, core);
            }
            // `Engine::connect` has built a connection from this request before.
            Err(_) => self.fail(id, core, sink, Failure::Aborted),
        }
    }
}
