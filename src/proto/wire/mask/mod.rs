//! Masking (RFC 6455 section 5.3): an exclusive or with a key of four bytes, over and over.

#[cfg(target_arch = "x86_64")]
mod avx2;

/// From so many bytes on it pays to ask what the machine can do.
#[cfg(target_arch = "x86_64")]
const WIDE_BYTES: usize = 256;

/// Masks or unmasks `bytes`, which stand at the start of a payload, or where [`rotate`] has brought the key.
#[inline]
pub(crate) fn apply(bytes: &mut [u8], key: [u8; 4]) {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= WIDE_BYTES && avx2::apply(bytes, key) {
        return;
    }
    words(bytes, key);
}

/// Whole words first, in a loop that the compiler turns into vector code for whatever it is built for; no masked vector
/// stores at the end, since loads of the next header would wait for them.
#[inline(always)]
fn words(bytes: &mut [u8], key: [u8; 4]) {
    let half_word = u32::from_ne_bytes(key);
    let word = u64::from(half_word) << 32 | u64::from(half_word);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    let rest = match rest.split_first_chunk_mut::<4>() {
        Some((half, rest)) => {
            *half = (u32::from_ne_bytes(*half) ^ half_word).to_ne_bytes();
            rest
        }
        None => rest,
    };
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The key for what follows `count` bytes of the payload.
#[inline]
pub(crate) const fn rotate(key: [u8; 4], count: usize) -> [u8; 4] {
    let [a, b, c, d] = key;
    match count % 4 {
        0 => key,
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// As RFC 6455 section 5.3 says it.
    fn naive(bytes: &mut [u8], key: [u8; 4]) {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte ^= key[index % 4];
        }
    }

    fn check(bytes: &[u8], key: [u8; 4], first: usize, second: usize) {
        let mut expected: Vec<u8> = bytes.to_vec();
        naive(&mut expected, key);
        let (first, second) = (first % (bytes.len() + 1), second % (bytes.len() + 1));
        let (first, second) = (first.min(second), first.max(second));
        let mut masked = bytes.to_vec();
        apply(&mut masked[..first], key);
        apply(&mut masked[first..second], rotate(key, first));
        apply(&mut masked[second..], rotate(rotate(key, first), second - first));
        assert_eq!(masked, expected, "{} bytes cut at {first} and {second}", bytes.len());
    }

    proptest! {
        #[test]
        fn any_two_cuts_mask_as_the_naive_one(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), key: [u8; 4], first: usize, second: usize,
        ) {
            check(&bytes, key, first, second);
        }

        #[test]
        fn any_two_cuts_of_long_payloads_do(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000), key: [u8; 4], first: usize, second: usize,
        ) {
            check(&bytes, key, first, second);
        }
    }

    /// Where a payload begins in memory decides how much is masked before the first whole vector.
    #[test]
    fn long_payloads_may_begin_and_end_anywhere() {
        let bytes: Vec<u8> = (0..1000_u32).map(|byte| byte as u8).collect();
        let key = [0x37, 0xFA, 0x21, 0x3D];
        for start in 0..70 {
            for length in (250..350).chain(900..930) {
                let mut masked = bytes.clone();
                apply(&mut masked[start..start + length], key);
                let mut expected = bytes.clone();
                naive(&mut expected[start..start + length], key);
                assert_eq!(masked, expected, "{length} bytes from {start} on");
            }
        }
    }
}
