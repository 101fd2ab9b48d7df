//! Codecs: from one piece of bytes to a value, and back. A new one is a file here and a line in [`TABLE`].

mod binary;
mod binflux;
mod csv;
mod dogstatsd;
mod graphite_plaintext;
mod influx;
mod json;
mod msgpack;
mod null;
#[cfg(test)]
mod properties;
mod statsd;
mod string;
mod syslog;
mod tremor;
mod yaml;

use std::boxed::Box;
use std::vec::Vec;

use super::registry::{Entry, Factory, Gives};
use super::stage::StageError;
use super::value::Value;

/// A codec at work on one stream.
pub(super) trait Codec {
    /// Makes a value of a piece; `None` if it holds none (a comment, say), which is no error.
    ///
    /// # Errors
    /// The bytes aren't what the codec reads; the text says where and why. Nothing of them is kept.
    fn decode(&mut self, bytes: &[u8], ingest_ns: u64) -> Result<Option<Value>, StageError>;

    /// Appends the value's bytes; `meta` is the event's metadata.
    ///
    /// # Errors
    /// The codec has no bytes for this value; what was appended until then is worth nothing.
    fn encode(&mut self, value: &Value, meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError>;
}

/// Every codec by its name.
pub(super) const TABLE: &[Entry<dyn Codec>] = &[
    Entry {
        name: "json",
        make: json::make,
        page: &json::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "string",
        make: string::make,
        page: &string::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "binary",
        make: binary::make,
        page: &binary::PAGE,
        gives: Gives::Bytes,
    },
    Entry {
        name: "null",
        make: null::make,
        page: &null::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "msgpack",
        make: msgpack::make,
        page: &msgpack::PAGE,
        gives: Gives::Bytes,
    },
    Entry {
        name: "yaml",
        make: yaml::make,
        page: &yaml::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "csv",
        make: csv::make,
        page: &csv::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "influx",
        make: influx::make,
        page: &influx::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "statsd",
        make: statsd::make,
        page: &statsd::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "dogstatsd",
        make: dogstatsd::make,
        page: &dogstatsd::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "syslog",
        make: syslog::make,
        page: &syslog::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "graphite-plaintext",
        make: graphite_plaintext::make,
        page: &graphite_plaintext::PAGE,
        gives: Gives::Text,
    },
    Entry {
        name: "tremor",
        make: tremor::make,
        page: &tremor::PAGE,
        gives: Gives::Bytes,
    },
    Entry {
        name: "binflux",
        make: binflux::make,
        page: &binflux::PAGE,
        gives: Gives::Bytes,
    },
];

/// The codec of those that need none.
pub(super) fn null() -> Factory<dyn Codec> {
    Box::new(|| Box::new(null::Null))
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::{String, ToString as _};

    use super::super::testing::{reader, value, write_all};
    use super::*;

    fn definition(codec: &str) -> String {
        format!(r#"{{"codec":"{codec}"}}"#)
    }

    fn decode(codec: &str, bytes: &[u8]) -> Result<Value, String> {
        let mut emitted = Vec::new();
        reader(&definition(codec)).read(bytes, &Value::Null, 5, &mut emitted);
        let [(_, event)] = emitted.as_slice() else {
            panic!("one event a piece, not {emitted:?}")
        };
        match event.is_error {
            true => Err(event.meta.field("error").unwrap().as_str().unwrap().to_string()),
            false => Ok(event.value.clone()),
        }
    }

    fn encode(codec: &str, value: &Value) -> Vec<u8> {
        write_all(&definition(codec), value).unwrap().concat()
    }

    #[test]
    fn string_is_text_and_the_rest_as_json() {
        assert_eq!(decode("string", "a\u{e9}\n".as_bytes()), Ok("a\u{e9}\n".into()));
        assert_eq!(decode("string", b""), Ok("".into()));
        assert_eq!(decode("string", b"ab\xffc"), Err("not UTF-8 at byte 2".into()));
        assert_eq!(encode("string", &"a\"b".into()), b"a\"b");
        assert_eq!(
            encode("string", &value(r#"{"b":[1,2.0],"a":null}"#)),
            br#"{"b":[1,2.0],"a":null}"#
        );
        assert_eq!(encode("string", &Value::from(&b"\xff"[..])), br#""/w==""#);
    }

    #[test]
    fn binary_is_bytes_and_text_bare_and_the_rest_as_json() {
        assert_eq!(decode("binary", b"\xff\0"), Ok(Value::from(&b"\xff\0"[..])));
        assert_eq!(encode("binary", &Value::from(&b"\xff\0"[..])), b"\xff\0");
        assert_eq!(encode("binary", &"a".into()), b"a");
        assert_eq!(encode("binary", &value("[1]")), b"[1]");
    }

    #[test]
    fn null_is_null_both_ways() {
        assert_eq!(decode("null", b"whatever"), Ok(Value::Null));
        assert_eq!(encode("null", &value("[1]")), b"");
    }

    #[test]
    fn json_keeps_the_order_or_sorts() {
        let sorted = r#"{"codec":{"name":"json","config":{"mode":"sorted"}}}"#;
        let swapped = value(r#"{"b":{"d":1,"c":2},"a":1}"#);
        assert_eq!(encode("json", &swapped), br#"{"b":{"d":1,"c":2},"a":1}"#);
        assert_eq!(write_all(sorted, &swapped).unwrap(), [br#"{"a":1,"b":{"c":2,"d":1}}"#]);
        let unsorted = r#"{"codec":{"name":"json","config":{"mode":"unsorted"}}}"#;
        assert_eq!(
            write_all(unsorted, &swapped).unwrap(),
            [br#"{"b":{"d":1,"c":2},"a":1}"#]
        );
    }

    #[test]
    fn json_refuses_what_would_break_a_stack() {
        let text = decode("json", "[".repeat(100_000).as_bytes()).unwrap_err();
        assert_eq!(
            text,
            "invalid JSON at byte 128: lists and records are nested deeper than 128"
        );
    }
}
