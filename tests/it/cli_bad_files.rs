//! Files, modules, standard streams and limits of the system that are not what they should be.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tungstenite::Message;

use super::cli_bad_configs::{refusal, refused_in, server_config};
use super::cli_bad_inputs::bad_inputs;
use super::cli_support::{Output, Running, documented, folder, run, until, wsloop};
use super::flows_peers::{ask, client, raw};

/// The program under `limits`, which the shell sets (`ulimit -n 20`, say), with arguments and redirections.
fn shell(dir: &Path, limits: &str, arguments: &str) -> Command {
    let program = wsloop(dir, &[]);
    let mut command = Command::new("sh");
    command
        .current_dir(dir)
        .env_remove("WSLOOP_LOG")
        .env_remove("RUST_LOG")
        .env_remove("TREMOR_PATH");
    command
        .args(["-c", &format!("{limits}; exec \"$0\" {arguments}")])
        .arg(program.get_program());
    command
}

/// A flow that copies `in.json` to `out.log`, and shows on standard error what isn't JSON.
fn copy(preprocessors: &str) -> String {
    format!(
        r#"define flow main
        flow
          use integration; use tremor::{{connectors, pipelines}};
          define connector read from file
          with
            codec = "json", preprocessors = [{preprocessors}], config = {{"path": "in.json", "mode": "read"}}
          end;
          create connector in from read;
          create connector out from integration::write_file;
          create connector tty from connectors::console;
          create pipeline p from pipelines::passthrough; create pipeline err from pipelines::passthrough;
          connect /connector/in to /pipeline/p; connect /pipeline/p to /connector/out;
          connect /connector/in/err to /pipeline/err; connect /pipeline/err to /connector/tty/stderr;
        end;
        deploy flow main"#
    )
}

/// Copies `input`; `copied` must arrive, and `errors` error events.
fn copies(preprocessors: &str, input: &[u8], copied: &str, errors: usize) {
    let dir = folder(&[("config.troy", &copy(preprocessors))]);
    fs::write(dir.path().join("in.json"), input).unwrap();
    let output = run(dir.path(), &["run", "config.troy"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stderr.matches(r#"{"error":"#).count(), errors, "{output:?}");
    assert_eq!(fs::read_to_string(dir.path().join("out.log")).unwrap(), copied);
}

/// A flow that uses `module`, which is found in `lib`.
fn using(module: &str) -> String {
    format!("define flow main flow\nuse {module};\nuse tremor::pipelines;\nend;\ndeploy flow main\n")
}

/// Checks a flow that uses `module`, with `lib` in `TREMOR_PATH`.
fn module(name: &str, files: &[(&str, &str)], words: &[&str]) {
    let text = using(name);
    let dir = folder(&[&[("config.troy", text.as_str())], files].concat());
    let mut command = wsloop(dir.path(), &["check", "config.troy"]);
    command.env("TREMOR_PATH", "nowhere:lib");
    refusal(&Running::start(command).output(), words);
}

fn ended(output: &Output, code: i32, words: &[&str]) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "{word:?} is missing in {}", output.stderr);
    }
}

/// With room for a few connections only: those that are there are served, the others when one of them has gone.
fn few_descriptors() {
    let dir = folder(&[(
        "config.troy",
        &documented("echo.troy").replace("127.0.0.1:4242", "127.0.0.1:0"),
    )]);
    let mut running = Running::start(shell(dir.path(), "ulimit -n 24", "run config.troy"));
    let address = running.listening();
    let mut peer = client(&address);
    assert_eq!(ask(&mut peer, "1"), Message::text("1"));
    // The system accepts them all, up to the backlog; the program can't.
    let crowd: Vec<_> = (0..40).map(|_| raw(&address)).collect();
    running.stderr_line("oo many open files");
    assert_eq!(ask(&mut peer, "2"), Message::text("2"));
    drop(crowd);
    assert_eq!(ask(&mut client(&address), "3"), Message::text("3"));
    running.signal("TERM");
    while peer.read().is_ok() {}
    ended(&running.output(), 0, &[]);
}

/// A reader of standard output that goes after the first line.
fn head_goes() {
    let flow = r#"define flow main
    flow
      use tremor::{connectors, pipelines};
      define connector beat from metronome with config = {"interval": 1000000} end;
      create connector beat; create connector tty from connectors::console;
      create pipeline p from pipelines::passthrough;
      connect /connector/beat to /pipeline/p; connect /pipeline/p to /connector/tty;
    end;
    deploy flow main"#;
    let dir = folder(&[("config.troy", flow)]);
    let mut command = Command::new("sh");
    command
        .current_dir(dir.path())
        .args(["-c", "{ \"$0\" run config.troy; echo code $? >&2; } | head -n 1"]);
    let program = wsloop(dir.path(), &[]);
    let output = Running::start({
        command.arg(program.get_program());
        command
    })
    .output();
    ended(&output, 0, &["nobody reads it any more", "code 1"]);
    assert!(output.stdout.contains("metronome"), "{output:?}");
}

/// Standard error is full: what is logged is lost, and nothing else.
fn log_is_full() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let dir = folder(&[(
        "config.troy",
        &documented("echo.troy").replace("127.0.0.1:4242", &address),
    )]);
    let mut running = Running::start(shell(dir.path(), ":", "run config.troy 2>/dev/full"));
    until(|| std::net::TcpStream::connect(&address).is_ok());
    assert_eq!(ask(&mut client(&address), "1"), Message::text("1"));
    running.signal("TERM");
    assert_eq!(running.wait().code(), Some(0));
}

bad_inputs! {
    endless_file: "a config file without an end (`/dev/zero`)" => "78, its path, `too large`",
        refusal(&run(folder(&[]).path(), &["check", "/dev/zero"]), &["/dev/zero", "too large"]);
    unreadable_file: "a config file that the system won't read (`/proc/self/mem`)" => "78, its path and the system's reason",
        refusal(&run(folder(&[]).path(), &["run", "/proc/self/mem"]), &["/proc/self/mem", "error"]);
    broken_link: "a link to a config file that isn't there" => "78, its path", {
        let dir = folder(&[]);
        symlink("nowhere.troy", dir.path().join("config.troy")).unwrap();
        refused_in(dir.path(), &["config.troy", "No such file"]);
    };
    link_to_itself: "a link to itself" => "78, its path", {
        let dir = folder(&[]);
        symlink("config.troy", dir.path().join("config.troy")).unwrap();
        refused_in(dir.path(), &["config.troy", "symbolic link"]);
    };
    byte_order_mark: "UTF-16 in place of UTF-8" => "78, its path and `UTF-8`", {
        let dir = folder(&[]);
        fs::write(dir.path().join("config.troy"), b"\xff\xfed\0e\0f\0").unwrap();
        refused_in(dir.path(), &["config.troy", "UTF-8"]);
    };
    module_mistake: "a mistake in a module" => "78, the module's file and line",
        module("mine", &[("lib/mine.tremor", "define pipeline p\npipeline\nselect event form in into out\nend;\n")], &["lib/mine.tremor:3:"]);
    module_directory: "a directory in place of a module" => "78, the module",
        module("mine", &[("lib/mine.tremor/x", "")], &["mine"]);
    module_cycle: "modules that use one another" => "78, both of them",
        module("one", &[("lib/one.tremor", "use two;\n"), ("lib/two.tremor", "use one;\n")], &["one", "two"]);
    no_descriptors: "no file descriptor left at the start" => "1, `oo many open files`", {
        let dir = folder(&[("config.troy", &documented("echo.troy").replace("127.0.0.1:4242", "127.0.0.1:0"))]);
        let output = Running::start(shell(dir.path(), "ulimit -n 4", "run config.troy")).output();
        ended(&output, 1, &["oo many open files"]);
    };
    few_file_descriptors: "no file descriptor left for another connection" => "a warning; the connections there are go on, new ones come in later",
        few_descriptors();
    reader_goes: "`| head -n 1` behind standard output" => "1, `nobody reads it any more`", head_goes();
    log_full: "a full disk behind standard error" => "it goes on without a log; 0 at its end", log_is_full();
    help_unread: "`--help` into a full disk" => "0, no crash", {
        let output = Running::start(shell(folder(&[]).path(), ":", "--help >/dev/full")).output();
        ended(&output, 0, &[]);
    };
    input_not_json: "lines of an input file that aren't JSON" => "an error event each; the others pass; 0",
        copies(r#""separate""#, b"1\n{]\n2\n\n3", "1\n2\n3\n", 2);
    input_not_utf8: "a line of an input file that isn't UTF-8" => "an error event; the others pass; 0",
        copies(r#""separate""#, b"1\n\"\xff\"\n2\n", "1\n2\n", 1);
    input_long_line: "a line of 2 MiB in an input file" => "an error event; the others pass; 0",
        copies(r#""separate""#, [b"1\n".as_slice(), &vec![b'5'; 2 << 20], b"\n2\n"].concat().as_slice(), "1\n2\n", 1);
    input_absurd_length: "a length prefix of 2^63" => "an error event; no memory for it; 0",
        copies(r#""length-prefixed""#, b"\x80\0\0\0\0\0\0\x001", "", 1);
    port_taken_by_itself: "two servers of one flow on one port" => "an error with the address; the first goes on; 0 at its end", {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let two = server_config(&format!(r#""url": "{address}""#))
            .replace("create connector c;", "create connector c; create connector d from c;")
            .replace("connect /pipeline/p to", "connect /connector/d to /pipeline/p; connect /pipeline/p to");
        let dir = folder(&[("config.troy", &two)]);
        let mut running = Running::flow(dir.path(), "config.troy");
        assert!(running.stderr_line("in use").contains(&address));
        running.signal("TERM");
        ended(&running.output(), 0, &["listens on"]);
    };
    address_of_nobody: "an IPv6 address that isn't this host's" => "1, the address", {
        let text = server_config(r#""url": "[2001:db8::1]:0""#);
        ended(&run(folder(&[("config.troy", &text)]).path(), &["run", "config.troy"]), 1, &["2001:db8::1"]);
    };
    huge_interval: "a metronome whose first beat is in 584 years" => "it runs; 0 at its end", {
        let text = server_config(r#""url": "127.0.0.1:0""#)
            .replace("create connector c;", "define connector beat from metronome with config = {\"interval\": 18446744073709551615} end; create connector c; create connector beat;")
            .replace("connect /pipeline/p to", "connect /connector/beat to /pipeline/p; connect /pipeline/p to");
        let dir = folder(&[("config.troy", &text)]);
        let mut running = Running::flow(dir.path(), "config.troy");
        assert_eq!(ask(&mut client(&running.listening()), "1"), Message::text("1"));
        running.signal("TERM");
        ended(&running.output(), 0, &[]);
    };
    crowd_of_dead_clients: "200 connections that end before they say anything" => "the end; others are served", {
        let dir = folder(&[("config.troy", &documented("echo.troy").replace("127.0.0.1:4242", "127.0.0.1:0"))]);
        let mut running = Running::flow(dir.path(), "config.troy");
        let address = running.listening();
        for _ in 0..200 {
            drop(raw(&address));
        }
        assert_eq!(ask(&mut client(&address), "1"), Message::text("1"));
        running.signal("TERM");
        ended(&running.output(), 0, &[]);
    };
}
