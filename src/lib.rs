//! A WebSocket engine for programs that want no async runtime, the lowest latency and no surprises.
//!
//! The crate is a stack of rooms; each knows only those below it:
//!
//! | module | what it is | feature |
//! |---|---|---|
//! | [`proto`] | one connection as a sans-io state machine: RFC 6455, bytes in, events and bytes out | always there |
//! | [`tls`] | TLS sessions (rustls) as sans-io state machines | `tls` |
//! | [`engine`] | many connections, listeners, timers, stream ids and the event queue; generic over the system beneath | `engine` |
//! | [`sys`] | the system beneath on mio: sockets, clock, files | `sys` (`net` = `engine` + `sys`) |
//! | [`sim`] | the system beneath, simulated from a seed | `sim` |
//! | [`connector`] | `ws_server`, `ws_client`, `file`, `stdio` and their like, codecs and processors | `connectors` |
//! | [`flow`] | `config.troy`: connectors and pipelines wired into a running service | `flow` |
//!
//! Linux is tested; macOS and the BSDs are meant to build; Windows is not supported.
#![cfg_attr(not(any(test, feature = "engine", feature = "tls", feature = "deflate")), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

#[cfg(feature = "connectors")]
pub mod connector;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "flow")]
pub mod flow;
pub mod proto;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "sys")]
pub mod sys;
#[cfg(feature = "tls")]
pub mod tls;

/// The event loop as most programs want it: an [`engine::Engine`] on the real system.
///
/// ```no_run
/// use wsloop::EventLoop;
/// use wsloop::engine::{Config, Event, Events, ListenOptions};
///
/// let mut event_loop = EventLoop::new(Config::default())?;
/// let listener = event_loop.listen(ListenOptions::new("127.0.0.1:9001"))?;
/// println!("listening on ws://{}", event_loop.local_addr(listener)?);
/// let mut events = Events::default();
/// loop {
///     event_loop.poll(&mut events, None)?;
///     for (stream, event) in &events {
///         if let Event::Message(message) = event {
///             // It may have begun to close meanwhile: then the echo is of no use to anybody.
///             let _ = event_loop.send(stream, message);
///         }
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "sys")]
pub type EventLoop = engine::Engine<sys::MioSys>;

/// Compiles the README's example.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../README.md")]
struct Readme;
