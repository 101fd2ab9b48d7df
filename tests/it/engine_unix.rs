//! Unix sockets: listened on, and what becomes of their files.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};

use wsloop::EventLoop;
use wsloop::engine::{Config, Error, Event, ListenOptions, Misuse, SocketOptions};

use super::engine_support::{BINARY, CLOSE, PATIENCE, Rig, TEXT, echo, frame, request};

/// Opens a connection to whatever listens at the other end of `socket`, while `rig` serves.
fn open(rig: &mut Rig, socket: &mut UnixStream) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(request().as_bytes()).unwrap();
    rig.opened();
    // What is queued leaves with the next poll.
    rig.event_loop
        .poll(&mut rig.events, Some(std::time::Duration::ZERO))
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
}

/// Serves until the message has gone through, and reads it.
fn back(rig: &mut Rig, socket: &mut UnixStream, message: &[u8]) {
    let mut answer = vec![0; message.len() + 2];
    socket.write_all(&frame(TEXT, message)).unwrap();
    rig.until(|event_loop, stream, event| {
        echo(event_loop, stream, event);
        matches!(event, Event::Message(_)).then_some(())
    });
    rig.event_loop
        .poll(&mut rig.events, Some(std::time::Duration::ZERO))
        .unwrap();
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer[2..], *message);
}

fn is_socket(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

#[test]
fn a_unix_socket_is_served_and_its_file_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock").to_str().unwrap().to_owned();
    let mut rig = Rig::new();
    let options = SocketOptions {
        unix_mode: Some(0o600),
        send_buffer_bytes: Some(1 << 16),
        keep_alive: Some(PATIENCE),
        ..SocketOptions::default()
    };
    let options = ListenOptions::new(format!("unix:{path}")).socket(options);
    let listener = rig.event_loop.listen(options).unwrap();
    assert_eq!(
        rig.event_loop.address(listener).unwrap().to_string(),
        format!("unix:{path}")
    );
    assert_eq!(rig.event_loop.local_addr(listener), Err(Misuse::UnixSocket));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    open(&mut rig, &mut client);
    back(&mut rig, &mut client, b"over a file");
    let stream = {
        client.write_all(&frame(BINARY, b"?")).unwrap();
        rig.until(|_, stream, event| matches!(event, Event::Message(_)).then_some(stream))
    };
    assert_eq!(rig.event_loop.peer_addr(stream), Err(Misuse::UnixSocket));
    assert_eq!(rig.event_loop.local_addr_of(stream), Err(Misuse::UnixSocket));

    rig.event_loop.close_listener(listener).unwrap();
    assert!(!is_socket(&path), "the file outlives its listener");
    back(&mut rig, &mut client, b"the stream outlives it");
    client.write_all(&frame(CLOSE, &[0x03, 0xe8])).unwrap();
    rig.until(|_, _, event| matches!(event, Event::Closed(_)).then_some(()));
    rig.until_true(|event_loop, _| {
        event_loop.stream_count() == 0 || {
            let _ = client.shutdown(std::net::Shutdown::Write);
            false
        }
    });
}

#[test]
fn a_megabyte_passes_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock").to_str().unwrap().to_owned();
    let mut rig = Rig::new();
    rig.event_loop
        .listen(ListenOptions::new(format!("unix:{path}")))
        .unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    open(&mut rig, &mut client);
    let mut writer = client.try_clone().unwrap();
    let payload: Vec<u8> = (0..1 << 20).map(|number: u32| (number % 251) as u8).collect();
    let sent = frame(BINARY, &payload);
    let wanted = payload.clone();
    let writing = std::thread::spawn(move || writer.write_all(&sent).unwrap());
    let reading = std::thread::spawn(move || {
        let mut answer = vec![0; wanted.len() + 10];
        client.read_exact(&mut answer).unwrap();
        assert!(answer[10..] == wanted[..]);
    });
    rig.until_true(|event_loop, events| {
        for (stream, event) in events {
            echo(event_loop, stream, event);
        }
        reading.is_finished()
    });
    writing.join().unwrap();
    reading.join().unwrap();
}

#[test]
fn only_a_socket_that_nobody_answers_on_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock").to_str().unwrap().to_owned();
    let address = format!("unix:{path}");
    let mut rig = Rig::new();
    // The library leaves its file behind, as a process that is killed does.
    drop(UnixListener::bind(&path).unwrap());
    assert!(is_socket(&path));
    let listener = rig.event_loop.listen(ListenOptions::new(address.clone())).unwrap();
    open(&mut rig, &mut UnixStream::connect(&path).unwrap());

    // Somebody answers: this one.
    let mut other = EventLoop::new(Config::default()).unwrap();
    let error = other.listen(ListenOptions::new(address.clone())).unwrap_err();
    let Error::Listen { source, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&path), "{error}");
    open(&mut rig, &mut UnixStream::connect(&path).unwrap());

    // Another has taken the name since: it keeps it.
    fs::remove_file(&path).unwrap();
    other.listen(ListenOptions::new(address.clone())).unwrap();
    rig.event_loop.close_listener(listener).unwrap();
    assert!(is_socket(&path), "the successor's file was removed");
    drop(other);
    assert!(!is_socket(&path), "the file outlives the loop");

    // What is no socket is nobody's to remove.
    fs::write(&path, "precious").unwrap();
    assert!(rig.event_loop.listen(ListenOptions::new(address)).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_path_too_long_or_nowhere_is_an_error() {
    let mut event_loop = EventLoop::new(Config::default()).unwrap();
    for path in ["/nowhere/at/all/x.sock".to_owned(), format!("/tmp/{}", "x".repeat(200))] {
        let error = event_loop
            .listen(ListenOptions::new(format!("unix:{path}")))
            .unwrap_err();
        assert!(
            matches!(error, Error::Listen { .. }) && error.to_string().contains(&path),
            "{error}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_in_the_abstract_namespace_is_no_file() {
    use std::os::linux::net::SocketAddrExt;

    let name = format!("wsloop-test-{}", std::process::id());
    let mut rig = Rig::new();
    let listener = rig
        .event_loop
        .listen(ListenOptions::new(format!("unix:@{name}")))
        .unwrap();
    assert_eq!(
        rig.event_loop.address(listener).unwrap().to_string(),
        format!("unix:@{name}")
    );
    let addr = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let mut client = UnixStream::connect_addr(&addr).unwrap();
    open(&mut rig, &mut client);
    back(&mut rig, &mut client, b"no file");
    rig.event_loop.close_listener(listener).unwrap();
    assert!(UnixStream::connect_addr(&addr).is_err());
}
