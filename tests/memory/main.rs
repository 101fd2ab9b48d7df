//! What connections hold and ask of the allocator, counted: this binary's allocator is that of `allocation-counter`,
//! which counts by thread, so tests may run side by side.
//!
//! `cargo test --test memory -- --nocapture` prints what was measured.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

// Each cause of a published advisory about another WebSocket implementation, by name.
mod advisories;
// What a message for many costs.
#[cfg(feature = "engine")]
mod broadcast;
// Allocations of a whole event loop.
#[cfg(feature = "net")]
mod engine;
// What hostile peers can make one connection hold.
mod floods;
// Many connections without a kernel.
#[cfg(feature = "engine")]
mod sinks;
// What TLS sessions hold, and what rustls allocates for each record.
#[cfg(feature = "tls")]
mod tls;
// Allocations per message, once warm: none.
mod warm;
// What the tests here share.
mod world;
