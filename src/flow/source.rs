//! The texts that a program was read from, and places in them.

/// Names one text in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SourceId(pub(crate) u32);

/// A range of bytes in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Span {
    /// The text.
    pub(crate) source: SourceId,
    /// The first byte.
    pub(crate) start: u32,
    /// The byte behind the last.
    pub(crate) end: u32,
}

impl Span {
    /// From the beginning of `self` to the end of `other`, which lies behind it in the same text.
    pub(crate) fn to(self, other: Self) -> Self {
        Self {
            source: self.source,
            start: self.start,
            end: other.end.max(self.start),
        }
    }

    /// The empty place just behind this one: where something is missing.
    pub(crate) fn after(self) -> Self {
        Self {
            start: self.end,
            ..self
        }
    }
}

/// One text.
#[derive(Debug)]
pub(crate) struct Source {
    /// As diagnostics name it.
    pub(crate) path: String,
    /// The text.
    pub(crate) text: String,
    /// Where each line begins, in bytes.
    line_starts: Vec<u32>,
}

impl Source {
    /// A line, counted from 1, without its end; and the byte at which it begins.
    pub(crate) fn line(&self, line: u32) -> (&str, usize) {
        let start = self
            .line_starts
            .get(line.saturating_sub(1) as usize)
            .map_or(0, |&start| start as usize);
        let rest = self.text.get(start..).unwrap_or("");
        (rest.split('\n').next().unwrap_or("").trim_end_matches('\r'), start)
    }
}

/// All texts of a program.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// Takes a text in.
    pub(crate) fn add(&mut self, path: &str, text: &str) -> SourceId {
        let mut line_starts = vec![0];
        line_starts.extend(
            text.bytes()
                .enumerate()
                .filter(|&(_, byte)| byte == b'\n')
                .map(|(at, _)| at as u32 + 1),
        );
        let id = SourceId(self.all.len() as u32);
        self.all.push(Source {
            path: path.into(),
            text: text.into(),
            line_starts,
        });
        id
    }

    /// A text that was taken in.
    pub(crate) fn source(&self, id: SourceId) -> &Source {
        &self.all[id.0 as usize]
    }

    /// Line and column of a place's beginning, both counted from 1, the column in characters.
    pub(crate) fn line_column(&self, span: Span) -> (u32, u32) {
        let source = self.source(span.source);
        let line = source.line_starts.partition_point(|&start| start <= span.start);
        let line_start = source.line_starts[line - 1] as usize;
        let before = source.text.get(line_start..span.start as usize).unwrap_or("");
        (line as u32, before.chars().count() as u32 + 1)
    }

    /// `file:line:column` of a place's beginning.
    pub(crate) fn place(&self, span: Span) -> String {
        let (line, column) = self.line_column(span);
        std::format!("{}:{line}:{column}", self.source(span.source).path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let mut sources = Sources::default();
        let source = sources.add("a.troy", "äö x\n\ny");
        let place = |start| {
            sources.line_column(Span {
                source,
                start,
                end: start + 1,
            })
        };
        assert_eq!(
            (place(0), place(5), place(7), place(8)),
            ((1, 1), (1, 4), (2, 1), (3, 1))
        );
        assert_eq!(
            sources.place(Span {
                source,
                start: 8,
                end: 9
            }),
            "a.troy:3:1"
        );
    }
}
