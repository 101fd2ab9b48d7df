//! The least that framing can cost, written by hand: headers, an exclusive or, and not one rule checked. It is what
//! every other reader and writer is measured against.

/// Reads masked frames that lie in `bytes` whole, unmasks their payloads in place and hands each of them over.
pub(crate) fn read(bytes: &mut [u8], mut payload: impl FnMut(&[u8])) {
    let mut rest = bytes;
    while rest.len() > 6 {
        let (length, start) = match rest[1] & 0x7F {
            126 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
            127 => {
                let mut length = [0; 8];
                length.copy_from_slice(&rest[2..10]);
                (u64::from_be_bytes(length) as usize, 10)
            }
            short => (usize::from(short), 2),
        };
        let mut key = [0; 4];
        key.copy_from_slice(&rest[start..start + 4]);
        let (frame, behind) = rest.split_at_mut(start + 4 + length);
        mask(&mut frame[start + 4..], key);
        payload(&frame[start + 4..]);
        rest = behind;
    }
}

/// Masks `bytes`, a word at a time.
pub(crate) fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let half = u64::from(u32::from_ne_bytes(key));
    let wide = half << 32 | half;
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}
