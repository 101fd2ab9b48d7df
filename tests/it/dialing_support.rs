//! What the tests of dialing share: naive servers and proxies, a thread a connection, that remember what they heard.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use wsloop::engine::{ConnectOptions, Event, Failure, StreamId};

use super::engine_support::{PATIENCE, Rig};

/// A server that does with each connection what it was told, and remembers what was said to it.
pub(crate) struct Naive {
    pub(crate) addr: SocketAddr,
    heard: Heard,
    stopped: Arc<AtomicBool>,
}

/// What came on each connection, in the order of their ends.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// One connection of a naive server's.
pub(crate) struct Talk {
    pub(crate) socket: TcpStream,
    heard: Vec<u8>,
    all: Heard,
}

impl Naive {
    /// Listens on a port of `ip`.
    pub(crate) fn on(ip: &str, talk: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let (heard, stopped, talk) = (Heard::default(), Arc::new(AtomicBool::new(false)), Arc::new(talk));
        let (all, stop) = (Arc::clone(&heard), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let socket = socket.unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.set_write_timeout(Some(PATIENCE)).unwrap();
                let (all, talk) = (Arc::clone(&all), Arc::clone(&talk));
                std::thread::spawn(move || {
                    talk(&mut Talk {
                        socket,
                        heard: Vec::new(),
                        all,
                    });
                });
            }
        });
        Self { addr, heard, stopped }
    }

    /// One that answers every request with `answer` and ends.
    pub(crate) fn answering(ip: &str, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::on(ip, move |talk| {
            let head = talk.read_head();
            talk.write(answer(&head).as_bytes());
        })
    }

    /// What was said to it so far, on connections that it is done with.
    pub(crate) fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }
}

impl Drop for Naive {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.addr));
    }
}

impl Talk {
    /// Reads `count` bytes; fewer if the client ends.
    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = (&self.socket).take(count as u64).read_to_end(&mut bytes);
        self.heard.extend_from_slice(&bytes);
        bytes
    }

    /// Reads a request's head, and not a byte more.
    pub(crate) fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = self.read(1);
            if byte.is_empty() {
                break;
            }
            head.extend(byte);
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Reads until the client ends.
    pub(crate) fn read_to_end(&mut self) {
        while !self.read(1).is_empty() {}
    }

    /// Writes, unless the client has gone.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Writes byte by byte, each in a packet of its own.
    pub(crate) fn dribble(&mut self, bytes: &[u8]) {
        self.socket.set_nodelay(true).unwrap();
        for byte in bytes {
            self.write(&[*byte]);
            std::thread::yield_now();
        }
    }

    /// Carries bytes to and from `server`, until both sides have ended.
    pub(crate) fn splice(&mut self, server: SocketAddr) {
        let server = TcpStream::connect(server).unwrap();
        let (mut from_client, mut to_server) = (self.socket.try_clone().unwrap(), server.try_clone().unwrap());
        let (mut from_server, mut to_client) = (server, self.socket.try_clone().unwrap());
        let there = std::thread::spawn(move || {
            let _ = std::io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(std::net::Shutdown::Write);
        });
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(std::net::Shutdown::Write);
        there.join().unwrap();
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.all.lock().unwrap().push(std::mem::take(&mut self.heard));
    }
}

/// Dials and waits for what comes of it.
pub(crate) fn dial(rig: &mut Rig, options: ConnectOptions) -> Result<StreamId, Failure> {
    let dialled = rig.event_loop.connect(options).unwrap();
    rig.until(|_, stream, event| match event {
        Event::Opened(_) if stream == dialled => Some(Ok(stream)),
        Event::Failed(failure) if stream == dialled => Some(Err(failure.clone())),
        _ => None,
    })
}

/// Sends a message and waits for its echo.
pub(crate) fn converse(rig: &mut Rig, stream: StreamId) {
    assert!(rig.event_loop.send(stream, "through and back").unwrap().is_queued());
    rig.until(|_, from, event| match event {
        Event::Message(message) if from == stream => {
            assert_eq!(message.as_bytes(), b"through and back");
            Some(())
        }
        Event::Failed(failure) => panic!("{failure}"),
        _ => None,
    });
}
