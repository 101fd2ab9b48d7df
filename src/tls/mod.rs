//! TLS sessions as sans-io state machines, on rustls with the ring provider (RFC 6455 section 10.6).
//!
//! A [`ServerConfig`] or [`ClientConfig`] is made once from PEM text and shared by all its sessions. A [`Session`] takes
//! ciphertext and gives plaintext, takes plaintext and gives ciphertext; it knows no socket, no file and no clock. The
//! time, by which certificates expire, is a number in a [`Clock`] that the host sets.
//!
//! ```
//! use wsloop::tls::{ClientConfig, ClientOptions, Session};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = ClientConfig::new(&ClientOptions::default())?;
//! config.clock().set(std::time::Duration::from_secs(1_767_225_600)); // 2026-01-01
//! let mut session = Session::client(&config, "example.org")?;
//! let mut hello = Vec::new();
//! session.poll_transmit(&mut hello);
//! assert_eq!(hello[0], 22); // a handshake record, to be written to the socket
//! # Ok(())
//! # }
//! ```
//!
//! # Memory
//! A session costs some 2 KiB after its handshake, and the 4 KiB with which rustls reads; both grow only while bytes
//! wait: a record is at most 16 KiB (18 KiB encrypted), a flight of handshake messages at most 64 KiB (rustls refuses
//! more), decrypted bytes at most what was given to [`Session::handle_bytes`] and not yet read, encrypted bytes what
//! [`Session::write`] was given and [`Session::poll_transmit`] has not yet taken.

mod clock;
mod config;
mod error;
mod names;
mod pem;
#[cfg(test)]
mod reload_tests;
mod session;
#[cfg(test)]
mod testing;

pub use clock::Clock;
pub use config::{ClientAuth, ClientConfig, ClientOptions, ServerConfig, ServerOptions};
pub use error::{ConfigError, Error, ErrorKind, PemInput};
pub use names::{Identity, UnknownName};
pub use session::{Certificates, Session, Version};
