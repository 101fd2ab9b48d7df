//! `wsloop doc`: the reference, printed or written.
#![expect(
    clippy::disallowed_methods,
    reason = "runs without an event loop; it writes pages where it is told to"
)]

use std::fs;
use std::path::Path;

use super::arguments::Doc;
use super::outcome::Outcome;
use super::print;
use wsloop::connector::config;
use wsloop::connector::doc::{self, Entry};

/// Prints the pages of that name, or all names; or writes every page to a folder.
pub(crate) fn run(arguments: &Doc) -> Outcome {
    let entries = doc::pages();
    if let Some(dir) = &arguments.write {
        return match write_all(dir, &entries) {
            Ok(()) => Outcome::Done,
            Err(error) => {
                log::error!("{error}");
                Outcome::Failed
            }
        };
    }
    let Some(name) = &arguments.name else {
        print(&list(&entries));
        return Outcome::Done;
    };
    let found: Vec<String> = entries
        .iter()
        .filter(|entry| entry.name == name || path_of(entry) == *name)
        .map(Entry::markdown)
        .collect();
    if found.is_empty() {
        let names = entries.iter().map(|entry| entry.name);
        let help = match config::suggest(name, names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`wsloop doc` lists them all".into(),
        };
        log::error!("there is no page `{name}`; {help}");
        return Outcome::Failed;
    }
    print(&found.join("\n"));
    Outcome::Done
}

/// Where a page lies in the reference, without `.md`.
fn path_of(entry: &Entry) -> String {
    format!("{}/{}", entry.subject.folder(), entry.name)
}

/// One line a page, the name first.
fn list(entries: &[Entry]) -> String {
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    let mut subject = None;
    for entry in entries {
        if subject.replace(entry.subject) != Some(entry.subject) {
            let blank = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{blank}{}\n", entry.subject.plural()));
        }
        text.push_str(&format!("  {:width$}  {}\n", entry.name, entry.page.summary));
    }
    text.push_str("\n`wsloop doc NAME` prints a page.\n");
    text
}

/// The reference as a folder of Markdown.
fn write_all(dir: &Path, entries: &[Entry]) -> Result<(), String> {
    let write = |path: &Path, text: &str| {
        let folder = path.parent().unwrap_or(dir);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    for entry in entries {
        write(&dir.join(path_of(entry)).with_extension("md"), &entry.markdown())?;
    }
    write(&dir.join("README.md"), &doc::index(entries))
}
