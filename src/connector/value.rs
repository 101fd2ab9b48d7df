//! The values that events carry: JSON's, plus bytes and exact 64-bit integers.

use std::sync::Arc;

use indexmap::IndexMap;
use smol_str::SmolStr;

/// A record's fields in the order in which they were first set.
pub type Record = IndexMap<SmolStr, Value>;

/// One value. Cloning is cheap: strings, bytes, arrays and records share their content until one of the holders
/// changes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer from -2^63 to 2^63 - 1.
    Int(i64),
    /// An integer from 2^63 to 2^64 - 1; smaller ones are always [`Value::Int`].
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
