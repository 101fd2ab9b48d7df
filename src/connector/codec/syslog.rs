//! `syslog`: one message a piece, RFC 5424 or RFC 3164.

use std::boxed::Box;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use syslog_loose::{Message, ProcId, Protocol, Variant};

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::{Record, Value};
use super::Codec;

pub(super) const PAGE: Page = Page {
    summary: "Syslog: one message a piece, RFC 5424 or RFC 3164",
    text: "
A message is a record of `severity`, `facility`, `timestamp` (nanoseconds), `hostname`, `appname`, `procid` (a string), `msgid`,
`structured_data` (`{\"id\": [{\"name\": \"value\"}, …]}`), `msg`, `protocol` (`RFC5424` or `RFC3164`) and `protocol_version`; what the message
doesn't have is absent. Text that is neither becomes `msg` as a whole. RFC 3164 knows no year: it is that of the time of
ingestion, or the one before if the month would lie more than one ahead; times are UTC where no offset is given.

On the way out `facility` and `severity` are needed; without `protocol` it is RFC 5424, version 1.
",
    options: &[],
    examples: &[
        Example::In {
            title: "One of each",
            definition: r#"{"codec": "syslog"}"#,
            messages: &[
                b"<34>1 1970-01-01T00:00:01Z host app 7 ID1 [a@1 b=\"c\"] it broke",
                b"<13>Jan  1 00:00:02 host app[7]: it works",
            ],
            events: &[
                r#"{"severity":"crit","facility":"auth","timestamp":1000000000,"hostname":"host","appname":"app","procid":"7","msgid":"ID1","structured_data":{"a@1":[{"b":"c"}]},"msg":"it broke","protocol":"RFC5424","protocol_version":1}"#,
                r#"{"severity":"notice","facility":"user","timestamp":2000000000,"hostname":"host","appname":"app","procid":"7","msg":"it works","protocol":"RFC3164"}"#,
            ],
        },
        Example::Out {
            title: "A message",
            definition: r#"{"codec": "syslog"}"#,
            values: &[
                r#"{"severity": "crit", "facility": "auth", "timestamp": 1000000000, "hostname": "host", "msg": "it broke"}"#,
            ],
            chunks: &[b"<34>1 1970-01-01T00:00:01Z host - - - - it broke"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Syslog))
}

struct Syslog;

impl Codec for Syslog {
    fn decode(&mut self, bytes: &[u8], ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
        let now = DateTime::<Utc>::from_timestamp_nanos(i64::try_from(ingest_ns).unwrap_or(i64::MAX));
        let year = |(month, ..): syslog_loose::IncompleteDate| {
            // A message of December that is read in January.
            now.year() - i32::from(month > now.month() + 1)
        };
        let message = syslog_loose::parse_message_with_year_tz(text, year, Some(Utc), Variant::Either);
        Ok(Some(Value::from(record(&message))))
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        let text = write(value).map_err(|problem| format!("syslog: {problem}"))?;
        bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn record(message: &Message<&str>) -> Record {
    let mut record = Record::default();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            record.insert(key.into(), value);
        }
    };
    set("severity", message.severity.map(|severity| severity.as_str().into()));
    set("facility", message.facility.map(|facility| facility.as_str().into()));
    let timestamp = message.timestamp.and_then(|time| time.timestamp_nanos_opt());
    set("timestamp", timestamp.map(Value::Int));
    set("hostname", message.hostname.map(Value::from));
    set("appname", message.appname.map(Value::from));
    let procid = message.procid.as_ref().map(|id| match id {
        ProcId::PID(number) => Value::from(number.to_string()),
        ProcId::Name(name) => Value::from(*name),
    });
    set("procid", procid);
    set("msgid", message.msgid.map(Value::from));
    if !message.structured_data.is_empty() {
        let elements = message.structured_data.iter().map(|element| {
            let parameters = element
                .params()
                .map(|(name, value)| Value::record([(*name, Value::from(value))]));
            (element.id, Value::array(parameters))
        });
        set("structured_data", Some(Value::record(elements)));
    }
    set("msg", Some(Value::from(message.msg)));
    // Without a priority nothing says that it is syslog at all.
    if message.facility.is_some() {
        match message.protocol {
            Protocol::RFC3164 => set("protocol", Some("RFC3164".into())),
            Protocol::RFC5424(version) => {
                set("protocol", Some("RFC5424".into()));
                set("protocol_version", Some(u64::from(version).into()));
            }
        }
    }
    record
}

fn write(value: &Value) -> Result<String, String> {
    let facility = field(value, "facility")?.ok_or("a message needs the key `facility`")?;
    let severity = field(value, "severity")?.ok_or("a message needs the key `severity`")?;
    let priority = (0..=191_u8)
        .find(|priority| {
            let (known_facility, known_severity) = syslog_loose::decompose_pri(*priority);
            known_facility.is_some_and(|known| known.as_str() == facility)
                && known_severity.is_some_and(|known| known.as_str() == severity)
        })
        .ok_or_else(|| format!("there is no facility `{facility}` or no severity `{severity}`"))?;
    let time = match value.field("timestamp") {
        None | Some(Value::Null) => None,
        Some(time) => Some(time.as_i64().ok_or("`timestamp` must be an integer, in nanoseconds")?),
    };
    let time = time.map(DateTime::<Utc>::from_timestamp_nanos);
    let msg = field(value, "msg")?.unwrap_or_default();
    match field(value, "protocol")?.unwrap_or("RFC5424") {
        "RFC5424" => {
            let version = value.field("protocol_version").and_then(Value::as_u64).unwrap_or(1);
            let time = time.map_or_else(|| "-".into(), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
            let mut text = format!("<{priority}>{version} {time}");
            for key in ["hostname", "appname", "procid", "msgid"] {
                text.push(' ');
                text.push_str(name(value, key)?.unwrap_or("-"));
            }
            text.push(' ');
            push_structured(value.field("structured_data"), &mut text)?;
            if !msg.is_empty() {
                text.push_str(&format!(" {msg}"));
            }
            Ok(text)
        }
        "RFC3164" => {
            let mut text = format!("<{priority}>");
            if let Some(time) = time {
                text.push_str(&format!("{} ", time.format("%b %e %H:%M:%S")));
            }
            if let Some(host) = name(value, "hostname")? {
                text.push_str(&format!("{host} "));
            }
            match (name(value, "appname")?, name(value, "procid")?) {
                (Some(app), Some(procid)) => text.push_str(&format!("{app}[{procid}]: ")),
                (Some(app), None) => text.push_str(&format!("{app}: ")),
                (None, _) => {}
            }
            Ok(text + msg)
        }
        other => Err(format!("`protocol` must be `RFC5424` or `RFC3164`, not `{other}`")),
    }
}

fn field<'a>(value: &'a Value, key: &str) -> Result<Option<&'a str>, String> {
    match value.field(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(format!("`{key}` must be a string, not of type {}", other.type_name())),
    }
}

/// A part of the header: printable ASCII without blanks (RFC 5424 section 6).
fn name<'a>(value: &'a Value, key: &str) -> Result<Option<&'a str>, String> {
    match field(value, key)? {
        Some(text) if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(format!("`{key}` must be printable ASCII without blanks"))
        }
        other => Ok(other),
    }
}

fn push_structured(data: Option<&Value>, text: &mut String) -> Result<(), String> {
    let wrong = || String::from("`structured_data` must be a record of lists of records with a string each");
    let elements = match data {
        None | Some(Value::Null) => {
            text.push('-');
            return Ok(());
        }
        Some(data) => data.as_record().ok_or_else(wrong)?,
    };
    if elements.is_empty() {
        text.push('-');
    }
    let check = |name: &str| {
        let is_name = |byte: u8| byte.is_ascii_graphic() && !b"=]\"".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(format!("`{name}` can't be a name in `structured_data`"));
        }
        Ok(())
    };
    for (id, parameters) in elements {
        check(id)?;
        text.push_str(&format!("[{id}"));
        let Value::Array(parameters) = parameters else {
            return Err(wrong());
        };
        for parameter in parameters.iter() {
            for (name, value) in parameter.as_record().ok_or_else(wrong)? {
                check(name)?;
                let value = value.as_str().ok_or_else(wrong)?;
                // RFC 5424 section 6.3.3.
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
                text.push_str(&format!(" {name}=\"{escaped}\""));
            }
        }
        text.push(']');
    }
    Ok(())
}
