//! Dials of several addresses on real sockets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use wsloop::engine::{ConnectOptions, Event, Events, Failure, ListenOptions, Phase};

use super::engine_support::{Rig, echo, serve};

/// An address whose backlog is full: a connection to it is never answered. It lives as long as this.
struct Dead {
    addr: SocketAddr,
    _listener: socket2::Socket,
    _waiting: Vec<TcpStream>,
}

impl Dead {
    fn at(ip: &str) -> Self {
        let addr: SocketAddr = format!("{ip}:0").parse().unwrap();
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&addr.into()).unwrap();
        listener.listen(0).unwrap();
        let addr = listener.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(100)) {
            waiting.push(stream);
        }
        Self {
            addr,
            _listener: listener,
            _waiting: waiting,
        }
    }
}

/// An address where nobody listens.
fn refusing(ip: &str) -> SocketAddr {
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap()
}

fn dial(rig: &mut Rig, addrs: &[SocketAddr]) -> Result<SocketAddr, Failure> {
    let options = ConnectOptions::new("many.example", 80, "/")
        .addresses(addrs.iter().copied())
        .attempt_delay(Duration::ZERO)
        .dial_timeout(Duration::from_secs(3));
    let stream = rig.event_loop.connect(options).unwrap();
    rig.until(|event_loop, from, event| match event {
        Event::Opened(_) if from == stream => Some(Ok(event_loop.peer_addr(stream).unwrap())),
        Event::Failed(failure) if from == stream => Some(Err(failure.clone())),
        _ => None,
    })
}

#[test]
#[cfg(target_os = "linux")]
fn the_first_address_that_answers_wins() {
    let dead = [Dead::at("127.0.0.2"), Dead::at("127.0.0.3")];
    let refusing = refusing("127.0.0.4");
    let server = serve(ListenOptions::new("127.0.0.5:0"), Events::default(), echo);
    let mut rig = Rig::new();
    let begun = Instant::now();
    let addrs = [dead[0].addr, refusing, dead[1].addr, server.addr];
    assert_eq!(dial(&mut rig, &addrs), Ok(server.addr));
    // Two delays, which are 100 ms at least.
    assert!(begun.elapsed() >= Duration::from_millis(200));

    let failure = dial(&mut rig, &[dead[0].addr, refusing]).unwrap_err();
    assert_eq!(failure, Failure::TimedOut(Phase::Dial));
    let failure = dial(&mut rig, &[refusing]).unwrap_err();
    assert!(matches!(failure, Failure::Dial { address, .. } if address == refusing.into()));
    rig.until_true(|event_loop, _| event_loop.stream_count() == 1);
}

#[test]
fn both_families_are_tried() {
    let Ok(probe) = TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: this system has no IPv6");
        return;
    };
    let refusing_v6 = probe.local_addr().unwrap();
    drop(probe);
    let mut rig = Rig::new();
    let server = serve(ListenOptions::new("127.0.0.1:0"), Events::default(), echo);
    assert_eq!(dial(&mut rig, &[refusing_v6, server.addr]), Ok(server.addr));
    let server = serve(ListenOptions::new("[::1]:0"), Events::default(), echo);
    let refusing = refusing("127.0.0.1");
    assert_eq!(dial(&mut rig, &[refusing, server.addr]), Ok(server.addr));
}

#[test]
fn a_unix_socket_is_dialled_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock").to_str().unwrap().to_owned();
    let mut rig = Rig::new();
    let options = ConnectOptions::from_url("ws://service.example/x").unwrap();
    let missing = rig.event_loop.connect(options.clone().unix(&path)).unwrap();
    let text = rig.until(|_, stream, event| match event {
        Event::Failed(failure) if stream == missing => Some(failure.to_string()),
        _ => None,
    });
    assert!(text.contains(&format!("unix:{path}")), "{text}");

    let listener = ListenOptions::new(format!("unix:{path}")).requests(true);
    rig.event_loop.listen(listener).unwrap();
    let stream = rig.event_loop.connect(options.unix(&path)).unwrap();
    let mut host = String::new();
    rig.until(|event_loop, from, event| {
        match event {
            Event::Request(request) => {
                request.host().clone_into(&mut host);
                event_loop.accept(from, wsloop::proto::Accept::new()).unwrap();
            }
            Event::Opened(_) if from == stream => assert!(event_loop.send(stream, "by file").unwrap().is_queued()),
            Event::Message(message) if from == stream => {
                assert_eq!(message.as_bytes(), b"by file");
                return Some(());
            }
            other => echo(event_loop, from, other),
        }
        None
    });
    assert_eq!(host, "service.example");
}
