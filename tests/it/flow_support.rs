//! What the tests of flows share: files and modules that exist only here, and events sent through a loaded graph.

use std::collections::HashMap;
use std::io;

use wsloop::connector::api::{LogLine, Wiring};
use wsloop::connector::value::json;
use wsloop::connector::{ConnectorId, Delivery, Event, Files, Port, Value};
use wsloop::engine::{FileId, OpenMode};
use wsloop::flow::{Diagnostics, Graph, Loaded, Loader, Mode, Unit, load};

/// Files and modules by their paths; nothing else is there.
#[derive(Debug, Default, Clone)]
pub(crate) struct Folder(pub(crate) HashMap<String, Vec<u8>>);

impl Folder {
    pub(crate) fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.into(), content.into());
        self
    }

    fn get(&self, path: &str) -> io::Result<&Vec<u8>> {
        self.0.get(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Loader for Folder {
    fn read(&mut self, path: &str) -> io::Result<String> {
        self.get(path)
            .map(|content| String::from_utf8(content.clone()).unwrap())
    }
}

impl Files for Folder {
    fn open(&mut self, path: &str, _mode: OpenMode) -> io::Result<FileId> {
        panic!("{path} was opened, although nothing runs")
    }
    fn read(&mut self, _file: FileId, _bytes: &mut [u8]) -> io::Result<usize> {
        panic!("nothing is open")
    }
    fn write(&mut self, _file: FileId, _bytes: &[u8]) -> io::Result<usize> {
        panic!("nothing is open")
    }
    fn sync(&mut self, _file: FileId) -> io::Result<()> {
        panic!("nothing is open")
    }
    fn close(&mut self, _file: FileId) {}
    fn read_whole(&mut self, path: &str, _limit_bytes: usize) -> io::Result<Vec<u8>> {
        self.get(path).cloned()
    }
    fn absolute(&self, path: &str) -> String {
        format!("/here/{path}")
    }
}

/// Loads one file, `t.troy`, that finds modules in `lib`.
pub(crate) fn load_in(folder: &Folder, text: &str, mode: Mode) -> Result<Loaded, Diagnostics> {
    let unit = Unit {
        path: "t.troy".into(),
        text: text.into(),
    };
    load(
        &[unit],
        &["lib".into(), "more/".into()],
        &mut folder.clone(),
        &mut folder.clone(),
        mode,
    )
}

/// Loads one file without anything beside it.
pub(crate) fn load_text(text: &str, mode: Mode) -> Result<Loaded, Diagnostics> {
    load_in(&Folder::default(), text, mode)
}

/// Loads a file that must be good.
pub(crate) fn good(text: &str) -> Loaded {
    load_text(text, Mode::Run).unwrap_or_else(|wrong| panic!("{text}\n{wrong}"))
}

/// What is wrong with a file that must not be good.
pub(crate) fn wrong(text: &str, mode: Mode) -> Diagnostics {
    match load_text(text, mode) {
        Ok(_) => panic!("this should be wrong:\n{text}"),
        Err(diagnostics) => diagnostics,
    }
}

pub(crate) fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

/// Sends an event out of connector 0; what arrives as `number:value`, and the log.
pub(crate) fn send(graph: &mut Graph, event: Event) -> (Vec<Delivery>, Vec<LogLine>) {
    let mut deliveries = Vec::new();
    graph.handle_event(ConnectorId(0), Port::Out, event, &mut deliveries);
    let mut log = Vec::new();
    graph.poll_log(&mut log);
    (deliveries, log)
}

/// What a pipeline makes of a value with this metadata: the values that arrive anywhere, or the log's text.
pub(crate) fn results(graph: &mut Graph, event: &str, meta: &str) -> Result<Vec<String>, String> {
    let event = Event {
        value: value(event),
        meta: value(meta),
        ..Event::default()
    };
    let (deliveries, log) = send(graph, event);
    match log.first() {
        Some(line) => Err(line.text.clone()),
        None => Ok(deliveries
            .iter()
            .map(|delivery| delivery.event.value.to_string())
            .collect()),
    }
}

/// `text` is the part of a file in which `«` stands right in front of the mistake; `around` puts it into its place.
pub(crate) struct Mistake {
    text: &'static str,
    message: &'static str,
    /// A part of the label or the help; empty where there is nothing to say.
    help: &'static str,
}

pub(crate) const fn mistake(text: &'static str, message: &'static str, help: &'static str) -> Mistake {
    Mistake { text, message, help }
}

/// Line and column, both from 1, at which the mark stands.
fn place(text: &str) -> (u32, u32) {
    let before = text.split('«').next().unwrap();
    let line = before.matches('\n').count() as u32 + 1;
    (line, before.rsplit('\n').next().unwrap().chars().count() as u32 + 1)
}

/// Each mistake is found, alone, at its place.
pub(crate) fn check(mistakes: &[Mistake], around: impl Fn(&str) -> String) {
    for Mistake { text, message, help } in mistakes {
        let marked = around(text);
        let (line, column) = place(&marked);
        let found = wrong(&marked.replace('«', ""), Mode::Run);
        let first = found.iter().find(|it| (it.line, it.column) == (line, column));
        let Some(first) = first else {
            panic!("nothing at {line}:{column} of\n{marked}\n{found}")
        };
        assert!(first.message.contains(message), "{marked}\n{found}");
        let cure = format!("{} {}", first.label, first.help.as_deref().unwrap_or(""));
        assert!(cure.contains(help), "{marked}\n{found}");
        assert_eq!(found.len(), 1, "more than the one mistake in\n{marked}\n{found}");
        assert!(
            found.to_string().contains(&format!("t.troy:{line}:{column}")),
            "{found}"
        );
    }
}
