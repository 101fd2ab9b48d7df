//! A run's settings, from the command line: what the report repeats, and what the engine is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wsloop::engine::{ConnectOptions, QueueOptions, SocketOptions};
use wsloop::proto::{self, Deflate};
use wsloop::tls::{ClientConfig, ClientOptions};

use super::arguments::Load;
use super::payload::Kind;
use crate::cli::echo;

/// Connections from one source address: Linux has 28,232 ports for them (`net.ipv4.ip_local_port_range`), and those of
/// connections just closed are not free again at once.
const PER_SOURCE: u32 = 20_000;

/// Open files beside the connections: standard streams, the poll, its waker, signals, reports.
const OTHER_FILES: u64 = 32;

/// How messages are timed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "loop")]
pub(super) enum Mode {
    /// The next message is sent when an echo comes.
    Closed {
        /// Messages under way on each connection.
        in_flight: u32,
    },
    /// Messages are sent when they are due.
    Open {
        /// A second, on all connections together.
        rate: f64,
    },
}

/// What was asked for, as the report repeats it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) connections: u32,
    /// New connections a second; `None`: as fast as they come up.
    pub(super) ramp: Option<f64>,
    #[serde(flatten)]
    pub(super) mode: Mode,
    pub(super) sizes: Vec<usize>,
    pub(super) kinds: Vec<Kind>,
    /// `None`: until `messages` have come.
    pub(super) duration_s: Option<f64>,
    pub(super) messages: Option<u64>,
    pub(super) warm_up_s: f64,
    pub(super) timeout_s: f64,
    pub(super) compress: bool,
    pub(super) tls: bool,
    pub(super) spin: bool,
    pub(super) seed: u64,
}

impl Settings {
    pub(super) fn new(load: &Load, seed: u64) -> Self {
        let url = load.url.clone().unwrap_or_default();
        let duration = match (load.duration, load.messages) {
            (Some(duration), _) => Some(duration.as_secs_f64()),
            (None, None) => Some(10.0),
            (None, Some(_)) => None,
        };
        let mode = match load.rate {
            Some(rate) => Mode::Open { rate },
            None => Mode::Closed {
                in_flight: load.in_flight,
            },
        };
        Self {
            tls: url.to_ascii_lowercase().starts_with("wss:"),
            url,
            connections: load.connections,
            ramp: load.ramp,
            mode,
            sizes: load.size.clone(),
            kinds: load.kind.clone(),
            duration_s: duration,
            messages: load.messages,
            warm_up_s: load.warm_up.as_secs_f64(),
            timeout_s: load.timeout.as_secs_f64(),
            compress: load.compress,
            spin: load.spin,
            seed,
        }
    }
}

/// How the connections are made: the same way each, but for their source address.
pub(super) struct Dialing {
    options: ConnectOptions,
    sources: Vec<IpAddr>,
}

impl Dialing {
    /// # Errors
    /// What is wrong with the URL, or with the certificates.
    pub(super) fn new(load: &Load) -> Result<Self, String> {
        let url = load.url.as_deref().unwrap_or_default();
        let mut options = connect_options(url, load.ca.as_deref(), load.unix.as_deref())?;
        for (name, value) in &load.header {
            options = options.header(name.as_str(), value.as_str());
        }
        let longest = load.size.iter().copied().max().unwrap_or_default();
        let mut protocol = proto::Config::default();
        protocol.limits.frame_bytes = protocol.limits.frame_bytes.max(2 * longest as u64);
        protocol.limits.message_bytes = protocol.limits.message_bytes.max(2 * longest as u64);
        protocol.limits.queued_bytes = protocol.limits.queued_bytes.max(2 * longest + (1 << 20));
        protocol.deflate = load.compress.then(Deflate::default);
        let queue = QueueOptions {
            limit_bytes: QueueOptions::default().limit_bytes.max(2 * longest + (1 << 20)),
            ..QueueOptions::default()
        };
        let sources = sources(load, options.host());
        Ok(Self {
            options: options.protocol(Arc::new(protocol)).queue(queue),
            sources,
        })
    }

    /// Options for the connection of this number.
    pub(super) fn options(&self, connection: u32) -> ConnectOptions {
        let options = self.options.clone();
        if self.sources.is_empty() {
            return options;
        }
        let source = self.sources[connection as usize % self.sources.len()];
        options.socket(SocketOptions {
            bind: Some(SocketAddr::new(source, 0)),
            ..SocketOptions::default()
        })
    }
}

/// Options for `url`, with TLS where it says `wss`, by way of a Unix socket if one is named.
///
/// # Errors
/// What is wrong with the URL, or with the certificates.
pub(in crate::cli) fn connect_options(
    url: &str,
    ca: Option<&Path>,
    unix: Option<&str>,
) -> Result<ConnectOptions, String> {
    let mut options = ConnectOptions::from_url(url).map_err(|error| error.to_string())?;
    if let Some(path) = unix {
        options = options.unix(path);
    }
    if !options.is_secure() {
        return Ok(options);
    }
    let roots = ca.map(echo::read).transpose()?;
    let config = ClientConfig::new(&ClientOptions {
        roots_pem: roots.as_deref(),
        ..ClientOptions::default()
    });
    let config = config.map_err(|error| match ca {
        Some(path) => format!("{}: {error}", path.display()),
        None => error.to_string(),
    })?;
    let name = options.host().to_owned();
    Ok(options.tls(config, name))
}

/// Where connections come from, if one address has not ports enough for all of them.
fn sources(load: &Load, host: &str) -> Vec<IpAddr> {
    let is_loopback = host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    if !load.bind.is_empty() || load.connections <= PER_SOURCE || !is_loopback || load.unix.is_some() {
        return load.bind.clone();
    }
    // All of 127.0.0.0/8 is this host; the first address is left to others.
    (0..load.connections.div_ceil(PER_SOURCE))
        .map(|index| IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + 1 + index)))
        .collect()
}

/// Raises the limit of open files as far as the system lets.
///
/// # Errors
/// It is too low still; the text says what is needed, and where it is set.
pub(super) fn raise_files_limit(connections: u32) -> Result<(), String> {
    let needed = u64::from(connections) + OTHER_FILES;
    let limit = rlimit::increase_nofile_limit(rlimit::INFINITY)
        .map_err(|error| format!("the limit of open files can't be read: {error}"))?;
    if limit >= needed {
        return Ok(());
    }
    Err(format!(
        "{connections} connections need {needed} open files, and this process may have {limit}: raise the hard limit \
         (`ulimit -Hn`, /etc/security/limits.conf, LimitNOFILE= of a service), or run several"
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::Bench;
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn load(line: &str) -> Load {
        Line::try_parse_from(line.split(' ')).unwrap().bench.load
    }

    #[test]
    fn more_connections_than_an_address_has_ports_come_from_several() {
        let dialing = |line| Dialing::new(&load(line)).unwrap();
        assert!(dialing("b ws://127.0.0.1:9 -c 20000").sources.is_empty());
        assert_eq!(dialing("b ws://127.0.0.1:9 -c 20001").sources.len(), 2);
        assert_eq!(dialing("b ws://localhost:9 -c 100000").sources.len(), 5);
        assert!(dialing("b ws://192.0.2.1:9 -c 100000").sources.is_empty());
        assert_eq!(
            dialing("b ws://192.0.2.1:9 --bind 192.0.2.2,192.0.2.3").sources.len(),
            2
        );
    }

    #[test]
    fn a_limit_of_files_that_is_too_low_is_named() {
        assert_eq!(raise_files_limit(1), Ok(()));
        let (_, hard) = rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap();
        if hard < u64::from(u32::MAX) {
            let text = raise_files_limit(u32::MAX).unwrap_err();
            assert!(text.contains(&hard.to_string()) && text.contains("ulimit"), "{text}");
        }
    }

    #[test]
    fn ten_seconds_are_measured_unless_something_else_is_said() {
        let of = |line| Settings::new(&load(line), 1);
        let settings = of("b ws://h");
        assert_eq!(
            (settings.duration_s, settings.mode),
            (Some(10.0), Mode::Closed { in_flight: 1 })
        );
        assert_eq!(of("b ws://h -m 5").duration_s, None);
        assert_eq!(of("b ws://h -m 5 -d 1m").duration_s, Some(60.0));
        assert_eq!(of("b ws://h --rate 5").mode, Mode::Open { rate: 5.0 });
        assert!(of("b WSS://h").tls);
    }
}
