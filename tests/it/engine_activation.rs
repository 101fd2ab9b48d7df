//! A process that is started with listening sockets serves what comes to them, what came before included.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

use super::engine_support::{PATIENCE, TEXT, frame, request};

#[path = "../../docs/examples/activated.rs"]
#[allow(unreachable_pub, dead_code, unused_attributes)]
mod activated;

/// Runs alone in a process that was handed sockets: see `a_process_serves_the_sockets_that_it_was_started_with`.
#[test]
#[ignore = "needs sockets that the process was started with; another test starts it so"]
fn in_an_activated_process() {
    activated::main().unwrap();
}

/// The same of a process that was handed a socket that is of no use.
#[test]
#[ignore = "needs sockets that the process was started with; another test starts it so"]
fn in_a_process_with_a_file() {
    assert!(wsloop::sys::handed_over().is_err());
    assert!(wsloop::sys::handed_over().unwrap().is_empty(), "they are given once");
}

/// Starts this program with `test` alone and two sockets, as systemd does: from descriptor 3 on, with the number of the
/// process.
fn start(test: &str, pid: &str, sockets: [OwnedFd; 2]) -> Child {
    let [first, second] = sockets.map(Stdio::from);
    let script = format!(
        "exec 3<&0 4<&1 0</dev/null 1>&2; LISTEN_FDS=2 LISTEN_PID={pid} LISTEN_FDNAMES=web:local exec \"$0\" --ignored \
         --exact engine_activation::{test}"
    );
    Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .stdin(first)
        .stdout(second)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn echo(socket: &mut (impl Read + Write)) {
    socket.write_all(request().as_bytes()).unwrap();
    socket.write_all(&frame(TEXT, b"are you there?")).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let mut answer = [0; 16];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[2..], b"are you there?");
}

#[test]
fn a_process_serves_the_sockets_that_it_was_started_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let inet = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    // Before there is anybody to accept: that is the point of it.
    let mut early = TcpStream::connect(inet.local_addr().unwrap()).unwrap();
    let mut late = UnixStream::connect(&path).unwrap();
    early.set_read_timeout(Some(PATIENCE)).unwrap();
    late.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut child = start("in_an_activated_process", "$$", [inet.into(), unix.into()]);
    let served = std::panic::catch_unwind(move || {
        echo(&mut early);
        echo(&mut late);
    });
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(served.is_ok(), "{text}");
}

#[test]
fn sockets_for_another_process_are_left_alone_and_files_refused() {
    let both = || [0; 2].map(|_| OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap()));
    let output = start("in_an_activated_process", "1", both())
        .wait_with_output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && text.contains("no socket was handed over"),
        "{text}"
    );

    let files = [0; 2].map(|_| OwnedFd::from(tempfile::tempfile().unwrap()));
    let output = start("in_a_process_with_a_file", "$$", files)
        .wait_with_output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
