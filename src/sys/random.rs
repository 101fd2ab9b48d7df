//! Random bytes from the system's generator, fetched by the pool so that a frame costs no system call.

use std::io;

const POOL_BYTES: usize = 4096;

/// A pool of unpredictable bytes; each is given out once and wiped.
pub(super) struct Pool {
    bytes: Box<[u8; POOL_BYTES]>,
    /// Bytes before this place have been given out.
    used: usize,
}

impl Pool {
    /// A filled pool.
    ///
    /// # Errors
    /// The system has no generator.
    pub(super) fn new() -> io::Result<Self> {
        let mut bytes = Box::new([0; POOL_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::other)?;
        Ok(Self { bytes, used: 0 })
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.used == POOL_BYTES {
                self.refill();
            }
            let count = rest.len().min(POOL_BYTES - self.used);
            let (now, later) = rest.split_at_mut(count);
            let fresh = &mut self.bytes[self.used..self.used + count];
            now.copy_from_slice(fresh);
            fresh.fill(0);
            self.used += count;
            rest = later;
        }
    }

    fn refill(&mut self) {
        if getrandom::fill(self.bytes.as_mut_slice()).is_err() {
            // A generator that worked once does not stop on any supported system. Should one do, there is no honest
            // way on: a predictable masking key is a hole in somebody's proxy (RFC 6455 section 10.3).
            std::process::abort();
        }
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_never_given_out_twice() {
        let mut pool = Pool::new().unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3 * POOL_BYTES / 16 {
            let mut bytes = [0; 16];
            pool.fill(&mut bytes);
            assert!(seen.insert(bytes));
        }
    }

    #[test]
    fn a_request_larger_than_the_pool_is_filled_whole() {
        let mut pool = Pool::new().unwrap();
        let mut bytes = vec![0; 3 * POOL_BYTES + 5];
        pool.fill(&mut bytes);
        for chunk in bytes.chunks(64) {
            assert!(chunk.len() < 8 || chunk.iter().any(|byte| *byte != 0));
        }
    }
}
