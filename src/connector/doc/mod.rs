//! What the reference says: of each connector, codec and processor one page, kept beside its code.

mod page;
mod render;

use std::vec::Vec;

pub use page::{Example, Page};
pub use render::index;

use super::{build, codec, postprocessor, preprocessor, reconnect};

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// What events come from and go to.
    Connector,
    /// A key behind `with` that several connectors take.
    Key,
    /// From bytes to a value, and back.
    Codec,
    /// Before the codec, on the way in.
    Preprocessor,
    /// Behind the codec, on the way out.
    Postprocessor,
}

/// A page, and what it is about.
#[derive(Clone, Copy)]
pub struct Entry {
    /// What kind of thing it is about.
    pub subject: Subject,
    /// The name in a definition.
    pub name: &'static str,
    /// What is to be said.
    pub page: &'static Page,
}

/// Every page: connectors first, each group in the order of its table.
#[must_use]
pub fn pages() -> Vec<Entry> {
    let entry = |subject, name, page| Entry { subject, name, page };
    let connectors = build::kinds()
        .iter()
        .map(|kind| entry(Subject::Connector, kind.name, kind.page()));
    let keys = [entry(Subject::Key, "reconnect", &reconnect::PAGE)];
    let codecs = codec::TABLE
        .iter()
        .map(|line| entry(Subject::Codec, line.name, line.page));
    let preprocessors = preprocessor::TABLE
        .iter()
        .map(|line| entry(Subject::Preprocessor, line.name, line.page));
    let postprocessors = postprocessor::TABLE
        .iter()
        .map(|line| entry(Subject::Postprocessor, line.name, line.page));
    connectors
        .chain(keys)
        .chain(codecs)
        .chain(preprocessors)
        .chain(postprocessors)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};
    use std::vec::Vec;

    use super::super::Value;
    use super::super::testing::{read_all, value, writer};
    use super::*;

    #[test]
    fn what_comes_in_gives_the_events_that_the_page_shows() {
        for Entry { name, page, .. } in pages() {
            for example in page.examples {
                if let Example::In {
                    title,
                    definition,
                    messages,
                    events,
                } = example
                {
                    assert_eq!(read_all(definition, *messages), *events, "{name}: {title}");
                }
            }
        }
    }

    #[test]
    fn events_become_the_chunks_that_the_page_shows() {
        for Entry { name, page, .. } in pages() {
            for example in page.examples {
                if let Example::Out {
                    title,
                    definition,
                    values,
                    chunks,
                } = example
                {
                    let mut writer = writer(definition);
                    let mut written: Vec<Vec<u8>> = Vec::new();
                    for text in *values {
                        let result =
                            writer.write(&value(text), &Value::Null, 5, &mut |chunk| written.push(chunk.to_vec()));
                        assert_eq!(result, Ok(()), "{name}: {title}");
                    }
                    writer.finish(5, &mut |chunk| written.push(chunk.to_vec())).unwrap();
                    let text = |chunk: &[u8]| chunk.escape_ascii().to_string();
                    let written: Vec<String> = written.iter().map(|chunk| text(chunk)).collect();
                    let chunks: Vec<String> = chunks.iter().map(|chunk| text(chunk)).collect();
                    assert_eq!(written, chunks, "{name}: {title}");
                }
            }
        }
    }
}
