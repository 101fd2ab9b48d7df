//! Reading what `options!` and `choices!` describe, as far as it is the same for all of them.

use std::format;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::super::config;
use super::super::value::Value;
use super::{OptionType, first_word, range_text};

/// A number that may have a range.
pub(crate) trait Ranged: OptionType + PartialOrd + std::fmt::Display {
    /// The number that a value is, if it is one of this type.
    fn from_value(value: &Value) -> Option<Self>
    where
        Self: Sized;
}

macro_rules! ranged {
    ($($type:ty),*) => {$(
        impl Ranged for $type {
            fn from_value(value: &Value) -> Option<Self> {
                value.as_integer()?.try_into().ok()
            }
        }
    )*};
}

ranged!(u16, u32, u64, usize, i32, i64);

impl Ranged for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

/// Reads a key of a record that knows only these; the position in the list is what it gives.
pub(crate) struct Keys(pub(crate) &'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Keys {
    type Value = usize;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<usize, E> {
        let known = self.0.iter().position(|known| *known == key);
        known.ok_or_else(|| E::unknown_field(key, self.0))
    }
}

/// A record made by `options!`: its keys, and how to take them from a map.
pub(crate) trait OptionRecord: Sized {
    const NAME: &'static str;
    const KEYS: &'static [&'static str];

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

/// The visitor of all records made by `options!`.
pub(crate) struct RecordVisitor<T>(pub(crate) PhantomData<T>);

impl<'de, T: OptionRecord> Visitor<'de> for RecordVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "struct {}", T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_map(map)
    }
}

/// Reads one of the strings of a type made by `choices!`; the position in the list is what it gives.
pub(crate) fn read_choice<'de, D: Deserializer<'de>>(
    deserializer: D,
    known: &'static [&'static str],
) -> Result<usize, D::Error> {
    struct Choice(&'static [&'static str]);

    impl Visitor<'_> for Choice {
        type Value = usize;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str(&config::list(self.0.iter().copied()))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<usize, E> {
            let found = self.0.iter().position(|known| *known == text);
            found.ok_or_else(|| E::unknown_variant(text, self.0))
        }
    }

    deserializer.deserialize_any(Choice(known))
}

/// Reads a number within a range, for `options!`.
pub(crate) struct Within<T>(pub(crate) RangeInclusive<T>);

impl<'de, T: Ranged> DeserializeSeed<'de> for Within<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match T::from_value(&value).filter(|number| self.0.contains(number)) {
            Some(number) => Ok(number),
            None => {
                let article = if T::kind().starts_with("integer") { "an" } else { "a" };
                let expected = format!("{article} {} {}", first_word(&T::kind()), range_text(&self.0));
                let found = config::found(&value);
                Err(de::Error::invalid_value(
                    de::Unexpected::Other(&found),
                    &expected.as_str(),
                ))
            }
        }
    }
}
