//! A page as Markdown, plain enough to be read in a terminal.

use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use super::{Entry, Example, Subject};
use crate::connector::build::{self, CodecUse};
use crate::connector::options::{Inner, OptionDoc};
use crate::connector::value::Value;

/// The width that text is broken at.
const WIDTH: usize = 100;

impl Entry {
    /// The page as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = format!("# {} `{}`\n\n{}.\n", self.subject.title(), self.name, self.page.summary);
        push_text(&mut page, "", self.page.text);
        self.push_ports(&mut page);
        page.push_str("\n## Configuration\n\n");
        self.push_keys(&mut page);
        if self.page.options.is_empty() {
            page.push_str("There is nothing to configure in `config`.\n");
        } else {
            let lead = if self.subject == Subject::Key {
                "One of these keys:\n\n"
            } else {
                "In the record `config`:\n\n"
            };
            page.push_str(lead);
            push_options(&mut page, "", self.page.options);
        }
        if !self.page.examples.is_empty() {
            page.push_str("\n## Examples\n");
            for example in self.page.examples {
                push_example(&mut page, example);
            }
        }
        page
    }

    fn push_ports(&self, page: &mut String) {
        let Some(kind) = self.kind() else { return };
        let ports = kind.ports(&super::super::value::Record::default());
        let names = |ports: &[super::super::Port]| {
            let names: Vec<String> = ports.iter().map(|port| format!("`{}`", port.name())).collect();
            names.join(", ")
        };
        page.push_str("\n## Ports\n\n");
        for (what, ports) in [("takes events on", ports.sinks), ("gives events on", ports.sources)] {
            if !ports.is_empty() {
                page.push_str(&format!("- {what} {}\n", names(ports)));
            }
        }
    }

    /// The keys beside `config`.
    fn push_keys(&self, page: &mut String) {
        let Some(kind) = self.kind() else { return };
        let codec = match kind.codec {
            CodecUse::Required => "Takes a `codec`, which it needs, `preprocessors` and `postprocessors`",
            CodecUse::Optional => "Takes a `codec`, `preprocessors` and `postprocessors`, with which it does nothing",
            CodecUse::Forbidden => "Takes no `codec` and no processors, since it moves no bytes",
        };
        page.push_str(codec);
        let more = if kind.reconnects {
            "; and [`reconnect`](reconnect.md).\n\n"
        } else {
            ".\n\n"
        };
        page.push_str(more);
    }

    fn kind(&self) -> Option<&'static build::Kind> {
        match self.subject {
            Subject::Connector => build::kind(self.name).ok(),
            Subject::Codec | Subject::Preprocessor | Subject::Postprocessor | Subject::Key => None,
        }
    }
}

impl Subject {
    /// What it is called in a heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Connector => "Connector",
            Self::Codec => "Codec",
            Self::Preprocessor => "Preprocessor",
            Self::Postprocessor => "Postprocessor",
            Self::Key => "The key",
        }
    }

    /// What several of them are called, as headings of lists are.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Connector => "Connectors",
            Self::Key => "Keys that connectors share",
            Self::Codec => "Codecs",
            Self::Preprocessor => "Preprocessors",
            Self::Postprocessor => "Postprocessors",
        }
    }

    /// The folder of its pages, below the reference's own.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Codec => "codec",
            Self::Preprocessor => "preprocessor",
            Self::Postprocessor => "postprocessor",
            Self::Key => "connector",
        }
    }
}

/// A list, one key an item; records in records are indented.
fn push_options(page: &mut String, indent: &str, options: &[OptionDoc]) {
    for option in options {
        let mut facts = vec![option.kind()];
        if option.is_required() {
            facts.push("required".into());
        } else if let Some(default) = option.default().filter(|default| default != "{}") {
            facts.push(format!("default `{default}`"));
        }
        let text = format!("**`{}`** ({}): {}", option.key, facts.join(", "), one_line(option.text));
        push_wrapped(page, &format!("{indent}- "), &format!("{indent}  "), &text);
        match option.inner() {
            Inner::None => {}
            Inner::Record(options) => push_options(page, &format!("{indent}  "), options),
            Inner::Choices(choices) => {
                for (name, meaning) in choices {
                    let text = format!("`\"{name}\"`: {}", one_line(meaning));
                    push_wrapped(page, &format!("{indent}  - "), &format!("{indent}    "), &text);
                }
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn push_text(page: &mut String, indent: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    page.push('\n');
    for line in text.trim_matches('\n').lines() {
        page.push_str(format!("{indent}{line}").trim_end());
        page.push('\n');
    }
}

/// Breaks text between words; `first` begins the first line, `later` the others.
fn push_wrapped(page: &mut String, first: &str, later: &str, text: &str) {
    let (mut line, mut is_empty) = (first.to_string(), true);
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            page.push_str(line.trim_end());
            page.push('\n');
            (line, is_empty) = (later.to_string(), true);
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    page.push_str(line.trim_end());
    page.push('\n');
}

fn push_example(page: &mut String, example: &Example) {
    match *example {
        Example::In {
            title,
            definition,
            messages,
            events,
        } => {
            push_title(page, title, definition);
            push_block(page, "What comes in", messages.iter().map(|bytes| shown_bytes(bytes)));
            push_block(page, "The events", events.iter().map(ToString::to_string));
        }
        Example::Out {
            title,
            definition,
            values,
            chunks,
        } => {
            push_title(page, title, definition);
            push_block(page, "The events", values.iter().map(ToString::to_string));
            push_block(page, "What goes out", chunks.iter().map(|bytes| shown_bytes(bytes)));
        }
        Example::Flow { title, text } => {
            page.push_str(&format!("\n### {title}\n\n```troy\n{}\n```\n", text.trim_matches('\n')));
        }
    }
}

fn push_title(page: &mut String, title: &str, definition: &str) {
    page.push_str(&format!("\n### {title}\n\n"));
    let record = crate::connector::value::json::parse(definition.as_bytes());
    let entries: Vec<String> = match &record {
        Ok(Value::Record(record)) => record
            .iter()
            .map(|(key, value)| format!("{key} = {}", spaced(value)))
            .collect(),
        Ok(_) | Err(_) => vec![definition.into()],
    };
    page.push_str(&format!("```troy\nwith {}\n```\n", entries.join(",\n     ")));
}

/// JSON with a blank behind each colon and comma, as people write it.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Record(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), spaced(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Bytes(_) => value.to_string(),
    }
}

/// One piece a line.
fn push_block(page: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    let text = if lines.is_empty() {
        "(nothing)".into()
    } else {
        lines.join("\n")
    };
    page.push_str(&format!("\n{title}:\n\n```\n{text}\n```\n"));
}

/// Text in quotes with the usual escapes, or bytes in hexadecimal.
fn shown_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')) => {
            format!("{text:?}").replace("\\\"", "\"").replace("\\'", "'")
        }
        Ok(_) | Err(_) => {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            digits.join(" ")
        }
    }
}

/// The index of the reference: every page with its summary.
#[must_use]
pub fn index(entries: &[Entry]) -> String {
    let mut page = String::from(
        "# Reference\n\nOne page for each connector, codec and processor: what it does, every key of its \
         configuration, examples. `wsloop doc NAME` prints a page, `wsloop doc` this list. The pages are written by \
         the program itself, from the text that its checks are made of, and the examples are run by tests.\n\nComing \
         from Tremor? [What differs, and why](tremor.md).\n",
    );
    for subject in [
        Subject::Connector,
        Subject::Key,
        Subject::Codec,
        Subject::Preprocessor,
        Subject::Postprocessor,
    ] {
        page.push_str(&format!("\n## {}\n\n", subject.plural()));
        for entry in entries.iter().filter(|entry| entry.subject == subject) {
            let (name, folder) = (entry.name, subject.folder());
            page.push_str(&format!("- [`{name}`]({folder}/{name}.md): {}\n", entry.page.summary));
        }
    }
    page
}
