//! Postprocessors: from the codec's bytes to the chunks that are sent or written. A new one is a file here and a line
//! in [`TABLE`].

mod base64;
mod collect;
mod compress;
mod gelf_chunking;
mod ingest_ns;
mod length_prefixed;
mod separate;
mod streaming_compress;
mod textual_length_prefixed;

use super::registry::{Entry, Gives};
use super::stage::Stage;

/// Every postprocessor by its name.
pub(super) const TABLE: &[Entry<dyn Stage>] = &[
    Entry {
        name: "separate",
        make: separate::make,
        page: &separate::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "base64",
        make: base64::make,
        page: &base64::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "length-prefixed",
        make: length_prefixed::make,
        page: &length_prefixed::PAGE,
        gives: Gives::Bytes,
    },
    Entry {
        name: "textual-length-prefixed",
        make: textual_length_prefixed::make,
        page: &textual_length_prefixed::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "compress",
        make: compress::make,
        page: &compress::PAGE,
        gives: Gives::Bytes,
    },
    Entry {
        name: "ingest-ns",
        make: ingest_ns::make,
        page: &ingest_ns::PAGE,
        gives: Gives::Bytes,
    },
    Entry {
        name: "gelf-chunking",
        make: gelf_chunking::make,
        page: &gelf_chunking::PAGE,
        gives: Gives::Bytes,
    },
    Entry {
        name: "chunk",
        make: collect::make_chunk,
        page: &collect::CHUNK_PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "collect",
        make: collect::make_collect,
        page: &collect::COLLECT_PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "streaming-compress",
        make: streaming_compress::make,
        page: &streaming_compress::PAGE,
        gives: Gives::Bytes,
    },
];

#[cfg(test)]
mod tests {
    use std::format;
    use std::vec::Vec;

    use super::super::testing::write_all;

    fn write(postprocessor: &str, text: &str) -> Vec<Vec<u8>> {
        write_all(
            &format!(r#"{{"codec":"string","postprocessors":[{postprocessor}]}}"#),
            &text.into(),
        )
        .unwrap()
    }

    #[test]
    fn each_does_to_a_piece_what_it_is_for() {
        for (postprocessor, text, expected) in [
            (r#""separate""#, "a", &b"a\n"[..]),
            (r#""separate""#, "", b"\n"),
            (r#"{"name":"separate","config":{"separator":"|"}}"#, "a", b"a|"),
            (r#""base64""#, "a\n", b"YQo="),
            (r#""base64""#, "", b""),
            (r#""length-prefixed""#, "1", b"\0\0\0\0\0\0\0\x011"),
            (r#""length-prefixed""#, "", b"\0\0\0\0\0\0\0\0"),
            (r#""textual-length-prefixed""#, "0123456789", b"10 0123456789"),
            (r#""textual-length-prefixed""#, "", b"0 "),
            (r#""textual-length-prefixed","base64""#, "a", b"MSBh"),
        ] {
            assert_eq!(write(postprocessor, text), [expected], "{postprocessor}");
        }
    }
}
