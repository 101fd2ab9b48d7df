//! `stdio`: standard input as a source, standard output and standard error as sinks.

use std::boxed::Box;
use std::format;
use std::io;
use std::string::{String, ToString as _};
use std::sync::Arc;
use std::vec::Vec;

use super::api::{Connector, Context, Level, Links, LogLine, Status, StopStep};
use super::build::Setup;
use super::config::{ConfigError, read_config};
use super::doc::{Example, Page};
use super::event::{Event, Origin, Port};
use super::options::options;
use super::outbox::Outbox;
use super::value::{Record, Value};
use super::{Processing, StreamReader, StreamWriter};
use crate::engine::FileId;
use crate::proto::Instant;

/// Bytes of standard input a turn.
const CHUNK_BYTES: usize = 8 << 10;

options! {
    struct Config {}
}

pub(super) const PAGE: Page = Page {
    summary: "Standard input as a source, standard output and standard error as sinks",
    text: r#"
Standard input is read only if `out` is linked: a job in the background that reads its terminal would be stopped. It ends
like any stream, and the service ends when nothing else is left to do. Standard output is written by `in` (or `stdout`, the
same), standard error by `stderr`; put `separate` behind the codec to get lines.

More than 256 KiB that wait for a slow reader pause the sources in front of it, and nobody else. A reader that has gone (a
closed pipe) is an error of the connector, as in any filter: it has failed, and the log says so.
"#,
    options: Config::OPTIONS,
    examples: &[Example::Flow {
        title: "A filter: JSON lines in, those with a high price out",
        text: r#"
define flow filter
flow
  define connector terminal from stdio
  with codec = "json", preprocessors = ["separate"], postprocessors = ["separate"]
  end;
  define pipeline dear pipeline select event from in where event.price > 100 into out end;
  create connector terminal; create pipeline dear;
  connect /connector/terminal to /pipeline/dear;
  connect /pipeline/dear to /connector/terminal;
end;
deploy flow filter
"#,
    }],
};

pub(super) fn make(setup: Setup<'_>) -> Result<Box<dyn Connector>, Vec<ConfigError>> {
    let Config {} = read_config(setup.config()).map_err(|error| vec![error])?;
    let sink = |file, title| Sink {
        title,
        outbox: Outbox::new(file),
        writer: setup.processing.writer(),
    };
    Ok(Box::new(Stdio {
        stdout: sink(FileId::STDOUT, "standard output"),
        stderr: sink(FileId::STDERR, "standard error"),
        name: setup.name,
        processing: setup.processing,
        input: Input::Unlinked,
        is_sink: false,
        may_read: false,
        is_blocked: false,
        is_stopping: false,
        failed: None,
        lost: 0,
    }))
}

struct Stdio {
    name: Arc<str>,
    processing: Processing,
    input: Input,
    stdout: Sink,
    stderr: Sink,
    is_sink: bool,
    may_read: bool,
    /// Standard input said `WouldBlock`.
    is_blocked: bool,
    is_stopping: bool,
    failed: Option<String>,
    lost: u64,
}

/// Standard input: left alone unless `out` is linked, since reading it in the background stops the process.
enum Input {
    Unlinked,
    Reading { reader: StreamReader, chunk: Box<[u8]> },
    Ended,
}

struct Sink {
    title: &'static str,
    outbox: Outbox,
    writer: StreamWriter,
}

impl Stdio {
    fn log(&self, level: Level, text: String, cx: &mut Context<'_>) {
        cx.log.push(LogLine {
            level,
            source: self.name.to_string(),
            text,
        });
    }

    fn fail(&mut self, text: String, cx: &mut Context<'_>) {
        if self.failed.is_none() {
            self.log(Level::Error, text.clone(), cx);
            self.failed = Some(text);
        }
    }

    /// Writes out what waits, and at the end syncs.
    fn write_out(&mut self, cx: &mut Context<'_>) {
        let is_stopping = self.is_stopping;
        let failure = [&mut self.stdout, &mut self.stderr].into_iter().find_map(|sink| {
            let files = cx.commands.files();
            let result = if is_stopping {
                sink.outbox.sync(files)
            } else {
                sink.outbox.flush(files)
            };
            result.err().map(|error| write_failure(sink.title, &error))
        });
        if let Some(text) = failure {
            self.fail(text, cx);
        }
    }
}

impl Connector for Stdio {
    fn start(&mut self, links: Links, cx: &mut Context<'_>) {
        self.is_sink = links.sink;
        if links.out {
            let origin = Origin {
                connector: cx.id,
                stream: 0,
            };
            let reader = self.processing.reader(self.name.clone(), origin);
            self.input = Input::Reading {
                reader,
                chunk: vec![0; CHUNK_BYTES].into(),
            };
        }
    }

    fn handle_flow(&mut self, may_read: bool, _cx: &mut Context<'_>) {
        self.may_read = may_read;
    }

    fn handle_delivery(&mut self, port: Port, event: &Event, cx: &mut Context<'_>) {
        if self.failed.is_some() {
            self.lost += 1;
            event.ticket.fail();
            return;
        }
        let sink = match port {
            Port::Stderr => &mut self.stderr,
            Port::In | Port::Stdout | Port::Out | Port::Err | Port::Connections => &mut self.stdout,
        };
        let mut bytes = Vec::new();
        let encoded = sink
            .writer
            .write(&event.value, &event.meta, event.ingest_ns, &mut |chunk| {
                bytes.extend_from_slice(chunk)
            });
        if let Err(error) = encoded {
            event.ticket.fail();
            return self.log(Level::Warn, format!("an event was not written: {error}"), cx);
        }
        if let Err(error) = sink.outbox.write(&bytes, cx.commands.files()) {
            let text = write_failure(sink.title, &error);
            self.lost += 1;
            event.ticket.fail();
            self.fail(text, cx);
        } else if self.is_stopping {
            self.write_out(cx);
        }
    }

    fn handle_files(&mut self, cx: &mut Context<'_>) {
        self.is_blocked = false;
        if self.failed.is_none() {
            self.write_out(cx);
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        if self.poll_timeout().is_none() {
            return;
        }
        let Input::Reading { reader, chunk } = &mut self.input else {
            return;
        };
        let meta = Value::from(Record::default());
        match cx.commands.files().read(FileId::STDIN, chunk) {
            Ok(0) => {
                reader.finish(&meta, cx.wall_ns, cx.emitted);
                self.input = Input::Ended;
            }
            Ok(count) => reader.read(&chunk[..count], &meta, cx.wall_ns, cx.emitted),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_blocked = true,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.fail(format!("can't read standard input: {error}"), cx),
        }
    }

    fn handle_stop(&mut self, step: StopStep, cx: &mut Context<'_>) {
        if matches!(self.input, Input::Reading { .. }) {
            self.input = Input::Ended;
        }
        if step != StopStep::Sinks || self.is_stopping {
            return;
        }
        self.is_stopping = true;
        for sink in [&mut self.stdout, &mut self.stderr] {
            let mut rest = Vec::new();
            let finished = sink
                .writer
                .finish(cx.wall_ns, &mut |chunk| rest.extend_from_slice(chunk));
            let lost = finished
                .err()
                .map(|error| format!("the last bytes were not written: {error}"));
            // A failure shows again below, where it is told.
            let _ = sink.outbox.write(&rest, cx.commands.files());
            if let Some(text) = lost {
                cx.log.push(LogLine {
                    level: Level::Warn,
                    source: self.name.to_string(),
                    text,
                });
            }
        }
        if self.failed.is_none() {
            self.write_out(cx);
        }
    }

    fn is_settled(&self, step: StopStep) -> bool {
        step != StopStep::Sinks
            || self.failed.is_some()
            || (self.is_stopping && self.stdout.outbox.is_settled() && self.stderr.outbox.is_settled())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let is_reading = matches!(self.input, Input::Reading { .. });
        (is_reading && self.may_read && !self.is_blocked && self.failed.is_none()).then_some(Instant::ZERO)
    }

    fn status(&self) -> Status {
        if let Some(text) = &self.failed {
            return Status::Failed(text.clone());
        }
        match self.input {
            _ if self.stdout.outbox.is_congested() || self.stderr.outbox.is_congested() => Status::Congested,
            Input::Ended if !self.is_sink => Status::Finished,
            Input::Ended | Input::Unlinked | Input::Reading { .. } => Status::Up,
        }
    }

    fn is_exhausted(&self) -> bool {
        self.failed.is_some() || !matches!(self.input, Input::Reading { .. })
    }

    fn losses(&self) -> Vec<String> {
        match self.lost {
            0 => Vec::new(),
            lost => vec![format!(
                "{lost} events for standard output or standard error were not written"
            )],
        }
    }
}

fn write_failure(title: &str, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::BrokenPipe {
        format!("can't write {title}: nobody reads it any more")
    } else {
        format!("can't write {title}: {error}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{Bench, FakeFiles, value};
    use super::*;

    const LINES: &str = r#"{"codec":"string","preprocessors":["separate"],"postprocessors":["separate"]}"#;
    const SOURCE: Links = Links {
        sink: false,
        out: true,
        err: false,
        connections: false,
    };
    const SINK: Links = Links {
        sink: true,
        out: false,
        err: false,
        connections: false,
    };

    fn started(links: Links, files: FakeFiles) -> Bench {
        let mut bench = Bench::new("stdio", LINES, files);
        bench.start(links);
        bench
    }

    fn stdin(reads: &[Option<&str>]) -> FakeFiles {
        let stdin = reads
            .iter()
            .map(|read| read.map(|text| text.as_bytes().to_vec()))
            .collect();
        FakeFiles {
            stdin,
            ..FakeFiles::default()
        }
    }

    #[test]
    fn lines_come_in_as_they_are_typed() {
        let mut bench = started(SOURCE, stdin(&[Some("a\nb"), None, Some("c\nlast")]));
        assert!(bench.turn(Duration::ZERO) && bench.turn(Duration::ZERO));
        assert_eq!(bench.events(), ["\"a\""]);
        assert!(
            !bench.turn(Duration::from_secs(1)),
            "nothing is asked for until the system says so"
        );
        bench.call(|connector, cx| connector.handle_files(cx));
        assert!(bench.turn(Duration::ZERO) && bench.turn(Duration::ZERO));
        assert_eq!(bench.events(), ["\"bc\"", "\"last\""]);
        assert_eq!(bench.connector.status(), Status::Finished);
        assert!(!bench.turn(Duration::ZERO));
    }

    #[test]
    fn a_terminal_whose_input_has_ended_still_takes_events() {
        let mut bench = started(Links { sink: true, ..SOURCE }, stdin(&[Some("a\n")]));
        assert!(bench.turn(Duration::ZERO) && !bench.connector.is_exhausted());
        assert!(bench.turn(Duration::ZERO) && bench.connector.is_exhausted());
        assert_eq!(bench.connector.status(), Status::Up);
        bench.deliver(Port::In, "late".into());
        assert_eq!(bench.files.stdout, b"late\n");
    }

    #[test]
    fn standard_input_is_left_alone_unless_it_is_wanted() {
        let mut bench = started(SINK, stdin(&[Some("a\n")]));
        assert!(!bench.turn(Duration::ZERO) && !bench.files.stdin_was_read);
        let mut bench = Bench::new("stdio", LINES, stdin(&[Some("a\n")]));
        bench.call(|connector, cx| connector.start(SOURCE, cx));
        assert!(!bench.turn(Duration::ZERO) && !bench.files.stdin_was_read);
    }

    #[test]
    fn events_go_out_by_their_port() {
        let mut bench = started(SINK, FakeFiles::default());
        bench.deliver(Port::In, "bare".into());
        bench.deliver(Port::Stdout, value(r#"{"b":1,"a":2}"#));
        bench.deliver(Port::Stderr, value("null"));
        assert_eq!(bench.files.stdout, b"bare\n{\"b\":1,\"a\":2}\n");
        assert_eq!(bench.files.stderr, b"null\n");
    }

    #[test]
    fn a_slow_reader_holds_up_the_sources_and_loses_nothing() {
        let mut bench = started(
            SINK,
            FakeFiles {
                room: Some(10),
                ..FakeFiles::default()
            },
        );
        for _ in 0..300 {
            bench.deliver(Port::In, "x".repeat(1023).into());
        }
        assert_eq!(bench.connector.status(), Status::Congested);
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sinks, cx));
        assert!(!bench.connector.is_settled(StopStep::Sinks));
        bench.files.room = None;
        bench.call(|connector, cx| connector.handle_files(cx));
        assert_eq!(bench.files.stdout.len(), 300 << 10);
        assert!(bench.connector.is_settled(StopStep::Sinks));
        assert!(bench.connector.losses().is_empty());
    }

    #[test]
    fn a_closed_pipe_is_a_failure_not_a_panic() {
        let files = FakeFiles {
            room: Some(4),
            write_error: Some(io::ErrorKind::BrokenPipe),
            ..stdin(&[Some("a\n")])
        };
        let mut bench = started(Links { sink: true, ..SOURCE }, files);
        bench.deliver(Port::In, "too long".into());
        bench.deliver(Port::In, "x".into());
        let text = "can't write standard output: nobody reads it any more";
        assert_eq!(bench.connector.status(), Status::Failed(text.into()));
        assert_eq!(bench.log_text(), text);
        assert!(!bench.turn(Duration::ZERO), "a failed terminal isn't read either");
        assert_eq!(bench.connector.losses().len(), 1);
        assert!(bench.connector.is_settled(StopStep::Sinks));
    }

    #[test]
    fn a_stop_ends_the_reading() {
        let mut bench = started(SOURCE, stdin(&[Some("a\nhalf"), Some(" line\n")]));
        assert!(bench.turn(Duration::ZERO));
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sources, cx));
        assert!(!bench.turn(Duration::ZERO));
        assert_eq!(bench.events(), ["\"a\""]);
        assert_eq!(bench.connector.status(), Status::Finished);
    }
}
