//! The `config` of `ws_client`.

use std::format;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::string::String;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::compression::{CompressionRecord, Side};
use super::headers::{AuthRecord, check_subprotocols, headers, secret};
use super::limits::{KeepAliveRecord, LimitsRecord, ms};
use super::server::at_least_one;
use super::socket::SocketRecord;
use super::{Kept, set_ms};
use crate::connector::config::{ConfigError, read_config};
use crate::connector::options::{OptionDoc, Switch, TextOr, Unread, options};
use crate::connector::tls;
use crate::connector::value::{Record, Value};
use crate::connector::ws::frame::NotText;
use crate::connector::ws::url::WsUrl;
use crate::engine::{ConnectOptions, Files, Proxy};
use crate::proto;

options! {
    struct ClientRecord {
        /// The server: `"ws://host:port/path?query"`, or `wss://` for TLS. Without a scheme `ws://`, without a port 80, or
        /// 443 with TLS.
        url: String,
        /// Speaks TLS; `true` is the same as `{}`. Off unless given, but for urls with `wss://`.
        tls: Unread<tls::ClientRecord> = Unread::none(),
        /// Headers of the request: a record of names, with a string or a list of strings each.
        headers: Value = Value::Null,
        /// Who we are to the server. It never shows in the log, and stays behind where a redirect leads elsewhere.
        auth: Option<AuthRecord> = None,
        /// The subprotocols that are offered, the preferred one first.
        subprotocols: Vec<String> = Vec::new(),
        /// The proxy to go through: `"http://host:port"` (asked by CONNECT) or `"socks5://host:port"`, or a record if it
        /// wants a user and a password. The server's name is looked up by the proxy.
        proxy: Option<TextOr<ProxyRecord>> = None,
        /// How many redirects are followed before the attempt counts as failed. Credentials, cookies and a client's
        /// certificate are not sent to another origin; from `wss://` none leads to `ws://`.
        redirects: u16 [0..=20] = 0,
        /// The address of this machine to connect from, if not the system's choice: an IP address, or one with a port.
        bind: Option<String> = None,
        /// Connects to the Unix socket at this path instead of to the url's host and port, which the request still names.
        unix_socket: Option<String> = None,
        /// Bounds of what the server can make us hold.
        limits: LimitsRecord = LimitsRecord::default(),
        /// What becomes of what codec and postprocessors make of an event if it should go out as text (there is no `$binary`)
        /// and isn't UTF-8.
        not_text: NotText = NotText::Error,
        /// How long things may take.
        timeouts: ClientTimeouts = ClientTimeouts::default(),
        /// Pings a server that is silent, and takes the connection for lost if it stays so.
        keep_alive: Switch<KeepAliveRecord> = Switch::OFF,
        /// Offers to compress messages (permessage-deflate, RFC 7692).
        compression: Switch<CompressionRecord> = Switch::OFF,
        /// Options of the socket.
        socket_options: SocketRecord = SocketRecord::default(),
        /// An older spelling of `TCP_NODELAY` in `socket_options`.
        no_delay: Option<bool> = None,
    }
}

/// The keys, for the reference.
pub(in crate::connector) const CLIENT_OPTIONS: &[OptionDoc] = ClientRecord::OPTIONS;

options! {
    struct ClientTimeouts {
        /// Milliseconds for the look-up of the name and the connection, to whichever of its addresses.
        dial_ms: NonZeroU64 = at_least_one(10_000),
        /// Milliseconds for the handshake of TLS.
        tls_ms: NonZeroU64 = at_least_one(10_000),
        /// Milliseconds for the opening handshake.
        opening_ms: NonZeroU64 = at_least_one(ms(proto::Config::default().opening_timeout)),
        /// Milliseconds for the server's answer to our Close.
        closing_ms: NonZeroU64 = at_least_one(ms(proto::Config::default().closing_timeout)),
        /// Milliseconds after which a connection is closed on which no message has come or gone; pings and pongs don't
        /// count. Never, if not given.
        idle_ms: Option<NonZeroU64> = None,
    }
}

options! {
    /// A proxy that may want to know who we are.
    struct ProxyRecord {
        /// `http://host:port` or `socks5://host:port`.
        url: String,
        /// The user's name.
        user: Option<String> = None,
        /// The password.
        password: Option<String> = None,
        /// The file that holds the password; a line break at its end doesn't count.
        password_file: Option<String> = None,
    }
}

impl From<String> for ProxyRecord {
    fn from(url: String) -> Self {
        Self {
            url,
            user: None,
            password: None,
            password_file: None,
        }
    }
}

impl ProxyRecord {
    fn read(&self, files: &mut dyn Files) -> Result<Proxy, ConfigError> {
        let proxy = Proxy::from_url(&self.url).map_err(|error| {
            ConfigError::new(["config", "proxy"], format!("{error}"))
                .expected("`http://host:port` or `socks5://host:port`")
        })?;
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return Err(
                    ConfigError::new(["config", "proxy"], "`password` and `password_file` are both given")
                        .help("keep one of the two"),
                );
            }
            (Some(password), None) => Some(password.clone()),
            (None, Some(path)) => {
                let text = secret(files, &["config", "proxy", "password_file"], path)?;
                Some(text.trim_end_matches(['\r', '\n']).into())
            }
            (None, None) => None,
        };
        match (&self.user, password) {
            (Some(user), password) => Ok(proxy.credentials(user.as_str(), password.unwrap_or_default())),
            (None, Some(_)) => Err(
                ConfigError::new(["config", "proxy"], "there is a password, but no `user`").help(r#"add `"user": …`"#),
            ),
            (None, None) => Ok(proxy),
        }
    }
}

/// A `ws_client`'s configuration, found good.
pub(crate) struct ClientPlan {
    /// What to dial with.
    pub(crate) connect: ConnectOptions,
    /// What becomes of what isn't text.
    pub(crate) not_text: NotText,
    /// Certificates, to be read again when that is asked for.
    pub(crate) tls: Option<tls::Client>,
    /// The url, for the log.
    pub(crate) url: String,
}

impl ClientPlan {
    /// Reads and checks the `config` of a definition, and loads the files that it names.
    pub(crate) fn read(with: &Record, files: &mut dyn Files, errors: &mut Vec<ConfigError>) -> Option<Self> {
        let record: ClientRecord = read_config(with.get("config"))
            .map_err(|error| errors.push(error))
            .ok()?;
        let mut kept = Kept::new(errors);
        let url = kept.ok(WsUrl::parse(&record.url));
        let tls = url.as_ref().and_then(|url| {
            kept.ok(tls::client(&record.tls.0, url.secure, &url.host, files))
                .flatten()
        });
        let socket = kept.ok(record.socket_options.read(record.no_delay));
        let bind = kept.ok(record.bind.as_deref().map(bind_address).transpose()).flatten();
        let queue = kept.ok(record.limits.queue());
        let headers = kept.ok(headers(&record.headers));
        let proxy = record.proxy.as_ref().and_then(|proxy| kept.ok(proxy.0.read(files)));
        kept.ok(check_subprotocols(&record.subprotocols));
        kept.ok(check_together(&record, headers.as_deref()));
        let mut protocol = record.limits.protocol();
        if let Some(compression) = &record.compression.0 {
            kept.ok(compression.apply(Side::Client, &mut protocol));
        }
        if url.as_ref().is_some_and(|url| url.port == Some(0)) && record.unix_socket.is_none() {
            kept.ok::<()>(Err(ConfigError::new(
                ["config", "url"],
                "nobody can be reached on port 0",
            )));
        }
        if kept.has_errors() {
            return None;
        }
        let url = url?;
        set_ms(&mut protocol.opening_timeout, record.timeouts.opening_ms);
        set_ms(&mut protocol.closing_timeout, record.timeouts.closing_ms);
        let mut connect = ConnectOptions::new(url.host_to_dial(), url.port_or_default(tls.is_some()), url.target)
            .host_header(url.authority.as_str())
            .socket(crate::engine::SocketOptions { bind, ..socket? })
            .queue(queue?)
            .protocol(Arc::new(protocol))
            .account(true)
            .subprotocols(record.subprotocols)
            .redirects(u8::try_from(record.redirects).unwrap_or(u8::MAX))
            .dial_timeout(Duration::from_millis(record.timeouts.dial_ms.get()))
            .tls_timeout(Duration::from_millis(record.timeouts.tls_ms.get()));
        for (name, value) in headers? {
            connect = connect.header(name, value);
        }
        if let Some(auth) = &record.auth {
            connect = auth.apply(connect, files).map_err(|error| errors.push(error)).ok()?;
        }
        if let Some(proxy) = proxy {
            connect = connect.proxy(proxy);
        }
        if let Some(path) = record.unix_socket {
            connect = connect.unix(path);
        }
        if let Some(keep_alive) = &record.keep_alive.0 {
            connect = connect.keep_alive(keep_alive.read());
        }
        if let Some(idle) = record.timeouts.idle_ms {
            connect = connect.idle_timeout(Duration::from_millis(idle.get()));
        }
        if let Some(tls) = &tls {
            connect = tls.arm(connect);
        }
        Some(Self {
            connect,
            not_text: record.not_text,
            tls,
            url: record.url,
        })
    }
}

/// What can't stand beside each other.
fn check_together(record: &ClientRecord, headers: Option<&[(String, String)]>) -> Result<(), ConfigError> {
    let has_authorization = headers
        .into_iter()
        .flatten()
        .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if record.auth.is_some() && has_authorization {
        return Err(ConfigError::new(
            ["config", "auth"],
            "`auth` and a header `Authorization` both say who we are",
        )
        .help("keep one of the two"));
    }
    if record.unix_socket.is_some() && record.proxy.is_some() {
        return Err(ConfigError::new(
            ["config", "unix_socket"],
            "a Unix socket is not reached through a proxy",
        )
        .help("keep `unix_socket` or `proxy`"));
    }
    if record.unix_socket.as_ref().is_some_and(String::is_empty) {
        return Err(ConfigError::new(["config", "unix_socket"], "`unix_socket` must not be empty").expected("a path"));
    }
    Ok(())
}

fn bind_address(text: &str) -> Result<SocketAddr, ConfigError> {
    let address = text
        .parse::<SocketAddr>()
        .or_else(|_| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0)));
    address.map_err(|_| {
        ConfigError::new(["config", "bind"], format!("`{text}` is no address of a machine"))
            .expected("an IP address such as \"192.0.2.7\", or one with a port")
    })
}
