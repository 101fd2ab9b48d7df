//! What holds for codecs and processors whatever bytes come, for fuzz targets and for this crate's own tests.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "these functions are assertions"
)]

use std::format;
use std::string::String;
use std::vec::Vec;

use super::event::{ConnectorId, Event, Origin, Port};
use super::value::{Value, json};
use super::{Processing, StreamReader, codec};

/// Chains that between them have every preprocessor.
const CHAINS: &[&str] = &[
    r#"["separate"]"#,
    r#"[{"name":"separate","config":{"max_length":8}},"remove-empty","base64"]"#,
    r#"["length-prefixed","decompress"]"#,
    r#"["textual-length-prefixed","ingest-ns"]"#,
    r#"["gelf-chunking","decompress"]"#,
    r#"[{"name":"decompress","config":{"algorithm":"br","max_bytes":65536}}]"#,
    r#"[{"name":"decompress","config":{"algorithm":"lz4","max_bytes":65536}}]"#,
    r#"[{"name":"decompress","config":{"algorithm":"xz2","max_bytes":65536}}]"#,
];

fn processing(definition: &str) -> Processing {
    let with = json::parse(definition.as_bytes()).unwrap();
    let mut errors = Vec::new();
    let processing = Processing::from_definition(with.as_record().unwrap(), &mut errors);
    processing.unwrap_or_else(|| panic!("{definition}: {errors:?}"))
}

fn reader(processing: &Processing) -> StreamReader {
    let origin = Origin {
        connector: ConnectorId(0),
        stream: 0,
    };
    processing.reader("fuzz".into(), origin)
}

fn values(emitted: &[(Port, Event)]) -> Vec<Value> {
    let good = emitted.iter().filter(|(port, _)| *port == Port::Out);
    good.map(|(_, event)| event.value.clone()).collect()
}

/// The first byte chooses a codec, the rest is decoded. What comes of it, written and read again, stays what it is.
pub fn codecs(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else {
        return;
    };
    let name = codec::TABLE[usize::from(*which) % codec::TABLE.len()].name;
    let processing = processing(&format!(r#"{{"codec":"{name}"}}"#));
    let mut emitted = Vec::new();
    reader(&processing).read(bytes, &Value::Null, 5, &mut emitted);
    assert!(emitted.len() <= 1, "a piece gives one event at most");
    let [value] = &values(&emitted)[..] else { return };
    // A value may be one that can't be written: NaN, a name that would break the line.
    let Some(first) = written(&processing, value) else {
        return;
    };
    let mut again = Vec::new();
    reader(&processing).read(&first, &Value::Null, 5, &mut again);
    let [read] = &values(&again)[..] else {
        // White space alone, say, is nothing to some codecs.
        assert!(is_loose(name), "{name}: {} is not read again", first.escape_ascii());
        return;
    };
    let Some(second) = written(&processing, read) else {
        assert!(is_loose(name), "{name}: what was read again can't be written");
        return;
    };
    assert!(
        first == second || is_loose(name),
        "{name}: {} became {}",
        first.escape_ascii(),
        second.escape_ascii()
    );
}

/// Formats that have no one way to write a value, or more than one meaning for a text.
fn is_loose(name: &str) -> bool {
    matches!(name, "yaml" | "syslog")
}

fn written(processing: &Processing, value: &Value) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let result = processing
        .writer()
        .write(value, &Value::Null, 5, &mut |chunk| bytes.extend_from_slice(chunk));
    result.ok().map(|()| bytes)
}

/// The first byte chooses a chain, the second how the rest is cut into messages: the events are the same however it is cut,
/// for those that hold back what is not whole.
pub fn processors(data: &[u8]) {
    let [which, cut, bytes @ ..] = data else { return };
    let chain = CHAINS[usize::from(*which) % CHAINS.len()];
    let processing = processing(&format!(r#"{{"codec":"binary","preprocessors":{chain}}}"#));
    let events = |messages: &[&[u8]]| -> Vec<String> {
        let (mut reader, mut emitted) = (reader(&processing), Vec::new());
        for message in messages {
            reader.read(message, &Value::Null, 5, &mut emitted);
        }
        reader.finish(&Value::Null, 6, &mut emitted);
        emitted
            .iter()
            .map(|(port, event)| format!("{port:?} {}", event.value))
            .collect()
    };
    let whole = events(&[bytes]);
    let at = usize::from(*cut) % (bytes.len() + 1);
    let (first, second) = bytes.split_at(at);
    let two = events(&[first, second]);
    let good = |events: &[String]| -> Vec<String> {
        events
            .iter()
            .filter(|event| event.starts_with("Out"))
            .cloned()
            .collect()
    };
    if chain == CHAINS[0] {
        assert_eq!(good(&whole), good(&two), "cut at {at}: {}", bytes.escape_ascii());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test reads its seeds")]
    fn the_committed_seeds_pass() {
        type Body = fn(&[u8]);
        for (target, body) in [("codecs", codecs as Body), ("processors", processors)] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("fuzz/seeds")
                .join(target);
            let mut count = 0;
            for entry in std::fs::read_dir(folder).unwrap() {
                body(&std::fs::read(entry.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count > 5, "{target}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_pass(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            codecs(&bytes);
            processors(&bytes);
        }
    }
}
