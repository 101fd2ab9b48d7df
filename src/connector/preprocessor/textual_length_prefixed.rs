//! `textual-length-prefixed`: the length in decimal digits, one white-space character, then as many bytes.

use std::boxed::Box;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::Stage;
use super::super::value::Value;
use super::record::{Header, Records};

pub(super) const PAGE: Page = Page {
    summary: "Cuts the bytes into records with a length in decimal digits in front",
    text: "One white-space character stands between the length and the record. Records may begin and end anywhere in a message.",
    options: &[],
    examples: &[Example::In {
        title: "Two records in one message",
        definition: r#"{"codec": "json", "preprocessors": ["textual-length-prefixed"]}"#,
        messages: &[b"2 125 [1,2]"],
        events: &[r#"12"#, r#"[1,2]"#],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || {
        Box::new(Records::new("textual-length-prefixed", parse))
    })
}

/// A length has at most ten digits: it fits 32 bits.
fn parse(bytes: &[u8]) -> Header {
    const MAX_DIGITS: usize = 10;

    let mut length = 0_u64;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' if index < MAX_DIGITS => length = length * 10 + u64::from(byte - b'0'),
            b' ' | b'\t' | b'\r' | b'\n' if index > 0 && length <= u64::from(u32::MAX) => {
                return Header::Complete {
                    header_bytes: index + 1,
                    body_bytes: length,
                };
            }
            _ => {
                let text = "textual-length-prefixed: a length of at most 4294967295 and a blank were expected; \
                            the rest of the message was dropped";
                return Header::Invalid(text.into());
            }
        }
    }
    Header::Incomplete
}
