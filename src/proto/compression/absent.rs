//! Without permessage-deflate: nothing is ever agreed on, so nothing is ever compressed or inflated.

use alloc::string::String;
use alloc::vec::Vec;

use super::Step;
use crate::proto::handshake::extensions::Item;
use crate::proto::{Config, Limits, SharedMemory, Violation};

/// No extension.
#[derive(Debug)]
pub(crate) struct Compression;

impl Compression {
    pub(crate) const NONE: Self = Self;

    #[inline]
    #[allow(clippy::unused_self, reason = "the other implementation asks itself")]
    pub(crate) const fn is_agreed(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) const fn is_wanted(_: &Config) -> bool {
        false
    }

    #[allow(clippy::unused_self, reason = "the other implementation asks itself")]
    pub(crate) const fn begin_message(&self, _: Option<usize>) -> bool {
        false
    }

    #[allow(clippy::unused_self, reason = "the other implementation compresses")]
    pub(crate) const fn compress(&self, _: &[u8], _: bool, _: &mut Vec<u8>) {}

    #[allow(clippy::unused_self, reason = "the other implementation compresses")]
    pub(crate) fn variant(
        &self,
        _: &Variants,
        _: &[u8],
        _: impl FnOnce(&[u8]) -> SharedMemory,
    ) -> Option<SharedMemory> {
        None
    }

    #[allow(clippy::unused_self, reason = "the other implementation has something to forget")]
    pub(crate) const fn discarded(&self) {}

    #[allow(
        clippy::unused_self,
        reason = "the other implementation has a compressor to give back"
    )]
    pub(crate) const fn end_sending(&self) {}

    #[allow(
        clippy::unused_self,
        reason = "the other implementation has an inflater to give back"
    )]
    pub(crate) const fn end_reading(&self) {}

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
    ) -> Result<Step, Violation> {
        Err(Violation::ReservedBits)
    }
}

/// A message in all the ways in which it is compressed: none.
#[derive(Default)]
pub(crate) struct Variants {}

/// What a client offers: nothing.
#[derive(Debug, Default)]
pub(crate) struct Offer;

impl Offer {
    pub(crate) const fn new(_: &Config) -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "the other implementation has something to offer")]
    pub(crate) const fn value(&self) -> Option<String> {
        None
    }

    /// RFC 6455 section 4.1: nothing was offered, so nothing may be chosen.
    pub(crate) const fn answered(self, chosen: &[Item<'_>]) -> Result<Compression, Violation> {
        if chosen.is_empty() {
            Ok(Compression)
        } else {
            Err(Violation::ResponseExtension)
        }
    }
}

/// What a client's request offered, of which nothing is known.
#[derive(Debug)]
pub(crate) struct Offers;

impl Offers {
    pub(crate) const fn new(_: &[Item<'_>]) -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "the other implementation chooses")]
    pub(crate) const fn answer(&self, _: &Config) -> (Option<String>, Compression) {
        (None, Compression)
    }
}
