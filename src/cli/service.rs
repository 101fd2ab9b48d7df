//! `wsloop run`: a deployment on the real system, until it ends.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wsloop::EventLoop;
use wsloop::connector::api::{Level, LogLine};
use wsloop::connector::{Listening, Router, RouterOptions, Turn};
use wsloop::engine::{Config, Engine, Error, Signal};
use wsloop::flow::{Deployment, Mode};
use wsloop::sys::MioSys;

use super::arguments::Run;
use super::outcome::Outcome;
use super::sources;

/// Runs the flows of the files that the arguments name.
pub(crate) fn run(arguments: &Run) -> Outcome {
    let loaded = match sources::load(&arguments.files, Mode::Run) {
        Ok(loaded) => loaded,
        Err(outcome) => return outcome,
    };
    if let Some(path) = &arguments.pid_file
        && let Err(error) = sources::write(path, &format!("{}\n", std::process::id()))
    {
        log::error!("the process id can't be written to {}: {error}", path.display());
        return Outcome::Failed;
    }
    // A connection is an open file. What the system grants beyond the usual 1024 is there to be used.
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        log::debug!("the limit of open files stays as it is: {error}");
    }
    let names: Vec<_> = arguments.files.iter().map(|path| path.display().to_string()).collect();
    log::info!("running {}", names.join(", "));
    serve(loaded.deployment).unwrap_or_else(|error| {
        log::error!("the event loop has failed: {error}");
        Outcome::Failed
    })
}

/// An event loop to which SIGINT and SIGTERM are events.
pub(super) fn event_loop(config: Config) -> Result<EventLoop, Error> {
    let mut sys = MioSys::new().map_err(|source| Error::Io {
        doing: "opening the system's poll",
        source,
    })?;
    sys.watch_signals().map_err(|source| Error::Io {
        doing: "watching signals",
        source,
    })?;
    Ok(Engine::with_sys(sys, config))
}

fn serve(deployment: Deployment) -> Result<Outcome, Error> {
    let mut engine = event_loop(Config::default())?;
    // Whoever runs it in a terminal, and closes that, wants it to end.
    if !is_in_terminal() {
        engine.sys_mut().watch_reload().map_err(|source| Error::Io {
            doing: "watching signals",
            source,
        })?;
    }
    let mut router = Router::new(
        engine,
        deployment.connectors,
        deployment.graph,
        RouterOptions::default(),
    );
    let mut told = Vec::new();
    loop {
        let turn = router.turn(None);
        router.poll_log().for_each(write_log);
        for listening in router.listeners() {
            if !told.contains(&listening.addr) {
                tell(listening);
                told.push(listening.addr);
            }
        }
        if let Turn::Ended(outcome) = turn? {
            return Ok(outcome.into());
        }
    }
}

impl From<wsloop::connector::Outcome> for Outcome {
    fn from(outcome: wsloop::connector::Outcome) -> Self {
        match outcome {
            wsloop::connector::Outcome::Done => Self::Done,
            wsloop::connector::Outcome::Incomplete | wsloop::connector::Outcome::Failed => Self::Failed,
            wsloop::connector::Outcome::Killed(Signal::Interrupt) => Self::Interrupted,
            wsloop::connector::Outcome::Killed(Signal::Terminate) => Self::Terminated,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing is read")]
fn is_in_terminal() -> bool {
    std::io::stdin().is_terminal()
}

fn write_log(line: LogLine) {
    let level = match line.level {
        Level::Error => log::Level::Error,
        Level::Warn => log::Level::Warn,
        Level::Info => log::Level::Info,
        Level::Debug => log::Level::Debug,
    };
    log::log!(target: &line.source, level, "{}", line.text);
}

/// Says what to type next.
fn tell(listening: Listening<'_>) {
    let url = url(listening);
    log::info!(target: "wsloop", "to talk to {}: wsloop connect {url} (or any WebSocket client); Ctrl-C stops", listening.name);
}

/// How a client on this host names the server.
fn url(listening: Listening<'_>) -> String {
    let host = match listening.addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let scheme = if listening.is_secure { "wss" } else { "ws" };
    format!("{scheme}://{}/", SocketAddr::new(host, listening.addr.port()))
}
