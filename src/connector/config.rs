//! Mistakes in a connector's definition, and reading the records of a definition into plain serde structs.

mod de;

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use serde::de::DeserializeOwned;
use smol_str::SmolStr;

use super::value::Value;
use de::{Fault, ReadError};

/// One step of the way to a place in a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Into the field of a record.
    Key(SmolStr),
    /// Into an item of a list, counted from 0.
    Index(usize),
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Self::Key(key.into())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Which part of the place that a path leads to is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The key itself: nobody knows it.
    Key,
    /// What is written behind the key (or in the list).
    Value,
}

/// A mistake in a connector's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it is: the first step is a key behind `with` (`codec`, `config`, `preprocessors` and their like). Empty
    /// if the definition as a whole is at fault: something is missing, or its kind is unknown.
    pub path: Vec<Segment>,
    /// Whether the key at the end of the path is meant, or what it holds.
    pub at: At,
    /// What is wrong, in one line that can stand alone.
    pub message: String,
    /// What would be right there.
    pub expected: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
}

impl ConfigError {
    /// A mistake in the value at `path`, such as `["config", "url"]`.
    pub fn new<S: Into<Segment>>(path: impl IntoIterator<Item = S>, message: impl Into<String>) -> Self {
        let path = path.into_iter().map(Into::into).collect();
        Self {
            path,
            at: At::Value,
            message: message.into(),
            expected: None,
            help: None,
        }
    }

    /// A mistake of the definition as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self::new::<Segment>([], message)
    }

    /// The same, about the key at the end of the path.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.at = At::Key;
        self
    }

    /// The same, telling what would be right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same, telling what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, segment) in self.path.iter().enumerate() {
            match segment {
                Segment::Key(key) if index > 0 => write!(formatter, ".{key}")?,
                Segment::Key(key) => formatter.write_str(key)?,
                Segment::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(formatter, "{colon}{}", self.message)?;
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Reads what a definition holds at `path` into a serde type; `deny_unknown_fields` on its structs makes misspelt
/// keys errors with a suggestion.
///
/// # Errors
/// The first mistake, with the place and what would be right there.
pub fn read<T: DeserializeOwned>(path: &[Segment], value: &Value) -> Result<T, ConfigError> {
    T::deserialize(de::Reader(value)).map_err(|error| explain(path, error))
}

/// Reads the `config` record of a definition; without one, every default is taken, and a key that has none is asked
/// for.
///
/// # Errors
/// The first mistake.
pub fn read_config<T: DeserializeOwned>(config: Option<&Value>) -> Result<T, ConfigError> {
    let path = [Segment::from("config")];
    match config {
        Some(config) => read(&path, config),
        None => read(&path, &Value::record::<&str, Value>([])).map_err(|mut error: ConfigError| {
            error.path.clear();
            error.message = format!("`config` is missing: {}", error.message);
            error
        }),
    }
}

/// The known name that somebody who wrote `wrong` most likely meant.
pub fn suggest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
    let wrong = plain(wrong);
    let distance = |name: &str| strsim::osa_distance(&wrong, &plain(name));
    let (distance, name) = known
        .into_iter()
        .map(|name| (distance(name), name))
        .min_by_key(|(distance, _)| *distance)?;
    // A third of the letters wrong is about where a suggestion begins to puzzle more than it helps.
    (distance <= wrong.chars().count().max(3) / 3).then_some(name)
}

/// `did you mean …`, if there is something alike.
pub(super) fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    suggest(wrong, known).map(|name| format!("did you mean `{name}`?"))
}

/// `` `a`, `b` or `c` ``
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "nothing".into(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// From serde's words to ours.
fn explain(path: &[Segment], error: ReadError) -> ConfigError {
    let ReadError { path: inner, fault } = error;
    let path: Vec<Segment> = path.iter().cloned().chain(inner.into_iter().rev()).collect();
    let subject = subject(&path);
    let at = if matches!(fault, Fault::UnknownKey { .. }) {
        At::Key
    } else {
        At::Value
    };
    let (message, expected, help) = match fault {
        Fault::UnknownKey { key, known } => (
            format!("unknown key `{key}`"),
            Some(if known.is_empty() {
                "no key at all".into()
            } else {
                list(known.iter().copied())
            }),
            did_you_mean(&key, known.iter().copied()),
        ),
        Fault::MissingKey(key) => (
            format!("{subject} lacks the key `{key}`"),
            Some(format!("`{key}`")),
            Some(format!("add `\"{key}\": …`")),
        ),
        Fault::UnknownVariant { variant, known } => (
            format!("{subject} can't be `{variant}`"),
            Some(list(known.iter().copied())),
            did_you_mean(&variant, known.iter().copied()),
        ),
        Fault::Wrong { found, expected } => (
            format!("{subject} must be {expected}, not {found}"),
            Some(expected),
            None,
        ),
        Fault::Custom(text) => (format!("{subject}: {text}"), None, None),
    };
    ConfigError {
        path,
        at,
        message,
        expected,
        help,
    }
}

/// How a message calls what is at `path`.
fn subject(path: &[Segment]) -> String {
    match path {
        [] => "the definition".into(),
        [.., Segment::Key(key)] => format!("`{key}`"),
        [.., Segment::Key(key), Segment::Index(index)] => format!("item {} of `{key}`", index + 1),
        [.., Segment::Index(index)] => format!("item {}", index + 1),
    }
}

/// A value as a message calls it that says what was found.
pub(super) fn found(value: &Value) -> String {
    de::found_value(value)
}

/// For tests and for the log: every mistake on its own line.
#[must_use]
pub fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::super::value::json;
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        url: String,
        #[serde(default)]
        chunk_size: Option<u16>,
        #[serde(default)]
        options: Options,
        #[serde(default)]
        mode: Mode,
        #[serde(default)]
        retry: Option<Retry>,
        #[serde(default)]
        names: Vec<String>,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        rate: f64,
        #[serde(default)]
        rest: Value,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Options {
        #[serde(rename = "TCP_NODELAY")]
        no_delay: bool,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        #[default]
        Read,
        Write,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase", deny_unknown_fields)]
    enum Retry {
        None,
        Every { ms: u64 },
    }

    fn sample(text: &str) -> Result<Sample, ConfigError> {
        read_config(Some(&json::parse(text.as_bytes()).unwrap()))
    }

    #[test]
    fn a_right_record_is_read() {
        let read = sample(
            r#"{"url":"u","chunk_size":7,"options":{"TCP_NODELAY":true},"mode":"write","retry":{"every":{"ms":5}},
                "names":["a"],"headers":{"x":"y"},"rate":2,"rest":{"a":[1,2.5,null]}}"#,
        )
        .unwrap();
        assert_eq!(read.chunk_size, Some(7));
        assert!(read.options.no_delay);
        assert_eq!(read.mode, Mode::Write);
        assert_eq!(read.retry, Some(Retry::Every { ms: 5 }));
        assert_eq!(
            (read.rate, read.rest.to_string()),
            (2.0, r#"{"a":[1,2.5,null]}"#.into())
        );
        assert_eq!(
            sample(r#"{"url":"u","retry":{"none":null}}"#).unwrap().retry,
            Some(Retry::None)
        );
        assert_eq!(sample(r#"{"url":"u","retry":null}"#).unwrap().retry, None);
    }

    #[test]
    fn mistakes_name_the_place_and_the_cure() {
        for (text, place, at, message, help) in [
            (
                r#"{"url":"u","chunk":1}"#,
                "config.chunk",
                At::Key,
                "unknown key `chunk`",
                None,
            ),
            (
                r#"{"url":"u","options":{"tcp_nodelay":true}}"#,
                "config.options.tcp_nodelay",
                At::Key,
                "unknown key `tcp_nodelay`",
                Some("did you mean `TCP_NODELAY`?"),
            ),
            (
                r#"{}"#,
                "config",
                At::Value,
                "`config` lacks the key `url`",
                Some("add `\"url\": …`"),
            ),
            (
                r#"{"url":1}"#,
                "config.url",
                At::Value,
                "`url` must be a string, not the integer 1",
                None,
            ),
            (
                r#"{"url":"u","chunk_size":65536}"#,
                "config.chunk_size",
                At::Value,
                "`chunk_size` must be an integer from 0 to 65535, not the integer 65536",
                None,
            ),
            (
                r#"{"url":"u","mode":"wirte"}"#,
                "config.mode",
                At::Value,
                "`mode` can't be `wirte`",
                Some("did you mean `write`?"),
            ),
            (
                r#"{"url":"u","retry":{"evry":{}}}"#,
                "config.retry.evry",
                At::Key,
                "unknown key `evry`",
                Some("did you mean `every`?"),
            ),
            (
                r#"{"url":"u","retry":{"every":{"ms":-1}}}"#,
                "config.retry.every.ms",
                At::Value,
                "`ms` must be an integer of at least 0, not the integer -1",
                None,
            ),
            (
                r#"{"url":"u","retry":"every"}"#,
                "config.retry",
                At::Value,
                "`retry` must be a record, not null",
                None,
            ),
            (
                r#"{"url":"u","retry":{"none":null,"every":{"ms":1}}}"#,
                "config.retry",
                At::Value,
                "`retry` must be a record with exactly one of the keys `none` or `every`, not a record of 2 fields",
                None,
            ),
            (
                r#"{"url":"u","names":["a",2]}"#,
                "config.names[1]",
                At::Value,
                "item 2 of `names` must be a string, not the integer 2",
                None,
            ),
            (
                r#"[]"#,
                "config",
                At::Value,
                "`config` must be a record, not a list",
                None,
            ),
        ] {
            let error = sample(text).unwrap_err();
            assert_eq!(error.message, message);
            assert_eq!(error.to_string().split(": ").next(), Some(place), "{text}");
            assert_eq!((error.at, error.help.as_deref()), (at, help), "{text}");
        }
    }

    #[test]
    fn no_config_asks_for_what_has_no_default() {
        let error = read_config::<Sample>(None).unwrap_err();
        assert_eq!(error.message, "`config` is missing: `config` lacks the key `url`");
        assert_eq!(error.path, []);
    }

    #[test]
    fn suggestions_are_close_or_absent() {
        let known = ["json", "string", "binary", "length-prefixed"];
        assert_eq!(suggest("jsno", known), Some("json"));
        assert_eq!(suggest("JSON", known), Some("json"));
        assert_eq!(suggest("length_prefixd", known), Some("length-prefixed"));
        assert_eq!(
            suggest("lengthprefixed", ["l-e-n-g-t-h_prefixed"]),
            Some("l-e-n-g-t-h_prefixed")
        );
        assert_eq!(suggest("avro", known), None);
        assert_eq!(suggest("", known), None);
    }
}
