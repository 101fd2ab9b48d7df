use std::num::NonZeroU64;
use std::string::String;
use std::vec::Vec;

use super::super::config::read_config;
use super::super::testing::value;
use super::*;

options! {
    /// A sample.
    #[derive(Debug, PartialEq)]
    struct Sample {
        /// What to listen on.
        url: String,
        /// How many bytes are read
        /// at once.
        chunk_size: u32 [1..=16 << 20] = 4096,
        /// Whether small messages wait.
        no_delay as "TCP_NODELAY": bool = true,
        /// The order.
        mode: Mode = Mode::Unsorted,
        /// Off unless given.
        limit: Option<NonZeroU64> = None,
        /// Names.
        names: Vec<String> = Vec::new(),
        /// More.
        nested: Nested = Nested::default(),
    }
}

options! {
    #[derive(Debug, PartialEq)]
    struct Nested {
        /// A ratio.
        ratio: f64 = 1.5,
    }
}

choices! {
    enum Mode {
        /// As they came.
        Unsorted = "unsorted",
        /// By name.
        Sorted = "sorted",
    }
}

fn read(text: &str) -> Result<Sample, String> {
    read_config(Some(&value(text))).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_given_has_its_default() {
    let expected = Sample {
        url: "u".into(),
        chunk_size: 4096,
        no_delay: true,
        mode: Mode::Unsorted,
        limit: None,
        names: Vec::new(),
        nested: Nested { ratio: 1.5 },
    };
    assert_eq!(read(r#"{"url":"u"}"#), Ok(expected));
    let read = read(
        r#"{"url":"v","chunk_size":1,"TCP_NODELAY":false,"mode":"sorted","limit":7,"names":["a"],
            "nested":{"ratio":2}}"#,
    );
    let expected = Sample {
        url: "v".into(),
        chunk_size: 1,
        no_delay: false,
        mode: Mode::Sorted,
        limit: NonZeroU64::new(7),
        names: vec!["a".into()],
        nested: Nested { ratio: 2.0 },
    };
    assert_eq!(read, Ok(expected));
}

#[test]
fn mistakes_have_their_place_and_their_cure() {
    for (text, error) in [
        ("{}", "config: `config` lacks the key `url`; add `\"url\": …`"),
        (
            r#"{"url":"u","tcp_nodelay":true}"#,
            "config.tcp_nodelay: unknown key `tcp_nodelay`; did you mean `TCP_NODELAY`?",
        ),
        (
            r#"{"url":"u","chunk_size":0}"#,
            "config.chunk_size: `chunk_size` must be an integer from 1 to 16777216, not the integer 0",
        ),
        (
            r#"{"url":"u","chunk_size":"4k"}"#,
            "config.chunk_size: `chunk_size` must be an integer from 1 to 16777216, not the string \"4k\"",
        ),
        (r#"{"url":"u","mode":"sort"}"#, "config.mode: `mode` can't be `sort`"),
        (
            r#"{"url":"u","mode":7}"#,
            "config.mode: `mode` must be `unsorted` or `sorted`, not the integer 7",
        ),
        (
            r#"{"url":"u","nested":{"ration":1}}"#,
            "config.nested.ration: unknown key `ration`; did you mean `ratio`?",
        ),
        (
            r#"{"url":"u","nested":[]}"#,
            "config.nested: `nested` must be a record, not a list",
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), error, "{text}");
    }
}

#[test]
fn the_reference_says_what_is_checked() {
    let shown = |key: &str| {
        let option = Sample::OPTIONS.iter().find(|option| option.key == key).unwrap();
        (option.kind(), option.is_required(), option.default(), option.text)
    };
    assert_eq!(shown("url"), ("string".into(), true, None, " What to listen on.\n"));
    assert_eq!(
        shown("chunk_size"),
        (
            "integer from 1 to 16777216".into(),
            false,
            Some("4096".into()),
            " How many bytes are read\n at once.\n"
        )
    );
    assert_eq!(
        shown("mode"),
        (
            "`unsorted` or `sorted`".into(),
            false,
            Some("\"unsorted\"".into()),
            " The order.\n"
        )
    );
    assert_eq!(
        shown("limit"),
        ("integer of at least 1".into(), false, None, " Off unless given.\n")
    );
    assert_eq!(shown("names").0, "list of strings");
    let nested = Sample::OPTIONS.last().unwrap().inner();
    assert!(matches!(nested, Inner::Record([option]) if option.key == "ratio"));
    let mode = Sample::OPTIONS[3].inner();
    assert!(matches!(mode, Inner::Choices([(_, " As they came.\n"), ("sorted", _)])));
}
