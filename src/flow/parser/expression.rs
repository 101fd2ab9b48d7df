//! Expressions, by precedence.

use crate::connector::Value;

use super::super::ast::{Binary, Case, Expr, ExprKind, Field, FieldTest, Match, Pattern, Piece, Root, Step, Unary};
use super::super::diagnostic::Report;
use super::super::source::Span;
use super::super::token::{Keyword, Kind};
use super::{MAX_HEIGHT, Parsed, Parser, Reported};

/// Operators and how strongly they bind; 1 is the loosest.
fn binary_operator(kind: Kind) -> Option<(Binary, u8)> {
    Some(match kind {
        Kind::Keyword(Keyword::Or) => (Binary::Or, 1),
        Kind::Keyword(Keyword::Xor) => (Binary::Xor, 2),
        Kind::Keyword(Keyword::And) => (Binary::And, 3),
        Kind::Caret => (Binary::BitXor, 4),
        Kind::Ampersand => (Binary::BitAnd, 5),
        Kind::Equal => (Binary::Equal, 6),
        Kind::NotEqual => (Binary::NotEqual, 6),
        Kind::GreaterEqual => (Binary::GreaterEqual, 7),
        Kind::Greater => (Binary::Greater, 7),
        Kind::LessEqual => (Binary::LessEqual, 7),
        Kind::Less => (Binary::Less, 7),
        Kind::ShiftRight => (Binary::ShiftRight, 8),
        Kind::ShiftRightUnsigned => (Binary::ShiftRightUnsigned, 8),
        Kind::ShiftLeft => (Binary::ShiftLeft, 8),
        Kind::Plus => (Binary::Add, 9),
        Kind::Minus => (Binary::Subtract, 9),
        Kind::Star => (Binary::Multiply, 10),
        Kind::Slash => (Binary::Divide, 10),
        Kind::Percent => (Binary::Modulo, 10),
        _ => return None,
    })
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.binary(1))
    }

    fn binary(&mut self, loosest: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        while let Some((operator, level)) = binary_operator(self.peek())
            && level >= loosest
        {
            let sign = self.bump().span;
            let right = self.nested(|parser| parser.binary(level + 1))?;
            let span = left.span.to(right.span);
            left = self.node(ExprKind::Binary(operator, sign, Box::new((left, right))), span)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let operator = match self.peek() {
            Kind::Plus => Unary::Plus,
            Kind::Minus => Unary::Minus,
            Kind::Keyword(Keyword::Not) => Unary::Not,
            Kind::Bang => Unary::BitNot,
            Kind::Keyword(Keyword::Present | Keyword::Absent) => {
                let negated = self.bump().kind == Kind::Keyword(Keyword::Absent);
                let path = self.nested(Self::postfix)?;
                if !matches!(&path.kind, ExprKind::Get(..)) {
                    return Err(self.report(
                        Report::error(path.span, "only paths can be present or absent")
                            .label("expected a path, as `event.a` or `$b`"),
                    ));
                }
                let span = start.to(path.span);
                return self.node(
                    ExprKind::Present {
                        negated,
                        path: Box::new(path),
                    },
                    span,
                );
            }
            _ => return self.postfix(),
        };
        self.bump();
        let operand = self.nested(Self::unary)?;
        let span = start.to(operand.span);
        self.node(ExprKind::Unary(operator, Box::new(operand)), span)
    }

    /// A primary and the steps behind it.
    fn postfix(&mut self) -> Parsed<Expr> {
        let bracketed = self.peek() == Kind::LeftParen;
        let expr = self.primary()?;
        let takes_steps = bracketed || matches!(&expr.kind, ExprKind::Get(..) | ExprKind::Call(..));
        if !takes_steps || !matches!(self.peek(), Kind::Dot | Kind::LeftBracket) {
            return Ok(expr);
        }
        let start = expr.span;
        let (root, mut steps) = match expr {
            Expr {
                kind: ExprKind::Get(root, steps),
                ..
            } => (root, steps),
            expr => (Box::new(Root::Expr(expr)), Vec::new()),
        };
        loop {
            if self.eat(Kind::Dot) {
                steps.push(Step::Field(self.field_name()?));
            } else if self.peek() == Kind::LeftBracket {
                steps.push(self.index()?);
            } else {
                break;
            }
        }
        let span = start.to(self.previous());
        self.node(ExprKind::Get(root, steps), span)
    }

    /// `[index]`, `[from:to]`
    fn index(&mut self) -> Parsed<Step> {
        let open = self.bump().span;
        let first = self.expression()?;
        let step = if self.eat(Kind::Colon) {
            let last = self.expression()?;
            Step::Range(Box::new((first, last)), open.to(self.span()))
        } else {
            Step::Index(first)
        };
        self.expect(Kind::RightBracket, "`]`")?;
        Ok(step)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let span = self.span();
        let kind = match self.peek() {
            Kind::Int | Kind::Float => self.number()?,
            Kind::BadNumber => return Err(self.bad_number()),
            Kind::String | Kind::Heredoc => return self.string(),
            Kind::Broken => {
                self.bump();
                ExprKind::Broken
            }
            Kind::LeftParen => return self.parenthesis(),
            Kind::LeftBracket => {
                self.bump();
                ExprKind::List(self.list(span, Kind::RightBracket, "]")?)
            }
            Kind::LeftBrace => self.record()?,
            Kind::Dollar => self.meta()?,
            Kind::Ident | Kind::Quoted => self.name()?,
            Kind::Keyword(keyword) => return self.keyword(keyword),
            Kind::ShiftLeft => return Err(self.unavailable("literals of bytes are not available yet")),
            _ => return Err(self.expected("a value")),
        };
        self.node(kind, span.to(self.previous()))
    }

    fn keyword(&mut self, keyword: Keyword) -> Parsed<Expr> {
        let span = self.span();
        let kind = match keyword {
            Keyword::Null => ExprKind::Literal(Value::Null),
            Keyword::True => ExprKind::Literal(Value::Bool(true)),
            Keyword::False => ExprKind::Literal(Value::Bool(false)),
            Keyword::Event => ExprKind::Get(Box::new(Root::Event), Vec::new()),
            Keyword::Args => ExprKind::Get(Box::new(Root::Args), Vec::new()),
            Keyword::Match => return self.match_(),
            Keyword::Group | Keyword::Window => {
                return Err(self.unavailable(&format!("`{}` is not available yet", keyword.text())));
            }
            Keyword::State | Keyword::Recur => {
                return Err(self.unavailable(&format!("`{}` is not available yet", keyword.text())));
            }
            Keyword::For | Keyword::Patch | Keyword::Merge => {
                return Err(self.unavailable(&format!("`{}` is not available yet", keyword.text())));
            }
            _ => return Err(self.expected("a value")),
        };
        self.bump();
        self.node(kind, span)
    }

    /// An expression of these children, if they don't lie too deep in one another.
    pub(super) fn node(&mut self, kind: ExprKind, span: Span) -> Parsed<Expr> {
        let height = 1 + height_of_children(&kind);
        if height > MAX_HEIGHT {
            let report = Report::error(
                span,
                format!("more than {MAX_HEIGHT} expressions lie within one another"),
            )
            .label("too many operators in a row")
            .help("give parts of it a name of their own (`const`), or put parts in parentheses");
            return Err(self.report(report));
        }
        Ok(Expr { kind, span, height })
    }

    fn parenthesis(&mut self) -> Parsed<Expr> {
        let open = self.bump().span;
        let inner = self.expression()?;
        self.expect(Kind::RightParen, "`)`")?;
        Ok(Expr {
            span: open.to(self.previous()),
            ..inner
        })
    }

    /// Expressions with commas between them up to `close`; the opening bracket was read.
    fn list(&mut self, open: Span, close: Kind, sign: &str) -> Parsed<Vec<Expr>> {
        let mut items = Vec::new();
        self.entries(open, close, sign, |parser| {
            items.push(parser.expression()?);
            Ok(())
        })?;
        Ok(items)
    }

    /// Entries with commas between them up to `close`. After a mistake in one of them the next are looked at too.
    fn entries(
        &mut self,
        open: Span,
        close: Kind,
        sign: &str,
        mut entry: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<()> {
        let mut result = Ok(());
        while !self.eat(close) {
            if entry(self).is_err() {
                result = Err(Reported);
                if !self.recover_entry() && self.peek() != close {
                    return result;
                }
                continue;
            }
            if self.eat(Kind::Comma) || self.peek() == close {
                continue;
            }
            if matches!(
                self.peek(),
                Kind::String | Kind::Int | Kind::Float | Kind::LeftBrace | Kind::LeftBracket
            ) || matches!(self.peek(), Kind::Ident | Kind::Quoted if self.peek_at(1) != Kind::Assign)
            {
                self.missing_comma();
                continue;
            }
            let help = format!("the `{}` of line {} is not closed", self.slice(open), self.line(open));
            result = Err(self.expected_with(&format!("`,` or `{sign}`"), Some(help)));
            if !self.recover_entry() && self.peek() != close {
                return result;
            }
        }
        result
    }

    fn record(&mut self) -> Parsed<ExprKind> {
        let open = self.bump().span;
        let mut fields = Vec::new();
        self.entries(open, Kind::RightBrace, "}", |parser| {
            let key = parser.record_key()?;
            if parser.peek() == Kind::Assign {
                parser.expected_with("`:`", Some("in a record, keys and values are joined by `:`".into()));
                parser.bump();
            } else {
                parser.expect(Kind::Colon, "`:`")?;
            }
            fields.push(Field {
                key,
                value: parser.expression()?,
            });
            Ok(())
        })?;
        Ok(ExprKind::Record(fields))
    }

    fn record_key(&mut self) -> Parsed<Expr> {
        let span = self.span();
        match self.peek() {
            Kind::String | Kind::Heredoc => self.string(),
            Kind::Broken => {
                self.bump();
                self.node(ExprKind::Broken, span)
            }
            Kind::Ident | Kind::Quoted | Kind::Keyword(_) if matches!(self.peek_at(1), Kind::Colon | Kind::Assign) => {
                let word = self.any_word();
                let report = Report::error(span, "the keys of a record are strings")
                    .label("expected a string")
                    .help(format!("write `\"{}\"`", word.name));
                self.report(report);
                self.node(ExprKind::Literal(Value::String((&*word.name).into())), span)
            }
            _ => Err(self.expected("a key (a string) or `}`")),
        }
    }

    /// `$`, `$name`
    fn meta(&mut self) -> Parsed<ExprKind> {
        let named = self.adjacent() && matches!(self.peek_at(1), Kind::Ident | Kind::Quoted | Kind::Keyword(_));
        self.bump();
        let steps = if named {
            vec![Step::Field(self.field_name()?)]
        } else {
            Vec::new()
        };
        Ok(ExprKind::Get(Box::new(Root::Meta), steps))
    }

    /// `name`, `module::name`, `module::function(…)`
    fn name(&mut self) -> Parsed<ExprKind> {
        let path = self.path("a name")?;
        let open = self.span();
        if self.eat(Kind::LeftParen) {
            return Ok(ExprKind::Call(path, self.list(open, Kind::RightParen, ")")?));
        }
        Ok(ExprKind::Get(Box::new(Root::Name(path)), Vec::new()))
    }

    fn match_(&mut self) -> Parsed<Expr> {
        let start = self.bump().span;
        let subject = self.expression()?;
        self.expect_keyword(Keyword::Of)?;
        let mut cases = Vec::new();
        while !self.at_keyword(Keyword::End) {
            cases.push(self.case()?);
        }
        self.bump();
        let span = start.to(self.previous());
        if cases.is_empty() {
            return Err(self.report(Report::error(span, "this `match` has no case").help("write `case … => …`")));
        }
        self.node(ExprKind::Match(Box::new(Match { subject, cases })), span)
    }

    fn case(&mut self) -> Parsed<Case> {
        let pattern = self.case_pattern()?;
        let guard = if self.eat_keyword(Keyword::When) {
            Some(self.expression()?)
        } else {
            None
        };
        self.expect(Kind::Arrow, "`=>`")?;
        let mut body = vec![self.expression()?];
        while matches!(self.peek(), Kind::Comma | Kind::Semicolon) {
            self.bump();
            if matches!(
                self.peek(),
                Kind::Keyword(Keyword::Case | Keyword::Default | Keyword::End)
            ) {
                break;
            }
            body.push(self.expression()?);
        }
        Ok(Case { pattern, guard, body })
    }
}

fn height_of_children(kind: &ExprKind) -> u16 {
    let highest = |exprs: &mut dyn Iterator<Item = &Expr>| exprs.map(|expr| expr.height).max().unwrap_or(0);
    match kind {
        ExprKind::Literal(_) | ExprKind::Broken => 0,
        ExprKind::Text(pieces) => highest(&mut pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(expr) => Some(expr),
        })),
        ExprKind::List(items) | ExprKind::Call(_, items) => highest(&mut items.iter()),
        ExprKind::Record(fields) => highest(&mut fields.iter().flat_map(|field| [&field.key, &field.value])),
        ExprKind::Get(root, steps) => {
            let root = if let Root::Expr(expr) = &**root { expr.height } else { 0 };
            root.max(highest(&mut steps.iter().flat_map(|step| match step {
                Step::Field(_) => Vec::new(),
                Step::Index(index) => vec![index],
                Step::Range(range, _) => vec![&range.0, &range.1],
            })))
        }
        ExprKind::Unary(_, operand) => operand.height,
        ExprKind::Binary(_, _, operands) => operands.0.height.max(operands.1.height),
        ExprKind::Present { path, .. } => path.height,
        ExprKind::Match(it) => it.cases.iter().fold(it.subject.height, |height, case| {
            let guard = case.guard.as_ref().map_or(0, |guard| guard.height);
            height
                .max(guard)
                .max(height_of_pattern(&case.pattern))
                .max(highest(&mut case.body.iter()))
        }),
    }
}

fn height_of_pattern(pattern: &Pattern) -> u16 {
    let highest = |patterns: &[Pattern]| patterns.iter().map(height_of_pattern).max().unwrap_or(0) + 1;
    match pattern {
        Pattern::Anything | Pattern::Broken => 0,
        Pattern::Equal(expr) => expr.height,
        Pattern::Array(elements) | Pattern::Tuple { elements, .. } => highest(elements),
        Pattern::Record(fields) => {
            let heights = fields.iter().map(|field| match &field.test {
                FieldTest::Present | FieldTest::Absent => 0,
                FieldTest::Compare(_, expr) => expr.height,
                FieldTest::Matches(pattern) => height_of_pattern(pattern),
            });
            heights.max().unwrap_or(0) + 1
        }
    }
}
