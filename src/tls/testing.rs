//! Certificates made on the spot, and two sessions talking in memory.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use super::{ClientConfig, ClientOptions, Error, ServerConfig, ServerOptions, Session};

/// A certificate and its key, both PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// A self-signed certificate, altered by `change`; valid from 2020 to 2039.
pub(super) fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params(change).self_signed(&key).unwrap();
    Identity {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

/// A certificate authority's certificate, and one signed by it.
pub(super) fn signed(change: impl FnOnce(&mut CertificateParams)) -> (String, Identity) {
    let authority = params(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params(change).signed_by(&key, &authority).unwrap();
    (
        authority.pem(),
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        },
    )
}

fn params(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2039, 12, 31);
    change(&mut params);
    params
}

/// 2026-01-01, when the tests take place.
pub(super) const TODAY: Duration = Duration::from_secs(1_767_225_600);

pub(super) fn server_config(identity: &Identity) -> ServerConfig {
    server_config_of(&ServerOptions {
        certificate_pem: identity.certificate.as_bytes(),
        key_pem: identity.key.as_bytes(),
        ..ServerOptions::default()
    })
}

pub(super) fn server_config_of(options: &ServerOptions<'_>) -> ServerConfig {
    let config = ServerConfig::new(options).unwrap();
    config.clock().set(TODAY);
    config
}

pub(super) fn client_config(roots: &str) -> ClientConfig {
    client_config_of(&ClientOptions {
        roots_pem: Some(roots.as_bytes()),
        ..ClientOptions::default()
    })
}

pub(super) fn client_config_of(options: &ClientOptions<'_>) -> ClientConfig {
    let config = ClientConfig::new(options).unwrap();
    config.clock().set(TODAY);
    config
}

/// Two sessions joined by a wire that carries at most `piece` bytes at a time.
pub(super) struct Pair {
    pub(super) client: Session,
    pub(super) server: Session,
    piece: usize,
}

impl Pair {
    pub(super) fn new(client: &ClientConfig, server: &ServerConfig, piece: usize) -> Self {
        Self {
            client: Session::client(client, "localhost").unwrap(),
            server: Session::server(server).unwrap(),
            piece,
        }
    }

    /// Carries bytes until neither side has any; gives what each side failed with.
    pub(super) fn run(&mut self) -> (Result<(), Error>, Result<(), Error>) {
        let (mut client, mut server) = (Ok(()), Ok(()));
        loop {
            let to_server = transmit(&mut self.client);
            let to_client = transmit(&mut self.server);
            if to_server.is_empty() && to_client.is_empty() {
                return (client, server);
            }
            server = server.and(deliver(&mut self.server, &to_server, self.piece));
            client = client.and(deliver(&mut self.client, &to_client, self.piece));
        }
    }
}

pub(super) fn transmit(session: &mut Session) -> Vec<u8> {
    let mut bytes = Vec::new();
    session.poll_transmit(&mut bytes);
    bytes
}

fn deliver(session: &mut Session, bytes: &[u8], piece: usize) -> Result<(), Error> {
    bytes.chunks(piece).try_for_each(|chunk| session.handle_bytes(chunk))
}

pub(super) fn read_all(session: &mut Session) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 5000];
    loop {
        match session.read(&mut buffer) {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}
