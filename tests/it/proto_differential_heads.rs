//! Opening handshakes: what `proto` makes of generated requests and answers, held against the naive implementation and
//! against tungstenite, as `proto_differential` does it with frames.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tungstenite::handshake::{HandshakeError, derive_accept_key};
use tungstenite::http;
use wsloop::proto::{Accept, ClientRequest, Config, Connection, Entropy, Event, Failure, Limits, Violation};

use super::naive::heads::{self, Answered, Fault, Reading, Served};
use super::naive::{HeadHabits, TUNGSTENITE_HEADS};
use super::proto_traffic::{config, fixed};
use super::proto_traffic_heads::{request, response};
use super::proto_world::NOW;

/// The nonce of RFC 6455 section 1.3, whatever is asked for.
struct Sample;

impl Entropy for Sample {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&b"the sample nonce"[..bytes.len()]);
    }
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(crate) fn reading(narrow: bool) -> Reading {
    let limits = Limits::default();
    Reading {
        head_bytes: if narrow { 200 } else { limits.head_bytes },
        head_fields: if narrow { 6 } else { limits.head_fields },
        habits: HeadHabits::default(),
    }
}

fn limited(reading: Reading) -> Arc<Config> {
    Arc::new(Config {
        limits: Limits {
            head_bytes: reading.head_bytes,
            head_fields: reading.head_fields,
            ..Limits::default()
        },
        ..Config::default()
    })
}

/// Gives `bytes` in pieces and then their end; `host` does what it wants with the events.
fn feed(connection: &mut Connection, bytes: &[u8], pieces: &[usize], mut host: impl FnMut(&mut Connection, Event<'_>)) {
    let mut rest = bytes.to_vec();
    let mut pieces = pieces.iter().cycle();
    loop {
        let tail = rest.split_off(rest.len().min(*pieces.next().unwrap()));
        let ended = rest.is_empty();
        if ended {
            connection.handle_end(NOW);
        }
        let mut input = connection.handle_bytes(NOW, &mut rest);
        while let Some(event) = connection.poll_event(&mut input, &mut Sample) {
            host(connection, event);
        }
        if ended {
            return;
        }
        rest = tail;
    }
}

fn ours_served(reading: Reading, bytes: &[u8], pieces: &[usize]) -> Served {
    let mut connection = Connection::server(limited(reading), NOW);
    let mut served = Served::Waiting;
    let mut messages = 0;
    feed(&mut connection, bytes, pieces, |connection, event| match event {
        Event::Request(request) => {
            let (target, offered) = (
                request.target().into(),
                request.subprotocols().map(Into::into).collect(),
            );
            connection.accept(&Accept::new()).unwrap();
            let answer = String::from_utf8(connection.poll_transmit(NOW, &mut Sample).to_vec()).unwrap();
            let accept = answer
                .lines()
                .find_map(|line| line.strip_prefix("Sec-WebSocket-Accept: "))
                .unwrap();
            served = Served::Request {
                target,
                offered,
                accept: accept.into(),
                bytes: bytes.len(),
            };
        }
        Event::Failed(Failure::Refused(refusal)) => served = Served::Refused(refusal.status),
        Event::Message(_) => messages += 1,
        Event::Opened(_) | Event::Failed(_) => {}
        other => panic!("{other:?}"),
    });
    if let Served::Request { bytes, .. } = &mut served {
        *bytes -= messages * FRAME.len();
    }
    served
}

fn ours_answered(reading: Reading, offered: &[&str], bytes: &[u8], pieces: &[usize]) -> Answered {
    let mut asked = ClientRequest::new("a", "/");
    for name in offered {
        asked = asked.subprotocol(*name);
    }
    let mut connection = Connection::client(limited(reading), &asked, NOW, &mut Sample).unwrap();
    let mut answered = Answered::Waiting;
    let mut messages = 0;
    feed(&mut connection, bytes, pieces, |_, event| match event {
        Event::Opened(opened) => {
            answered = Answered::Opened {
                subprotocol: opened.subprotocol,
                bytes: bytes.len(),
            }
        }
        Event::Failed(Failure::Refused(refusal)) => answered = Answered::Refused(refusal.status),
        Event::Failed(Failure::Violation(violation)) if matches!(answered, Answered::Waiting) => {
            answered = Answered::Bad(fault(violation));
        }
        Event::Message(_) => messages += 1,
        Event::Failed(_) => {}
        other => panic!("{other:?}"),
    });
    if let Answered::Opened { bytes, .. } = &mut answered {
        *bytes -= messages * PLAIN.len();
    }
    answered
}

fn fault(violation: Violation) -> Fault {
    match violation {
        Violation::ResponseMalformed => Fault::Malformed,
        Violation::ResponseTooBig => Fault::TooBig,
        Violation::ResponseUpgrade => Fault::Upgrade,
        Violation::ResponseConnection => Fault::Connection,
        Violation::ResponseAccept => Fault::Accept,
        Violation::ResponseExtension => Fault::Extension,
        Violation::ResponseSubprotocol => Fault::Subprotocol,
        other => panic!("{other:?} in an opening handshake"),
    }
}

/// Reads what is given, writes to where it is looked up.
struct Pipe<'a>(&'a [u8], Vec<u8>);

impl io::Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl io::Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether tungstenite accepts, and with which `Sec-WebSocket-Accept`; it says no more.
fn theirs_served(bytes: &[u8]) -> Option<String> {
    let accepted = tungstenite::accept(Pipe(bytes, Vec::new())).ok()?;
    let answer = String::from_utf8(accepted.get_ref().1.clone()).unwrap();
    let accept = answer
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-accept: "))
        .unwrap();
    Some(accept.to_owned())
}

/// `None` for a fault of whatever kind, or the want of more.
fn theirs_answered(offered: &[&str], bytes: &[u8]) -> Option<Answered> {
    let mut asked = http::Request::get("ws://a/")
        .header("Host", "a")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", KEY);
    if !offered.is_empty() {
        asked = asked.header("Sec-WebSocket-Protocol", offered.join(", "));
    }
    match tungstenite::client(asked.body(()).unwrap(), Pipe(bytes, Vec::new())) {
        Ok((mut socket, response)) => {
            let mut messages = 0;
            while socket.read().is_ok() {
                messages += 1;
            }
            let chosen = response.headers().get("sec-websocket-protocol");
            Some(Answered::Opened {
                subprotocol: chosen.map(|name| name.to_str().unwrap().to_owned()),
                bytes: bytes.len() - messages * PLAIN.len(),
            })
        }
        Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            Some(Answered::Refused(response.status().as_u16()))
        }
        Err(_) => None,
    }
}

/// A text message of a client, and one of a server.
pub(crate) const FRAME: [u8; 8] = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
const PLAIN: [u8; 4] = [0x81, 2, b'h', b'i'];

pub(crate) fn check_request(reading: Reading, bytes: &[u8], pieces: &[usize]) -> Result<(), TestCaseError> {
    let expected = heads::serve(reading, bytes);
    prop_assert_eq!(
        ours_served(reading, bytes, pieces),
        expected,
        "{}",
        bytes.escape_ascii()
    );
    let habits = TUNGSTENITE_HEADS;
    let wide = Reading {
        habits,
        ..self::reading(false)
    };
    let accept = match heads::serve(wide, bytes) {
        Served::Request { accept, .. } => Some(accept),
        Served::Refused(_) | Served::Waiting => None,
    };
    prop_assert_eq!(theirs_served(bytes), accept, "{}", bytes.escape_ascii());
    Ok(())
}

pub(crate) fn check_response(
    reading: Reading,
    offered: &[&str],
    bytes: &[u8],
    pieces: &[usize],
) -> Result<(), TestCaseError> {
    let expected = heads::answer(reading, ACCEPT, offered, bytes);
    prop_assert_eq!(
        ours_answered(reading, offered, bytes, pieces),
        expected,
        "{}",
        bytes.escape_ascii()
    );
    prop_assert_eq!(
        theirs_answered(offered, bytes),
        as_theirs(TUNGSTENITE_HEADS, offered, bytes),
        "{}",
        bytes.escape_ascii()
    );
    Ok(())
}

pub(crate) fn as_theirs(habits: HeadHabits, offered: &[&str], bytes: &[u8]) -> Option<Answered> {
    let wide = Reading {
        habits,
        ..reading(false)
    };
    match heads::answer(wide, ACCEPT, offered, bytes) {
        Answered::Bad(_) | Answered::Waiting => None,
        seen => Some(seen),
    }
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(
        prop_oneof![1 => 1usize..20, 1 => 20usize..400, 2 => Just(1 << 20)],
        1..4,
    )
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn generated_requests_are_taken_alike(
        head in request(), narrow: bool, behind in prop::bool::weighted(0.2), pieces in pieces(),
    ) {
        let mut bytes = head.bytes();
        // Behind a head that one of them takes for good there is a frame or nothing.
        for habits in [HeadHabits::default(), TUNGSTENITE_HEADS] {
            if let Served::Request { bytes: end, .. } = heads::serve(Reading { habits, ..reading(false) }, &bytes) {
                bytes.truncate(end);
            }
        }
        if behind && matches!(heads::serve(reading(false), &bytes), Served::Request { .. }) {
            bytes.extend(FRAME);
        }
        check_request(reading(narrow), &bytes, &pieces)?;
    }

    #[test]
    fn generated_answers_are_taken_alike(
        head in response(ACCEPT), narrow: bool, offers: bool, behind in prop::bool::weighted(0.2), pieces in pieces(),
    ) {
        let mut bytes = head.bytes();
        let offered: &[&str] = if offers { &["one", "two"] } else { &[] };
        let taken = |habits, bytes: &[u8]| match heads::answer(Reading { habits, ..reading(false) }, ACCEPT, offered, bytes) {
            Answered::Opened { bytes, .. } => Some(bytes),
            Answered::Refused(_) | Answered::Bad(_) | Answered::Waiting => None,
        };
        let ends = [HeadHabits::default(), TUNGSTENITE_HEADS].map(|habits| taken(habits, &bytes));
        if let Some(end) = ends[0].or(ends[1]) {
            bytes.truncate(end);
            bytes.extend(PLAIN.iter().filter(|_| behind));
        }
        check_response(reading(narrow), offered, &bytes, &pieces)?;
    }
}

#[test]
fn generated_heads_reach_every_outcome() {
    let mut runner = TestRunner::new(fixed(0));
    let (mut statuses, mut faults) = (BTreeSet::new(), BTreeSet::new());
    for case in 0..1500 {
        let head = request().new_tree(&mut runner).unwrap().current().bytes();
        statuses.insert(match heads::serve(reading(case % 2 == 0), &head) {
            Served::Request { offered, .. } => 101 + u16::from(offered.is_empty()),
            Served::Refused(status) => status,
            Served::Waiting => 0,
        });
        let head = response(ACCEPT).new_tree(&mut runner).unwrap().current().bytes();
        faults.insert(
            match heads::answer(reading(case % 2 == 0), ACCEPT, &["one", "two"], &head) {
                Answered::Opened { subprotocol, .. } => format!("open {}", subprotocol.is_some()),
                Answered::Refused(status) => format!("{}", status / 100),
                Answered::Bad(fault) => format!("{fault:?}"),
                Answered::Waiting => "waiting".into(),
            },
        );
    }
    assert_eq!(
        statuses.into_iter().collect::<Vec<_>>(),
        [0, 101, 102, 400, 405, 417, 426, 431, 505]
    );
    let expected = [
        "2",
        "3",
        "4",
        "7",
        "Accept",
        "Connection",
        "Extension",
        "Malformed",
        "Subprotocol",
        "TooBig",
        "Upgrade",
        "open false",
        "open true",
        "waiting",
    ];
    assert_eq!(faults.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn the_sample_of_the_rfc_is_answered_as_it_says() {
    assert_eq!(derive_accept_key(KEY.as_bytes()), ACCEPT);
}
