//! The documentation's secure echo service, word for word: client, server, files and console in one process.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::cli_support::{PATIENCE, Running, documented, fixed_ports, folder, run};

/// The service's own deadline, from start to end.
const WITHIN: Duration = Duration::from_secs(5);

/// The flow in a folder, with lines to send and the certificate that it names.
fn service(lines: &[String]) -> tempfile::TempDir {
    let input = lines.iter().map(|line| format!("{line}\n")).collect::<String>() + "\"exit\"\n";
    let dir = folder(&[
        ("config.troy", &documented("secure_echo/config.troy")),
        ("in.json", &input),
    ]);
    assert_eq!(run(dir.path(), &["cert", "before"]).code, Some(0));
    dir
}

/// Runs the service; `meanwhile` may do something to it. Every line must have come through.
fn run_service(dir: &Path, lines: &[String], sorted: &[String], meanwhile: impl FnOnce(&Running)) -> Duration {
    let began = Instant::now();
    let running = Running::flow(dir, "config.troy");
    meanwhile(&running);
    let output = running.output();
    let took = began.elapsed();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let written = fs::read_to_string(dir.join("out.log")).unwrap();
    same("out.log", &written, sorted.iter().map(String::as_str), &output.stderr);
    let bare = lines.iter().map(|line| line.trim_matches('"'));
    same("stdout", &output.stdout, bare, &output.stderr);
    assert!(written.ends_with('\n') && output.stdout.ends_with('\n'));
    took
}

/// Compares line by line, and tells the first difference alone: a thousand lines tell a reader nothing.
fn same<'a>(what: &str, found: &str, expected: impl Iterator<Item = &'a str>, log: &str) {
    let mut found = found.lines();
    for (number, line) in expected.enumerate() {
        assert_eq!(
            found.next(),
            Some(line),
            "line {} of {what}; the log: {log}",
            number + 1
        );
    }
    assert_eq!(found.next(), None, "more in {what} than was sent");
}

/// A few lines, and as the file has them: keys sorted.
fn few() -> (Vec<String>, Vec<String>) {
    let lines = [
        r#"{"snot":"badger","badger":["snot",1,2.5],"apple":null}"#,
        r#"["zoo","ant"]"#,
        r#""a bare string""#,
        r#"{"z":{"y":1,"x":18446744073709551615},"a":true}"#,
    ];
    let sorted = [
        r#"{"apple":null,"badger":["snot",1,2.5],"snot":"badger"}"#,
        r#"["zoo","ant"]"#,
        r#""a bare string""#,
        r#"{"a":true,"z":{"x":18446744073709551615,"y":1}}"#,
    ];
    (lines.map(str::to_owned).into(), sorted.map(str::to_owned).into())
}

/// So many lines, and as the file has them.
fn many(count: usize) -> (Vec<String>, Vec<String>) {
    let pad = "x".repeat(40);
    let lines = (0..count).map(|n| format!(r#"{{"n":{n},"b":"{pad}"}}"#));
    let sorted = (0..count).map(|n| format!(r#"{{"b":"{pad}","n":{n}}}"#));
    (lines.collect(), sorted.collect())
}

#[test]
fn a_few_lines_come_through() {
    let _ports = fixed_ports();
    let (lines, sorted) = few();
    let dir = service(&lines);
    let took = run_service(dir.path(), &lines, &sorted, |_| {});
    assert!(took < WITHIN, "it took {took:?}");
}

#[test]
fn a_thousand_lines_come_through() {
    let _ports = fixed_ports();
    let (lines, sorted) = many(1000);
    let dir = service(&lines);
    let took = run_service(dir.path(), &lines, &sorted, |_| {});
    assert!(took < WITHIN, "it took {took:?}");
}

/// The timer of `exit` runs for 100 ms from the first event on. The process is stopped before it is over, and goes on
/// long after: everything that was due then comes at once.
#[test]
fn a_process_that_was_stopped_before_its_end_loses_nothing() {
    let _ports = fixed_ports();
    for (count, stop_after_ms) in [(3, 0), (3, 50), (3, 90), (1000, 0), (1000, 5), (1000, 50), (1000, 90)] {
        let (lines, sorted) = if count == 3 { few() } else { many(count) };
        let dir = service(&lines);
        run_service(dir.path(), &lines, &sorted, |running| {
            let out = dir.path().join("out.log");
            let deadline = Instant::now() + PATIENCE;
            while fs::metadata(&out).map_or(0, |meta| meta.len()) == 0 {
                assert!(Instant::now() < deadline, "nothing was written");
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(stop_after_ms));
            running.signal("STOP");
            thread::sleep(Duration::from_millis(300));
            running.signal("CONT");
        });
    }
}

#[test]
fn the_folder_is_a_test_that_passes() {
    let _ports = fixed_ports();
    let dir = folder(&[]);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/flows/secure_echo");
    for name in [
        "config.troy",
        "in.json",
        "expected.json",
        "before.yaml",
        "assert.yaml",
        "tags.yaml",
    ] {
        fs::copy(from.join(name), dir.path().join(name)).unwrap();
    }
    let output = run(dir.path(), &["test", "integration", "."]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.ends_with("1 passed, 0 failed\n"), "{output:?}");
}
