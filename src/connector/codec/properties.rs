//! What holds for every codec: what it writes it reads again, and nothing that comes can harm.

use std::format;
use std::string::{String, ToString as _};
use std::sync::Arc;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::testing::{reader, write_all};
use super::super::value::{Record, Value};
use super::TABLE;

fn decode(codec: &str, bytes: &[u8]) -> Result<Option<Value>, String> {
    let mut emitted = Vec::new();
    reader(&format!(r#"{{"codec":"{codec}"}}"#)).read(bytes, &Value::Null, 5, &mut emitted);
    match emitted.pop() {
        None => Ok(None),
        Some((_, event)) if event.is_error => Err(event.meta.field("error").unwrap().to_string()),
        Some((_, event)) => Ok(Some(event.value)),
    }
}

fn encode(codec: &str, value: &Value) -> Result<Vec<u8>, String> {
    write_all(&format!(r#"{{"codec":"{codec}"}}"#), value).map(|chunks| chunks.concat())
}

fn float() -> impl Strategy<Value = Value> {
    any::<f64>()
        .prop_filter("finite", |float| float.is_finite())
        .prop_map(Value::Float)
}

fn integer() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::Int), any::<u64>().prop_map(Value::from)]
}

fn text() -> impl Strategy<Value = Value> {
    ".{0,30}".prop_map(Value::from)
}

/// Any value, bytes if asked for.
fn value(bytes: bool) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        integer(),
        float(),
        text(),
        vec(any::<u8>(), 0..20).prop_map(move |content| {
            if bytes {
                Value::from(content.as_slice())
            } else {
                Value::Null
            }
        }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((".{0,12}", inner), 0..6).prop_map(Value::record),
        ]
    })
}

/// Some of the fields, each under its key.
fn record(fields: Vec<(&'static str, BoxedStrategy<Option<Value>>)>) -> BoxedStrategy<Value> {
    let (keys, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    values
        .prop_map(move |values| {
            let given = keys.iter().zip(values).filter_map(|(key, value)| Some((*key, value?)));
            Value::record(given)
        })
        .boxed()
}

fn always(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    strategy.prop_map(Some).boxed()
}

fn maybe(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    proptest::option::of(strategy).boxed()
}

fn matching(pattern: &'static str) -> impl Strategy<Value = Value> {
    pattern.prop_map(Value::from)
}

fn named(values: impl Strategy<Value = Value> + 'static, least: usize) -> impl Strategy<Value = Value> {
    vec(("[^\\x00-\\x1f\\x7f#][^\\x00-\\x1f\\x7f]{0,8}", values), least..4).prop_map(|fields| {
        Value::Record(Arc::new(
            fields
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect::<Record>(),
        ))
    })
}

fn point() -> BoxedStrategy<Value> {
    let field = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        float(),
        any::<bool>().prop_map(Value::Bool),
        matching("[^\\x00-\\x1f]{0,9}")
    ];
    record(std::vec![
        (
            "measurement",
            always(matching("[^#\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]{0,9}"))
        ),
        ("tags", always(named(matching("[^\\x00-\\x1f\\x7f]{1,9}"), 0))),
        ("fields", always(named(field, 1))),
        ("timestamp", always((0..i64::MAX).prop_map(Value::Int))),
    ])
}

const WORD: &str = "[^:|,\\n\\r]{1,9}";
const LINE: &str = "[^|\\n\\r]{0,9}";

fn amount() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..i64::MAX).prop_map(Value::Int),
        (0.0..1e300_f64).prop_map(Value::Float)
    ]
}

fn rate() -> impl Strategy<Value = Value> {
    (0.0..1.0_f64).prop_map(Value::Float)
}

fn statsd() -> BoxedStrategy<Value> {
    let gauge = record(std::vec![
        ("metric", always(matching(WORD))),
        ("type", always(Just("g".into()))),
        ("value", always(amount())),
        (
            "action",
            maybe(prop_oneof![Just(Value::from("add")), Just("sub".into())])
        ),
    ]);
    let other = record(std::vec![
        ("metric", always(matching(WORD))),
        ("type", always(matching("(c|ms|h)"))),
        ("value", always(amount())),
        ("sample_rate", maybe(rate())),
    ]);
    prop_oneof![gauge, other].boxed()
}

fn dogstatsd() -> BoxedStrategy<Value> {
    let tags = || maybe(vec(matching("[^|,\\n\\r]{1,6}"), 1..4).prop_map(Value::from));
    let seconds = || maybe((0..i64::MAX).prop_map(Value::Int));
    let metric = record(std::vec![
        ("metric", always(matching(WORD))),
        ("type", always(matching("(c|g|ms|h|d)"))),
        ("values", always(vec(amount(), 1..4).prop_map(Value::from))),
        ("sample_rate", maybe(rate())),
        ("tags", tags()),
        ("container_id", maybe(matching(LINE))),
    ]);
    let event = record(std::vec![
        ("title", always(matching("[^\\\\]{1,9}"))),
        ("text", always(matching("[^\\\\]{0,9}"))),
        ("timestamp", seconds()),
        ("hostname", maybe(matching(LINE))),
        ("aggregation_key", maybe(matching(LINE))),
        ("priority", maybe(matching("(low|normal)"))),
        ("source_type_name", maybe(matching(LINE))),
        ("alert_type", maybe(matching("(error|info)"))),
        ("tags", tags()),
    ]);
    let check = record(std::vec![
        ("name", always(matching("[^|\\n\\r]{1,9}"))),
        ("status", always((0..4_i64).prop_map(Value::Int))),
        ("timestamp", seconds()),
        ("hostname", maybe(matching(LINE))),
        ("tags", tags()),
        ("message", maybe(matching(LINE))),
    ]);
    prop_oneof![
        metric.prop_map(|metric| Value::record([("metric", metric)])),
        event.prop_map(|event| Value::record([("event", event)])),
        check.prop_map(|check| Value::record([("service_check", check)])),
    ]
    .boxed()
}

fn syslog() -> BoxedStrategy<Value> {
    let name = || maybe(matching("[a-z][a-z0-9.]{0,9}"));
    let structured = vec(("[a-z]{1,5}", "[^\\x00-\\x1f\\x7f]{0,9}"), 1..3).prop_map(|parameters| {
        let parameters = parameters
            .into_iter()
            .map(|(name, value)| Value::record([(name, value)]));
        Value::record([("id@1", Value::array(parameters))])
    });
    record(std::vec![
        (
            "severity",
            always(matching("(emerg|alert|crit|err|warning|notice|info|debug)"))
        ),
        (
            "facility",
            always(matching("(kern|user|mail|daemon|auth|local0|local7)"))
        ),
        (
            "timestamp",
            maybe((0..4_000_000_000_000_000_000_i64).prop_map(|ns| Value::Int(ns / 1000 * 1000)))
        ),
        ("hostname", name()),
        ("appname", name()),
        ("procid", name()),
        ("msgid", name()),
        ("structured_data", maybe(structured)),
        ("msg", always(matching("[a-zA-Z0-9äöü][a-zA-Z0-9äöü :]{0,20}[a-z]"))),
        ("protocol", always(Just("RFC5424".into()))),
        ("protocol_version", always(Just(Value::Int(1)))),
    ])
}

fn graphite() -> BoxedStrategy<Value> {
    record(std::vec![
        ("metric", always(matching("[^\\x00-\\x20]{1,9}"))),
        ("value", always(amount())),
        (
            "timestamp",
            always((0..9_000_000_000_i64).prop_map(|seconds| Value::Int(seconds * 1_000_000_000)))
        ),
    ])
}

/// A codec, and a value that it can hold.
fn held() -> BoxedStrategy<(&'static str, Value)> {
    let of = |codec: &'static str, values: BoxedStrategy<Value>| values.prop_map(move |value| (codec, value)).boxed();
    proptest::strategy::Union::new([
        of("json", value(false).boxed()),
        of("msgpack", value(true).boxed()),
        of("tremor", value(true).boxed()),
        of("csv", vec(text(), 1..6).prop_map(Value::from).boxed()),
        of("influx", point()),
        of("binflux", point()),
        of("statsd", statsd()),
        of("dogstatsd", dogstatsd()),
        of("graphite-plaintext", graphite()),
        of("syslog", syslog()),
        of("string", text().boxed()),
        of(
            "binary",
            vec(any::<u8>(), 0..30)
                .prop_map(|bytes| Value::from(bytes.as_slice()))
                .boxed(),
        ),
    ])
    .boxed()
}

/// Values that every YAML reader takes alike: printable text, no bytes.
fn plain() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-1000_i32..1000).prop_map(|number| Value::Float(f64::from(number) / 8.0)),
        matching("[ -~äöü]{0,20}"),
    ];
    leaf.prop_recursive(3, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec(("[a-z ]{1,9}", inner), 0..5).prop_map(Value::record),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again((codec, value) in held()) {
        let bytes = encode(codec, &value).map_err(|error| TestCaseError::fail(format!("{codec} {value}: {error}")))?;
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert_eq!(decode(codec, &bytes), Ok(Some(value)), "{}: {}", codec, shown);
    }

    #[test]
    fn yaml_is_read_again(value in plain()) {
        let bytes = encode("yaml", &value).unwrap();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert_eq!(decode("yaml", &bytes), Ok(Some(value)), "{}", shown);
    }

    /// Any bytes give a value, none, or an error; and what was read can be written and read again, or is refused.
    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..60), which in 0..TABLE.len()) {
        let codec = TABLE[which].name;
        if let Ok(Some(value)) = decode(codec, &bytes) {
            let _ = encode(codec, &value);
        }
    }

    /// The same of what is nearly right.
    #[test]
    fn damage_is_survived((codec, value) in held(), at in any::<usize>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = encode(codec, &value).unwrap();
        if !bytes.is_empty() {
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
        }
        let _ = decode(codec, &bytes);
    }

    /// A value of any shape is written or refused, by every codec.
    #[test]
    fn any_value_is_survived(value in value(true), which in 0..TABLE.len()) {
        let _ = encode(TABLE[which].name, &value);
    }
}

/// Deep nesting, huge counts and lengths that are only claimed, aliases that multiply: each an error.
#[test]
fn bombs_are_errors() {
    let deep = |open: &[u8], count: usize| open.repeat(count);
    let laughs = {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let inner = format!("*a{}", level - 1);
            let list = [inner.as_str(); 9].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        text.into_bytes()
    };
    for (codec, bomb) in [
        ("json", deep(b"[", 100_000)),
        ("json", deep(br#"{"a":"#, 100_000)),
        ("msgpack", deep(b"\x91", 100_000)),
        ("msgpack", deep(b"\x81\xa1a", 100_000)),
        ("msgpack", b"\xdd\xff\xff\xff\xff".to_vec()),
        ("msgpack", b"\xdf\xff\xff\xff\xff".to_vec()),
        ("msgpack", b"\xdb\xff\xff\xff\xffabc".to_vec()),
        ("msgpack", b"\xc6\xff\xff\xff\xffabc".to_vec()),
        ("msgpack", [&b"\xdd\xff\xff\xff\xff"[..], &[0xc0; 5 << 20]].concat()),
        (
            "tremor",
            [&b"\0\0"[..], &deep(b"\x08\0\0\0\0\0\0\0\x01", 10_000)].concat(),
        ),
        ("tremor", b"\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("tremor", b"\0\0\x09\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("tremor", b"\0\0\x06\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("binflux", b"\0\0\0\x01m\0\0\0\0\0\0\0\x07\xff\xff\xff\xff".to_vec()),
        ("yaml", deep(b"[", 100_000)),
        ("yaml", deep(b"- ", 100_000)),
        ("yaml", laughs),
        ("csv", deep(b",", 2 << 20)),
    ] {
        assert!(decode(codec, &bomb).is_err(), "{codec}");
    }
}
