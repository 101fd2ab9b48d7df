//! [`Contexts`]: what all connections together may hold to compress and inflate, and what of it waits to be used again.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::compressor::{Compressor, Shape};
use super::inflater::Inflater;

/// Idle contexts kept for the next message or connection. One loop uses one of each at a time, but for messages that are
/// under way in pieces.
const IDLE_COMPRESSORS: usize = 4;
const IDLE_INFLATERS: usize = 16;

/// The memory of all compressors and inflaters of the connections that share it: a budget in bytes, and a few idle ones
/// kept so that the next message allocates nothing. A clone is the same budget.
///
/// What each takes (in zlib-rs):
///
/// | | bytes |
/// |---|---|
/// | an inflater, with any window | 48 KiB |
/// | a compressor, window of 15 bits, memory level 5 (the default) | 274 KiB |
/// | the same, window of 12 bits | 162 KiB |
/// | window of 9 bits, memory level 1 | 135 KiB |
/// | window of 15 bits, memory level 8 (zlib's default) | 372 KiB |
///
/// A connection that agrees on compression reserves its inflater then, whether or not a compressed message ever comes,
/// since it could not refuse one. A compressor is made when the first message goes out compressed, and stays with the
/// connection if contexts are taken over; else it is one of the shared ones, for as long as the message takes. While
/// there is no room for one, messages go out uncompressed. A connection that is opened when there would be no room for a
/// compressor of its own agrees on no context takeover for what it sends; one without room for an inflater agrees on no
/// compression at all.
///
/// ```
/// use wsloop::proto::Contexts;
///
/// let contexts = Contexts::new(16 << 20);
/// assert_eq!(contexts.budget_bytes(), 16 << 20);
/// assert_eq!(contexts.used_bytes(), 0);
/// ```
#[derive(Clone)]
pub struct Contexts(Arc<Shared>);

struct Shared {
    budget_bytes: usize,
    pool: Mutex<Pool>,
}

struct Pool {
    /// Inflaters promised to connections.
    reserved: usize,
    /// Inflaters that there are, idle ones too. Those in use are never more than were promised.
    inflaters: usize,
    /// Compressors that there are, idle ones too.
    compressor_bytes: usize,
    idle_inflaters: Vec<Inflater>,
    idle_compressors: Vec<Compressor>,
}

impl Contexts {
    /// A budget of its own, of `budget_bytes`; 0 turns compression off. Nothing is allocated until it is used.
    #[must_use]
    pub fn new(budget_bytes: usize) -> Self {
        Self(Arc::new(Shared {
            budget_bytes,
            pool: Mutex::new(Pool {
                reserved: 0,
                inflaters: 0,
                compressor_bytes: 0,
                idle_inflaters: Vec::new(),
                idle_compressors: Vec::new(),
            }),
        }))
    }

    /// How many bytes all contexts together may take.
    #[must_use]
    pub fn budget_bytes(&self) -> usize {
        self.0.budget_bytes
    }

    /// How many bytes are taken or promised, by idle contexts too; never more than the budget.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.pool().used_bytes()
    }

    /// Promises an inflater, and tells whether a compressor would fit as well; `None` if there is no room.
    pub(super) fn reserve(&self, shape: Option<Shape>) -> Option<(Reservation, bool)> {
        let mut pool = self.pool();
        pool.reserved += 1;
        if !pool.make_room(0, self.0.budget_bytes) {
            pool.reserved -= 1;
            return None;
        }
        let fits = shape.is_some_and(|shape| pool.make_room(shape.bytes(), self.0.budget_bytes));
        drop(pool);
        Some((Reservation(self.clone()), fits))
    }

    /// A compressor without context, or `None` if there is no room.
    pub(super) fn compressor(&self, shape: Shape) -> Option<Compressor> {
        let mut pool = self.pool();
        if let Some(at) = pool.idle_compressors.iter().position(|idle| idle.shape() == shape) {
            let mut compressor = pool.idle_compressors.swap_remove(at);
            drop(pool);
            compressor.reset();
            return Some(compressor);
        }
        if !pool.make_room(shape.bytes(), self.0.budget_bytes) {
            return None;
        }
        pool.compressor_bytes += shape.bytes();
        drop(pool);
        Some(Compressor::new(shape))
    }

    /// Takes back what [`compressor`](Self::compressor) gave.
    pub(super) fn give_compressor(&self, compressor: Compressor) {
        let mut pool = self.pool();
        let dropped = if pool.idle_compressors.len() < IDLE_COMPRESSORS {
            pool.idle_compressors.push(compressor);
            None
        } else {
            // The one that waits longest may be of a shape that nobody wants any more.
            pool.idle_compressors.push(compressor);
            let oldest = pool.idle_compressors.remove(0);
            pool.compressor_bytes -= oldest.shape().bytes();
            Some(oldest)
        };
        drop(pool);
        drop(dropped);
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        // Nothing below leaves it half changed.
        self.0.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 64 MiB: some two hundred connections that take contexts over, or a thousand that don't.
impl Default for Contexts {
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

/// Whether they are the same budget.
impl PartialEq for Contexts {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Contexts {}

impl fmt::Debug for Contexts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Contexts")
            .field("budget_bytes", &self.budget_bytes())
            .field("used_bytes", &self.used_bytes())
            .finish()
    }
}

impl Pool {
    fn used_bytes(&self) -> usize {
        self.reserved.max(self.inflaters) * Inflater::BYTES + self.compressor_bytes
    }

    /// Whether `bytes` more fit into the budget, if need be once idle contexts are let go.
    fn make_room(&mut self, bytes: usize, budget_bytes: usize) -> bool {
        let fits = |pool: &Self| pool.used_bytes().saturating_add(bytes) <= budget_bytes;
        while !fits(self) {
            if self.inflaters > self.reserved && self.idle_inflaters.pop().is_some() {
                self.inflaters -= 1;
            } else if let Some(idle) = self.idle_compressors.pop() {
                self.compressor_bytes -= idle.shape().bytes();
            } else {
                return false;
            }
        }
        true
    }
}

/// The promise of an inflater to one connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation(Contexts);

impl Reservation {
    pub(super) const fn contexts(&self) -> &Contexts {
        &self.0
    }

    /// The inflater that was promised, without context. No more than one may be taken at a time.
    pub(super) fn inflater(&self) -> Inflater {
        let mut pool = self.0.pool();
        if let Some(mut inflater) = pool.idle_inflaters.pop() {
            drop(pool);
            inflater.reset();
            return inflater;
        }
        // All that there are, are in use, each by one to whom it was promised; so this one has room.
        pool.inflaters += 1;
        drop(pool);
        Inflater::new()
    }

    /// Takes back what [`inflater`](Self::inflater) gave.
    pub(super) fn give_inflater(&self, inflater: Inflater) {
        let mut pool = self.0.pool();
        if pool.idle_inflaters.len() < IDLE_INFLATERS {
            pool.idle_inflaters.push(inflater);
        } else {
            pool.inflaters -= 1;
            drop(pool);
            drop(inflater);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.pool().reserved -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Deflate;

    fn shape(window_bits: u8) -> Shape {
        Shape::new(&Deflate::default(), window_bits).unwrap()
    }

    #[test]
    fn the_budget_is_never_passed() {
        let small = shape(9);
        let contexts = Contexts::new(2 * Inflater::BYTES + small.bytes() + 7);
        let (first, fits) = contexts.reserve(Some(small)).unwrap();
        assert!(fits);
        let compressor = contexts.compressor(small).unwrap();
        let (second, fits) = contexts.reserve(Some(small)).unwrap();
        assert!(!fits && contexts.compressor(small).is_none());
        assert!(contexts.reserve(None).is_none());
        // What was promised can be had.
        let inflaters = (first.inflater(), second.inflater());
        assert_eq!(contexts.used_bytes(), contexts.budget_bytes() - 7);
        first.give_inflater(inflaters.0);
        second.give_inflater(inflaters.1);
        contexts.give_compressor(compressor);
        drop((first, second));
        // Idle contexts count, and make room when it is wanted.
        assert_eq!(contexts.used_bytes(), contexts.budget_bytes() - 7);
        assert!(contexts.compressor(shape(10)).is_some());
        assert!(contexts.used_bytes() <= contexts.budget_bytes());
    }

    #[test]
    fn no_budget_is_no_context() {
        assert!(Contexts::new(0).reserve(None).is_none());
        assert!(Contexts::new(Inflater::BYTES - 1).reserve(None).is_none());
        assert!(Contexts::new(0).compressor(shape(15)).is_none());
    }

    #[test]
    fn idle_contexts_are_few() {
        let contexts = Contexts::default();
        let compressors: Vec<_> = (0..9).map(|_| contexts.compressor(shape(9)).unwrap()).collect();
        compressors
            .into_iter()
            .for_each(|compressor| contexts.give_compressor(compressor));
        assert_eq!(contexts.used_bytes(), IDLE_COMPRESSORS * shape(9).bytes());
        let reserved: Vec<_> = (0..20).map(|_| contexts.reserve(None).unwrap().0).collect();
        let inflaters: Vec<_> = reserved.iter().map(Reservation::inflater).collect();
        reserved
            .iter()
            .zip(inflaters)
            .for_each(|(reserved, inflater)| reserved.give_inflater(inflater));
        drop(reserved);
        let compressors = IDLE_COMPRESSORS * shape(9).bytes();
        assert_eq!(contexts.used_bytes(), compressors + IDLE_INFLATERS * Inflater::BYTES);
    }
}
