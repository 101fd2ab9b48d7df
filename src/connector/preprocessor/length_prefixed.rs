//! `length-prefixed`: the length as 8 bytes, the highest first, then as many bytes.

use std::boxed::Box;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::Stage;
use super::super::value::Value;
use super::record::{Header, Records};

pub(super) const PAGE: Page = Page {
    summary: "Cuts the bytes into records with a length of 8 bytes in front",
    text: "The length is a 64-bit integer, its highest byte first. Records may begin and end anywhere in a message.",
    options: &[],
    examples: &[Example::In {
        title: "One record in two messages",
        definition: r#"{"codec": "json", "preprocessors": ["length-prefixed"]}"#,
        messages: &[b"\0\0\0\0\0\0\0\x05[1,", b"2]"],
        events: &[r#"[1,2]"#],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(Records::new("length-prefixed", parse)))
}

fn parse(bytes: &[u8]) -> Header {
    match bytes.first_chunk::<8>() {
        Some(length) => Header::Complete {
            header_bytes: 8,
            body_bytes: u64::from_be_bytes(*length),
        },
        None => Header::Incomplete,
    }
}
