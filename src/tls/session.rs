//! One TLS session, either side.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, Connection, HandshakeKind, ProtocolVersion, ServerConnection};

use super::config::{ClientConfig, ServerConfig};
use super::error::{Error, ErrorKind};
use super::names::Names;

/// rustls takes no more ciphertext while more plaintext than this waits to be read.
const RUSTLS_PLAINTEXT_BYTES: usize = 16 * 1024;

/// rustls reads so much at once, and keeps a buffer of that size.
const RUSTLS_READ_BYTES: usize = 4 * 1024;

/// One TLS session as a state machine: ciphertext in, plaintext out, and the other way round.
///
/// After every call drain what came of it: [`read`](Self::read) until it gives zero, and
/// [`poll_transmit`](Self::poll_transmit). Dropping a session without [`close`](Self::close) leaves the peer in doubt
/// whether it heard everything.
pub struct Session(Box<Inner>);

struct Inner {
    connection: Connection,
    /// A server's certificates at the time when the session began.
    names: Option<Arc<Names>>,
    /// Plaintext that rustls would not hold while there was more ciphertext; `[spilled_from..]` is unread.
    spilled: Vec<u8>,
    spilled_from: usize,
    /// Unread plaintext that rustls holds, in bytes.
    waiting: usize,
    /// Ciphertext that came since rustls last gave back what it does not need, in bytes.
    fed: usize,
    /// The peer's close_notify has come.
    peer_closed: bool,
    failed: Option<Error>,
}

impl Session {
    /// A session for a connection that came to a server.
    ///
    /// # Errors
    /// Only if the TLS library fails inside.
    pub fn server(config: &ServerConfig) -> Result<Self, Error> {
        let parts = config.current();
        let connection =
            ServerConnection::new(parts.rustls).map_err(|error| Error::from_rustls(&error, "client", true))?;
        Ok(Self::new(Connection::Server(connection), Some(parts.names)))
    }

    /// A session for a connection to a server whose certificate must be valid for `server_name`: a DNS name, or an IP
    /// address (an IPv6 address may stand in brackets). A DNS name is also sent to the server (SNI, which
    /// RFC 6455 section 4.1 asks for).
    ///
    /// # Errors
    /// [`ErrorKind::BadName`] if `server_name` is neither; else only if the TLS library fails inside.
    pub fn client(config: &ClientConfig, server_name: &str) -> Result<Self, Error> {
        let bare = server_name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(server_name);
        let name = ServerName::try_from(bare)
            .map_err(|_| {
                Error::new(
                    ErrorKind::BadName,
                    format!("\"{server_name}\" is neither a DNS name nor an IP address"),
                )
            })?
            .to_owned();
        let connection = ClientConnection::new(config.current(), name)
            .map_err(|error| Error::from_rustls(&error, "server", true))?;
        Ok(Self::new(Connection::Client(connection), None))
    }

    fn new(mut connection: Connection, names: Option<Arc<Names>>) -> Self {
        // How much may wait is the caller's decision; the default would silently cut writes at 64 KiB.
        connection.set_buffer_limit(None);
        Self(Box::new(Inner {
            connection,
            names,
            spilled: Vec::new(),
            spilled_from: 0,
            waiting: 0,
            fed: 0,
            peer_closed: false,
            failed: None,
        }))
    }

    /// Takes all of `ciphertext`, in whatever pieces it came. What follows the peer's close_notify is ignored, as RFC
    /// 8446 section 6.1 asks.
    ///
    /// # Errors
    /// The session has failed. An alert for the peer may be waiting in [`poll_transmit`](Self::poll_transmit), and
    /// plaintext from before the fault can still be read; every later call gives the same error again.
    pub fn handle_bytes(&mut self, mut ciphertext: &[u8]) -> Result<(), Error> {
        if let Some(error) = &self.0.failed {
            return Err(error.clone());
        }
        self.0.fed = self.0.fed.saturating_add(ciphertext.len());
        while !ciphertext.is_empty() && !self.0.peer_closed {
            self.0.handle_some(&mut ciphertext)?;
        }
        Ok(())
    }

    /// Reads decrypted bytes into `plaintext`; zero: there are none for now.
    pub fn read(&mut self, plaintext: &mut [u8]) -> usize {
        let inner = &mut *self.0;
        let count = inner.read_spilled(plaintext);
        if count < plaintext.len() {
            count + inner.read_rustls(&mut plaintext[count..])
        } else {
            count
        }
    }

    /// True once the peer has said (close_notify) that it sends nothing more, and everything before was read. A
    /// transport that ends while this is false was cut off.
    #[must_use]
    pub fn peer_closed(&self) -> bool {
        let inner = &*self.0;
        inner.peer_closed && inner.spilled.is_empty() && inner.waiting == 0
    }

    /// Encrypts all of `plaintext`; bytes given during the handshake are kept until its end. Without effect after
    /// [`close`](Self::close) or a failure.
    pub fn write(&mut self, plaintext: &[u8]) {
        // Without a buffer limit all is taken at once; a session that ended takes nothing.
        let _ = self.0.connection.writer().write_all(plaintext);
    }

    /// As [`write`](Self::write), for plaintext that lies in several pieces: records go over their borders.
    pub fn write_slices(&mut self, plaintext: &[io::IoSlice<'_>]) {
        // As above, all is taken.
        let _ = self.0.connection.writer().write_vectored(plaintext);
    }

    /// Tells the peer (close_notify) that nothing more will be sent. Reading goes on.
    pub fn close(&mut self) {
        self.0.connection.send_close_notify();
    }

    /// Appends to `ciphertext` all that is to be sent to the peer, and forgets it.
    pub fn poll_transmit(&mut self, ciphertext: &mut Vec<u8>) {
        while self.0.connection.wants_write() {
            if self.0.connection.write_tls(ciphertext).is_err() {
                return;
            }
        }
    }

    /// True until both sides know each other's keys.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.0.connection.is_handshaking()
    }

    /// True if the handshake was a short one, on the ground of an earlier session with the same peer.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.0.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The application protocol agreed upon, if any.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.0.connection.alpn_protocol()
    }

    /// A server's view: the host name that the client asked for. `None` if it named none, or on a client.
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        match &self.0.connection {
            Connection::Server(connection) => connection.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// A server's view: the name by which the certificate was chosen that the client was shown, as the certificate or
    /// the options have it (in small letters; perhaps `*.example.org`). `None` if it was the default certificate for
    /// want of another.
    #[must_use]
    pub fn identity_name(&self) -> Option<&str> {
        self.0.names.as_ref()?.entry(self.sni()?)
    }

    /// The version of TLS that is spoken; `None` until it is agreed upon.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self.0.connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some(Version::Tls12),
            ProtocolVersion::TLSv1_3 => Some(Version::Tls13),
            _ => None,
        }
    }

    /// The cipher suite's name in the registry of TLS, `TLS13_AES_128_GCM_SHA256` say; `None` until it is agreed upon.
    #[must_use]
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.0.connection.negotiated_cipher_suite()?.suite().as_str()
    }

    /// The peer's own certificate (DER), once it was checked; `None` if it showed none.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.peer_certificates().next()
    }

    /// The certificates that the peer showed, its own first, each in DER; once they were checked. None for a client
    /// that showed none.
    #[must_use]
    pub fn peer_certificates(&self) -> Certificates<'_> {
        Certificates(self.0.connection.peer_certificates().unwrap_or_default())
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Certificates in DER, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificates<'a>(&'a [CertificateDer<'static>]);

impl<'a> Iterator for Certificates<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for Certificates<'_> {}

impl Inner {
    /// Takes a piece of `ciphertext` off its front, and decrypts what is complete.
    fn handle_some(&mut self, ciphertext: &mut &[u8]) -> Result<(), Error> {
        if self.waiting >= RUSTLS_PLAINTEXT_BYTES {
            self.spill();
        }
        let handshaking = self.connection.is_handshaking();
        if let Err(error) = self.connection.read_tls(ciphertext) {
            return Err(self.fail(Error::new(ErrorKind::Protocol, format!("{}: {error}", self.peer()))));
        }
        match self.connection.process_new_packets() {
            Ok(state) => {
                self.waiting = state.plaintext_bytes_to_read();
                self.peer_closed = state.peer_has_closed();
                Ok(())
            }
            Err(error) => {
                let error = Error::from_rustls(&error, self.peer(), handshaking);
                Err(self.fail(error))
            }
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.failed = Some(error.clone());
        error
    }

    fn peer(&self) -> &'static str {
        match &self.connection {
            Connection::Client(_) => "server",
            Connection::Server(_) => "client",
        }
    }

    /// Makes room in rustls.
    fn spill(&mut self) {
        let from = self.spilled.len();
        self.spilled.resize(from + self.waiting, 0);
        let count = self.connection.reader().read(&mut self.spilled[from..]).unwrap_or(0);
        self.spilled.truncate(from + count);
        self.waiting -= count;
    }

    fn read_spilled(&mut self, plaintext: &mut [u8]) -> usize {
        let unread = &self.spilled[self.spilled_from..];
        let count = unread.len().min(plaintext.len());
        plaintext[..count].copy_from_slice(&unread[..count]);
        self.spilled_from += count;
        if self.spilled_from == self.spilled.len() {
            self.spilled = Vec::new();
            self.spilled_from = 0;
        }
        count
    }

    fn read_rustls(&mut self, plaintext: &mut [u8]) -> usize {
        // An error here only says that nothing waits, or how the session ended, which is told elsewhere.
        let count = self.connection.reader().read(plaintext).unwrap_or(0);
        self.waiting -= count;
        if self.waiting == 0 && self.fed > RUSTLS_READ_BYTES {
            self.shrink();
        }
        count
    }

    /// Has rustls give back the buffer of a long record, which it would keep until the next one comes: it does so before
    /// it reads, even where there is nothing to be read.
    fn shrink(&mut self) {
        self.fed = 0;
        let _ = self.connection.read_tls(&mut Nothing);
    }
}

/// Has nothing to be read for now, and has not ended.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.0.peer())
            .field("handshaking", &self.is_handshaking())
            .field("peer_closed", &self.0.peer_closed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tls::testing::{
        Pair, client_config, client_config_of, read_all, self_signed, server_config, server_config_of, signed, transmit,
    };
    use crate::tls::{ClientOptions, ServerOptions};

    fn pair(piece: usize) -> Pair {
        let identity = self_signed(|_| {});
        Pair::new(&client_config(&identity.certificate), &server_config(&identity), piece)
    }

    fn opened() -> Pair {
        let mut pair = pair(usize::MAX);
        assert_eq!(pair.run(), (Ok(()), Ok(())));
        assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
        pair
    }

    #[test]
    fn bytes_go_both_ways_in_whatever_pieces_they_come() {
        for piece in [1, 2, 7, 4096, usize::MAX] {
            let mut pair = pair(piece);
            assert!(pair.client.is_handshaking() && pair.server.is_handshaking());
            pair.client.write(b"said before the handshake's end");
            assert_eq!(pair.run(), (Ok(()), Ok(())));
            pair.server.write(b"answer");
            assert_eq!(pair.run(), (Ok(()), Ok(())));
            assert_eq!(read_all(&mut pair.server), b"said before the handshake's end");
            assert_eq!(read_all(&mut pair.client), b"answer");
            assert!(!pair.client.is_resumed());
        }
    }

    #[test]
    fn a_large_write_is_taken_whole_and_waits_inside_until_it_is_read() {
        let mut pair = opened();
        let sent: Vec<u8> = (0..1_000_003_u32)
            .map(|index| index.wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect();
        pair.client.write(&sent);
        pair.client.close();
        let ciphertext = transmit(&mut pair.client);
        assert_eq!(pair.server.handle_bytes(&ciphertext), Ok(()));
        assert!(!pair.server.peer_closed(), "there is something to read");
        assert!(read_all(&mut pair.server) == sent);
        assert!(pair.server.peer_closed());
        assert!(
            pair.server.0.spilled.capacity() == 0,
            "a session that is read keeps no plaintext buffer"
        );
    }

    #[test]
    fn close_notify_ends_one_direction_and_what_follows_it_is_ignored() {
        let mut pair = opened();
        pair.client.close();
        let mut last = transmit(&mut pair.client);
        last.extend_from_slice(b"no TLS record, but nobody looks at it");
        assert_eq!(pair.server.handle_bytes(&last), Ok(()));
        assert!(pair.server.peer_closed());
        assert!(!pair.client.peer_closed());
        pair.server.write(b"still heard");
        pair.server.close();
        assert_eq!(pair.run(), (Ok(()), Ok(())));
        assert_eq!(read_all(&mut pair.client), b"still heard");
        assert!(pair.client.peer_closed());
    }

    #[test]
    fn a_stream_that_is_cut_off_is_not_taken_for_a_closed_one() {
        let mut pair = opened();
        pair.client.write(b"whole");
        let first = transmit(&mut pair.client);
        pair.client.write(b"never whole");
        pair.client.close();
        let rest = transmit(&mut pair.client);
        assert_eq!(pair.server.handle_bytes(&first), Ok(()));
        assert_eq!(pair.server.handle_bytes(&rest[..rest.len() - 1]), Ok(()));
        assert_eq!(read_all(&mut pair.server), b"wholenever whole");
        assert!(!pair.server.peer_closed());
        assert_eq!(pair.server.handle_bytes(&rest[rest.len() - 1..]), Ok(()));
        assert!(pair.server.peer_closed());
    }

    #[test]
    fn an_altered_byte_fails_the_session_for_good_and_tells_the_peer() {
        let mut pair = opened();
        pair.client.write(b"before");
        let good = transmit(&mut pair.client);
        pair.client.write(b"altered");
        let mut bad = transmit(&mut pair.client);
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        assert_eq!(pair.server.handle_bytes(&good), Ok(()));
        let error = pair.server.handle_bytes(&bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert_eq!(pair.server.handle_bytes(b"more"), Err(error));
        assert_eq!(
            read_all(&mut pair.server),
            b"before",
            "what came before the fault can be read"
        );
        let alert = transmit(&mut pair.server);
        assert_eq!(pair.client.handle_bytes(&alert).unwrap_err().kind(), ErrorKind::Alert);
    }

    #[test]
    fn a_peer_that_does_not_speak_tls_is_told_so_in_tls() {
        let mut server = pair(1).server;
        let error = server
            .handle_bytes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotTls);
        assert_eq!(error.to_string(), "the client does not speak TLS");
        assert_eq!(transmit(&mut server)[0], 21, "an alert record");
        let mut client = pair(1).client;
        let error = client.handle_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap_err();
        assert_eq!(error.to_string(), "the server does not speak TLS");
    }

    #[test]
    fn the_second_session_is_resumed() {
        let identity = self_signed(|_| {});
        let (client, server) = (client_config(&identity.certificate), server_config(&identity));
        for resumed in [false, true, true] {
            let mut pair = Pair::new(&client, &server, usize::MAX);
            assert_eq!(pair.run(), (Ok(()), Ok(())));
            assert_eq!((pair.client.is_resumed(), pair.server.is_resumed()), (resumed, resumed));
        }
    }

    #[test]
    fn both_sides_can_show_who_they_are() {
        let (roots, server) = signed(|_| {});
        let (client_roots, client) = signed(|_| {});
        let server = server_config_of(&ServerOptions {
            certificate_pem: server.certificate.as_bytes(),
            key_pem: server.key.as_bytes(),
            client_roots_pem: Some(client_roots.as_bytes()),
            ..ServerOptions::default()
        });
        let identified = client_config_of(&ClientOptions {
            roots_pem: Some(roots.as_bytes()),
            identity_pem: Some((client.certificate.as_bytes(), client.key.as_bytes())),
            ..ClientOptions::default()
        });
        let mut pair = Pair::new(&identified, &server, usize::MAX);
        assert_eq!(pair.run(), (Ok(()), Ok(())));
        assert!(pair.server.peer_certificate().is_some_and(|der| der.len() > 100));
        assert_ne!(pair.server.peer_certificate(), pair.client.peer_certificate());

        let mut pair = Pair::new(&client_config(&roots), &server, usize::MAX);
        let (client, server) = pair.run();
        assert_eq!(
            server.unwrap_err().to_string(),
            "the client showed no certificate, but one is required"
        );
        let error = client.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CertificateRefused, "{error}");
    }

    #[test]
    fn protocol_and_name_are_agreed_upon() {
        let identity = self_signed(|_| {});
        let server = |alpn| {
            server_config_of(&ServerOptions {
                certificate_pem: identity.certificate.as_bytes(),
                key_pem: identity.key.as_bytes(),
                alpn,
                ..ServerOptions::default()
            })
        };
        let client = client_config_of(&ClientOptions {
            roots_pem: Some(identity.certificate.as_bytes()),
            alpn: &[b"h9", b"http/1.1"],
            ..ClientOptions::default()
        });
        let mut pair = Pair::new(&client, &server(&[b"http/1.1"]), usize::MAX);
        assert_eq!(pair.run(), (Ok(()), Ok(())));
        assert_eq!(
            (pair.client.alpn(), pair.server.alpn()),
            (Some(&b"http/1.1"[..]), Some(&b"http/1.1"[..]))
        );
        assert_eq!((pair.client.sni(), pair.server.sni()), (None, Some("localhost")));

        let mut pair = Pair::new(&client, &server(&[b"other"]), usize::MAX);
        assert_eq!(pair.run().1.unwrap_err().kind(), ErrorKind::Incompatible);
    }

    #[test]
    fn an_address_can_be_the_name_and_nonsense_can_not() {
        let identity = self_signed(|params| {
            params.subject_alt_names = vec![rcgen::SanType::IpAddress("::1".parse().unwrap())];
        });
        let (client, server) = (client_config(&identity.certificate), server_config(&identity));
        for name in ["::1", "[::1]"] {
            let mut pair = Pair::new(&client, &server, usize::MAX);
            pair.client = Session::client(&client, name).unwrap();
            assert_eq!(pair.run(), (Ok(()), Ok(())));
        }
        for name in ["", "with space", "[::1", "a..b"] {
            assert_eq!(
                Session::client(&client, name).unwrap_err().kind(),
                ErrorKind::BadName,
                "{name}"
            );
        }
    }

    #[test]
    fn a_session_is_one_pointer() {
        assert_eq!(size_of::<Session>(), size_of::<usize>());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn garbage_never_panics_and_never_decrypts(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut server = pair(1).server;
            let _ = server.handle_bytes(&bytes);
            prop_assert_eq!(read_all(&mut server), b"");
            let mut pair = opened();
            let _ = pair.client.handle_bytes(&bytes);
            prop_assert_eq!(read_all(&mut pair.client), b"");
        }
    }
}
