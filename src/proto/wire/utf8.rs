//! UTF-8 that comes in pieces (RFC 6455 sections 5.6 and 8.1, RFC 3629).

/// The bytes are not UTF-8, whatever may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Invalid;

/// Texts shorter than this are mostly ASCII, and validators take long to get going.
const SHORT_BYTES: usize = 256;

/// Whether `bytes` is UTF-8 as a whole.
#[inline]
pub(crate) fn is_valid(bytes: &[u8]) -> bool {
    (bytes.len() < SHORT_BYTES && is_ascii(bytes)) || simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Whether all of `bytes` are ASCII, without a branch on any of them: for short texts that costs a third of what the
/// validators do. The last word may overlap the one before it.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().fold(0, |all, byte| all | byte) < 0x80;
    };
    let (words, _) = bytes.as_chunks::<8>();
    let all = words
        .iter()
        .fold(u64::from_ne_bytes(*last), |all, word| all | u64::from_ne_bytes(*word));
    all & 0x8080_8080_8080_8080 == 0
}

/// Validates text piece by piece: a piece may end within a character, and a bad byte is found in the piece it is in.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Validator {
    /// The start of a character whose rest is still to come.
    pending: [u8; 3],
    pending_len: u8,
}

impl Validator {
    /// Takes the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), Invalid> {
        let rest = self.complete_pending(piece)?;
        let (whole, tail) = rest.split_at(rest.len() - unfinished(rest));
        if !is_valid(whole) {
            return Err(Invalid);
        }
        self.keep(tail)
    }

    /// How many bytes of a `piece` that [`feed`](Self::feed) found invalid come before the first bad one.
    #[cold]
    pub(crate) fn before_invalid(mut self, piece: &[u8]) -> usize {
        let bad = piece.iter().position(|&byte| self.feed(&[byte]).is_err());
        bad.unwrap_or(piece.len())
    }

    /// Whether the text may end here.
    pub(crate) const fn is_complete(&self) -> bool {
        self.pending_len == 0
    }

    /// Moves bytes from `piece` to the pending character until it is complete; gives what is left of `piece`.
    fn complete_pending<'a>(&mut self, mut piece: &'a [u8]) -> Result<&'a [u8], Invalid> {
        while self.pending_len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                break;
            };
            let held = usize::from(self.pending_len);
            let mut character = [0; 4];
            character[..held].copy_from_slice(&self.pending[..held]);
            character[held] = byte;
            self.pending_len = 0;
            self.keep(&character[..=held])?;
            piece = rest;
        }
        Ok(piece)
    }

    /// Keeps `start` if it is the start of a character; a whole character leaves nothing to keep.
    fn keep(&mut self, start: &[u8]) -> Result<(), Invalid> {
        match core::str::from_utf8(start) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() && start.len() <= 3 && error.valid_up_to() == 0 => {
                self.pending[..start.len()].copy_from_slice(start);
                // At most 3.
                self.pending_len = start.len() as u8;
                Ok(())
            }
            Err(_) => Err(Invalid),
        }
    }
}

/// How many bytes at the end of `bytes` look like a character that has not come whole; at most 3.
fn unfinished(bytes: &[u8]) -> usize {
    for (behind, &byte) in bytes.iter().rev().take(3).enumerate() {
        let needed = match byte {
            0x80..=0xBF => continue,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            0x00..=0x7F => 1,
        };
        return if needed > behind + 1 { behind + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// Feeds `bytes` cut at `cuts`; the number of bytes after whose piece it failed, or whether it may end there.
    fn fed(bytes: &[u8], chunk: usize) -> Result<bool, usize> {
        let mut validator = Validator::default();
        let mut read = 0;
        for piece in bytes.chunks(chunk) {
            read += piece.len();
            validator.feed(piece).map_err(|Invalid| read)?;
        }
        Ok(validator.is_complete())
    }

    /// The same by asking the standard library after every byte.
    fn naive(bytes: &[u8]) -> Result<bool, usize> {
        for end in 0..=bytes.len() {
            if core::str::from_utf8(&bytes[..end]).is_err_and(|error| error.error_len().is_some()) {
                return Err(end);
            }
        }
        Ok(core::str::from_utf8(bytes).is_ok())
    }

    fn check(bytes: &[u8]) {
        let expected = naive(bytes);
        assert_eq!(fed(bytes, 1), expected, "{bytes:x?}");
        for chunk in 2..=bytes.len().max(2) {
            let found = fed(bytes, chunk);
            match expected {
                Ok(_) => assert_eq!(found, expected, "{bytes:x?} in pieces of {chunk}"),
                // Found in the very piece that holds the first bad byte.
                Err(at) => assert_eq!(
                    found,
                    Err(at.next_multiple_of(chunk).min(bytes.len())),
                    "{bytes:x?} / {chunk}"
                ),
            }
        }
    }

    #[test]
    fn what_comes_before_the_first_bad_byte() {
        let mut begun = Validator::default();
        begun.feed(b"a\xe2").unwrap();
        for (piece, good) in [
            (&b"\x82\xacb\xff\xff"[..], 3),
            (b"x", 0),
            (b"\x82\xac\xc3", 3),
            (b"\x82x", 1),
        ] {
            assert_eq!(begun.before_invalid(piece), good, "{piece:x?}");
        }
    }

    /// Every place is looked at, whatever the length.
    #[test]
    fn one_bad_byte_anywhere_is_found() {
        for length in 1..300 {
            let mut bytes = alloc::vec![b'a'; length];
            assert!(is_valid(&bytes));
            for at in 0..length {
                bytes[at] = 0x80;
                assert!(!is_valid(&bytes), "byte {at} of {length}");
                bytes[at] = b'a';
            }
        }
    }

    #[test]
    fn borders_of_the_ranges() {
        for text in [
            "",
            "a",
            "κόσμε",
            "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}",
        ] {
            check(text.as_bytes());
        }
        for bad in [
            &[0xC0, 0x80][..],
            &[0xC1, 0xBF],
            &[0xE0, 0x80, 0x80],
            &[0xED, 0xA0, 0x80],
            &[0xF0, 0x80, 0x80, 0x80],
            &[0xF4, 0x90, 0x80, 0x80],
            &[0xF5],
            &[0xFF],
            &[0x80],
            &[b'a', 0xE2, 0x82, b'a'],
            &[0xE2, 0x82],
            &[0xF0, 0x9F, 0x98],
        ] {
            check(bad);
        }
    }

    proptest! {
        #[test]
        fn any_cut_of_any_bytes(text in ".{0,12}", noise in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..2)) {
            let mut bytes: Vec<u8> = text.into_bytes();
            for (at, byte) in noise {
                if !bytes.is_empty() {
                    let at = at % bytes.len();
                    bytes[at] = byte;
                }
            }
            check(&bytes);
        }
    }
}
