//! On the way to a server: the name look-up, attempts to connect to its addresses, and the start of the protocol.

mod attempts;
mod redirect;
mod tunnel;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use self::attempts::{Attempts, Progress};
use super::core::Core;
use super::error::{Failure, Phase as WaitedFor};
use super::events::Entry;
use super::id::StreamId;
use super::options::ConnectOptions;
use super::peer::Peer;
use super::seam::{Address, Sys, Token};
use super::stream::{Flags, NEVER, Phase, Stream};
use crate::proto::{ClientRequest, Connection, Instant, Tunnel};

/// What a stream needs until it is connected; and its request, until TLS stands. `K` is the system's socket.
pub(super) struct Dial<K> {
    options: ConnectOptions,
    request: ClientRequest,
    /// The look-up under way.
    look_up: Option<Token>,
    attempts: Attempts<K>,
    /// What is to be said to the proxy, until it has answered.
    tunnel: Option<Tunnel>,
    /// The URLs that the stream was redirected from.
    visited: Vec<String>,
    /// When the time for the look-up and all attempts is up.
    deadline: Instant,
}

impl<K> Dial<K> {
    /// The options' proxy is asked as they say, if they can be said to it at all: see `ConnectOptions::tunnel`.
    pub(super) fn new(options: ConnectOptions, request: ClientRequest, now: Instant) -> Self {
        let deadline = now + options.dial_timeout;
        let tunnel = options.tunnel().unwrap_or_default();
        Self {
            options,
            request,
            look_up: None,
            attempts: Attempts::new(),
            tunnel,
            visited: Vec::new(),
            deadline,
        }
    }
}

impl<S: Sys> Stream<S> {
    /// Begins: with a look-up, unless the address is known.
    pub(super) fn start_dial(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let Some(dial) = &mut self.dial else { return };
        let options = &dial.options;
        let (host, port) = options.first_hop();
        if !options.addresses.is_empty() {
            let addrs = options.addresses.clone();
            self.handle_addrs(id, core, sink, addrs);
        } else if let Ok(ip) = host.parse::<IpAddr>() {
            let addr = SocketAddr::new(ip, port);
            self.handle_addrs(id, core, sink, vec![addr.into()]);
        } else {
            self.deadline = dial.deadline;
            dial.look_up = Some(id.token());
            core.sys.resolve(id.token(), host, port);
            self.rearm(id, core);
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
        if let Some(dial) = &mut self.dial {
            dial.look_up = None;
        }
        match result {
            Ok(addrs) => self.handle_addrs(id, core, sink, addrs.into_iter().map(Address::Inet).collect()),
            Err(error) => self.fail_resolving(id, core, sink, error),
        }
    }

    fn fail_resolving(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>, error: io::Error) {
        let Some(dial) = &self.dial else { return };
        let failure = Failure::Resolve {
            host: dial.options.first_hop().0.into(),
            error: error.into(),
        };
        self.fail(id, core, sink, failure);
    }

    fn handle_addrs(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>, addrs: Vec<Address>) {
        self.phase = Phase::Connecting;
        if let Some(dial) = &mut self.dial {
            dial.attempts = Attempts::to(addrs);
        }
        self.begin_attempt(id, core, sink);
    }

    /// Begins the next attempt, if there is an address left. If none is under way either, that's the end (RFC 6455
    /// section 4.1, item 4).
    fn begin_attempt(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let Some(dial) = &mut self.dial else { return };
        let delay = dial.options.attempt_delay;
        if dial.attempts.begin(id, core, &dial.options.socket, delay) {
            self.deadline = dial
                .attempts
                .next()
                .map_or(dial.deadline, |next| next.min(dial.deadline));
            self.rearm(id, core);
            return;
        }
        match dial.attempts.take_failed() {
            Some((address, mut error)) => {
                if dial.options.proxy.is_some() {
                    error.text.push_str(" (it is the proxy's address)");
                }
                self.fail(id, core, sink, Failure::Dial { address, error });
            }
            None => self.fail_resolving(id, core, sink, io::ErrorKind::NotFound.into()),
        }
    }

    /// The socket of an attempt says that it may have come to an end.
    pub(super) fn handle_attempt(&mut self, id: StreamId, number: u8, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let Some(dial) = self.dial.as_mut().filter(|_| !self.flags.has(Flags::ENDED)) else {
            return;
        };
        match dial.attempts.handle_news(core, number) {
            Progress::Pending => {}
            // RFC 8305 section 5: the next address need not wait.
            Progress::Failed => self.begin_attempt(id, core, sink),
            Progress::Connected {
                number,
                address,
                socket,
            } => {
                self.socket = Some(socket);
                self.attempt = number;
                self.peer = Peer::from(&address);
                core.counters.dialled += 1;
                self.start_hop(id, core, sink);
            }
        }
    }

    /// The next attempt is due, or the time for all of them is up.
    pub(super) fn handle_dial_timeout(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let Some(dial) = &self.dial else { return };
        if self.phase == Phase::Tunnelling {
            self.fail_slow_tunnel(id, core, sink);
        } else if self.phase == Phase::Resolving || core.now >= dial.deadline {
            self.fail(id, core, sink, Failure::TimedOut(WaitedFor::Dial));
        } else {
            self.begin_attempt(id, core, sink);
        }
    }

    /// Closes the sockets of attempts under way and forgets where the stream was to go.
    pub(super) fn give_up_dial(&mut self, core: &mut Core<S>) {
        if let Some(mut dial) = self.dial.take() {
            dial.attempts.close(core);
            if let Some(token) = dial.look_up {
                core.sys.forget_resolve(token, dial.options.first_hop().0);
            }
        }
    }

    /// Connected: TLS first, if it is spoken (RFC 6455 section 4.1, item 5).
    #[cfg(feature = "tls")]
    pub(super) fn start_transport(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
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
    pub(super) fn start_transport(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
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
            Some(dial) => {
                let conn = Connection::client(config, &dial.request, core.now, &mut core.sys);
                if dial.options.redirects_max > 0 && self.profile.url.is_some() {
                    // The answer may be that the stream is to be dialled anew.
                    self.dial = Some(dial);
                }
                conn
            }
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
