//! Definitions, with their `args` and `with`.

use std::rc::Rc;

use super::super::ast::{Arg, Connector, Flow, Ident, Intrinsic, Pipeline, Statement, With};
use super::super::diagnostic::Report;
use super::super::source::Span;
use super::super::suggest;
use super::super::token::{Keyword, Kind};
use super::{Context, Parsed, Parser, Reported};

const DEFINABLE: &str = "`connector`, `pipeline` or `flow`";

/// What stands between a pipeline's name and its body.
#[derive(Default)]
struct Header {
    from: Option<Vec<Ident>>,
    into: Option<Vec<Ident>>,
    args: Vec<Arg>,
}

impl Parser<'_> {
    pub(super) fn define(&mut self, context: Context) -> Parsed<Statement> {
        let define = self.bump().span;
        let kind = match self.peek() {
            Kind::Keyword(keyword) => keyword,
            Kind::Ident => self.define_without_kind()?,
            _ => return Err(self.expected(DEFINABLE)),
        };
        match kind {
            Keyword::Connector => self.connector_definition().map(|it| Statement::Connector(Rc::new(it))),
            Keyword::Pipeline => self.pipeline_definition().map(|it| Statement::Pipeline(Rc::new(it))),
            Keyword::Flow => {
                let flow = self.flow_definition()?;
                if context != Context::File {
                    let report = Report::error(define, "a flow can't be defined inside of something else")
                        .help("it belongs at the top level of the file");
                    return Err(self.report(report));
                }
                Ok(Statement::Flow(Rc::new(flow)))
            }
            Keyword::Script | Keyword::Operator | Keyword::Window => self.define_unavailable(),
            _ => Err(self.expected(DEFINABLE)),
        }
    }

    /// `define conector x from y`, and `define x out from y`, where a word is missing. Says so, and makes the next
    /// token (or, where it was missing, the one before) what was meant.
    fn define_without_kind(&mut self) -> Parsed<Keyword> {
        let word = self.slice(self.span()).to_owned();
        let near = suggest::nearest(&word, ["connector", "pipeline", "flow", "script", "operator", "window"]);
        if let Some(near) = near
            && matches!(self.peek_at(1), Kind::Ident | Kind::Quoted)
        {
            self.expected_with(DEFINABLE, Some(format!("did you mean `{near}`?")));
            return Keyword::lookup(near).ok_or(Reported);
        }
        // Further names between the first and `from`.
        let names = (1..).take_while(|&ahead| self.peek_at(ahead) == Kind::Ident).count();
        let kind = self.token(names + 2);
        if self.peek_at(names + 1) != Kind::Keyword(Keyword::From)
            || !matches!(kind.kind, Kind::Ident | Kind::Keyword(Keyword::Null))
        {
            return Err(self.expected_with(DEFINABLE, Some(format!("write `define connector {word} …`, say"))));
        }
        let help = format!("write `define connector {word} from {}`", self.slice(kind.span));
        let report = Report::error(self.span(), format!("`define` does not say what `{word}` is"))
            .label(format!("expected {DEFINABLE}"))
            .help(help);
        self.report(report);
        // Goes on as if it had been written so: the tokens `x out from` become `connector x from`.
        let name = self.token(0);
        self.at += names;
        self.tokens[self.at] = name;
        self.at -= 1;
        Ok(Keyword::Connector)
    }

    /// The next token is `connector`, or stands for it.
    fn connector_definition(&mut self) -> Parsed<Connector> {
        self.bump();
        let name = self.ident("the connector's name")?;
        self.expect_keyword(Keyword::From)?;
        // `null` is a kind as well as a keyword.
        let kind = if self.at_keyword(Keyword::Null) {
            self.any_word()
        } else {
            self.ident("a kind of connector (`ws_server`, say)")?
        };
        let args = self.optional_args()?;
        if !self.at_keyword(Keyword::With) && !args.is_empty() {
            return Err(self.expected_with(
                "`with`",
                Some("a connector's `args` are followed by `with … end`".into()),
            ));
        }
        let with = self.optional_with()?;
        Ok(Connector { name, kind, args, with })
    }

    /// The next token is `pipeline`, or stands for it.
    fn pipeline_definition(&mut self) -> Parsed<Pipeline> {
        self.bump();
        let name = self.ident("the pipeline's name")?;
        let header = self.pipeline_header();
        let Header { from, into, args } = match header {
            Ok(header) => header,
            Err(Reported) => self.recover_header(Keyword::Pipeline)?,
        };
        self.expect_keyword(Keyword::Pipeline)?;
        let body = self.block(Context::Pipeline, &name)?;
        Ok(Pipeline {
            name,
            from,
            into,
            args,
            body,
        })
    }

    fn pipeline_header(&mut self) -> Parsed<Header> {
        let from = if self.eat_keyword(Keyword::From) {
            Some(self.port_list()?)
        } else {
            None
        };
        let into = if self.eat_keyword(Keyword::Into) {
            Some(self.port_list()?)
        } else {
            None
        };
        if self.at_keyword(Keyword::From) && into.is_some() {
            return Err(self.expected_with("`pipeline`", Some("`from …` stands before `into …`".into())));
        }
        let args = self.optional_args()?;
        if self.at_keyword(Keyword::Pipeline) {
            return Ok(Header { from, into, args });
        }
        self.expect_keyword(Keyword::Pipeline)?;
        // The keyword was misspelt, and passed over: what follows needs it once more.
        self.at -= 1;
        self.tokens[self.at].kind = Kind::Keyword(Keyword::Pipeline);
        Ok(Header { from, into, args })
    }

    fn port_list(&mut self) -> Parsed<Vec<Ident>> {
        let mut ports = vec![self.ident("the name of a port")?];
        while self.eat(Kind::Comma) {
            if !matches!(self.peek(), Kind::Ident | Kind::Quoted) {
                break;
            }
            ports.push(self.ident("the name of a port")?);
        }
        Ok(ports)
    }

    /// The next token is `flow`, or stands for it.
    fn flow_definition(&mut self) -> Parsed<Flow> {
        self.bump();
        let name = self.ident("the flow's name")?;
        let args = match self.optional_args() {
            Ok(args) => args,
            Err(Reported) => self.recover_header(Keyword::Flow)?,
        };
        if self.at_statement() {
            let help = format!(
                "write `define flow {} flow … end`: the body of a flow stands between them",
                name.name
            );
            self.expected_with("`flow`", Some(help));
        } else {
            self.expect_keyword(Keyword::Flow)?;
        }
        let body = self.block(Context::Flow, &name)?;
        Ok(Flow { name, args, body })
    }

    /// After a mistake in what stands before a body: goes to the keyword that begins the body, if it is near.
    fn recover_header<T: Default>(&mut self, body: Keyword) -> Parsed<T> {
        while !matches!(self.peek(), Kind::End | Kind::Semicolon) && !self.at_statement() {
            if self.at_keyword(body) {
                return Ok(T::default());
            }
            self.bump();
        }
        Err(Reported)
    }

    /// Statements and the `end` behind them.
    fn block(&mut self, context: Context, name: &Ident) -> Parsed<Vec<Statement>> {
        let what = if context == Context::Flow { "flow" } else { "pipeline" };
        let body = self.nested(|parser| Ok(parser.statements(context)))?;
        if self.eat_keyword(Keyword::End) {
            return Ok(body);
        }
        let help = format!("close `define {what} {}` with `end`", name.name);
        let report = if self.peek() == Kind::End {
            self.complete = false;
            Report::error(name.span, format!("the {what} `{}` is never closed", name.name)).label("begins here")
        } else {
            Report::error(
                self.span(),
                format!("the {what} `{}` is not closed before this", name.name),
            )
            .label(format!("can't stand inside of a {what}"))
        };
        self.report(report.help(help));
        // What is missing behind it is missing for the same reason.
        self.muffled = true;
        Ok(body)
    }

    fn optional_args(&mut self) -> Parsed<Vec<Arg>> {
        let mut args = Vec::new();
        if !self.eat_keyword(Keyword::Args) {
            return Ok(args);
        }
        loop {
            let name = self.ident("the name of an argument")?;
            let default = if self.eat(Kind::Assign) {
                Some(self.expression()?)
            } else {
                None
            };
            args.push(Arg { name, default });
            if matches!(self.peek(), Kind::Ident | Kind::Quoted) {
                self.missing_comma();
            } else if !self.eat(Kind::Comma) || !matches!(self.peek(), Kind::Ident | Kind::Quoted) {
                return Ok(args);
            }
        }
    }

    pub(super) fn optional_with(&mut self) -> Parsed<Vec<With>> {
        let mut entries = Vec::new();
        let with = self.span();
        let misspelt = self.peek() == Kind::Ident
            && matches!(self.peek_at(1), Kind::Ident | Kind::Quoted)
            && self.peek_at(2) == Kind::Assign;
        if misspelt {
            self.expect_keyword(Keyword::With)?;
        } else if !self.eat_keyword(Keyword::With) {
            return Ok(entries);
        }
        while !self.eat_keyword(Keyword::End) {
            if matches!(self.peek(), Kind::End | Kind::Semicolon) || self.at_statement() {
                self.unclosed_with(with);
                break;
            }
            match self.with_entry() {
                Ok(entry) => entries.push(entry),
                Err(Reported) => {
                    // A closing bracket, for which none is open here, is passed over: else it would be met for ever.
                    if !self.recover_entry() && self.at_closing_bracket() {
                        self.bump();
                    }
                    continue;
                }
            }
            let next_entry = matches!(self.peek(), Kind::Ident | Kind::Quoted)
                && matches!(self.peek_at(1), Kind::Assign | Kind::Colon);
            if next_entry {
                self.missing_comma();
            } else if !self.eat(Kind::Comma) && !self.ends_with() {
                self.expected("`,` or `end`");
                self.recover_entry();
            }
            if self.at_closing_bracket() {
                self.expected("`,` or `end`");
                self.bump();
            }
        }
        Ok(entries)
    }

    fn at_closing_bracket(&self) -> bool {
        matches!(self.peek(), Kind::RightBrace | Kind::RightBracket | Kind::RightParen)
    }

    fn ends_with(&self) -> bool {
        matches!(self.peek(), Kind::Keyword(Keyword::End) | Kind::End | Kind::Semicolon) || self.at_statement()
    }

    fn unclosed_with(&mut self, with: Span) {
        let report = Report::error(self.previous().after(), "an `end` is missing")
            .label("expected `end`")
            .help(format!(
                "every `with` is closed by `end`; this one is in line {}",
                self.line(with)
            ));
        self.report(report);
    }

    /// The line that a place lies in, counted from 1.
    pub(super) fn line(&self, span: Span) -> usize {
        self.text
            .as_bytes()
            .iter()
            .take(span.start as usize)
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1
    }

    fn with_entry(&mut self) -> Parsed<With> {
        let name = self.ident("a name")?;
        if self.peek() == Kind::Colon {
            let help = "in `with`, names and values are joined by `=`; only in records by `:`";
            self.expected_with("`=`", Some(help.into()));
            self.bump();
        } else {
            self.expect(Kind::Assign, "`=`")?;
        }
        Ok(With {
            name,
            value: self.expression()?,
        })
    }

    /// `intrinsic fn name(a, b) as module::function`
    pub(super) fn intrinsic(&mut self) -> Parsed<Intrinsic> {
        self.bump();
        self.expect_keyword(Keyword::Fn)?;
        let name = self.ident("the function's name")?;
        self.expect(Kind::LeftParen, "`(`")?;
        let mut parameters = Vec::new();
        while !self.eat(Kind::RightParen) {
            parameters.push(self.ident("a parameter")?);
            if !self.eat(Kind::Comma) && self.peek() != Kind::RightParen {
                return Err(self.expected("`,` or `)`"));
            }
        }
        self.expect_keyword(Keyword::As)?;
        let path = self.path("the name of a function in Rust")?;
        let target = self.slice(path.span()).to_owned();
        Ok(Intrinsic {
            name,
            parameters,
            target,
        })
    }

    /// `fn name(…) of … end` and the like: said, and passed over.
    pub(super) fn unavailable_function(&mut self) -> Statement {
        self.unavailable("functions of one's own are not available yet");
        self.eat_keyword(Keyword::Intrinsic);
        self.bump();
        let name = self.ident("the function's name").ok();
        self.skip_block();
        Statement::Unavailable(name)
    }

    /// `define script`, `define operator`, `define window`: said, and passed over.
    fn define_unavailable(&mut self) -> Parsed<Statement> {
        let what = self.bump().span;
        let what = self.slice(what).to_owned();
        let name = self.ident(&format!("the {what}'s name"))?;
        self.unavailable_at(name.span, &format!("{what}s are not available yet"));
        self.skip_block();
        Ok(Statement::Unavailable(Some(name)))
    }

    /// Passes over everything up to the `end` that closes what was begun, with that `end`.
    fn skip_block(&mut self) {
        let mut open = 0_u32;
        loop {
            let of_merge = matches!(self.previous_kind(), Kind::Semicolon | Kind::Keyword(Keyword::Of));
            match self.peek() {
                Kind::End => return,
                Kind::Keyword(Keyword::End) if open == 0 => {
                    self.bump();
                    return;
                }
                Kind::Keyword(Keyword::End) => open -= 1,
                Kind::Keyword(Keyword::Match | Keyword::For | Keyword::Patch | Keyword::Fn) => open += 1,
                // Inside of `patch … end`, `merge` is an operation without an `end` of its own.
                Kind::Keyword(Keyword::Merge) if !of_merge => open += 1,
                Kind::Keyword(Keyword::Deploy | Keyword::Connect | Keyword::Create) => return,
                // A definition without `with … end` has no end either.
                Kind::Semicolon if open == 0 && !self.has_end_before_statement() => return,
                _ => {}
            }
            self.bump();
        }
    }

    pub(super) fn previous_kind(&self) -> Kind {
        self.tokens[self.at.saturating_sub(1)].kind
    }

    /// Whether an `end` comes before the next statement begins.
    fn has_end_before_statement(&self) -> bool {
        for token in &self.tokens[self.at..] {
            match token.kind {
                Kind::Keyword(Keyword::End) => return true,
                Kind::Keyword(
                    Keyword::Define | Keyword::Create | Keyword::Connect | Keyword::Deploy | Keyword::Select,
                ) => return false,
                _ => {}
            }
        }
        false
    }
}
