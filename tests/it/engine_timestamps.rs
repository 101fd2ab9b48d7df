//! Receive times: each lies between the sending and the receiving of its message.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wsloop::engine::{AdoptOptions, ConnectOptions, Event, ListenOptions, StreamId};

use super::engine_support::{BINARY, PATIENCE, RawClient, Rig, frame};

fn wall_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Polls until a message comes, and gives its time.
fn next_time(rig: &mut Rig) -> (StreamId, Option<Duration>) {
    let mut found = None;
    rig.until_true(|_, events| {
        let mut received = events.iter_received();
        assert_eq!(received.len(), events.len());
        found = received.find_map(|(stream, event, at)| matches!(event, Event::Message(_)).then_some((stream, at)));
        found.is_some()
    });
    found.unwrap()
}

/// Sends by `send` until the kernel tells the time, which it may not do at once after it was first asked, and holds it
/// between.
fn check(rig: &mut Rig, mut send: impl FnMut(&mut Rig)) {
    let begun = wall_now();
    loop {
        let before = wall_now();
        send(rig);
        let (_, at) = next_time(rig);
        let after = wall_now();
        match at {
            Some(at) => {
                assert!(before <= at && at <= after, "{before:?} {at:?} {after:?}");
                return;
            }
            None => assert!(after - begun < PATIENCE, "the kernel never told"),
        }
    }
}

#[test]
fn a_message_has_the_time_at_which_it_came() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").timestamps(true));
    let mut client = RawClient::connect(addr);
    std::io::Write::write_all(&mut client.socket, super::engine_support::request().as_bytes()).unwrap();
    rig.opened();
    check(&mut rig, |_| client.send(BINARY, b"when?"));

    // What waits is not of the time at which it is read.
    client.send(BINARY, b"early");
    std::thread::sleep(Duration::from_millis(20));
    let reading = wall_now();
    let (_, at) = next_time(&mut rig);
    assert!(at.unwrap() < reading);

    // One time for all that is read together, and none for what nobody asked for.
    let (_, plain) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let mut other = RawClient::connect(plain);
    std::io::Write::write_all(&mut other.socket, super::engine_support::request().as_bytes()).unwrap();
    rig.opened();
    let many: Vec<u8> = (0..5).flat_map(|_| frame(BINARY, b"together")).collect();
    std::io::Write::write_all(&mut client.socket, &many).unwrap();
    std::io::Write::write_all(&mut other.socket, &many).unwrap();
    let (mut with, mut without) = (Vec::new(), 0);
    rig.until_true(|_, events| {
        for (_, _, at) in events.iter_received() {
            match at {
                Some(at) => with.push(at),
                None => without += 1,
            }
        }
        with.len() == 5 && without == 5
    });
    assert!(with.windows(2).all(|pair| pair[0] <= pair[1]));
}

#[test]
fn dialled_and_adopted_streams_have_times_too() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let options = ConnectOptions::new("127.0.0.1", addr.port(), "/").timestamps(true);
    let client = rig.event_loop.connect(options).unwrap();
    let mut server = None;
    while server.is_none() || rig.event_loop.is_open(client) != Ok(true) {
        let opened = rig.opened();
        server = server.or((opened != client).then_some(opened));
    }
    let server = server.unwrap();
    check(&mut rig, |rig| {
        assert!(rig.event_loop.send(server, "when?").unwrap().is_queued());
    });

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut far = RawClient::connect(listener.local_addr().unwrap());
    let near = listener.accept().unwrap().0;
    let options = AdoptOptions::server(ListenOptions::default().timestamps(true)).after_handshake();
    rig.event_loop.adopt(near.into(), options.clone()).unwrap();
    check(&mut rig, |_| far.send(BINARY, b"when?"));

    // A Unix socket knows no times, and does as well without.
    let (near, mut far) = UnixStream::pair().unwrap();
    rig.event_loop.adopt(near.into(), options).unwrap();
    std::io::Write::write_all(&mut far, &frame(BINARY, b"when?")).unwrap();
    assert_eq!(next_time(&mut rig).1, None);
}

#[cfg(feature = "tls")]
#[test]
fn what_came_through_tls_has_the_time_of_its_records() {
    use wsloop::tls::{ClientConfig, ClientOptions, ServerConfig, ServerOptions};

    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_string()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let server = ServerConfig::new(&ServerOptions {
        certificate_pem: certificate.as_bytes(),
        key_pem: key.serialize_pem().as_bytes(),
        ..ServerOptions::default()
    });
    let client = ClientConfig::new(&ClientOptions {
        roots_pem: Some(certificate.as_bytes()),
        ..ClientOptions::default()
    });
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").tls(server.unwrap()).timestamps(true));
    let options = ConnectOptions::from_url(&format!("wss://127.0.0.1:{}/", addr.port())).unwrap();
    let options = options.tls(client.unwrap(), "localhost");
    let client = rig.event_loop.connect(options).unwrap();
    rig.until(|_, stream, event| (matches!(event, Event::Opened(_)) && stream == client).then_some(()));
    check(&mut rig, |rig| {
        assert!(rig.event_loop.send(client, "when?").unwrap().is_queued());
    });
}
