//! Expressions as pipelines run them: every name resolved, everything constant worked out.

use smol_str::SmolStr;

use crate::connector::Value;

use super::ast::{Binary, Unary};
use super::library::Function;
use super::source::Span;

/// An expression. Its height is bounded by the parser, so evaluation may recurse.
#[derive(Debug)]
pub(crate) enum Code {
    /// A constant.
    Const(Value),
    /// `event`
    Event,
    /// `$`
    Meta,
    /// `root.step[step]`
    Get(Box<Get>),
    /// A string with interpolations; literal parts are constants.
    Text(Box<[Code]>, Span),
    /// `[a, b]`
    List(Box<[Code]>),
    /// `{"a": b}`
    Record(Box<[(Key, Code)]>),
    /// `-a`
    Unary(Unary, Box<Code>, Span),
    /// `a + b`
    Binary(Binary, Box<(Code, Code)>, Span),
    /// `present path`, or `absent path` where the flag is set.
    Present(Box<Get>, bool),
    /// `match subject of case … end`
    Match(Box<Match>),
    /// `function(a, b)`
    Call(&'static Function, Box<[Code]>, Span),
}

/// A path: where it begins, and its steps.
#[derive(Debug)]
pub(crate) struct Get {
    /// Where it begins.
    pub(crate) root: Code,
    /// The steps, in order.
    pub(crate) steps: Box<[Step]>,
}

/// One step of a path, and where it stands.
#[derive(Debug)]
pub(crate) enum Step {
    /// A field whose name is known.
    Field(SmolStr, Span),
    /// A field or an index, whichever the value says.
    Index(Code, Span),
    /// From an index up to, but without, another.
    Range(Code, Code, Span),
}

/// The key of a field.
#[derive(Debug)]
pub(crate) enum Key {
    /// Known beforehand.
    Known(SmolStr),
    /// With interpolations.
    Text(Code),
}

/// `match subject of case … end`
#[derive(Debug)]
pub(crate) struct Match {
    /// What is looked at.
    pub(crate) subject: Code,
    /// The cases, in order.
    pub(crate) cases: Box<[Case]>,
    /// Where it stands.
    pub(crate) span: Span,
}

/// `case pattern when guard => body`
#[derive(Debug)]
pub(crate) struct Case {
    /// What the subject must look like.
    pub(crate) pattern: Pattern,
    /// What must hold besides, and where it stands.
    pub(crate) guard: Option<(Code, Span)>,
    /// All are evaluated, the last one is the value; never empty.
    pub(crate) body: Box<[Code]>,
}

/// What a [`Case`] looks for.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// Whatever there is.
    Anything,
    /// An equal value.
    Equal(Code),
    /// A record whose fields look so.
    Record(Box<[(SmolStr, FieldTest)]>),
    /// A list that has, for each of these, an item that looks so.
    Array(Box<[Pattern]>),
    /// A list whose items look so one by one; with the flag, more may follow.
    Tuple(Box<[Pattern]>, bool),
}

/// What a field must look like.
#[derive(Debug)]
pub(crate) enum FieldTest {
    /// It is there.
    Present,
    /// It isn't.
    Absent,
    /// It is there and compares so; the place is the value's.
    Compare(Binary, Code, Span),
    /// It is there and looks so.
    Matches(Pattern),
}

impl Code {
    /// The value, if it is the same for every event.
    pub(crate) fn constant(&self) -> Option<&Value> {
        match self {
            Self::Const(value) => Some(value),
            _ => None,
        }
    }

    /// How much deeper the result may be nested than the event that it is made of.
    pub(crate) fn wraps(&self) -> u32 {
        let deepest = |codes: &mut dyn Iterator<Item = &Code>| codes.map(Self::wraps).max().unwrap_or(0);
        match self {
            Self::Const(value) => depth(value),
            Self::Event | Self::Meta | Self::Text(..) | Self::Unary(..) | Self::Present(..) => 0,
            Self::Get(get) => get.root.wraps(),
            Self::List(items) => 1 + deepest(&mut items.iter()),
            Self::Record(fields) => 1 + deepest(&mut fields.iter().map(|(_, value)| value)),
            Self::Binary(_, operands, _) => operands.0.wraps().max(operands.1.wraps()),
            Self::Match(it) => deepest(&mut it.cases.iter().filter_map(|case| case.body.last())),
            Self::Call(_, arguments, _) => 1 + deepest(&mut arguments.iter()),
        }
    }
}

/// How deep lists and records lie within one another.
fn depth(value: &Value) -> u32 {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Record(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
