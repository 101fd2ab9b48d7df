//! How `wsloop run` ends: by signals, by its flow, by a connector that fails.

use std::fs;
use std::net::TcpListener;

use super::cli_support::{Running, folder, run, wsloop};
use super::flows_peers::{client, raw_open};

/// A server that gives everything back.
const ECHO: &str = r#"
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

#[test]
fn each_signal_stops_gracefully_with_exit_code_0() {
    for signal in ["INT", "TERM"] {
        let dir = folder(&[("config.troy", ECHO)]);
        let mut running = Running::flow(dir.path(), "config.troy");
        let mut peer = client(&running.listening());
        running.signal(signal);
        assert!(peer.read().unwrap().is_close());
        while peer.read().is_ok() {}
        let output = running.output();
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(0), ""),
            "SIG{signal}: {output:?}"
        );
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let dir = folder(&[("config.troy", ECHO)]);
        let mut running = Running::flow(dir.path(), "config.troy");
        // This client never answers the Close, so the stop waits for it.
        let mut silent = raw_open(&running.listening());
        running.signal(signal);
        let mut close = [0; 4];
        std::io::Read::read_exact(&mut silent, &mut close).unwrap();
        assert_eq!(close[0], 0x88, "no Close frame");
        running.signal(signal);
        let output = running.output();
        assert_eq!(output.code, Some(code), "SIG{signal}: {output:?}");
    }
}

#[test]
fn the_process_id_is_written_where_it_is_wanted() {
    let dir = folder(&[("config.troy", ECHO)]);
    let mut running = Running::start(wsloop(
        dir.path(),
        &["server", "run", "-n", "-d", "-p", "pid", "config.troy"],
    ));
    running.listening();
    let pid = fs::read_to_string(dir.path().join("pid")).unwrap();
    assert_eq!(pid, format!("{}\n", running.id()));
}

#[test]
fn it_says_where_it_listens_and_what_to_type_next() {
    let dir = folder(&[("config.troy", ECHO)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let address = running.listening();
    let hint = running.stderr_line("ws://");
    assert!(hint.contains(&format!("ws://{address}")), "{hint}");
}

#[test]
fn logs_are_silenced_and_deepened_by_flags_and_variables() {
    let dir = folder(&[(
        "config.troy",
        r#"define flow main
        flow
          use tremor::pipelines;
          define connector beat from metronome with config = {"interval": 1} end;
          define connector exit from exit;
          create connector beat; create connector exit;
          create pipeline p from pipelines::passthrough;
          connect /connector/beat to /pipeline/p; connect /pipeline/p to /connector/exit;
        end;
        deploy flow main"#,
    )]);
    let quiet = run(dir.path(), &["-qq", "run", "config.troy"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""), "{quiet:?}");
    let plain = run(dir.path(), &["run", "config.troy"]);
    assert!(
        plain.stderr.contains("INFO") && !plain.stderr.contains('\u{1b}'),
        "{plain:?}"
    );
    let mut command = wsloop(dir.path(), &["run", "config.troy"]);
    command.env("WSLOOP_LOG", "error").env("RUST_LOG", "debug");
    let output = Running::start(command).output();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
}

#[test]
fn a_client_that_gives_up_ends_the_run_with_exit_code_1() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let flow = format!(
        r#"define flow main
        flow
          use tremor::{{connectors, pipelines}};
          define connector away from ws_client
          with
            codec = "string",
            config = {{"url": "ws://{address}/"}},
            reconnect = {{"retry": {{"interval_ms": 10, "max_retries": 3}}}}
          end;
          create connector away; create connector tty from connectors::console;
          create pipeline p from pipelines::passthrough;
          connect /connector/tty to /pipeline/p; connect /pipeline/p to /connector/away;
        end;
        deploy flow main"#
    );
    let dir = folder(&[("config.troy", &flow)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let status = running.wait();
    let output = running.output();
    assert_eq!(status.code(), Some(1), "{output:?}");
    assert!(
        output.stderr.contains("main::away") && output.stderr.contains("refused"),
        "{output:?}"
    );
}
