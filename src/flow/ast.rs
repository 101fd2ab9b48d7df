//! What a text says, before any name in it is looked up.

use std::rc::Rc;

use crate::connector::Value;

use super::source::Span;
use super::token::Keyword;

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ident {
    /// The name, without back-ticks.
    pub(crate) name: Rc<str>,
    /// Where it stands.
    pub(crate) span: Span,
}

/// `a::b::c`
#[derive(Debug, Clone)]
pub(crate) struct Path {
    /// The names before the last: modules.
    pub(crate) modules: Vec<Ident>,
    /// The last name.
    pub(crate) name: Ident,
}

impl Path {
    /// Where it stands, whole.
    pub(crate) fn span(&self) -> Span {
        self.modules
            .first()
            .map_or(self.name.span, |first| first.span.to(self.name.span))
    }
}

/// One statement, wherever it stands: the parser sees to it that it may stand there.
#[derive(Debug)]
pub(crate) enum Statement {
    /// `use …`
    Use(Vec<Use>),
    /// `const name = value`
    Const(Const),
    /// `intrinsic fn name(…) as path`, in the built-in modules.
    Intrinsic(Intrinsic),
    /// `define connector …`
    Connector(Rc<Connector>),
    /// `define pipeline …`
    Pipeline(Rc<Pipeline>),
    /// `define flow …`
    Flow(Rc<Flow>),
    /// `create connector|pipeline …`
    Create(Create),
    /// `create stream …`
    Stream(Ident),
    /// `connect … to …`
    Connect(Connect),
    /// `select … from … into …`
    Select(Box<Select>),
    /// `deploy flow …`
    Deploy(Deploy),
    /// Something that was reported: its name, if it has one, so that its use isn't reported once more.
    Unavailable(Option<Ident>),
}

/// One module that a `use` names.
#[derive(Debug)]
pub(crate) struct Use {
    /// The module.
    pub(crate) path: Path,
    /// The name that it goes by; the last of the path's, unless `as` gives another.
    pub(crate) alias: Ident,
}

/// `const name = value`
#[derive(Debug)]
pub(crate) struct Const {
    /// Its name.
    pub(crate) name: Ident,
    /// Its value.
    pub(crate) value: Expr,
}

/// `intrinsic fn name(…) as path`
#[derive(Debug)]
pub(crate) struct Intrinsic {
    /// What programs call it.
    pub(crate) name: Ident,
    /// How many arguments it takes.
    pub(crate) parameters: Vec<Ident>,
    /// What it is called in the table of functions.
    pub(crate) target: String,
}

/// One of a definition's `args`.
#[derive(Debug)]
pub(crate) struct Arg {
    /// Its name.
    pub(crate) name: Ident,
    /// Its value where none is given; one without is required.
    pub(crate) default: Option<Expr>,
}

/// One entry of a `with`.
#[derive(Debug)]
pub(crate) struct With {
    /// What is given a value.
    pub(crate) name: Ident,
    /// The value.
    pub(crate) value: Expr,
}

/// `define connector name from kind args … with … end`
#[derive(Debug)]
pub(crate) struct Connector {
    /// Its name.
    pub(crate) name: Ident,
    /// The built-in kind.
    pub(crate) kind: Ident,
    /// What a `create` may or must give.
    pub(crate) args: Vec<Arg>,
    /// Codec, configuration and so on.
    pub(crate) with: Vec<With>,
}

/// `define pipeline name from … into … args … pipeline … end`
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// Its name.
    pub(crate) name: Ident,
    /// Where events come in; `None`: `in`.
    pub(crate) from: Option<Vec<Ident>>,
    /// Where events go out; `None`: `out` and `err`.
    pub(crate) into: Option<Vec<Ident>>,
    /// What a `create` may or must give.
    pub(crate) args: Vec<Arg>,
    /// What it does.
    pub(crate) body: Vec<Statement>,
}

/// `define flow name args … flow … end`
#[derive(Debug)]
pub(crate) struct Flow {
    /// Its name.
    pub(crate) name: Ident,
    /// What a `deploy` may or must give.
    pub(crate) args: Vec<Arg>,
    /// What it consists of.
    pub(crate) body: Vec<Statement>,
}

/// What a [`Create`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Artefact {
    /// A connector.
    Connector,
    /// A pipeline.
    Pipeline,
}

impl Artefact {
    /// The keyword.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Pipeline => "pipeline",
        }
    }
}

/// `create connector|pipeline name from definition with … end`
#[derive(Debug)]
pub(crate) struct Create {
    /// What is made.
    pub(crate) artefact: Artefact,
    /// What the instance is called.
    pub(crate) name: Ident,
    /// Its definition; the name once more, unless `from` gives another.
    pub(crate) from: Path,
    /// Values of the definition's `args`.
    pub(crate) with: Vec<With>,
}

/// `connect … to …`
#[derive(Debug)]
pub(crate) struct Connect {
    /// Where events come from.
    pub(crate) from: Endpoint,
    /// Where they go.
    pub(crate) to: Endpoint,
}

/// `/connector/name/port`
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// What it is an end of.
    pub(crate) artefact: Artefact,
    /// The instance.
    pub(crate) name: Ident,
    /// The port, if one is named.
    pub(crate) port: Option<Ident>,
    /// The whole of it.
    pub(crate) span: Span,
}

/// `name/port` in a `select`.
#[derive(Debug)]
pub(crate) struct Node {
    /// A port of the pipeline, a stream or another node.
    pub(crate) name: Ident,
    /// A port of that node.
    pub(crate) port: Option<Ident>,
}

/// `select value from … where … into … having …`
#[derive(Debug)]
pub(crate) struct Select {
    /// What the event becomes.
    pub(crate) value: Expr,
    /// Where events come from.
    pub(crate) from: Node,
    /// Which of them.
    pub(crate) condition: Option<Expr>,
    /// Where they go.
    pub(crate) into: Node,
    /// Which of the results.
    pub(crate) having: Option<Expr>,
}

/// `deploy flow name from definition with … end`
#[derive(Debug)]
pub(crate) struct Deploy {
    /// What the running flow is called.
    pub(crate) name: Ident,
    /// Its definition; the name once more, unless `from` gives another.
    pub(crate) from: Path,
    /// Values of the definition's `args`.
    pub(crate) with: Vec<With>,
}

/// An expression. Its height is bounded by the parser, so whoever walks it may recurse.
#[derive(Debug)]
pub(crate) struct Expr {
    /// What it says.
    pub(crate) kind: ExprKind,
    /// Where it stands.
    pub(crate) span: Span,
    /// How many expressions lie within one another here.
    pub(crate) height: u16,
}

/// What an [`Expr`] says.
#[derive(Debug)]
pub(crate) enum ExprKind {
    /// A literal.
    Literal(Value),
    /// `"a #{b} c"`
    Text(Vec<Piece>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{"a": b}`
    Record(Vec<Field>),
    /// `root.step[step]`
    Get(Box<Root>, Vec<Step>),
    /// `module::function(a, b)`
    Call(Path, Vec<Expr>),
    /// `-a`
    Unary(Unary, Box<Expr>),
    /// `a + b`, with the place of the sign.
    Binary(Binary, Span, Box<(Expr, Expr)>),
    /// `present path`, or `absent path` where `negated`.
    Present { negated: bool, path: Box<Expr> },
    /// `match subject of case … end`
    Match(Box<Match>),
    /// Something that was reported.
    Broken,
}

/// A part of a string.
#[derive(Debug)]
pub(crate) enum Piece {
    /// As it stands.
    Text(String),
    /// `#{expression}`
    Value(Expr),
}

/// `"key": value`
#[derive(Debug)]
pub(crate) struct Field {
    /// A string, possibly with interpolations.
    pub(crate) key: Expr,
    /// The value.
    pub(crate) value: Expr,
}

/// Where a path begins.
#[derive(Debug)]
pub(crate) enum Root {
    /// `event`
    Event,
    /// `$`
    Meta,
    /// `args`
    Args,
    /// A constant.
    Name(Path),
    /// Any value.
    Expr(Expr),
}

/// One step of a path.
#[derive(Debug)]
pub(crate) enum Step {
    /// `.name`
    Field(Ident),
    /// `[key]` or `[index]`
    Index(Expr),
    /// `[from:to]`, without the element at `to`.
    Range(Box<(Expr, Expr)>, Span),
}

impl Step {
    /// Where it stands.
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Field(ident) => ident.span,
            Self::Index(index) => index.span,
            Self::Range(_, span) => *span,
        }
    }
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    /// `+a`
    Plus,
    /// `-a`
    Minus,
    /// `not a`
    Not,
    /// `!a`
    BitNot,
}

impl Unary {
    /// As it is written.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Not => "not",
            Self::BitNot => "!",
        }
    }
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    /// `or`
    Or,
    /// `xor`
    Xor,
    /// `and`
    And,
    /// `^`
    BitXor,
    /// `&`
    BitAnd,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterEqual,
    /// `>`
    Greater,
    /// `<=`
    LessEqual,
    /// `<`
    Less,
    /// `>>`
    ShiftRight,
    /// `>>>`
    ShiftRightUnsigned,
    /// `<<`
    ShiftLeft,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

impl Binary {
    /// As it is written.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Or => Keyword::Or.text(),
            Self::Xor => Keyword::Xor.text(),
            Self::And => Keyword::And.text(),
            Self::BitXor => "^",
            Self::BitAnd => "&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::GreaterEqual => ">=",
            Self::Greater => ">",
            Self::LessEqual => "<=",
            Self::Less => "<",
            Self::ShiftRight => ">>",
            Self::ShiftRightUnsigned => ">>>",
            Self::ShiftLeft => "<<",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

/// `match subject of … end`
#[derive(Debug)]
pub(crate) struct Match {
    /// What is looked at.
    pub(crate) subject: Expr,
    /// The cases, in order.
    pub(crate) cases: Vec<Case>,
}

/// `case pattern when guard => body`
#[derive(Debug)]
pub(crate) struct Case {
    /// What the subject must look like.
    pub(crate) pattern: Pattern,
    /// What must hold besides.
    pub(crate) guard: Option<Expr>,
    /// All are evaluated, the last one is the value; never empty.
    pub(crate) body: Vec<Expr>,
}

/// What a [`Case`] looks for.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// `_`
    Anything,
    /// An equal value.
    Equal(Expr),
    /// `%{ … }`
    Record(Vec<FieldPattern>),
    /// `%[ … ]`: for each of these an element that looks so.
    Array(Vec<Pattern>),
    /// `%( … )`: the elements look so, one by one; with `open` (`...`), more may follow.
    Tuple { elements: Vec<Pattern>, open: bool },
    /// Something that was reported.
    Broken,
}

/// What a field must look like.
#[derive(Debug)]
pub(crate) struct FieldPattern {
    /// The field.
    pub(crate) name: Ident,
    /// What it must look like.
    pub(crate) test: FieldTest,
}

/// What a field must look like.
#[derive(Debug)]
pub(crate) enum FieldTest {
    /// `present name`
    Present,
    /// `absent name`
    Absent,
    /// `name == value` and the other comparisons.
    Compare(Binary, Expr),
    /// `name ~= pattern`
    Matches(Pattern),
}
