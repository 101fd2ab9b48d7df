//! Simulated files and standard streams.

use std::collections::BTreeMap;
use std::io;

use super::net::Net;
use super::sys::SimSys;
use crate::engine::{FileId, Files, OpenMode};

/// Bytes that wait between the engine and a standard stream before it says `WouldBlock`.
const STREAM_QUEUE_BYTES: usize = 64 << 10;

/// Files by their paths, the standard streams, and how much the disk holds.
#[derive(Debug)]
pub struct Disk {
    files: BTreeMap<String, Vec<u8>>,
    open: Vec<Option<Open>>,
    free_bytes: usize,
    stdout: Stream,
    stderr: Stream,
}

#[derive(Debug)]
struct Open {
    path: String,
    mode: OpenMode,
    position: usize,
}

#[derive(Debug, Default)]
struct Stream {
    written: Vec<u8>,
    queued: usize,
    /// Somebody was told `WouldBlock`.
    waited_for: bool,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            open: Vec::new(),
            free_bytes: usize::MAX,
            stdout: Stream::default(),
            stderr: Stream::default(),
        }
    }
}

impl Disk {
    /// Puts a file there.
    pub fn put(&mut self, path: &str, content: &[u8]) {
        self.files.insert(path.to_owned(), content.to_vec());
    }

    /// A file's content.
    #[must_use]
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// What standard output was given.
    #[must_use]
    pub fn stdout(&self) -> &[u8] {
        &self.stdout.written
    }

    /// What standard error was given.
    #[must_use]
    pub fn stderr(&self) -> &[u8] {
        &self.stderr.written
    }

    /// Leaves room for so many bytes more; then files can't be written (`StorageFull`). Default: endless.
    pub const fn set_free_bytes(&mut self, bytes: usize) {
        self.free_bytes = bytes;
    }

    /// Lets the standard streams take what is queued; true if somebody waits for that.
    pub(super) fn drain_streams(&mut self) -> bool {
        let mut waited_for = false;
        for stream in [&mut self.stdout, &mut self.stderr] {
            stream.queued = 0;
            waited_for |= std::mem::take(&mut stream.waited_for);
        }
        waited_for
    }

    fn handle(&mut self, file: FileId) -> io::Result<&mut Open> {
        let index = file.0.checked_sub(3).ok_or(io::ErrorKind::InvalidInput)?;
        self.open
            .get_mut(index as usize)
            .and_then(Option::as_mut)
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    fn stream(&mut self, file: FileId) -> Option<&mut Stream> {
        match file {
            FileId::STDOUT => Some(&mut self.stdout),
            FileId::STDERR => Some(&mut self.stderr),
            FileId(_) => None,
        }
    }

    /// True for a path that others lie below.
    fn is_directory(&self, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        path == "."
            || self
                .files
                .range(below.clone()..)
                .next()
                .is_some_and(|(path, _)| path.starts_with(&below))
    }

    fn read(&mut self, file: FileId, bytes: &mut [u8]) -> io::Result<usize> {
        let Open {
            path,
            mode: OpenMode::Read,
            position,
        } = self.handle(file)?
        else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let (path, from) = (path.clone(), *position);
        let content = self
            .files
            .get(&path)
            .map_or(&[][..], |content| content.get(from..).unwrap_or_default());
        let count = content.len().min(bytes.len());
        bytes[..count].copy_from_slice(&content[..count]);
        self.handle(file)?.position += count;
        Ok(count)
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> io::Result<usize> {
        let free = self.free_bytes;
        if let Some(stream) = self.stream(file) {
            let count = bytes.len().min(STREAM_QUEUE_BYTES - stream.queued);
            if count == 0 && !bytes.is_empty() {
                stream.waited_for = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            stream.queued += count;
            stream.written.extend_from_slice(&bytes[..count]);
            return Ok(count);
        }
        let Open {
            path,
            mode: OpenMode::Truncate | OpenMode::Append | OpenMode::Overwrite,
            position,
        } = self.handle(file)?
        else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let count = bytes.len().min(free);
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let (path, from) = (path.clone(), *position);
        *position += count;
        self.free_bytes -= count;
        let content = self.files.entry(path).or_default();
        content.resize(content.len().max(from + count), 0);
        content[from..from + count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn open(&mut self, path: &str, mode: OpenMode) -> io::Result<FileId> {
        if self.is_directory(path) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let position = match mode {
            OpenMode::Read if !self.files.contains_key(path) => return Err(io::ErrorKind::NotFound.into()),
            OpenMode::Truncate => {
                self.files.insert(path.to_owned(), Vec::new());
                0
            }
            OpenMode::Append => self.files.entry(path.to_owned()).or_default().len(),
            OpenMode::Read | OpenMode::Overwrite => 0,
        };
        self.files.entry(path.to_owned()).or_default();
        self.open.push(Some(Open {
            path: path.to_owned(),
            mode,
            position,
        }));
        Ok(FileId(self.open.len() as u32 + 2))
    }
}

/// Standard input comes as the test has given it to the [`Net`], at its time.
fn read_stdin(net: &mut Net, bytes: &mut [u8]) -> io::Result<usize> {
    let count = net.stdin.len().min(bytes.len());
    if count == 0 && !bytes.is_empty() && !net.stdin_ended {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    for (byte, taken) in bytes.iter_mut().zip(net.stdin.drain(..count)) {
        *byte = taken;
    }
    Ok(count)
}

impl<const SHORT_READS: bool> Files for SimSys<SHORT_READS> {
    fn open(&mut self, path: &str, mode: OpenMode) -> io::Result<FileId> {
        self.disk_mut().open(path, mode)
    }

    fn read(&mut self, file: FileId, bytes: &mut [u8]) -> io::Result<usize> {
        let (disk, net) = self.parts();
        if file == FileId::STDIN {
            read_stdin(net, bytes)
        } else {
            disk.read(file, bytes)
        }
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> io::Result<usize> {
        self.disk_mut().write(file, bytes)
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        match self.disk_mut().stream(file) {
            Some(stream) if stream.queued > 0 => {
                stream.waited_for = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
            Some(_) => Ok(()),
            None => self.disk_mut().handle(file).map(|_| ()),
        }
    }

    fn close(&mut self, file: FileId) {
        if let Some(open) = file
            .0
            .checked_sub(3)
            .and_then(|index| self.disk_mut().open.get_mut(index as usize))
        {
            *open = None;
        }
    }

    fn read_whole(&mut self, path: &str, limit_bytes: usize) -> io::Result<Vec<u8>> {
        if self.disk().is_directory(path) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        match self.disk().content(path) {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(content) if content.len() > limit_bytes => Err(io::ErrorKind::FileTooLarge.into()),
            Some(content) => Ok(content.to_vec()),
        }
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/simulated/{path}")
        }
    }
}
