//! Who floods the loop makes the others wait a turn, and no longer: 500 quiet connections beside four that send as fast
//! as the loop takes it.
//!
//! `cargo test --release --test it engine_fairness -- --nocapture` prints the quiet ones' round trips, alone and beside the
//! flood. Nothing is asserted about times, since the machine may be busy: that all are served, and within how many turns.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, ListenOptions, Sent};

use super::engine_support::{BINARY, PATIENCE, RawClient, frame};

const QUIET: usize = 500;
const FLOODS: usize = 4;
const ROUNDS: usize = 4;

/// Echoes what is short; takes what is long, which is the flood. A stream is served in the turn in which it is read.
fn serve(event_loop: &mut EventLoop, stop: &AtomicBool, flooded: &AtomicU64) {
    let mut events = Events::default();
    while !stop.load(Ordering::Acquire) {
        event_loop.poll(&mut events, Some(Duration::from_secs(1))).unwrap();
        for (stream, event) in &events {
            if let Event::Message(message) = event {
                if message.len() > 100 {
                    flooded.fetch_add(1, Ordering::Relaxed);
                } else {
                    assert!(matches!(event_loop.send(stream, message), Ok(Sent::Queued { .. })));
                }
            }
        }
    }
}

/// Sends without end, and never waits for an answer.
fn flood(addr: SocketAddr, stop: &AtomicBool) {
    let mut client = RawClient::open(addr);
    let burst = frame(BINARY, &[7; 1000]).repeat(256);
    while !stop.load(Ordering::Acquire) {
        client.socket.write_all(&burst).unwrap();
    }
}

/// Round trips of all quiet clients, sorted, each echo checked.
fn round_trips(clients: &mut [RawClient]) -> Vec<Duration> {
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        for (number, client) in clients.iter_mut().enumerate() {
            let payload = format!("{round} {number}");
            let begun = Instant::now();
            client.send(BINARY, payload.as_bytes());
            assert_eq!(client.receive(), (BINARY, payload.into_bytes()));
            times.push(begun.elapsed());
        }
    }
    times.sort_unstable();
    times
}

fn told(times: &[Duration]) -> String {
    let at = |per_mille: usize| times[(times.len() * per_mille / 1000).min(times.len() - 1)];
    format!("p50 {:?}, p99 {:?}, max {:?}", at(500), at(990), at(1000))
}

#[test]
fn quiet_connections_are_served_beside_a_flood() {
    let mut event_loop = EventLoop::new(Config::default()).unwrap();
    let listener = event_loop.listen(ListenOptions::new("127.0.0.1:0")).unwrap();
    let addr = event_loop.local_addr(listener).unwrap();
    let handle = event_loop.handle();
    let stop = Arc::new(AtomicBool::new(false));
    let flooded = Arc::new(AtomicU64::new(0));
    let server = std::thread::spawn({
        let (stop, flooded) = (Arc::clone(&stop), Arc::clone(&flooded));
        move || {
            serve(&mut event_loop, &stop, &flooded);
            event_loop.counters()
        }
    });
    let mut quiet: Vec<RawClient> = (0..QUIET).map(|_| RawClient::open(addr)).collect();
    for client in &mut quiet {
        client.socket.set_nodelay(true).unwrap();
    }
    let alone = round_trips(&mut quiet);
    let over = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..FLOODS)
        .map(|_| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || flood(addr, &over))
        })
        .collect();
    let begun = Instant::now();
    while flooded.load(Ordering::Relaxed) < 10_000 {
        assert!(begun.elapsed() < PATIENCE, "the flood does not come");
        std::thread::yield_now();
    }
    let before = flooded.load(Ordering::Relaxed);
    let begun = Instant::now();
    let beside = round_trips(&mut quiet);
    let rate = (flooded.load(Ordering::Relaxed) - before) as f64 / begun.elapsed().as_secs_f64();
    println!("round trips of {QUIET} quiet connections, alone: {}", told(&alone));
    println!(
        "beside {FLOODS} that flood with {rate:.0} messages of 1,000 bytes a second: {}",
        told(&beside)
    );
    assert!(flooded.load(Ordering::Relaxed) > before, "the flood was served as well");
    over.store(true, Ordering::Release);
    // Those that wait to write are let go when the loop has read what they wrote.
    for thread in floods {
        thread.join().unwrap();
    }
    stop.store(true, Ordering::Release);
    handle.wake();
    let counters = server.join().unwrap();
    println!(
        "turns {}, budgets exhausted {}, queue of events full {}",
        counters.turns, counters.budgets_exhausted, counters.arena_full
    );
    assert_eq!(counters.messages_sent, (2 * ROUNDS * QUIET) as u64);
    assert_eq!(
        counters.messages_received,
        counters.messages_sent + flooded.load(Ordering::Relaxed)
    );
}

/// With a queue of events that holds a fraction of what comes, every stream that has something is read within as many
/// turns as there are streams, whatever the others send.
#[test]
fn no_stream_waits_longer_than_the_others_have_their_turn() {
    const STREAMS: usize = 16;
    let config = Config {
        read_budget_bytes: 8 << 10,
        ..Config::default()
    };
    let mut event_loop = EventLoop::new(config).unwrap();
    let mut events = Events::with_capacity(4 << 10);
    let listener = event_loop.listen(ListenOptions::new("127.0.0.1:0")).unwrap();
    let addr = event_loop.local_addr(listener).unwrap();
    let burst = frame(BINARY, &[7; 900]).repeat(64);
    let mut sockets: Vec<TcpStream> = Vec::new();
    let mut streams = Vec::new();
    while streams.len() < STREAMS {
        if sockets.len() == streams.len() {
            let mut socket = TcpStream::connect(addr).unwrap();
            socket.write_all(super::engine_support::request().as_bytes()).unwrap();
            sockets.push(socket);
        }
        event_loop.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
        streams.extend(
            events
                .iter()
                .filter(|(_, event)| matches!(event, Event::Opened(_)))
                .map(|(stream, _)| stream),
        );
    }
    for socket in &mut sockets {
        socket.write_all(&burst).unwrap();
    }
    let mut last_read = [0; STREAMS];
    let mut received = [0; STREAMS];
    let mut turn = 0;
    while received.iter().sum::<usize>() < 64 * STREAMS {
        turn += 1;
        assert!(turn < 64 * STREAMS * 4, "some are never served: {received:?}");
        event_loop.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
        for (stream, event) in &events {
            assert!(matches!(event, Event::Message(_)), "{event:?}");
            let place = streams.iter().position(|known| *known == stream).unwrap();
            if received[place] < 64 {
                let waited = turn - last_read[place];
                assert!(
                    waited <= 2 * STREAMS,
                    "stream {place} waited {waited} turns: {received:?}"
                );
            }
            last_read[place] = turn;
            received[place] += 1;
        }
    }
    let counters = event_loop.counters();
    assert!(counters.arena_full > 0, "{counters:?}");
}
