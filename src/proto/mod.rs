//! One WebSocket connection as a sans-io state machine (RFC 6455).

mod entropy;
mod time;

pub use entropy::Entropy;
pub use time::Instant;
