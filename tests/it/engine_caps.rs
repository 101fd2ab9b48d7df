//! Bounds of listeners on real sockets: connections in all, and those of one address.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use wsloop::engine::{Event, Events, ListenOptions, Notice};

use super::engine_support::{PATIENCE, RawClient, Rig, TEXT, request};

fn local() -> ListenOptions {
    ListenOptions::new("127.0.0.1:0")
}

/// Asks to open, without waiting for the answer.
fn asking(addr: SocketAddr) -> RawClient {
    let mut client = RawClient::connect(addr);
    client.socket.write_all(request().as_bytes()).unwrap();
    client
}

/// As `asking`, from an address of its own.
fn asking_from(ip: Ipv4Addr, addr: SocketAddr) -> RawClient {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
    socket.connect(&addr.into()).unwrap();
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = RawClient { socket };
    // The connection may be reset by now.
    let _ = client.socket.write_all(request().as_bytes());
    client
}

/// The answer that opens a stream, which leaves at the poll after the event.
fn head_of(rig: &mut Rig, client: &mut RawClient) -> String {
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    client.read_head()
}

fn notices(events: &Events, found: &mut Vec<Notice>) {
    found.extend(events.notices().cloned());
}

#[test]
fn connections_past_the_bound_wait_until_there_is_room() {
    let mut rig = Rig::new();
    let (bounded, addr) = rig.listen(local().connections_max(2));
    let (_, free) = rig.listen(local());
    let mut clients: Vec<RawClient> = (0..4).map(|_| asking(addr)).collect();
    let mut told = Vec::new();
    let mut opened = Vec::new();
    rig.until_true(|_, events| {
        notices(events, &mut told);
        opened.extend(
            events
                .iter()
                .filter(|(_, event)| matches!(event, Event::Opened(_)))
                .map(|(stream, _)| stream),
        );
        opened.len() == 2 && !told.is_empty()
    });
    // The other listener is not concerned.
    let _other = asking(free);
    rig.opened();
    for _ in 0..10 {
        rig.event_loop
            .poll(&mut rig.events, Some(Duration::from_millis(5)))
            .unwrap();
        assert!(rig.events.is_empty());
    }
    assert_eq!(told, [Notice::ListenerFull { listener: bounded }]);
    assert_eq!(rig.event_loop.counters().accepts_waited, 1);
    // Each end makes room for one more, in their order.
    for stream in opened {
        assert_eq!(rig.event_loop.listener_of(stream), Ok(Some(bounded)));
        rig.event_loop.abort(stream).unwrap();
        rig.opened();
    }
    for client in &mut clients[2..] {
        assert!(head_of(&mut rig, client).contains("101"));
    }
    assert_eq!(rig.event_loop.stream_count(), 3);
}

#[test]
fn an_address_with_too_many_connections_is_reset_and_others_are_not() {
    let mut rig = Rig::new();
    let (listener, addr) = rig.listen(local().per_address_max(2));
    let one = Ipv4Addr::new(127, 0, 0, 2);
    let mut first = asking_from(one, addr);
    let first_stream = rig.opened();
    let _second = asking_from(one, addr);
    rig.opened();
    let mut third = asking_from(one, addr);
    let mut told = Vec::new();
    rig.until_true(|_, events| {
        notices(events, &mut told);
        !told.is_empty()
    });
    let refused = Notice::ConnectionRefused {
        listener,
        address: IpAddr::V4(one),
    };
    assert_eq!(told, [refused]);
    assert_eq!(rig.event_loop.counters().accepts_refused, 1);
    assert!(third.socket.read(&mut [0]).is_err(), "reset, before any answer");
    let mut other = asking_from(Ipv4Addr::new(127, 0, 0, 3), addr);
    let other_stream = rig.opened();
    assert!(head_of(&mut rig, &mut other).contains("101"));
    // An end makes room, in whatever way it comes; the count is exact.
    assert!(head_of(&mut rig, &mut first).contains("101"));
    drop(first);
    rig.until(|_, stream, event| (stream == first_stream && matches!(event, Event::Failed(_))).then_some(()));
    rig.until_true(|event_loop, _| event_loop.stream_count() == 2);
    let mut again = asking_from(one, addr);
    let again_stream = rig.opened();
    assert!(head_of(&mut rig, &mut again).contains("101"));
    let mut fourth = asking_from(one, addr);
    rig.until_true(|event_loop, _| event_loop.counters().accepts_refused == 2);
    assert!(fourth.socket.read(&mut [0]).is_err());
    // Those that are there are served.
    for (stream, client) in [(other_stream, &mut other), (again_stream, &mut again)] {
        let _ = rig.event_loop.send(stream, "served").unwrap();
        rig.event_loop.flush(stream).unwrap();
        assert_eq!(client.receive(), (TEXT, b"served".to_vec()));
    }
}

#[test]
fn a_flood_from_one_address_keeps_nobody_else_out() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local().per_address_max(3).connections_max(10));
    let flood = std::thread::spawn(move || {
        let clients: Vec<RawClient> = (0..200)
            .map(|_| asking_from(Ipv4Addr::new(127, 0, 0, 4), addr))
            .collect();
        clients
    });
    rig.until_true(|event_loop, _| event_loop.counters().accepts_refused == 197);
    let _flood = flood.join().unwrap();
    assert_eq!(rig.event_loop.stream_count(), 3);
    let mut other = asking_from(Ipv4Addr::new(127, 0, 0, 5), addr);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 4 && event_loop.counters().opened == 4);
    assert!(head_of(&mut rig, &mut other).contains("101"));
}
