//! `remove-empty`: pieces without bytes go no further.

use std::boxed::Box;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage};
use super::super::value::Value;

pub(super) const PAGE: Page = Page {
    summary: "Drops pieces without bytes",
    text: "Empty lines, for example, which most codecs call an error.",
    options: &[],
    examples: &[Example::In {
        title: "Empty lines are no events",
        definition: r#"{"codec": "json", "preprocessors": ["separate", "remove-empty"]}"#,
        messages: &[b"1\n\n2\n"],
        events: &[r#"1"#, r#"2"#],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(RemoveEmpty))
}

struct RemoveEmpty;

impl Stage for RemoveEmpty {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        if !piece.bytes.is_empty() {
            out(Ok(piece));
        }
    }
}
