//! `file`: reads a file to its end, or writes one.

mod sink;
mod source;

use std::boxed::Box;
use std::format;
use std::num::NonZeroU32;
use std::string::String;
use std::vec::Vec;

use super::api::{Connector, Context, Level, LogLine};
use super::build::Setup;
use super::config::{ConfigError, read_config};
use super::doc::{Example, Page};
use super::options::{choices, options};
use crate::engine::OpenMode;

/// The most that is read at once: a turn of the loop should not take longer than a large message takes.
const MAX_CHUNK_BYTES: u32 = 16 << 20;

options! {
    struct Config {
        /// The file; relative to the working directory.
        path: String,
        /// Whether it is read or written, and how.
        mode: Mode,
        /// How many bytes are read at once, and given to the first preprocessor.
        chunk_size: u32 [1..=MAX_CHUNK_BYTES] = 8192,
        /// Reads no further while so many events of the file are on their way: not yet given to the system by every sink
        /// that they reach, such as the connection of a `ws_client`. Those that failed are told at the end, and the exit
        /// code is 1 then. Nobody counts, if not given.
        wait_for_acks: Option<NonZeroU32> = None,
    }
}

choices! {
    enum Mode {
        /// It is read, from its beginning to its end.
        Read = "read",
        /// The same as `truncate`.
        Write = "write",
        /// It is emptied, then written.
        Truncate = "truncate",
        /// It is written behind what it holds.
        Append = "append",
        /// It is written over what it holds, from its beginning.
        Overwrite = "overwrite",
    }
}

pub(super) const PAGE: Page = Page {
    summary: "Reads a file to its end, or writes one",
    text: r#"
`"mode": "read"` makes it a source: the file is read in chunks of `chunk_size` bytes, from its beginning to its end, and
begins when every sink behind it is up. Where the file ends the preprocessors give what they held back, so the last line
needs no line break; then the connector has finished, and the service ends if nothing else is left to do. The events carry
the metadata `$file = {"path": …}`.

Every other mode makes it a sink, which writes each event behind the one before. More than 256 KiB that wait to be written
pause the sources in front of it; more than 64 MiB never wait. When the service stops in good order, the file is synced.

A file that can't be opened, read or written is an error of the connector: the log says so, with the absolute path, and the
connector has failed.
"#,
    options: Config::OPTIONS,
    examples: &[Example::Flow {
        title: "Lines of one file into another",
        text: r#"
define flow duplicate
flow
  define connector input from file
  with codec = "json", preprocessors = ["separate"], config = {"path": "in.json", "mode": "read"}
  end;
  define connector output from file
  with codec = "json", postprocessors = ["separate"], config = {"path": "out.json", "mode": "truncate"}
  end;
  define pipeline same pipeline select event from in into out end;
  create connector input; create connector output; create pipeline same;
  connect /connector/input to /pipeline/same;
  connect /pipeline/same to /connector/output;
end;
deploy flow duplicate
"#,
    }],
};

pub(super) fn make(setup: Setup<'_>) -> Result<Box<dyn Connector>, Vec<ConfigError>> {
    let config: Config = read_config(setup.config()).map_err(|error| vec![error])?;
    if config.path.is_empty() {
        return Err(vec![
            ConfigError::new(["config", "path"], "`path` must not be empty").expected("a file's path"),
        ]);
    }
    let (name, path, processing) = (setup.name, config.path, setup.processing);
    let mode = match config.mode {
        Mode::Read => {
            return Ok(Box::new(source::FileSource::new(
                name,
                path,
                config.chunk_size,
                config.wait_for_acks,
                processing,
            )));
        }
        Mode::Write | Mode::Truncate => OpenMode::Truncate,
        Mode::Append => OpenMode::Append,
        Mode::Overwrite => OpenMode::Overwrite,
    };
    Ok(Box::new(sink::FileSink::new(name, path, mode, &processing)))
}

/// What failed with the file, and a line for the log that says so.
fn failure(what: &str, path: &str, error: &std::io::Error, name: &str, cx: &mut Context<'_>) -> String {
    let text = format!("can't {what} {}: {error}", cx.commands.files().absolute(path));
    cx.log.push(LogLine {
        level: Level::Error,
        source: name.into(),
        text: text.clone(),
    });
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::api::{Links, Status, StopStep};
    use super::super::event::Port;
    use super::super::testing::{Bench, FakeFiles, value};
    use super::super::value::Value;
    use super::source::TURN_CHUNKS;

    const LINKED: Links = Links {
        sink: true,
        out: true,
        err: true,
        connections: false,
    };

    fn source(content: &str, config: &str) -> Bench {
        let definition = std::format!(
            r#"{{"codec":"json","preprocessors":["separate"],"config":{{"path":"in.json","mode":"read"{config}}}}}"#
        );
        Bench::new("file", &definition, FakeFiles::holding("in.json", content))
    }

    fn sink(mode: &str, files: FakeFiles) -> Bench {
        let definition = std::format!(
            r#"{{"codec":{{"name":"json","config":{{"mode":"sorted"}}}},"postprocessors":["separate"],
                "config":{{"path":"out.log","mode":"{mode}"}}}}"#
        );
        Bench::new("file", &definition, files)
    }

    #[test]
    fn a_file_is_read_to_its_end_chunk_by_chunk() {
        for chunk_bytes in [1, 2, 3, 5, 8, 100] {
            let text = std::format!("1\n[2,{:100}3]\n\n\"exit\"", "");
            let mut bench = source(&text, &std::format!(r#","chunk_size":{chunk_bytes}"#));
            bench.start(LINKED);
            let mut turns = 0;
            while bench.turn(Duration::ZERO) {
                turns += 1;
            }
            // All bytes, and one more read that finds the end.
            let chunks = text.len().div_ceil(chunk_bytes) + 1;
            assert_eq!(turns, chunks.div_ceil(TURN_CHUNKS));
            assert_eq!(bench.connector.status(), Status::Finished);
            assert!(
                bench
                    .emitted
                    .iter()
                    .all(|(_, event)| event.meta.at(&["file", "path"]) == Some(&"in.json".into()))
            );
            assert_eq!(bench.events(), ["1", "[2,3]", "error", "\"exit\""]);
        }
    }

    #[test]
    fn nothing_is_read_before_what_is_behind_is_up() {
        let mut bench = source(&"1\n".repeat(17), r#","chunk_size":2"#);
        bench.call(|connector, cx| connector.start(LINKED, cx));
        assert!(!bench.turn(Duration::ZERO));
        bench.call(|connector, cx| connector.handle_flow(true, cx));
        assert!(bench.turn(Duration::ZERO));
        bench.call(|connector, cx| connector.handle_flow(false, cx));
        assert!(!bench.turn(Duration::from_secs(1)));
        assert_eq!(bench.events(), ["1"; TURN_CHUNKS]);
    }

    #[test]
    fn a_stopped_file_gives_no_half_of_a_line() {
        let mut bench = source(&("1\n".repeat(31) + "2345\n"), r#","chunk_size":4"#);
        bench.start(LINKED);
        assert!(bench.turn(Duration::ZERO));
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sources, cx));
        assert!(!bench.turn(Duration::ZERO));
        assert_eq!(bench.events(), ["1"; 31]);
        assert_eq!(bench.connector.status(), Status::Finished);
        assert_eq!(bench.log_text(), "stopped reading /absolute/in.json at byte 64");
    }

    #[test]
    fn a_missing_file_has_failed_and_is_named_in_full() {
        let definition = r#"{"codec":"json","config":{"path":"nope","mode":"read"}}"#;
        let mut bench = Bench::new("file", definition, FakeFiles::default());
        bench.start(LINKED);
        let text = "can't open /absolute/nope: entity not found";
        assert_eq!(bench.connector.status(), Status::Failed(text.into()));
        assert_eq!(bench.log_text(), text);
        assert!(!bench.turn(Duration::ZERO));
    }

    #[test]
    fn each_mode_does_to_the_file_what_it_says() {
        for (mode, expected) in [
            ("write", "{\"a\":2,\"b\":1}\n"),
            ("truncate", "{\"a\":2,\"b\":1}\n"),
            ("append", "0123456789abcdefgh{\"a\":2,\"b\":1}\n"),
            ("overwrite", "{\"a\":2,\"b\":1}\nefgh"),
        ] {
            let mut bench = sink(mode, FakeFiles::holding("out.log", "0123456789abcdefgh"));
            bench.start(LINKED);
            assert_eq!(bench.connector.status(), Status::Up);
            bench.deliver(Port::In, value(r#"{"b":1,"a":2}"#));
            assert_eq!(bench.files.text("out.log"), expected, "{mode}");
        }
    }

    #[test]
    fn what_comes_late_is_still_written_and_synced() {
        let mut bench = sink("write", FakeFiles::default());
        bench.start(LINKED);
        bench.deliver(Port::In, value("1"));
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sources, cx));
        assert_eq!(
            (bench.files.syncs, bench.connector.is_settled(StopStep::Servers)),
            (0, true)
        );
        assert!(!bench.connector.is_settled(StopStep::Sinks));
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sinks, cx));
        assert_eq!(
            (bench.files.syncs, bench.connector.is_settled(StopStep::Sinks)),
            (1, true)
        );
        bench.deliver(Port::In, value("2"));
        assert_eq!((bench.files.syncs, bench.files.text("out.log")), (2, "1\n2\n".into()));
        assert!(bench.connector.losses().is_empty());
    }

    #[test]
    fn a_full_disk_is_a_failure_with_a_clear_text() {
        let files = FakeFiles {
            room: Some(3),
            write_error: Some(std::io::ErrorKind::StorageFull),
            ..FakeFiles::default()
        };
        let mut bench = sink("write", files);
        bench.start(LINKED);
        bench.deliver(Port::In, value("1"));
        assert_eq!(bench.connector.status(), Status::Up);
        bench.deliver(Port::In, value("2"));
        bench.deliver(Port::In, value("3"));
        let text = "can't write /absolute/out.log: no storage space";
        assert_eq!(bench.connector.status(), Status::Failed(text.into()));
        assert_eq!(bench.log_text(), text, "told once");
        assert_eq!(bench.connector.losses(), ["2 events were not written to out.log"]);
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sinks, cx));
        assert!(bench.connector.is_settled(StopStep::Sinks));
    }

    #[test]
    fn a_value_without_bytes_is_told_and_left_out() {
        let mut bench = sink("write", FakeFiles::default());
        bench.start(LINKED);
        bench.deliver(Port::In, Value::Float(f64::NAN));
        bench.deliver(Port::In, value("2"));
        assert_eq!(bench.files.text("out.log"), "2\n");
        let text = "an event was not written: JSON has no text for a number that is not finite";
        assert_eq!(bench.log_text(), text);
    }

    #[test]
    fn a_slow_device_holds_up_its_sources_only() {
        let mut bench = sink(
            "write",
            FakeFiles {
                room: Some(4),
                ..FakeFiles::default()
            },
        );
        bench.start(LINKED);
        bench.deliver(Port::In, "x".repeat(300 << 10).into());
        assert_eq!(bench.connector.status(), Status::Congested);
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sinks, cx));
        assert!(!bench.connector.is_settled(StopStep::Sinks));
        bench.files.room = None;
        bench.call(|connector, cx| connector.handle_files(cx));
        assert_eq!(bench.connector.status(), Status::Up);
        assert!(bench.connector.is_settled(StopStep::Sinks));
        assert_eq!(bench.files.contents["out.log"].len(), (300 << 10) + 3);
    }
}
