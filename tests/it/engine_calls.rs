//! What the loop asks of the system for an echo: one read and one write for each batch, however many messages it holds, and
//! no read that only hears that nothing is there.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wsloop::engine::{
    Address, Config, Engine, Event, Events, ListenOptions, SocketOptions, Sys, SysEvent, Token, Wake,
};
use wsloop::proto::{self, Entropy};
use wsloop::sys::MioSys;

use super::engine_support::{BINARY, PATIENCE, RawClient, frame};

/// Calls since the last look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Calls {
    /// Times that a poll said of a socket that it can be read.
    readable: u32,
    reads: u32,
    /// Reads that heard that nothing is there.
    empty_reads: u32,
    writes: u32,
    /// Writes that found no room, or room for a part.
    short_writes: u32,
}

/// The real system, its calls counted.
struct Counting {
    inner: MioSys,
    calls: Calls,
    /// Listeners are told of like sockets.
    listener: Token,
}

impl Counting {
    fn wrote(&mut self, result: &io::Result<usize>, asked: usize) {
        self.calls.writes += 1;
        self.calls.short_writes += u32::from(!matches!(result, Ok(count) if *count == asked));
    }
}

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.inner.fill(bytes);
    }
}

impl Sys for Counting {
    type Socket = <MioSys as Sys>::Socket;
    type Listener = <MioSys as Sys>::Listener;
    type Foreign = <MioSys as Sys>::Foreign;

    const SHORT_READ_DRAINS: bool = MioSys::SHORT_READ_DRAINS;

    fn now(&mut self) -> proto::Instant {
        self.inner.now()
    }

    fn wall_now(&mut self) -> Duration {
        self.inner.wall_now()
    }

    fn listen(
        &mut self,
        token: Token,
        address: &Address,
        backlog: u32,
        options: &SocketOptions,
    ) -> io::Result<(Self::Listener, Address)> {
        self.listener = token;
        self.inner.listen(token, address, backlog, options)
    }

    fn adopt_listener(
        &mut self,
        token: Token,
        foreign: Self::Foreign,
        options: &SocketOptions,
    ) -> io::Result<(Self::Listener, Address)> {
        self.inner.adopt_listener(token, foreign, options)
    }

    fn accept(
        &mut self,
        listener: &mut Self::Listener,
        token: Token,
        options: &SocketOptions,
    ) -> io::Result<(Self::Socket, Address)> {
        self.inner.accept(listener, token, options)
    }

    fn adopt(
        &mut self,
        token: Token,
        foreign: Self::Foreign,
        options: &SocketOptions,
    ) -> io::Result<(Self::Socket, Address)> {
        self.inner.adopt(token, foreign, options)
    }

    fn close_listener(&mut self, listener: Self::Listener) {
        self.inner.close_listener(listener);
    }

    fn connect(&mut self, token: Token, address: &Address, options: &SocketOptions) -> io::Result<Self::Socket> {
        self.inner.connect(token, address, options)
    }

    fn connected(&mut self, socket: &mut Self::Socket) -> io::Result<()> {
        self.inner.connected(socket)
    }

    fn local_addr(&mut self, socket: &Self::Socket) -> io::Result<Address> {
        self.inner.local_addr(socket)
    }

    fn resolve(&mut self, token: Token, host: &str, port: u16) {
        self.inner.resolve(token, host, port);
    }

    fn read(&mut self, socket: &mut Self::Socket, bytes: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(socket, bytes);
        self.calls.reads += 1;
        self.calls.empty_reads += u32::from(result.is_err());
        result
    }

    fn received_at(&mut self) -> Option<Duration> {
        self.inner.received_at()
    }

    fn write(&mut self, socket: &mut Self::Socket, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(socket, bytes);
        self.wrote(&result, bytes.len());
        result
    }

    fn write_vectored(&mut self, socket: &mut Self::Socket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = self.inner.write_vectored(socket, slices);
        self.wrote(&result, slices.iter().map(|slice| slice.len()).sum());
        result
    }

    fn shutdown(&mut self, socket: &mut Self::Socket) -> io::Result<()> {
        self.inner.shutdown(socket)
    }

    fn close(&mut self, socket: Self::Socket) {
        self.inner.close(socket);
    }

    fn reset_on_close(&mut self, socket: &mut Self::Socket) {
        self.inner.reset_on_close(socket);
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.inner.waker()
    }

    fn has_more(&self) -> bool {
        self.inner.has_more()
    }

    fn poll(&mut self, events: &mut Vec<SysEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let result = self.inner.poll(events, timeout);
        let is_readable = |event: &&SysEvent| match event {
            SysEvent::Io { token, readable, .. } => *readable && *token != self.listener,
            _ => false,
        };
        self.calls.readable += u32::try_from(events.iter().filter(is_readable).count()).unwrap();
        result
    }
}

/// An echo server in the hands of the test.
struct Server {
    engine: Engine<Counting>,
    events: Events,
    /// Turns in which messages came.
    turns: u32,
}

impl Server {
    fn new() -> (Self, SocketAddr) {
        let sys = Counting {
            inner: MioSys::new().unwrap(),
            calls: Calls::default(),
            listener: Token(u64::MAX),
        };
        let mut engine = Engine::with_sys(sys, Config::default());
        let listener = engine.listen(ListenOptions::new("127.0.0.1:0")).unwrap();
        let addr = engine.local_addr(listener).unwrap();
        let server = Self {
            engine,
            events: Events::default(),
            turns: 0,
        };
        (server, addr)
    }

    /// Polls until `count` messages were sent back, and what was sent is written.
    fn echo(&mut self, mut count: usize) {
        let begun = Instant::now();
        while count > 0 {
            assert!(begun.elapsed() < PATIENCE, "{count} messages did not come");
            let had = count;
            self.engine.poll(&mut self.events, Some(PATIENCE)).unwrap();
            for (stream, event) in &self.events {
                match event {
                    Event::Message(message) => {
                        assert!(self.engine.send(stream, message).unwrap().is_queued());
                        count -= 1;
                    }
                    Event::Opened(_) | Event::LowWater { .. } | Event::HighWater { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            self.turns += u32::from(count < had);
        }
        self.engine.poll(&mut self.events, Some(Duration::ZERO)).unwrap();
    }

    /// What was called since the last look, and in how many turns messages came.
    fn calls(&mut self) -> (Calls, u32) {
        let calls = std::mem::take(&mut self.engine.sys_mut().calls);
        (calls, std::mem::take(&mut self.turns))
    }
}

/// A server and a client whose connection is open, on one thread.
fn pair() -> (Server, RawClient) {
    let (mut server, addr) = Server::new();
    let opening = std::thread::spawn(move || {
        let mut client = RawClient::open(addr);
        client.send(BINARY, b"here");
        client.receive();
        client
    });
    server.echo(1);
    (server, opening.join().unwrap())
}

/// Sends `in_flight` messages in one write, reads the answers, and again; gives what the server's turns called.
fn rounds(length: usize, in_flight: usize, rounds: usize) -> (Calls, u32) {
    let (mut server, mut client) = pair();
    server.calls();
    let burst = frame(BINARY, &vec![b'x'; length]).repeat(in_flight);
    // Without the mask.
    let mut answer = vec![0; burst.len() - 4 * in_flight];
    for _ in 0..rounds {
        client.socket.write_all(&burst).unwrap();
        server.echo(in_flight);
        client.socket.read_exact(&mut answer).unwrap();
    }
    server.calls()
}

#[test]
fn one_read_and_one_write_for_each_batch() {
    for (length, in_flight) in [
        (16, 1),
        (16, 16),
        (125, 1),
        (125, 16),
        (1 << 10, 16),
        (16 << 10, 1),
        (8 << 10, 4),
    ] {
        let (calls, turns) = rounds(length, in_flight, 20);
        println!("{length} B, {in_flight} in flight, 20 batches: {calls:?}");
        // Nobody promises that a batch comes in one piece, but each piece is heard of once, and read once.
        let wanted = Calls {
            readable: calls.readable,
            reads: calls.readable,
            empty_reads: 0,
            writes: turns,
            short_writes: 0,
        };
        assert_eq!(calls, wanted, "{length} B, {in_flight} in flight");
        assert!(turns >= 20 && turns <= calls.reads, "{length} B, {in_flight} in flight");
    }
}

#[test]
fn a_long_batch_is_not_written_message_by_message() {
    const MESSAGES: usize = 16;
    const ROUNDS: usize = 20;
    let (mut server, mut client) = pair();
    server.calls();
    let burst = frame(BINARY, &vec![b'x'; 16 << 10]).repeat(MESSAGES);
    let mut answer = vec![0; burst.len() - 4 * MESSAGES];
    let talking = std::thread::spawn(move || {
        for _ in 0..ROUNDS {
            client.socket.write_all(&burst).unwrap();
            client.socket.read_exact(&mut answer).unwrap();
        }
    });
    server.echo(MESSAGES * ROUNDS);
    while !talking.is_finished() {
        server
            .engine
            .poll(&mut server.events, Some(Duration::from_millis(10)))
            .unwrap();
    }
    talking.join().unwrap();
    let (calls, turns) = server.calls();
    println!("{MESSAGES} x 16 KiB, {ROUNDS} batches: {calls:?} in {turns} turns");
    // A write that found no room is followed by another when there is.
    assert!(
        calls.writes <= turns + 2 * calls.short_writes,
        "{calls:?} in {turns} turns"
    );
    assert!(calls.empty_reads * 4 <= calls.reads, "{calls:?}");
}
