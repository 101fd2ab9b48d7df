//! `dogstatsd`: DataDog's form of StatsD, one metric, event or service check a piece.

use std::boxed::Box;
use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::{Record, Value};
use super::Codec;
use super::statsd::{amount, number, rate, word};

pub(super) const PAGE: Page = Page {
    summary: "DogStatsD: one metric, event or service check a piece",
    text: "
- A metric, `name:value1:value2|type|@rate|#tag,tag:value|c:container|T…`: `{\"metric\": {\"metric\", \"type\", \"values\", \"sample_rate\",
  \"tags\", \"container_id\"}}`; the types are those of StatsD, and `d` (distribution).
- An event, `_e{5,4}:title|text|d:time|h:host|p:priority|t:alert|k:key|s:source|#tags`: `{\"event\": {\"title\", \"text\", \"timestamp\",
  \"hostname\", \"aggregation_key\", \"priority\", \"source_type_name\", \"alert_type\", \"tags\"}}`.
- A service check, `_sc|name|status|d:time|h:host|#tags|m:message`: `{\"service_check\": {\"name\", \"status\", \"timestamp\",
  \"hostname\", \"tags\", \"message\"}}`.

Times are seconds, as they are written. What is not given is absent.
",
    options: &[],
    examples: &[
        Example::In {
            title: "One of each",
            definition: r#"{"codec": "dogstatsd", "preprocessors": ["separate"]}"#,
            messages: &[b"load:1:2.5|g|#env:dev,new\n_e{5,4}:title|text|p:low\n_sc|db|0|m:fine\nwhat\n"],
            events: &[
                r#"{"metric":{"metric":"load","type":"g","values":[1,2.5],"tags":["env:dev","new"]}}"#,
                r#"{"event":{"title":"title","text":"text","priority":"low"}}"#,
                r#"{"service_check":{"name":"db","status":0,"message":"fine"}}"#,
                "error",
            ],
        },
        Example::Out {
            title: "One of each",
            definition: r#"{"codec": "dogstatsd"}"#,
            values: &[
                r#"{"metric": {"metric": "load", "type": "g", "values": [1, 2.5], "sample_rate": 0.5, "tags": ["new"]}}"#,
                r#"{"event": {"title": "title", "text": "text", "alert_type": "error"}}"#,
                r#"{"service_check": {"name": "db", "status": 2, "message": "gone"}}"#,
            ],
            chunks: &[b"load:1:2.5|g|@0.5|#new", b"_e{5,4}:title|text|t:error", b"_sc|db|2|m:gone"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(DogStatsd))
}

struct DogStatsd;

impl Codec for DogStatsd {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
        let text = text.trim_end_matches(['\n', '\r']);
        let (name, read) = if let Some(rest) = text.strip_prefix("_e{") {
            ("event", event(rest))
        } else if let Some(rest) = text.strip_prefix("_sc|") {
            ("service_check", service_check(rest))
        } else {
            ("metric", metric(text))
        };
        let read = read.map_err(|problem| format!("invalid {}: {problem}", name.replace('_', " ")))?;
        Ok(Some(Value::record([(name, Value::from(read))])))
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        let text = if let Some(metric) = value.field("metric") {
            write_metric(metric)
        } else if let Some(event) = value.field("event") {
            write_event(event)
        } else if let Some(check) = value.field("service_check") {
            write_check(check)
        } else {
            Err("a record with the key `metric`, `event` or `service_check` was expected".into())
        };
        let text = text.map_err(|problem| format!("dogstatsd: {problem}"))?;
        bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// What may follow an event or a service check: the letter, and the key of its value.
const EVENT_PARTS: &[(&str, &str)] = &[
    ("d:", "timestamp"),
    ("h:", "hostname"),
    ("k:", "aggregation_key"),
    ("p:", "priority"),
    ("s:", "source_type_name"),
    ("t:", "alert_type"),
];
const CHECK_PARTS: &[(&str, &str)] = &[("d:", "timestamp"), ("h:", "hostname"), ("m:", "message")];

fn tags(text: &str) -> Value {
    Value::array(text.split(',').filter(|tag| !tag.is_empty()))
}

fn metric(text: &str) -> Result<Record, String> {
    let (name, rest) = text.split_once(':').ok_or("`name:value|type` was expected")?;
    if name.is_empty() {
        return Err("its name is empty".into());
    }
    let mut parts = rest.split('|');
    let values = parts.next().unwrap_or_default();
    let kind = parts
        .next()
        .filter(|kind| !kind.is_empty())
        .ok_or("`|` and a type were expected behind the value")?;
    let values: Result<Vec<Value>, String> = if kind == "s" {
        Ok(vec![Value::from(values)])
    } else {
        values.split(':').map(number).collect()
    };
    let mut metric = Record::default();
    metric.insert("metric".into(), name.into());
    metric.insert("type".into(), kind.into());
    metric.insert("values".into(), Value::from(values?));
    for part in parts {
        if let Some(text) = part.strip_prefix('@') {
            metric.insert("sample_rate".into(), rate(text)?);
        } else if let Some(text) = part.strip_prefix('#') {
            metric.insert("tags".into(), tags(text));
        } else if let Some(id) = part.strip_prefix("c:") {
            metric.insert("container_id".into(), id.into());
        } else if let Some(time) = part.strip_prefix('T') {
            metric.insert("timestamp".into(), number(time)?);
        } else {
            return Err(format!("`@`, `#`, `c:` or `T` was expected, not `{part}`"));
        }
    }
    Ok(metric)
}

fn event(text: &str) -> Result<Record, String> {
    let (lengths, rest) = text.split_once("}:").ok_or("`_e{5,4}:title|text` was expected")?;
    let length = |text: &str| {
        text.parse::<usize>()
            .map_err(|_| format!("a length was expected, not `{text}`"))
    };
    let (title, body) = lengths.split_once(',').ok_or("two lengths were expected")?;
    let (title, body) = (length(title)?, length(body)?);
    let split = |text: &str, at: usize| -> Result<(String, String), String> {
        let (before, after) = text
            .split_at_checked(at)
            .ok_or_else(|| format!("{at} bytes were expected"))?;
        Ok((before.into(), after.into()))
    };
    let (title, rest) = split(rest, title)?;
    let rest = rest.strip_prefix('|').ok_or("`|` was expected behind the title")?;
    let (body, rest) = split(rest, body)?;
    let mut event = Record::default();
    event.insert("title".into(), title.replace("\\n", "\n").into());
    event.insert("text".into(), body.replace("\\n", "\n").into());
    if !rest.is_empty() {
        let rest = rest.strip_prefix('|').ok_or("`|` was expected behind the text")?;
        named_parts(rest, EVENT_PARTS, &mut event)?;
    }
    Ok(event)
}

fn service_check(text: &str) -> Result<Record, String> {
    let mut parts = text.splitn(3, '|');
    let name = parts
        .next()
        .filter(|name| !name.is_empty())
        .ok_or("a name was expected")?;
    let status = parts
        .next()
        .and_then(|status| status.parse::<u8>().ok())
        .filter(|status| *status <= 3);
    let status = status.ok_or("a status from 0 to 3 was expected behind the name")?;
    let mut check = Record::default();
    check.insert("name".into(), name.into());
    check.insert("status".into(), u64::from(status).into());
    if let Some(rest) = parts.next() {
        named_parts(rest, CHECK_PARTS, &mut check)?;
    }
    Ok(check)
}

fn named_parts(text: &str, known: &[(&str, &str)], record: &mut Record) -> Result<(), String> {
    for part in text.split('|') {
        if let Some(text) = part.strip_prefix('#') {
            record.insert("tags".into(), tags(text));
            continue;
        }
        let found = known
            .iter()
            .find_map(|(mark, key)| Some((*key, part.strip_prefix(mark)?)));
        let (key, text) = found.ok_or_else(|| format!("`{part}` is no part that is known"))?;
        let value = if key == "timestamp" {
            number(text)?
        } else {
            Value::from(text)
        };
        record.insert(key.into(), value);
    }
    Ok(())
}

fn push_tags(value: &Value, text: &mut String) -> Result<(), String> {
    let Some(tags) = value.field("tags") else { return Ok(()) };
    let Value::Array(tags) = tags else {
        return Err("`tags` must be a list of strings".into());
    };
    for (index, tag) in tags.iter().enumerate() {
        let tag = tag
            .as_str()
            .filter(|tag| !tag.is_empty() && !tag.contains(['|', ',', '\n', '\r']));
        text.push_str(if index == 0 { "|#" } else { "," });
        text.push_str(tag.ok_or("each tag must be a string without `|`, `,` or a line break")?);
    }
    Ok(())
}

fn push_parts(value: &Value, known: &[(&str, &str)], text: &mut String) -> Result<(), String> {
    for (mark, key) in known {
        if let Some(part) = value.field(key) {
            let part = if *key == "timestamp" {
                amount(part)?
            } else {
                line(part, key)?.to_string()
            };
            text.push_str(&format!("|{mark}{part}"));
        }
    }
    Ok(())
}

fn line<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    let text = value.as_str().filter(|text| !text.contains(['|', '\n', '\r']));
    text.ok_or_else(|| format!("`{key}` must be a string without `|` or a line break"))
}

fn write_metric(metric: &Value) -> Result<String, String> {
    let field = |key: &str| {
        metric
            .field(key)
            .ok_or_else(|| format!("a metric needs the key `{key}`"))
    };
    let Value::Array(values) = field("values")? else {
        return Err("`values` must be a list of numbers".into());
    };
    let values: Result<Vec<String>, String> = values.iter().map(amount).collect();
    let values = values?.join(":");
    if values.is_empty() {
        return Err("`values` must hold one value at least".into());
    }
    let mut text = format!(
        "{}:{values}|{}",
        word(field("metric")?, "metric")?,
        word(field("type")?, "type")?
    );
    if let Some(rate) = metric.field("sample_rate") {
        text.push_str(&format!("|@{}", rate.as_f64().ok_or("`sample_rate` must be a number")?));
    }
    push_tags(metric, &mut text)?;
    if let Some(id) = metric.field("container_id") {
        text.push_str(&format!("|c:{}", line(id, "container_id")?));
    }
    if let Some(time) = metric.field("timestamp") {
        text.push_str(&format!("|T{}", amount(time)?));
    }
    Ok(text)
}

fn write_event(event: &Value) -> Result<String, String> {
    let text_of = |key: &str| {
        let text = event.field(key).and_then(Value::as_str);
        text.map(|text| text.replace('\n', "\\n"))
            .ok_or_else(|| format!("an event needs the string `{key}`"))
    };
    let (title, body) = (text_of("title")?, text_of("text")?);
    let mut text = format!("_e{{{},{}}}:{title}|{body}", title.len(), body.len());
    push_parts(event, EVENT_PARTS, &mut text)?;
    push_tags(event, &mut text)?;
    Ok(text)
}

fn write_check(check: &Value) -> Result<String, String> {
    let name = check.field("name").ok_or("a service check needs the key `name`")?;
    let status = check
        .field("status")
        .and_then(Value::as_u64)
        .filter(|status| *status <= 3);
    let status = status.ok_or("`status` must be an integer from 0 to 3")?;
    let mut text = format!("_sc|{}|{status}", line(name, "name")?);
    // The message comes last, after the tags.
    push_parts(check, &CHECK_PARTS[..2], &mut text)?;
    push_tags(check, &mut text)?;
    push_parts(check, &CHECK_PARTS[2..], &mut text)?;
    Ok(text)
}
