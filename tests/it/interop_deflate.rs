//! permessage-deflate (RFC 7692) with other makers' implementations: Python's `websockets` and `aiohttp` and Node's `ws`,
//! each as client and as server; a browser is in `interop_browser`. `interop_talk` says what is said.
//!
//! What each pair agrees on is the table in `docs/TESTING.md`, which these tests hold against what went over the wire.

use std::collections::HashMap;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::engine::{Config, ConnectOptions, Events, ListenOptions};
use wsloop::proto::{Agreed, Side};

use super::interop::{Kind, Peer};
use super::interop_agreed::{Outcome, Setup, check_table, our_setups, their_setups};
use super::interop_recorder::Recorder;
use super::interop_talk::{Known, Talk, file, known};

/// For all conversations with one peer, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Whether what the script says was agreed on is what wsloop says.
type Says = fn(&str, Agreed, Side) -> bool;

fn websockets_says(line: &str, agreed: Agreed, _: Side) -> bool {
    let python = |flag| if flag { "True" } else { "False" };
    let expected = format!(
        "{} {} {} {}",
        python(agreed.server_no_context_takeover),
        python(agreed.client_no_context_takeover),
        agreed.server_max_window_bits,
        agreed.client_max_window_bits,
    );
    line == expected
}

/// It keeps only what concerns its own sending.
fn aiohttp_says(line: &str, agreed: Agreed, wsloop: Side) -> bool {
    let (alone, bits) = match wsloop {
        Side::Client => (agreed.server_no_context_takeover, agreed.server_max_window_bits),
        Side::Server => (agreed.client_no_context_takeover, agreed.client_max_window_bits),
    };
    line == format!("{} {bits}", if alone { "True" } else { "False" })
}

fn ws_says(line: &str, agreed: Agreed, _: Side) -> bool {
    let params: serde_json::Value = serde_json::from_str(line).unwrap();
    let alone = |name: &str| params[name].as_bool().unwrap_or(false);
    let bits = |name: &str| params[name].as_u64().unwrap_or(15);
    alone("server_no_context_takeover") == agreed.server_no_context_takeover
        && alone("client_no_context_takeover") == agreed.client_no_context_takeover
        && bits("server_max_window_bits") == u64::from(agreed.server_max_window_bits)
        && bits("client_max_window_bits") == u64::from(agreed.client_max_window_bits)
}

struct Implementation {
    name: &'static str,
    kind: Kind,
    script: &'static str,
    says: Says,
}

impl Implementation {
    /// What it said of the agreement, and that it found nothing wrong.
    fn check(&self, lines: &mut impl Iterator<Item = String>, outcome: &Outcome<'_>) {
        let row = outcome.row();
        let line = lines.next().unwrap();
        let says = line.strip_prefix("agreed ").unwrap_or_else(|| panic!("{line}: {row}"));
        match outcome.agreed {
            Some(agreed) => assert!((self.says)(says, agreed, outcome.side), "{says}: {row}"),
            None => assert_eq!(says, "nothing", "{row}"),
        }
        assert_eq!(lines.next().unwrap(), "ok", "{row}");
    }

    fn name_and_version(&self, line: &str) -> String {
        format!("{} {}", self.name, line.strip_prefix("version ").unwrap())
    }

    /// Serves its client.
    fn serve(&self, setups: &[Setup]) {
        let (folder, known) = (tempfile::tempdir().unwrap(), known());
        let mut serving = Serving::new(setups, &known);
        let mut args = vec!["client".to_owned(), file(&folder, &known).to_str().unwrap().to_owned()];
        for (number, (setup, recorder)) in setups.iter().zip(&serving.recorders).enumerate() {
            let closer = if Setup::wsloop_closes(number) { "wsloop" } else { "peer" };
            let url = format!("ws://127.0.0.1:{}/", recorder.port);
            args.extend([url, setup.theirs.to_owned(), closer.to_owned()]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let Some(peer) = Peer::start(self.kind, self.script, &args) else {
            return;
        };
        let mut lines = serving.run(|| peer.try_line()).into_iter();
        let peer = self.name_and_version(&lines.next().unwrap());
        let mut rows = Vec::new();
        for outcome in serving.finish(&peer) {
            outcome.check(&known);
            self.check(&mut lines, &outcome);
            rows.push(outcome.row());
        }
        check_table(&rows);
    }

    /// Dials its server.
    fn dial(&self, setups: &[Setup]) {
        let (folder, known) = (tempfile::tempdir().unwrap(), known());
        let mut args = vec!["server".to_owned(), file(&folder, &known).to_str().unwrap().to_owned()];
        for (number, setup) in setups.iter().enumerate() {
            let closer = if Setup::wsloop_closes(number) { "wsloop" } else { "peer" };
            args.extend([setup.theirs.to_owned(), closer.to_owned()]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let Some(peer) = Peer::start(self.kind, self.script, &args) else {
            return;
        };
        let name = self.name_and_version(&peer.line());
        let port = |_| peer.line().strip_prefix("listening ").unwrap().parse().unwrap();
        let ports: Vec<u16> = setups.iter().map(port).collect();
        let mut rows = Vec::new();
        for (setup, port) in setups.iter().zip(ports) {
            let recorder = Recorder::before(port);
            let mut event_loop = EventLoop::new(Config::default()).unwrap();
            let options = ConnectOptions::new("127.0.0.1", recorder.port, "/");
            let options = options.control_events(true).protocol(setup.protocol());
            let own = event_loop.connect(options).unwrap();
            let mut talk = Talk::new(&known, Side::Client);
            let (mut events, deadline) = (Events::default(), Instant::now() + PATIENCE);
            while !talk.is_over() || event_loop.stream_count() > 0 {
                assert!(Instant::now() < deadline, "{name} as server, {}", setup.name);
                event_loop.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
                for (stream, event) in &events {
                    assert_eq!(stream, own);
                    talk.handle(&mut event_loop, stream, &event);
                }
            }
            let outcome = Outcome {
                peer: &name,
                setup,
                side: Side::Client,
                agreed: talk.agreed,
                recording: recorder.finish(),
            };
            outcome.check(&known);
            self.check(&mut std::iter::repeat_with(|| peer.line()), &outcome);
            rows.push(outcome.row());
        }
        check_table(&rows);
    }
}

/// Wsloop serving one client after the other, each on a port of its own with a setup of its own.
pub(crate) struct Serving<'a> {
    event_loop: EventLoop,
    setups: &'a [Setup],
    talks: Vec<Talk<'a>>,
    /// In the order of the setups; their ports are those to dial.
    pub(crate) recorders: Vec<Recorder>,
    numbers: HashMap<wsloop::engine::ListenerId, usize>,
}

impl<'a> Serving<'a> {
    pub(crate) fn new(setups: &'a [Setup], known: &'a [Known]) -> Self {
        let mut event_loop = EventLoop::new(Config::default()).unwrap();
        let (mut talks, mut recorders, mut numbers) = (Vec::new(), Vec::new(), HashMap::new());
        for (number, setup) in setups.iter().enumerate() {
            let options = ListenOptions::new("127.0.0.1:0").control_events(true);
            let listener = event_loop.listen(options.protocol(setup.protocol())).unwrap();
            recorders.push(Recorder::before(event_loop.local_addr(listener).unwrap().port()));
            talks.push(Talk::new(known, Side::Server));
            numbers.insert(listener, number);
        }
        Self {
            event_loop,
            setups,
            talks,
            recorders,
            numbers,
        }
    }

    /// Until the peer says `done`, and all connections have ended; gives what it said.
    pub(crate) fn run(&mut self, line: impl Fn() -> Result<String, RecvTimeoutError>) -> Vec<String> {
        let (mut events, deadline) = (Events::default(), Instant::now() + PATIENCE);
        let mut lines: Vec<String> = Vec::new();
        while lines.last().is_none_or(|last| last != "done") || self.event_loop.stream_count() > 0 {
            assert!(Instant::now() < deadline, "the peer said only {lines:#?}");
            self.event_loop
                .poll(&mut events, Some(Duration::from_millis(20)))
                .unwrap();
            for (stream, event) in &events {
                let listener = self.event_loop.listener_of(stream).unwrap().unwrap();
                let talk = &mut self.talks[self.numbers[&listener]];
                talk.handle(&mut self.event_loop, stream, &event);
            }
            match line() {
                Ok(line) => {
                    assert!(!line.starts_with("failed"), "after {lines:#?}: {line}");
                    lines.push(line);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    assert!(lines.last().is_some_and(|last| last == "done"), "{lines:#?}")
                }
            }
        }
        lines
    }

    pub(crate) fn finish(self, peer: &'a str) -> impl Iterator<Item = Outcome<'a>> {
        let ended = self.setups.iter().zip(self.talks).zip(self.recorders);
        ended.map(move |((setup, talk), recorder)| {
            assert!(talk.is_over(), "{peer}, {}", setup.name);
            Outcome {
                peer,
                setup,
                side: Side::Server,
                agreed: talk.agreed,
                recording: recorder.finish(),
            }
        })
    }
}

const WEBSOCKETS: Implementation = Implementation {
    name: "websockets",
    kind: Kind::Python,
    script: "deflate_websockets",
    says: websockets_says,
};

const AIOHTTP: Implementation = Implementation {
    name: "aiohttp",
    kind: Kind::Python,
    script: "deflate_aiohttp",
    says: aiohttp_says,
};

const WS: Implementation = Implementation {
    name: "ws",
    kind: Kind::Node,
    script: "deflate_ws",
    says: ws_says,
};

#[test]
fn python_websockets_as_client() {
    let mut setups = our_setups(r#""default""#);
    setups.extend(their_setups([
        ("theirs: off", "null"),
        ("theirs: any window", "[{}]"),
        (
            "theirs: neither's takeover, windows 9 and 10",
            r#"[{"server_no_context_takeover": true, "client_no_context_takeover": true,
                 "server_max_window_bits": 9, "client_max_window_bits": 10}]"#,
        ),
        (
            "theirs: server's window 8, else 11",
            r#"[{"server_max_window_bits": 8}, {"server_max_window_bits": 11, "client_max_window_bits": null}]"#,
        ),
    ]));
    WEBSOCKETS.serve(&setups);
}

#[test]
fn python_websockets_as_server() {
    let mut setups = our_setups(r#""default""#);
    setups.extend(their_setups([
        ("theirs: off", "null"),
        ("theirs: as offered", "[{}]"),
        (
            "theirs: neither's takeover, windows 9 and 10",
            r#"[{"server_no_context_takeover": true, "client_no_context_takeover": true,
                 "server_max_window_bits": 9, "client_max_window_bits": 10}]"#,
        ),
    ]));
    WEBSOCKETS.dial(&setups);
}

#[test]
fn python_aiohttp_as_client() {
    let mut setups = our_setups("15");
    setups.extend(their_setups([
        ("theirs: off", "0"),
        ("theirs: window 9", "9"),
        ("theirs: window 12", "12"),
    ]));
    AIOHTTP.serve(&setups);
}

#[test]
fn python_aiohttp_as_server() {
    let mut setups = our_setups("true");
    setups.extend(their_setups([("theirs: off", "false")]));
    AIOHTTP.dial(&setups);
}

/// Both roles; without the threshold it would leave what is short uncompressed.
const WS_SETUPS: [(&str, &str); 4] = [
    ("theirs: off", "false"),
    ("theirs: short messages as they are", "true"),
    (
        "theirs: neither's takeover",
        r#"{"threshold": 0, "serverNoContextTakeover": true, "clientNoContextTakeover": true}"#,
    ),
    (
        "theirs: windows 9 and 10",
        r#"{"threshold": 0, "serverMaxWindowBits": 9, "clientMaxWindowBits": 10}"#,
    ),
];

#[test]
fn node_ws_as_client() {
    let mut setups = our_setups(r#"{"threshold": 0}"#);
    setups.extend(their_setups(WS_SETUPS));
    WS.serve(&setups);
}

#[test]
fn node_ws_as_server() {
    let mut setups = our_setups(r#"{"threshold": 0}"#);
    setups.extend(their_setups(WS_SETUPS));
    WS.dial(&setups);
}
