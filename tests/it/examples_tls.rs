//! The example that takes renewed certificates does so, and passes over half of a new pair.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use wsloop::EventLoop;
use wsloop::engine::{Config, ConnectOptions, Event, Failure, StreamId};
use wsloop::proto::Message;
use wsloop::tls::{ClientConfig, ClientOptions};

use super::engine_support::{PATIENCE, Rig};

#[path = "../../docs/examples/tls_reload.rs"]
#[allow(unreachable_pub, dead_code, unused_attributes)]
mod tls_reload;

fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Connects as one who trusts `certificate`; `None` if the server showed another.
fn connect(rig: &mut Rig, port: u16, certificate: &str) -> Option<StreamId> {
    let config = ClientConfig::new(&ClientOptions {
        roots_pem: Some(certificate.as_bytes()),
        ..ClientOptions::default()
    });
    let options = ConnectOptions::from_url(&format!("wss://localhost:{port}/")).unwrap();
    let client = rig
        .event_loop
        .connect(options.tls(config.unwrap(), "localhost"))
        .unwrap();
    rig.until(|_, stream, event| match event {
        Event::Opened(_) if stream == client => Some(Some(client)),
        Event::Failed(Failure::Tls(_)) if stream == client => Some(None),
        Event::Failed(failure) => panic!("{failure}"),
        _ => None,
    })
}

fn echoes(rig: &mut Rig, client: StreamId) {
    assert!(rig.event_loop.send(client, "hello").unwrap().is_queued());
    rig.until(|_, stream, event| match event {
        Event::Message(Message::Text(text)) if stream == client && text.as_str() == "hello" => Some(()),
        Event::Failed(failure) => panic!("{failure}"),
        _ => None,
    });
}

#[test]
fn renewed_files_are_taken_while_streams_stay_open() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate_file, key_file) = (dir.path().join("server.cert"), dir.path().join("server.key"));
    let (old, new) = (pair(), pair());
    std::fs::write(&certificate_file, &old.0).unwrap();
    std::fs::write(&key_file, &old.1).unwrap();

    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (sender, receiver) = channel();
    let files = (certificate_file.clone(), key_file.clone());
    let server = std::thread::spawn(move || {
        let mut event_loop = EventLoop::new(Config::default()).unwrap();
        sender.send(event_loop.handle()).unwrap();
        let (certificate, key) = (files.0.to_str().unwrap(), files.1.to_str().unwrap());
        let every = Duration::from_millis(20);
        tls_reload::serve(&mut event_loop, &format!("127.0.0.1:{port}"), certificate, key, every)
            .map_err(|error| error.to_string())
    });
    let handle = receiver.recv_timeout(PATIENCE).unwrap();
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < PATIENCE && !server.is_finished());
        std::thread::yield_now();
    }

    let mut rig = Rig::new();
    let early = connect(&mut rig, port, &old.0).unwrap();
    std::fs::write(&certificate_file, &new.0).unwrap();
    let between = connect(&mut rig, port, &old.0).expect("half of a new pair changes nothing");
    std::fs::write(&key_file, &new.1).unwrap();
    let begun = Instant::now();
    let late = loop {
        assert!(begun.elapsed() < PATIENCE, "the new certificate is never shown");
        if let Some(late) = connect(&mut rig, port, &new.0) {
            break late;
        }
    };
    for client in [early, between, late] {
        echoes(&mut rig, client);
    }
    handle.stop().unwrap();
    server.join().unwrap().unwrap();
}
