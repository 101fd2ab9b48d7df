//! Interoperation with Python's `websockets` and Node's `ws`, each as client and as server, plain and with TLS.
//!
//! `tests/run` installs both and says where by `WSLOOP_INTEROP`; without it these tests say that they were left out. The
//! scripts are in `tests/interop/`; each line that they print is a verdict.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::engine::{Config, ConnectOptions, Event, Events, ListenOptions, StreamId};
use wsloop::proto::{CloseCode, Message};
use wsloop::tls::{ClientConfig, ClientOptions, ServerConfig, ServerOptions};

/// What both sides must be able to do; the scripts know them by these names.
const CASES: [&str; 9] = [
    "text",
    "binary",
    "empty",
    "mebibyte",
    "fragmented",
    "ping",
    "pinged",
    "close_first",
    "closed_first",
];

const MEBI: usize = 1 << 20;

/// Nothing here takes longer on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Python,
    Node,
}

/// A script at work; killed when dropped.
pub(crate) struct Peer {
    child: Child,
    lines: Receiver<String>,
}

impl Peer {
    pub(crate) fn start(kind: Kind, script: &str, args: &[&str]) -> Option<Self> {
        let Some(installed) = std::env::var_os("WSLOOP_INTEROP").map(PathBuf::from) else {
            println!("left out: WSLOOP_INTEROP is not set; tests/run installs the peers and sets it");
            return None;
        };
        let (program, extension) = match kind {
            Kind::Python => ("python3", "py"),
            Kind::Node => ("node", "mjs"),
        };
        let script = format!("{}/tests/interop/{script}.{extension}", env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(program)
            .arg(script)
            .args(args)
            .env("PYTHONPATH", installed.join("python"))
            .env("WSLOOP_INTEROP", installed)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Some(Self { child, lines })
    }

    /// The next line that it prints.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap().trim().to_owned()
    }

    /// The next line, if it has printed one already.
    pub(crate) fn try_line(&self) -> Result<String, RecvTimeoutError> {
        self.lines.recv_timeout(Duration::ZERO)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for localhost and 127.0.0.1, and the authority that vouches for it, as files for the scripts.
struct Certificate {
    folder: tempfile::TempDir,
}

impl Certificate {
    fn new() -> Self {
        let mut authority = rcgen::CertificateParams::new([]).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        // Subject and issuer of the certificate below must differ, or it passes for a self-signed one.
        authority
            .distinguished_name
            .push(rcgen::DnType::CommonName, "wsloop test authority");
        authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(authority, authority_key);

        let mut params = rcgen::CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate_pem = params.signed_by(&key, &issuer).unwrap().pem();

        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("roots.pem", authority_pem),
            ("cert.pem", certificate_pem),
            ("key.pem", key.serialize_pem()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(Path::new(&self.path(name))).unwrap()
    }
}

/// Serves echoes to the peer's client until it has given its verdicts.
fn serve(kind: Kind, secure: bool) {
    let certificate = Certificate::new();
    let mut event_loop = EventLoop::new(Config::default()).unwrap();
    let mut options = ListenOptions::new("127.0.0.1:0").control_events(true);
    let (mut scheme, mut roots) = ("ws", "-".to_owned());
    if secure {
        let (certificate_pem, key_pem) = (certificate.read("cert.pem"), certificate.read("key.pem"));
        let tls = ServerOptions {
            certificate_pem: &certificate_pem,
            key_pem: &key_pem,
            ..ServerOptions::default()
        };
        options = options.tls(ServerConfig::new(&tls).unwrap());
        (scheme, roots) = ("wss", certificate.path("roots.pem"));
    }
    let listener = event_loop.listen(options).unwrap();
    let port = event_loop.local_addr(listener).unwrap().port();
    let url = format!("{scheme}://localhost:{port}/");
    let url = if secure {
        url
    } else {
        url.replace("localhost", "127.0.0.1")
    };
    let args = [&[url.as_str(), roots.as_str()][..], &CASES].concat();
    let Some(peer) = Peer::start(kind, "client", &args) else {
        return;
    };

    let mut events = Events::default();
    let (deadline, mut verdicts) = (Instant::now() + PATIENCE, Vec::new());
    while verdicts.last().is_none_or(|last| last != "done") {
        assert!(
            Instant::now() < deadline,
            "{kind:?} gave only these verdicts: {verdicts:?}"
        );
        event_loop.poll(&mut events, Some(Duration::from_millis(20))).unwrap();
        for (stream, event) in &events {
            answer(&mut event_loop, stream, &event);
        }
        match peer.try_line() {
            Ok(line) => verdicts.push(line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("{kind:?} ended early: {verdicts:?}"),
        }
    }
    let expected: Vec<_> = CASES
        .iter()
        .map(|case| format!("ok {case}"))
        .chain(["done".to_owned()])
        .collect();
    assert_eq!(verdicts, expected, "{kind:?} as client");
}

fn answer(event_loop: &mut EventLoop, stream: StreamId, event: &Event<'_>) {
    match event {
        Event::Message(Message::Text(text)) if text.as_str() == "close me" => {
            event_loop.close(stream, Some(CloseCode::NORMAL), "bye").unwrap();
        }
        Event::Message(Message::Text(text)) if text.as_str() == "ping me" => {
            event_loop.ping(stream, b"are you there?").unwrap();
        }
        Event::Message(message) => drop(event_loop.send(stream, *message).unwrap()),
        Event::Pong(payload) => {
            assert_eq!(*payload, b"are you there?");
            let _ = event_loop.send(stream, "pong seen").unwrap();
        }
        Event::Failed(failure) => println!("a connection failed: {failure}"),
        _ => {}
    }
}

/// What a stream's events said, kept.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Opened,
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Closed(Option<CloseCode>, String),
    Failed(String),
}

/// One connection of ours to the peer's server.
struct Client {
    event_loop: EventLoop,
    events: Events,
    stream: StreamId,
    seen: VecDeque<Seen>,
}

impl Client {
    fn connect(options: ConnectOptions) -> Self {
        let mut event_loop = EventLoop::new(Config::default()).unwrap();
        let stream = event_loop.connect(options.control_events(true)).unwrap();
        let mut client = Self {
            event_loop,
            events: Events::default(),
            stream,
            seen: VecDeque::new(),
        };
        client.sees(&Seen::Opened);
        client
    }

    /// Waits for the next event, which must be `expected`.
    fn sees(&mut self, expected: &Seen) {
        let deadline = Instant::now() + PATIENCE;
        while self.seen.is_empty() {
            assert!(Instant::now() < deadline, "waited in vain for {expected:.100?}");
            self.event_loop
                .poll(&mut self.events, Some(Duration::from_millis(100)))
                .unwrap();
            for (stream, event) in &self.events {
                assert_eq!(stream, self.stream);
                self.seen.extend(match event {
                    Event::Opened(_) => Some(Seen::Opened),
                    Event::Message(Message::Text(text)) => Some(Seen::Text(text.as_str().to_owned())),
                    Event::Message(Message::Binary(bytes)) => Some(Seen::Binary(bytes.to_vec())),
                    Event::Pong(payload) => Some(Seen::Pong(payload.to_vec())),
                    Event::Closed(closed) => Some(Seen::Closed(closed.code, closed.reason.to_string())),
                    Event::Failed(failure) => Some(Seen::Failed(failure.to_string())),
                    _ => None,
                });
            }
        }
        let seen = self.seen.pop_front().unwrap();
        assert!(seen == *expected, "expected {expected:.100?}, saw {seen:.100?}");
    }

    fn send<'m>(&mut self, message: impl Into<Message<'m>>) {
        let _ = self.event_loop.send(self.stream, message).unwrap();
    }

    fn close(&mut self, code: u16, reason: &str) {
        self.event_loop
            .close(self.stream, Some(CloseCode::new(code).unwrap()), reason)
            .unwrap();
    }

    /// Carries out one case; gives what the server must print of the connection's end.
    fn run(&mut self, case: &str) -> &'static str {
        let long: Vec<u8> = (0..MEBI).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let texts: &[&str] = &["Grüße, 世界 🌍", "", &"x".repeat(MEBI)];
        let binaries: &[&[u8]] = &[&[0, 255, 128], &[], &long];
        let ordinal = |name: &str| ["text", "empty", "mebibyte"].iter().position(|case| *case == name);
        match case {
            "text" | "binary" | "empty" | "mebibyte" => {
                if let Some(i) = ordinal(case) {
                    self.send(texts[i]);
                    self.sees(&Seen::Text(texts[i].to_owned()));
                }
                if case != "text" {
                    let bytes = binaries[ordinal(case).unwrap_or(0)];
                    self.send(bytes);
                    self.sees(&Seen::Binary(bytes.to_vec()));
                }
            }
            "fragmented" => {
                self.send("fragment me");
                self.sees(&Seen::Text("one zwei üç".to_owned()));
            }
            "ping" => {
                self.event_loop.ping(self.stream, b"hello").unwrap();
                self.sees(&Seen::Pong(b"hello".to_vec()));
            }
            "pinged" => {
                self.send("ping me");
                self.sees(&Seen::Text("pong seen".to_owned()));
            }
            "close_first" => {
                self.close(4321, "I go first");
                self.sees_closed(4321, None);
                return "closed 4321 I go first";
            }
            "closed_first" => {
                self.send("close me");
                self.sees_closed(1000, Some("bye"));
                // Our answer to a Close repeats its code and its reason.
                return "closed 1000 bye";
            }
            other => panic!("no such case: {other}"),
        }
        self.close(1000, "");
        self.sees_closed(1000, None);
        "closed 1000"
    }

    fn sees_closed(&mut self, code: u16, reason: Option<&str>) {
        let code = CloseCode::new(code).unwrap();
        // An answer to a Close may leave its reason out, or repeat it (RFC 6455 section 5.5.1 asks for the code alone).
        let repeated = if code == CloseCode::NORMAL { "" } else { "I go first" };
        self.sees(&Seen::Closed(Some(code), reason.unwrap_or(repeated).to_owned()));
        // The answer to a Close leaves at the next poll.
        let deadline = Instant::now() + PATIENCE;
        while self.event_loop.stream_count() > 0 {
            assert!(Instant::now() < deadline, "the connection does not end");
            self.event_loop
                .poll(&mut self.events, Some(Duration::from_millis(100)))
                .unwrap();
        }
    }
}

/// Dials the peer's server, once for each case.
fn dial(kind: Kind, secure: bool) {
    let certificate = Certificate::new();
    let files = [certificate.path("cert.pem"), certificate.path("key.pem")];
    let files: Vec<_> = files.iter().map(String::as_str).filter(|_| secure).collect();
    let Some(peer) = Peer::start(kind, "server", &files) else {
        return;
    };
    let port: u16 = peer.line().strip_prefix("listening ").unwrap().parse().unwrap();
    for case in CASES {
        let mut options = ConnectOptions::new("127.0.0.1", port, "/");
        if secure {
            let roots = certificate.read("roots.pem");
            let tls = ClientOptions {
                roots_pem: Some(&roots),
                ..ClientOptions::default()
            };
            options = options.tls(ClientConfig::new(&tls).unwrap(), "localhost");
        }
        let ends = Client::connect(options).run(case);
        assert_eq!(peer.line(), ends, "{kind:?} as server, case {case}");
    }
}

#[test]
fn python_websockets_as_client() {
    serve(Kind::Python, false);
}

#[test]
fn python_websockets_as_client_with_tls() {
    serve(Kind::Python, true);
}

#[test]
fn python_websockets_as_server() {
    dial(Kind::Python, false);
}

#[test]
fn python_websockets_as_server_with_tls() {
    dial(Kind::Python, true);
}

#[test]
fn node_ws_as_client() {
    serve(Kind::Node, false);
}

#[test]
fn node_ws_as_client_with_tls() {
    serve(Kind::Node, true);
}

#[test]
fn node_ws_as_server() {
    dial(Kind::Node, false);
}

#[test]
fn node_ws_as_server_with_tls() {
    dial(Kind::Node, true);
}
