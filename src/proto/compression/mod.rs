//! Compression as a connection sees it: the extension if one was agreed on, or nothing.

#[cfg(not(feature = "deflate"))]
mod absent;
#[cfg(feature = "deflate")]
mod present;

#[cfg(not(feature = "deflate"))]
pub(crate) use absent::{Compression, Offer, Offers, Variants};
#[cfg(feature = "deflate")]
pub(crate) use present::{Compression, Offer, Offers, Variants};

/// What one step of inflating gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Compressed bytes that were read.
    pub(crate) consumed: usize,
    /// All of the piece was read, and nothing more comes out of it.
    pub(crate) is_done: bool,
}
