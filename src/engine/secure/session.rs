//! TLS between a stream's socket and its protocol: all goes through it, the opening handshake included (RFC 6455 sections
//! 4.1 and 4.2.2).

use std::io;
use std::vec::Vec;

use crate::engine::core::Core;
use crate::engine::engine::Engine;
use crate::engine::error::{Failure, Misuse};
use crate::engine::events::{Entry, Events};
use crate::engine::id::StreamId;
use crate::engine::reading::COMPRESSED_READ_BYTES;
use crate::engine::seam::Sys;
use crate::engine::stream::{Flags, Phase, Stream};
use crate::tls::{Certificates, Session, Version};

/// Bytes read from a socket at once: some TLS records of the greatest length (16 KiB and a header).
const READ_BYTES: usize = 64 << 10;

/// Plaintext encrypted at once. What a slow reader does not take stays unencrypted, in the queue that is bounded.
const WRITE_BYTES: usize = 64 << 10;

/// Pieces of plaintext encrypted at once.
const SLICES: usize = 64;

/// A TLS session and the records that wait to be written.
pub(in crate::engine) struct Secure {
    pub(in crate::engine) session: Session,
    records: Vec<u8>,
    /// Bytes of `records` that were written.
    written: usize,
    closed: bool,
}

/// What a stream's TLS session knows of its peer; there is something to see once the stream is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsInfo<'a> {
    /// The application protocol agreed upon.
    pub alpn: Option<&'a [u8]>,
    /// The name that the client asked for; on servers only.
    pub sni: Option<&'a str>,
    /// The name by which the certificate was chosen that the client was shown; on servers only, and `None` if it was
    /// the default one.
    pub identity_name: Option<&'a str>,
    /// The peer's certificate, in DER.
    pub peer_certificate: Option<&'a [u8]>,
    /// All certificates that the peer showed, its own first, in DER.
    pub peer_certificates: Certificates<'a>,
    /// The version of TLS.
    pub version: Option<Version>,
    /// The cipher suite's name, `TLS13_AES_128_GCM_SHA256` say.
    pub cipher_suite: Option<&'static str>,
    /// Whether the handshake was a short one, on the ground of an earlier session.
    pub is_resumed: bool,
}

impl<S: Sys> Engine<S> {
    /// What a stream's TLS session knows; `None` for a stream without TLS, or not connected yet.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn tls_info(&self, stream: StreamId) -> Result<Option<TlsInfo<'_>>, Misuse> {
        Ok(self
            .see(stream)?
            .secure
            .as_deref()
            .map(|Secure { session, .. }| TlsInfo {
                alpn: session.alpn(),
                sni: session.sni(),
                identity_name: session.identity_name(),
                peer_certificate: session.peer_certificate(),
                peer_certificates: session.peer_certificates(),
                version: session.version(),
                cipher_suite: session.cipher_suite(),
                is_resumed: session.is_resumed(),
            }))
    }
}

impl Secure {
    pub(in crate::engine) const fn new(session: Session) -> Self {
        Self {
            session,
            records: Vec::new(),
            written: 0,
            closed: false,
        }
    }
}

impl<S: Sys> Stream<S> {
    /// As `read_plain`, through the session. Plaintext that the arena has no room for stays in the session, and no
    /// more is read from the socket until there is.
    pub(in crate::engine) fn read_secure(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events) {
        let mut budget = core.config.read_budget_bytes;
        let mut received_at = None;
        while self.may_read() && !self.flags.has(Flags::ENDED) {
            let first = events.entries.len();
            let goes_on = self.read_session(id, core, events);
            events.stamp(first, received_at);
            if !goes_on {
                return;
            }
            if !self.flags.has(Flags::READABLE) || budget == 0 || self.flags.has(Flags::ENDED) || !self.may_read() {
                return;
            }
            if self.secure.as_ref().is_some_and(|secure| secure.session.peer_closed()) {
                self.handle_eof(id, core, events);
                return;
            }
            core.ciphertext.resize(READ_BYTES, 0);
            let (Some(socket), Some(secure)) = (&mut self.socket, &mut self.secure) else {
                return;
            };
            match core.sys.read(socket, &mut core.ciphertext) {
                Ok(0) => {
                    self.handle_eof(id, core, events);
                    return;
                }
                Ok(count) => {
                    received_at = core.sys.received_at();
                    if S::SHORT_READ_DRAINS && count < READ_BYTES && !self.flags.has(Flags::HANGUP) {
                        self.flags.clear(Flags::READABLE);
                    }
                    core.counters.bytes_received += count as u64;
                    budget = budget.saturating_sub(count);
                    core.counters.budgets_exhausted += u64::from(budget == 0);
                    let result = secure.session.handle_bytes(&core.ciphertext[..count]);
                    self.mark_dirty(id, &mut core.dirty);
                    if let Err(error) = result {
                        // What was sent before the fault is good.
                        let _ = self.read_session(id, core, events);
                        // Unless that was a redirect: then the session is no longer the stream's.
                        if self.secure.is_some() {
                            self.fail(id, core, &mut events.entries, Failure::Tls(error));
                        }
                        return;
                    }
                    self.advance_handshake(id, core, events);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.flags.clear(Flags::READABLE),
                Err(error) => self.handle_lost(id, core, events, error),
            }
        }
    }

    /// Brings the session's plaintext to the protocol. False if the arena is full and there may be more.
    fn read_session(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events) -> bool {
        if self.phase != Phase::Live {
            return true;
        }
        while self.may_read() && !self.flags.has(Flags::ENDED) {
            let start = events.used;
            let Some(secure) = &mut self.secure else { return true };
            if events.is_full() {
                self.flags.set(Flags::READABLE);
                return false;
            }
            let mut asked = events.room();
            if self.conn.inflates() {
                asked = asked.min(COMPRESSED_READ_BYTES);
            }
            match secure.session.read(&mut events.arena[start..start + asked]) {
                0 => {
                    if secure.session.peer_closed() {
                        self.handle_eof(id, core, events);
                    }
                    return true;
                }
                count => self.handle_bytes(id, core, events, count),
            }
        }
        // Paused in the middle: what the session holds will not be announced by the socket.
        self.flags.set(Flags::READABLE);
        true
    }

    pub(in crate::engine) fn advance_handshake(&mut self, id: StreamId, core: &mut Core<S>, events: &mut Events) {
        let done = self
            .secure
            .as_ref()
            .is_some_and(|secure| !secure.session.is_handshaking());
        if self.phase == Phase::Securing && done {
            self.begin_protocol(id, core, &mut events.entries);
        }
    }

    /// As `write_plain`, through the session.
    pub(in crate::engine) fn write_secure(&mut self, core: &mut Core<S>) -> io::Result<()> {
        let (Some(socket), Some(secure)) = (&mut self.socket, &mut self.secure) else {
            return Ok(());
        };
        loop {
            while secure.written < secure.records.len() {
                let count = core.sys.write(socket, &secure.records[secure.written..])?;
                core.counters.bytes_sent += count as u64;
                secure.written += count;
            }
            secure.written = 0;
            secure.records.clear();
            if matches!(self.phase, Phase::Live | Phase::Ending) && !self.flags.has(Flags::DEAD) && !secure.closed {
                let is_scattered = self.conn.is_scattered();
                let plaintext = self.conn.poll_transmit(core.now, &mut core.sys);
                let count = if is_scattered {
                    encrypt_slices(&mut secure.session, self.conn.transmit_slices())
                } else {
                    let count = plaintext.len().min(WRITE_BYTES);
                    secure.session.write(&plaintext[..count]);
                    count
                };
                self.conn.transmitted(core.now, count);
            }
            if secure.records.capacity() == 0 {
                secure.records = core.pool.take();
            }
            secure.session.poll_transmit(&mut secure.records);
            if secure.records.is_empty() {
                core.pool.give(std::mem::take(&mut secure.records));
                return Ok(());
            }
        }
    }

    /// Says in TLS that nothing more will come. True when that is written.
    pub(in crate::engine) fn finish_secure(&mut self, id: StreamId, core: &mut Core<S>, sink: &mut Vec<Entry>) -> bool {
        let Some(secure) = &mut self.secure else { return true };
        if !secure.closed {
            secure.closed = true;
            secure.session.close();
            self.flush(id, core, sink);
        }
        !self.flags.has(Flags::BLOCKED)
    }
}

/// Encrypts what lies in several pieces, as if it lay in one: a short header of a frame and its shared payload are not
/// worth a record each, nor a write. Gives how many bytes.
fn encrypt_slices<'a>(session: &mut Session, slices: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut gathered = [io::IoSlice::new(&[]); SLICES];
    let (mut len, mut bytes) = (0, 0);
    for (slot, slice) in gathered.iter_mut().zip(slices) {
        let slice = &slice[..slice.len().min(WRITE_BYTES - bytes)];
        if slice.is_empty() {
            break;
        }
        *slot = io::IoSlice::new(slice);
        len += 1;
        bytes += slice.len();
    }
    session.write_slices(&gathered[..len]);
    bytes
}
