//! Shapes of keys that may be written in more than one way.

use std::format;
use std::marker::PhantomData;
use std::string::String;
use std::vec::Vec;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::value::Value;
use super::{Inner, OptionRecord, OptionType};

/// Something that is off unless it is asked for: `true` for its defaults, or a record; `false` or `null` for off.
#[derive(Debug, Clone)]
pub(crate) struct Switch<T>(pub(crate) Option<T>);

impl<T> Switch<T> {
    /// Not asked for.
    pub(crate) const OFF: Self = Self(None);
}

impl<'de, T: OptionRecord + Default> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SwitchVisitor<T>(PhantomData<T>);

        impl<'de, T: OptionRecord + Default> Visitor<'de> for SwitchVisitor<T> {
            type Value = Switch<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("`true`, `false` or a record")
            }

            fn visit_bool<E>(self, on: bool) -> Result<Switch<T>, E> {
                Ok(Switch(on.then(T::default)))
            }

            fn visit_unit<E>(self) -> Result<Switch<T>, E> {
                Ok(Switch(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Switch<T>, A::Error> {
                T::from_map(map).map(|record| Switch(Some(record)))
            }
        }

        deserializer.deserialize_any(SwitchVisitor(PhantomData))
    }
}

impl<T: OptionType> OptionType for Switch<T> {
    fn kind() -> String {
        "boolean or record".into()
    }

    fn inner() -> Inner {
        T::inner()
    }

    fn shown(&self) -> Option<String> {
        self.0.is_none().then(|| "false".into())
    }
}

/// A string where one is enough, or a record where more is to be said.
#[derive(Debug, Clone)]
pub(crate) struct TextOr<T>(pub(crate) T);

impl<'de, T: OptionRecord + From<String>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<T>(PhantomData<T>);

        impl<'de, T: OptionRecord + From<String>> Visitor<'de> for TextVisitor<T> {
            type Value = TextOr<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a string or a record")
            }

            fn visit_str<E>(self, text: &str) -> Result<TextOr<T>, E> {
                Ok(TextOr(T::from(text.into())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
                T::from_map(map).map(TextOr)
            }
        }

        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

impl<T: OptionType> OptionType for TextOr<T> {
    fn kind() -> String {
        "string or record".into()
    }

    fn inner() -> Inner {
        T::inner()
    }

    fn shown(&self) -> Option<String> {
        self.0.shown()
    }
}

/// A string, or a list of strings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OneOrMany(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMany;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.into()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany(texts))
            }
        }

        deserializer.deserialize_any(Texts)
    }
}

impl OptionType for OneOrMany {
    fn kind() -> String {
        "string or list of strings".into()
    }

    fn shown(&self) -> Option<String> {
        Some(format!("{:?}", self.0))
    }
}

/// A value whose record the reference shows, but which is read by a check of its own, since other shapes of it have
/// errors of their own.
#[derive(Debug, Clone)]
pub(crate) struct Unread<T>(pub(crate) Value, PhantomData<T>);

impl<T> Unread<T> {
    /// Not given.
    pub(crate) const fn none() -> Self {
        Self(Value::Null, PhantomData)
    }
}

impl<'de, T> Deserialize<'de> for Unread<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(value, PhantomData))
    }
}

impl<T: OptionType> OptionType for Unread<T> {
    fn kind() -> String {
        "boolean or record".into()
    }

    fn inner() -> Inner {
        T::inner()
    }

    fn shown(&self) -> Option<String> {
        None
    }
}
