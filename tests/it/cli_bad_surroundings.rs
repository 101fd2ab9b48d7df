//! What is wrong around a good configuration: the command line, ports, files, disks, pipes, the other side.

use std::fs;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use super::cli_bad_inputs::bad_inputs;
use super::cli_support::{Output, PATIENCE, Running, folder, run, wsloop};

/// It must have ended with this exit code and all of `words` on standard error.
fn ended(output: &Output, code: i32, words: &[&str]) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "{word:?} is missing in {}", output.stderr);
    }
}

fn usage(arguments: &[&str], words: &[&str]) {
    ended(&run(folder(&[]).path(), arguments), 2, words);
}

/// A flow from a file to a file.
fn copy(from: &str, to: &str) -> String {
    format!(
        r#"define flow main
        flow
          use integration; use tremor::pipelines;
          create connector in from integration::read_file with file = "{from}" end;
          create connector out from integration::write_file with file = "{to}" end;
          create pipeline p from pipelines::passthrough;
          connect /connector/in to /pipeline/p; connect /pipeline/p to /connector/out;
        end;
        deploy flow main"#
    )
}

fn run_copy(from: &str, to: &str, words: &[&str]) {
    let dir = folder(&[
        ("config.troy", &copy(from, to)),
        ("in.json", "1\n2\n"),
        ("folder/x", ""),
    ]);
    ended(&run(dir.path(), &["run", "config.troy"]), 1, words);
}

/// A flow that prints a metronome's events.
const PRINT: &str = r#"define flow main
flow
  use tremor::{connectors, pipelines};
  define connector beat from metronome with config = {"interval": 1000000} end;
  create connector beat; create connector tty from connectors::console;
  create pipeline p from pipelines::passthrough;
  connect /connector/beat to /pipeline/p; connect /pipeline/p to /connector/tty;
end;
deploy flow main"#;

fn print_to(stdout: Stdio, words: &[&str]) {
    let dir = folder(&[("config.troy", PRINT)]);
    let stderr = dir.path().join("stderr");
    let mut command = wsloop(dir.path(), &["run", "config.troy"]);
    command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(File::create(&stderr).unwrap());
    let mut child = command.spawn().unwrap();
    let mut code = None;
    super::cli_support::until(|| {
        code = child.try_wait().unwrap();
        code.is_some()
    });
    let output = Output {
        code: code.unwrap().code(),
        stdout: String::new(),
        stderr: fs::read_to_string(&stderr).unwrap(),
    };
    ended(&output, 1, words);
}

/// A client of `url` that sends what a file holds.
fn sender(url: &str, tls: &str) -> String {
    format!(
        r#"define flow main
        flow
          use integration; use tremor::pipelines;
          define connector away from ws_client
          with
            codec = "json", config = {{"url": "{url}"{tls}}}, reconnect = {{"retry": {{"interval_ms": 1, "max_retries": 2}}}}
          end;
          create connector in from integration::read_file;
          create connector away;
          create pipeline p from pipelines::passthrough;
          connect /connector/in to /pipeline/p; connect /pipeline/p to /connector/away;
        end;
        deploy flow main"#
    )
}

fn run_sender(url: &str, tls: &str, words: &[&str]) {
    let dir = folder(&[("config.troy", &sender(url, tls)), ("in.json", "1\n")]);
    assert_eq!(run(dir.path(), &["cert", "before"]).code, Some(0));
    ended(&run(dir.path(), &["run", "config.troy"]), 1, words);
}

/// A server that answers each connection with `answer`, after reading what comes first; or with nothing at once.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            if !answer.is_empty() {
                // A request, or the beginning of a TLS handshake.
                let _ = stream.read(&mut [0; 4096]);
            }
            let _ = stream.write_all(answer);
        }
    });
    address
}

/// A server with TLS that shows the certificate in `dir`, as a flow of its own.
fn tls_server(dir: &std::path::Path) -> (Running, String) {
    let flow = r#"define flow main
    flow
      use tremor::pipelines;
      define connector s from ws_server
      with codec = "json", config = {"url": "127.0.0.1:0", "tls": {"cert": "shown/cert", "key": "shown/key"}} end;
      create connector s; create pipeline p from pipelines::passthrough;
      connect /connector/s to /pipeline/p; connect /pipeline/p to /connector/s;
    end;
    deploy flow main"#;
    fs::write(dir.join("server.troy"), flow).unwrap();
    let mut running = Running::flow(dir, "server.troy");
    let address = running.listening();
    (running, address)
}

/// Makes a certificate, lets a server show it, and a client that trusts it refuse it.
fn refused_certificate(spoil: impl FnOnce(&mut rcgen::CertificateParams), words: &[&str]) {
    let dir = folder(&[("in.json", "1\n")]);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    spoil(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    fs::create_dir(dir.path().join("shown")).unwrap();
    fs::write(dir.path().join("shown/cert"), certificate.pem()).unwrap();
    fs::write(dir.path().join("shown/key"), key.serialize_pem()).unwrap();
    let (_server, address) = tls_server(dir.path());
    let tls = r#", "tls": {"cafile": "shown/cert", "domain": "localhost"}"#;
    fs::write(dir.path().join("config.troy"), sender(&format!("wss://{address}"), tls)).unwrap();
    ended(&run(dir.path(), &["run", "config.troy"]), 1, words);
}

bad_inputs! {
    no_command: "a command that doesn't exist" => "2, the commands' help", usage(&["rum"], &["rum", "run"]);
    unknown_flag: "a flag that doesn't exist" => "2, the flag", usage(&["run", "--port", "1", "x.troy"], &["--port"]);
    no_file: "`run` without a file" => "2, `<FILE>`", usage(&["run"], &["<FILE>"]);
    test_mode: "`test unit DIR`" => "2, how it is written", usage(&["test", "unit", "x"], &["`unit`", "wsloop test DIR"]);
    test_timeout: "`test --timeout 0`" => "2, the value", usage(&["test", "x", "-t", "0"], &["0"]);
    test_nowhere: "`test` of a folder that isn't there" => "78, its path",
        ended(&run(folder(&[]).path(), &["test", "nowhere"]), 78, &["nowhere"]);
    test_without_tests: "`test` of a folder without tests" => "78, what a test is",
        ended(&run(folder(&[("x/y", "")]).path(), &["test", "x"]), 78, &["*.troy"]);
    cert_into_a_file: "`cert` into a file" => "1, its path",
        ended(&run(folder(&[("x", "")]).path(), &["cert", "x/y"]), 1, &["x/y"]);
    cert_there_already: "`cert` where a key is already" => "1, `--force`",
        ended(&run(folder(&[("localhost.key", "")]).path(), &["cert"]), 1, &["localhost.key", "--force"]);
    pid_file: "a pid file that can't be written" => "1, its path", {
        let dir = folder(&[("config.troy", PRINT)]);
        ended(&run(dir.path(), &["run", "-p", "no/pid", "config.troy"]), 1, &["no/pid"]);
        ended(&run(dir.path(), &["run", "-p", "/dev/full", "config.troy"]), 1, &["/dev/full"]);
    };
    port_in_use: "a port in use" => "1, the address", {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let flow = super::cli_support::documented("echo.troy").replace("127.0.0.1:4242", &address);
        ended(&run(folder(&[("config.troy", &flow)]).path(), &["run", "config.troy"]), 1, &[&address, "in use"]);
    };
    address_not_ours: "an address that isn't this host's" => "1, the address", {
        let flow = super::cli_support::documented("echo.troy").replace("127.0.0.1:4242", "192.0.2.1:4242");
        ended(&run(folder(&[("config.troy", &flow)]).path(), &["run", "config.troy"]), 1, &["192.0.2.1:4242"]);
    };
    input_not_there: "an input file that isn't there" => "1, its absolute path",
        run_copy("nowhere.json", "out.log", &["/nowhere.json", "No such file"]);
    input_a_directory: "a directory in place of an input file" => "1, its absolute path",
        run_copy("folder", "out.log", &["/folder", "directory"]);
    output_a_directory: "a directory in place of an output file" => "1, its absolute path",
        run_copy("in.json", "folder", &["/folder", "directory"]);
    output_nowhere: "an output file in a folder that isn't there" => "1, its absolute path",
        run_copy("in.json", "no/out.log", &["/no/out.log", "No such file"]);
    disk_full: "a full disk (`/dev/full`) behind an output file" => "1, its path, `No space left`",
        run_copy("in.json", "/dev/full", &["/dev/full", "No space left"]);
    stdout_full: "a full disk behind standard output" => "1, `No space left`",
        print_to(File::options().write(true).open("/dev/full").unwrap().into(), &["No space left"]);
    stdout_closed: "a closed pipe behind standard output" => "1, `nobody reads it any more`", {
        let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let pipe = reader.stdin.take().unwrap();
        reader.wait().unwrap();
        print_to(pipe.into(), &["nobody reads it any more"]);
    };
    nobody_listens: "a client of a port where nobody listens" => "1, the address, `refused`", {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        run_sender(&format!("ws://{address}"), "", &[&address, "refused"]);
    };
    name_unknown: "a client of a host that doesn't exist" => "1, the name",
        run_sender("ws://does-not-exist.invalid:1", "", &["does-not-exist.invalid"]);
    not_a_websocket: "a client of a server that answers 404" => "1, the status",
        run_sender(&format!("ws://{}", answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")), "", &["404"]);
    not_http: "a client of a server that doesn't speak HTTP" => "1, the address",
        run_sender(&format!("ws://{}", answering(b"220 mail ready\r\n\r\n")), "", &["main::away"]);
    hangs_up: "a client of a server that hangs up" => "1, the connector",
        run_sender(&format!("ws://{}", answering(b"")), "", &["main::away"]);
    tls_to_plain: "a client with TLS of a server without" => "1, the connector",
        run_sender(&format!("wss://{}", answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")), r#", "tls": {"cafile": "before/localhost.cert"}"#, &["main::away"]);
    certificate_of_a_ca: "a server that shows a CA's certificate" => "1, `wsloop cert`",
        refused_certificate(|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained), &["CA", "wsloop cert"]);
    certificate_without_names: "a certificate without a subject alternative name" => "1, `wsloop cert`",
        refused_certificate(|params| params.subject_alt_names.clear(), &["subject alternative name", "wsloop cert"]);
    certificate_of_another: "a certificate for another name" => "1, the name",
        refused_certificate(|params| params.subject_alt_names = vec![rcgen::SanType::DnsName("example.com".try_into().unwrap())], &["localhost"]);
    certificate_expired: "a certificate that has expired" => "1, `expired`",
        refused_certificate(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1), &["expired"]);
}
