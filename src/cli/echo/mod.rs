//! `wsloop echo`: every message comes back as one frame of the same kind.

pub(crate) mod arguments;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wsloop::EventLoop;
use wsloop::engine::{Config, Error, Event, Events, Files, ListenOptions, Notice, Sent, Signal};
use wsloop::proto::{self, Deflate};
use wsloop::sys::OsFiles;
use wsloop::tls::{ServerConfig, ServerOptions};

use super::outcome::Outcome;
use super::{print, service};
use arguments::Echo;

/// Certificates and keys are shorter than this.
const PEM_MAX_BYTES: usize = 1 << 20;

/// Serves until a signal comes.
pub(crate) fn run(arguments: &Echo) -> Outcome {
    let options = match listen_options(arguments) {
        Ok(options) => options,
        Err(text) => {
            log::error!("{text}");
            return Outcome::BadConfig;
        }
    };
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        log::debug!("the limit of open files stays as it is: {error}");
    }
    serve(options, arguments).unwrap_or_else(|error| {
        log::error!("{error}");
        Outcome::Failed
    })
}

fn listen_options(arguments: &Echo) -> Result<ListenOptions, String> {
    let mut protocol = proto::Config::default();
    protocol.limits.frame_bytes = arguments.message_max as u64;
    protocol.limits.message_bytes = arguments.message_max as u64;
    protocol.limits.fragments = 1 << 17;
    // Whatever may be received can be sent back.
    protocol.limits.queued_bytes = protocol.limits.queued_bytes.max(arguments.message_max + (1 << 20));
    protocol.deflate = arguments.compress.then(Deflate::default);
    let options = ListenOptions::new(arguments.address.as_str()).backlog(arguments.backlog);
    let options = match arguments.tls.as_deref() {
        Some([cert, key]) => options.tls(server_config(cert, key)?),
        Some(_) | None => options,
    };
    Ok(options.protocol(Arc::new(protocol)))
}

fn server_config(cert: &Path, key: &Path) -> Result<ServerConfig, String> {
    let (certificate_pem, key_pem) = (read(cert)?, read(key)?);
    ServerConfig::new(&ServerOptions {
        certificate_pem: &certificate_pem,
        key_pem: &key_pem,
        ..ServerOptions::default()
    })
    .map_err(|error| format!("{}, {}: {error}", cert.display(), key.display()))
}

/// The content of a small file: a certificate, a key.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    OsFiles::new()
        .read_whole(&path.to_string_lossy(), PEM_MAX_BYTES)
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn serve(options: ListenOptions, arguments: &Echo) -> Result<Outcome, Error> {
    let mut event_loop = service::event_loop(Config {
        connections_max: arguments.connections_max,
        ..Config::default()
    })?;
    let listener = event_loop.listen(options)?;
    let scheme = if arguments.tls.is_some() { "wss" } else { "ws" };
    match event_loop.local_addr(listener) {
        Ok(address) => print(&format!("listening on {scheme}://{address}\n")),
        Err(_) => print(&format!("listening on {}\n", arguments.address)),
    }
    let mut events = Events::default();
    let mut signals = 0;
    while !event_loop.is_drained() {
        event_loop.poll(&mut events, None)?;
        for (stream, event) in &events {
            match event {
                Event::Message(message) => match event_loop.send(stream, message) {
                    Ok(Sent::Queued { .. }) => {}
                    // More waits than a reader that keeps up would leave: let it catch up first. A stream that is gone
                    // needs no pause.
                    Ok(_) => drop(event_loop.pause(stream)),
                    // This side closes already, and the client will not read the echo.
                    Err(_) => {}
                },
                Event::LowWater { .. } => drop(event_loop.resume(stream)),
                _ => {}
            }
        }
        for notice in events.notices() {
            match notice {
                Notice::Signal(signal) => {
                    signals += 1;
                    if signals > 1 {
                        return Ok(at_once(*signal));
                    }
                    drain(&mut event_loop, arguments.drain);
                }
                Notice::ListenerPaused { error, .. } => log::warn!("no connection can be accepted now: {error}"),
                _ => {}
            }
        }
    }
    Ok(Outcome::Done)
}

fn drain(event_loop: &mut EventLoop, deadline: Duration) {
    let count = event_loop.stream_count();
    log::info!(
        "stopping; {count} connections have {} s to finish",
        deadline.as_secs_f32()
    );
    event_loop.drain(deadline);
}

/// How the program ends on a second signal.
pub(super) const fn at_once(signal: Signal) -> Outcome {
    match signal {
        Signal::Interrupt => Outcome::Interrupted,
        Signal::Terminate => Outcome::Terminated,
    }
}
