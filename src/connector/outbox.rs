//! Bytes on their way into a file or a standard stream.

use std::collections::VecDeque;
use std::io;

use super::Files;
use crate::engine::FileId;

/// Above so many bytes that wait, the sources in front pause.
const HIGH_WATER_BYTES: usize = 256 << 10;

/// More than this never waits: what would go beyond it is refused. It is out of reach while sources pause at the
/// high-water mark, but for single events of that size.
const MAX_BYTES: usize = 64 << 20;

/// Writes at once what can be written, and keeps the rest until there is room.
pub(super) struct Outbox {
    file: FileId,
    waiting: VecDeque<u8>,
    /// Something was written that hasn't been synced.
    is_dirty: bool,
}

impl Outbox {
    pub(super) const fn new(file: FileId) -> Self {
        Self {
            file,
            waiting: VecDeque::new(),
            is_dirty: false,
        }
    }

    /// Writes `bytes`, or takes them to be written later.
    ///
    /// # Errors
    /// What the system says; or, if the limit is reached, that the reader is too slow (then the bytes are dropped).
    pub(super) fn write(&mut self, bytes: &[u8], files: &mut dyn Files) -> io::Result<()> {
        self.is_dirty |= !bytes.is_empty();
        self.flush(files)?;
        let written = if self.waiting.is_empty() {
            write_some(self.file, bytes, files)?
        } else {
            0
        };
        let rest = &bytes[written..];
        if self.waiting.len() + rest.len() > MAX_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "it takes events too slowly; too much waits",
            ));
        }
        self.waiting.extend(rest);
        Ok(())
    }

    /// Writes what waits, as far as there is room.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn flush(&mut self, files: &mut dyn Files) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let written = write_some(self.file, self.waiting.as_slices().0, files)?;
            if written == 0 {
                break;
            }
            self.waiting.drain(..written);
        }
        Ok(())
    }

    /// Writes what waits and syncs the file; [`is_settled`](Self::is_settled) tells whether it is done.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn sync(&mut self, files: &mut dyn Files) -> io::Result<()> {
        self.flush(files)?;
        if self.is_dirty && self.waiting.is_empty() {
            match files.sync(self.file) {
                Ok(()) => self.is_dirty = false,
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Everything is written and synced.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_dirty && self.waiting.is_empty()
    }

    pub(super) fn is_congested(&self) -> bool {
        self.waiting.len() > HIGH_WATER_BYTES
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Writes until there is no room, and tells how much was written.
fn write_some(file: FileId, bytes: &[u8], files: &mut dyn Files) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match files.write(file, &bytes[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}
