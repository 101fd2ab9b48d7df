//! Expressions of the text to [`Code`]: names are looked up, constants worked out, and what is wrong is reported.

use std::rc::Rc;

use indexmap::IndexMap;
use smol_str::SmolStr;

use crate::connector::Value;

use super::ast::{self, Binary, Expr, ExprKind, Piece, Root};
use super::code::{self, Code, FieldTest, Get, Key, Pattern, Step};
use super::constant::{Constant, Parts, Places};
use super::diagnostic::{Report, Reports};
use super::eval::{Input, eval};
use super::operator::described;
use super::scope::{Program, ScopeId, Stop};
use super::source::Span;
use super::suggest;

/// What `args` is in an expression.
#[derive(Debug)]
pub(crate) enum Args {
    /// There are none.
    None,
    /// These are declared, but nobody has given them values.
    Unknown(Vec<Rc<str>>),
    /// These are given.
    Given(IndexMap<Rc<str>, Constant>),
}

/// Works expressions out.
pub(crate) struct Compiler<'a> {
    /// All names.
    pub(crate) program: &'a Program,
    /// Where names are looked up.
    pub(crate) scope: ScopeId,
    /// What `args` is.
    pub(crate) args: &'a Args,
    /// Whether `event` and `$` mean anything here.
    pub(crate) events: bool,
    /// Where mistakes go.
    pub(crate) reports: &'a mut Reports,
}

type Compiled<T> = Result<T, Stop>;

impl Compiler<'_> {
    /// The expression as it will run.
    pub(crate) fn code(&mut self, expr: &Expr) -> Compiled<Code> {
        let span = expr.span;
        let code = match &expr.kind {
            ExprKind::Literal(value) => return Ok(Code::Const(value.clone())),
            ExprKind::Broken => return Err(Stop::Reported),
            ExprKind::Text(pieces) => Code::Text(
                all(pieces.iter().map(|piece| match piece {
                    Piece::Text(text) => Ok(Code::Const(Value::from(text.as_str()))),
                    Piece::Value(expr) => self.code(expr),
                }))?,
                span,
            ),
            ExprKind::List(items) => Code::List(all(items.iter().map(|item| self.code(item)))?),
            ExprKind::Record(fields) => self.record(fields)?,
            ExprKind::Get(root, steps) => return self.get(root, steps, span),
            ExprKind::Call(path, arguments) => self.call(path, arguments, span)?,
            ExprKind::Unary(operator, operand) => Code::Unary(*operator, Box::new(self.code(operand)?), span),
            ExprKind::Binary(operator, sign, operands) => self.binary(*operator, *sign, operands)?,
            ExprKind::Present { negated, path } => return self.present(path, *negated),
            ExprKind::Match(it) => return self.match_(it, span),
        };
        if is_constant(&code) { self.fold(code) } else { Ok(code) }
    }

    /// The expression as a constant, with the places of its parts.
    pub(crate) fn constant(&mut self, expr: &Expr) -> Compiled<Constant> {
        match &expr.kind {
            ExprKind::Record(fields) => {
                self.check_keys(fields);
                let mut places = IndexMap::new();
                let parts: Box<[(SmolStr, Value)]> = all(fields.iter().map(|field| {
                    let key = self.constant(&field.key);
                    let constant = self.constant(&field.value)?;
                    let key: SmolStr = match key?.value {
                        Value::String(key) => key,
                        other => other.to_string().into(),
                    };
                    places.insert(key.as_str().into(), (field.key.span, constant.places));
                    Ok((key, constant.value))
                }))?;
                let places = Rc::new(Places {
                    span: expr.span,
                    parts: Parts::Fields(places),
                });
                Ok(Constant {
                    value: Value::record(parts),
                    places,
                })
            }
            ExprKind::List(items) => {
                let items: Box<[Constant]> = all(items.iter().map(|item| self.constant(item)))?;
                let (values, places): (Vec<_>, Vec<_>) =
                    items.into_iter().map(|item| (item.value, item.places)).unzip();
                Ok(Constant {
                    value: Value::from(values),
                    places: Rc::new(Places {
                        span: expr.span,
                        parts: Parts::Items(places),
                    }),
                })
            }
            ExprKind::Get(root, steps) => self.constant_path(root, steps, expr),
            _ => self.other_constant(expr),
        }
    }

    fn other_constant(&mut self, expr: &Expr) -> Compiled<Constant> {
        match self.code(expr)? {
            Code::Const(value) => Ok(Constant::whole(value, expr.span)),
            _ => {
                let report =
                    Report::error(expr.span, "this is not known before events come").label("expected a constant");
                self.reports.push(report);
                Err(Stop::Reported)
            }
        }
    }

    /// A name or argument as it is keeps the places where its value was written.
    fn constant_path(&mut self, root: &Root, steps: &[ast::Step], expr: &Expr) -> Compiled<Constant> {
        match (root, steps) {
            (Root::Args, [ast::Step::Field(name)]) => self.argument(name),
            (Root::Name(path), []) => self.named(path),
            _ => self.other_constant(expr),
        }
    }

    fn record(&mut self, fields: &[ast::Field]) -> Compiled<Code> {
        self.check_keys(fields);
        let fields = all(fields.iter().map(|field| {
            let key = self.code(&field.key);
            let value = self.code(&field.value)?;
            let key = match key? {
                Code::Const(Value::String(key)) => Key::Known(key),
                code => Key::Text(code),
            };
            Ok((key, value))
        }))?;
        Ok(Code::Record(fields))
    }

    /// Says which keys are written twice.
    fn check_keys(&mut self, fields: &[ast::Field]) {
        let mut seen = std::collections::HashSet::new();
        for field in fields {
            if let ExprKind::Literal(Value::String(key)) = &field.key.kind
                && !seen.insert(key.as_str())
            {
                let report = Report::warning(field.key.span, format!("the key `{key}` is written twice"))
                    .label("only this one counts")
                    .help("take one of the two away");
                self.reports.push(report);
            }
        }
    }

    fn get(&mut self, root: &Root, steps: &[ast::Step], span: Span) -> Compiled<Code> {
        if let (Root::Args, [ast::Step::Field(name), rest @ ..]) = (root, steps) {
            let root = self.argument(name).map(|constant| Code::Const(constant.value));
            return self.steps(root, rest);
        }
        let root = match root {
            Root::Event | Root::Meta if !self.events => {
                let report = Report::error(span, "events are known only in the statements of a pipeline")
                    .label("expected a constant");
                self.reports.push(report);
                Err(Stop::Reported)
            }
            Root::Event => Ok(Code::Event),
            Root::Meta => Ok(Code::Meta),
            Root::Args => self.all_arguments(span),
            Root::Name(path) => self.named(path).map(|constant| Code::Const(constant.value)),
            Root::Expr(expr) => self.code(expr),
        };
        self.steps(root, steps)
    }

    fn steps(&mut self, root: Compiled<Code>, steps: &[ast::Step]) -> Compiled<Code> {
        let steps = all(steps.iter().map(|step| {
            let span = step.span();
            match step {
                ast::Step::Field(name) => Ok(Step::Field((&*name.name).into(), span)),
                ast::Step::Index(index) => match self.code(index)? {
                    Code::Const(Value::String(name)) => Ok(Step::Field(name, span)),
                    index => Ok(Step::Index(index, span)),
                },
                ast::Step::Range(range, _) => {
                    let from = self.code(&range.0);
                    let to = self.code(&range.1)?;
                    Ok(Step::Range(from?, to, span))
                }
            }
        }));
        let root = root?;
        let steps = steps?;
        if steps.is_empty() {
            return Ok(root);
        }
        let code = Code::Get(Box::new(Get { root, steps }));
        if is_constant(&code) { self.fold(code) } else { Ok(code) }
    }

    /// `args` as a record.
    fn all_arguments(&mut self, span: Span) -> Compiled<Code> {
        match self.args {
            Args::Given(given) => Ok(Code::Const(Value::record(
                given.iter().map(|(name, constant)| (&**name, constant.value.clone())),
            ))),
            Args::Unknown(_) => Err(Stop::Unknown),
            Args::None => {
                self.reports.push(no_args(span));
                Err(Stop::Reported)
            }
        }
    }

    fn argument(&mut self, name: &ast::Ident) -> Compiled<Constant> {
        let known: Vec<&str> = match self.args {
            Args::Given(given) => match given.get(&name.name) {
                Some(constant) => return Ok(constant.clone()),
                None => given.keys().map(|name| &**name).collect(),
            },
            Args::Unknown(names) if names.contains(&name.name) => return Err(Stop::Unknown),
            Args::Unknown(names) => names.iter().map(|name| &**name).collect(),
            Args::None => Vec::new(),
        };
        let report = if known.is_empty() {
            no_args(name.span)
        } else {
            Report::error(name.span, format!("there is no argument `{}` here", name.name))
                .label("not among the `args` of this definition")
                .maybe_help(suggest::hint("there are", &name.name, known))
        };
        self.reports.push(report);
        Err(Stop::Reported)
    }

    fn named(&mut self, path: &ast::Path) -> Compiled<Constant> {
        let found = self
            .program
            .find(self.scope, path, "constant", |scope| &scope.constants, self.reports)?;
        found.clone().ok_or(Stop::Reported)
    }

    fn call(&mut self, path: &ast::Path, arguments: &[Expr], span: Span) -> Compiled<Code> {
        let arguments_given = arguments.len();
        let arguments = all(arguments.iter().map(|argument| self.code(argument)));
        if path.modules.first().is_some_and(|first| &*first.name == "aggr") {
            let report = Report::error(path.span(), "aggregates are not available yet").label("not available yet");
            self.reports.push(report);
            return Err(Stop::Reported);
        }
        let &(function, parameters) =
            self.program
                .find(self.scope, path, "function", |scope| &scope.functions, self.reports)?;
        if arguments_given != parameters {
            let s = if parameters == 1 { "" } else { "s" };
            let message = format!(
                "`{}` takes {parameters} argument{s}, not {arguments_given}",
                path.name.name
            );
            self.reports.push(Report::error(span, message));
            return Err(Stop::Reported);
        }
        Ok(Code::Call(function, arguments?, span))
    }

    fn binary(&mut self, operator: Binary, sign: Span, operands: &(Expr, Expr)) -> Compiled<Code> {
        let left = self.code(&operands.0);
        let right = self.code(&operands.1);
        Ok(Code::Binary(operator, Box::new((left?, right?)), sign))
    }

    fn present(&mut self, path: &Expr, negated: bool) -> Compiled<Code> {
        // A path of constants would be a mistake where it leads nowhere; here that is the question.
        let ExprKind::Get(root, steps) = &path.kind else {
            return Err(Stop::Reported);
        };
        if let (Root::Args, [ast::Step::Field(name), rest @ ..]) = (&**root, &steps[..]) {
            return match self.args {
                Args::Unknown(_) => Err(Stop::Unknown),
                Args::Given(given) if given.contains_key(&name.name) && !rest.is_empty() => {
                    let root = self.argument(name)?.value;
                    self.present_from(Code::Const(root), rest, negated)
                }
                Args::Given(given) => Ok(Code::Const(Value::Bool(given.contains_key(&name.name) != negated))),
                Args::None => Ok(Code::Const(Value::Bool(negated))),
            };
        }
        let root = self.get(root, &[], path.span)?;
        self.present_from(root, steps, negated)
    }

    fn present_from(&mut self, root: Code, steps: &[ast::Step], negated: bool) -> Compiled<Code> {
        // The event stands in for the root, so that the steps are not worked out on it already.
        let steps = match self.steps(Ok(Code::Event), steps)? {
            Code::Get(get) => get.steps,
            _ => Box::default(),
        };
        let code = Code::Present(Box::new(Get { root, steps }), negated);
        if is_constant(&code) { self.fold(code) } else { Ok(code) }
    }

    fn match_(&mut self, it: &ast::Match, span: Span) -> Compiled<Code> {
        let subject = self.code(&it.subject);
        let cases = all(it.cases.iter().map(|case| {
            let pattern = self.pattern(&case.pattern);
            let guard = case
                .guard
                .as_ref()
                .map(|guard| self.code(guard).map(|code| (code, guard.span)));
            let body = all(case.body.iter().map(|expr| self.code(expr)));
            Ok(code::Case {
                pattern: pattern?,
                guard: guard.transpose()?,
                body: body?,
            })
        }));
        let code = Code::Match(Box::new(code::Match {
            subject: subject?,
            cases: cases?,
            span,
        }));
        if is_constant(&code) { self.fold(code) } else { Ok(code) }
    }

    fn pattern(&mut self, pattern: &ast::Pattern) -> Compiled<Pattern> {
        Ok(match pattern {
            ast::Pattern::Anything => Pattern::Anything,
            ast::Pattern::Broken => return Err(Stop::Reported),
            ast::Pattern::Equal(expr) => Pattern::Equal(self.code(expr)?),
            ast::Pattern::Array(patterns) => Pattern::Array(all(patterns.iter().map(|pattern| self.pattern(pattern)))?),
            ast::Pattern::Tuple { elements, open } => {
                Pattern::Tuple(all(elements.iter().map(|pattern| self.pattern(pattern)))?, *open)
            }
            ast::Pattern::Record(fields) => Pattern::Record(all(fields.iter().map(|field| {
                let test = match &field.test {
                    ast::FieldTest::Present => FieldTest::Present,
                    ast::FieldTest::Absent => FieldTest::Absent,
                    ast::FieldTest::Compare(operator, expr) => {
                        FieldTest::Compare(*operator, self.code(expr)?, expr.span)
                    }
                    ast::FieldTest::Matches(pattern) => FieldTest::Matches(self.pattern(pattern)?),
                };
                Ok(((&*field.name.name).into(), test))
            }))?),
        })
    }

    /// The value of something that is the same for every event.
    fn fold(&mut self, code: Code) -> Compiled<Code> {
        let nothing = Value::Null;
        match eval(
            &code,
            Input {
                event: &nothing,
                meta: &nothing,
            },
        ) {
            Ok(value) => Ok(Code::Const(value.into_owned())),
            Err(fault) => {
                self.reports
                    .push(Report::error(fault.span, fault.text.as_str()).label("can't be worked out"));
                Err(Stop::Reported)
            }
        }
    }
}

/// All of them, or why there are not all; each is looked at in any case, so that all mistakes are reported.
fn all<T>(results: impl Iterator<Item = Compiled<T>>) -> Compiled<Box<[T]>> {
    let mut good = Vec::new();
    let mut stop = None;
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(Stop::Reported) => stop = Some(Stop::Reported),
            Err(Stop::Unknown) => stop = stop.or(Some(Stop::Unknown)),
        }
    }
    stop.map_or(Ok(good.into()), Err)
}

/// Whether everything that the value is made of is constant.
fn is_constant(code: &Code) -> bool {
    let is = |code: &Code| code.constant().is_some();
    match code {
        Code::Const(_) => true,
        Code::Event | Code::Meta => false,
        Code::Get(get) | Code::Present(get, _) => {
            is(&get.root)
                && get.steps.iter().all(|step| match step {
                    Step::Field(..) => true,
                    Step::Index(index, _) => is(index),
                    Step::Range(from, to, _) => is(from) && is(to),
                })
        }
        Code::Text(items, _) | Code::List(items) | Code::Call(_, items, _) => items.iter().all(is),
        Code::Record(fields) => fields
            .iter()
            .all(|(key, value)| matches!(key, Key::Known(_)) && is(value)),
        Code::Unary(_, operand, _) => is(operand),
        Code::Binary(_, operands, _) => is(&operands.0) && is(&operands.1),
        Code::Match(it) => {
            is(&it.subject)
                && it.cases.iter().all(|case| {
                    is_constant_pattern(&case.pattern)
                        && case.guard.as_ref().is_none_or(|(guard, _)| is(guard))
                        && case.body.iter().all(is)
                })
        }
    }
}

fn is_constant_pattern(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Anything => true,
        Pattern::Equal(code) => code.constant().is_some(),
        Pattern::Array(patterns) | Pattern::Tuple(patterns, _) => patterns.iter().all(is_constant_pattern),
        Pattern::Record(fields) => fields.iter().all(|(_, test)| match test {
            FieldTest::Present | FieldTest::Absent => true,
            FieldTest::Compare(_, code, _) => code.constant().is_some(),
            FieldTest::Matches(pattern) => is_constant_pattern(pattern),
        }),
    }
}

fn no_args(span: Span) -> Report {
    Report::error(span, "this definition has no `args`")
        .label("names an argument")
        .help("only the definition's own `args` are meant, not those of the flow around it: declare `args NAME` here, and give it a value where the definition is used: `create … with NAME = args.NAME end`")
}

/// The constant if it is a truth value.
pub(crate) fn boolean(code: &Code, span: Span, what: &str, reports: &mut Reports) {
    if let Code::Const(value) = code
        && value.as_bool().is_none()
    {
        let report = Report::error(span, format!("{what} must be true or false, not {}", described(value)));
        reports.push(report);
    }
}
