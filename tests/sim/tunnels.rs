use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{
    Config, ConnectOptions, Engine, Event, Events, Failure, ListenOptions, Proxy, RedirectError, Sent, StreamId,
};
use wsloop::proto::{self, Accept, CloseCode, ProxyError, Response, SocksReply};
use wsloop::sim::{Faults, Link, Net, Peer, Rng, SimSys, Status};

use crate::seeds;

const SERVER: &str = "10.0.0.1:9001";
const OTHER: &str = "10.0.0.2:9002";
const HTTP: &str = "10.0.0.3:3128";
const SOCKS: &str = "10.0.0.4:1080";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A naive proxy: of HTTP, or else of SOCKS5.
struct NaiveProxy {
    addr: SocketAddr,
    is_http: bool,
    listens: bool,
    tunnels: Vec<Tunnel>,
}

/// A connection to the proxy, and the one that it was asked for.
struct Tunnel {
    client: Link,
    server: Option<Link>,
    /// What the client said before there was a tunnel.
    asked: Vec<u8>,
    greeted: bool,
    answered: bool,
    to_client: VecDeque<u8>,
    to_server: VecDeque<u8>,
    is_done: bool,
}

impl Peer for NaiveProxy {
    fn step(&mut self, net: &mut Net) {
        if !std::mem::replace(&mut self.listens, true) {
            net.listen(self.addr);
        }
        while let Some(client) = net.accept(self.addr) {
            self.tunnels.push(Tunnel {
                client,
                server: None,
                asked: Vec::new(),
                greeted: self.is_http,
                answered: false,
                to_client: VecDeque::new(),
                to_server: VecDeque::new(),
                is_done: false,
            });
        }
        for tunnel in &mut self.tunnels {
            if !tunnel.is_done {
                tunnel.step(net, self.is_http);
            }
        }
    }
}

impl Tunnel {
    fn step(&mut self, net: &mut Net, is_http: bool) {
        let read = net.read(self.client, usize::MAX);
        match self.server {
            None => self.asked.extend(read),
            Some(_) => self.to_server.extend(read),
        }
        if self.server.is_none() {
            if !self.greeted && self.asked.len() >= 3 {
                self.greeted = true;
                self.asked.drain(..3);
                self.to_client.extend(b"\x05\0");
            }
            let target = if is_http {
                http_target(&self.asked)
            } else {
                socks_target(&self.asked)
            };
            if let Some(target) = target.filter(|_| self.greeted) {
                self.server = Some(net.dial(target));
            }
        }
        if let Some(server) = self.server {
            match (net.status(server), self.answered) {
                (Status::Connecting, _) => {}
                (Status::Refused, false) => {
                    self.answer(if is_http {
                        b"HTTP/1.1 502 Refused\r\n\r\n"
                    } else {
                        b"\x05\x05\0\x01\0\0\0\0\0\0"
                    });
                }
                (_, false) => {
                    self.answer(if is_http {
                        b"HTTP/1.1 200 Fine\r\nA: b\r\n\r\n"
                    } else {
                        b"\x05\0\0\x03\x01a\0\0"
                    });
                }
                (_, true) => self.to_client.extend(net.read(server, usize::MAX)),
            }
        }
        pump(net, self.client, &mut self.to_client);
        if let Some(server) = self.server.filter(|_| self.answered) {
            pump(net, server, &mut self.to_server);
        }
        self.end(net);
    }

    fn answer(&mut self, bytes: &[u8]) {
        self.answered = true;
        self.to_client.extend(bytes);
    }

    /// Passes ends and resets on, and closes what has ended on both sides.
    fn end(&mut self, net: &mut Net) {
        let client = net.status(self.client);
        let server = self.server.map(|server| net.status(server));
        let broken = |status| matches!(status, Status::Reset | Status::Refused);
        let lost = client == Status::Reset || (server == Some(Status::Reset) && self.to_client.is_empty());
        let gone = client == Status::Ended && (server.is_none() || server == Some(Status::Connecting));
        if lost || gone {
            net.reset(self.client);
            if let Some(server) = self.server.filter(|_| !server.is_some_and(broken)) {
                net.reset(server);
            }
            self.is_done = true;
            return;
        }
        let client_ended = client == Status::Ended && self.to_server.is_empty();
        let server_ended = matches!(server, Some(Status::Ended | Status::Refused)) && self.to_client.is_empty();
        if let Some(server) = self.server.filter(|_| client_ended) {
            net.shutdown(server);
        }
        if server_ended && self.answered {
            net.shutdown(self.client);
        }
        if client_ended && server_ended {
            net.close(self.client);
            if let Some(server) = self.server {
                net.close(server);
            }
            self.is_done = true;
        }
    }
}

fn pump(net: &mut Net, to: Link, bytes: &mut VecDeque<u8>) {
    let count = net.write(to, bytes.make_contiguous());
    bytes.drain(..count);
}

fn known(host: &str) -> SocketAddr {
    match host {
        "server.example:9001" => addr(SERVER),
        "other.example:9002" => addr(OTHER),
        other => panic!("the proxy is asked for {other:?}"),
    }
}

fn http_target(asked: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(asked).unwrap();
    let (line, _) = text.strip_suffix("\r\n\r\n")?.split_once("\r\n").unwrap();
    Some(known(line.strip_prefix("CONNECT ")?.strip_suffix(" HTTP/1.1").unwrap()))
}

fn socks_target(asked: &[u8]) -> Option<SocketAddr> {
    let [5, 1, 0, 3, len, rest @ ..] = asked else {
        return None;
    };
    let (host, port) = rest
        .split_at_checked(usize::from(*len))
        .filter(|(_, port)| port.len() == 2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    Some(known(&format!("{}:{port}", std::str::from_utf8(host).unwrap())))
}

/// What becomes of a dialled stream.
#[derive(Default)]
struct Seen {
    target: &'static str,
    open: bool,
    echoed: bool,
    end: Option<String>,
}

/// Streams that are dialled through proxies, redirected, both or neither, while the network does its worst: each ends
/// once, says what it has to say to the right server and hears it back, and fails only where there was a reason.
#[test]
fn tunnels_and_redirects_hold_whatever_happens() {
    seeds("tunnels_and_redirects", 300, run);
}

/// The k-th call to the system fails, for k = 1, 2, … until none is left to fail: the stream ends once, in whatever way,
/// and no socket is left over.
#[test]
fn any_call_may_fail_on_the_way_through_a_tunnel() {
    for target in ["/straight", "/away"] {
        for proxy in 0..3 {
            let mut number = 1;
            while run_one(number, target, proxy) {
                number += 1;
            }
            assert!(number > 10, "{target} {proxy}: {number} calls in all");
        }
    }
}

/// False if the run had fewer than `number` calls that may fail.
fn run_one(number: u64, target: &'static str, proxy: u64) -> bool {
    let faults = Faults {
        latency_max: Duration::from_millis(1),
        ..Faults::none()
    };
    let mut world = World::new(1, faults, Events::default());
    // Any failure is one that may come.
    world.faults.cut = 1;
    world.faults.connect_fails = 1;
    world.faults.resolve_fails = 1;
    world.connect(target, proxy);
    world.engine.sys_mut().net_mut().fail_call(number);
    world.finish();
    world.engine.sys().net().failed_call().is_some()
}

fn run(seed: u64, verbose: bool) {
    let mut rng = Rng::new(seed.wrapping_add(0x7ea5));
    let faults = if rng.chance(500) {
        Faults::draw(&mut rng)
    } else {
        Faults::harsh(&mut rng)
    };
    let events = Events::with_capacity(rng.size(4096, 1 << 16));
    let mut world = World::new(rng.number(), faults, events);
    if verbose {
        eprintln!("{:?}", world.faults);
        let net = world.engine.sys_mut().net_mut();
        net.set_tracer(|line| eprintln!("{line}"));
    }
    for _ in 0..rng.size(1, 5) {
        let target = rng.pick(&["/straight", "/inside", "/away", "/around"]);
        world.connect(target, rng.below(3));
    }
    world.finish();
}

struct World {
    engine: Engine<SimSys>,
    events: Events,
    seen: BTreeMap<StreamId, Seen>,
    faults: Faults,
    patient: Arc<proto::Config>,
}

impl World {
    /// Two servers and two proxies, which listen.
    fn new(seed: u64, faults: Faults, mut events: Events) -> Self {
        let mut sys = SimSys::<false>::new(seed, faults.clone());
        let hosts = [
            ("server.example", SERVER),
            ("other.example", OTHER),
            ("http", HTTP),
            ("socks", SOCKS),
        ];
        for (host, text) in hosts {
            sys.net_mut().add_name(host, &[addr(text)]);
        }
        let start = sys.net().now();
        for (text, is_http) in [(HTTP, true), (SOCKS, false)] {
            let proxy = NaiveProxy {
                addr: addr(text),
                is_http,
                listens: false,
                tunnels: Vec::new(),
            };
            sys.net_mut().add_peer(proxy, start);
        }
        let config = Config {
            linger_timeout: Duration::from_secs(600),
            ..Config::default()
        };
        let mut engine = Engine::with_sys(sys, config);
        let patient = Arc::new(proto::Config {
            opening_timeout: Duration::from_secs(600),
            closing_timeout: Duration::from_secs(600),
            ..proto::Config::default()
        });
        for text in [SERVER, OTHER] {
            let options = ListenOptions::new(text).requests(true).protocol(Arc::clone(&patient));
            engine.listen(options).unwrap();
        }
        // The proxies have to be there first.
        engine.poll(&mut events, Some(Duration::ZERO)).unwrap();
        Self {
            engine,
            events,
            seen: BTreeMap::new(),
            faults,
            patient,
        }
    }

    fn connect(&mut self, target: &'static str, proxy: u64) {
        let options = ConnectOptions::new("server.example", 9001, target)
            .protocol(Arc::clone(&self.patient))
            .dial_timeout(Duration::from_secs(600))
            .bearer_auth("s3cret")
            .redirects(4);
        let options = match proxy {
            0 => options,
            1 => options.proxy(Proxy::http("http", 3128)),
            _ => options.proxy(Proxy::socks5("socks", 1080)),
        };
        let stream = self.engine.connect(options).unwrap();
        let new = Seen {
            target,
            ..Seen::default()
        };
        assert!(self.seen.insert(stream, new).is_none());
    }

    fn finish(&mut self) {
        let begun = self.engine.now();
        let mut draining = false;
        while !self.engine.is_drained() {
            if !draining && self.seen.values().all(|seen| seen.end.is_some()) {
                draining = true;
                self.engine.drain(Duration::from_secs(700));
            }
            self.engine
                .poll(&mut self.events, None)
                .expect("there is always something to come");
            for (stream, event) in &self.events {
                match self.seen.get_mut(&stream) {
                    Some(seen) => handle_dialled(&mut self.engine, stream, seen, event, &self.faults),
                    None => handle_accepted(&mut self.engine, stream, event),
                }
            }
            assert!(self.engine.now() - begun < Duration::from_secs(7200), "no end comes");
        }
        assert_eq!(self.engine.sys().net().engine_sockets(), 0);
    }
}

fn handle_accepted(engine: &mut Engine<SimSys>, stream: StreamId, event: Event<'_>) {
    match event {
        Event::Request(request) => {
            let is_first = request.host() == "server.example:9001";
            assert_eq!(request.headers().get("authorization").is_some(), is_first);
            let location = match request.path() {
                "/inside" => "./straight",
                "/away" => "http://other.example:9002/straight",
                "/around" => "around/2",
                "/around/2" => "/around",
                "/straight" => return engine.accept(stream, Accept::new()).unwrap(),
                other => panic!("{other}"),
            };
            let response = Response::new(302).header("Location", location).body("elsewhere");
            engine.refuse(stream, response).unwrap();
        }
        Event::Message(message) => {
            let sent = engine.send(stream, message).is_ok_and(Sent::is_queued);
            assert!(sent || !engine.is_open(stream).unwrap());
        }
        _ => {}
    }
}

fn handle_dialled(engine: &mut Engine<SimSys>, stream: StreamId, seen: &mut Seen, event: Event<'_>, faults: &Faults) {
    assert_eq!(seen.end, None, "{event:?} after the end");
    match event {
        Event::Opened(_) => {
            assert!(!std::mem::replace(&mut seen.open, true));
            let url = match seen.target {
                "/straight" | "/inside" => "ws://server.example:9001/straight",
                "/away" => "ws://other.example:9002/straight",
                other => panic!("{other} opened"),
            };
            assert_eq!(engine.url(stream).unwrap(), Some(url));
            // It may have been cut in the same turn.
            let sent = engine.send(stream, url).is_ok_and(Sent::is_queued);
            assert!(sent || !engine.is_open(stream).unwrap());
        }
        Event::Message(message) => {
            assert_eq!(Some(message.as_bytes()), engine.url(stream).unwrap().map(str::as_bytes));
            assert!(!std::mem::replace(&mut seen.echoed, true));
            let closed = engine.close(stream, Some(CloseCode::NORMAL), "");
            assert!(closed.is_ok() || !engine.is_open(stream).unwrap());
        }
        Event::Closed(_) => {
            assert!(seen.echoed);
            seen.end = Some("closed".into());
        }
        Event::Failed(failure) => {
            assert!(may_fail(seen, failure, faults), "{}: {failure}", seen.target);
            seen.end = Some(failure.to_string());
        }
        other => panic!("{other:?}"),
    }
}

fn may_fail(seen: &Seen, failure: &Failure, faults: &Faults) -> bool {
    let cut = faults.cut + faults.accept_aborted + faults.accept_error + faults.jump > 0;
    let unreachable = cut || faults.refuse_connect + faults.late_connect + faults.connect_fails > 0;
    match failure {
        Failure::Redirect { error, .. } => seen.target == "/around" && *error == RedirectError::Loop,
        Failure::Proxy { error, .. } => match error {
            ProxyError::Refused { status: 502, .. } | ProxyError::Socks(SocksReply::ConnectionRefused) => unreachable,
            ProxyError::Closed => unreachable,
            _ => false,
        },
        Failure::Resolve { .. } => faults.resolve_fails > 0,
        Failure::Dial { .. } | Failure::TimedOut(_) => unreachable,
        Failure::Protocol(proto::Failure::Lost | proto::Failure::TimedOut(_)) | Failure::Io(_) => unreachable,
        _ => false,
    }
}
