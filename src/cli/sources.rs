//! From the files that the command line names to a loaded flow.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use wsloop::engine::Files;
use wsloop::flow::{self, Diagnostics, Loaded, Loader, Mode, Unit};
use wsloop::sys::OsFiles;

use super::outcome::Outcome;

/// A config file longer than this is a mistake: another file was meant.
const MAX_FILE_BYTES: usize = 16 << 20;

/// Where modules are looked for when `TREMOR_PATH` isn't set, as Tremor does.
const DEFAULT_SEARCH: &str = "/usr/local/share/tremor:/usr/share/tremor/lib";

/// Loads the files and shows what is wrong with them on standard error.
///
/// # Errors
/// [`Outcome::BadConfig`], after everything was shown.
pub(crate) fn load(paths: &[PathBuf], mode: Mode) -> Result<Loaded, Outcome> {
    let mut files = OsFiles::new();
    let mut units = Vec::new();
    let mut unreadable = 0;
    for path in paths {
        let path = path.display().to_string();
        match read(&mut files, &path) {
            Ok(text) => units.push(Unit { path, text }),
            Err(error) => {
                log::error!("{path}: {error}");
                unreadable += 1;
            }
        }
    }
    if unreadable > 0 {
        return Err(Outcome::BadConfig);
    }
    let search = env::var("TREMOR_PATH").unwrap_or_else(|_| DEFAULT_SEARCH.to_owned());
    let search: Vec<_> = search
        .split(':')
        .filter(|dir| !dir.is_empty())
        .map(str::to_owned)
        .collect();
    let mut modules = Modules(OsFiles::new());
    match flow::load(&units, &search, &mut modules, &mut files, mode) {
        Ok(loaded) => {
            show(&loaded.warnings);
            Ok(loaded)
        }
        Err(mistakes) => {
            show(&mistakes);
            Err(Outcome::BadConfig)
        }
    }
}

/// Reads the files of modules.
struct Modules(OsFiles);

impl Loader for Modules {
    fn read(&mut self, path: &str) -> io::Result<String> {
        read(&mut self.0, path)
    }
}

fn read(files: &mut OsFiles, path: &str) -> io::Result<String> {
    let bytes = files.read_whole(path, MAX_FILE_BYTES)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = format!("it is not a text in UTF-8: the byte at {at} can't stand there");
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

/// Writes diagnostics to standard error, coloured if that is a terminal.
fn show(diagnostics: &Diagnostics) {
    let color = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // Nobody is left to be told that standard error is closed.
    let _ = io::stderr().lock().write_all(diagnostics.render(color).as_bytes());
}

/// Writes a small file.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut files = OsFiles::new();
    let file = files.open(&path.to_string_lossy(), wsloop::engine::OpenMode::Truncate)?;
    let mut unwritten = text.as_bytes();
    while !unwritten.is_empty() {
        let count = files.write(file, unwritten)?;
        unwritten = &unwritten[count..];
    }
    files.close(file);
    Ok(())
}
