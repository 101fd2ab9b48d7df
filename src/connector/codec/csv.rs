//! `csv`: one record of comma-separated values a piece.

use std::boxed::Box;
use std::format;
use std::string::ToString as _;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::StageError;
use super::super::value::Value;
use super::Codec;

/// Fields in one record: a million empty ones are a megabyte of commas.
const MAX_FIELDS: usize = 1 << 20;

pub(super) const PAGE: Page = Page {
    summary: "CSV: one record a piece, as a list of strings",
    text: "
There is no header line: every piece is a record. Put `separate` in front to have one line a piece; a quoted field may hold a line
break only where the whole record is one piece. Of a piece with several records the first is read; one with none (an empty
line) gives no event. Records with more than 1048576 fields are an error event.

On the way out an event must be a list; what isn't a string in it is written as JSON, `null` as nothing. Fields are quoted where
it is needed, and no line break follows: put `separate` behind it.
",
    options: &[],
    examples: &[
        Example::In {
            title: "Lines of a file",
            definition: r#"{"codec": "csv", "preprocessors": ["separate"]}"#,
            messages: &[b"a,\"b, \"\"c\"\"\",1\n\nd\n"],
            events: &[r#"["a","b, \"c\"","1"]"#, r#"["d"]"#],
        },
        Example::Out {
            title: "Lists become lines",
            definition: r#"{"codec": "csv", "postprocessors": ["separate"]}"#,
            values: &[r#"["a", "b, c", 1.5, true]"#],
            chunks: &[b"a,\"b, c\",1.5,true\n"],
        },
    ],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Codec>, ConfigError> {
    plain(path, config, || Box::new(Csv))
}

struct Csv;

impl Codec for Csv {
    fn decode(&mut self, bytes: &[u8], _ingest_ns: u64) -> Result<Option<Value>, StageError> {
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let mut record = ::csv::ByteRecord::new();
        if !reader
            .read_byte_record(&mut record)
            .map_err(|error| format!("csv: {error}"))?
        {
            return Ok(None);
        }
        if record.len() > MAX_FIELDS {
            return Err(format!("csv: a record of more than {MAX_FIELDS} fields").into());
        }
        let mut fields = Vec::with_capacity(record.len());
        for (index, field) in record.iter().enumerate() {
            let text = std::str::from_utf8(field).map_err(|_| format!("csv: field {} is not UTF-8", index + 1))?;
            fields.push(Value::from(text));
        }
        Ok(Some(Value::from(fields)))
    }

    fn encode(&mut self, value: &Value, _meta: &Value, bytes: &mut Vec<u8>) -> Result<(), StageError> {
        let Value::Array(items) = value else {
            return Err(format!("csv: a list was expected, not a value of type {}", value.type_name()).into());
        };
        // A byte order mark at the beginning would be taken for none of the record's.
        let is_marked = items
            .first()
            .and_then(Value::as_str)
            .is_some_and(|text| text.starts_with('\u{feff}'));
        let quotes = if is_marked {
            ::csv::QuoteStyle::Always
        } else {
            ::csv::QuoteStyle::Necessary
        };
        let mut writer = ::csv::WriterBuilder::new()
            .quote_style(quotes)
            .terminator(::csv::Terminator::Any(b'\n'))
            .from_writer(Vec::new());
        let fields = items.iter().map(|item| match item {
            Value::String(text) => text.to_string(),
            Value::Null => "".into(),
            other => other.to_string(),
        });
        writer.write_record(fields).map_err(|error| format!("csv: {error}"))?;
        let written = writer.into_inner().map_err(|error| format!("csv: {error}"))?;
        bytes.extend_from_slice(written.strip_suffix(b"\n").unwrap_or(&written));
        Ok(())
    }
}
