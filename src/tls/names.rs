//! Which of a server's certificates a client is shown, by the name that it asked for (SNI, RFC 6066 section 3).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::error::{ConfigError, PemInput};
use super::pem;

/// A certificate with its key, for some of the names of a server that has several.
#[derive(Clone, Copy, Default)]
pub struct Identity<'a> {
    /// The certificate as PEM, followed by those of the authorities between it and a root, if any.
    pub certificate_pem: &'a [u8],
    /// The private key of the first certificate as PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key_pem: &'a [u8],
    /// DNS names that it is shown for; `*.example.org` stands for all names with one label more. Empty (the default):
    /// those in the certificate. Where two identities have a name, the first is shown.
    pub names: &'a [&'a str],
}

impl fmt::Debug for Identity<'_> {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// What becomes of a client that asks for a name that no certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnknownName {
    /// It is shown the default certificate, and may make of it what it will.
    #[default]
    Default,
    /// Its handshake fails, with an alert. A client that names nothing is shown the default certificate all the same.
    Refuse,
}

/// The certificates of a server.
#[derive(Debug)]
pub(super) struct Names {
    default: Arc<CertifiedKey>,
    /// By name in small letters.
    by_name: HashMap<String, Arc<CertifiedKey>>,
    unknown: UnknownName,
}

impl Names {
    /// `default` is also found by its names.
    pub(super) fn new(
        default: &Identity<'_>,
        others: &[Identity<'_>],
        unknown: UnknownName,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let mut names = Self {
            default: Arc::new(certified(default, provider)?),
            by_name: HashMap::new(),
            unknown,
        };
        let key = Arc::clone(&names.default);
        names.add(default, &key)?;
        for identity in others {
            let key = Arc::new(certified(identity, provider)?);
            if names.add(identity, &key)? == 0 {
                return Err(ConfigError::NoName);
            }
        }
        Ok(names)
    }

    /// How many names it is for.
    fn add(&mut self, identity: &Identity<'_>, key: &Arc<CertifiedKey>) -> Result<usize, ConfigError> {
        let mut count = 0;
        let mut add = |name: &str| {
            count += 1;
            let name = name.to_ascii_lowercase();
            self.by_name.entry(name).or_insert_with(|| Arc::clone(key));
        };
        if identity.names.is_empty() {
            let certificate = key.end_entity_cert().map_err(|error| ConfigError::other(&error))?;
            names_of(certificate)?.iter().for_each(|name| add(name));
        } else {
            identity.names.iter().for_each(|name| add(name));
        }
        Ok(count)
    }

    /// The entry that is for `name`, as it was written: the name itself, or the one with `*` in place of its first
    /// label.
    pub(super) fn entry(&self, name: &str) -> Option<&str> {
        self.find(name).map(|(entry, _)| entry)
    }

    fn find(&self, name: &str) -> Option<(&str, &Arc<CertifiedKey>)> {
        let name = name.to_ascii_lowercase();
        let exact = self.by_name.get_key_value(&name);
        let found = exact.or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get_key_value(&format!("*.{parent}"))
        });
        found.map(|(entry, key)| (entry.as_str(), key))
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let Some(name) = hello.server_name() else {
            return Some(Arc::clone(&self.default));
        };
        match (self.find(name), self.unknown) {
            (Some((_, key)), _) => Some(Arc::clone(key)),
            (None, UnknownName::Default) => Some(Arc::clone(&self.default)),
            (None, UnknownName::Refuse) => None,
        }
    }
}

fn certified(identity: &Identity<'_>, provider: &CryptoProvider) -> Result<CertifiedKey, ConfigError> {
    let chain = pem::certificates(identity.certificate_pem, PemInput::Certificate)?;
    let key = pem::private_key(identity.key_pem, PemInput::Key)?;
    CertifiedKey::from_der(chain, key, provider).map_err(ConfigError::from_identity)
}

fn names_of(certificate: &CertificateDer<'_>) -> Result<Vec<String>, ConfigError> {
    let certificate = webpki::EndEntityCert::try_from(certificate).map_err(|error| ConfigError::BadCertificate {
        input: PemInput::Certificate,
        reason: error.to_string(),
    })?;
    Ok(certificate.valid_dns_names().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use crate::tls::testing::{self, Pair, client_config, self_signed, server_config_of};
    use crate::tls::{ConfigError, ErrorKind, Identity, ServerConfig, ServerOptions, Session, UnknownName};

    fn of(names: &[&str]) -> testing::Identity {
        self_signed(|params| {
            params.subject_alt_names = names
                .iter()
                .map(|name| rcgen::SanType::DnsName((*name).try_into().unwrap()))
                .collect();
        })
    }

    fn identity(identity: &testing::Identity) -> Identity<'_> {
        Identity {
            certificate_pem: identity.certificate.as_bytes(),
            key_pem: identity.key.as_bytes(),
            names: &[],
        }
    }

    #[test]
    fn each_name_is_shown_its_own_certificate() {
        let (default, other, wild) = (
            of(&["localhost"]),
            of(&["a.example", "B.example"]),
            of(&["*.c.example"]),
        );
        let options = ServerOptions {
            certificate_pem: default.certificate.as_bytes(),
            key_pem: default.key.as_bytes(),
            identities: &[identity(&other), identity(&wild)],
            ..ServerOptions::default()
        };
        let server = server_config_of(&options);
        for (certificate, name, entry) in [
            (&default, "localhost", Some("localhost")),
            (&other, "a.example", Some("a.example")),
            (&other, "A.EXAMPLE", Some("a.example")),
            (&other, "b.example", Some("b.example")),
            (&wild, "x.c.example", Some("*.c.example")),
        ] {
            let client = client_config(&certificate.certificate);
            let mut pair = Pair::new(&client, &server, usize::MAX);
            pair.client = Session::client(&client, name).unwrap();
            assert_eq!(pair.run(), (Ok(()), Ok(())), "{name}");
            assert_eq!(pair.server.identity_name(), entry);
        }
    }

    #[test]
    fn an_unknown_name_is_shown_the_default_or_refused() {
        let (default, other) = (of(&["localhost"]), of(&["a.example"]));
        for unknown_name in [UnknownName::Default, UnknownName::Refuse] {
            let server = server_config_of(&ServerOptions {
                certificate_pem: default.certificate.as_bytes(),
                key_pem: default.key.as_bytes(),
                identities: &[identity(&other)],
                unknown_name,
                ..ServerOptions::default()
            });
            let client = client_config(&default.certificate);
            for name in ["x.a.example", "y.example", "example"] {
                let mut pair = Pair::new(&client, &server, usize::MAX);
                pair.client = Session::client(&client, name).unwrap();
                let (client, server) = pair.run();
                let (client, server) = (client.unwrap_err(), server.unwrap_err());
                match unknown_name {
                    UnknownName::Default => assert_eq!(client.kind(), ErrorKind::NameMismatch),
                    UnknownName::Refuse => assert_eq!(server.kind(), ErrorKind::UnknownName, "{server}"),
                }
            }
        }
    }

    #[test]
    fn an_address_sends_no_name_and_is_shown_the_default() {
        let default = self_signed(|_| {});
        let other = of(&["a.example"]);
        let server = server_config_of(&ServerOptions {
            certificate_pem: default.certificate.as_bytes(),
            key_pem: default.key.as_bytes(),
            identities: &[identity(&other)],
            unknown_name: UnknownName::Refuse,
            ..ServerOptions::default()
        });
        let client = client_config(&default.certificate);
        let mut pair = Pair::new(&client, &server, usize::MAX);
        pair.client = Session::client(&client, "127.0.0.1").unwrap();
        assert_eq!(pair.run(), (Ok(()), Ok(())));
        assert_eq!((pair.server.sni(), pair.server.identity_name()), (None, None));
    }

    #[test]
    fn given_names_take_the_place_of_the_certificates_and_none_at_all_is_a_mistake() {
        let (default, other) = (of(&["localhost"]), of(&["a.example"]));
        let options = |names| ServerOptions {
            certificate_pem: default.certificate.as_bytes(),
            key_pem: default.key.as_bytes(),
            identities: names,
            ..ServerOptions::default()
        };
        let named = [Identity {
            names: &["B.example"],
            ..identity(&other)
        }];
        let server = server_config_of(&options(&named));
        let client = client_config(&other.certificate);
        let mut pair = Pair::new(&client, &server, usize::MAX);
        pair.client = Session::client(&client, "b.example").unwrap();
        assert_eq!(
            pair.run().0.unwrap_err().kind(),
            ErrorKind::NameMismatch,
            "shown, but not valid for it"
        );

        let nameless = of(&[]);
        let error = ServerConfig::new(&options(&[identity(&nameless)])).unwrap_err();
        assert_eq!(error, ConfigError::NoName);
    }
}
