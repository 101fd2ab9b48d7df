//! Without permessage-deflate: nothing is ever agreed on, so nothing is ever compressed or inflated.

use alloc::vec::Vec;

use super::Step;
use crate::proto::{Config, Limits, Opened, Side, Violation};

/// No extension.
#[derive(Debug)]
pub(crate) struct Compression;

impl Compression {
    pub(crate) const NONE: Self = Self;

    pub(crate) const fn new(_: &Config, _: &Opened, _: Side) -> Self {
        Self
    }

    #[inline]
    #[allow(clippy::unused_self, reason = "the other implementation asks itself")]
    pub(crate) const fn is_agreed(&self) -> bool {
        false
    }

    #[allow(clippy::unused_self, reason = "the other implementation asks itself")]
    pub(crate) const fn begin_message(&self, _: Option<usize>) -> bool {
        false
    }

    #[allow(clippy::unused_self, reason = "the other implementation compresses")]
    pub(crate) const fn compress(&self, _: &[u8], _: bool, _: &mut Vec<u8>) {}

    #[allow(clippy::unused_self, reason = "the other implementation has something to forget")]
    pub(crate) const fn discarded(&self) {}

    #[allow(clippy::unused_self, reason = "the other implementation inflates")]
    pub(crate) const fn begin_inflating(&self) {}

    /// Not reached: a frame that says it is compressed is a violation where nothing was agreed on.
    #[allow(clippy::unused_self, reason = "the other implementation inflates")]
    pub(crate) const fn inflate(
        &self,
        _: &[u8],
        _: bool,
        _: &mut Vec<u8>,
        _: usize,
        _: &Limits,
    ) -> (usize, Result<Step, Violation>) {
        (0, Err(Violation::ReservedBits))
    }
}
