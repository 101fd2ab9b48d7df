//! The flows under `docs/flows`: each is checked, and each that deploys something is run.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use tungstenite::Message;

use super::cli_support::{Running, documented, fixed_ports, folder, run};
use super::flows_peers::{accept, ask, client};

/// A folder with the documented flows and the certificate that they name.
fn documented_folder() -> tempfile::TempDir {
    let dir = folder(&[]);
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/flows")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    assert_eq!(run(dir.path(), &["cert", "before"]).code, Some(0));
    dir
}

#[test]
fn every_flow_passes_the_check_but_for_the_one_with_a_slip() {
    let dir = documented_folder();
    fs::write(
        dir.path().join("secure_echo.troy"),
        documented("secure_echo/config.troy"),
    )
    .unwrap();
    let mut checked = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".troy") && name != "ws_client.troy" {
            let output = run(dir.path(), &["check", &name]);
            assert_eq!(output.code, Some(0), "{name}: {output:?}");
            checked += 1;
        }
    }
    assert!(checked >= 8, "only {checked} flows were found");
}

#[test]
fn a_definition_without_its_kind_is_refused_with_the_way_to_write_it() {
    let dir = documented_folder();
    let output = run(dir.path(), &["check", "ws_client.troy"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stderr.contains("ws_client.troy:1:8"), "{output:?}");
    assert!(
        output.stderr.contains("define connector my_wsc from ws_client"),
        "{output:?}"
    );
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn the_mended_client_runs_from_the_top_level_of_its_file() {
    let _ports = fixed_ports();
    let listener = TcpListener::bind("127.0.0.1:4242").unwrap();
    let flow = documented("ws_client_mended.troy")
        + r#"
        define flow main
        flow
          use tremor::{connectors, pipelines};
          create connector my_wsc;
          create connector tty from connectors::console;
          create pipeline up from pipelines::passthrough;
          connect /connector/tty to /pipeline/up;
          connect /pipeline/up to /connector/my_wsc;
        end;
        deploy flow main;
        "#;
    let dir = folder(&[("config.troy", &flow)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let (mut peer, target) = accept(&listener);
    assert_eq!(target, "/");
    running.write("hello\n");
    assert_eq!(peer.read().unwrap(), Message::text("\"hello\"\n"));
    running.signal("TERM");
    while let Ok(message) = peer.read() {
        assert!(message.is_close(), "{message:?}");
    }
    let output = running.output();
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn the_plain_echo_gives_every_message_back_as_it_came() {
    let _ports = fixed_ports();
    let dir = folder(&[("echo.troy", &documented("echo.troy"))]);
    let mut running = Running::flow(dir.path(), "echo.troy");
    assert_eq!(running.listening(), "127.0.0.1:4242");
    let mut peer = client("127.0.0.1:4242");
    for message in [
        Message::text("grüß Gott"),
        Message::text(""),
        Message::binary(vec![0, 255, 254]),
        Message::binary(vec![7; 1 << 20]),
    ] {
        peer.send(message.clone()).unwrap();
        assert_eq!(peer.read().unwrap(), message);
    }
    running.signal("INT");
    assert!(matches!(peer.read(), Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 1001));
    while peer.read().is_ok() {}
    let output = running.output();
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{output:?}");
}

#[test]
fn the_json_echo_answers_bad_input_to_its_sender_alone() {
    let flow = documented("json_echo.troy").replace("127.0.0.1:4711", "127.0.0.1:0");
    let dir = folder(&[("config.troy", &flow)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let address = running.listening();
    let (mut one, mut other) = (client(&address), client(&address));
    assert_eq!(
        ask(&mut one, "{ \"b\" : 1, \"a\" : [ 2.0, null ] }"),
        Message::text(r#"{"b":1,"a":[2.0,null]}"#)
    );
    let Message::Text(answer) = ask(&mut one, "nul") else {
        panic!("the answer is no text");
    };
    assert!(
        answer.starts_with(r#"{"err":""#) && answer.ends_with(r#""}"#),
        "{answer}"
    );
    assert_eq!(
        ask(&mut other, "1"),
        Message::text("1"),
        "the other client got the first one's answer"
    );
    assert_eq!(ask(&mut one, "2"), Message::text("2"));
}

#[test]
fn the_terminal_client_sends_lines_and_prints_messages() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let flow = documented("terminal_client.troy").replace("127.0.0.1:4781", &address);
    let dir = folder(&[("config.troy", &flow)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    running.write("first\n");
    let (mut peer, target) = accept(&listener);
    assert_eq!(target, "/chat?x=1");
    assert_eq!(peer.read().unwrap(), Message::text("first"));
    running.write("{\"second\": 2}\nlast, unended");
    assert_eq!(peer.read().unwrap(), Message::text("{\"second\": 2}"));
    peer.send(Message::text("an answer")).unwrap();
    assert_eq!(running.stdout_line("answer"), "an answer\n");
    running.end_of_input();
    assert_eq!(peer.read().unwrap(), Message::text("last, unended"));
    peer.send(Message::text("more")).unwrap();
    assert_eq!(running.stdout_line("more"), "more\n");
    running.signal("TERM");
    assert!(matches!(peer.read(), Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 1000));
    while peer.read().is_ok() {}
    let output = running.output();
    assert_eq!(output.code, Some(0), "{output:?}");
}
