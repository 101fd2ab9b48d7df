//! A WebSocket peer written for plainness, byte by byte and in the words of RFC 6455, that shares no code with the
//! engine: what it hears is judged by it, not by the code that is tested.

mod accept;
mod ends;
mod frame;
mod talk;

use accept::accept;
pub use ends::{Client, Server};
pub use frame::{Frame, Listener};
pub use talk::{Act, Heard, Reading, Script};

/// A request that opens a connection, with the key of RFC 6455 section 1.3.
pub const REQUEST: &str = "GET /sim HTTP/1.1\r\nHost: sim.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The answer to that key, as RFC 6455 section 1.3 gives it.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
