//! A file that is read.

use std::format;
use std::num::NonZeroU32;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::super::api::{Connector, Context, Level, Links, LogLine, Status, StopStep};
use super::super::event::{Origin, Port};
use super::super::ticket::Outcome as TicketOutcome;
use super::super::value::Value;
use super::super::{Processing, StreamReader};
use super::failure;
use crate::engine::{FileId, OpenMode};
use crate::proto::Instant;

/// Bytes that one turn reads: enough that a small file is read before anything can stop the flow, few enough that a
/// large one doesn't hold up the loop.
const TURN_BYTES: u64 = 128 << 10;

/// Chunks that one turn reads at most.
pub(super) const TURN_CHUNKS: usize = 16;

/// Reads chunk by chunk, no more than [`TURN_BYTES`] and [`TURN_CHUNKS`] a turn.
pub(super) struct FileSource {
    name: Arc<str>,
    path: String,
    chunk_bytes: u32,
    processing: Processing,
    state: State,
    may_read: bool,
    /// The file said `WouldBlock`; a pipe may.
    is_blocked: bool,
    /// So many events may be on their way at once, if anybody counts them.
    wait_for_acks: Option<NonZeroU32>,
    /// Events that were given a ticket, each by its number.
    issued: u64,
    /// Of these, those whose outcome was told.
    settled: u64,
    /// Of these, those that did not arrive.
    failed: u64,
}

enum State {
    Idle,
    Reading {
        file: FileId,
        reader: StreamReader,
        chunk: Vec<u8>,
        meta: Value,
        at: u64,
    },
    /// All is read, but not all has arrived.
    Waiting,
    Finished,
    Failed(String),
}

impl FileSource {
    pub(super) fn new(
        name: Arc<str>,
        path: String,
        chunk_bytes: u32,
        wait_for_acks: Option<NonZeroU32>,
        processing: Processing,
    ) -> Self {
        Self {
            wait_for_acks,
            issued: 0,
            settled: 0,
            failed: 0,
            name,
            path,
            chunk_bytes,
            processing,
            state: State::Idle,
            may_read: false,
            is_blocked: false,
        }
    }

    /// How many bytes were read of the file that is being read.
    fn position(&self) -> u64 {
        match self.state {
            State::Reading { at, .. } => at,
            State::Idle | State::Waiting | State::Finished | State::Failed(_) => 0,
        }
    }

    fn read_chunk(&mut self, cx: &mut Context<'_>) {
        let State::Reading {
            file,
            reader,
            chunk,
            meta,
            at,
        } = &mut self.state
        else {
            return;
        };
        let before = cx.emitted.len();
        match cx.commands.files().read(*file, chunk) {
            Ok(0) => {
                reader.finish(meta, cx.wall_ns, cx.emitted);
                cx.commands.files().close(*file);
                self.state = State::Waiting;
            }
            Ok(count) => {
                *at += count as u64;
                reader.read(&chunk[..count], meta, cx.wall_ns, cx.emitted);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.is_blocked = true,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                cx.commands.files().close(*file);
                self.state = State::Failed(failure("read", &self.path, &error, &self.name, cx));
            }
        }
        self.issue_tickets(before, cx);
        self.finish_if_all_arrived();
    }

    /// Tickets for what was emitted from `first` on, if anybody counts them.
    fn issue_tickets(&mut self, first: usize, cx: &mut Context<'_>) {
        if self.wait_for_acks.is_none() {
            return;
        }
        for (port, event) in &mut cx.emitted[first..] {
            if *port == Port::Out {
                event.ticket = cx.tickets.issue(cx.id, self.issued);
                self.issued += 1;
            }
        }
    }

    fn finish_if_all_arrived(&mut self) {
        if matches!(self.state, State::Waiting) && self.settled == self.issued {
            self.state = State::Finished;
        }
    }

    /// Whether as many events are on their way as may be.
    fn must_wait(&self) -> bool {
        self.wait_for_acks
            .is_some_and(|most| self.issued - self.settled >= u64::from(most.get()))
    }
}

impl Connector for FileSource {
    fn start(&mut self, _links: Links, cx: &mut Context<'_>) {
        match cx.commands.files().open(&self.path, OpenMode::Read) {
            Ok(file) => {
                self.state = State::Reading {
                    file,
                    reader: self.processing.reader(
                        self.name.clone(),
                        Origin {
                            connector: cx.id,
                            stream: 0,
                        },
                    ),
                    chunk: vec![0; self.chunk_bytes as usize],
                    meta: Value::record([("file", Value::record([("path", self.path.as_str())]))]),
                    at: 0,
                }
            }
            Err(error) => self.state = State::Failed(failure("open", &self.path, &error, &self.name, cx)),
        }
    }

    fn handle_flow(&mut self, may_read: bool, _cx: &mut Context<'_>) {
        self.may_read = may_read;
    }

    fn handle_settled(&mut self, _id: u64, outcome: TicketOutcome, _cx: &mut Context<'_>) {
        self.settled += 1;
        self.failed += u64::from(outcome == TicketOutcome::Fail);
        self.finish_if_all_arrived();
    }

    fn handle_files(&mut self, _cx: &mut Context<'_>) {
        self.is_blocked = false;
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        let began = self.position();
        for _ in 0..TURN_CHUNKS {
            if self.poll_timeout().is_none() || self.position() - began >= TURN_BYTES {
                break;
            }
            self.read_chunk(cx);
        }
    }

    /// Stops where it is. What the preprocessors hold back is half of something whose other half isn't read, and is
    /// left.
    fn handle_stop(&mut self, _step: StopStep, cx: &mut Context<'_>) {
        if let State::Reading { file, at, .. } = self.state {
            cx.commands.files().close(file);
            let text = format!(
                "stopped reading {} at byte {at}",
                cx.commands.files().absolute(&self.path)
            );
            cx.log.push(LogLine {
                level: Level::Info,
                source: String::from(&*self.name),
                text,
            });
        }
        if !matches!(self.state, State::Failed(_)) {
            self.state = State::Finished;
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let is_reading = matches!(self.state, State::Reading { .. });
        (is_reading && self.may_read && !self.is_blocked && !self.must_wait()).then_some(Instant::ZERO)
    }

    fn status(&self) -> Status {
        match &self.state {
            State::Idle => Status::Starting,
            State::Reading { .. } | State::Waiting => Status::Up,
            State::Finished => Status::Finished,
            State::Failed(text) => Status::Failed(text.clone()),
        }
    }

    fn losses(&self) -> Vec<String> {
        match self.failed {
            0 => Vec::new(),
            1 => vec![format!("1 event of {} did not arrive", self.path)],
            failed => vec![format!("{failed} events of {} did not arrive", self.path)],
        }
    }
}
