//! Randomness as the core sees it: an argument, never a generator.

/// A source of unpredictable bytes, lent to every call that may emit a frame or a handshake.
///
/// Masking keys and handshake keys come from here. RFC 6455 sections 5.3 and 10.3 ask for a strong source: a peer that can
/// predict the next masking key can choose the bytes that appear on the wire. An implementation must therefore draw
/// from a cryptographically secure generator; only tests and simulations may be predictable.
pub trait Entropy {
    /// Overwrites all of `bytes` with fresh random ones.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}
