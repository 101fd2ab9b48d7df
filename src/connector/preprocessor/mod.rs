//! Preprocessors: from the bytes as they come to the pieces that the codec reads. A new one is a file here and a line
//! in [`TABLE`].

mod base64;
mod length_prefixed;
mod record;
mod remove_empty;
mod separate;
mod textual_length_prefixed;

use super::registry::Entry;
use super::stage::Stage;

/// Every preprocessor by its name.
pub(super) const TABLE: &[Entry<dyn Stage>] = &[
    Entry {
        name: "separate",
        make: separate::make,
    },
    Entry {
        name: "remove-empty",
        make: remove_empty::make,
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
