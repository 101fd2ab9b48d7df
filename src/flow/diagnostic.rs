//! What is wrong with a program: where, what was expected, and what to write instead.

use std::fmt;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::source::{Sources, Span};

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The program can't be deployed.
    Error,
    /// It can, but probably doesn't do what was meant.
    Warning,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the program can run all the same.
    pub severity: Severity,
    /// The file, named as it was given (or as the search path made it).
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column, counted from 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What stands, or was expected, at the place; may be empty.
    pub label: String,
    /// What to write instead, if that is known.
    pub help: Option<String>,
    span: Span,
}

/// All that is wrong with a program, in the order of the files and lines.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    sources: Arc<Sources>,
    all: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No more than this many are kept; the rest follows from the first ones anyway.
    pub const LIMIT: usize = 100;

    pub(crate) fn new(sources: &Arc<Sources>, reports: Vec<Report>) -> Self {
        let mut all: Vec<_> = reports
            .into_iter()
            .map(|report| report.into_diagnostic(sources))
            .collect();
        all.sort_by_key(|diagnostic| diagnostic.span);
        Self {
            sources: Arc::clone(sources),
            all,
        }
    }

    /// The mistakes, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True if nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// For people: each mistake with `file:line:column`, the line itself, a mark under the place, and what to write
    /// instead. With `color`, with the escape sequences of a terminal.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for diagnostic in &self.all {
            out.push_str(&self.render_one(&renderer, diagnostic));
            out.push_str("\n\n");
        }
        out
    }

    fn render_one(&self, renderer: &Renderer, diagnostic: &Diagnostic) -> String {
        let source = self.sources.source(diagnostic.span.source);
        // Only the line itself is given to the renderer, which would look through the whole text each time.
        let (text, start) = source.line(diagnostic.line);
        let from = (diagnostic.span.start as usize - start).min(text.len());
        let to = (diagnostic.span.end as usize - start).clamp(from, text.len());
        let mut annotation = AnnotationKind::Primary.span(from..to);
        if !diagnostic.label.is_empty() {
            annotation = annotation.label(diagnostic.label.as_str());
        }
        let snippet = Snippet::source(text)
            .path(source.path.as_str())
            .line_start(diagnostic.line as usize)
            .annotation(annotation);
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(diagnostic.message.as_str()).element(snippet);
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// A [`Diagnostic`] in the making, which knows its place as a span.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    severity: Severity,
    span: Span,
    message: String,
    label: String,
    help: Option<String>,
}

impl Report {
    /// The program can't run.
    pub(crate) fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span,
            message: message.into(),
            label: String::new(),
            help: None,
        }
    }

    /// It can.
    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    /// What stands, or was expected, at the place.
    pub(crate) fn label(self, label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..self
        }
    }

    /// What to write instead.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// What to write instead, if that is known.
    pub(crate) fn maybe_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    fn into_diagnostic(self, sources: &Sources) -> Diagnostic {
        let (line, column) = sources.line_column(self.span);
        Diagnostic {
            severity: self.severity,
            file: sources.source(self.span.source).path.clone(),
            line,
            column,
            message: shortened(self.message),
            label: shortened(self.label),
            help: self.help.map(shortened),
            span: self.span,
        }
    }
}

/// The text, or its beginning: names of any length may be a part of it.
fn shortened(mut text: String) -> String {
    const SHOWN_CHARS: usize = 600;
    if let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Collects reports.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    all: Vec<Report>,
}

impl Reports {
    /// Keeps a report, unless the same was said of the same place before (a definition may be looked at once by
    /// itself and once for each of its instances), or there are too many already.
    pub(crate) fn push(&mut self, report: Report) {
        let known = self
            .all
            .iter()
            .any(|other| other.span == report.span && other.message == report.message);
        if !known && (self.all.len() < Diagnostics::LIMIT || report.severity == Severity::Error && !self.has_errors()) {
            self.all.push(report);
        }
    }

    /// Whether the program can't run.
    pub(crate) fn has_errors(&self) -> bool {
        self.all.iter().any(|report| report.severity == Severity::Error)
    }

    /// Hands them over.
    pub(crate) fn into_vec(self) -> Vec<Report> {
        self.all
    }
}
