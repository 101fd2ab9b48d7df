//! `statsd`: one metric a piece.

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

pub(super) const PAGE: Page = Page {
    summary: "StatsD: one metric a piece",
    text: "
`name:value|type`, and maybe `|@rate` behind: `{\"metric\": …, \"type\": …, \"value\": …}` and `\"sample_rate\"`. The types are `c`
(counter), `g` (gauge), `ms` (timer), `h` (histogram) and `s` (set, whose value is a string); others pass as they are. A gauge with a
sign in front of its value is changed by it: `\"action\"` is `add` or `sub` then, and the value is positive. An empty piece is
an error event; put `separate` in front for several metrics in a message.
",
    options: &[],
    examples: &[
        Example::In {
            title: "Metrics, one a line",
            definition: r#"{"codec": "statsd", "preprocessors": ["separate"]}"#,
            messages: &[b"sent:1|c|@0.5\nload:-2.5|g\nusers:anna|s\nno metric\n"],
            events: &[
                r#"{"metric":"sent","type":"c","value":1,"sample_rate":0.5}"#,
                r#"{"metric":"load","type":"g","value":2.5,"action":"sub"}"#,
                r#"{"metric":"users","type":"s","value":"anna"}"#,
                "error",
            ],
        },
        Example::Out {
            title: "A counter, a change of a gauge",
            definition: r#"{"codec": "statsd"}"#,
            values: &[
                r#"{"metric": "sent", "type": "c", "value": 3, "sample_rate": 0.1}"#,
                r#"{"metric": "load", "type": "g", "value": 2, "action": "add"}"#,
            ],
            chunks: &[b"sent:3|c|@0.1", b"load:+2|g"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Statsd))
}

struct Statsd;

impl Codec for Statsd {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
        read(text)
            .map(Some)
            .map_err(|problem| format!("invalid metric: {problem}").into())
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        let text = write(value).map_err(|problem| format!("statsd: {problem}"))?;
        bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn read(text: &str) -> Result<Value, String> {
    let (name, rest) = text.split_once(':').ok_or("`name:value|type` was expected")?;
    if name.is_empty() {
        return Err("its name is empty".into());
    }
    let mut parts = rest.split('|');
    let value = parts.next().unwrap_or_default();
    let kind = parts
        .next()
        .filter(|kind| !kind.is_empty())
        .ok_or("`|` and a type were expected behind the value")?;
    let mut metric = Record::default();
    metric.insert("metric".into(), name.into());
    metric.insert("type".into(), kind.into());
    let sign = value
        .chars()
        .next()
        .filter(|sign| kind == "g" && matches!(sign, '+' | '-'));
    let plain = if sign.is_some() { &value[1..] } else { value };
    let read = if kind == "s" {
        Value::from(value)
    } else {
        number(plain)?
    };
    metric.insert("value".into(), read);
    for part in parts {
        let rate = part
            .strip_prefix('@')
            .ok_or_else(|| format!("`@` and a rate were expected, not `{part}`"))?;
        metric.insert("sample_rate".into(), self::rate(rate)?);
    }
    if let Some(sign) = sign {
        metric.insert("action".into(), if sign == '+' { "add" } else { "sub" }.into());
    }
    Ok(Value::from(metric))
}

/// A number as metrics have them: an integer, or a float.
pub(super) fn number(text: &str) -> Result<Value, String> {
    let starts = text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'));
    let integer = || {
        text.parse::<i64>()
            .map(Value::Int)
            .or_else(|_| text.parse::<u64>().map(Value::from))
            .ok()
    };
    let float = || {
        text.parse::<f64>()
            .ok()
            .filter(|float| float.is_finite())
            .map(Value::Float)
    };
    starts
        .then(|| integer().or_else(float))
        .flatten()
        .ok_or_else(|| format!("a number was expected, not `{text}`"))
}

/// A sample rate.
pub(super) fn rate(text: &str) -> Result<Value, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
    rate.map(Value::Float)
        .ok_or_else(|| format!("a rate was expected, not `{text}`"))
}

fn write(value: &Value) -> Result<String, String> {
    let field = |key: &str| {
        value
            .field(key)
            .ok_or_else(|| format!("a metric needs the key `{key}`"))
    };
    let name = word(field("metric")?, "metric")?;
    let kind = word(field("type")?, "type")?;
    let sign = match value.field("action").map(|action| (action.as_str(), action)) {
        None => "",
        Some((Some("add"), _)) => "+",
        Some((Some("sub"), _)) => "-",
        Some((_, other)) => return Err(format!("`action` must be `add` or `sub`, not {other}")),
    };
    let amount = amount(field("value")?)?;
    if kind == "g" && amount.starts_with('-') {
        // On the line a sign says that the gauge is changed.
        return Err("a gauge can't be set to a negative number; write its size, with `\"action\": \"sub\"`".into());
    }
    let mut text = format!("{name}:{sign}{amount}|{kind}");
    if let Some(rate) = value.field("sample_rate") {
        let rate = rate.as_f64().ok_or("`sample_rate` must be a number")?;
        text.push_str(&format!("|@{rate}"));
    }
    Ok(text)
}

/// A name that does not break the line.
pub(super) fn word<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    let text = value.as_str().ok_or_else(|| format!("`{key}` must be a string"))?;
    if text.is_empty() || text.contains([':', '|', '\n', '\r']) {
        return Err(format!("`{key}` can't be empty or hold `:`, `|` or a line break"));
    }
    Ok(text)
}

/// A number, or the string of a set.
pub(super) fn amount(value: &Value) -> Result<String, String> {
    match value {
        Value::Int(_) | Value::UInt(_) => Ok(value.to_string()),
        Value::Float(number) if number.is_finite() => Ok(value.to_string()),
        Value::String(text) if !text.contains(['|', '\n', '\r']) => Ok(text.to_string()),
        other => Err(format!("`value` must be a number or a string, not {other}")),
    }
}
