//! Peers that stall cost nobody else anything: a client's echo is as fast beside a hundred of them as alone.
//!
//! `cargo test --release --test it stalled_peers -- --nocapture` prints both medians; nothing is asserted about them,
//! since the machine may be busy.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tungstenite::{Message, WebSocket};
use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, Handle, ListenOptions, Sent};
use wsloop::{proto, tls};

/// No wait is longer.
const PATIENCE: Duration = Duration::from_secs(30);
const ROUNDS: usize = 2_000;
const PAYLOAD_BYTES: usize = 125;

/// An echo service, plain and TLS, on a thread of its own.
struct Service {
    plain: SocketAddr,
    secure: SocketAddr,
    handle: Handle,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    fn start() -> Self {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let config = tls::ServerConfig::new(&tls::ServerOptions {
            certificate_pem: certified.cert.pem().as_bytes(),
            key_pem: certified.signing_key.serialize_pem().as_bytes(),
            ..tls::ServerOptions::default()
        })
        .unwrap();
        // Nobody's time is up while the test runs, however slow the machine.
        let protocol = Arc::new(proto::Config {
            opening_timeout: 4 * PATIENCE,
            ..proto::Config::default()
        });
        let options = ListenOptions::new("127.0.0.1:0").protocol(protocol);
        let mut event_loop = EventLoop::new(Config::default()).unwrap();
        let plain = event_loop.listen(options.clone()).unwrap();
        let secure = event_loop.listen(options.tls(config)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        Self {
            plain: event_loop.local_addr(plain).unwrap(),
            secure: event_loop.local_addr(secure).unwrap(),
            handle: event_loop.handle(),
            stop: Arc::clone(&stop),
            thread: Some(std::thread::spawn(move || echo(&mut event_loop, &stop))),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.handle.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the service panicked");
        }
    }
}

fn echo(event_loop: &mut EventLoop, stop: &AtomicBool) {
    let mut events = Events::default();
    while !stop.load(Ordering::Acquire) {
        event_loop.poll(&mut events, Some(Duration::from_secs(1))).unwrap();
        for (stream, event) in &events {
            match event {
                Event::Message(message) => match event_loop.send(stream, message) {
                    Ok(Sent::Queued { .. }) | Err(_) => {}
                    Ok(_) => event_loop.pause(stream).unwrap(),
                },
                Event::LowWater { .. } => event_loop.resume(stream).unwrap(),
                _ => {}
            }
        }
    }
}

fn client(addr: SocketAddr) -> WebSocket<TcpStream> {
    let socket = TcpStream::connect(addr).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::client(format!("ws://{addr}/"), socket).unwrap().0
}

/// The median of a good client's round trips, each of whose echoes is checked.
fn median_round_trip(addr: SocketAddr) -> Duration {
    let mut peer = client(addr);
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            let payload = format!("{round:0>PAYLOAD_BYTES$}");
            let begun = Instant::now();
            peer.send(Message::text(payload.as_str())).unwrap();
            assert_eq!(peer.read().unwrap().into_text().unwrap().as_str(), payload);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

/// Sends `start` and then nothing more.
fn stall(addr: SocketAddr, start: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.write_all(start).unwrap();
    socket
}

/// Asks for echoes and reads none, until the service takes no more.
fn flood_without_reading(addr: SocketAddr) -> TcpStream {
    let mut socket = client(addr).get_mut().try_clone().unwrap();
    socket.set_nonblocking(true).unwrap();
    // A masked binary frame of 64 KiB whose masking key is zero, again and again.
    let mut frame = vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    frame.resize(frame.len() + (64 << 10), 0x5a);
    let begun = Instant::now();
    let (mut offset, mut full) = (0, 0);
    // The kernel's buffers and the service's queue take some megabytes; full for 20 ms is full for good.
    while full < 20 {
        assert!(begun.elapsed() < PATIENCE, "the service takes without end");
        match socket.write(&frame[offset..]) {
            Ok(count) => {
                offset = (offset + count) % frame.len();
                full = 0;
            }
            Err(_) => {
                full += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    socket
}

#[test]
fn a_hundred_stalled_peers_do_not_slow_an_echo() {
    /// A ClientHello's record header, and the first bytes of what it promises.
    const HALF_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    const HALF_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: webso";

    let service = Service::start();
    let alone = median_round_trip(service.plain);
    let mut stalled: Vec<TcpStream> = Vec::new();
    stalled.extend((0..25).map(|_| stall(service.secure, HALF_HELLO)));
    stalled.extend((0..25).map(|_| stall(service.plain, HALF_REQUEST)));
    stalled.extend((0..50).map(|_| flood_without_reading(service.plain)));
    let beside = median_round_trip(service.plain);
    println!("median round trip of {PAYLOAD_BYTES} bytes: {alone:?} alone, {beside:?} beside 100 stalled peers");

    // They were there all the while: no handshake was given up, and nobody was cut.
    for socket in &mut stalled {
        socket.set_nonblocking(true).unwrap();
        let mut byte = [0];
        match socket.read(&mut byte) {
            Ok(0) => panic!("a stalled peer was cut off before its time"),
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
}
