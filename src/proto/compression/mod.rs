//! Compression as a connection sees it: the extension if one was agreed on, or nothing.

mod absent;

pub(crate) use absent::Compression;

/// What one step of inflating gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Compressed bytes that were read.
    pub(crate) consumed: usize,
    /// All of the piece was read, and nothing more comes out of it.
    pub(crate) is_done: bool,
}
