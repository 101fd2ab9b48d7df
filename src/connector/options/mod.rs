//! Records of a definition's configuration: the macros `options!` and `choices!` make of one text the type, its reading
//! with every check, its defaults, and what the reference says about it, so that these can't disagree.
//!
//! ```text
//! options! {
//!     pub(super) struct Config {
//!         /// How many bytes are read at once.
//!         chunk_size: u32 [1..=16 << 20] = 4096,
//!         /// What to listen on.
//!         url: String,
//!         /// Whether small messages wait for one another.
//!         no_delay as "TCP_NODELAY": bool = true,
//!     }
//! }
//! choices! {
//!     pub(super) enum Mode {
//!         /// By name.
//!         Sorted = "sorted",
//!     }
//! }
//! ```
//!
//! A key without a default is required. The range between brackets is checked and shown. The comment of a field is what
//! the reference says of the key.

mod macros;
mod reading;
mod shapes;
#[cfg(test)]
mod tests;

use std::format;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::ops::RangeInclusive;
use std::string::{String, ToString as _};
use std::vec::Vec;

pub(super) use self::macros::{
    choices, option_default, option_key, option_missing, option_range, option_record_default, option_value, options,
};
pub(super) use self::reading::{Keys, OptionRecord, RecordVisitor, Within, read_choice};
pub(super) use self::shapes::{OneOrMany, Switch, TextOr, Unread};
use super::value::Value;

/// One key of a configuration record, as the reference shows it.
#[derive(Clone, Copy)]
pub struct OptionDoc {
    /// The key.
    pub key: &'static str,
    /// What it is for, with units and limits, in Markdown.
    pub text: &'static str,
    kind: fn() -> String,
    default: Option<fn() -> Option<String>>,
    range: Option<fn() -> String>,
    inner: fn() -> Inner,
}

/// What stands behind a key, if it is more than a plain value.
#[derive(Clone, Copy)]
pub enum Inner {
    /// A plain value.
    None,
    /// A record of these keys (or a list of such records).
    Record(&'static [OptionDoc]),
    /// One of these strings, each with what it means.
    Choices(&'static [(&'static str, &'static str)]),
}

impl OptionDoc {
    /// The type in the words of the language: "string", "integer of at least 1", "list of strings".
    #[must_use]
    pub fn kind(&self) -> String {
        let kind = (self.kind)();
        match self.range {
            Some(range) => format!("{} {}", first_word(&kind), range()),
            None => kind,
        }
    }

    /// Whether it must be given.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.default.is_none()
    }

    /// The default as it would be written; `None` if it must be given, or if nothing is done unless it is given.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        self.default?()
    }

    /// What stands behind it.
    #[must_use]
    pub fn inner(&self) -> Inner {
        (self.inner)()
    }

    /// A key that is no field of a record made by `options!`, and has no default.
    pub(super) const fn unset<T: OptionType>(key: &'static str, text: &'static str) -> Self {
        Self::new::<T>(key, text, Some(|| None), None)
    }

    /// For [`options!`] alone.
    pub(super) const fn new<T: OptionType>(
        key: &'static str,
        text: &'static str,
        default: Option<fn() -> Option<String>>,
        range: Option<fn() -> String>,
    ) -> Self {
        Self {
            key,
            text,
            kind: T::kind,
            default,
            range,
            inner: T::inner,
        }
    }
}

/// A type that a key may have.
pub(super) trait OptionType {
    /// In the words of the language.
    fn kind() -> String;

    /// In the plural, for lists.
    fn kinds() -> String {
        format!("{}s", Self::kind())
    }

    fn inner() -> Inner {
        Inner::None
    }

    /// A default as it would be written; `None` if it stands for not having been given.
    fn shown(&self) -> Option<String>;
}

macro_rules! plain_types {
    ($($type:ty, $kind:literal, $kinds:literal, $value:ident => $shown:expr;)*) => {$(
        impl OptionType for $type {
            fn kind() -> String {
                $kind.into()
            }

            fn kinds() -> String {
                $kinds.into()
            }

            fn shown(&self) -> Option<String> {
                let $value = self;
                Some($shown)
            }
        }
    )*};
}

plain_types! {
    bool, "boolean", "booleans", value => value.to_string();
    u16, "integer from 0 to 65535", "integers from 0 to 65535", value => value.to_string();
    u32, "integer from 0 to 4294967295", "integers from 0 to 4294967295", value => value.to_string();
    u64, "integer of at least 0", "integers of at least 0", value => value.to_string();
    usize, "integer of at least 0", "integers of at least 0", value => value.to_string();
    i32, "integer", "integers", value => value.to_string();
    i64, "integer", "integers", value => value.to_string();
    NonZeroU16, "integer of at least 1", "integers of at least 1", value => value.to_string();
    NonZeroU32, "integer of at least 1", "integers of at least 1", value => value.to_string();
    NonZeroU64, "integer of at least 1", "integers of at least 1", value => value.to_string();
    NonZeroUsize, "integer of at least 1", "integers of at least 1", value => value.to_string();
    f64, "number", "numbers", value => value.to_string();
    String, "string", "strings", value => Value::from(value.as_str()).to_string();
}

/// Whatever the key's own check takes.
impl OptionType for Value {
    fn kind() -> String {
        "any value".into()
    }

    fn kinds() -> String {
        "values".into()
    }

    fn shown(&self) -> Option<String> {
        (!self.is_null()).then(|| self.to_string())
    }
}

impl<T: OptionType> OptionType for Option<T> {
    fn kind() -> String {
        T::kind()
    }

    fn kinds() -> String {
        format!("{} or null", T::kinds())
    }

    fn inner() -> Inner {
        T::inner()
    }

    fn shown(&self) -> Option<String> {
        self.as_ref().and_then(T::shown)
    }
}

impl<T: OptionType> OptionType for Vec<T> {
    fn kind() -> String {
        format!("list of {}", T::kinds())
    }

    fn inner() -> Inner {
        T::inner()
    }

    fn shown(&self) -> Option<String> {
        let items: Vec<String> = self.iter().filter_map(T::shown).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

/// `1..=9` as the reference and errors say it.
pub(super) fn range_text<T: std::fmt::Display>(range: &RangeInclusive<T>) -> String {
    format!("from {} to {}", range.start(), range.end())
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}
