//! Postprocessors: from the codec's bytes to the chunks that are sent or written. A new one is a file here and a line
//! in [`TABLE`].

mod base64;
mod length_prefixed;
mod separate;
mod textual_length_prefixed;

use super::registry::Entry;
use super::stage::Stage;

/// Every postprocessor by its name.
pub(super) const TABLE: &[Entry<dyn Stage>] = &[
    Entry {
        name: "separate",
        make: separate::make,
    },
    Entry {
        name: "base64",
        make: base64::make,
    },
    Entry {
        name: "length-prefixed",
        make: length_prefixed::make,
    },
    Entry {
        name: "textual-length-prefixed",
        make: textual_length_prefixed::make,
    },
];
