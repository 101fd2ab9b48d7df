//! Standard input as lines, and lines to standard output, neither of which may block the loop.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use wsloop::engine::{FileId, Files};

/// What one read takes.
const READ_BYTES: usize = 64 << 10;

/// A line longer than this is an error: no message is that long.
const LINE_MAX_BYTES: usize = 64 << 20;

/// Output that may wait; above it nothing more is read from the server.
const OUTPUT_HIGH_BYTES: usize = 1 << 20;

/// Standard input, cut into lines.
#[derive(Default)]
pub(super) struct Input {
    /// Bytes that came, from `start` on not handed out yet.
    bytes: Vec<u8>,
    start: usize,
    /// Bytes behind `start` in which there is no end of a line.
    searched: usize,
    ended: bool,
}

/// What became of asking for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'i> {
    /// A line, without its end.
    Line(&'i [u8]),
    /// Later.
    Wait,
    End,
}

impl Input {
    /// The next line.
    ///
    /// # Errors
    /// Standard input can't be read, or a line is too long.
    pub(super) fn next(&mut self, files: &mut impl Files) -> io::Result<Next<'_>> {
        loop {
            let from = self.start + self.searched;
            if let Some(found) = self.bytes[from..].iter().position(|byte| *byte == b'\n') {
                let (start, end) = (self.start, from + found);
                self.start = end + 1;
                self.searched = 0;
                return Ok(Next::Line(without_return(&self.bytes[start..end])));
            }
            self.searched = self.bytes.len() - self.start;
            if self.ended {
                if self.searched == 0 {
                    return Ok(Next::End);
                }
                let start = std::mem::replace(&mut self.start, self.bytes.len());
                self.searched = 0;
                return Ok(Next::Line(&self.bytes[start..]));
            }
            if self.searched > LINE_MAX_BYTES {
                return Err(io::Error::new(ErrorKind::InvalidData, "a line is longer than 64 MiB"));
            }
            self.bytes.drain(..self.start);
            self.start = 0;
            let len = self.bytes.len();
            self.bytes.resize(len + READ_BYTES, 0);
            let result = files.read(FileId::STDIN, &mut self.bytes[len..]);
            self.bytes.truncate(len + *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Wait),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Lines of files that come from Windows end in two characters.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What waits for standard output.
#[derive(Default)]
pub(super) struct Output {
    waiting: VecDeque<u8>,
}

impl Output {
    pub(super) fn line(&mut self, bytes: impl IntoIterator<Item = u8>) {
        self.waiting.extend(bytes);
        self.waiting.push_back(b'\n');
    }

    /// Writes what can be written now; true if nothing waits any more.
    ///
    /// # Errors
    /// Nobody reads, or the disk is full.
    pub(super) fn flush(&mut self, files: &mut impl Files) -> io::Result<bool> {
        while !self.waiting.is_empty() {
            match files.write(FileId::STDOUT, self.waiting.as_slices().0) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        match files.sync(FileId::STDOUT) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether so much waits that no more should be taken from the server.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() > OUTPUT_HIGH_BYTES
    }
}

#[cfg(test)]
mod tests {
    use wsloop::engine::OpenMode;

    use super::*;

    /// Standard input that brings these pieces, one a read; an empty one stands for nothing yet.
    struct Pieces(VecDeque<&'static [u8]>);

    impl Files for Pieces {
        fn open(&mut self, _: &str, _: OpenMode) -> io::Result<FileId> {
            Err(ErrorKind::Unsupported.into())
        }

        fn read(&mut self, _: FileId, bytes: &mut [u8]) -> io::Result<usize> {
            match self.0.pop_front() {
                Some([]) => Err(ErrorKind::WouldBlock.into()),
                Some(piece) => {
                    bytes[..piece.len()].copy_from_slice(piece);
                    Ok(piece.len())
                }
                None => Ok(0),
            }
        }

        fn write(&mut self, _: FileId, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::Unsupported.into())
        }

        fn sync(&mut self, _: FileId) -> io::Result<()> {
            Ok(())
        }

        fn close(&mut self, _: FileId) {}

        fn read_whole(&mut self, _: &str, _: usize) -> io::Result<Vec<u8>> {
            Err(ErrorKind::Unsupported.into())
        }

        fn absolute(&self, path: &str) -> String {
            path.to_owned()
        }
    }

    #[test]
    fn lines_come_whole_however_they_were_cut() {
        let pieces: [&[u8]; 5] = [b"one\r\ntw", b"", b"o\n\n", b"thr", b"ee"];
        let (mut files, mut input) = (Pieces(pieces.into()), Input::default());
        let mut next = || match input.next(&mut files).unwrap() {
            Next::Line(line) => String::from_utf8(line.to_vec()).unwrap(),
            Next::Wait => "(wait)".to_owned(),
            Next::End => "(end)".to_owned(),
        };
        let all: Vec<_> = (0..7).map(|_| next()).collect();
        assert_eq!(all, ["one", "(wait)", "two", "", "three", "(end)", "(end)"]);
    }
}
