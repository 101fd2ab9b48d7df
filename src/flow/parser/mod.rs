//! Tokens to statements, by recursive descent.
//!
//! A mistake is reported where it is found; then the parser goes on at the next entry, statement or block, so that
//! one run shows several of them. How deep expressions and blocks may lie within one another is bounded
//! ([`MAX_DEPTH`], [`MAX_HEIGHT`]): whoever walks the result may recurse.

mod define;
mod expression;
mod pattern;
mod statement;
mod text;

use super::ast::{Ident, Statement};
use super::diagnostic::{Report, Reports};
use super::lexer::{self, Token};
use super::source::{SourceId, Span};
use super::token::{Keyword, Kind};

/// How many blocks, brackets and operands may be open at once: each costs some kilobytes of stack.
pub(crate) const MAX_DEPTH: u32 = 128;

/// How many expressions may lie within one another; longer than [`MAX_DEPTH`], since a row of `+` is one inside the
/// other.
pub(crate) const MAX_HEIGHT: u16 = 256;

/// Reads a text. What is wrong with it goes to `reports`; what could be understood all the same comes back, and
/// whether that is all of it.
/// `built_in`: the text is one of ours, and may declare functions that are written in Rust.
pub(crate) fn parse(source: SourceId, text: &str, built_in: bool, reports: &mut Reports) -> (Vec<Statement>, bool) {
    let tokens = lexer::tokens(source, text, 0, reports);
    let mut parser = Parser {
        text,
        tokens,
        at: 0,
        depth: 0,
        built_in,
        gave_up: false,
        complete: true,
        muffled: false,
        reports,
    };
    let statements = parser.statements(Context::File);
    (statements, parser.complete)
}

/// A mistake was reported; the caller goes on at the next place that it understands.
#[derive(Debug, Clone, Copy)]
struct Reported;

type Parsed<T> = Result<T, Reported>;

/// What a statement stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    File,
    Flow,
    Pipeline,
}

struct Parser<'a> {
    /// The whole text, not only the part that `tokens` are of.
    text: &'a str,
    /// The last one is [`Kind::End`].
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    built_in: bool,
    /// Something was too deep: the rest is not looked at, and what is missing there is not reported.
    gave_up: bool,
    /// Nothing had to be passed over.
    complete: bool,
    /// Something in this statement is [`Kind::Broken`], and a string that was not closed has swallowed what stood behind
    /// it on its line: what is missing in the statement is not reported.
    muffled: bool,
    reports: &'a mut Reports,
}

impl Parser<'_> {
    fn token(&self, ahead: usize) -> Token {
        self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> Kind {
        self.token(0).kind
    }

    fn peek_at(&self, ahead: usize) -> Kind {
        self.token(ahead).kind
    }

    fn span(&self) -> Span {
        self.token(0).span
    }

    /// The last token that was taken.
    fn previous(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    fn bump(&mut self) -> Token {
        let token = self.token(0);
        if token.kind == Kind::Broken {
            self.muffled = true;
            self.complete = false;
        }
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn eat(&mut self, kind: Kind) -> bool {
        let found = self.peek() == kind;
        if found {
            self.bump();
        }
        found
    }

    fn at_keyword(&self, keyword: Keyword) -> bool {
        self.peek() == Kind::Keyword(keyword)
    }

    fn eat_keyword(&mut self, keyword: Keyword) -> bool {
        self.eat(Kind::Keyword(keyword))
    }

    /// Whether nothing stands between the next token and the one behind it.
    fn adjacent(&self) -> bool {
        self.token(0).span.end == self.token(1).span.start
    }

    fn report(&mut self, report: Report) -> Reported {
        if !self.gave_up && !self.muffled {
            self.reports.push(report);
        }
        Reported
    }

    /// The next token, as diagnostics name it.
    fn found(&self) -> String {
        match self.peek() {
            Kind::End => "the end of the text".into(),
            Kind::String | Kind::Heredoc => "a string".into(),
            _ => {
                let keyword = if matches!(self.peek(), Kind::Keyword(_)) {
                    "the keyword "
                } else {
                    ""
                };
                format!("{keyword}`{}`", self.slice(self.span()))
            }
        }
    }

    /// Something else stands where `what` should.
    fn expected(&mut self, what: &str) -> Reported {
        self.expected_with(what, None)
    }

    fn expected_with(&mut self, what: &str, help: Option<String>) -> Reported {
        if self.peek() == Kind::Broken {
            self.muffled = true;
            return Reported;
        }
        let span = if self.peek() == Kind::End {
            self.previous().after()
        } else {
            self.span()
        };
        let message = format!("expected {what}, found {}", self.found());
        // A name with a hyphen in it is the most common reason for a sign in a place where none fits.
        let hyphen = self.peek() == Kind::Minus && self.previous().end == self.span().start;
        let help = help.or_else(|| hyphen.then(|| "names consist of letters, digits and `_`".into()));
        self.report(
            Report::error(span, message)
                .label(format!("expected {what}"))
                .maybe_help(help),
        )
    }

    fn expect(&mut self, kind: Kind, what: &str) -> Parsed<Span> {
        if self.peek() == kind {
            Ok(self.bump().span)
        } else {
            Err(self.expected(what))
        }
    }

    fn expect_keyword(&mut self, keyword: Keyword) -> Parsed<Span> {
        if self.at_keyword(keyword) {
            return Ok(self.bump().span);
        }
        let misspelt = self.peek() == Kind::Ident
            && super::suggest::nearest(self.slice(self.span()), [keyword.text()]).is_some()
            && !matches!(self.peek_at(1), Kind::Assign | Kind::Colon);
        let help = misspelt.then(|| format!("did you mean `{}`?", keyword.text()));
        let reported = self.expected_with(&format!("`{}`", keyword.text()), help);
        // Whoever misspells a keyword is understood.
        if misspelt { Ok(self.bump().span) } else { Err(reported) }
    }

    fn missing_comma(&mut self) {
        let report = Report::error(self.previous().after(), "a comma is missing between two entries")
            .label("expected `,`")
            .help("write `,` here");
        self.report(report);
    }

    /// A name. `what` says of what, for the diagnostic.
    fn ident(&mut self, what: &str) -> Parsed<Ident> {
        match self.peek() {
            Kind::Ident | Kind::Quoted => Ok(self.any_word()),
            Kind::Keyword(keyword) => {
                let in_path = self.peek_at(1) == Kind::PathSep;
                if in_path && matches!(keyword, Keyword::Connector | Keyword::Pipeline) {
                    return Err(self.expected_with(what, Some(format!("did you mean `{}s::`?", keyword.text()))));
                }
                let help = format!("to use it as a name, put it in back-ticks: `` `{}` ``", keyword.text());
                let reported = self.expected_with(what, Some(help));
                // Before a `=` nothing but a name can be meant.
                if self.peek_at(1) == Kind::Assign {
                    Ok(self.any_word())
                } else {
                    Err(reported)
                }
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A name where keywords can't be meant: behind a dot, say.
    fn field_name(&mut self) -> Parsed<Ident> {
        match self.peek() {
            Kind::Ident | Kind::Quoted | Kind::Keyword(_) => Ok(self.any_word()),
            _ => Err(self.expected("the name of a field")),
        }
    }

    fn any_word(&mut self) -> Ident {
        let span = self.bump().span;
        Ident {
            name: self.slice(span).trim_matches('`').into(),
            span,
        }
    }

    /// One level deeper, or a report that it is too deep.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            let report = Report::error(
                self.span(),
                format!("more than {MAX_DEPTH} levels lie within one another"),
            )
            .label("too deep")
            .help("give inner parts a name of their own (`const`)");
            self.report(report);
            self.at = self.tokens.len() - 1;
            self.gave_up = true;
            return Err(Reported);
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Whether a statement begins here.
    fn at_statement(&self) -> bool {
        use Keyword as K;
        matches!(
            self.peek(),
            Kind::Keyword(K::Define | K::Create | K::Connect | K::Deploy | K::Use | K::Select | K::Const | K::Fn)
        )
    }

    /// Goes to where the statement that began at token `start` probably ends.
    fn recover(&mut self, start: usize) {
        self.complete = false;
        if self.at == start {
            self.bump();
        }
        let mut open = 0_u32;
        for token in &self.tokens[start..self.at] {
            match token.kind {
                kind if opens_block(kind) => open += 1,
                Kind::Keyword(Keyword::End) => open = open.saturating_sub(1),
                _ => {}
            }
        }
        loop {
            match self.peek() {
                Kind::End | Kind::Semicolon => return,
                Kind::Keyword(Keyword::End) if open == 0 => return,
                Kind::Keyword(Keyword::End) => open -= 1,
                kind if opens_block(kind) => open += 1,
                _ if self.at_statement() => return,
                _ => {}
            }
            self.bump();
        }
    }

    /// Goes behind the next comma of this list (true), or to what ends it (false).
    fn recover_entry(&mut self) -> bool {
        self.complete = false;
        let mut brackets = 0_u32;
        loop {
            match self.peek() {
                Kind::End | Kind::Semicolon | Kind::Keyword(Keyword::End) => return false,
                _ if self.at_statement() => return false,
                Kind::Comma if brackets == 0 => {
                    self.bump();
                    return true;
                }
                Kind::LeftParen | Kind::LeftBracket | Kind::LeftBrace => brackets += 1,
                Kind::RightParen | Kind::RightBracket | Kind::RightBrace if brackets == 0 => return false,
                Kind::RightParen | Kind::RightBracket | Kind::RightBrace => brackets -= 1,
                _ => {}
            }
            self.bump();
        }
    }
}

/// Whether an `end` belongs to this.
fn opens_block(kind: Kind) -> bool {
    use Keyword as K;
    matches!(kind, Kind::Keyword(K::With | K::Match | K::For | K::Patch))
}

#[cfg(test)]
mod tests;
