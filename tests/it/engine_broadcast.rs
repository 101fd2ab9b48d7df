//! One message for many streams, on real sockets: who gets it, in what form, and what slow readers do to the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wsloop::engine::{
    Broadcast, ConnectOptions, Event, ListenOptions, Misuse, QueueOptions, SlowReader, SocketOptions, StreamId,
};
use wsloop::proto::{Config, Deflate, Message, Prepared};

use super::engine_support::{BINARY, PATIENCE, RawClient, Rig, TEXT};

/// A loop that serves, one that has dialled, and which stream of the one is which of the other.
struct Crowd {
    server: Rig,
    clients: Rig,
    /// Streams of the server, and of the client at their other ends.
    served: Vec<StreamId>,
    dialled: Vec<StreamId>,
    /// What each client got.
    got: Vec<Vec<String>>,
}

impl Crowd {
    /// Opens `count` connections, whose clients ask for compression as `deflate` says of their number.
    fn new(count: usize, server: Option<Deflate>, deflate: impl Fn(usize) -> Option<Deflate>) -> Self {
        let protocol = |deflate| {
            Arc::new(Config {
                deflate,
                ..Config::default()
            })
        };
        let mut crowd = Self {
            server: Rig::new(),
            clients: Rig::new(),
            served: Vec::new(),
            dialled: Vec::new(),
            got: vec![Vec::new(); count],
        };
        let options = ListenOptions::new("127.0.0.1:0").protocol(protocol(server));
        let (_, addr) = crowd.server.listen(options);
        for number in 0..count {
            let options = ConnectOptions::new("127.0.0.1", addr.port(), "/");
            let options = options.protocol(protocol(deflate(number)));
            crowd.dialled.push(crowd.clients.event_loop.connect(options).unwrap());
        }
        let mut opened = 0;
        crowd.until(|_, event| {
            opened += usize::from(matches!(event, Event::Opened(_)));
            opened == 2 * count
        });
        crowd
    }

    /// Turns both loops until `done`, which is asked about each event; the stream is there if it is one of the server.
    fn until(&mut self, mut done: impl FnMut(Option<StreamId>, Event<'_>) -> bool) {
        let begun = Instant::now();
        let mut is_done = false;
        while !is_done {
            assert!(begun.elapsed() < PATIENCE, "it did not come true");
            for (rig, serves) in [(&mut self.server, true), (&mut self.clients, false)] {
                let timeout = Some(Duration::from_millis(1));
                rig.event_loop.poll(&mut rig.events, timeout).unwrap();
                for (stream, event) in &rig.events {
                    match event {
                        Event::Opened(_) if serves => self.served.push(stream),
                        Event::Message(message) if !serves => {
                            let number = self.dialled.iter().position(|other| *other == stream).unwrap();
                            self.got[number].push(message.as_text().unwrap().to_string());
                        }
                        Event::Opened(_) => {}
                        other => panic!("{other:?}"),
                    }
                    is_done |= done(serves.then_some(stream), event);
                }
            }
        }
    }

    fn broadcast(&mut self, message: &str) -> Broadcast {
        self.server.event_loop.broadcast(self.served.iter().copied(), message)
    }
}

fn all(queued: usize) -> Broadcast {
    let mut all = Broadcast::default();
    all.queued = queued;
    all
}

#[test]
fn three_hundred_receivers_of_all_settings_get_every_message() {
    const COUNT: usize = 300;
    const ROUNDS: usize = 6;
    let mut crowd = Crowd::new(COUNT, Some(Deflate::default()), |number| {
        let asked = Deflate::default();
        match number % 4 {
            0 => None,
            1 => Some(asked),
            2 => Some(Deflate {
                peer_max_window_bits: 10,
                ..asked
            }),
            _ => Some(Deflate {
                peer_no_context_takeover: true,
                ..asked
            }),
        }
    });
    let text = |round: usize| {
        format!(
            "round {round}: {}",
            "nothing is new under the sun, ".repeat(round * round * 20)
        )
    };
    let own = "nothing is new under the sun, but this is for one alone: nothing is new".repeat(3);
    let mut wanted = 0;
    for round in 0..ROUNDS {
        assert_eq!(crowd.broadcast(&text(round)), all(COUNT));
        // Something of its own between, for which a compressor would like to refer to what was sent before.
        for stream in crowd.served.iter().skip(round % 3).step_by(3) {
            assert!(crowd.server.event_loop.send(*stream, own.as_str()).unwrap().is_queued());
        }
        wanted += COUNT + COUNT / 3;
    }
    let mut came = 0;
    crowd.until(|served, event| {
        came += usize::from(served.is_none() && matches!(event, Event::Message(_)));
        came == wanted
    });
    for got in &crowd.got {
        assert_eq!(got.len(), ROUNDS + ROUNDS / 3);
        let (of_own, of_all): (Vec<&String>, Vec<&String>) = got.iter().partition(|got| **got == own);
        assert_eq!(of_own.len(), ROUNDS / 3);
        assert!(of_all.into_iter().eq(&(0..ROUNDS).map(text).collect::<Vec<_>>()));
    }
    assert_eq!(crowd.server.event_loop.counters().messages_sent, wanted as u64);
}

#[test]
fn clients_broadcast_masked() {
    let mut crowd = Crowd::new(3, None, |_| None);
    let message = "up ".repeat(1000);
    let sent = crowd
        .clients
        .event_loop
        .broadcast(crowd.dialled.iter().copied(), message.as_str());
    assert_eq!(sent, all(3));
    let mut came = 0;
    let begun = Instant::now();
    while came < 3 {
        assert!(begun.elapsed() < PATIENCE, "{came}");
        for rig in [&mut crowd.server, &mut crowd.clients] {
            rig.event_loop
                .poll(&mut rig.events, Some(Duration::from_millis(1)))
                .unwrap();
            for (_, event) in &rig.events {
                assert!(matches!(event, Event::Message(got) if got == Message::from(message.as_str())));
                came += 1;
            }
        }
    }
}

#[test]
fn slow_readers_hold_up_nobody_else() {
    const LENGTH: usize = 10_000;
    let mut rig = Rig::new();
    let mut streams = Vec::new();
    let mut silent = Vec::new();
    for slow_reader in [SlowReader::Refuse, SlowReader::DropNewest, SlowReader::Close] {
        let queue = QueueOptions {
            high_water_bytes: 50_000,
            low_water_bytes: 20_000,
            limit_bytes: 100_000,
            slow_reader,
        };
        let buffers = SocketOptions {
            send_buffer_bytes: Some(4096),
            ..SocketOptions::default()
        };
        let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").socket(buffers).queue(queue));
        let mut client = RawClient::connect(addr);
        std::io::Write::write_all(&mut client.socket, super::engine_support::request().as_bytes()).unwrap();
        streams.push(rig.opened());
        silent.push(client);
    }
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let reading = std::thread::spawn(move || {
        let mut client = RawClient::open(addr);
        let mut count = 0;
        loop {
            let (first, payload) = client.receive();
            if first == TEXT {
                return count;
            }
            assert_eq!((first, payload.len(), payload[0]), (BINARY, LENGTH, count as u8));
            count += 1;
        }
    });
    let quick = rig.opened();
    streams.push(quick);
    let mut sum = Broadcast::default();
    let mut rounds = 0_usize;
    while sum.refused < 2 || sum.dropped < 2 || sum.not_open < 2 {
        assert!(rounds < 2000, "{sum:?}");
        let message = vec![rounds as u8; LENGTH];
        let sent = rig.event_loop.broadcast(streams.iter().copied(), &message[..]);
        assert_eq!(
            sent.queued + sent.refused + sent.dropped + sent.closing + sent.not_open,
            4
        );
        sum.queued += sent.queued;
        sum.above_high_water += sent.above_high_water;
        sum.refused += sent.refused;
        sum.dropped += sent.dropped;
        sum.closing += sent.closing;
        sum.not_open += sent.not_open;
        rounds += 1;
        rig.until_true(|event_loop, _| event_loop.queued_bytes(quick) == Ok(0));
    }
    assert_eq!(sum.closing, 1, "{sum:?}");
    assert!(sum.above_high_water >= 3, "{sum:?}");
    let dropped = rig.event_loop.counters().messages_dropped;
    assert!(
        dropped > sum.dropped as u64,
        "what waited for the closed one counts: {dropped}"
    );
    assert!(rig.event_loop.send(quick, "that was all").unwrap().is_queued());
    rig.until_true(|_, _| reading.is_finished());
    assert_eq!(reading.join().unwrap(), rounds);
}

#[test]
fn a_prepared_message_for_a_stream_that_is_gone_is_a_misuse() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let opening = std::thread::spawn(move || RawClient::open(addr));
    let stream = rig.opened();
    rig.event_loop.flush(stream).unwrap();
    drop(opening.join().unwrap());
    rig.until(|_, _, event| matches!(event, Event::Failed(_)).then_some(()));
    rig.until_true(|event_loop, _| event_loop.peer_addr(stream).is_err());
    let prepared = Prepared::new("too late");
    assert_eq!(
        rig.event_loop.send_prepared(stream, &prepared),
        Err(Misuse::NoSuchStream)
    );
    let mut wanted = Broadcast::default();
    wanted.not_open = 2;
    assert_eq!(rig.event_loop.broadcast([stream, stream], "too late"), wanted);
}
