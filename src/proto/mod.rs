//! One WebSocket connection as a sans-io state machine (RFC 6455).
//!
//! # The contract
//! A [`Connection`] does no input or output and knows no clock: its host does. Methods are told apart by their first
//! word:
//!
//! | family | what it is | here |
//! |---|---|---|
//! | `handle_*` | something happened: bytes, the end of the bytes, a time-out | `handle_bytes`, `handle_end`, `handle_timeout` |
//! | verbs | the application wants something | `accept`, `refuse`, `send`, `begin_message`, `send_chunk`, `ping`, `pong`, `close` |
//! | `poll_*` | what comes out | `poll_event`, `poll_transmit`, `poll_timeout` |
//!
//! After each `handle_*` (and after `accept` and `refuse`) the host calls [`poll_event`](Connection::poll_event) until it
//! says `None`, with the [`Input`] that `handle_bytes` gave, or an empty one; then
//! [`poll_transmit`](Connection::poll_transmit) and, as it writes, [`transmitted`](Connection::transmitted); then it looks
//! at [`poll_timeout`](Connection::poll_timeout) and [`is_finished`](Connection::is_finished). After that nothing of the
//! lent bytes is needed any more. Every moment is an [`Instant`] on a clock of the host's, and every random byte comes from
//! an [`Entropy`]. A call at the wrong time is an error ([`Misuse`]), never a panic.
//!
//! However the peer's bytes are cut into calls of `handle_bytes`, the events are the same, chunks after joining, and so is
//! the output as long as it is drained at the same positions of the input. (One limit is an exception,
//! [`Limits::inflate_ratio`].) One rule follows: the Close that answers the peer's, or that tells
//! it of a violation, is queued by the `poll_transmit` after the last event. Until then the host can send what the
//! messages before gave it cause to.
//!
//! Payloads are unmasked where they lie, and events borrow them from there; only what is cut, fragmented or compressed is
//! copied, and of a message that is handed out in chunks nothing that came uncompressed.
//!
//! # An echo
//! ```
//! use std::sync::Arc;
//! use wsloop::proto::{Accept, Config, Connection, Entropy, Event, Instant, Misuse};
//!
//! /// Reads from the transport, and what to write to it.
//! fn turn(connection: &mut Connection, now: Instant, bytes: &mut [u8], entropy: &mut impl Entropy) -> Result<Vec<u8>, Misuse> {
//!     let mut input = connection.handle_bytes(now, bytes);
//!     while let Some(event) = connection.poll_event(&mut input, entropy) {
//!         match event {
//!             Event::Request(_) => connection.accept(&Accept::new())?,
//!             Event::Message(message) => connection.send(message.as_message(), entropy)?,
//!             _ => {}
//!         }
//!     }
//!     let written = connection.poll_transmit(now, entropy).to_vec();
//!     connection.transmitted(now, written.len());
//!     Ok(written)
//! }
//! # struct Fixed;
//! # impl Entropy for Fixed { fn fill(&mut self, bytes: &mut [u8]) { bytes.fill(7); } }
//!
//! let now = Instant::ZERO;
//! let mut connection = Connection::server(Arc::new(Config::default()), now);
//! let mut request = *b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
//! let answer = turn(&mut connection, now, &mut request, &mut Fixed)?;
//! assert!(answer.starts_with(b"HTTP/1.1 101 "));
//!
//! // "Hello" in a masked frame: the example of RFC 6455 section 5.7.
//! let mut frame = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! assert_eq!(turn(&mut connection, now, &mut frame, &mut Fixed)?, b"\x81\x05Hello");
//! # Ok::<(), Misuse>(())
//! ```

mod assembling;
mod close;
mod compression;
mod config;
mod connection;
mod credentials;
#[cfg(feature = "deflate")]
mod deflate;
mod entropy;
mod error;
mod event;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod message;
mod outgoing;
mod output;
mod prepared;
mod proxy;
mod receive;
mod role;
mod sending;
mod state;
mod time;
mod wire;

pub use close::{CloseCode, Closed};
pub use config::{Config, Limits};
pub use connection::Connection;
pub use credentials::Credentials;
#[cfg(feature = "deflate")]
pub use deflate::{Agreed, Contexts, Deflate};
pub use entropy::Entropy;
pub use error::{BadRequest, Failure, Misuse, Phase, Violation};
pub use event::{Event, Input};
pub use handshake::{Accept, ClientRequest, Headers, Opened, Refusal, Request, Response};
pub use message::{Chunk, ControlPayload, Message, MessageBuf, MessageKind, NotUtf8, Text};
pub use output::{OutputBuffer, SharedMemory};
pub use prepared::Prepared;
pub use proxy::{ProxyError, SocksReply, Tunnel};
pub use role::Side;
pub use state::State;
pub use time::Instant;
