//! The parts of a page of the reference.

use crate::connector::options::OptionDoc;

/// What the reference says of one connector, codec or processor.
#[derive(Clone, Copy)]
pub struct Page {
    /// What it is, in one line without a full stop.
    pub summary: &'static str,
    /// What it does, edge cases, limits, errors, and where it differs from Tremor; Markdown, headings from `##` on.
    pub text: &'static str,
    /// The keys of its `config`; empty if there is nothing to configure.
    pub options: &'static [OptionDoc],
    /// Each is run by a test.
    pub examples: &'static [Example],
}

/// An example in a page.
#[derive(Clone, Copy)]
pub enum Example {
    /// What comes in, and the events that become of it.
    In {
        /// What it shows, in a line.
        title: &'static str,
        /// The codec and processors, as they stand behind `with`; as JSON: `{"codec": "json", "preprocessors": […]}`.
        definition: &'static str,
        /// The messages, or chunks of a file, in order; then the stream ends.
        messages: &'static [&'static [u8]],
        /// The value of each event as JSON, or `error` for an error event.
        events: &'static [&'static str],
    },
    /// What an event becomes on its way out.
    Out {
        /// What it shows, in a line.
        title: &'static str,
        /// As above.
        definition: &'static str,
        /// The values of the events, as JSON; then the stream ends.
        values: &'static [&'static str],
        /// The chunks: each is a frame, or what is written to a file at once.
        chunks: &'static [&'static [u8]],
    },
    /// A whole flow.
    Flow {
        /// What it shows, in a line.
        title: &'static str,
        /// The text of the `config.troy`.
        text: &'static str,
    },
}
