use proptest::prelude::*;

use super::*;

/// What comes back of `text`, or `error`.
fn echo(text: &str) -> String {
    rewrite(text.as_bytes(), false)
}

fn rewrite(text: &[u8], sorted: bool) -> String {
    let mut out = Vec::new();
    match parse(text) {
        Ok(value) => write(&value, sorted, &mut out).unwrap(),
        Err(_) => return "error".into(),
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn numbers_keep_their_type_and_their_worth() {
    for (text, expected) in [
        ("1.0", "1.0"),
        ("42.0", "42.0"),
        ("-0.0", "-0.0"),
        ("1e3", "1000.0"),
        ("1e5", "100000.0"),
        ("0.1", "0.1"),
        ("123456789.125", "123456789.125"),
        ("1e15", "1000000000000000.0"),
        ("1e16", "1e16"),
        ("1E+16", "1e16"),
        ("1e21", "1e21"),
        ("100000000000000000000.0", "1e20"),
        ("1e-400", "0.0"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e308"),
        ("-0", "0"),
        ("0", "0"),
        ("9007199254740993", "9007199254740993"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
    ] {
        assert_eq!(echo(text), expected, "{text}");
    }
    assert_eq!(parse(b"-0").unwrap(), Value::Int(0));
    assert_eq!(parse(b"9223372036854775807").unwrap(), Value::Int(i64::MAX));
}

#[test]
fn what_is_not_json_or_not_exact_is_an_error() {
    for (text, at) in [
        ("18446744073709551616", 0),
        ("-9223372036854775809", 0),
        ("[100000000000000000000]", 1),
        ("1e400", 0),
        ("-1e400", 0),
        ("01", 1),
        ("-", 1),
        ("1.", 2),
        (".5", 0),
        ("+1", 0),
        ("1e", 2),
        ("NaN", 0),
        ("nul", 0),
        ("truE", 0),
        ("", 0),
        ("  ", 2),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("[", 1),
        ("{", 1),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("{1:1}", 1),
        ("1 2", 2),
        ("{} x", 3),
        ("]", 0),
        ("\"abc", 4),
        ("\u{feff}1", 0),
        ("'a'", 0),
        ("1\u{a0}", 1),
    ] {
        assert_eq!(parse(text.as_bytes()).map_err(|error| error.at), Err(at), "{text:?}");
    }
    for text in [
        r#""\ud83d""#,
        r#""\ud83dx""#,
        r#""\ud83d\u0041""#,
        r#""\ude00""#,
        r#""\x""#,
        r#""\u12g4""#,
        "\"\n\"",
    ] {
        assert_eq!(echo(text), "error", "{text}");
    }
    for bytes in [&b"\"\xff\""[..], b"\"\xed\xa0\x80\"", b"\xff", b"\0"] {
        assert!(parse(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn the_error_says_what_and_where() {
    let error = parse(br#"{"a":[1,2}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid JSON at byte 9: `,` or `]` was expected, not `}`"
    );
    let error = parse(b"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid JSON at byte 0: a value was expected, not the end of the text"
    );
}

#[test]
fn strings_are_escaped_only_where_they_must_be() {
    for (text, expected) in [
        (r#""\/""#, r#""/""#),
        (r#""\b\f\n\r\t\"\\""#, r#""\b\f\n\r\t\"\\""#),
        (r#""\u0000\u001f""#, r#""\u0000\u001f""#),
        (r#""\ud83d\ude00 \u00e9""#, "\"\u{1f600} \u{e9}\""),
        ("\"\u{7f}\u{2028}\"", "\"\u{7f}\u{2028}\""),
        (r#"["","a"]"#, r#"["","a"]"#),
    ] {
        assert_eq!(echo(text), expected, "{text}");
    }
}

#[test]
fn records_keep_their_order_or_are_sorted_through_and_through() {
    let text = br#" {"b" : 1 , "a":{"z":0,"y":[{"d":1,"c":2}]} ,"b":3}\r\n"#;
    let text = text.strip_suffix(br"\r\n").unwrap();
    assert_eq!(rewrite(text, false), r#"{"b":3,"a":{"z":0,"y":[{"d":1,"c":2}]}}"#);
    assert_eq!(rewrite(text, true), r#"{"a":{"y":[{"c":2,"d":1}],"z":0},"b":3}"#);
    let wide: Vec<String> = (0..100)
        .map(|number| format!("\"k{}\":{number}", (number * 37) % 100))
        .collect();
    let wide = format!("{{{}}}", wide.join(","));
    assert_eq!(echo(&wide), wide);
}

#[test]
fn white_space_around_is_taken() {
    assert_eq!(echo(" \t\r\n[ 1 , 2 ]\n"), "[1,2]");
}

#[test]
fn depth_is_bounded_both_ways() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(echo(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
    assert_eq!(parse(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err().at, MAX_DEPTH);
    for hostile in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "[{\"\":".repeat(100_000),
    ] {
        assert!(parse(hostile.as_bytes()).is_err());
    }
    let deep = (0..MAX_DEPTH).fold(Value::Null, |inner, _| Value::array([inner]));
    assert_eq!(write(&deep, false, &mut Vec::new()), Ok(()));
    let deeper = Value::array([deep]);
    assert_eq!(write(&deeper, false, &mut Vec::new()), Err(WriteError::TooDeep));
    assert!(deeper.to_string().ends_with('…'));
}

#[test]
fn the_number_of_values_is_bounded() {
    let text = format!("[{}0]", "0,".repeat(MAX_VALUES));
    assert!(
        parse(text.as_bytes())
            .unwrap_err()
            .message
            .contains("values in one document")
    );
}

#[test]
fn what_json_has_no_text_for() {
    let mut text = Vec::new();
    write(&Value::from(&b"\xff\x00"[..]), false, &mut text).unwrap();
    assert_eq!(text, br#""/wA=""#);
    assert_eq!(
        write(&Value::Float(f64::INFINITY), false, &mut text),
        Err(WriteError::NotFinite)
    );
    assert_eq!(Value::array([f64::NAN, f64::NEG_INFINITY]).to_string(), "[NaN,-inf]");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |float| float.is_finite())
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..6).prop_map(Value::record),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(value in any_value()) {
        let mut text = Vec::new();
        write(&value, false, &mut text).unwrap();
        prop_assert_eq!(parse(&text).unwrap(), value);
    }

    /// `serde_json` takes and refuses the same texts, but for integers beyond 64 bits, which it rounds.
    #[test]
    fn the_same_texts_are_json_to_another_parser(
        text in r#"([\[\]{},: \n]|"[a\\\\u0d8-]{0,5}"|null|tru[eE]|-?[0-9]{1,3}(\.[0-9]{1,2})?([eE][+-]?[0-9])?){0,12}"#,
    ) {
        let other: Result<serde_json::Value, _> = serde_json::from_str(&text);
        prop_assert_eq!(parse(text.as_bytes()).is_ok(), other.is_ok(), "{}", text);
        if let (Ok(ours), Ok(theirs)) = (parse(text.as_bytes()), other) {
            let again: serde_json::Value = serde_json::from_str(&ours.to_string()).unwrap();
            // The one difference: `-0` is an integer here.
            prop_assert!(again == theirs || text.contains("-0"), "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = parse(&bytes);
    }
}
