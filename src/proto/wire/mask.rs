//! Masking (RFC 6455 section 5.3): an exclusive or with a key of four bytes, over and over.

/// Masks or unmasks `bytes`, which stand at the start of a payload, or where [`rotate`] has brought the key.
///
/// Whole words first, in a loop that the compiler turns into vector code; no masked vector stores at the end, since
/// loads of the next header would wait for them.
#[inline]
pub(crate) fn apply(bytes: &mut [u8], key: [u8; 4]) {
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

    proptest! {
        #[test]
        fn any_two_cuts_mask_as_the_naive_one(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200), key: [u8; 4], first: usize, second: usize,
        ) {
            let mut expected: Vec<u8> = bytes.clone();
            naive(&mut expected, key);
            let (first, second) = (first % (bytes.len() + 1), second % (bytes.len() + 1));
            let (first, second) = (first.min(second), first.max(second));
            apply(&mut bytes[..first], key);
            apply(&mut bytes[first..second], rotate(key, first));
            apply(&mut bytes[second..], rotate(rotate(key, first), second - first));
            prop_assert_eq!(bytes, expected);
        }
    }
}
