//! Buffers that wander: a stream borrows one while it has something to send or to gather, so that idle ones hold none.

use std::vec::Vec;

use crate::proto::OutputBuffer;

/// A buffer that has grown past this is given back to the allocator rather than kept.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// Buffers kept at most, and bytes in them together.
const BUFFERS_MAX: usize = 1024;
const BYTES_MAX: usize = 16 << 20;

/// What a pool keeps.
pub(super) trait Buffer: Default {
    fn capacity(&self) -> usize;
    fn clear(&mut self);
    /// Whether it holds memory that is worth keeping.
    fn is_worth_keeping(&self) -> bool;
}

impl Buffer for Vec<u8> {
    fn capacity(&self) -> usize {
        self.capacity()
    }

    fn clear(&mut self) {
        self.clear();
    }

    fn is_worth_keeping(&self) -> bool {
        self.capacity() > 0
    }
}

impl Buffer for OutputBuffer {
    fn capacity(&self) -> usize {
        self.capacity()
    }

    // A connection gives it back only when it is empty.
    fn clear(&mut self) {}

    // Even an empty one is memory.
    fn is_worth_keeping(&self) -> bool {
        true
    }
}

/// Buffers that nobody uses at the moment.
pub(super) struct Pool<B> {
    buffers: Vec<B>,
    bytes: usize,
}

impl<B: Buffer> Pool<B> {
    pub(super) const fn new() -> Self {
        Self {
            buffers: Vec::new(),
            bytes: 0,
        }
    }

    /// An empty buffer, with memory if there is one.
    #[inline]
    pub(super) fn take(&mut self) -> B {
        self.take_spare().unwrap_or_default()
    }

    /// A buffer that somebody gave back, if there is one.
    #[inline]
    pub(super) fn take_spare(&mut self) -> Option<B> {
        let buffer = self.buffers.pop()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Takes back a buffer.
    #[inline]
    pub(super) fn give(&mut self, mut buffer: B) {
        let capacity = buffer.capacity();
        if !buffer.is_worth_keeping() || capacity > BUFFER_BYTES_MAX {
            return;
        }
        if self.buffers.len() < BUFFERS_MAX && self.bytes + capacity <= BYTES_MAX {
            buffer.clear();
            self.bytes += capacity;
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_with_its_memory() {
        let mut pool = Pool::<Vec<u8>>::new();
        pool.give(vec![1; 1000]);
        let buffer = pool.take();
        assert!(buffer.is_empty());
        assert!(buffer.capacity() >= 1000);
        assert_eq!(pool.take().capacity(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut pool = Pool::<Vec<u8>>::new();
        pool.give(Vec::with_capacity(BUFFER_BYTES_MAX + 1));
        assert_eq!(pool.take().capacity(), 0);
        for _ in 0..2 * BUFFERS_MAX {
            pool.give(Vec::with_capacity(BUFFER_BYTES_MAX));
        }
        assert!(pool.buffers.len() <= 16);
        let mut pool = Pool::<Vec<u8>>::new();
        for _ in 0..2 * BUFFERS_MAX {
            pool.give(Vec::with_capacity(1));
        }
        assert_eq!(pool.buffers.len(), BUFFERS_MAX);
    }
}
