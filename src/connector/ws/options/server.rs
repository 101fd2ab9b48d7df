//! The `config` of `ws_server`.

use std::format;
use std::num::{NonZeroU32, NonZeroU64};
use std::string::String;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::compression::{CompressionRecord, Side};
use super::headers::check_subprotocols;
use super::limits::{KeepAliveRecord, LimitsRecord, ms};
use super::socket::SocketRecord;
use super::{Kept, set_ms};
use crate::connector::config::{ConfigError, Segment, read_config};
use crate::connector::http::{HttpRecord, Pages};
use crate::connector::options::{OneOrMany, OptionDoc, Switch, Unread, choices, options};
use crate::connector::tls;
use crate::connector::value::Record;
use crate::connector::ws::frame::NotText;
use crate::connector::ws::url::WsUrl;
use crate::engine::{Files, ListenOptions, QueueOptions, SlowReader};
use crate::proto;

/// Connections that wait to be accepted, unless `backlog` says otherwise.
const BACKLOG: i64 = 128;

options! {
    struct ServerRecord {
        /// What to listen on: an IP address of this machine (or `localhost`) and a port, as in `"127.0.0.1:4242"` or
        /// `"wss://0.0.0.0:443"`. Without a port 80, or 443 with TLS; port 0 is one that the system chooses, and the log
        /// tells. A path in it has no meaning: see `path`.
        url: String,
        /// Speaks TLS, with this certificate; off unless given.
        tls: Unread<tls::ServerRecord> = Unread::none(),
        /// Which paths are served, each beginning with `/`; a request for another one is answered with 404. Every path, if
        /// not given. `$ws_server.request.path` tells which one a connection asked for.
        path: Option<OneOrMany> = None,
        /// The subprotocols that are spoken, the preferred one first. A client that offers none of them is accepted
        /// without one; `$ws_server.request.subprotocol` tells.
        subprotocols: Vec<String> = Vec::new(),
        /// Whose pages may connect: values of the `Origin` header, such as `"https://example.com"`; `null` in the list
        /// stands for clients that send none, which programs other than browsers don't. Others are answered with 403.
        /// Everybody, if not given.
        origins: Option<Vec<Option<String>>> = None,
        /// Answers requests that ask for no WebSocket, on the same port; off unless given, and 426 is the answer then.
        http: HttpRecord = HttpRecord::default(),
        /// How many connections there may be.
        connections: ConnectionsRecord = ConnectionsRecord::default(),
        /// Bounds of what a client can make us hold.
        limits: LimitsRecord = LimitsRecord::default(),
        /// What becomes of a client that doesn't read what is sent to it, when `limits.queued_bytes` wait.
        slow_reader: SlowReaderPolicy = SlowReaderPolicy::Close,
        /// What becomes of what codec and postprocessors make of an event if it should go out as text (there is no `$binary`)
        /// and isn't UTF-8.
        not_text: NotText = NotText::Error,
        /// How long things may take.
        timeouts: ServerTimeouts = ServerTimeouts::default(),
        /// Pings clients that are silent, and ends the connection of one that stays so.
        keep_alive: Switch<KeepAliveRecord> = Switch::OFF,
        /// Compresses messages (permessage-deflate, RFC 7692) for clients that offer it.
        compression: Switch<CompressionRecord> = Switch::OFF,
        /// Connections that may wait in the system to be accepted, at most 2147483647.
        backlog: i64 = BACKLOG,
        /// Options of the sockets.
        socket_options: SocketRecord = SocketRecord::default(),
        /// An older spelling of `TCP_NODELAY` in `socket_options`.
        no_delay: Option<bool> = None,
    }
}

/// The keys, for the reference.
pub(in crate::connector) const SERVER_OPTIONS: &[OptionDoc] = ServerRecord::OPTIONS;

options! {
    /// How many connections there may be.
    struct ConnectionsRecord {
        /// In all. Further ones wait in the system until another has ended.
        max: Option<NonZeroU32> = None,
        /// From one IP address. One too many is reset at once.
        per_address_max: Option<NonZeroU32> = None,
        /// In their opening handshake (and that of TLS) at once. Further ones wait in the system.
        handshakes_max: NonZeroU32 = NonZeroU32::new(4096).unwrap_or(NonZeroU32::MIN),
    }
}

options! {
    struct ServerTimeouts {
        /// Milliseconds for the handshake of TLS.
        tls_ms: NonZeroU64 = at_least_one(10_000),
        /// Milliseconds for the opening handshake, from the moment the connection is accepted.
        opening_ms: NonZeroU64 = at_least_one(ms(proto::Config::default().opening_timeout)),
        /// Milliseconds for the client's answer to our Close.
        closing_ms: NonZeroU64 = at_least_one(ms(proto::Config::default().closing_timeout)),
        /// Milliseconds after which a connection is closed with 1001 on which no message has come or gone; pings and
        /// pongs don't count. Never, if not given.
        idle_ms: Option<NonZeroU64> = None,
    }
}

pub(super) fn at_least_one(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN)
}

choices! {
    enum SlowReaderPolicy {
        /// What waits is dropped, but for the frame that is being written, and the connection is closed with 1013.
        Close = "close",
        /// New messages are dropped until there is room; each is counted.
        DropNewest = "drop_newest",
    }
}

/// A `ws_server`'s configuration, found good.
pub(crate) struct ServerPlan {
    /// What to listen with.
    pub(crate) listen: ListenOptions,
    /// `ws` or `wss`.
    pub(crate) scheme: &'static str,
    /// The only paths that are served, if not every one is.
    pub(crate) paths: Option<Vec<String>>,
    /// Who may connect, as the `Origin` header says it; `None` in the list is a request without one.
    pub(crate) origins: Option<Vec<Option<String>>>,
    /// Subprotocols spoken, the preferred one first.
    pub(crate) subprotocols: Vec<String>,
    /// What becomes of what isn't text.
    pub(crate) not_text: NotText,
    /// What is answered besides.
    pub(crate) http: Option<Pages>,
    /// Certificate and key, to be read again when that is asked for.
    pub(crate) tls: Option<tls::Server>,
}

impl ServerPlan {
    /// Reads and checks the `config` of a definition, and loads the files that it names.
    pub(crate) fn read(with: &Record, files: &mut dyn Files, errors: &mut Vec<ConfigError>) -> Option<Self> {
        let record: ServerRecord = read_config(with.get("config"))
            .map_err(|error| errors.push(error))
            .ok()?;
        let mut kept = Kept::new(errors);
        let url = kept.ok(WsUrl::parse(&record.url));
        let secure = url.as_ref().and_then(|url| url.secure);
        let tls = kept.ok(tls::server(&record.tls.0, secure, files)).flatten();
        let address = url.and_then(|url| kept.ok(url.addr_to_listen(tls.is_some())));
        let socket = kept.ok(record.socket_options.read(record.no_delay));
        let backlog = kept.ok(backlog(record.backlog));
        let queue = kept.ok(record.limits.queue());
        let mut protocol = record.limits.protocol();
        if let Some(compression) = &record.compression.0 {
            kept.ok(compression.apply(Side::Server, &mut protocol));
        }
        kept.ok(check_subprotocols(&record.subprotocols));
        kept.ok(check_paths(record.path.as_ref()));
        kept.ok(check_origins(record.origins.as_deref()));
        let mut is_http = false;
        let mut http = None;
        if record.http.is_given() {
            is_http = true;
            let served = record.path.as_ref().map(|paths| paths.0.as_slice());
            http = Pages::read(record.http, served, files, kept.errors);
        }
        if kept.has_errors() {
            return None;
        }
        protocol.plain_requests = is_http;
        let slow_reader = match record.slow_reader {
            SlowReaderPolicy::Close => SlowReader::Close,
            SlowReaderPolicy::DropNewest => SlowReader::DropNewest,
        };
        set_ms(&mut protocol.opening_timeout, record.timeouts.opening_ms);
        set_ms(&mut protocol.closing_timeout, record.timeouts.closing_ms);
        let mut listen = ListenOptions::new(address?)
            .backlog(backlog?)
            .socket(socket?)
            .queue(QueueOptions { slow_reader, ..queue? })
            .protocol(Arc::new(protocol))
            .requests(true)
            .account(true)
            .handshakes_max(record.connections.handshakes_max.get())
            .tls_timeout(Duration::from_millis(record.timeouts.tls_ms.get()));
        if let Some(max) = record.connections.max {
            listen = listen.connections_max(max.get());
        }
        if let Some(max) = record.connections.per_address_max {
            listen = listen.per_address_max(max.get());
        }
        if let Some(keep_alive) = &record.keep_alive.0 {
            listen = listen.keep_alive(keep_alive.read());
        }
        if let Some(idle) = record.timeouts.idle_ms {
            listen = listen.idle_timeout(Duration::from_millis(idle.get()));
        }
        if let Some(tls) = &tls {
            listen = tls.arm(listen);
        }
        Some(Self {
            listen,
            scheme: if tls.is_some() { "wss" } else { "ws" },
            paths: record.path.map(|paths| paths.0),
            origins: record.origins,
            subprotocols: record.subprotocols,
            not_text: record.not_text,
            http,
            tls,
        })
    }
}

fn backlog(backlog: i64) -> Result<u32, ConfigError> {
    match i32::try_from(backlog) {
        Ok(1..) => Ok(backlog.unsigned_abs().try_into().unwrap_or(u32::MAX)),
        Ok(_) | Err(_) => {
            let expected = "an integer from 1 to 2147483647";
            Err(ConfigError::new(
                ["config", "backlog"],
                format!("`backlog` must be {expected}, not {backlog}"),
            )
            .expected(expected))
        }
    }
}

fn check_paths(paths: Option<&OneOrMany>) -> Result<(), ConfigError> {
    let Some(OneOrMany(paths)) = paths else { return Ok(()) };
    let place = |index: usize| -> Vec<Segment> {
        let whole = ["config".into(), "path".into()];
        // A single one may be written without a list.
        whole
            .into_iter()
            .chain((paths.len() > 1).then_some(index.into()))
            .collect()
    };
    if paths.is_empty() {
        return Err(
            ConfigError::new(["config", "path"], "no path is served at all").help("leave it out to serve every path")
        );
    }
    for (index, path) in paths.iter().enumerate() {
        if !path.starts_with('/') || path.contains(['?', '#']) {
            let message = format!("`path` must begin with `/` and hold no query, unlike `{path}`");
            return Err(ConfigError::new(place(index), message).expected("a path such as \"/chat\""));
        }
        if paths[..index].contains(path) {
            return Err(
                ConfigError::new(place(index), format!("`{path}` is named twice")).help("take one of the two away")
            );
        }
    }
    Ok(())
}

/// RFC 6454 section 7: scheme and host, and a port where it isn't the scheme's own; or `null`, as text, for pages that
/// have no origin.
fn check_origins(origins: Option<&[Option<String>]>) -> Result<(), ConfigError> {
    for (index, origin) in origins.into_iter().flatten().enumerate() {
        let Some(origin) = origin else { continue };
        let is_origin = origin == "null"
            || origin.split_once("://").is_some_and(|(scheme, host)| {
                !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#'])
            });
        if !is_origin {
            let path: [Segment; 3] = ["config".into(), "origins".into(), index.into()];
            let instead = origin.split_once("://").map_or_else(
                || format!("write `https://{}`", origin.trim_end_matches('/')),
                |(scheme, rest)| {
                    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                    format!("write `{scheme}://{host}`")
                },
            );
            return Err(ConfigError::new(path, format!("`{origin}` can't be an origin"))
                .expected("scheme and host, such as \"https://example.com\", and nothing behind")
                .help(instead));
        }
    }
    Ok(())
}
