//! Statements: lists of them, and those that define nothing.

use super::super::ast::{
    Artefact, Connect, Const, Create, Deploy, Endpoint, Ident, Node, Path, Select, Statement, Use,
};
use super::super::diagnostic::Report;
use super::super::source::Span;
use super::super::suggest;
use super::super::token::{Keyword, Kind};
use super::{Context, Parsed, Parser, Reported};

/// What statements begin with, for whoever misspells it.
const STATEMENTS: [&str; 7] = ["define", "create", "connect", "deploy", "use", "select", "const"];

impl Parser<'_> {
    /// Statements up to what closes the block (which is left for the caller) or the end of the text.
    pub(super) fn statements(&mut self, context: Context) -> Vec<Statement> {
        let mut statements = Vec::new();
        loop {
            while self.eat(Kind::Semicolon) {}
            if self.closes(context) {
                return statements;
            }
            if context == Context::File && self.at_keyword(Keyword::End) {
                // Of a statement that was given up, an `end` may be left.
                if self.complete {
                    let report = Report::error(self.span(), "this `end` closes nothing")
                        .help("take it away, or look for an `end` too many above");
                    self.report(report);
                }
                self.bump();
                continue;
            }
            let start = self.at;
            self.muffled = false;
            match self.statement(context, &mut statements) {
                Ok(()) => self.separator(context),
                Err(Reported) => self.recover(start),
            }
        }
    }

    /// Whether the block ends here: by its `end`, or by a statement that can only stand outside of it.
    fn closes(&self, context: Context) -> bool {
        use Keyword as K;
        let next = (self.peek(), self.peek_at(1));
        match (context, next) {
            (_, (Kind::End, _)) => true,
            (Context::File, _) => false,
            (Context::Flow | Context::Pipeline, (Kind::Keyword(K::End | K::Deploy), _)) => true,
            (Context::Flow | Context::Pipeline, (Kind::Keyword(K::Define), Kind::Keyword(K::Flow))) => true,
            (Context::Pipeline, (Kind::Keyword(K::Connect), _)) => true,
            (Context::Pipeline, (Kind::Keyword(K::Create | K::Define), Kind::Keyword(K::Connector))) => true,
            (Context::Flow | Context::Pipeline, _) => false,
        }
    }

    fn separator(&mut self, context: Context) {
        if self.eat(Kind::Semicolon) || self.closes(context) {
            return;
        }
        if self.at_statement() || (context == Context::File && self.at_keyword(Keyword::End)) {
            // A block that was not closed ends behind the `;` of its last statement.
            if self.at_statement() && self.previous_kind() != Kind::Semicolon {
                let report = Report::error(self.previous().after(), "a `;` is missing between two statements")
                    .label("expected `;`")
                    .help("write `;` here");
                self.report(report);
            }
            return;
        }
        self.expected("`;`");
        self.recover(self.at);
    }

    fn statement(&mut self, context: Context, out: &mut Vec<Statement>) -> Parsed<()> {
        let Kind::Keyword(keyword) = self.peek() else {
            return self.no_statement(context, out);
        };
        let span = self.span();
        let statement = match keyword {
            Keyword::Use => Statement::Use(self.use_()?),
            Keyword::Const => Statement::Const(self.const_()?),
            Keyword::Define => self.define(context)?,
            Keyword::Create => self.create()?,
            Keyword::Connect => Statement::Connect(self.connect()?),
            Keyword::Deploy => Statement::Deploy(self.deploy()?),
            Keyword::Select => Statement::Select(Box::new(self.select()?)),
            Keyword::Intrinsic if self.built_in => Statement::Intrinsic(self.intrinsic()?),
            Keyword::Fn | Keyword::Intrinsic => self.unavailable_function(),
            Keyword::Let | Keyword::Emit | Keyword::Drop => return Err(self.script_statement(keyword)),
            _ => return Err(self.expected("a statement")),
        };
        let home = match (&statement, context) {
            (Statement::Create(_) | Statement::Connect(_), Context::File) => "`define flow … flow … end`",
            (Statement::Stream(_), Context::File | Context::Flow) => "`define pipeline … pipeline … end`",
            (Statement::Select(_), Context::File | Context::Flow) => "`define pipeline … pipeline … end`",
            _ => {
                out.push(statement);
                return Ok(());
            }
        };
        let report = Report::error(span, format!("`{}` can't stand here", keyword.text()))
            .label("out of place")
            .help(format!("it belongs inside of {home}"));
        self.report(report);
        Ok(())
    }

    /// The next token begins no statement. A misspelt keyword is taken for the one that was meant.
    fn no_statement(&mut self, context: Context, out: &mut Vec<Statement>) -> Parsed<()> {
        if self.peek() == Kind::Ident
            && let Some(meant) = suggest::nearest(self.slice(self.span()), STATEMENTS)
            && let Some(keyword) = Keyword::lookup(meant)
        {
            self.expected_with("a statement", Some(format!("did you mean `{meant}`?")));
            self.tokens[self.at].kind = Kind::Keyword(keyword);
            return self.statement(context, out);
        }
        let what = match context {
            Context::File => "`define`, `deploy`, `use` or `const`",
            Context::Flow => "`define`, `create`, `connect`, `use` or `const`",
            Context::Pipeline => "`select`, `create`, `define`, `use` or `const`",
        };
        Err(self.expected(what))
    }

    fn script_statement(&mut self, keyword: Keyword) -> Reported {
        let report = Report::error(self.span(), format!("`{}` belongs into a script", keyword.text()))
            .help("scripts are not available yet; say with `select … from … into …` what an event becomes");
        self.report(report)
    }

    /// `use a::b as c`, `use a::{b, c::d}`
    fn use_(&mut self) -> Parsed<Vec<Use>> {
        self.bump();
        let mut uses = Vec::new();
        self.use_tree(&mut Vec::new(), &mut uses)?;
        if self.peek() == Kind::Dot || self.peek() == Kind::Slash {
            return Err(self.expected_with("`;`", Some("the names of a module's path are joined by `::`".into())));
        }
        Ok(uses)
    }

    fn use_tree(&mut self, prefix: &mut Vec<Ident>, uses: &mut Vec<Use>) -> Parsed<()> {
        let depth = prefix.len();
        loop {
            let name = self.ident("the name of a module")?;
            if !self.eat(Kind::PathSep) {
                let alias = if self.eat_keyword(Keyword::As) {
                    self.ident("a name")?
                } else {
                    name.clone()
                };
                uses.push(Use {
                    path: Path {
                        modules: prefix.clone(),
                        name,
                    },
                    alias,
                });
                break;
            }
            prefix.push(name);
            if self.eat(Kind::LeftBrace) {
                self.use_list(prefix, uses)?;
                break;
            }
        }
        prefix.truncate(depth);
        Ok(())
    }

    fn use_list(&mut self, prefix: &mut Vec<Ident>, uses: &mut Vec<Use>) -> Parsed<()> {
        while !self.eat(Kind::RightBrace) {
            self.nested(|parser| parser.use_tree(prefix, uses))?;
            if matches!(self.peek(), Kind::Ident | Kind::Quoted) {
                self.missing_comma();
            } else if !self.eat(Kind::Comma) && self.peek() != Kind::RightBrace {
                return Err(self.expected("`,` or `}`"));
            }
        }
        Ok(())
    }

    fn const_(&mut self) -> Parsed<Const> {
        self.bump();
        let name = self.ident("the constant's name")?;
        self.expect(Kind::Assign, "`=`")?;
        Ok(Const {
            name,
            value: self.expression()?,
        })
    }

    fn create(&mut self) -> Parsed<Statement> {
        self.bump();
        let artefact = match self.peek() {
            Kind::Keyword(Keyword::Connector) => Artefact::Connector,
            Kind::Keyword(Keyword::Pipeline) => Artefact::Pipeline,
            Kind::Keyword(Keyword::Stream) => {
                self.bump();
                return Ok(Statement::Stream(self.ident("the stream's name")?));
            }
            Kind::Keyword(Keyword::Script | Keyword::Operator) => return self.create_unavailable(),
            _ => self.misspelt_artefact()?,
        };
        self.bump();
        let name = self.ident(&format!("the {}'s name", artefact.text()))?;
        let from = self.definition_or(&name)?;
        let with = self.optional_with()?;
        Ok(Statement::Create(Create {
            artefact,
            name,
            from,
            with,
        }))
    }

    /// `create conector x`, `create x from y`: said, and understood if possible. The word that stands for
    /// `connector` or `pipeline` is the next one.
    fn misspelt_artefact(&mut self) -> Parsed<Artefact> {
        const WHAT: &str = "`connector`, `pipeline` or `stream`";
        let word = self.slice(self.span()).to_owned();
        if self.peek() == Kind::Ident && matches!(self.peek_at(1), Kind::Ident | Kind::Quoted) {
            for artefact in [Artefact::Connector, Artefact::Pipeline] {
                if suggest::nearest(&word, [artefact.text()]).is_some() {
                    self.expected_with(WHAT, Some(format!("did you mean `{}`?", artefact.text())));
                    return Ok(artefact);
                }
            }
        }
        let help = (self.peek() == Kind::Ident)
            .then(|| format!("write `create connector {word} …` or `create pipeline {word} …`"));
        Err(self.expected_with(WHAT, help))
    }

    fn create_unavailable(&mut self) -> Parsed<Statement> {
        let what = self.bump();
        let what = self.slice(what.span).to_owned();
        let name = self.ident(&format!("the {what}'s name"))?;
        self.definition_or(&name)?;
        self.optional_with()?;
        let report = Report::error(name.span, format!("{what}s are not available yet"))
            .help("say with `select … from … into …` what an event becomes");
        self.report(report);
        Ok(Statement::Unavailable(Some(name)))
    }

    /// `from a::b`, or else `name`.
    fn definition_or(&mut self, name: &Ident) -> Parsed<Path> {
        if self.eat_keyword(Keyword::From) {
            return self.path("the name of a definition");
        }
        Ok(Path {
            modules: Vec::new(),
            name: name.clone(),
        })
    }

    /// `a::b::c`
    pub(super) fn path(&mut self, what: &str) -> Parsed<Path> {
        let mut modules = Vec::new();
        let mut name = self.ident(what)?;
        while self.eat(Kind::PathSep) {
            modules.push(std::mem::replace(&mut name, self.ident("a name")?));
        }
        Ok(Path { modules, name })
    }

    fn deploy(&mut self) -> Parsed<Deploy> {
        self.bump();
        if self.peek() == Kind::Ident && self.peek_at(1) != Kind::Ident {
            let help = format!("write `deploy flow {}`", self.slice(self.span()));
            self.expected_with("`flow`", Some(help));
        } else {
            self.expect_keyword(Keyword::Flow)?;
        }
        let name = self.ident("the flow's name")?;
        let from = self.definition_or(&name)?;
        let with = self.optional_with()?;
        Ok(Deploy { name, from, with })
    }

    fn connect(&mut self) -> Parsed<Connect> {
        self.bump();
        let from = self.endpoint()?;
        self.expect_keyword(Keyword::To)?;
        let to = self.endpoint()?;
        if from.artefact == Artefact::Connector && to.artefact == Artefact::Connector {
            let report = Report::error(from.span.to(to.span), "two connectors can't be connected to each other")
                .label("a pipeline must stand between them")
                .help(format!(
                    "`create pipeline between from pipelines::passthrough;` (and `use tremor::pipelines;`), then \
                     `connect /connector/{} to /pipeline/between;` and `connect /pipeline/between to /connector/{};`",
                    from.name.name, to.name.name
                ));
            self.report(report);
        }
        Ok(Connect { from, to })
    }

    /// `/connector/name/port`
    fn endpoint(&mut self) -> Parsed<Endpoint> {
        const WHAT: &str = "`/connector/NAME` or `/pipeline/NAME`";
        let start = self.span();
        if self.peek() == Kind::Slash {
            self.bump();
        } else {
            let word = self.slice(start);
            let help = match self.peek() {
                Kind::Keyword(Keyword::Connector | Keyword::Pipeline) => format!("write `/{word}/…`"),
                Kind::Ident => format!("write `/connector/{word}` or `/pipeline/{word}`"),
                _ => return Err(self.expected(WHAT)),
            };
            return Err(self.expected_with(WHAT, Some(help)));
        }
        let artefact = match self.peek() {
            Kind::Keyword(Keyword::Connector) => Artefact::Connector,
            Kind::Keyword(Keyword::Pipeline) => Artefact::Pipeline,
            _ => {
                let word = self.slice(self.span());
                let near = suggest::nearest(word, ["connector", "pipeline"]);
                self.expected_with(
                    "`connector` or `pipeline`",
                    near.map(|near| format!("did you mean `{near}`?")),
                );
                match near {
                    Some("connector") => Artefact::Connector,
                    Some(_) => Artefact::Pipeline,
                    None => return Err(Reported),
                }
            }
        };
        self.bump();
        self.expect(Kind::Slash, "`/`")?;
        let name = self.ident(&format!("the {}'s name", artefact.text()))?;
        // Where `to` was forgotten, the next end begins here.
        let next_end = matches!(self.peek_at(1), Kind::Keyword(Keyword::Connector | Keyword::Pipeline))
            && self.peek_at(2) == Kind::Slash;
        let port = if !next_end && self.eat(Kind::Slash) {
            Some(self.ident("the name of a port")?)
        } else {
            None
        };
        Ok(Endpoint {
            artefact,
            name,
            port,
            span: start.to(self.previous()),
        })
    }

    fn select(&mut self) -> Parsed<Select> {
        self.bump();
        let value = self.expression()?;
        self.expect_keyword(Keyword::From)?;
        let from = self.stream("where the events come from (`in`, say)")?;
        if self.peek() == Kind::LeftBracket {
            return Err(self.unavailable("windows are not available yet"));
        }
        let condition = if self.eat_keyword(Keyword::Where) {
            Some(self.expression()?)
        } else {
            None
        };
        if self.at_keyword(Keyword::Group) {
            return Err(self.unavailable("`group by` is not available yet"));
        }
        if self.at_keyword(Keyword::Having) {
            return Err(self.expected_with("`into`", Some("`having` stands behind `into …`".into())));
        }
        self.expect_keyword(Keyword::Into)?;
        let into = self.stream("where the events go (`out`, say)")?;
        let having = if self.eat_keyword(Keyword::Having) {
            Some(self.expression()?)
        } else {
            None
        };
        if self.at_keyword(Keyword::Where) {
            return Err(self.expected_with("`;`", Some("`where` stands before `into …`".into())));
        }
        Ok(Select {
            value,
            from,
            condition,
            into,
            having,
        })
    }

    fn stream(&mut self, what: &str) -> Parsed<Node> {
        let name = self.ident(what)?;
        let port = if self.eat(Kind::Slash) {
            Some(self.ident("the name of a port")?)
        } else {
            None
        };
        Ok(Node { name, port })
    }

    /// The language has it, this program not yet.
    pub(super) fn unavailable(&mut self, message: &str) -> Reported {
        self.unavailable_at(self.span(), message)
    }

    pub(super) fn unavailable_at(&mut self, span: Span, message: &str) -> Reported {
        self.report(Report::error(span, message).label("not available yet"))
    }
}
