//! What the tests of connectors share.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::string::{String, ToString};
use std::time::Duration;
use std::vec::Vec;

use super::api::{Commands, Connector, Context, Links, LogLine, StopRequest};
use super::config::lines;
use super::event::{ConnectorId, Event, Origin, Port};
use super::ticket::TicketOffice;
use super::value::{Record, Value, json};
use super::{Definition, Files, Processing, StreamReader, StreamWriter, build};
use crate::engine::{self, ConnectOptions, FileId, ListenOptions, ListenerId, Misuse, OpenMode, Sent, StreamId};
use crate::proto::{self, CloseCode, Instant, Message};

/// A value from its JSON.
pub(super) fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

/// A definition's `with` from JSON: an object.
pub(super) fn with(text: &str) -> Record {
    value(text).as_record().unwrap().clone()
}

/// The processing that a definition asks for, or its mistakes, one a line.
pub(super) fn try_processing(definition: &str) -> Result<Processing, String> {
    let mut errors = Vec::new();
    Processing::from_definition(&with(definition), &mut errors).ok_or_else(|| lines(&errors))
}

pub(super) fn reader(definition: &str) -> StreamReader {
    let origin = Origin {
        connector: ConnectorId(3),
        stream: 9,
    };
    try_processing(definition).unwrap().reader("flow::here".into(), origin)
}

pub(super) fn writer(definition: &str) -> StreamWriter {
    try_processing(definition).unwrap().writer()
}

/// What a stream of these messages gives, finish included: each value as JSON, each error event as `error`.
pub(super) fn read_all<B: AsRef<[u8]>>(definition: &str, messages: impl IntoIterator<Item = B>) -> Vec<String> {
    let mut reader = reader(definition);
    let mut emitted = Vec::new();
    for message in messages {
        reader.read(message.as_ref(), &Value::record([("k", 1)]), 5, &mut emitted);
    }
    reader.finish(&Value::Null, 6, &mut emitted);
    shown(&emitted)
}

/// Each value as JSON, each error event as `error`.
pub(super) fn shown(emitted: &[(Port, Event)]) -> Vec<String> {
    let show = |(port, event): &(Port, Event)| match port {
        Port::Out => event.value.to_string(),
        Port::Err => "error".into(),
        Port::Connections => event.value.to_string(),
        Port::In | Port::Stdout | Port::Stderr => unreachable!("a source has no such port"),
    };
    emitted.iter().map(show).collect()
}

/// The chunks that a value gives.
pub(super) fn write_all(definition: &str, value: &Value) -> Result<Vec<Vec<u8>>, String> {
    let mut chunks = Vec::new();
    let mut writer = writer(definition);
    writer
        .write(value, &Value::Null, 5, &mut |chunk| chunks.push(chunk.to_vec()))
        .map_err(|error| error.to_string())?;
    writer
        .finish(5, &mut |chunk| chunks.push(chunk.to_vec()))
        .map_err(|error| error.to_string())?;
    Ok(chunks)
}

/// Files in memory, and standard streams that can be made to wait or fail.
#[derive(Default)]
pub(super) struct FakeFiles {
    /// Contents by path.
    pub(super) contents: BTreeMap<String, Vec<u8>>,
    /// What standard input gives, read by read: `None` is `WouldBlock`; after the last one it has ended.
    pub(super) stdin: VecDeque<Option<Vec<u8>>>,
    /// Whether anybody read standard input.
    pub(super) stdin_was_read: bool,
    /// Standard output.
    pub(super) stdout: Vec<u8>,
    /// Standard error.
    pub(super) stderr: Vec<u8>,
    /// Bytes that may still be written before `WouldBlock`; `None`: any number.
    pub(super) room: Option<usize>,
    /// Writes fail so, once the room is used up.
    pub(super) write_error: Option<io::ErrorKind>,
    /// How often something was synced.
    pub(super) syncs: u32,
    /// Path and position of what was opened.
    pub(super) open: Vec<(String, usize)>,
}

impl FakeFiles {
    pub(super) fn holding(path: &str, content: impl AsRef<[u8]>) -> Self {
        Self {
            contents: [(path.to_string(), content.as_ref().to_vec())].into(),
            ..Self::default()
        }
    }

    pub(super) fn text(&self, path: &str) -> String {
        String::from_utf8(self.contents[path].clone()).unwrap()
    }
}

impl Files for FakeFiles {
    fn open(&mut self, path: &str, mode: OpenMode) -> io::Result<FileId> {
        let content = match mode {
            OpenMode::Read => self.contents.get_mut(path).ok_or(io::ErrorKind::NotFound)?,
            OpenMode::Truncate | OpenMode::Append | OpenMode::Overwrite => {
                self.contents.entry(path.into()).or_default()
            }
        };
        if mode == OpenMode::Truncate {
            content.clear();
        }
        let at = if mode == OpenMode::Append { content.len() } else { 0 };
        self.open.push((path.into(), at));
        Ok(FileId(self.open.len() as u32 + 2))
    }

    fn read(&mut self, file: FileId, bytes: &mut [u8]) -> io::Result<usize> {
        if file == FileId::STDIN {
            self.stdin_was_read = true;
            let Some(step) = self.stdin.pop_front() else {
                return Ok(0);
            };
            let chunk = step.ok_or(io::ErrorKind::WouldBlock)?;
            bytes[..chunk.len()].copy_from_slice(&chunk);
            return Ok(chunk.len());
        }
        let (path, at) = &mut self.open[file.0 as usize - 3];
        let rest = &self.contents[path.as_str()][*at..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        *at += count;
        Ok(count)
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> io::Result<usize> {
        let count = self.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        if count == 0 && !bytes.is_empty() {
            return Err(self.write_error.unwrap_or(io::ErrorKind::WouldBlock).into());
        }
        self.room = self.room.map(|room| room - count);
        match file {
            FileId::STDOUT => self.stdout.extend_from_slice(&bytes[..count]),
            FileId::STDERR => self.stderr.extend_from_slice(&bytes[..count]),
            FileId(number) => {
                let (path, at) = &mut self.open[number as usize - 3];
                let content = self.contents.get_mut(path.as_str()).unwrap();
                let overwritten = content.len().min(*at + count);
                content.splice(*at..overwritten, bytes[..count].iter().copied());
                *at += count;
            }
        }
        Ok(count)
    }

    fn sync(&mut self, _file: FileId) -> io::Result<()> {
        self.syncs += 1;
        Ok(())
    }

    fn close(&mut self, _file: FileId) {}

    fn read_whole(&mut self, path: &str, _limit_bytes: usize) -> io::Result<Vec<u8>> {
        self.contents
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&mut self, folder: &str, _limit: usize) -> io::Result<Vec<String>> {
        let prefix = std::format!("{folder}/");
        let found: Vec<String> = self
            .contents
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix))
            .map(ToString::to_string)
            .collect();
        if found.is_empty() {
            Err(io::ErrorKind::NotFound.into())
        } else {
            Ok(found)
        }
    }

    fn absolute(&self, path: &str) -> String {
        std::format!("/absolute/{path}")
    }
}

/// A connector that owns no connections, and the world around it.
pub(super) struct Bench {
    pub(super) connector: std::boxed::Box<dyn Connector>,
    pub(super) files: FakeFiles,
    pub(super) now: Instant,
    pub(super) emitted: Vec<(Port, Event)>,
    pub(super) log: Vec<LogLine>,
    pub(super) stop: Option<StopRequest>,
    pub(super) tickets: TicketOffice,
}

impl Bench {
    pub(super) fn new(kind: &str, definition: &str, mut files: FakeFiles) -> Self {
        let definition = Definition {
            name: "flow::here".into(),
            kind: kind.into(),
            with: with(definition),
        };
        let connector = build(&definition, &mut files)
            .map_err(|errors| lines(&errors))
            .unwrap()
            .connector;
        let now = Instant::from_nanos(1_000);
        Self {
            connector,
            files,
            now,
            emitted: Vec::new(),
            log: Vec::new(),
            stop: None,
            tickets: TicketOffice::default(),
        }
    }

    /// Starts it with these ports linked; what is behind it is up.
    pub(super) fn start(&mut self, links: Links) {
        self.call(|connector, cx| connector.start(links, cx));
        self.call(|connector, cx| connector.handle_flow(true, cx));
    }

    pub(super) fn call<R>(&mut self, act: impl FnOnce(&mut dyn Connector, &mut Context<'_>) -> R) -> R {
        let mut commands = OnlyFiles(&mut self.files);
        let mut context = Context {
            id: ConnectorId(7),
            now: self.now,
            wall_ns: 5_000 + self.now.as_nanos(),
            commands: &mut commands,
            emitted: &mut self.emitted,
            log: &mut self.log,
            stop: &mut self.stop,
            tickets: &self.tickets,
            random: &mut || 4,
        };
        act(self.connector.as_mut(), &mut context)
    }

    /// Lets time pass, and the timer go off if it is due; tells whether it was.
    pub(super) fn turn(&mut self, passed: Duration) -> bool {
        self.now += passed;
        let is_due = self.connector.poll_timeout().is_some_and(|due| due <= self.now);
        if is_due {
            self.call(|connector, cx| connector.handle_timeout(cx));
        }
        is_due
    }

    pub(super) fn deliver(&mut self, port: Port, value: Value) {
        let event = Event {
            value,
            ..Event::default()
        };
        self.call(|connector, cx| connector.handle_delivery(port, &event, cx));
    }

    /// What was emitted since the last call.
    pub(super) fn events(&mut self) -> Vec<String> {
        shown(&std::mem::take(&mut self.emitted))
    }

    pub(super) fn log_text(&self) -> String {
        self.log
            .iter()
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

struct OnlyFiles<'a>(&'a mut FakeFiles);

const NO_STREAMS: &str = "this connector has no connections";

impl Commands for OnlyFiles<'_> {
    fn listen(&mut self, _: ListenOptions) -> Result<ListenerId, engine::Error> {
        unreachable!("{NO_STREAMS}")
    }

    fn listener_addr(&self, _: ListenerId) -> Result<SocketAddr, Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn close_listener(&mut self, _: ListenerId) {
        unreachable!("{NO_STREAMS}")
    }

    fn connect(&mut self, _: ConnectOptions) -> Result<StreamId, engine::Error> {
        unreachable!("{NO_STREAMS}")
    }

    fn accept(&mut self, _: StreamId, _: proto::Accept) -> Result<(), Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn refuse(&mut self, _: StreamId, _: proto::Response) -> Result<(), Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn send(&mut self, _: StreamId, _: Message<'_>) -> Result<Sent, Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn send_prepared(&mut self, _: StreamId, _: &proto::Prepared) -> Result<Sent, Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn account(&self, _: StreamId) -> Result<engine::Account, Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn close(&mut self, _: StreamId, _: Option<CloseCode>, _: &str) -> Result<(), Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn close_now(&mut self, _: StreamId, _: CloseCode, _: &str, _: Duration) -> Result<(), Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn pause(&mut self, _: StreamId) -> Result<(), Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn resume(&mut self, _: StreamId) -> Result<(), Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn queued_bytes(&self, _: StreamId) -> Result<usize, Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn peer_addr(&self, _: StreamId) -> Result<SocketAddr, Misuse> {
        unreachable!("{NO_STREAMS}")
    }

    fn counters(&self) -> engine::Counters {
        engine::Counters::default()
    }

    fn files(&mut self) -> &mut dyn Files {
        self.0
    }
}
