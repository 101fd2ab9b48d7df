//! `influx`: the line protocol of InfluxDB, one point a piece.

use std::boxed::Box;
use std::format;
use std::string::{String, ToString as _};
use std::sync::Arc;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::{Record, Value};
use super::Codec;

pub(super) const PAGE: Page = Page {
    summary: "InfluxDB's line protocol: one point a piece",
    text: "
A point is `{\"measurement\": …, \"tags\": {…}, \"fields\": {…}, \"timestamp\": …}`; tags are strings, fields numbers, strings or
booleans, the timestamp nanoseconds (of ingestion, if the line has none). Integers are written with an `i` behind; one above
2^63 with a `u`. A line that is blank or a comment (`#`) gives no event. Put `separate` in front for several lines in a message.
",
    options: &[],
    examples: &[
        Example::In {
            title: "A point with every type of field; a comment",
            definition: r#"{"codec": "influx", "preprocessors": ["separate"]}"#,
            messages: &[b"weather,city=Rome,of\\ day=noon temp=21.5,n=3i,ok=t,note=\"dry \\\"air\\\"\" 7\n# no point\n"],
            events: &[
                r#"{"measurement":"weather","tags":{"city":"Rome","of day":"noon"},"fields":{"temp":21.5,"n":3,"ok":true,"note":"dry \"air\""},"timestamp":7}"#,
            ],
        },
        Example::Out {
            title: "A point",
            definition: r#"{"codec": "influx"}"#,
            values: &[
                r#"{"measurement": "weather", "tags": {"city": "New York"}, "fields": {"temp": 21.5, "n": 3}, "timestamp": 7}"#,
            ],
            chunks: &[b"weather,city=New\\ York temp=21.5,n=3i 7"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Influx))
}

struct Influx;

impl Codec for Influx {
    fn decode(&mut self, bytes: &[u8], ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let mut line = Line { text, at: 0 };
        line.point(ingest_ns)
            .map(Some)
            .map_err(|problem| format!("invalid line protocol at byte {}: {problem}", line.at).into())
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        let mut text = String::new();
        write(value, &mut text).map_err(|problem| format!("influx: {problem}"))?;
        bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

struct Line<'a> {
    text: &'a str,
    at: usize,
}

impl Line<'_> {
    fn point(&mut self, ingest_ns: u64) -> Result<Value, String> {
        let measurement = self.name(&[',', ' '])?;
        let mut tags = Record::default();
        while self.takes(',') {
            let key = self.name(&['='])?;
            self.expect('=')?;
            let value = self.name(&[',', ' '])?;
            tags.insert(key.into(), value.into());
        }
        self.expect(' ')?;
        let mut fields = Record::default();
        loop {
            let key = self.name(&['='])?;
            self.expect('=')?;
            let value = self.field()?;
            fields.insert(key.into(), value);
            if !self.takes(',') {
                break;
            }
        }
        let timestamp = if self.takes(' ') {
            let text = self.rest().trim_start();
            let number = text
                .parse::<i64>()
                .map_err(|_| format!("a timestamp in nanoseconds was expected, not `{text}`"))?;
            self.at = self.text.len();
            Value::Int(number)
        } else {
            Value::from(ingest_ns)
        };
        if self.at < self.text.len() {
            return Err("a comma or a blank was expected".into());
        }
        Ok(Value::record([
            ("measurement", Value::from(measurement)),
            ("tags", Value::Record(Arc::new(tags))),
            ("fields", Value::Record(Arc::new(fields))),
            ("timestamp", timestamp),
        ]))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn takes(&mut self, character: char) -> bool {
        let is_there = self.rest().starts_with(character);
        if is_there {
            self.at += character.len_utf8();
        }
        is_there
    }

    fn expect(&mut self, character: char) -> Result<(), String> {
        if self.takes(character) {
            return Ok(());
        }
        Err(format!("`{character}` was expected"))
    }

    /// Up to one of the characters, or the end; with a backslash before them they belong to it.
    fn name(&mut self, ends: &[char]) -> Result<String, String> {
        let mut name = String::new();
        let mut characters = self.rest().char_indices();
        let mut length = self.rest().len();
        while let Some((index, character)) = characters.next() {
            if ends.contains(&character) {
                length = index;
                break;
            }
            if character == '\\' {
                match characters.clone().next() {
                    Some((_, next)) if matches!(next, ',' | ' ' | '=' | '\\') => {
                        characters.next();
                        name.push(next);
                        continue;
                    }
                    _ => {}
                }
            }
            name.push(character);
        }
        if name.is_empty() {
            return Err("a name was expected".into());
        }
        self.at += length;
        Ok(name)
    }

    fn field(&mut self) -> Result<Value, String> {
        if self.takes('"') {
            return self.quoted();
        }
        let end = self.rest().find([',', ' ']).unwrap_or(self.rest().len());
        let text = &self.text[self.at..self.at + end];
        let value = match text {
            "t" | "T" | "true" | "True" | "TRUE" => Value::Bool(true),
            "f" | "F" | "false" | "False" | "FALSE" => Value::Bool(false),
            _ => number(text)
                .ok_or_else(|| format!("a number, a string in quotes or a boolean was expected, not `{text}`"))?,
        };
        self.at += end;
        Ok(value)
    }

    fn quoted(&mut self) -> Result<Value, String> {
        let mut text = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += index + 1;
                    return Ok(Value::from(text));
                }
                '\\' => match characters.clone().next() {
                    Some((_, next @ ('"' | '\\'))) => {
                        characters.next();
                        text.push(next);
                    }
                    _ => text.push(character),
                },
                _ => text.push(character),
            }
        }
        Err("a string without its closing quote".into())
    }
}

fn number(text: &str) -> Option<Value> {
    if let Some(integer) = text.strip_suffix('i') {
        return integer.parse().ok().map(Value::Int);
    }
    if let Some(integer) = text.strip_suffix('u') {
        return integer.parse::<u64>().ok().map(Value::from);
    }
    let starts = text.starts_with(|character: char| character.is_ascii_digit() || matches!(character, '-' | '+' | '.'));
    let float = text.parse::<f64>().ok().filter(|float| starts && float.is_finite());
    float.map(Value::Float)
}

fn write(value: &Value, text: &mut String) -> Result<(), String> {
    let field = |key: &str| value.field(key).ok_or_else(|| format!("a point needs the key `{key}`"));
    let measurement = field("measurement")?
        .as_str()
        .filter(|name| !name.is_empty())
        .ok_or("`measurement` must be a string that isn't empty")?;
    if measurement.starts_with('#') {
        return Err("`measurement` can't begin with `#`: that is a comment".into());
    }
    push_name(measurement, &[',', ' '], text)?;
    if let Some(tags) = value.field("tags") {
        for (key, tag) in tags.as_record().ok_or("`tags` must be a record")? {
            text.push(',');
            push_name(key, &[',', '=', ' '], text)?;
            text.push('=');
            let tag = tag
                .as_str()
                .ok_or_else(|| format!("the tag `{key}` must be a string"))?;
            push_name(tag, &[',', '=', ' '], text)?;
        }
    }
    let fields = field("fields")?.as_record().filter(|fields| !fields.is_empty());
    for (index, (key, value)) in fields
        .ok_or("`fields` must be a record with one field at least")?
        .iter()
        .enumerate()
    {
        text.push(if index == 0 { ' ' } else { ',' });
        push_name(key, &[',', '=', ' '], text)?;
        text.push('=');
        push_field(key, value, text)?;
    }
    let timestamp = field("timestamp")?
        .as_integer()
        .ok_or("`timestamp` must be an integer")?;
    text.push_str(&format!(" {timestamp}"));
    Ok(())
}

fn push_name(name: &str, special: &[char], text: &mut String) -> Result<(), String> {
    if name.is_empty() || name.contains(|character: char| character.is_ascii_control()) {
        return Err("names and tags can't be empty or hold control characters".into());
    }
    for character in name.chars() {
        if special.contains(&character) || character == '\\' {
            text.push('\\');
        }
        text.push(character);
    }
    Ok(())
}

fn push_field(key: &str, value: &Value, text: &mut String) -> Result<(), String> {
    match value {
        Value::Int(number) => text.push_str(&format!("{number}i")),
        Value::UInt(number) => text.push_str(&format!("{number}u")),
        Value::Float(number) if number.is_finite() => text.push_str(&number.to_string()),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::String(string) => {
            text.push('"');
            for character in string.chars() {
                if matches!(character, '"' | '\\') {
                    text.push('\\');
                }
                text.push(character);
            }
            text.push('"');
        }
        other => {
            return Err(format!("the field `{key}` can't be of type {}", other.type_name()));
        }
    }
    Ok(())
}
