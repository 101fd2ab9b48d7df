//! Gathers the bytes of a head until its empty line; each byte is looked at once.

use alloc::vec::Vec;

/// A head that is not complete yet.
#[derive(Debug, Default)]
pub(crate) struct HeadBuffer {
    bytes: Vec<u8>,
    /// Whether more than empty lines has been kept.
    begun: bool,
}

/// What looking for the end of the head gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// The head ends after this many of the new bytes.
    Ends(usize),
    /// No end yet, and it may still come.
    Open,
    /// No end within the limit.
    TooLong,
}

impl HeadBuffer {
    /// Looks for the empty line in the buffered bytes followed by `new`, of which only `new` is scanned.
    pub(crate) fn search(&self, new: &[u8], limit_bytes: usize) -> Search {
        let room = limit_bytes.saturating_sub(self.bytes.len());
        let visible = &new[..new.len().min(room)];
        let mut read = self.leading(visible);
        let end = loop {
            let Some(line) = visible[read..].iter().position(|&byte| byte == b'\n') else {
                break None;
            };
            read += line + 1;
            if self.ends_line_before(visible, read - 1) {
                break Some(read);
            }
        };
        match end {
            Some(end) => Search::Ends(end),
            None if new.len() >= room => Search::TooLong,
            None => Search::Open,
        }
    }

    /// How many bytes of `new` are of empty lines before the first line. RFC 9112 section 2.2: a server passes over them,
    /// since some clients send one after the body of an earlier request. They count against the limit.
    fn leading(&self, new: &[u8]) -> usize {
        if self.begun { 0 } else { empty_lines(new) }
    }

    /// Whether the line feed at `at` ends an empty line. A bare line feed is a line end too (RFC 9112 section 2.2, and
    /// what httparse takes): the end found here must never lie behind the parser's.
    fn ends_line_before(&self, new: &[u8], at: usize) -> bool {
        let before = |back: usize| match at.checked_sub(back) {
            Some(index) => new.get(index).copied(),
            None => (self.bytes.len() + at)
                .checked_sub(back)
                .and_then(|index| self.bytes.get(index).copied()),
        };
        match before(1) {
            Some(b'\n') => true,
            Some(b'\r') => before(2) == Some(b'\n'),
            Some(_) | None => false,
        }
    }

    /// Keeps `new` for later.
    pub(crate) fn keep(&mut self, new: &[u8]) {
        self.begun |= empty_lines(new) < new.len();
        self.bytes.extend_from_slice(new);
    }

    /// The head's bytes: those kept, then `new`; a copy is made only if some were kept.
    pub(crate) fn join<'a>(&'a mut self, new: &'a [u8]) -> &'a [u8] {
        if self.bytes.is_empty() {
            new
        } else {
            self.bytes.extend_from_slice(new);
            &self.bytes
        }
    }

    /// How many bytes are kept.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// How many bytes `bytes` begins with that only end lines.
fn empty_lines(bytes: &[u8]) -> usize {
    let is_end = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
    bytes.iter().take_while(is_end).count()
}

/// How many line ends `head` has: a bound on its header fields, known before anything is reserved for them.
pub(crate) fn lines(head: &[u8]) -> usize {
    head.iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_wherever_the_cut_is() {
        for head in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\nHost: a\n\n",
            "GET /\nHost: a\r\n\r\n",
            "GET /\r\n\n",
            "\r\n\r\n\n\nGET /\r\n\r\n",
        ] {
            let bytes = [head.as_bytes(), b"frames\n\n"].concat();
            for cut in 0..head.len() {
                let mut buffer = HeadBuffer::default();
                assert_eq!(buffer.search(&bytes[..cut], 100), Search::Open, "{head:?} cut at {cut}");
                buffer.keep(&bytes[..cut]);
                assert_eq!(
                    buffer.search(&bytes[cut..], 100),
                    Search::Ends(head.len() - cut),
                    "{head:?} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn the_limit_counts_from_the_first_byte() {
        let mut buffer = HeadBuffer::default();
        assert_eq!(buffer.search(b"a\n\n", 3), Search::Ends(3));
        assert_eq!(buffer.search(b"ab\n\n", 3), Search::TooLong);
        buffer.keep(b"ab");
        assert_eq!(buffer.search(b"", 3), Search::Open);
        assert_eq!(buffer.search(b"\n", 3), Search::TooLong);
    }
}
