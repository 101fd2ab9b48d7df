//! JSON text to values and back: exact 64-bit integers, order kept, every bound finite.

use std::format;
use std::io::Write as _;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hifijson::num::LexWrite as _;
use hifijson::str::LexAlloc as _;
use hifijson::token::Lex as _;
use hifijson::{Read as _, SliceLexer};
use smol_str::SmolStr;

use super::{Record, Value};

/// How deep lists and records may be nested, read or written: far more than data needs, far less than a stack holds.
pub const MAX_DEPTH: usize = 128;

/// How many values one document may hold. Two bytes of text make one value of memory (some 32 bytes, a hundred for
/// an empty record), so the bound on a message's length alone would allow gigabytes.
pub const MAX_VALUES: usize = 4 << 20;

/// Why a text is not JSON, or not JSON that we take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The byte at which it shows, from 0.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "invalid JSON at byte {}: {}", self.at, self.message)
    }
}

impl std::error::Error for ParseError {}

/// A value that JSON has no text for: a number that isn't finite, or nesting beyond [`MAX_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    /// NaN or an infinity.
    NotFinite,
    /// Lists and records are nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl std::fmt::Display for WriteError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFinite => formatter.write_str("JSON has no text for a number that is not finite"),
            Self::TooDeep => write!(formatter, "lists and records are nested deeper than {MAX_DEPTH}"),
        }
    }
}

impl std::error::Error for WriteError {}

/// Reads one JSON document. Of two fields with the same name the last value wins, at the first one's place; `-0` is
/// the integer 0.
///
/// # Errors
/// Whatever isn't exactly one JSON document in UTF-8; integers of more than 64 bits and floats beyond the range of
/// `f64`; lone surrogates; nesting beyond [`MAX_DEPTH`]; more values than [`MAX_VALUES`].
pub fn parse(text: &[u8]) -> Result<Value, ParseError> {
    if text.starts_with(b"\xef\xbb\xbf") {
        return Err(ParseError {
            at: 0,
            message: "a byte order mark where a value was expected".into(),
        });
    }
    let mut parser = Parser {
        lexer: SliceLexer::new(text),
        values_left: MAX_VALUES,
    };
    let result = parser.document();
    let at = text.len() - parser.lexer.as_slice().len();
    result.map_err(|message| ParseError { at, message })
}

/// Appends `value` as compact JSON; `sorted` puts the fields of each record in the order of their names' bytes. Bytes
/// become base64 text.
///
/// # Errors
/// See [`WriteError`]; a part may have been appended.
pub fn write(value: &Value, sorted: bool, text: &mut Vec<u8>) -> Result<(), WriteError> {
    Writer {
        sorted,
        lenient: false,
        text,
    }
    .value(value, 0)
}

/// For people: NaN and infinities by their names, and an ellipsis for what is nested too deep.
pub(super) fn display(value: &Value) -> String {
    let mut text = Vec::new();
    if (Writer {
        sorted: false,
        lenient: true,
        text: &mut text,
    })
    .value(value, 0)
    .is_err()
    {
        text.extend_from_slice("…".as_bytes());
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The lexer stands, when an error comes out, at the byte that the error is about.
struct Parser<'a> {
    lexer: SliceLexer<'a>,
    values_left: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, String> {
        let next = self.expect_some("a value")?;
        let value = self.value(next, 0)?;
        match self.lexer.ws_peek() {
            None => Ok(value),
            Some(byte) => Err(format!("the end of the text was expected, not {}", shown(byte))),
        }
    }

    /// The next byte that isn't white space.
    fn expect_some(&mut self, what: &str) -> Result<u8, String> {
        self.lexer
            .ws_peek()
            .ok_or_else(|| format!("{what} was expected, not the end of the text"))
    }

    fn value(&mut self, next: u8, depth: usize) -> Result<Value, String> {
        self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or_else(|| format!("more than {MAX_VALUES} values in one document"))?;
        match next {
            b'"' => Ok(Value::String(self.string()?)),
            b'-' | b'0'..=b'9' => self.number(),
            b'[' | b'{' if depth == MAX_DEPTH => Err(format!("lists and records are nested deeper than {MAX_DEPTH}")),
            b'[' => self.array(depth + 1),
            b'{' => self.record(depth + 1),
            b'n' | b't' | b'f' => {
                let before = self.lexer.as_slice();
                let word = self.lexer.null_or_bool().ok_or_else(|| {
                    self.lexer = SliceLexer::new(before);
                    "a value was expected, not an unknown word"
                })?;
                Ok(word.map_or(Value::Null, Value::Bool))
            }
            other => Err(format!("a value was expected, not {}", shown(other))),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.lexer.take_next();
        let mut items = Vec::new();
        let mut next = self.expect_some("a value or `]`")?;
        if next != b']' {
            loop {
                items.push(self.value(next, depth)?);
                if self.is_last(b']')? {
                    return Ok(Value::Array(Arc::new(items)));
                }
                next = self.expect_some("a value")?;
            }
        }
        self.lexer.take_next();
        Ok(Value::Array(Arc::new(items)))
    }

    fn record(&mut self, depth: usize) -> Result<Value, String> {
        self.lexer.take_next();
        let mut fields = Record::new();
        let mut next = self.expect_some("a field's name or `}`")?;
        if next != b'}' {
            loop {
                if next != b'"' {
                    return Err(format!("a field's name in quotes was expected, not {}", shown(next)));
                }
                let name = self.string()?;
                match self.expect_some("`:`")? {
                    b':' => self.lexer.take_next(),
                    other => return Err(format!("`:` was expected, not {}", shown(other))),
                };
                let next_value = self.expect_some("a value")?;
                let value = self.value(next_value, depth)?;
                fields.insert(name, value);
                if self.is_last(b'}')? {
                    return Ok(Value::Record(Arc::new(fields)));
                }
                next = self.expect_some("a field's name")?;
            }
        }
        self.lexer.take_next();
        Ok(Value::Record(Arc::new(fields)))
    }

    /// Takes the comma or the end behind an item.
    fn is_last(&mut self, end: u8) -> Result<bool, String> {
        match self.lexer.ws_peek() {
            Some(byte) if byte == end || byte == b',' => {
                self.lexer.take_next();
                Ok(byte == end)
            }
            other => {
                let found = other.map_or_else(|| "the end of the text".into(), shown);
                Err(format!("`,` or `{}` was expected, not {found}", char::from(end)))
            }
        }
    }

    fn string(&mut self) -> Result<SmolStr, String> {
        self.lexer.take_next();
        match self.lexer.str_string() {
            Ok(text) => Ok(SmolStr::from(text)),
            Err(hifijson::str::Error::Control) => Err("a control character in a string; write it as `\\u00..`".into()),
            Err(hifijson::str::Error::Eof) => Err("a string without its closing quote".into()),
            Err(hifijson::str::Error::Utf8(_)) => Err("a string that isn't UTF-8".into()),
            Err(hifijson::str::Error::Escape(error)) => Err(format!("a bad escape in a string: {error}")),
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let before = self.lexer.as_slice();
        let (text, parts) = self
            .lexer
            .num_string()
            .validated()
            .map_err(|_| "a digit was expected in a number")?;
        let number = if parts.is_int() {
            let integer = text
                .parse::<i64>()
                .map(Value::Int)
                .or_else(|_| text.parse::<u64>().map(Value::UInt));
            integer.map_err(|_| format!("an integer of more than 64 bits ({} characters)", text.len()))
        } else {
            match text.parse::<f64>() {
                Ok(float) if float.is_finite() => Ok(Value::Float(float)),
                _ => Err("a number beyond the range of a 64-bit float".into()),
            }
        };
        if number.is_err() {
            self.lexer = SliceLexer::new(before);
        }
        number
    }
}

/// A byte as messages show it.
fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        format!("`{}`", char::from(byte))
    } else {
        format!("byte 0x{byte:02x}")
    }
}

struct Writer<'a> {
    sorted: bool,
    lenient: bool,
    text: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), WriteError> {
        match value {
            Value::Null => self.text.extend_from_slice(b"null"),
            Value::Bool(true) => self.text.extend_from_slice(b"true"),
            Value::Bool(false) => self.text.extend_from_slice(b"false"),
            Value::Int(integer) => self.format(format_args!("{integer}")),
            Value::UInt(integer) => self.format(format_args!("{integer}")),
            // `Debug` gives the shortest text that reads back the same, with an exponent from 1e16 on.
            Value::Float(float) if float.is_finite() || self.lenient => self.format(format_args!("{float:?}")),
            Value::Float(_) => return Err(WriteError::NotFinite),
            Value::String(text) => self.string(text),
            Value::Bytes(bytes) => self.string(&STANDARD.encode(bytes)),
            Value::Array(_) | Value::Record(_) if depth == MAX_DEPTH => return Err(WriteError::TooDeep),
            Value::Array(items) => {
                self.text.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    self.comma(index);
                    self.value(item, depth + 1)?;
                }
                self.text.push(b']');
            }
            Value::Record(fields) => self.record(fields, depth + 1)?,
        }
        Ok(())
    }

    fn record(&mut self, fields: &Record, depth: usize) -> Result<(), WriteError> {
        self.text.push(b'{');
        if self.sorted && !fields.keys().is_sorted() {
            let mut ordered: Vec<_> = fields.iter().collect();
            ordered.sort_unstable_by_key(|(name, _)| *name);
            self.fields(ordered.into_iter(), depth)?;
        } else {
            self.fields(fields.iter(), depth)?;
        }
        self.text.push(b'}');
        Ok(())
    }

    fn fields<'v>(
        &mut self,
        fields: impl Iterator<Item = (&'v SmolStr, &'v Value)>,
        depth: usize,
    ) -> Result<(), WriteError> {
        for (index, (name, value)) in fields.enumerate() {
            self.comma(index);
            self.string(name);
            self.text.push(b':');
            self.value(value, depth)?;
        }
        Ok(())
    }

    fn format(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to memory can't fail.
        let _ = self.text.write_fmt(arguments);
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.text.push(b',');
        }
    }

    /// In quotes. Only what must be escaped is; everything else, DEL included, stays as it is.
    fn string(&mut self, text: &str) {
        self.text.push(b'"');
        let bytes = text.as_bytes();
        let mut plain_from = 0;
        for (index, byte) in bytes.iter().enumerate() {
            if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
                continue;
            }
            self.text.extend_from_slice(&bytes[plain_from..index]);
            plain_from = index + 1;
            let letter = match byte {
                b'"' | b'\\' => *byte,
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                _ => {
                    self.format(format_args!("\\u{byte:04x}"));
                    continue;
                }
            };
            self.text.extend_from_slice(&[b'\\', letter]);
        }
        self.text.extend_from_slice(&bytes[plain_from..]);
        self.text.push(b'"');
    }
}

#[cfg(test)]
mod tests {
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
}
