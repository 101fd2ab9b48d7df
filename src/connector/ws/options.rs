//! The `config` records of `ws_server` and `ws_client`, and what they become: options of the engine.
//!
//! Defaults that are not written here are the engine's and the protocol's own.

use std::format;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::string::{String, ToString};
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use serde::Deserialize;

use super::url::WsUrl;
use crate::connector::config::{ConfigError, read, read_config};
use crate::connector::tls;
use crate::connector::value::{Record, Value};
use crate::engine::{ConnectOptions, Files, ListenOptions, QueueOptions, SlowReader, SocketOptions};
use crate::proto;

/// Connections that wait to be accepted, unless `backlog` says otherwise.
const BACKLOG: i64 = 128;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerRecord {
    url: String,
    #[serde(default)]
    tls: Value,
    #[serde(default = "default_backlog")]
    backlog: i64,
    #[serde(default)]
    socket_options: SocketRecord,
    #[serde(default)]
    no_delay: Option<bool>,
    #[serde(default)]
    limits: LimitsRecord,
    #[serde(default)]
    timeouts: ServerTimeouts,
    #[serde(default)]
    slow_reader: SlowReaderPolicy,
    #[serde(default)]
    subprotocols: Vec<String>,
    #[serde(default)]
    origins: Option<Vec<Option<String>>>,
    #[serde(default)]
    path: Option<String>,
}

const fn default_backlog() -> i64 {
    BACKLOG
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientRecord {
    url: String,
    #[serde(default)]
    tls: Value,
    #[serde(default)]
    socket_options: SocketRecord,
    #[serde(default)]
    no_delay: Option<bool>,
    #[serde(default)]
    limits: LimitsRecord,
    #[serde(default)]
    timeouts: ClientTimeouts,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    subprotocols: Vec<String>,
}

/// `socket_options`, named as the system names them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SocketRecord {
    #[serde(rename = "TCP_NODELAY")]
    no_delay: Option<bool>,
    #[serde(rename = "SO_REUSEADDR")]
    reuse_addr: Option<bool>,
    #[serde(rename = "SO_REUSEPORT")]
    reuse_port: Option<bool>,
    /// Seconds of silence after which the system asks whether the peer is still there; turns `SO_KEEPALIVE` on.
    #[serde(rename = "TCP_KEEPIDLE")]
    keep_idle_s: Option<NonZeroU32>,
    #[serde(rename = "SO_RCVBUF")]
    recv_buffer_bytes: Option<NonZeroU32>,
    #[serde(rename = "SO_SNDBUF")]
    send_buffer_bytes: Option<NonZeroU32>,
}

/// `limits`: bounds of what a peer can make us hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsRecord {
    frame_bytes: Option<NonZeroU64>,
    message_bytes: Option<NonZeroU64>,
    fragments: Option<NonZeroU32>,
    head_bytes: Option<NonZeroUsize>,
    head_fields: Option<NonZeroUsize>,
    /// Bytes that may wait to be sent on one connection.
    queued_bytes: Option<NonZeroUsize>,
    /// Bytes waiting above which a client's sources pause.
    high_water_bytes: Option<NonZeroUsize>,
    /// Bytes waiting at which they go on.
    low_water_bytes: Option<usize>,
}

/// `timeouts` of a server.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServerTimeouts {
    tls_ms: Option<NonZeroU64>,
    opening_ms: Option<NonZeroU64>,
    closing_ms: Option<NonZeroU64>,
}

/// `timeouts` of a client.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ClientTimeouts {
    dial_ms: Option<NonZeroU64>,
    tls_ms: Option<NonZeroU64>,
    opening_ms: Option<NonZeroU64>,
    closing_ms: Option<NonZeroU64>,
}

/// What becomes of a connection that doesn't read what is sent to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SlowReaderPolicy {
    /// It is closed.
    #[default]
    Close,
    /// It loses messages.
    DropNewest,
}

/// A `ws_server`'s configuration, found good.
pub(crate) struct ServerPlan {
    /// What to listen with.
    pub(crate) listen: ListenOptions,
    /// `ws` or `wss`.
    pub(crate) scheme: &'static str,
    /// The only path that is served, if not every one is.
    pub(crate) path: Option<String>,
    /// Who may connect, as the `Origin` header says it; `None` in the list is a request without one.
    pub(crate) origins: Option<Vec<Option<String>>>,
    /// Subprotocols spoken, the preferred one first.
    pub(crate) subprotocols: Vec<String>,
}

impl ServerPlan {
    /// Reads and checks the `config` of a definition, and loads the files that it names.
    pub(crate) fn read(with: &Record, files: &mut dyn Files, errors: &mut Vec<ConfigError>) -> Option<Self> {
        let record: ServerRecord = read_config(with.get("config"))
            .map_err(|error| errors.push(error))
            .ok()?;
        let before = errors.len();
        let mut keep = |result: Result<(), ConfigError>| {
            if let Err(error) = result {
                errors.push(error);
            }
        };
        let url = WsUrl::parse(&record.url).map_err(|error| keep(Err(error))).ok();
        let secure = url.as_ref().and_then(|url| url.secure);
        let tls = tls::server(Some(&record.tls), secure, files)
            .map_err(|error| keep(Err(error)))
            .ok()
            .flatten();
        let address = url.and_then(|url| url.addr_to_listen(tls.is_some()).map_err(|error| keep(Err(error))).ok());
        let socket = record
            .socket_options
            .read(record.no_delay)
            .map_err(|error| keep(Err(error)))
            .ok();
        let backlog = backlog(record.backlog).map_err(|error| keep(Err(error))).ok();
        let queue = record.limits.queue().map_err(|error| keep(Err(error))).ok();
        keep(check_subprotocols(&record.subprotocols));
        keep(check_path(record.path.as_deref()));
        if errors.len() > before {
            return None;
        }
        let slow_reader = match record.slow_reader {
            SlowReaderPolicy::Close => SlowReader::Close,
            SlowReaderPolicy::DropNewest => SlowReader::DropNewest,
        };
        let mut protocol = record.limits.protocol();
        set_ms(&mut protocol.opening_timeout, record.timeouts.opening_ms);
        set_ms(&mut protocol.closing_timeout, record.timeouts.closing_ms);
        let mut listen = ListenOptions::new(address?)
            .backlog(backlog?)
            .socket(socket?)
            .queue(QueueOptions { slow_reader, ..queue? })
            .protocol(Arc::new(protocol))
            .requests(true);
        if let Some(timeout) = record.timeouts.tls_ms {
            listen = listen.tls_timeout(Duration::from_millis(timeout.get()));
        }
        if let Some(tls) = &tls {
            listen = tls.arm(listen);
        }
        Some(Self {
            listen,
            scheme: if tls.is_some() { "wss" } else { "ws" },
            path: record.path,
            origins: record.origins,
            subprotocols: record.subprotocols,
        })
    }
}

/// A `ws_client`'s configuration, found good.
pub(crate) struct ClientPlan {
    /// What to dial with.
    pub(crate) connect: ConnectOptions,
    /// Whether TLS is spoken.
    pub(crate) tls: bool,
    /// The url, for the log.
    pub(crate) url: String,
}

impl ClientPlan {
    /// Reads and checks the `config` of a definition, and loads the files that it names.
    pub(crate) fn read(with: &Record, files: &mut dyn Files, errors: &mut Vec<ConfigError>) -> Option<Self> {
        let record: ClientRecord = read_config(with.get("config"))
            .map_err(|error| errors.push(error))
            .ok()?;
        let before = errors.len();
        let mut keep = |result: Result<(), ConfigError>| {
            if let Err(error) = result {
                errors.push(error);
            }
        };
        let url = WsUrl::parse(&record.url).map_err(|error| keep(Err(error))).ok();
        let tls = url.as_ref().and_then(|url| {
            let tls = tls::client(Some(&record.tls), url.secure, &url.host, files);
            tls.map_err(|error| keep(Err(error))).ok().flatten()
        });
        let socket = record
            .socket_options
            .read(record.no_delay)
            .map_err(|error| keep(Err(error)))
            .ok();
        let queue = record.limits.queue().map_err(|error| keep(Err(error))).ok();
        let headers = headers(&record.headers).map_err(|error| keep(Err(error))).ok();
        keep(check_subprotocols(&record.subprotocols));
        if url.as_ref().is_some_and(|url| url.port == Some(0)) {
            keep(Err(ConfigError::new(
                ["config", "url"],
                "nobody can be reached on port 0",
            )));
        }
        if errors.len() > before {
            return None;
        }
        let url = url?;
        let mut protocol = record.limits.protocol();
        set_ms(&mut protocol.opening_timeout, record.timeouts.opening_ms);
        set_ms(&mut protocol.closing_timeout, record.timeouts.closing_ms);
        let mut connect = ConnectOptions::new(url.host_to_dial(), url.port_or_default(tls.is_some()), url.target)
            .host_header(url.authority.as_str())
            .socket(socket?)
            .queue(queue?)
            .protocol(Arc::new(protocol))
            .subprotocols(record.subprotocols);
        if let Some(timeout) = record.timeouts.dial_ms {
            connect = connect.dial_timeout(Duration::from_millis(timeout.get()));
        }
        if let Some(timeout) = record.timeouts.tls_ms {
            connect = connect.tls_timeout(Duration::from_millis(timeout.get()));
        }
        for (name, value) in headers? {
            connect = connect.header(name, value);
        }
        if let Some(tls) = &tls {
            connect = tls.arm(connect);
        }
        Some(Self {
            connect,
            tls: tls.is_some(),
            url: record.url,
        })
    }
}

impl SocketRecord {
    /// `no_delay` is the older spelling of `TCP_NODELAY`.
    fn read(&self, no_delay: Option<bool>) -> Result<SocketOptions, ConfigError> {
        if let (Some(old), Some(new)) = (no_delay, self.no_delay)
            && old != new
        {
            return Err(ConfigError::new(
                ["config", "no_delay"],
                format!("`no_delay` says `{old}`, but `TCP_NODELAY` in `socket_options` says `{new}`"),
            )
            .help("keep one of the two: `no_delay` is the older spelling"));
        }
        let defaults = SocketOptions::default();
        Ok(SocketOptions {
            no_delay: self.no_delay.or(no_delay).unwrap_or(defaults.no_delay),
            reuse_addr: self.reuse_addr.unwrap_or(defaults.reuse_addr),
            reuse_port: self.reuse_port.unwrap_or(defaults.reuse_port),
            keep_alive: self.keep_idle_s.map(|idle| Duration::from_secs(idle.get().into())),
            recv_buffer_bytes: self.recv_buffer_bytes.map(NonZeroU32::get),
            send_buffer_bytes: self.send_buffer_bytes.map(NonZeroU32::get),
            ..defaults
        })
    }
}

impl LimitsRecord {
    fn protocol(&self) -> proto::Config {
        let mut config = proto::Config::default();
        let limits = &mut config.limits;
        limits.frame_bytes = self.frame_bytes.map_or(limits.frame_bytes, NonZeroU64::get);
        limits.message_bytes = self.message_bytes.map_or(limits.message_bytes, NonZeroU64::get);
        limits.fragments = self.fragments.map_or(limits.fragments, NonZeroU32::get);
        limits.head_bytes = self.head_bytes.map_or(limits.head_bytes, NonZeroUsize::get);
        limits.head_fields = self.head_fields.map_or(limits.head_fields, NonZeroUsize::get);
        limits.queued_bytes = self.queued_bytes.map_or(limits.queued_bytes, NonZeroUsize::get);
        config
    }

    /// The water marks; those that are not given follow the ones that are.
    fn queue(&self) -> Result<QueueOptions, ConfigError> {
        let mut queue = QueueOptions::default();
        if let Some(bytes) = self.queued_bytes {
            queue.limit_bytes = bytes.get();
            queue.high_water_bytes = queue.high_water_bytes.min(bytes.get());
        }
        if let Some(bytes) = self.high_water_bytes {
            queue.high_water_bytes = bytes.get();
        }
        queue.low_water_bytes = self
            .low_water_bytes
            .unwrap_or(queue.low_water_bytes.min(queue.high_water_bytes / 4));
        if queue.low_water_bytes <= queue.high_water_bytes && queue.high_water_bytes <= queue.limit_bytes {
            return Ok(queue);
        }
        Err(ConfigError::new(
            ["config", "limits"],
            format!(
                "`low_water_bytes` ({}) must not be above `high_water_bytes` ({}), nor that above `queued_bytes` ({})",
                queue.low_water_bytes, queue.high_water_bytes, queue.limit_bytes
            ),
        ))
    }
}

fn set_ms(timeout: &mut Duration, ms: Option<NonZeroU64>) {
    if let Some(ms) = ms {
        *timeout = Duration::from_millis(ms.get());
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

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn check_subprotocols(names: &[String]) -> Result<(), ConfigError> {
    for (index, name) in names.iter().enumerate() {
        let wrong = if names[..index].contains(name) {
            "is named twice"
        } else if is_token(name) {
            continue;
        } else {
            "can't be the name of a subprotocol: it must be a token of HTTP, as `chat.v2` is"
        };
        let path = ["config".into(), "subprotocols".into(), index.into()];
        return Err(ConfigError::new::<crate::connector::config::Segment>(
            path,
            format!("`{name}` {wrong}"),
        ));
    }
    Ok(())
}

fn check_path(path: Option<&str>) -> Result<(), ConfigError> {
    match path {
        Some(path) if !path.starts_with('/') || path.contains(['?', '#']) => Err(ConfigError::new(
            ["config", "path"],
            format!("`path` must begin with `/` and hold no query, unlike `{path}`"),
        )),
        Some(_) | None => Ok(()),
    }
}

/// A record of names to a string or a list of strings.
fn headers(value: &Value) -> Result<Vec<(String, String)>, ConfigError> {
    let path = ["config".into(), "headers".into()];
    let record = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Record(record) => record,
        other => {
            return Err(ConfigError::new(
                path,
                format!("`headers` must be a record, not of type {}", other.type_name()),
            )
            .expected("a record of header names with a string or a list of strings each"));
        }
    };
    let mut headers = Vec::new();
    for (name, value) in record.iter() {
        let [config, key] = path.clone();
        let path = [config, key, name.as_str().into()];
        check_header_name(name).map_err(|message| ConfigError::new(path.clone(), message).at_key())?;
        let values: Vec<String> = match value {
            Value::String(text) => vec![text.to_string()],
            list => read(&path, list)?,
        };
        for value in values {
            // RFC 9110 section 5.5: no control characters; a line break would begin another header.
            if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
                return Err(ConfigError::new(
                    path,
                    "the value of a header holds no control characters",
                ));
            }
            headers.push((name.to_string(), value));
        }
    }
    Ok(headers)
}

fn check_header_name(name: &str) -> Result<(), String> {
    let lower = name.to_ascii_lowercase();
    if !is_token(name) {
        return Err(format!("`{name}` can't be the name of a header"));
    }
    if lower == "sec-websocket-protocol" {
        return Err(format!("`{name}` is given by the key `subprotocols`"));
    }
    if lower.starts_with("sec-websocket-")
        || ["host", "upgrade", "connection", "content-length", "transfer-encoding"].contains(&lower.as_str())
    {
        return Err(format!("the header `{name}` is the handshake's own"));
    }
    Ok(())
}
