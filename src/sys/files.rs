//! [`Files`] for real.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::inbox::Inbox;
use super::stdio::{Input, Output};
use crate::engine::{FileId, Files, OpenMode};

/// Bytes that one read or write of a file moves at most, so that the loop is not held up by a slow disk.
const CHUNK_BYTES: usize = 256 * 1024;

/// Ids below this one name the standard streams.
const FIRST_FILE: u32 = 3;

/// Files of the operating system, and the process's standard streams.
///
/// Use it on its own to read files before there is a loop; [`MioSys`](super::MioSys) holds one, whose standard streams
/// wake the loop.
pub struct OsFiles {
    inbox: Arc<Inbox>,
    /// At the place `id - FIRST_FILE`; a place is used again once its file is closed.
    files: Vec<Option<Handle>>,
    stdin: Option<Input>,
    stdout: Option<Output>,
    stderr: Option<Output>,
}

/// What an id stands for.
enum Handle {
    /// A regular file or a device, read and written at once.
    Direct(File),
    /// A pipe or terminal opened by its path for reading: may block for ever, so a helper thread reads it.
    Input(Input),
}

impl OsFiles {
    /// Files whose standard streams wake nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::with_inbox(Inbox::silent())
    }

    pub(super) fn with_inbox(inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            files: Vec::new(),
            stdin: None,
            stdout: None,
            stderr: None,
        }
    }

    fn output(&mut self, file: FileId) -> io::Result<&mut Output> {
        let inbox = &self.inbox;
        let (place, open): (_, fn() -> io::Result<File>) = match file {
            FileId::STDOUT => (&mut self.stdout, || to_file(&io::stdout())),
            FileId::STDERR => (&mut self.stderr, || to_file(&io::stderr())),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        match place {
            Some(output) => Ok(output),
            None => Ok(place.insert(Output::new(open()?, Arc::clone(inbox))?)),
        }
    }

    fn handle(&mut self, file: FileId) -> io::Result<&mut Handle> {
        let index = file.0.checked_sub(FIRST_FILE).map(|index| index as usize);
        index
            .and_then(|index| self.files.get_mut(index))
            .and_then(Option::as_mut)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the file is not open"))
    }
}

impl Default for OsFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl Files for OsFiles {
    fn open(&mut self, path: &str, mode: OpenMode) -> io::Result<FileId> {
        let kind = match fs::metadata(path) {
            Ok(metadata) => Some(metadata.file_type()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if kind.is_some_and(|kind| kind.is_dir()) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let handle = match mode {
            OpenMode::Read if kind.is_some_and(|kind| !kind.is_file()) => {
                let path = path.to_owned();
                Handle::Input(Input::new(move || File::open(path), Arc::clone(&self.inbox))?)
            }
            OpenMode::Read => Handle::Direct(File::open(path)?),
            OpenMode::Truncate => Handle::Direct(writer().truncate(true).open(path)?),
            OpenMode::Append => Handle::Direct(OpenOptions::new().append(true).create(true).open(path)?),
            OpenMode::Overwrite => Handle::Direct(writer().truncate(false).open(path)?),
        };
        let index = self.files.iter().position(Option::is_none).unwrap_or(self.files.len());
        let id = u32::try_from(index)
            .ok()
            .and_then(|index| index.checked_add(FIRST_FILE));
        let id = id.ok_or_else(|| io::Error::from(io::ErrorKind::QuotaExceeded))?;
        if index == self.files.len() {
            self.files.push(None);
        }
        self.files[index] = Some(handle);
        Ok(FileId(id))
    }

    fn read(&mut self, file: FileId, bytes: &mut [u8]) -> io::Result<usize> {
        if file == FileId::STDIN {
            let inbox = &self.inbox;
            let input = match &mut self.stdin {
                Some(input) => input,
                place => place.insert(Input::new(|| to_file(&io::stdin()), Arc::clone(inbox))?),
            };
            return input.read(bytes);
        }
        match self.handle(file)? {
            Handle::Direct(file) => {
                let count = bytes.len().min(CHUNK_BYTES);
                again(|| file.read(&mut bytes[..count]))
            }
            Handle::Input(input) => input.read(bytes),
        }
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> io::Result<usize> {
        if file == FileId::STDOUT || file == FileId::STDERR {
            return self.output(file)?.write(bytes);
        }
        match self.handle(file)? {
            Handle::Direct(file) => {
                let count = bytes.len().min(CHUNK_BYTES);
                again(|| file.write(&bytes[..count]))
            }
            Handle::Input(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn sync(&mut self, file: FileId) -> io::Result<()> {
        if file == FileId::STDOUT || file == FileId::STDERR {
            return self.output(file)?.sync();
        }
        match self.handle(file)? {
            Handle::Direct(file) => match file.sync_data() {
                // Pipes and devices have no disk to be written to.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
                other => other,
            },
            Handle::Input(_) => Ok(()),
        }
    }

    fn close(&mut self, file: FileId) {
        let index = file.0.checked_sub(FIRST_FILE).map(|index| index as usize);
        if let Some(place) = index.and_then(|index| self.files.get_mut(index)) {
            *place = None;
        }
    }

    fn read_whole(&mut self, path: &str, limit_bytes: usize) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut content = Vec::new();
        file.take((limit_bytes as u64).saturating_add(1))
            .read_to_end(&mut content)?;
        if content.len() > limit_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    }

    fn list(&mut self, folder: &str, limit: usize) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(inner) = folders.pop() {
            for entry in std::fs::read_dir(std::path::Path::new(folder).join(&inner))? {
                let entry = entry?;
                // A name that is no text can't be asked for.
                let Some(name) = entry.file_name().to_str().map(|name| format!("{inner}{name}")) else {
                    continue;
                };
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(format!("{name}/"));
                } else if kind.is_file() {
                    found.push(name);
                }
                if found.len() + folders.len() > limit {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn absolute(&self, path: &str) -> String {
        std::path::absolute(path)
            .ok()
            .and_then(|path| path.into_os_string().into_string().ok())
            .unwrap_or_else(|| path.to_owned())
    }
}

fn writer() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    options
}

/// A standard stream without the buffer that the library puts around it: what is written must leave at once, and
/// what is read must not wait for a line.
fn to_file(stream: &impl std::os::fd::AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_and_modes_do_what_they_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.log");
        let path = path.to_str().unwrap();
        let mut files = OsFiles::new();
        for (mode, text, content) in [
            (OpenMode::Append, "one", "one"),
            (OpenMode::Append, "two", "onetwo"),
            (OpenMode::Overwrite, "ONE", "ONEtwo"),
            (OpenMode::Truncate, "3", "3"),
        ] {
            let file = files.open(path, mode).unwrap();
            assert_eq!(files.write(file, text.as_bytes()).unwrap(), text.len());
            files.sync(file).unwrap();
            files.close(file);
            assert_eq!(files.read_whole(path, 100).unwrap(), content.as_bytes());
            assert!(files.write(file, b"x").is_err());
        }
        let file = files.open(path, OpenMode::Read).unwrap();
        let mut bytes = [0; 8];
        assert_eq!(files.read(file, &mut bytes).unwrap(), 1);
        assert_eq!(files.read(file, &mut bytes).unwrap(), 0);
    }

    #[test]
    fn directories_missing_files_and_files_past_the_limit_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let mut files = OsFiles::new();
        for mode in [OpenMode::Read, OpenMode::Append, OpenMode::Truncate] {
            assert_eq!(files.open(path, mode).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        }
        assert_eq!(
            files.read_whole(path, 10).unwrap_err().kind(),
            io::ErrorKind::IsADirectory
        );
        let missing = format!("{path}/missing");
        assert_eq!(
            files.open(&missing, OpenMode::Read).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        std::fs::write(&missing, [0; 11]).unwrap();
        assert_eq!(
            files.read_whole(&missing, 10).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
        assert_eq!(files.read_whole(&missing, 11).unwrap().len(), 11);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error() {
        let mut files = OsFiles::new();
        let file = files.open("/dev/full", OpenMode::Append).unwrap();
        assert_eq!(files.write(file, b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
