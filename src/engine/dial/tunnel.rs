//! Between the connection to a proxy and the connection to the server: the tunnel is asked for (RFC 6455 section 4.1, item
//! 3).

use std::io;
use std::string::{String, ToString};
use std::vec::Vec;

use super::super::core::Core;
use super::super::error::{Failure, Phase as WaitedFor};
use super::super::events::{Entry, Events};
use super::super::id::StreamId;
use super::super::seam::Sys;
use super::super::stream::{Flags, Phase, Stream};
use crate::proto::ProxyError;

/// Bytes read of a proxy at once: its answer is a few hundred long.
const READ_BYTES: usize = 4096;

impl<S: Sys> Stream<S> {
    /// The connection stands: to the proxy, if there is one.
    pub(super) fn start_hop(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        let Some(dial) = self.dial.as_ref().filter(|dial| dial.tunnel.is_some()) else {
            self.start_transport(id, core, sink);
            return;
        };
        self.phase = Phase::Tunnelling;
        self.deadline = dial.deadline;
        self.mark_dirty(id, &mut core.dirty);
        self.mark_ready(id, core);
        self.rearm(id, core);
    }

    /// Writes what the proxy is to be told.
    pub(in crate::engine) fn write_tunnel(&mut self, core: &mut Core<S>) -> io::Result<()> {
        let (Some(socket), Some(dial)) = (&mut self.socket, &mut self.dial) else {
            return Ok(());
        };
        let Some(tunnel) = dial.tunnel.as_mut().filter(|_| !self.flags.has(Flags::ENDED)) else {
            return Ok(());
        };
        while !tunnel.poll_transmit().is_empty() {
            let count = core.sys.write(socket, tunnel.poll_transmit())?;
            tunnel.transmitted(count);
        }
        Ok(())
    }

    /// Reads what the proxy says, until it has connected. What came behind its answer is the server's.
    pub(in crate::engine) fn read_tunnel(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events) {
        while self.phase == Phase::Tunnelling && self.flags.has(Flags::READABLE) && !self.flags.has(Flags::ENDED) {
            let start = events.used;
            let asked = events.room().min(READ_BYTES);
            let (Some(socket), Some(dial)) = (&mut self.socket, &mut self.dial) else {
                return;
            };
            let Some(tunnel) = dial.tunnel.as_mut().filter(|_| asked > 0) else {
                return;
            };
            let bytes = &mut events.arena[start..start + asked];
            let count = match core.sys.read(socket, bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.flags.clear(Flags::READABLE);
                    return;
                }
                Err(_) => 0,
            };
            if count == 0 {
                self.flags.set(Flags::EOF);
                self.fail_tunnel(id, core, &mut events.entries, ProxyError::Closed);
                return;
            }
            if S::SHORT_READ_DRAINS && count < asked && !self.flags.has(Flags::HANGUP) {
                self.flags.clear(Flags::READABLE);
            }
            match tunnel.handle_bytes(&bytes[..count], &self.profile.options.protocol.limits) {
                Ok(consumed) if tunnel.is_established() => {
                    dial.tunnel = None;
                    if consumed < count {
                        core.adopted.insert(id, bytes[consumed..count].to_vec());
                        self.flags.set(Flags::READABLE);
                    }
                    self.start_transport(id, core, &mut events.entries);
                }
                Ok(_) => self.mark_dirty(id, &mut core.dirty),
                Err(error) => self.fail_tunnel(id, core, &mut events.entries, error),
            }
        }
    }

    fn fail_tunnel(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>, error: ProxyError) {
        let proxy = self.proxy_shown();
        // There is nothing to be heard from it any more.
        self.flags.set(Flags::CUT);
        self.fail(id, core, sink, Failure::Proxy { proxy, error });
    }

    /// The proxy has not answered in time.
    pub(super) fn fail_slow_tunnel(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) {
        self.flags.set(Flags::CUT);
        self.fail(id, core, sink, Failure::TimedOut(WaitedFor::Proxy));
    }

    fn proxy_shown(&self) -> String {
        let proxy = self.dial.as_ref().and_then(|dial| dial.options.proxy.as_ref());
        proxy.map(ToString::to_string).unwrap_or_default()
    }
}
