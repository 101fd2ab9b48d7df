//! The values that events carry: JSON's, plus bytes and exact 64-bit integers.

pub mod json;

use std::cmp::Ordering;
use std::fmt;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use indexmap::IndexMap;
use smol_str::SmolStr;

/// A record's fields in the order in which they were first set.
///
/// Peers choose the keys: the hash is seeded anew in each process.
pub type Record = IndexMap<SmolStr, Value, foldhash::fast::RandomState>;

/// An empty record with room for that many fields.
#[must_use]
pub fn record_with_room(fields: usize) -> Record {
    Record::with_capacity_and_hasher(fields, foldhash::fast::RandomState::default())
}

/// One value. Cloning is cheap: strings, bytes, arrays and records share their content until one of the holders
/// changes it.
///
/// `==` compares structure: an integer never equals a float. The pipeline language's comparison is [`Value::equals`].
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer from -2^63 to 2^63 - 1.
    Int(i64),
    /// An integer from 2^63 to 2^64 - 1; smaller ones are always [`Value::Int`]: `Value::from(u64)` sees to it.
    UInt(u64),
    /// A finite or infinite floating-point number; a float stays one even where it has no fraction.
    Float(f64),
    /// UTF-8 text.
    String(SmolStr),
    /// Bytes that need not be text.
    Bytes(Arc<[u8]>),
    /// A list.
    Array(Arc<Vec<Value>>),
    /// A record.
    Record(Arc<Record>),
}

impl Value {
    /// A record of the given fields; of two with the same name the last one wins.
    pub fn record<K: Into<SmolStr>, V: Into<Value>>(fields: impl IntoIterator<Item = (K, V)>) -> Self {
        let fields: Record = fields
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        Self::Record(Arc::new(fields))
    }

    /// A list of the given items.
    pub fn array<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::Array(Arc::new(items.into_iter().map(Into::into).collect()))
    }

    /// The name of its type, as messages to people use it: `null`, `boolean`, `integer`, `float`, `string`, `bytes`,
    /// `list` or `record`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) | Self::UInt(_) => "integer",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "list",
            Self::Record(_) => "record",
        }
    }

    /// How deep lists and records are nested in it: 0 for a plain value. It stops counting far beyond what any codec takes.
    #[must_use]
    pub fn depth(&self) -> usize {
        fn at_least(value: &Value, depth: usize) -> usize {
            const ENOUGH: usize = 512;
            let inner: &mut dyn Iterator<Item = &Value> = match value {
                Value::Array(items) => &mut items.iter(),
                Value::Record(fields) => &mut fields.values(),
                _ => return depth,
            };
            if depth == ENOUGH {
                return depth + 1;
            }
            inner.map(|value| at_least(value, depth + 1)).max().unwrap_or(depth + 1)
        }
        at_least(self, 0)
    }

    /// The base64 text that bytes have where there is no other place for them, as in JSON.
    #[must_use]
    pub fn to_base64(&self) -> Option<String> {
        use base64::Engine as _;

        match self {
            Self::Bytes(bytes) => Some(base64::engine::general_purpose::STANDARD.encode(bytes)),
            _ => None,
        }
    }

    /// Whether both are one record, shared; cheap, and false for records that are merely equal.
    #[must_use]
    pub fn is_same_record(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Record(own), Self::Record(others)) if Arc::ptr_eq(own, others))
    }

    /// Whether it is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean that it is.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer that it is, if it lies in the range of `i64`.
    #[must_use]
    pub const fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer that it is, if it isn't negative.
    #[must_use]
    pub const fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(value) if *value >= 0 => Some(value.unsigned_abs()),
            Self::UInt(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer that it is, whatever its size.
    #[must_use]
    pub fn as_integer(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(i128::from(*value)),
            Self::UInt(value) => Some(i128::from(*value)),
            _ => None,
        }
    }

    /// The number that it is, integers rounded to the nearest float.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::UInt(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The text that it is.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes that it is; text isn't bytes.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The items of the list that it is.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The record that it is.
    #[must_use]
    pub fn as_record(&self) -> Option<&Record> {
        match self {
            Self::Record(fields) => Some(fields),
            _ => None,
        }
    }

    /// The items of the list that it is, to be changed: other holders of the same list keep theirs.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::Array(items) => Some(Arc::make_mut(items)),
            _ => None,
        }
    }

    /// The record that it is, to be changed: other holders of the same record keep theirs.
    pub fn as_record_mut(&mut self) -> Option<&mut Record> {
        match self {
            Self::Record(fields) => Some(Arc::make_mut(fields)),
            _ => None,
        }
    }

    /// The field `name` of a record; `None` if there is none, or if this is no record.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.as_record()?.get(name)
    }

    /// What `path` leads to, field by field: `["ws_server", "peer", "port"]`.
    #[must_use]
    pub fn at<'a>(&'a self, path: &[&str]) -> Option<&'a Self> {
        path.iter().try_fold(self, |value, name| value.field(name))
    }

    /// Sets a field of a record, at its place if it is there already, else at the end. Whatever isn't a record is
    /// replaced by one.
    pub fn set_field(&mut self, name: impl Into<SmolStr>, value: impl Into<Self>) {
        if !matches!(self, Self::Record(_)) {
            *self = Self::Record(Arc::default());
        }
        if let Self::Record(fields) = self {
            Arc::make_mut(fields).insert(name.into(), value.into());
        }
    }

    /// Whether the two are equal to the pipeline language: numbers by what they are worth (`1 == 1.0`), records
    /// whatever the order of their fields, and values of different types never.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(left), Self::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| left.equals(right))
            }
            (Self::Record(left), Self::Record(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .all(|(name, value)| right.get(name).is_some_and(|other| value.equals(other)))
            }
            _ => match self.compare_number(other) {
                Some(order) => order == Ordering::Equal,
                None => self == other,
            },
        }
    }

    /// How two numbers compare, exactly: no integer is rounded on the way. `None` if one of them is no number.
    #[must_use]
    pub fn compare_number(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(right),
            (Self::Float(left), _) => Some(compare_integer(other.as_integer()?, *left)?.reverse()),
            (_, Self::Float(right)) => compare_integer(self.as_integer()?, *right),
            _ => Some(self.as_integer()?.cmp(&other.as_integer()?)),
        }
    }
}

/// How an integer of at most 65 bits compares with a float; `None` for a float that is no number.
#[allow(clippy::cast_possible_truncation)]
fn compare_integer(integer: i128, float: f64) -> Option<Ordering> {
    // The cast truncates towards zero and saturates, far outside of what the integer can be.
    let whole = float as i128;
    match integer.cmp(&whole) {
        Ordering::Equal => 0.0
            .partial_cmp(&float.fract())
            .or(Some(Ordering::Equal))
            .filter(|_| !float.is_nan()),
        unequal => (!float.is_nan()).then_some(unequal),
    }
}

impl fmt::Display for Value {
    /// As compact JSON, for people: what JSON can't say is shown all the same.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&json::display(self))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::UInt(value), Self::Int)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<SmolStr> for Value {
    fn from(text: SmolStr) -> Self {
        Self::String(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(items))
    }
}

impl From<Record> for Value {
    fn from(fields: Record) -> Self {
        Self::Record(Arc::new(fields))
    }
}

impl<V: Into<Self>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl FromIterator<Self> for Value {
    fn from_iter<I: IntoIterator<Item = Self>>(items: I) -> Self {
        Self::Array(Arc::new(items.into_iter().collect()))
    }
}

/// The integer that `value` is, if 64 bits hold it.
impl TryFrom<i128> for Value {
    type Error = std::num::TryFromIntError;

    fn try_from(value: i128) -> Result<Self, Self::Error> {
        i64::try_from(value)
            .map(Self::Int)
            .or_else(|_| u64::try_from(value).map(Self::UInt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_form() {
        assert_eq!(Value::from(7_u64), Value::Int(7));
        assert_eq!(Value::from(1_u64 << 63), Value::UInt(1 << 63));
        assert_eq!(Value::try_from(-1_i128), Ok(Value::Int(-1)));
        assert_eq!(Value::try_from(i128::from(u64::MAX)), Ok(Value::UInt(u64::MAX)));
        assert!(Value::try_from(1_i128 << 64).is_err());
    }

    #[test]
    fn numbers_compare_exactly_across_types() {
        use Ordering::{Equal, Greater, Less};
        let big = 9_007_199_254_740_993_i64;
        for (left, right, order) in [
            (Value::from(1), Value::from(1.0), Some(Equal)),
            (Value::from(1), Value::from(1.5), Some(Less)),
            (Value::from(-1), Value::from(-1.5), Some(Greater)),
            (Value::from(big), Value::from(9_007_199_254_740_992.0), Some(Greater)),
            (Value::from(u64::MAX), Value::from(-1), Some(Greater)),
            (Value::from(u64::MAX), Value::from(f64::INFINITY), Some(Less)),
            (Value::from(i64::MIN), Value::from(f64::NEG_INFINITY), Some(Greater)),
            (Value::from(0), Value::from(f64::NAN), None),
            (Value::from(0), Value::from("0"), None),
        ] {
            assert_eq!(left.compare_number(&right), order, "{left} with {right}");
            assert_eq!(
                right.compare_number(&left),
                order.map(Ordering::reverse),
                "{right} with {left}"
            );
        }
    }

    #[test]
    fn equality_of_the_language() {
        let left = Value::record([("a", Value::from(1)), ("b", Value::array([2.0]))]);
        let right = Value::record([("b", Value::array([2])), ("a", Value::from(1.0))]);
        assert!(left.equals(&right));
        assert_ne!(left, right);
        assert!(!Value::from("1").equals(&Value::from(1)));
        assert!(!Value::Null.equals(&Value::from(false)));
        assert!(!Value::from(f64::NAN).equals(&Value::from(f64::NAN)));
        assert!(!Value::record([("a", 1)]).equals(&Value::record([("b", 1)])));
    }

    #[test]
    fn a_change_does_not_reach_other_holders() {
        let before = Value::record([("a", 1)]);
        let mut after = before.clone();
        after.set_field("a", 2);
        after.set_field("b", Value::Null);
        assert_eq!(before.to_string(), r#"{"a":1}"#);
        assert_eq!(after.to_string(), r#"{"a":2,"b":null}"#);
        assert_eq!(after.at(&["a"]), Some(&Value::Int(2)));
        assert_eq!(after.at(&["a", "b"]), None);
    }
}
