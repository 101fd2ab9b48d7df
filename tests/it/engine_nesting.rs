//! The loop inside another: what its descriptor announces and what only it knows.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use wsloop::EventLoop;
use wsloop::engine::{AdoptOptions, Event, ListenOptions};

use super::engine_support::{BINARY, CLOSE, PATIENCE, PING, RawClient, Rig, TEXT, frame};

/// An edge-triggered loop around `rig`'s.
struct Outer {
    poll: Poll,
    ready: mio::Events,
}

impl Outer {
    fn around(event_loop: &EventLoop) -> Self {
        let poll = Poll::new().unwrap();
        let inner = event_loop.as_raw_fd();
        poll.registry()
            .register(&mut SourceFd(&inner), Token(0), Interest::READABLE)
            .unwrap();
        Self {
            poll,
            ready: mio::Events::with_capacity(4),
        }
    }

    /// Waits as the inner loop says; whether it was announced.
    fn wait(&mut self, rig: &mut Rig) -> bool {
        let timeout = rig.event_loop.next_timeout().unwrap_or(PATIENCE).min(PATIENCE);
        self.poll.poll(&mut self.ready, Some(timeout)).unwrap();
        !self.ready.is_empty()
    }
}

fn turn(rig: &mut Rig) {
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
}

/// Turns until there is nothing to do.
fn settle(rig: &mut Rig) {
    for _ in 0..1000 {
        turn(rig);
        if rig.event_loop.next_timeout() != Some(Duration::ZERO) {
            return;
        }
    }
    panic!("it never comes to rest");
}

#[test]
fn the_loop_can_go_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<EventLoop>();
}

#[test]
fn what_is_new_is_announced_once_and_again_after_each_poll() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let mut outer = Outer::around(&rig.event_loop);
    settle(&mut rig);
    let mut client = RawClient::connect(addr);
    client
        .socket
        .write_all(super::engine_support::request().as_bytes())
        .unwrap();
    let mut opened = false;
    while !opened {
        outer.wait(&mut rig);
        turn(&mut rig);
        opened = rig.events.iter().any(|(_, event)| matches!(event, Event::Opened(_)));
    }
    settle(&mut rig);
    for _ in 0..20 {
        client.send(TEXT, b"once");
        while rig.events.is_empty() {
            assert!(outer.wait(&mut rig), "it was not announced");
            turn(&mut rig);
        }
        assert_eq!(rig.events.iter().count(), 1);
        settle(&mut rig);
        assert!(rig.events.is_empty());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn more_sockets_than_one_look_at_the_system_brings_are_not_forgotten() {
    const SOCKETS: usize = 1500;
    /// More than one look brings; it finds nothing to do in them, so that nothing else asks for another.
    const PAUSED: usize = 1400;
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut rig = Rig::new();
    let options = AdoptOptions::server(ListenOptions::default()).after_handshake();
    let mut peers = Vec::new();
    for _ in 0..SOCKETS {
        let (near, far) = UnixStream::pair().unwrap();
        let stream = rig.event_loop.adopt(near.into(), options.clone()).unwrap();
        if peers.len() < PAUSED {
            rig.event_loop.pause(stream).unwrap();
        }
        peers.push(far);
    }
    let mut outer = Outer::around(&rig.event_loop);
    settle(&mut rig);
    // That they can be written to is news of all of them, too.
    (0..3).for_each(|_| turn(&mut rig));
    for peer in &mut peers {
        peer.write_all(&frame(TEXT, b"all at once")).unwrap();
    }
    let mut messages = 0;
    while messages < SOCKETS - PAUSED {
        let zero = rig.event_loop.next_timeout() == Some(Duration::ZERO);
        assert!(
            outer.wait(&mut rig) || zero,
            "the others were forgotten, behind {messages}"
        );
        turn(&mut rig);
        messages += rig.events.iter().count();
    }
}

#[test]
fn a_loop_that_never_waits_serves_as_well() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let client = std::thread::spawn(move || {
        let mut client = RawClient::open(addr);
        for _ in 0..100 {
            client.send(TEXT, b"busy");
            assert_eq!(client.receive(), (TEXT, b"busy".to_vec()));
        }
    });
    let begun = std::time::Instant::now();
    while !client.is_finished() {
        assert!(begun.elapsed() < PATIENCE);
        turn(&mut rig);
        for (stream, event) in &rig.events {
            super::engine_support::echo(&mut rig.event_loop, stream, event);
        }
    }
    client.join().unwrap();
}

/// What the descriptor is silent about, one reason after the other, each with nothing else to do.
#[test]
fn the_next_time_out_knows_what_the_descriptor_does_not_say() {
    let config = wsloop::engine::Config {
        accept_budget: 1,
        ..Default::default()
    };
    let mut rig = Rig::with(config, wsloop::engine::Events::default());
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").handshakes_max(2));
    let mut outer = Outer::around(&rig.event_loop);
    assert_eq!(rig.event_loop.next_timeout(), None, "nothing is to be done");

    // A backlog that is not emptied; where nobody may be accepted, it is no reason.
    let mut clients: Vec<RawClient> = (0..3).map(|_| RawClient::connect(addr)).collect();
    assert!(outer.wait(&mut rig));
    turn(&mut rig);
    assert_eq!(rig.event_loop.stream_count(), 1);
    assert_eq!(rig.event_loop.next_timeout(), Some(Duration::ZERO), "two more wait");
    turn(&mut rig);
    turn(&mut rig);
    assert_eq!(rig.event_loop.stream_count(), 2);
    let timeout = rig.event_loop.next_timeout();
    assert!(
        timeout.is_some_and(|timeout| timeout > Duration::ZERO),
        "the deadline of a handshake, not {timeout:?}"
    );

    // Output: the answer to the request.
    std::io::Write::write_all(&mut clients[0].socket, super::engine_support::request().as_bytes()).unwrap();
    let stream = rig.opened();
    assert_eq!(rig.event_loop.next_timeout(), Some(Duration::ZERO), "the answer waits");
    settle(&mut rig);

    // A socket that was announced while nobody wanted to read it.
    rig.event_loop.pause(stream).unwrap();
    clients[0].send(TEXT, b"later");
    rig.until_true(|event_loop, _| {
        event_loop.resume(stream).unwrap();
        let remembered = event_loop.next_timeout() == Some(Duration::ZERO);
        event_loop.pause(stream).unwrap();
        remembered
    });
    settle(&mut rig);
    rig.event_loop.resume(stream).unwrap();
    assert_eq!(rig.event_loop.next_timeout(), Some(Duration::ZERO), "it is remembered");
    turn(&mut rig);
    assert_eq!(rig.events.iter().count(), 1);
    settle(&mut rig);

    // The end of a stream, and a command.
    rig.event_loop.abort(stream).unwrap();
    assert_eq!(
        rig.event_loop.next_timeout(),
        Some(Duration::ZERO),
        "its last event waits"
    );
    settle(&mut rig);
    rig.event_loop.handle().stop().unwrap();
    assert_eq!(rig.event_loop.next_timeout(), Some(Duration::ZERO), "a command waits");
    settle(&mut rig);
    assert!(rig.event_loop.is_drained());
}

/// Requests that are answered late, streams that are paused and resumed, a queue that holds little: whatever the host
/// does between two polls, the next time-out knows of it. A client that hears nothing for long fails the test.
#[test]
fn no_wake_up_is_lost_whatever_the_host_does_in_between() {
    const CLIENTS: usize = 12;
    let config = wsloop::engine::Config {
        read_budget_bytes: 3000,
        accept_budget: 1,
        ..Default::default()
    };
    let mut rig = Rig::with(config, wsloop::engine::Events::with_capacity(0));
    let options = ListenOptions::new("127.0.0.1:0").requests(true).handshakes_max(3);
    let (_, addr) = rig.listen(options);
    let mut outer = Outer::around(&rig.event_loop);
    let handle = rig.event_loop.handle();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            std::thread::spawn(move || {
                let mut client = RawClient::open(addr);
                for round in 0..30 {
                    let payload = vec![number as u8; 1 + (round * 397 + number * 31) % 9000];
                    client.send(BINARY, &payload);
                    loop {
                        match client.receive() {
                            (PING, _) => {}
                            echo => break assert!(echo == (BINARY, payload), "round {round} of client {number}"),
                        }
                    }
                }
                client.send(CLOSE, &[0x03, 0xe8]);
                while client.receive().0 == PING {}
            })
        })
        .collect();
    let mut choices = Choices(7);
    let (mut asked, mut paused, mut streams, mut ended) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let begun = std::time::Instant::now();
    while ended < CLIENTS || rig.event_loop.stream_count() > 0 {
        assert!(begun.elapsed() < 4 * PATIENCE);
        outer.wait(&mut rig);
        turn(&mut rig);
        for (stream, event) in &rig.events {
            match event {
                Event::Request(_) => asked.push(stream),
                Event::Opened(_) => streams.push(stream),
                Event::Closed(_) => ended += 1,
                Event::Failed(failure) => panic!("{failure}"),
                _ => super::engine_support::echo(&mut rig.event_loop, stream, event),
            }
        }
        // Something of all that a host can do, or nothing. What is put off is done when nothing else is left to do, and
        // no later than that.
        let rests = rig.event_loop.next_timeout() != Some(Duration::ZERO);
        if rests || choices.below(4) == 0 {
            for stream in asked.drain(..) {
                rig.event_loop.accept(stream, wsloop::proto::Accept::new()).unwrap();
            }
        }
        if rests || choices.below(3) == 0 {
            for stream in paused.drain(..) {
                let _ = rig.event_loop.resume(stream);
            }
        }
        if !streams.is_empty() {
            let stream = streams[choices.below(streams.len())];
            match choices.below(6) {
                0 if !rests && rig.event_loop.pause(stream).is_ok() => paused.push(stream),
                1 => drop(handle.ping(stream, b"?")),
                2 => drop(rig.event_loop.flush(stream)),
                3 => drop(rig.event_loop.ping(stream, b"!")),
                _ => {}
            }
        }
    }
    for client in clients {
        client.join().unwrap();
    }
}

/// Numbers that look like chance and are the same each time.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}
