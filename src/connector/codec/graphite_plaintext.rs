//! `graphite-plaintext`: one metric of Graphite a piece.

use std::boxed::Box;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::Value;
use super::Codec;
use super::statsd::number;

pub(super) const PAGE: Page = Page {
    summary: "Graphite's plain text: one metric a piece",
    text: "
`metric value timestamp`: `{\"metric\": …, \"value\": …, \"timestamp\": …}`. On the line the time is in seconds, in the event in
nanoseconds; `-1` on the line is the time of ingestion. On the way out an event without `timestamp` gets `-1`.
",
    options: &[],
    examples: &[
        Example::In {
            title: "A metric a line",
            definition: r#"{"codec": "graphite-plaintext", "preprocessors": ["separate"]}"#,
            messages: &[b"a.b 2.5 7\na.b 1\n"],
            events: &[r#"{"metric":"a.b","value":2.5,"timestamp":7000000000}"#, "error"],
        },
        Example::Out {
            title: "A metric",
            definition: r#"{"codec": "graphite-plaintext"}"#,
            values: &[r#"{"metric": "a.b", "value": 3, "timestamp": 7000000000}"#],
            chunks: &[b"a.b 3 7"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Graphite))
}

const SECOND_NS: u64 = 1_000_000_000;

struct Graphite;

impl Codec for Graphite {
    fn decode(&mut self, bytes: &[u8], ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
        read(text, ingest_ns)
            .map(Some)
            .map_err(|problem| format!("invalid metric: {problem}").into())
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        let text = write(value).map_err(|problem| format!("graphite-plaintext: {problem}"))?;
        bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn read(text: &str, ingest_ns: u64) -> Result<Value, String> {
    let mut parts = text.split_ascii_whitespace();
    let (Some(metric), Some(value), Some(time), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err("`metric value timestamp` was expected".into());
    };
    let timestamp = match time {
        "-1" => ingest_ns,
        _ => time
            .parse::<u64>()
            .ok()
            .and_then(|seconds| seconds.checked_mul(SECOND_NS))
            .ok_or_else(|| format!("a time in seconds was expected, not `{time}`"))?,
    };
    Ok(Value::record([
        ("metric", Value::from(metric)),
        ("value", number(value)?),
        ("timestamp", Value::from(timestamp)),
    ]))
}

fn write(value: &Value) -> Result<String, String> {
    let metric = value.field("metric").and_then(Value::as_str);
    let metric = metric.filter(|metric| !metric.is_empty() && !metric.contains(|c: char| c.is_ascii_whitespace()));
    let metric = metric.ok_or("`metric` must be a string without white space")?;
    let number = value
        .field("value")
        .filter(|number| number.as_f64().is_some_and(f64::is_finite));
    let number = number.ok_or("`value` must be a number")?;
    match value.field("timestamp") {
        None | Some(Value::Null) => Ok(format!("{metric} {number} -1")),
        Some(time) => {
            let time = time
                .as_u64()
                .ok_or("`timestamp` must be an integer of at least 0, in nanoseconds")?;
            Ok(format!("{metric} {number} {}", time / SECOND_NS))
        }
    }
}
