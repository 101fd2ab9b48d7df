//! All that connectors do with TLS: loading certificates, arming listeners and connections, explaining failures.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::config::{self, ConfigError};
use super::options::{choices, options};
use super::value::Value;
use crate::engine::{ConnectOptions, Failure, Files, ListenOptions};

options! {
    /// The `tls` record of `ws_server`.
    #[derive(Debug, Clone)]
    pub(super) struct ServerRecord {
        /// The file with the certificate chain, PEM, the server's own first.
        cert: String,
        /// The file with the private key, PEM: PKCS#8, PKCS#1 or SEC1.
        key: String,
        /// Certificates for other names, shown to clients that ask for one of those (SNI).
        identities: Vec<IdentityRecord> = Vec::new(),
        /// The file with the authorities, PEM, that a client's certificate must lead to. Clients are not asked for one, if not
        /// given.
        cafile: Option<String> = None,
        /// Whether a client must show a certificate, if there is a `cafile`.
        client_auth: ClientAuth = ClientAuth::Required,
    }
}

options! {
    /// A further certificate of a server.
    #[derive(Debug, Clone)]
    pub(super) struct IdentityRecord {
        /// The file with the certificate chain.
        cert: String,
        /// The file with the private key.
        key: String,
    }
}

choices! {
    pub(super) enum ClientAuth {
        /// A client without one is refused.
        Required = "required",
        /// A client without one is let in.
        Optional = "optional",
    }
}

options! {
    /// The `tls` record of `ws_client`.
    #[derive(Debug, Clone)]
    pub(super) struct ClientRecord {
        /// The file with the authorities to trust, PEM, in place of the built-in ones (Mozilla's).
        cafile: Option<String> = None,
        /// The name that the server's certificate must be valid for, in place of the url's host.
        domain: Option<String> = None,
        /// The file with our own certificate chain, PEM, for servers that ask for one.
        cert: Option<String> = None,
        /// The file with its private key.
        key: Option<String> = None,
    }
}

/// What the key `tls` of a connector asks for, before files are read.
enum Wish<R> {
    /// Plain TCP: nothing is written, or `null`, or `false`.
    Off,
    /// TLS.
    On(R),
}

const PATH: [&str; 2] = ["config", "tls"];

/// Reads `tls` of a `ws_server` and its files; `None` for plain TCP.
///
/// # Errors
/// The record, a file, or its combination with the url's scheme is wrong.
pub(super) fn server(tls: &Value, secure: Option<bool>, files: &mut dyn Files) -> Result<Option<Server>, ConfigError> {
    let shape = r#""tls": {"cert": "localhost.cert", "key": "localhost.key"}"#;
    let wish = match tls {
        Value::Null => Wish::Off,
        Value::Bool(false) => switched_off(secure).map(|()| Wish::Off)?,
        Value::Bool(true) => {
            return Err(ConfigError::new(
                PATH,
                "a server needs to know its certificate and its key, not just `true`",
            )
            .expected("a record with `cert` and `key`")
            .help(format!("write `{shape}`; `wsloop cert` makes both files for localhost")));
        }
        record => Wish::On(config::read::<ServerRecord>(&PATH.map(Into::into), record)?),
    };
    match wish {
        Wish::On(record) => load_server(record, files).map(Some),
        Wish::Off if secure == Some(true) => Err(ConfigError::new(
            ["config", "url"],
            "`wss://` needs a certificate: the key `tls` is missing",
        )
        .help(format!("add `{shape}`; `wsloop cert` makes both files for localhost"))),
        Wish::Off => Ok(None),
    }
}

/// Reads `tls` of a `ws_client` and its files; `None` for plain TCP. `host` is the url's, the name to check where no
/// `domain` is given.
///
/// # Errors
/// As [`server`].
pub(super) fn client(
    tls: &Value,
    secure: Option<bool>,
    host: &str,
    files: &mut dyn Files,
) -> Result<Option<Client>, ConfigError> {
    let wish = match tls {
        Value::Null if secure == Some(true) => Wish::On(ClientRecord::default()),
        Value::Null => Wish::Off,
        Value::Bool(false) => switched_off(secure).map(|()| Wish::Off)?,
        Value::Bool(true) => Wish::On(ClientRecord::default()),
        record => Wish::On(config::read::<ClientRecord>(&PATH.map(Into::into), record)?),
    };
    match wish {
        Wish::On(record) => load_client(record, host, files).map(Some),
        Wish::Off => Ok(None),
    }
}

fn switched_off(secure: Option<bool>) -> Result<(), ConfigError> {
    if secure != Some(true) {
        return Ok(());
    }
    Err(ConfigError::new(PATH, "`tls` is off, but the url says `wss://`")
        .help("remove `\"tls\": false`, or write `ws://` in the url"))
}

/// What a stream's failure means to a person, with advice where there is some.
pub(super) fn explain(failure: &Failure) -> String {
    match advice(failure) {
        Some(advice) => format!("{failure}; {advice}"),
        None => format!("{failure}"),
    }
}

#[cfg(feature = "tls")]
pub(super) use with::{Client, Server};
#[cfg(feature = "tls")]
use with::{advice, load_client, load_server};
#[cfg(not(feature = "tls"))]
pub(super) use without::{Client, Server};
#[cfg(not(feature = "tls"))]
use without::{advice, load_client, load_server};

#[cfg(feature = "tls")]
mod with {
    use super::*;
    use crate::tls::{self, ClientOptions, ErrorKind, Identity, PemInput, ServerOptions};

    /// Certificates and keys are small; what is larger is some other file.
    const FILE_LIMIT_BYTES: usize = 1 << 20;

    /// A server's certificate and key, ready for use.
    #[derive(Clone)]
    pub(in crate::connector) struct Server {
        config: tls::ServerConfig,
        record: ServerRecord,
    }

    impl Server {
        /// Makes a listener speak TLS.
        pub(in crate::connector) fn arm(&self, options: ListenOptions) -> ListenOptions {
            options.tls(self.config.clone())
        }

        /// Reads the files again, for handshakes to come.
        ///
        /// # Errors
        /// One of them can't be used; nothing has changed.
        pub(in crate::connector) fn reload(&self, files: &mut dyn Files) -> Result<(), ConfigError> {
            with_server_options(&self.record, files, |options| self.config.reload(options))
        }
    }

    /// What a client trusts, and the name that it expects.
    #[derive(Clone)]
    pub(in crate::connector) struct Client {
        config: tls::ClientConfig,
        server_name: String,
        record: ClientRecord,
    }

    impl Client {
        /// Makes a connection speak TLS.
        pub(in crate::connector) fn arm(&self, options: ConnectOptions) -> ConnectOptions {
            let redirected = options.redirect_tls(self.config.clone());
            redirected.tls(self.config.clone(), self.server_name.clone())
        }

        /// Reads the files again, for connections to come.
        ///
        /// # Errors
        /// One of them can't be used; nothing has changed.
        pub(in crate::connector) fn reload(&self, files: &mut dyn Files) -> Result<(), ConfigError> {
            with_client_options(&self.record, files, |options| self.config.reload(options))
        }
    }

    pub(super) fn load_server(record: ServerRecord, files: &mut dyn Files) -> Result<Server, ConfigError> {
        let config = with_server_options(&record, files, tls::ServerConfig::new)?;
        Ok(Server { config, record })
    }

    /// Reads the files and hands them to `make`.
    fn with_server_options<T>(
        record: &ServerRecord,
        files: &mut dyn Files,
        make: impl FnOnce(&ServerOptions<'_>) -> Result<T, tls::ConfigError>,
    ) -> Result<T, ConfigError> {
        let certificate_pem = read(files, "cert", &record.cert)?;
        let key_pem = read(files, "key", &record.key)?;
        let client_roots_pem = read_optional(files, "cafile", record.cafile.as_deref())?;
        let mut identities = Vec::new();
        for identity in &record.identities {
            identities.push((
                read(files, "identities", &identity.cert)?,
                read(files, "identities", &identity.key)?,
            ));
        }
        let identities: Vec<Identity<'_>> = identities
            .iter()
            .map(|(certificate_pem, key_pem)| Identity {
                certificate_pem,
                key_pem,
                names: &[],
            })
            .collect();
        let options = ServerOptions {
            certificate_pem: &certificate_pem,
            key_pem: &key_pem,
            client_roots_pem: client_roots_pem.as_deref(),
            client_auth: match record.client_auth {
                ClientAuth::Required => tls::ClientAuth::Required,
                ClientAuth::Optional => tls::ClientAuth::Optional,
            },
            identities: &identities,
            ..ServerOptions::default()
        };
        make(&options).map_err(|error| {
            let (key, path) = match error.input() {
                Some(PemInput::Certificate) => ("cert", Some(&record.cert)),
                Some(PemInput::Key) => ("key", Some(&record.key)),
                Some(PemInput::ClientRoots | PemInput::Roots) => ("cafile", record.cafile.as_ref()),
                None => ("cert", None),
            };
            unusable(files, key, path, &error)
        })
    }

    pub(super) fn load_client(record: ClientRecord, host: &str, files: &mut dyn Files) -> Result<Client, ConfigError> {
        let config = with_client_options(&record, files, tls::ClientConfig::new)?;
        let server_name = record.domain.clone().unwrap_or_else(|| host.into());
        // A throw-away session finds a name that none can be made for.
        if let Err(error) = tls::Session::client(&config, &server_name) {
            let place = if record.domain.is_some() {
                ["config", "tls", "domain"].as_slice()
            } else {
                &["config", "url"]
            };
            return Err(ConfigError::new(place.iter().copied(), format!("{error}")));
        }
        Ok(Client {
            config,
            server_name,
            record,
        })
    }

    /// Reads the files and hands them to `make`.
    fn with_client_options<T>(
        record: &ClientRecord,
        files: &mut dyn Files,
        make: impl FnOnce(&ClientOptions<'_>) -> Result<T, tls::ConfigError>,
    ) -> Result<T, ConfigError> {
        let roots_pem = read_optional(files, "cafile", record.cafile.as_deref())?;
        let identity = match (&record.cert, &record.key) {
            (Some(cert), Some(key)) => Some((read(files, "cert", cert)?, read(files, "key", key)?)),
            (None, None) => None,
            (Some(_), None) => return Err(lonely("cert", "key")),
            (None, Some(_)) => return Err(lonely("key", "cert")),
        };
        let options = ClientOptions {
            roots_pem: roots_pem.as_deref(),
            identity_pem: identity.as_ref().map(|(cert, key)| (cert.as_slice(), key.as_slice())),
            alpn: &[],
        };
        make(&options).map_err(|error| {
            let (key, path) = match error.input() {
                Some(PemInput::Certificate) => ("cert", record.cert.as_ref()),
                Some(PemInput::Key) => ("key", record.key.as_ref()),
                Some(PemInput::Roots | PemInput::ClientRoots) | None => ("cafile", record.cafile.as_ref()),
            };
            unusable(files, key, path, &error)
        })
    }

    fn lonely(given: &'static str, missing: &'static str) -> ConfigError {
        ConfigError::new(["config", "tls", given], format!("`{given}` without `{missing}`"))
            .help(format!("add `\"{missing}\": …`, or remove `{given}`"))
    }

    fn read(files: &mut dyn Files, key: &'static str, path: &str) -> Result<Vec<u8>, ConfigError> {
        files.read_whole(path, FILE_LIMIT_BYTES).map_err(|error| {
            ConfigError::new(
                ["config", "tls", key],
                format!("can't read {}: {error}", files.absolute(path)),
            )
            .help("paths begin at the working directory; `wsloop cert` makes a certificate and key for localhost")
        })
    }

    fn read_optional(
        files: &mut dyn Files,
        key: &'static str,
        path: Option<&str>,
    ) -> Result<Option<Vec<u8>>, ConfigError> {
        path.map(|path| read(files, key, path)).transpose()
    }

    fn unusable(files: &dyn Files, key: &'static str, path: Option<&String>, error: &tls::ConfigError) -> ConfigError {
        let message = match path {
            Some(path) => format!("{} can't be used: {error}", files.absolute(path)),
            None => format!("TLS can't be set up: {error}"),
        };
        ConfigError::new(["config", "tls", key], message)
            .help("`wsloop cert` makes a certificate and key for localhost that can be used")
    }

    /// What to do about a certificate that was made the wrong way.
    pub(super) fn advice(failure: &Failure) -> Option<&'static str> {
        let Failure::Tls(error) = failure else { return None };
        matches!(error.kind(), ErrorKind::CaUsedAsEndEntity | ErrorKind::NoSubjectAltName)
            .then_some("`wsloop cert` makes one for localhost that can be used")
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use super::*;

    /// There is none in a build without TLS.
    #[derive(Clone)]
    pub(in crate::connector) enum Server {}

    impl Server {
        pub(in crate::connector) fn arm(&self, _options: ListenOptions) -> ListenOptions {
            match *self {}
        }

        pub(in crate::connector) fn reload(&self, _files: &mut dyn Files) -> Result<(), ConfigError> {
            match *self {}
        }
    }

    /// There is none in a build without TLS.
    #[derive(Clone)]
    pub(in crate::connector) enum Client {}

    impl Client {
        pub(in crate::connector) fn arm(&self, _options: ConnectOptions) -> ConnectOptions {
            match *self {}
        }

        pub(in crate::connector) fn reload(&self, _files: &mut dyn Files) -> Result<(), ConfigError> {
            match *self {}
        }
    }

    pub(super) fn load_server(record: ServerRecord, _files: &mut dyn Files) -> Result<Server, ConfigError> {
        let others = record
            .identities
            .iter()
            .flat_map(|identity| [&identity.cert, &identity.key]);
        let asked = [&record.cert, &record.key]
            .into_iter()
            .chain(&record.cafile)
            .chain(others);
        let asked: Vec<_> = asked.map(|file| format!("`{file}`")).collect();
        let _ = record.client_auth;
        Err(missing(asked.join(", ")))
    }

    pub(super) fn load_client(record: ClientRecord, host: &str, _files: &mut dyn Files) -> Result<Client, ConfigError> {
        let ClientRecord {
            cafile,
            domain,
            cert,
            key,
        } = record;
        let asked = [cafile, domain, cert, key].into_iter().flatten().next();
        Err(missing(format!("`{}`", asked.as_deref().unwrap_or(host))))
    }

    fn missing(asked: String) -> ConfigError {
        ConfigError::new(PATH, format!("{asked}: this program was built without TLS"))
            .help("build it with the feature `tls`")
    }

    pub(super) fn advice(_failure: &Failure) -> Option<&'static str> {
        None
    }
}
