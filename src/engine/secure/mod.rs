//! TLS between a stream's socket and its protocol, where the feature is on.

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod session;

#[cfg(not(feature = "tls"))]
pub(super) use absent::Secure;
#[cfg(feature = "tls")]
pub(super) use session::Secure;
#[cfg(feature = "tls")]
pub use session::TlsInfo;
