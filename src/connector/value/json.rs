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

use super::{Record, Value, record_with_room};

/// How deep lists and records may be nested, read or written: far more than data needs, far less than a stack holds.
pub const MAX_DEPTH: usize = 128;

/// How many values one document may hold. Two bytes of text make one value of memory (some 32 bytes, a hundred for
/// an empty record), so the bound on a message's length alone would allow gigabytes.
pub const MAX_VALUES: usize = 4 << 20;

/// So many fields find room in the outermost record before it grows: as many as a hash table of eight places takes.
const USUAL_FIELDS: usize = 7;

/// And in those inside, of which one document may hold millions.
const FEW_FIELDS: usize = 3;

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
        let mut next = self.expect_some("a field's name or `}`")?;
        if next == b'}' {
            self.lexer.take_next();
            return Ok(Value::Record(Arc::default()));
        }
        let mut fields = record_with_room(if depth == 1 { USUAL_FIELDS } else { FEW_FIELDS });
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
mod tests;
