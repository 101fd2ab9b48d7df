//! `wsloop test`: folders of tests, run by the program on itself.

use std::fs;
use std::path::Path;

use super::cli_support::{Running, folder, run, wsloop};

/// Copies standard input to standard output and stops at the line `exit`.
const COPY: &str = r#"
define flow main
flow
  use integration;
  use tremor::{connectors, pipelines};
  create connector tty from connectors::console;
  create connector exit from integration::exit;
  create pipeline route from integration::out_or_exit;
  connect /connector/tty to /pipeline/route;
  connect /pipeline/route to /connector/tty;
  connect /pipeline/route/exit to /connector/exit;
end;
deploy flow main
"#;

/// Never ends by itself.
const ENDLESS: &str = r#"
define flow main
flow
  use tremor::pipelines;
  define connector server from ws_server with codec = "json", config = {"url": "127.0.0.1:0"} end;
  create connector server;
  create pipeline back from pipelines::passthrough;
  connect /connector/server to /pipeline/back;
  connect /pipeline/back to /connector/server;
end;
deploy flow main
"#;

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

#[test]
fn a_test_passes_and_leaves_its_logs() {
    let dir = folder(&[
        ("config.troy", COPY),
        ("stdin", "one\ntwo\nexit\n"),
        ("expected.txt", "one\ntwo\n"),
        ("assert.yaml", "asserts: [{source: stdout, equals_file: expected.txt}]"),
    ]);
    let output = run(dir.path(), &["test", "."]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.ends_with("1 passed, 0 failed\n"), "{output:?}");
    assert_eq!(read(dir.path(), "fg.out.log"), "one\ntwo\n");
    assert!(read(dir.path(), "fg.err.log").contains("INFO"));
}

#[test]
fn what_comes_before_and_after_runs_with_its_variables() {
    let dir = folder(&[
        ("t/config.troy", COPY),
        ("t/stdin", "exit\n"),
        ("t/env.yaml", "GREETING: hello\nNUMBER: 7"),
        ("t/before/x", ""),
        (
            "t/before.yaml",
            "- dir: before\n  cmd: sh\n  args: [-c, 'echo \"$0 $NUMBER $OWN $1\" > ../made', '$GREETING', '$PWD']\n  env: {OWN: own}\n  await: {status: 0, file-exists: made}\n\
             - cmd: wsloop\n  args: [cert, keys]\n  await: {status: [0]}\n\
             - cmd: sh\n  args: [-c, 'echo $$ > sleeper; sleep 1000 & wait']\n  await: {file-exists: [sleeper], wait-for-ms: [10]}\n",
        ),
        (
            "t/after.yaml",
            "cmd: sh\nargs: [-c, 'kill -0 $(cat sleeper) && echo still > after']",
        ),
    ]);
    let output = run(dir.path(), &["test", "t"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let dir = dir.path().join("t").canonicalize().unwrap();
    assert_eq!(
        read(&dir, "made"),
        format!("hello 7 own {}\n", dir.join("before").display())
    );
    assert!(dir.join("keys/localhost.key").exists());
    assert_eq!(read(&dir, "after"), "still\n");
    let pid = read(&dir, "sleeper");
    let alive = std::process::Command::new("sh")
        .args(["-c", &format!("kill -0 {}", pid.trim())])
        .output()
        .unwrap();
    assert!(!alive.status.success(), "the background process was left behind");
}

#[test]
fn failures_are_told_counted_and_give_exit_code_1() {
    let dir = folder(&[
        ("wrong/config.troy", COPY),
        ("wrong/stdin", "one\nexit\n"),
        (
            "wrong/assert.yaml",
            "name: the wrong one\nasserts: [{source: stdout, contains: two}]",
        ),
        ("status/config.troy", COPY),
        ("status/stdin", "exit\n"),
        ("status/assert.yaml", "status: 3"),
        ("broken/config.troy", "define flow"),
        ("yaml/config.troy", COPY),
        ("yaml/assert.yaml", "assert: []"),
        ("endless/config.troy", ENDLESS),
        ("before/config.troy", COPY),
        (
            "before/before.yaml",
            "cmd: sh\nargs: [-c, 'echo oops >&2; exit 4']\nawait: {port-open: 1}",
        ),
        ("program/config.troy", COPY),
        ("program/before.yaml", "cmd: no-such-program"),
        ("good/config.troy", COPY),
        ("good/stdin", "exit\n"),
    ]);
    let output = run(dir.path(), &["test", ".", "--timeout", "5"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stdout.ends_with("1 passed, 7 failed\n"), "{output:?}");
    for text in [
        "the wrong one",
        "does not contain `two`",
        "exit code 0, expected was 3",
        "exit code 78",
        "assert.yaml",
        "did not end by itself in time",
        "exit code 4, and port 1 was not open",
        "oops",
        "no-such-program can't be started",
        "pass good",
    ] {
        assert!(output.stdout.contains(text), "{text}: {output:?}");
    }
}

#[test]
fn tags_choose_what_is_run() {
    let dir = folder(&[
        ("meta.yaml", r#"{"kind": "Integration", "includes": "*"}"#),
        ("a/config.troy", COPY),
        ("a/stdin", "exit\n"),
        ("a/tags.yaml", "[quick]"),
        ("b/config.troy", "not a flow"),
        ("b/tags.yaml", "[slow]"),
        ("c/config.troy", "not a flow"),
    ]);
    let summary = |arguments: &[&str]| {
        let output = run(dir.path(), &[&["test", "."], arguments].concat());
        (output.code, output.stdout.lines().last().unwrap().to_owned())
    };
    assert_eq!(
        summary(&["-i", "quick"]),
        (Some(0), "1 passed, 0 failed, 2 skipped".to_owned())
    );
    assert_eq!(
        summary(&["-e", "slow"]),
        (Some(0), "1 passed, 0 failed, 2 skipped".to_owned())
    );
    assert_eq!(
        summary(&["-i", "b"]),
        (Some(1), "0 passed, 1 failed, 2 skipped".to_owned())
    );
    assert_eq!(summary(&[]), (Some(1), "1 passed, 1 failed, 1 skipped".to_owned()));
}

#[test]
fn modules_are_found_in_the_libs_of_the_suite_and_of_the_test() {
    let dir = folder(&[
        ("meta.yaml", r#"{"kind": "Integration"}"#),
        (
            "lib/shared.tremor",
            "define pipeline same pipeline select event from in into out end",
        ),
        ("t/tags.yaml", "[]"),
        ("t/lib/own.tremor", "define connector exit from exit"),
        ("t/stdin", "x\n"),
        (
            "t/config.troy",
            "define flow main flow
               use shared; use own; use tremor::connectors;
               create connector tty from connectors::console; create connector exit from own::exit;
               create pipeline p from shared::same;
               connect /connector/tty to /pipeline/p; connect /pipeline/p to /connector/exit;
             end; deploy flow main",
        ),
    ]);
    let output = run(dir.path(), &["test", "."]);
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn an_interrupted_run_ends_what_it_started() {
    let dir = folder(&[
        ("config.troy", ENDLESS),
        (
            "before.yaml",
            "cmd: sh\nargs: [-c, 'echo $$ > sleeper; sleep 1000 & wait']\nawait: {file-exists: [sleeper]}",
        ),
    ]);
    let running = Running::start(wsloop(dir.path(), &["test", "."]));
    let log = dir.path().join("fg.err.log");
    super::cli_support::until(|| fs::read_to_string(&log).is_ok_and(|text| text.contains(" listens on ")));
    running.signal("INT");
    let output = running.output();
    assert_eq!(output.code, Some(130), "{output:?}");
    let alive = std::process::Command::new("sh")
        .args(["-c", &format!("kill -0 {}", read(dir.path(), "sleeper").trim())])
        .output()
        .unwrap();
    assert!(!alive.status.success(), "the background process was left behind");
}
