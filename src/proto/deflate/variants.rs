//! [`Variants`]: one message compressed for many connections, once for each shape of compressor.

use alloc::vec::Vec;
use std::sync::{Mutex, PoisonError};

use super::compressor::Shape;
use super::contexts::Contexts;
use crate::proto::SharedMemory;

/// A message's frame, compressed in as many ways as its receivers agreed on. There are no more than there are shapes of
/// compressors in the configurations of one program.
#[derive(Default)]
pub(crate) struct Variants(Mutex<Vec<Variant>>);

struct Variant {
    shape: Shape,
    /// `None` if the message doesn't become shorter.
    frame: Option<SharedMemory>,
}

impl Variants {
    /// The frame for `shape`, made by `encode` of the compressed payload if this is the first to ask. `None` if the message
    /// goes out as it is: it doesn't become shorter, or there is no room for a compressor in `contexts`.
    pub(super) fn frame(
        &self,
        shape: Shape,
        contexts: &Contexts,
        payload: &[u8],
        encode: impl FnOnce(&[u8]) -> SharedMemory,
    ) -> Option<SharedMemory> {
        // Held meanwhile, so that another thread waits for the frame rather than to make it, too. It is never left half
        // changed.
        let mut variants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variant) = variants.iter().find(|variant| variant.shape == shape) {
            return variant.frame.clone();
        }
        let mut compressor = contexts.compressor(shape)?;
        let mut compressed = Vec::new();
        compressor.compress(payload, true, &mut compressed);
        contexts.give_compressor(compressor);
        let frame = (compressed.len() < payload.len()).then(|| encode(&compressed));
        variants.push(Variant {
            shape,
            frame: frame.clone(),
        });
        frame
    }
}
