//! The opening handshake from RFC 6455 section 4 and RFC 9112: what a server makes of a request, and a client of an
//! answer, given all of its bytes.

use tungstenite::handshake::derive_accept_key;
use tungstenite::http::Uri;

use super::{HeadHabits, extensions};

/// Limits of a head, and the ways in which another implementation reads it otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) head_bytes: usize,
    pub(crate) head_fields: usize,
    pub(crate) habits: HeadHabits,
}

/// What a server makes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Served {
    /// It may be accepted: with this `Sec-WebSocket-Accept`; so many bytes were the request.
    Request {
        target: String,
        offered: Vec<String>,
        accept: String,
        bytes: usize,
    },
    /// It is refused with this status.
    Refused(u16),
    /// The request isn't whole.
    Waiting,
}

/// What a client makes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It is open; so many bytes were the answer.
    Opened { subprotocol: Option<String>, bytes: usize },
    /// The server refused with this status.
    Refused(u16),
    /// The answer breaks a rule.
    Bad(Fault),
    /// The answer isn't whole.
    Waiting,
}

/// What can be wrong with an answer (RFC 6455 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    Malformed,
    TooBig,
    Upgrade,
    Connection,
    Accept,
    Extension,
    Subprotocol,
}

/// A server reads `bytes`.
pub(crate) fn serve(reading: Reading, bytes: &[u8]) -> Served {
    match request(reading, bytes) {
        Ok(served) => served,
        Err(status) => Served::Refused(status),
    }
}

fn request(reading: Reading, bytes: &[u8]) -> Result<Served, u16> {
    let habits = reading.habits;
    let seen = &bytes[..bytes.len().min(reading.head_bytes)];
    let end = match head_end(seen) {
        Some(end) => end,
        None if bytes.len() < reading.head_bytes => return Ok(Served::Waiting),
        None if seen.contains(&b'\n') => return Err(431),
        None => return Err(414),
    };
    let lines = lines(&bytes[..end]);
    let (method, target, version) = request_line(&lines[0])?;
    let fields = fields(&lines[1..], reading.head_fields).map_err(|too_many| if too_many { 431u16 } else { 400 })?;
    if version != 1 {
        return Err(505);
    }
    if method != b"GET" {
        return Err(405);
    }
    let target = String::from_utf8(target.to_vec()).map_err(|_| 400u16)?;
    if habits.any_address {
        target.parse::<Uri>().map_err(|_| 400u16)?;
    } else if !is_target(&target) {
        return Err(400);
    }
    let fields = Fields(fields, habits.first_of_several);
    if !habits.no_host && !fields.one("host").is_some_and(is_authority) {
        return Err(400);
    }
    upgrade(&fields, habits, false).then_some(()).ok_or(426u16)?;
    connection(&fields, habits).then_some(()).ok_or(400u16)?;
    if fields.one("sec-websocket-version") != Some(b"13") {
        return Err(426);
    }
    let key = fields.one("sec-websocket-key").ok_or(400u16)?;
    if !habits.any_key && !is_key(key) {
        return Err(400);
    }
    let mut lengths = fields.all("content-length").into_iter();
    let body = lengths.any(|value| value != b"0") || !fields.all("transfer-encoding").is_empty();
    if body && !habits.no_body_check {
        return Err(400);
    }
    let mut expected = fields.items("expect").into_iter();
    if expected.any(|item| !item.eq_ignore_ascii_case(b"100-continue")) && !habits.no_expect_check {
        return Err(417);
    }
    let offered = fields.items("sec-websocket-protocol");
    let fair =
        |(index, name): (usize, &Vec<u8>)| name.iter().all(|&byte| is_token(byte)) && !offered[..index].contains(name);
    if !offered.iter().enumerate().all(fair) && !habits.no_offer_check {
        return Err(400);
    }
    let listed = extensions::list(&fields.all("sec-websocket-extensions").join(&b","[..]));
    if listed.is_none() && !habits.no_extension_check {
        return Err(400);
    }
    if habits.nothing_behind && end < bytes.len() {
        return Err(400);
    }
    Ok(Served::Request {
        target,
        offered: offered
            .iter()
            .map(|name| String::from_utf8_lossy(name).into())
            .collect(),
        accept: derive_accept_key(key),
        bytes: end,
    })
}

/// A client that offered `offered` and awaits `accept` reads `bytes`.
pub(crate) fn answer(reading: Reading, accept: &str, offered: &[&str], bytes: &[u8]) -> Answered {
    match response(reading, accept, offered, bytes) {
        Ok(answered) => answered,
        Err(fault) => Answered::Bad(fault),
    }
}

fn response(reading: Reading, accept: &str, offered: &[&str], bytes: &[u8]) -> Result<Answered, Fault> {
    let habits = reading.habits;
    let mut start = 0;
    loop {
        let bytes = &bytes[start..];
        let room = reading.head_bytes - start;
        let Some(end) = head_end(&bytes[..bytes.len().min(room)]) else {
            return if bytes.len() < room {
                Ok(Answered::Waiting)
            } else {
                Err(Fault::TooBig)
            };
        };
        let mut lines = lines(&bytes[..end]);
        let first = lines.remove(0);
        if !habits.no_folding {
            lines = unfold(lines);
        }
        let (version, status) = status_line(&first).ok_or(Fault::Malformed)?;
        let fields = fields(&lines, reading.head_fields)
            .map_err(|too_many| if too_many { Fault::TooBig } else { Fault::Malformed })?;
        let fields = Fields(fields, habits.first_of_several);
        start += end;
        match status {
            _ if habits.no_refusal_body && version != 1 => return Err(Fault::Malformed),
            101 if version == 1 => {
                return Ok(Answered::Opened {
                    subprotocol: agreed(&fields, habits, accept, offered)?,
                    bytes: start,
                });
            }
            0..100 | 101 => return Err(Fault::Malformed),
            100..200 if !habits.interim_is_final => {}
            _ => {
                let framed = matches!(status, 204 | 304) || has_body_length(&fields);
                return if framed || habits.no_refusal_body {
                    Ok(Answered::Refused(status))
                } else {
                    Err(Fault::Malformed)
                };
            }
        }
    }
}

/// Section 4.1, the six points about a server's answer.
fn agreed(fields: &Fields, habits: HeadHabits, accept: &str, offered: &[&str]) -> Result<Option<String>, Fault> {
    if !upgrade(fields, habits, true) {
        return Err(Fault::Upgrade);
    }
    let connected = if habits.connection_alone {
        fields
            .one("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"upgrade"))
    } else {
        fields
            .items("connection")
            .iter()
            .any(|item| item.eq_ignore_ascii_case(b"upgrade"))
    };
    if !connected {
        return Err(Fault::Connection);
    }
    if fields.one("sec-websocket-accept") != Some(accept.as_bytes()) {
        return Err(Fault::Accept);
    }
    let extensions = fields.all("sec-websocket-extensions");
    if !habits.any_extension && (extensions.len() > 1 || extensions::list(&extensions.concat()) != Some(Vec::new())) {
        return Err(Fault::Extension);
    }
    if fields.all("sec-websocket-protocol").is_empty() {
        let insists = habits.insists_on_subprotocol && !offered.is_empty();
        return if insists { Err(Fault::Subprotocol) } else { Ok(None) };
    }
    let chosen = fields.one("sec-websocket-protocol").ok_or(Fault::Subprotocol)?;
    let known = offered.iter().find(|name| name.as_bytes() == chosen);
    known.map(|name| Some((*name).to_owned())).ok_or(Fault::Subprotocol)
}

/// RFC 9112 section 6.3: whether the end of a refusal's body can be told.
fn has_body_length(fields: &Fields) -> bool {
    if !fields.items("transfer-encoding").is_empty() || fields.all("content-length").is_empty() {
        return true;
    }
    let lengths = fields.items("content-length");
    let is_number =
        |item: &Vec<u8>| item.iter().all(u8::is_ascii_digit) && String::from_utf8_lossy(item).parse::<u64>().is_ok();
    lengths.first().is_some_and(is_number) && lengths.iter().all(|item| *item == lengths[0])
}

/// Whether `Upgrade` has `websocket`; in an answer nothing else.
fn upgrade(fields: &Fields, habits: HeadHabits, is_answer: bool) -> bool {
    let is_websocket = |item: &[u8]| item.eq_ignore_ascii_case(b"websocket");
    if habits.upgrade_alone {
        return fields.one("upgrade").is_some_and(is_websocket);
    }
    let items = fields.items("upgrade");
    items.iter().any(|item| is_websocket(item)) && (!is_answer || items.iter().all(|item| is_websocket(item)))
}

fn connection(fields: &Fields, habits: HeadHabits) -> bool {
    let is_upgrade = |item: &[u8]| item.eq_ignore_ascii_case(b"upgrade");
    if habits.parts_at_spaces {
        let value = fields
            .one("connection")
            .filter(|value| value.iter().all(|&byte| byte == 9 || (32..127).contains(&byte)));
        return value.is_some_and(|value| value.split(|byte| b" ,".contains(byte)).any(is_upgrade));
    }
    fields.items("connection").iter().any(|item| is_upgrade(item))
}

/// Names in small letters and values, and whether only the first of a name counts.
struct Fields(Vec<(String, Vec<u8>)>, bool);

impl Fields {
    fn all(&self, name: &str) -> Vec<&[u8]> {
        let fields = self.0.iter().filter(|field| field.0 == name);
        fields
            .map(|field| &field.1[..])
            .take(if self.1 { 1 } else { usize::MAX })
            .collect()
    }

    fn one(&self, name: &str) -> Option<&[u8]> {
        match self.all(name)[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    /// RFC 9110 section 5.6.1: a list with commas, over all fields of the name.
    fn items(&self, name: &str) -> Vec<Vec<u8>> {
        let items = self.all(name).join(&[b','][..]);
        let items = items.split(|&byte| byte == b',').map(trim);
        items.filter(|item| !item.is_empty()).map(<[u8]>::to_vec).collect()
    }
}

/// Where a head ends: behind its first empty line, empty lines before its first line not counted.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte))?;
    let mut line = Vec::new();
    for (index, &byte) in bytes.iter().enumerate().skip(start) {
        line.push(byte);
        if byte == b'\n' {
            if line == b"\r\n" || line == b"\n" {
                return Some(index + 1);
            }
            line.clear();
        }
    }
    None
}

/// The lines of a head without their ends, which are CR LF or, as RFC 9112 section 2.2 allows, LF; nowhere else may a CR
/// stand. Empty lines before the first are passed over.
fn lines(head: &[u8]) -> Vec<Vec<u8>> {
    let ended = head.strip_suffix(b"\n").unwrap();
    let lines = ended
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut lines: Vec<Vec<u8>> = lines.skip_while(|line| line.is_empty()).map(<[u8]>::to_vec).collect();
    assert_eq!(lines.pop(), Some(Vec::new()));
    lines
}

/// RFC 9112 section 5.2: a line that begins with a space goes on with the field before it.
fn unfold(lines: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut unfolded: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        match unfolded.last_mut() {
            Some(last) if line.first().is_some_and(|byte| b" \t".contains(byte)) => {
                last.push(b' ');
                last.extend(line);
            }
            _ => unfolded.push(line),
        }
    }
    unfolded
}

fn fields(lines: &[Vec<u8>], most: usize) -> Result<Vec<(String, Vec<u8>)>, bool> {
    let mut fields = Vec::new();
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':').ok_or(false)?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) || !value.iter().all(|&byte| is_text(byte)) {
            return Err(false);
        }
        if fields.len() == most {
            return Err(true);
        }
        fields.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()));
    }
    Ok(fields)
}

/// Method, target and minor version (RFC 9112 section 3), or the status that a line earns which isn't one.
fn request_line(line: &[u8]) -> Result<(&[u8], &[u8], u8), u16> {
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let (Some(method), Some(target), Some(version)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(400);
    };
    if method.is_empty() || !method.iter().all(|&byte| is_token(byte)) {
        return Err(400);
    }
    let printable = target.iter().all(|&byte| byte > 32 && byte != 127);
    if target.is_empty() || !printable || core::str::from_utf8(target).is_err() {
        return Err(400);
    }
    match version {
        b"HTTP/1.1" => Ok((method, target, 1)),
        b"HTTP/1.0" => Ok((method, target, 0)),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', ..] => Err(400),
        _ => Err(505),
    }
}

/// Minor version and status (RFC 9112 section 4).
fn status_line(line: &[u8]) -> Option<(u8, u16)> {
    let (version, rest) = match line {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ (b'0' | b'1'),
            b' ',
            rest @ ..,
        ] => (minor - b'0', rest),
        _ => return None,
    };
    let (digits, reason) = (rest.get(..3)?, &rest[3..]);
    let reason_ok = reason.is_empty() || reason[0] == b' ' && reason.iter().all(|&byte| is_text(byte));
    if !digits.iter().all(u8::is_ascii_digit) || !reason_ok {
        return None;
    }
    Some((
        version,
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + u16::from(digit - b'0')),
    ))
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 section 5.5: what may stand in a field's value.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= 32 && byte != 127
}

/// A path, or an absolute address for HTTP or WebSocket, in ASCII and without a fragment.
fn is_target(target: &str) -> bool {
    if !target.is_ascii() || target.contains('#') {
        return false;
    }
    let absolute = ["http://", "https://", "ws://", "wss://"].iter().find_map(|scheme| {
        let start = target.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &target[scheme.len()..])
    });
    match absolute {
        Some(rest) => is_authority(rest.split(['/', '?']).next().unwrap().as_bytes()),
        None => target.starts_with('/'),
    }
}

fn is_authority(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !b"/?#@\\".contains(byte))
}

/// Section 4.2.1, item 5: 16 bytes in base64, the last four bits of which are none.
fn is_key(key: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(letter) && b"AQgw".contains(&key[21])
}
