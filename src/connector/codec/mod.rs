//! Codecs: from one piece of bytes to a value, and back. A new one is a file here and a line in [`TABLE`].

mod binary;
mod json;
mod null;
mod string;

use std::boxed::Box;
use std::vec::Vec;

use super::registry::{Entry, Factory};
use super::stage::StageError;
use super::value::Value;

/// A codec at work on one stream.
pub(super) trait Codec {
    /// Makes a value of a piece; `None` if it holds none (a comment, say), which is no error.
    ///
    /// # Errors
    /// The bytes aren't what the codec reads; the text says where and why. Nothing of them is kept.
    fn decode(&mut self, bytes: &[u8], ingest_ns: u64) -> Result<Option<Value>, StageError>;

    /// Appends the value's bytes.
    ///
    /// # Errors
    /// The codec has no bytes for this value; what was appended until then is worth nothing.
    fn encode(&mut self, value: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError>;
}

/// Every codec by its name.
pub(super) const TABLE: &[Entry<dyn Codec>] = &[
    Entry {
        name: "json",
        make: json::make,
    },
    Entry {
        name: "string",
        make: string::make,
    },
    Entry {
        name: "binary",
        make: binary::make,
    },
    Entry {
        name: "null",
        make: null::make,
    },
];

/// The codec of those that need none.
pub(super) fn null() -> Factory<dyn Codec> {
    Box::new(|| Box::new(null::Null))
}
