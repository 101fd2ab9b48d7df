//! A serde deserializer over [`Value`] that remembers where a mistake is.

use std::fmt;
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor, value::StrDeserializer,
};
use smol_str::SmolStr;

use super::super::value::{Record, Value};
use super::{Segment, list};

/// What serde found wrong.
#[derive(Debug)]
pub(super) enum Fault {
    UnknownKey {
        key: SmolStr,
        known: &'static [&'static str],
    },
    MissingKey(&'static str),
    UnknownVariant {
        variant: SmolStr,
        known: &'static [&'static str],
    },
    Wrong {
        found: String,
        expected: String,
    },
    Custom(String),
}

/// A fault and where it is, the innermost step first.
#[derive(Debug)]
pub(super) struct ReadError {
    pub(super) path: Vec<Segment>,
    pub(super) fault: Fault,
}

impl ReadError {
    fn within(mut self, segment: Segment) -> Self {
        self.path.push(segment);
        self
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self {
            path: Vec::new(),
            fault,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.fault)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Fault::Custom(text.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::Wrong {
            found: found_text(found),
            expected: expected_text(&expected.to_string()),
        }
        .into()
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Fault::UnknownVariant {
            variant: variant.into(),
            known,
        }
        .into()
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Fault::UnknownKey { key: key.into(), known }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        Fault::MissingKey(key).into()
    }
}

/// What was found, in the words of the language.
fn found_text(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the integer {value}"),
        Unexpected::Signed(value) => format!("the integer {value}"),
        Unexpected::Float(value) => format!("the float {}", Value::Float(value)),
        Unexpected::Str(text) => format!("the string {}", Value::from(text)),
        Unexpected::Bytes(_) => "bytes".into(),
        Unexpected::Unit | Unexpected::Option | Unexpected::UnitVariant => "null".into(),
        Unexpected::Seq | Unexpected::TupleVariant => "a list".into(),
        Unexpected::Map | Unexpected::NewtypeVariant | Unexpected::StructVariant => "a record".into(),
        other => other.to_string(),
    }
}

/// What serde expected, in the words of the language.
fn expected_text(expected: &str) -> String {
    let text = match expected {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "usize" => "an integer of at least 0",
        "a nonzero u16" => "an integer from 1 to 65535",
        "a nonzero u32" => "an integer from 1 to 4294967295",
        "a nonzero u64" | "a nonzero usize" => "an integer of at least 1",
        "i8" | "i16" | "i32" | "i64" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "unit" => "null",
        "a map" => "a record",
        other if other.starts_with("struct ") || other.contains("struct variant ") => "a record",
        other => other,
    };
    text.into()
}

/// Reads a value.
pub(super) struct Reader<'a>(pub(super) &'a Value);

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::UInt(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(text) => visitor.visit_str(text),
            Value::Bytes(bytes) => visitor.visit_bytes(bytes),
            Value::Array(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Record(fields) => visitor.visit_map(Fields {
                fields: fields.iter(),
                current: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    /// Structs are records; serde would take a list of their fields' values as well.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if self.0.as_record().is_some() {
            return self.deserialize_any(visitor);
        }
        Err(Fault::Wrong {
            found: found_value(self.0),
            expected: "a record".into(),
        }
        .into())
    }

    /// Either the variant's name, or a record whose one key is the name and whose one value is what belongs to it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let wrong = |expected: String| {
            Fault::Wrong {
                found: found_value(self.0),
                expected,
            }
            .into()
        };
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant {
                name: variant,
                content: None,
            }),
            Value::Record(fields) => match fields.iter().next() {
                Some((name, content)) if fields.len() == 1 => visitor.visit_enum(Variant {
                    name,
                    content: Some(content),
                }),
                _ => Err(wrong(format!(
                    "a record with exactly one of the keys {}",
                    list(known.iter().copied())
                ))),
            },
            _ => Err(wrong(list(known.iter().copied()))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

pub(super) fn found_value(value: &Value) -> String {
    match value {
        Value::Record(fields) => format!("a record of {} fields", fields.len()),
        Value::Array(_) => "a list".into(),
        Value::Null => "null".into(),
        Value::Bool(_) => format!("`{value}`"),
        Value::Bytes(_) => "bytes".into(),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::String(_) => {
            format!("the {} {value}", value.type_name())
        }
    }
}

struct Items<'a>(std::iter::Enumerate<std::slice::Iter<'a, Value>>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some((index, item)) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(Reader(item))
            .map(Some)
            .map_err(|error| error.within(Segment::Index(index)))
    }
}

struct Fields<'a> {
    fields: indexmap::map::Iter<'a, SmolStr, Value>,
    current: Option<(&'a SmolStr, &'a Value)>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        self.current = self.fields.next();
        let Some((key, _)) = self.current else { return Ok(None) };
        let name: StrDeserializer<'_, ReadError> = key.as_str().into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|error| error.within(Segment::Key(key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some((key, value)) = self.current.take() else {
            return Err(Fault::Custom("a value was asked for before its key".into()).into());
        };
        seed.deserialize(Reader(value))
            .map_err(|error| error.within(Segment::Key(key.clone())))
    }
}

struct Variant<'a> {
    name: &'a SmolStr,
    content: Option<&'a Value>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let name: StrDeserializer<'_, ReadError> = self.name.as_str().into_deserializer();
        match seed.deserialize(name) {
            Ok(variant) => Ok((variant, self)),
            // In the record form the variant's name is a key, and a wrong one is a wrong key.
            Err(ReadError {
                fault: Fault::UnknownVariant { variant: key, known },
                ..
            }) if self.content.is_some() => Err(self.place(Fault::UnknownKey { key, known }.into())),
            Err(error) => Err(error),
        }
    }
}

impl Variant<'_> {
    fn content(&self) -> Reader<'_> {
        Reader(self.content.unwrap_or(&Value::Null))
    }

    /// Names the key of the record form, in which alone there is one.
    fn place(&self, error: ReadError) -> ReadError {
        if self.content.is_some() {
            error.within(Segment::Key(self.name.clone()))
        } else {
            error
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        <() as de::Deserialize>::deserialize(self.content()).map_err(|error| self.place(error))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.content()).map_err(|error| self.place(error))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.content()
            .deserialize_any(visitor)
            .map_err(|error| self.place(error))
    }

    fn struct_variant<V: Visitor<'de>>(self, keys: &'static [&'static str], visitor: V) -> Result<V::Value, ReadError> {
        self.content()
            .deserialize_struct("", keys, visitor)
            .map_err(|error| self.place(error))
    }
}

impl<'de> de::Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::from(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(Arc::new(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut record = Record::default();
        while let Some((key, value)) = fields.next_entry::<String, Value>()? {
            record.insert(key.into(), value);
        }
        Ok(Value::Record(Arc::new(record)))
    }
}
