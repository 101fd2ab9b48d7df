//! Generated heads: requests and answers, right, nearly right and wrong.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A head, still in parts.
#[derive(Clone)]
pub(crate) struct Head {
    start: String,
    fields: Vec<(String, Vec<u8>)>,
    edits: Vec<(Index, Edit)>,
    line_feeds_alone: bool,
    wounds: Vec<(Index, Wound)>,
    /// Empty lines, or an interim answer, before it.
    before: &'static str,
}

#[derive(Debug, Clone)]
enum Edit {
    Remove,
    Double,
    /// To the front.
    Move,
    Value(Vec<u8>),
    Case,
    Insert(String, Vec<u8>),
}

#[derive(Debug, Clone, Copy)]
enum Wound {
    Set(u8),
    Insert(u8),
    Remove,
    Truncate,
}

impl fmt::Debug for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.bytes().escape_ascii())
    }
}

impl Head {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut fields = self.fields.clone();
        for (at, edit) in &self.edits {
            let at = at.index(fields.len().max(1));
            match edit {
                Edit::Insert(name, value) => fields.insert(at.min(fields.len()), (name.clone(), value.clone())),
                _ if fields.is_empty() => {}
                Edit::Remove => drop(fields.remove(at)),
                Edit::Double => fields.push(fields[at].clone()),
                Edit::Move => {
                    let field = fields.remove(at);
                    fields.insert(0, field);
                }
                Edit::Value(value) => fields[at].1.clone_from(value),
                Edit::Case => fields[at].0.make_ascii_uppercase(),
            }
        }
        let end = if self.line_feeds_alone { "\n" } else { "\r\n" };
        let mut bytes = [self.before, &self.start, end].concat().into_bytes();
        for (name, value) in &fields {
            bytes.extend([name.as_bytes(), b": ", value, end.as_bytes()].concat());
        }
        bytes.extend(end.bytes());
        for (at, wound) in &self.wounds {
            let at = at.index(bytes.len().max(1));
            match *wound {
                _ if bytes.is_empty() => {}
                Wound::Set(byte) => bytes[at] = byte,
                Wound::Insert(byte) => bytes.insert(at, byte),
                Wound::Remove => drop(bytes.remove(at)),
                Wound::Truncate => bytes.truncate(at),
            }
        }
        bytes
    }
}

/// What a client might send.
pub(crate) fn request() -> impl Strategy<Value = Head> {
    let start = prop_oneof![
        8 => select(vec!["GET / HTTP/1.1", "GET /chat?room=7 HTTP/1.1", "GET http://a/b HTTP/1.1", "GET /a|b\" HTTP/1.1"]),
        1 => select(vec![
            "GET / HTTP/1.0", "GET / HTTP/2.0", "GET / HTTP/1.1 ", "GET  / HTTP/1.1", "GET /", "POST / HTTP/1.1", "get / HTTP/1.1",
            "GET /#a HTTP/1.1", "GET a HTTP/1.1", "GET * HTTP/1.1", "GET ftp://a/ HTTP/1.1", "GET WS://a HTTP/1.1",
            "GET http:// HTTP/1.1", "GET http://u@a/ HTTP/1.1", "GET /é HTTP/1.1", "GET /<> HTTP/1.1", "GET / http/1.1",
            "G@T / HTTP/1.1", " / HTTP/1.1", "GET / HTTP/1.10",
        ]),
    ];
    let fields = (
        mostly("a", &["example.com:80", "[::1]", "", "a b", "a/b", "a,b"]),
        mostly(
            "websocket",
            &[
                "WebSocket",
                "h2c, websocket",
                "websocket,",
                "websocket/13",
                "web socket",
                "\"websocket\"",
            ],
        ),
        mostly(
            "Upgrade",
            &[
                "keep-alive, Upgrade",
                "upgrade",
                "keep-alive Upgrade",
                "close",
                "TE,upgrade,",
                "Upgrade, é",
            ],
        ),
        key(),
        mostly("13", &["8", "12", "13, 8", "013", ""]),
        vec(extra(), 0..3),
    )
        .prop_map(|(host, upgrade, connection, key, version, extra)| {
            let mut fields: Vec<(String, Vec<u8>)> = vec![
                ("Host".into(), host),
                ("Upgrade".into(), upgrade),
                ("Connection".into(), connection),
                ("Sec-WebSocket-Key".into(), key),
                ("Sec-WebSocket-Version".into(), version),
            ];
            fields.extend(extra);
            fields
        });
    head(start, fields, &["", "", "", "", "", "\r\n", "\n\r\n", "\r"])
}

/// What a server might answer to a client whose key must be answered by `accept`.
pub(crate) fn response(accept: &'static str) -> impl Strategy<Value = Head> {
    let start = prop_oneof![
        8 => select(vec!["HTTP/1.1 101 Switching Protocols", "HTTP/1.1 101 é", "HTTP/1.1 101"]),
        2 => select(vec![
            "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 204 ", "HTTP/1.1 302", "HTTP/1.0 101 Old", "HTTP/1.0 200 Old",
            "HTTP/1.1 099 ?", "HTTP/1.1 700 ?", "HTTP/1.1 1010", "HTTP/1.1  101 ?", "http/1.1 101 ?", "HTTP/2 101", "101",
            "HTTP/1.1 10", "HTTP/1.1 100 Continue",
        ]),
    ];
    let fields = (
        mostly(
            "websocket",
            &[
                "WebSocket",
                "h2c, websocket",
                "websocket, websocket",
                "web",
                "\r\n websocket",
                "websocket\r\n\t",
            ],
        ),
        mostly(
            "Upgrade",
            &[
                "keep-alive, Upgrade",
                "upgrade",
                "keep-alive Upgrade",
                "close",
                "keep-alive,\r\n Upgrade",
            ],
        ),
        mostly(
            accept,
            &["s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
        ),
        vec(answer_extra(), 0..3),
    )
        .prop_map(|(upgrade, connection, accept, extra)| {
            let mut fields: Vec<(String, Vec<u8>)> = vec![
                ("Upgrade".into(), upgrade),
                ("Connection".into(), connection),
                ("Sec-WebSocket-Accept".into(), accept),
            ];
            fields.extend(extra);
            fields
        });
    const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n";
    head(start, fields, &["", "", "", "", "\r\n", INTERIM])
}

fn head(
    start: impl Strategy<Value = &'static str>,
    fields: impl Strategy<Value = Vec<(String, Vec<u8>)>>,
    before: &'static [&'static str],
) -> impl Strategy<Value = Head> {
    let some = |most| prop_oneof![2 => Just(0..1), 1 => Just(1..most)];
    let edits = some(3).prop_flat_map(|count| vec((any::<Index>(), edit()), count));
    let wounds = some(3).prop_flat_map(|count| vec((any::<Index>(), wound()), count));
    (start, fields, edits, prop::bool::weighted(0.1), wounds, select(before)).prop_map(
        |(start, fields, edits, line_feeds_alone, wounds, before)| Head {
            start: start.into(),
            fields,
            edits,
            line_feeds_alone,
            wounds,
            before,
        },
    )
}

/// The first, or now and then one of the others.
fn mostly(first: &'static str, others: &[&'static str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let others: Vec<&str> = others.to_vec();
    prop_oneof![5 => Just(first), 1 => select(others)].prop_map(|value| value.as_bytes().to_vec())
}

/// A key for any 16 bytes, or one that isn't.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let letters = "[A-Za-z0-9+/]{21}[AQgw]==";
    prop_oneof![6 => letters, 1 => "[A-Za-z0-9+/]{22}==", 1 => "[A-Za-z0-9+/=]{0,28}"].prop_map(String::into_bytes)
}

/// Fields that a request may have, and some that it may not.
fn extra() -> impl Strategy<Value = (String, Vec<u8>)> {
    any_of(&[
        (
            "Sec-WebSocket-Protocol",
            &["chat, superchat", "a", "a b", "a, a", ",", "a,,b", "é"],
        ),
        (
            "Sec-WebSocket-Extensions",
            &["x-unknown", "permessage-deflate; client_max_window_bits", "a b", ";"],
        ),
        ("Content-Length", &["0", "5", "00"]),
        ("Transfer-Encoding", &["chunked"]),
        ("Expect", &["100-continue", "200-ok"]),
        ("Cookie", &["a=b; c=d", "é", ""]),
        ("Connection", &["keep-alive", "Upgrade"]),
        ("Upgrade", &["h2c", "websocket"]),
        ("X Y", &["a"]),
        ("X", &["a\r\n b", "\u{0}", "\u{7f}", "a\rb"]),
    ])
}

/// The same of an answer.
fn answer_extra() -> impl Strategy<Value = (String, Vec<u8>)> {
    any_of(&[
        (
            "Sec-WebSocket-Protocol",
            &["one", "two", "three", "one, two", "One", ""],
        ),
        ("Sec-WebSocket-Extensions", &["x-unknown", "permessage-deflate", ","]),
        (
            "Content-Length",
            &["0", "5", "5, 5", "5, 6", "x", "99999999999999999999"],
        ),
        ("Transfer-Encoding", &["chunked", "gzip"]),
        ("Set-Cookie", &["a=b", "é"]),
        ("X", &["a\r\n b", "\u{0}", "a\rb"]),
    ])
}

fn any_of(fields: &[(&'static str, &[&'static str])]) -> impl Strategy<Value = (String, Vec<u8>)> + use<> {
    let all: Vec<(&str, &str)> = fields
        .iter()
        .flat_map(|(name, values)| values.iter().map(|value| (*name, *value)))
        .collect();
    select(all).prop_map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
}

fn edit() -> impl Strategy<Value = Edit> {
    let value = "[ -~\t]{0,10}".prop_map(String::into_bytes);
    prop_oneof![
        3 => Just(Edit::Remove),
        2 => Just(Edit::Double),
        1 => Just(Edit::Move),
        1 => value.prop_map(Edit::Value),
        1 => Just(Edit::Case),
        1 => ("[A-Za-z-]{0,5}", "[ -~]{0,40}").prop_map(|(name, value)| Edit::Insert(name, value.into_bytes())),
    ]
}

fn wound() -> impl Strategy<Value = Wound> {
    let byte = || prop_oneof![3 => select(b"\r\n\t :,=;/\0\x7f\x80\xC3aZ0".to_vec()), 1 => any::<u8>()];
    prop_oneof![
        2 => byte().prop_map(Wound::Set),
        2 => byte().prop_map(Wound::Insert),
        1 => Just(Wound::Remove),
        1 => Just(Wound::Truncate),
    ]
}
