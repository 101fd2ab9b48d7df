//! A file that is written.

use std::format;
use std::string::{String, ToString as _};
use std::sync::Arc;
use std::vec::Vec;

use super::super::api::{Connector, Context, Level, Links, LogLine, Status, StopStep};
use super::super::event::{Event, Port};
use super::super::outbox::Outbox;
use super::super::{Processing, StreamWriter};
use super::failure;
use crate::engine::OpenMode;

/// Writes each event as it comes, in one piece.
pub(super) struct FileSink {
    name: Arc<str>,
    path: String,
    mode: OpenMode,
    writer: StreamWriter,
    state: State,
    lost: u64,
    is_stopping: bool,
}

enum State {
    Idle,
    Open(Outbox),
    Failed(String),
}

impl FileSink {
    pub(super) fn new(name: Arc<str>, path: String, mode: OpenMode, processing: &Processing) -> Self {
        let writer = processing.writer();
        Self {
            name,
            path,
            mode,
            writer,
            state: State::Idle,
            lost: 0,
            is_stopping: false,
        }
    }

    /// Does `act` with the file, if it is open; an error ends the file.
    fn with_file(
        &mut self,
        cx: &mut Context<'_>,
        act: impl FnOnce(&mut Outbox, &mut dyn super::super::Files) -> std::io::Result<()>,
    ) {
        let State::Open(outbox) = &mut self.state else { return };
        if let Err(error) = act(outbox, cx.commands.files()) {
            self.state = State::Failed(failure("write", &self.path, &error, &self.name, cx));
        }
    }
}

impl Connector for FileSink {
    fn start(&mut self, _links: Links, cx: &mut Context<'_>) {
        self.state = match cx.commands.files().open(&self.path, self.mode) {
            Ok(file) => State::Open(Outbox::new(file)),
            Err(error) => State::Failed(failure("open", &self.path, &error, &self.name, cx)),
        };
    }

    fn handle_delivery(&mut self, _port: Port, event: &Event, cx: &mut Context<'_>) {
        if !matches!(self.state, State::Open(_)) {
            self.lost += 1;
            event.ticket.fail();
            return;
        }
        let mut bytes = Vec::new();
        let encoded = self
            .writer
            .write(&event.value, &event.meta, event.ingest_ns, &mut |chunk| {
                bytes.extend_from_slice(chunk)
            });
        if let Err(error) = encoded {
            event.ticket.fail();
            let text = format!("an event was not written: {error}");
            cx.log.push(LogLine {
                level: Level::Warn,
                source: self.name.to_string(),
                text,
            });
            return;
        }
        let is_stopping = self.is_stopping;
        self.with_file(cx, |outbox, files| {
            outbox.write(&bytes, files)?;
            if is_stopping { outbox.sync(files) } else { Ok(()) }
        });
        if matches!(self.state, State::Failed(_)) {
            self.lost += 1;
            event.ticket.fail();
        }
    }

    fn handle_files(&mut self, cx: &mut Context<'_>) {
        let is_stopping = self.is_stopping;
        self.with_file(cx, |outbox, files| {
            if is_stopping {
                outbox.sync(files)
            } else {
                outbox.flush(files)
            }
        });
    }

    /// The file stays open: what other connectors give at the very end is still written.
    fn handle_stop(&mut self, step: StopStep, cx: &mut Context<'_>) {
        if step != StopStep::Sinks || self.is_stopping {
            return;
        }
        self.is_stopping = true;
        let mut rest = Vec::new();
        if let Err(error) = self
            .writer
            .finish(cx.wall_ns, &mut |chunk| rest.extend_from_slice(chunk))
        {
            let text = format!("the last bytes were not written: {error}");
            cx.log.push(LogLine {
                level: Level::Warn,
                source: self.name.to_string(),
                text,
            });
        }
        self.with_file(cx, |outbox, files| {
            outbox.write(&rest, files).and_then(|()| outbox.sync(files))
        });
    }

    fn is_settled(&self, step: StopStep) -> bool {
        match &self.state {
            State::Open(outbox) if step == StopStep::Sinks => self.is_stopping && outbox.is_settled(),
            State::Idle | State::Open(_) | State::Failed(_) => true,
        }
    }

    fn status(&self) -> Status {
        match &self.state {
            State::Idle => Status::Starting,
            State::Open(outbox) if outbox.is_congested() => Status::Congested,
            State::Open(_) => Status::Up,
            State::Failed(text) => Status::Failed(text.clone()),
        }
    }

    fn losses(&self) -> Vec<String> {
        match self.lost {
            0 => Vec::new(),
            1 => vec![format!("1 event was not written to {}", self.path)],
            lost => vec![format!("{lost} events were not written to {}", self.path)],
        }
    }
}
