//! The examples that embed the loop in another: each is put before every case in which the outer loop hears nothing.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use wsloop::EventLoop;
use wsloop::engine::{Config, ListenOptions};
use wsloop::proto;

use super::engine_support::{BINARY, CLOSE, PATIENCE, RawClient, frame};

#[path = "../../docs/examples/many_loops.rs"]
#[allow(unreachable_pub, dead_code, unused_attributes)]
mod many_loops;
#[cfg(target_os = "linux")]
#[path = "../../docs/examples/nest_in_epoll.rs"]
#[allow(unreachable_pub, dead_code, unused_attributes)]
mod nest_in_epoll;
#[path = "../../docs/examples/nest_in_mio.rs"]
#[allow(unreachable_pub, dead_code, unused_attributes)]
mod nest_in_mio;
#[path = "../../docs/examples/nest_in_tokio.rs"]
#[allow(unreachable_pub, dead_code, unused_attributes)]
mod nest_in_tokio;

/// Messages of a flood, and their length: together several times what the loop reads before the host has its turn.
const FLOOD: (usize, usize) = (300, 20_000);

fn nest(run: fn(EventLoop, UdpSocket) -> Result<(), Box<dyn Error>>) {
    let protocol = proto::Config {
        opening_timeout: Duration::from_millis(200),
        ..proto::Config::default()
    };
    let mut event_loop = EventLoop::new(Config::default()).unwrap();
    let options = ListenOptions::new("127.0.0.1:0").protocol(Arc::new(protocol));
    let listener = event_loop.listen(options).unwrap();
    let addr = event_loop.local_addr(listener).unwrap();
    let handle = event_loop.handle();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagrams_addr = datagrams.local_addr().unwrap();
    let host = std::thread::spawn(move || run(event_loop, datagrams).map_err(|error| error.to_string()));

    // Output that waits: the answer to the request, and an echo, leave with the poll after the one that brought them.
    let mut client = RawClient::open(addr);
    client.send(BINARY, b"one");
    assert_eq!(client.receive(), (BINARY, b"one".to_vec()));

    // A socket that is remembered as readable: more than the arena takes at once.
    let mut writer = client.socket.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        for number in 0..FLOOD.0 {
            writer.write_all(&frame(BINARY, &vec![number as u8; FLOOD.1])).unwrap();
        }
    });
    for number in 0..FLOOD.0 {
        assert_eq!(client.receive(), (BINARY, vec![number as u8; FLOOD.1]));
    }
    writing.join().unwrap();

    // A deadline: nothing comes of this one, and nothing else happens.
    let mut silent = RawClient::connect(addr);
    let mut answer = Vec::new();
    silent.socket.read_to_end(&mut answer).unwrap();

    // The outer loop's own work goes on.
    let outside = UdpSocket::bind("127.0.0.1:0").unwrap();
    outside.set_read_timeout(Some(PATIENCE)).unwrap();
    outside.send_to(b"datagram", datagrams_addr).unwrap();
    let mut back = [0; 16];
    let count = outside.recv(&mut back).unwrap();
    assert_eq!(&back[..count], b"datagram");

    // A command of another thread.
    handle.drain(PATIENCE).unwrap();
    assert_eq!(client.receive(), (CLOSE, 1001_u16.to_be_bytes().to_vec()));
    client.send(CLOSE, &1001_u16.to_be_bytes());
    assert!(client.at_end());
    drop((client, silent));
    host.join().unwrap().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn nested_in_epoll() {
    nest(nest_in_epoll::run);
}

#[test]
fn nested_in_mio() {
    nest(nest_in_mio::run);
}

#[test]
fn nested_in_tokio() {
    nest(nest_in_tokio::run);
}

#[cfg(target_os = "linux")]
#[test]
fn many_loops_share_a_port_and_all_are_served() {
    const CLIENTS: u8 = 64;
    let (addr, workers) = many_loops::start("127.0.0.1:0", 4).unwrap();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| RawClient::open(addr)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(BINARY, &[number as u8]);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.receive(), (BINARY, vec![number as u8]));
    }
    for worker in &workers {
        worker.handle.drain(PATIENCE).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.receive(), (CLOSE, 1001_u16.to_be_bytes().to_vec()));
        client.send(CLOSE, &1001_u16.to_be_bytes());
        assert!(client.at_end());
    }
    drop(clients);
    let accepted: Vec<u64> = workers
        .into_iter()
        .map(|worker| worker.thread.join().unwrap().unwrap())
        .collect();
    assert_eq!(accepted.iter().sum::<u64>(), u64::from(CLIENTS));
    // That all 64 go to one of four by chance is less likely than that memory flips a bit.
    assert!(
        accepted.iter().filter(|accepted| **accepted > 0).count() > 1,
        "{accepted:?}"
    );
}
