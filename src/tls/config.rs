//! What sessions share: certificates, keys, trust anchors, resumption.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ConfigBuilder, ConfigSide, RootCertStore, SignatureScheme, WantsVerifier, WantsVersions};

use super::clock::Clock;
use super::error::{ConfigError, PemInput};
use super::names::{Identity, Names, UnknownName};
use super::pem;

/// How many TLS sessions a server remembers for resumption (a new client takes up to four), each some hundred bytes
/// and the client's certificates; the oldest is forgotten.
const SERVER_SESSIONS: usize = 4096;

/// How many servers a client remembers a session of.
const CLIENT_SESSIONS: usize = 256;

/// What a [`ServerConfig`] is made from.
#[derive(Clone, Copy, Default)]
pub struct ServerOptions<'a> {
    /// The server's certificate as PEM, followed by those of the authorities between it and a root, if any. With
    /// `identities` it is the default one.
    pub certificate_pem: &'a [u8],
    /// The private key of the first certificate as PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key_pem: &'a [u8],
    /// Certificates for other names, which clients that ask for those (SNI) are shown. Default: none.
    pub identities: &'a [Identity<'a>],
    /// What becomes of clients that ask for a name which no certificate is for. Default: they are shown the default
    /// certificate.
    pub unknown_name: UnknownName,
    /// Trust anchors as PEM: with them each client is asked for a certificate that one of them vouches for. Default
    /// `None`: clients are not asked for certificates.
    pub client_roots_pem: Option<&'a [u8]>,
    /// Whether a client that is asked for a certificate may show none. Default: it may not.
    pub client_auth: ClientAuth,
    /// Application protocols in the order preferred, `http/1.1` say; empty (the default): none is negotiated.
    pub alpn: &'a [&'a [u8]],
}

impl fmt::Debug for ServerOptions<'_> {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("identities", &self.identities)
            .field("unknown_name", &self.unknown_name)
            .field("client_auth", &self.client_auth)
            .finish_non_exhaustive()
    }
}

/// Whether clients must show a certificate, where [`ServerOptions::client_roots_pem`] are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ClientAuth {
    /// A client without one is refused.
    #[default]
    Required,
    /// A client without one is let in, and has no [`peer_certificate`](super::Session::peer_certificate); one that shows
    /// a certificate which is not vouched for, or has expired, is refused.
    Optional,
}

/// What a [`ClientConfig`] is made from. The default trusts Mozilla's roots and shows no certificate.
#[derive(Clone, Copy, Default)]
pub struct ClientOptions<'a> {
    /// Trust anchors as PEM, all certificates in it; they take the place of the default, Mozilla's roots. A server's
    /// own self-signed certificate may stand here, if it is not a certificate authority's.
    pub roots_pem: Option<&'a [u8]>,
    /// Certificate chain and private key, both PEM, to show to a server that asks. Default `None`.
    pub identity_pem: Option<(&'a [u8], &'a [u8])>,
    /// Application protocols in the order preferred; empty (the default): none is offered.
    pub alpn: &'a [&'a [u8]],
}

impl fmt::Debug for ClientOptions<'_> {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions").finish_non_exhaustive()
    }
}

/// The configuration that all sessions of a server share; a clone is a reference to the same one.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    current: Arc<RwLock<ServerParts>>,
    clock: Clock,
}

/// What a session of a server is made from.
#[derive(Debug, Clone)]
pub(super) struct ServerParts {
    pub(super) rustls: Arc<rustls::ServerConfig>,
    pub(super) names: Arc<Names>,
}

impl ServerConfig {
    /// Checks and loads certificates and key. TLS 1.3 and 1.2 are spoken; sessions are resumed (from memory, at most
    /// 4,096 of them). Early data (RFC 8446 section 2.3) is not taken: it could be replayed by anyone who saw it.
    ///
    /// # Errors
    /// [`ConfigError`] names which text is wrong and what about it.
    pub fn new(options: &ServerOptions<'_>) -> Result<Self, ConfigError> {
        let clock = Clock::new();
        let current = Arc::new(RwLock::new(ServerParts::new(options, &clock)?));
        Ok(Self { current, clock })
    }

    /// Puts `options` in the place of what this configuration and all its clones were made from, for all handshakes
    /// that begin after it. Sessions that are open, and handshakes under way, go on with what they began with.
    ///
    /// No session from before is resumed: the client makes a whole handshake, so a certificate or an authority that
    /// was taken out of `options` is of no use any more.
    ///
    /// ```no_run
    /// # fn reload(config: &wsloop::tls::ServerConfig) -> Result<(), Box<dyn std::error::Error>> {
    /// use wsloop::tls::ServerOptions;
    /// config.reload(&ServerOptions {
    ///     certificate_pem: &std::fs::read("server.cert")?,
    ///     key_pem: &std::fs::read("server.key")?,
    ///     ..ServerOptions::default()
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new); then nothing has changed.
    pub fn reload(&self, options: &ServerOptions<'_>) -> Result<(), ConfigError> {
        let parts = ServerParts::new(options, &self.clock)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = parts;
        Ok(())
    }

    /// The clock by which clients' certificates are checked and sessions expire; the host sets it.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn current(&self) -> ServerParts {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerParts {
    fn new(options: &ServerOptions<'_>, clock: &Clock) -> Result<Self, ConfigError> {
        let provider = provider();
        let default = Identity {
            certificate_pem: options.certificate_pem,
            key_pem: options.key_pem,
            names: &[],
        };
        let names = Names::new(&default, options.identities, options.unknown_name, &provider)?;
        let names = Arc::new(names);
        let builder = rustls::ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(clock.clone()));
        let builder = default_versions(builder)?;
        let builder = match options.client_roots_pem {
            None => builder.with_no_client_auth(),
            Some(text) => {
                let roots = Arc::new(pem::roots(text, PemInput::ClientRoots)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match options.client_auth {
                    ClientAuth::Required => verifier,
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| ConfigError::other(&error))?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&names) as _);
        config.alpn_protocols = owned(options.alpn);
        config.session_storage = ServerSessionMemoryCache::new(SERVER_SESSIONS);
        Ok(Self {
            rustls: Arc::new(config),
            names,
        })
    }
}

/// The configuration that all sessions of a client share; a clone is a reference to the same one.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    current: Arc<RwLock<Arc<rustls::ClientConfig>>>,
    clock: Clock,
}

impl ClientConfig {
    /// Checks and loads trust anchors, certificate and key. TLS 1.3 and 1.2 are spoken; sessions are resumed (those of
    /// the last 256 servers). Early data is not sent.
    ///
    /// # Errors
    /// [`ConfigError`] names which text is wrong and what about it.
    pub fn new(options: &ClientOptions<'_>) -> Result<Self, ConfigError> {
        let clock = Clock::new();
        let current = Arc::new(RwLock::new(Arc::new(client_parts(options, &clock)?)));
        Ok(Self { current, clock })
    }

    /// Puts `options` in the place of what this configuration and all its clones were made from, for all handshakes
    /// that begin after it: a renewed certificate, or other roots. Sessions that are open go on; none from before is
    /// resumed, so that servers see the new certificate.
    ///
    /// # Errors
    /// As [`new`](Self::new); then nothing has changed.
    pub fn reload(&self, options: &ClientOptions<'_>) -> Result<(), ConfigError> {
        let parts = Arc::new(client_parts(options, &self.clock)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = parts;
        Ok(())
    }

    /// The same trust, as it is now, with no certificate to show and no session to resume: for a server that the
    /// certificate was not meant for, such as one that another server has redirected to. It shares the clock, and is
    /// not changed by a [`reload`](Self::reload) of `self`.
    #[must_use]
    pub fn without_identity(&self) -> Self {
        let mut config = rustls::ClientConfig::clone(&self.current());
        config.client_auth_cert_resolver = Arc::new(Nobody);
        // A session that is resumed brings the certificate along that it began with.
        config.resumption = Resumption::disabled();
        Self {
            current: Arc::new(RwLock::new(Arc::new(config))),
            clock: self.clock.clone(),
        }
    }

    /// The clock by which servers' certificates are checked and sessions expire; the host sets it.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn current(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Has no certificate to show.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

fn client_parts(options: &ClientOptions<'_>, clock: &Clock) -> Result<rustls::ClientConfig, ConfigError> {
    let roots = Arc::new(match options.roots_pem {
        Some(text) => pem::roots(text, PemInput::Roots)?,
        None => RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        },
    });
    let provider = provider();
    let builder = rustls::ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(clock.clone()));
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
        .build()
        .map_err(|error| ConfigError::other(&error))?;
    let builder = default_versions(builder)?.with_webpki_verifier(verifier);
    let mut config = match options.identity_pem {
        None => builder.with_no_client_auth(),
        Some((certificate_pem, key_pem)) => {
            let chain = pem::certificates(certificate_pem, PemInput::Certificate)?;
            let key = pem::private_key(key_pem, PemInput::Key)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(ConfigError::from_identity)?
        }
    };
    config.alpn_protocols = owned(options.alpn);
    config.resumption = Resumption::in_memory_sessions(CLIENT_SESSIONS);
    Ok(config)
}

/// ring, named at each use: a process-wide default would be a decision for the whole program that a library can't make.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn default_versions<S: ConfigSide>(
    builder: ConfigBuilder<S, WantsVersions>,
) -> Result<ConfigBuilder<S, WantsVerifier>, ConfigError> {
    builder
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::other(&error))
}

fn owned(names: &[&[u8]]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::{Pair, client_config_of, self_signed, server_config};

    fn server_error(certificate_pem: &str, key_pem: &str) -> ConfigError {
        let options = ServerOptions {
            certificate_pem: certificate_pem.as_bytes(),
            key_pem: key_pem.as_bytes(),
            ..ServerOptions::default()
        };
        ServerConfig::new(&options).unwrap_err()
    }

    fn roots_error(roots_pem: &str) -> ConfigError {
        let options = ClientOptions {
            roots_pem: Some(roots_pem.as_bytes()),
            ..ClientOptions::default()
        };
        ClientConfig::new(&options).unwrap_err()
    }

    #[test]
    fn a_wrong_text_is_named_with_what_is_wrong() {
        let (one, other) = (self_signed(|_| {}), self_signed(|_| {}));
        let certificate = PemInput::Certificate;
        assert_eq!(
            server_error("", &one.key),
            ConfigError::NoCertificate { input: certificate }
        );
        assert_eq!(
            server_error(&one.key, &one.key),
            ConfigError::NoCertificate { input: certificate }
        );
        assert_eq!(
            server_error(&one.certificate, ""),
            ConfigError::NoPrivateKey { input: PemInput::Key }
        );
        assert_eq!(
            server_error(&one.certificate, &one.certificate),
            ConfigError::NoPrivateKey { input: PemInput::Key }
        );
        assert_eq!(server_error(&one.certificate, &other.key), ConfigError::KeyMismatch);
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!(
            server_error(&one.certificate, encrypted),
            ConfigError::EncryptedKey { input: PemInput::Key }
        );
        assert_eq!(
            roots_error("not PEM"),
            ConfigError::NoCertificate { input: PemInput::Roots }
        );
    }

    #[test]
    fn damage_is_told_from_absence() {
        let one = self_signed(|_| {});
        let cut = &one.certificate[..one.certificate.len() / 2];
        let no_base64 = one.certificate.replace("\nMII", "\n!!!");
        for damaged in [cut, &no_base64] {
            let error = server_error(damaged, &one.key);
            assert!(
                matches!(
                    error,
                    ConfigError::BadPem {
                        input: PemInput::Certificate,
                        ..
                    }
                ),
                "{error}"
            );
            let error = roots_error(damaged);
            assert!(
                matches!(
                    error,
                    ConfigError::BadPem {
                        input: PemInput::Roots,
                        ..
                    }
                ),
                "{error}"
            );
        }
        let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let error = server_error(no_der, &one.key);
        assert!(
            matches!(
                error,
                ConfigError::BadCertificate {
                    input: PemInput::Certificate,
                    ..
                }
            ),
            "{error}"
        );
        let error = roots_error(no_der);
        assert!(
            matches!(
                error,
                ConfigError::BadCertificate {
                    input: PemInput::Roots,
                    ..
                }
            ),
            "{error}"
        );
        let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let error = server_error(&one.certificate, no_key);
        assert!(matches!(error, ConfigError::BadKey { .. }), "{error}");
    }

    #[test]
    fn all_certificates_of_a_bundle_are_trusted_and_a_bad_one_is_passed_over() {
        let (one, other) = (self_signed(|_| {}), self_signed(|_| {}));
        let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let bundle = [no_der, &one.certificate, "# a comment\n", &other.certificate].concat();
        let options = ClientOptions {
            roots_pem: Some(bundle.as_bytes()),
            ..ClientOptions::default()
        };
        let client = client_config_of(&options);
        for identity in [one, other] {
            assert_eq!(
                Pair::new(&client, &server_config(&identity), usize::MAX).run(),
                (Ok(()), Ok(()))
            );
        }
    }

    #[test]
    fn without_roots_of_its_own_a_client_trusts_the_public_ones_alone() {
        let client = client_config_of(&ClientOptions::default());
        let (result, _) = Pair::new(&client, &server_config(&self_signed(|_| {})), usize::MAX).run();
        assert_eq!(result.unwrap_err().kind(), crate::tls::ErrorKind::UnknownIssuer);
    }
}
