//! `binflux`: a point of InfluxDB in Tremor's binary form.

use std::boxed::Box;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::{Record, Value};
use super::Codec;
use super::tremor::Reader;

pub(super) const PAGE: Page = Page {
    summary: "InfluxDB's points in Tremor's binary form: one a piece",
    text: "
A point as the codec `influx` has it. All numbers begin with their highest byte: two bytes of version, which is 0; the measurement,
behind a length of two bytes, as all strings are; 8 bytes of timestamp; the numbers of tags and fields, two bytes each; the tags;
the fields, each with a byte for its type (0 an integer, 1 a float, 2 a string, 3 true, 4 false). Text is checked and lengths
are not trusted. The outcome is no text: see `not_text`.
",
    options: &[],
    examples: &[
        Example::In {
            title: "A point; a length that can't be",
            definition: r#"{"codec": "binflux"}"#,
            messages: &[
                b"\0\0\0\x01m\0\0\0\0\0\0\0\x07\0\x01\0\x01\0\x01t\0\x01v\0\x01f\x03",
                b"\0\0\xff\xffm",
            ],
            events: &[r#"{"measurement":"m","tags":{"t":"v"},"fields":{"f":true},"timestamp":7}"#, "error"],
        },
        Example::Out {
            title: "A point",
            definition: r#"{"codec": "binflux"}"#,
            values: &[r#"{"measurement": "m", "tags": {}, "fields": {"f": "x"}, "timestamp": 7}"#],
            chunks: &[b"\0\0\0\x01m\0\0\0\0\0\0\0\x07\0\0\0\x01\0\x01f\x02\0\x01x"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Binflux))
}

const VERSION: u16 = 0;

struct Binflux;

impl Codec for Binflux {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let mut reader = Reader::new(bytes);
        point(&mut reader)
            .map(Some)
            .map_err(|problem| format!("invalid at byte {}: {problem}", reader.at()).into())
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        write(value, bytes).map_err(|problem| format!("binflux: {problem}").into())
    }
}

fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, String> {
    let length = u16::from_be_bytes(reader.array()?);
    reader.text(length.into())
}

fn point(reader: &mut Reader<'_>) -> Result<Value, String> {
    reader.version(VERSION)?;
    let measurement = text(reader)?;
    let timestamp = u64::from_be_bytes(reader.array()?);
    let tag_count = u16::from_be_bytes(reader.array()?);
    let field_count = u16::from_be_bytes(reader.array()?);
    let (mut tags, mut fields) = (Record::default(), Record::default());
    for _ in 0..tag_count {
        let key = text(reader)?;
        let value = text(reader)?;
        tags.insert(key.into(), value.into());
    }
    for _ in 0..field_count {
        let key = text(reader)?;
        let [kind] = reader.array()?;
        let value = match kind {
            0 => Value::Int(i64::from_be_bytes(reader.array()?)),
            1 => Value::Float(f64::from_be_bytes(reader.array()?)),
            2 => Value::from(text(reader)?),
            3 => Value::Bool(true),
            4 => Value::Bool(false),
            other => return Err(format!("there is no type of field {other}")),
        };
        fields.insert(key.into(), value);
    }
    reader.expect_end()?;
    Ok(Value::record([
        ("measurement", Value::from(measurement)),
        ("tags", Value::from(tags)),
        ("fields", Value::from(fields)),
        ("timestamp", Value::from(timestamp)),
    ]))
}

fn push_text(text: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
    let length = u16::try_from(text.len()).map_err(|_| format!("a string of {} bytes is too long", text.len()))?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Ok(())
}

fn write(value: &Value, bytes: &mut Vec<u8>) -> Result<(), String> {
    let record = |key: &str| {
        let record = value.field(key).and_then(Value::as_record);
        record.ok_or_else(|| format!("`{key}` must be a record"))
    };
    let count = |record: &Record| u16::try_from(record.len()).map_err(|_| String::from("too many tags or fields"));
    let measurement = value.field("measurement").and_then(Value::as_str);
    let timestamp = value.field("timestamp").and_then(Value::as_u64);
    let (tags, fields) = (record("tags")?, record("fields")?);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    push_text(measurement.ok_or("`measurement` must be a string")?, bytes)?;
    let timestamp = timestamp.ok_or("`timestamp` must be an integer of at least 0")?;
    bytes.extend_from_slice(&timestamp.to_be_bytes());
    bytes.extend_from_slice(&count(tags)?.to_be_bytes());
    bytes.extend_from_slice(&count(fields)?.to_be_bytes());
    for (key, tag) in tags {
        push_text(key, bytes)?;
        push_text(
            tag.as_str()
                .ok_or_else(|| format!("the tag `{key}` must be a string"))?,
            bytes,
        )?;
    }
    for (key, field) in fields {
        push_text(key, bytes)?;
        match field {
            Value::Int(number) => {
                bytes.push(0);
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Value::Float(number) => {
                bytes.push(1);
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Value::String(text) => {
                bytes.push(2);
                push_text(text, bytes)?;
            }
            Value::Bool(true) => bytes.push(3),
            Value::Bool(false) => bytes.push(4),
            other => return Err(format!("the field `{key}` can't be of type {}", other.type_name())),
        }
    }
    Ok(())
}
