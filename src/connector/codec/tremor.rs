//! `tremor`: Tremor's own binary form of a value.

use std::boxed::Box;
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::json::{MAX_DEPTH, MAX_VALUES};
use super::super::value::{Record, Value};
use super::Codec;

pub(super) const PAGE: Page = Page {
    summary: "Tremor's own binary form: one value a piece",
    text: "
Two bytes of version, which is 0, then a value: a byte that tells its type (0 null, 1 true, 2 false, 3 and 4 integers with and
without a sign, 5 a float, 6 a string, 7 bytes, 8 a list, 9 a record), and its content; lengths are 8 bytes, the highest byte
first. Text is checked, lengths are not trusted, and nesting is bounded at 128. The outcome is no text: see `not_text`.
",
    options: &[],
    examples: &[
        Example::In {
            title: "A record of one field; a length that can't be",
            definition: r#"{"codec": "tremor"}"#,
            messages: &[
                b"\0\0\x09\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01a\x01",
                b"\0\0\x06\xff\xff\xff\xff\xff\xff\xff\xff",
            ],
            events: &[r#"{"a":true}"#, "error"],
        },
        Example::Out {
            title: "A list of one integer",
            definition: r#"{"codec": "tremor"}"#,
            values: &["[1]"],
            chunks: &[b"\0\0\x08\0\0\0\0\0\0\0\x01\x03\0\0\0\0\0\0\0\x01"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Tremor))
}

const VERSION: u16 = 0;

struct Tremor;

impl Codec for Tremor {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let mut reader = Reader::new(bytes);
        let value = reader
            .version(VERSION)
            .and_then(|()| reader.value(0))
            .and_then(|value| {
                reader.expect_end()?;
                Ok(value)
            });
        value
            .map(Some)
            .map_err(|problem| format!("invalid at byte {}: {problem}", reader.at()).into())
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        write(value, 0, bytes).map_err(StageError)
    }
}

/// Takes numbers and texts off bytes, the highest byte of a number first.
pub(super) struct Reader<'a> {
    whole: usize,
    rest: &'a [u8],
    values_left: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            whole: bytes.len(),
            rest: bytes,
            values_left: MAX_VALUES,
        }
    }

    /// How far it has come.
    pub(super) const fn at(&self) -> usize {
        self.whole - self.rest.len()
    }

    pub(super) fn expect_end(&self) -> Result<(), String> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(format!("{} bytes follow the end", self.rest.len()))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or("the bytes end within a value")?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(super) fn version(&mut self, expected: u16) -> Result<(), String> {
        let version = u16::from_be_bytes(self.array()?);
        if version == expected {
            return Ok(());
        }
        Err(format!("version {version}, where only {expected} is known"))
    }

    pub(super) fn bytes(&mut self, length: u64) -> Result<&'a [u8], String> {
        let found = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let (bytes, rest) =
            found.ok_or_else(|| format!("{length} bytes were expected, and there are {}", self.rest.len()))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self, length: u64) -> Result<&'a str, String> {
        simdutf8::basic::from_utf8(self.bytes(length)?).map_err(|_| "a string that isn't UTF-8".into())
    }

    fn length(&mut self) -> Result<u64, String> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or_else(|| format!("more than {MAX_VALUES} values"))?;
        let [tag] = self.array()?;
        Ok(match tag {
            0 => Value::Null,
            1 => Value::Bool(true),
            2 => Value::Bool(false),
            3 => Value::Int(i64::from_be_bytes(self.array()?)),
            4 => Value::from(u64::from_be_bytes(self.array()?)),
            5 => Value::Float(f64::from_be_bytes(self.array()?)),
            6 => {
                let length = self.length()?;
                Value::from(self.text(length)?)
            }
            7 => {
                let length = self.length()?;
                Value::from(self.bytes(length)?)
            }
            8 | 9 if depth == MAX_DEPTH => {
                return Err(format!("lists and records are nested deeper than {MAX_DEPTH}"));
            }
            8 => {
                let mut items = Vec::new();
                for _ in 0..self.length()? {
                    items.push(self.value(depth + 1)?);
                }
                Value::Array(Arc::new(items))
            }
            9 => {
                let mut fields = Record::default();
                for _ in 0..self.length()? {
                    let length = self.length()?;
                    let key = self.text(length)?.into();
                    let value = self.value(depth + 1)?;
                    fields.insert(key, value);
                }
                Value::Record(Arc::new(fields))
            }
            other => return Err(format!("there is no type {other}")),
        })
    }
}

fn write(value: &Value, depth: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    let length = |length: usize| (length as u64).to_be_bytes();
    match value {
        Value::Null => bytes.push(0),
        Value::Bool(true) => bytes.push(1),
        Value::Bool(false) => bytes.push(2),
        Value::Int(number) => {
            bytes.push(3);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Value::UInt(number) => {
            bytes.push(4);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Value::Float(number) => {
            bytes.push(5);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Value::String(text) => {
            bytes.push(6);
            bytes.extend_from_slice(&length(text.len()));
            bytes.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(content) => {
            bytes.push(7);
            bytes.extend_from_slice(&length(content.len()));
            bytes.extend_from_slice(content);
        }
        Value::Array(_) | Value::Record(_) if depth == MAX_DEPTH => {
            return Err(format!("lists and records are nested deeper than {MAX_DEPTH}"));
        }
        Value::Array(items) => {
            bytes.push(8);
            bytes.extend_from_slice(&length(items.len()));
            items.iter().try_for_each(|item| write(item, depth + 1, bytes))?;
        }
        Value::Record(fields) => {
            bytes.push(9);
            bytes.extend_from_slice(&length(fields.len()));
            for (key, value) in fields.iter() {
                bytes.extend_from_slice(&length(key.len()));
                bytes.extend_from_slice(key.as_bytes());
                write(value, depth + 1, bytes)?;
            }
        }
    }
    Ok(())
}
