//! Peers of a flow: WebSocket clients and servers of another implementation (tungstenite), and bare sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConnection, StreamOwned};
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::{HandshakeError, Message, WebSocket};

use super::cli_support::PATIENCE;

/// A connected peer.
pub(crate) type Peer = WebSocket<TcpStream>;

/// A socket on which nothing waits for ever.
fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A client of the server at `address`.
pub(crate) fn client(address: &str) -> Peer {
    loop {
        match tungstenite::client(format!("ws://{address}/"), raw(address)) {
            Ok((peer, _)) => return peer,
            // A socket with a time-out is interrupted by signals to this process; the peer is not to blame.
            Err(HandshakeError::Failure(tungstenite::Error::Io(error))) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A bare socket to the server at `address`.
pub(crate) fn raw(address: &str) -> TcpStream {
    patient(TcpStream::connect(address).unwrap())
}

/// A socket whose opening handshake is done, for frames that a library would not send.
pub(crate) fn raw_open(address: &str) -> TcpStream {
    let mut stream = raw(address);
    let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let head = head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

/// An HTTP head, up to its empty line; less if the stream ends before.
pub(crate) fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Everything up to the end of the stream; a reset is an end too.
pub(crate) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        let kind = error.kind();
        assert_eq!(
            kind,
            std::io::ErrorKind::ConnectionReset,
            "the peer did not end the stream"
        );
    }
    bytes
}

/// Sends text and gives the next message.
pub(crate) fn ask(peer: &mut Peer, text: &str) -> Message {
    peer.send(Message::text(text)).unwrap();
    peer.read().unwrap()
}

/// Notes a request's target.
struct Noting<'a>(&'a mut String);

impl Callback for Noting<'_> {
    #[allow(clippy::result_large_err, reason = "the trait has it so")]
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        *self.0 = request.uri().to_string();
        Ok(response)
    }
}

/// Accepts one client; gives it with the target of its request.
pub(crate) fn accept(listener: &TcpListener) -> (Peer, String) {
    listener.set_nonblocking(true).unwrap();
    let mut patience = PATIENCE;
    let stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && !patience.is_zero() => {
                let nap = Duration::from_millis(5);
                std::thread::sleep(nap);
                patience = patience.saturating_sub(nap);
            }
            Err(error) => panic!("no client came: {error}"),
        }
    };
    stream.set_nonblocking(false).unwrap();
    let mut target = String::new();
    let peer = tungstenite::accept_hdr(patient(stream), Noting(&mut target));
    (peer.unwrap(), target)
}

/// A client with TLS of the server at `address`, which shows `certificate` or one signed by it.
pub(crate) fn tls_client(address: &str, certificate: &Path) -> WebSocket<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(certificate).unwrap();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let stream = StreamOwned::new(session, raw(address));
    let (peer, _) = tungstenite::client(format!("wss://{address}/"), stream).unwrap();
    peer
}
