//! `msgpack`: one value of MessagePack a piece.

use std::boxed::Box;
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use rmp::Marker;
use rmp::decode::{RmpRead as _, read_marker};
use rmp::encode;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::json::{MAX_DEPTH, MAX_VALUES};
use super::super::value::{Record, Value};
use super::Codec;

pub(super) const PAGE: Page = Page {
    summary: "MessagePack: one value a piece",
    text: "
Every type but extensions, which are an error event; keys of maps must be strings. What follows the value is ignored. Values
may be nested 128 deep, and there may be 4194304 of them; what a length claims is taken as it comes, never in advance. The
outcome is no text: see `not_text`.
",
    options: &[],
    examples: &[
        Example::In {
            title: "A map of two fields; a list that claims to have 4294967295 items",
            definition: r#"{"codec": "msgpack"}"#,
            messages: &[b"\x82\xa1a\x01\xa1b\xc3", b"\xdd\xff\xff\xff\xff"],
            events: &[r#"{"a":1,"b":true}"#, "error"],
        },
        Example::Out {
            title: "A map of one field",
            definition: r#"{"codec": "msgpack"}"#,
            values: &[r#"{"a": [1, -1, "x", null]}"#],
            chunks: &[b"\x81\xa1a\x94\x01\xff\xa1x\xc0"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(MsgPack))
}

struct MsgPack;

impl Codec for MsgPack {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let mut decoder = Decoder {
            rest: bytes,
            values_left: MAX_VALUES,
        };
        decoder.value(0).map(Some).map_err(|problem| {
            let at = bytes.len() - decoder.rest.len();
            format!("invalid MessagePack at byte {at}: {problem}").into()
        })
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        write(value, 0, bytes).map_err(StageError)
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
    values_left: usize,
}

impl Decoder<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or_else(|| format!("more than {MAX_VALUES} values"))?;
        let rest = &mut self.rest;
        let marker = read_marker(rest).map_err(|_| END)?;
        Ok(match marker {
            Marker::Null => Value::Null,
            Marker::True => Value::Bool(true),
            Marker::False => Value::Bool(false),
            Marker::FixPos(number) => Value::from(u64::from(number)),
            Marker::FixNeg(number) => Value::Int(number.into()),
            Marker::U8 => Value::from(u64::from(rest.read_data_u8().map_err(|_| END)?)),
            Marker::U16 => Value::from(u64::from(rest.read_data_u16().map_err(|_| END)?)),
            Marker::U32 => Value::from(u64::from(rest.read_data_u32().map_err(|_| END)?)),
            Marker::U64 => Value::from(rest.read_data_u64().map_err(|_| END)?),
            Marker::I8 => Value::Int(rest.read_data_i8().map_err(|_| END)?.into()),
            Marker::I16 => Value::Int(rest.read_data_i16().map_err(|_| END)?.into()),
            Marker::I32 => Value::Int(rest.read_data_i32().map_err(|_| END)?.into()),
            Marker::I64 => Value::Int(rest.read_data_i64().map_err(|_| END)?),
            Marker::F32 => Value::Float(rest.read_data_f32().map_err(|_| END)?.into()),
            Marker::F64 => Value::Float(rest.read_data_f64().map_err(|_| END)?),
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                let length = self.length(marker)?;
                Value::from(self.text(length)?)
            }
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                let length = self.length(marker)?;
                Value::from(self.bytes(length)?)
            }
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => self.list(marker, depth)?,
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => self.map(marker, depth)?,
            Marker::FixExt1
            | Marker::FixExt2
            | Marker::FixExt4
            | Marker::FixExt8
            | Marker::FixExt16
            | Marker::Ext8
            | Marker::Ext16
            | Marker::Ext32 => return Err("an extension, which no event can hold".into()),
            Marker::Reserved => return Err("the byte 0xc1 begins no value".into()),
        })
    }

    /// The length that follows a marker, or stands in it.
    fn length(&mut self, marker: Marker) -> Result<usize, String> {
        let rest = &mut self.rest;
        let length = match marker {
            Marker::FixStr(length) | Marker::FixArray(length) | Marker::FixMap(length) => u32::from(length),
            Marker::Str8 | Marker::Bin8 => rest.read_data_u8().map_err(|_| END)?.into(),
            Marker::Str16 | Marker::Bin16 | Marker::Array16 | Marker::Map16 => {
                rest.read_data_u16().map_err(|_| END)?.into()
            }
            _ => rest.read_data_u32().map_err(|_| END)?,
        };
        usize::try_from(length).map_err(|_| END.into())
    }

    fn bytes(&mut self, length: usize) -> Result<&[u8], String> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| format!("{length} bytes were expected, and there are {}", self.rest.len()))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn text(&mut self, length: usize) -> Result<&str, String> {
        let bytes = self.bytes(length)?;
        simdutf8::basic::from_utf8(bytes).map_err(|_| "a string that isn't UTF-8".into())
    }

    fn list(&mut self, marker: Marker, depth: usize) -> Result<Value, String> {
        let count = self.length(marker)?;
        self.check_depth(depth)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(Arc::new(items)))
    }

    fn map(&mut self, marker: Marker, depth: usize) -> Result<Value, String> {
        let count = self.length(marker)?;
        self.check_depth(depth)?;
        let mut fields = Record::default();
        for _ in 0..count {
            let marker = read_marker(&mut self.rest).map_err(|_| END)?;
            if !matches!(marker, Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32) {
                return Err("the key of a map must be a string".into());
            }
            let length = self.length(marker)?;
            let key = self.text(length)?.into();
            let value = self.value(depth + 1)?;
            fields.insert(key, value);
        }
        Ok(Value::Record(Arc::new(fields)))
    }

    fn check_depth(&self, depth: usize) -> Result<(), String> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        Err(format!("lists and maps are nested deeper than {MAX_DEPTH}"))
    }
}

const END: &str = "the bytes end within a value";

/// Writing to memory can't fail; a length beyond 32 bits can't be written.
fn write(value: &Value, depth: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    let length = |length: usize| u32::try_from(length).map_err(|_| String::from("it is too long for MessagePack"));
    let written = match value {
        Value::Null => encode::write_nil(bytes),
        Value::Bool(value) => encode::write_bool(bytes, *value),
        Value::Int(number) => {
            return encode::write_sint(bytes, *number)
                .map(drop)
                .map_err(|error| format!("{error}"));
        }
        Value::UInt(number) => {
            return encode::write_uint(bytes, *number)
                .map(drop)
                .map_err(|error| format!("{error}"));
        }
        Value::Float(number) => return encode::write_f64(bytes, *number).map_err(|error| format!("{error}")),
        Value::String(text) => {
            length(text.len())?;
            return encode::write_str(bytes, text).map_err(|error| format!("{error}"));
        }
        Value::Bytes(content) => {
            length(content.len())?;
            return encode::write_bin(bytes, content).map_err(|error| format!("{error}"));
        }
        Value::Array(_) | Value::Record(_) if depth == MAX_DEPTH => {
            return Err(format!("lists and records are nested deeper than {MAX_DEPTH}"));
        }
        Value::Array(items) => {
            encode::write_array_len(bytes, length(items.len())?).map_err(|error| format!("{error}"))?;
            return items.iter().try_for_each(|item| write(item, depth + 1, bytes));
        }
        Value::Record(fields) => {
            encode::write_map_len(bytes, length(fields.len())?).map_err(|error| format!("{error}"))?;
            for (key, value) in fields.iter() {
                encode::write_str(bytes, key).map_err(|error| format!("{error}"))?;
                write(value, depth + 1, bytes)?;
            }
            return Ok(());
        }
    };
    written.map_err(|error| format!("{error}"))
}
