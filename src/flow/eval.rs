//! What an expression makes of an event.

use std::borrow::Cow;

use crate::connector::Value;
use crate::connector::value::record_with_room;

use super::ast::Binary;
use super::code::{Case, Code, FieldTest, Get, Key, Pattern, Step};
use super::operator::{binary, check_length, described, unary};
use super::source::Span;
use super::suggest;

/// What an expression is evaluated on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    /// `event`
    pub(crate) event: &'a Value,
    /// `$`
    pub(crate) meta: &'a Value,
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where it shows.
    pub(crate) span: Span,
    /// What is wrong, in one line.
    pub(crate) text: String,
}

/// An expression's value, or the fault; boxed, since a fault is rare and results are passed on at every step.
pub(crate) type Evaluated<T> = Result<T, Box<Fault>>;

fn fault<T>(span: Span, text: impl Into<String>) -> Evaluated<T> {
    Err(Box::new(Fault {
        span,
        text: text.into(),
    }))
}

fn at<T>(span: Span, result: Result<T, String>) -> Evaluated<T> {
    result.or_else(|text| fault(span, text))
}

/// The value of `code`, borrowed where it is a part of the input or a constant.
pub(crate) fn eval<'a>(code: &'a Code, input: Input<'a>) -> Evaluated<Cow<'a, Value>> {
    let value = match code {
        Code::Const(value) => return Ok(Cow::Borrowed(value)),
        Code::Event => return Ok(Cow::Borrowed(input.event)),
        Code::Meta => return Ok(Cow::Borrowed(input.meta)),
        Code::Get(path) => return get(path, input),
        Code::Text(pieces, span) => text(pieces, *span, input)?,
        Code::List(items) => {
            let items: Evaluated<Vec<Value>> = items.iter().map(|item| owned(item, input)).collect();
            Value::from(items?)
        }
        Code::Record(fields) => record(fields, input)?,
        Code::Unary(operator, operand, span) => at(*span, unary(*operator, &*eval(operand, input)?))?,
        Code::Binary(operator, operands, span) => operation(*operator, operands, *span, input)?,
        Code::Present(path, negated) => Value::Bool(is_present(path, input)? != *negated),
        Code::Match(it) => {
            let subject = eval(&it.subject, input)?;
            let Some(case) = first_match(&it.cases, &subject, input)? else {
                return fault(it.span, format!("no case matches {}", described(&subject)));
            };
            return last(&case.body, input);
        }
        Code::Call(function, arguments, span) => {
            let arguments: Evaluated<Vec<Value>> = arguments.iter().map(|argument| owned(argument, input)).collect();
            at(
                *span,
                (function.call)(&arguments?).map_err(|text| format!("{}: {text}", function.name)),
            )?
        }
    };
    Ok(Cow::Owned(value))
}

fn owned(code: &Code, input: Input<'_>) -> Evaluated<Value> {
    eval(code, input).map(Cow::into_owned)
}

fn record(fields: &[(Key, Code)], input: Input<'_>) -> Evaluated<Value> {
    let mut record = record_with_room(fields.len());
    for (key, value) in fields {
        let key = match key {
            Key::Known(key) => key.clone(),
            Key::Text(code) => match eval(code, input)?.into_owned() {
                Value::String(key) => key,
                other => other.to_string().into(),
            },
        };
        record.insert(key, owned(value, input)?);
    }
    Ok(Value::from(record))
}

/// Strings as they are, everything else as JSON.
fn text(pieces: &[Code], span: Span, input: Input<'_>) -> Evaluated<Value> {
    let mut text = String::new();
    for piece in pieces {
        match &*eval(piece, input)? {
            Value::String(piece) => text.push_str(piece),
            other => text.push_str(&other.to_string()),
        }
        at(span, check_length(text.len()))?;
    }
    Ok(Value::from(text))
}

fn operation(operator: Binary, operands: &(Code, Code), span: Span, input: Input<'_>) -> Evaluated<Value> {
    let left = eval(&operands.0, input)?;
    match (operator, &*left) {
        (Binary::And, Value::Bool(false)) => return Ok(Value::Bool(false)),
        (Binary::Or, Value::Bool(true)) => return Ok(Value::Bool(true)),
        _ => {}
    }
    let right = eval(&operands.1, input)?;
    at(span, binary(operator, &left, &right))
}

/// The value of the last one; the others only may fail.
fn last<'a>(body: &'a [Code], input: Input<'a>) -> Evaluated<Cow<'a, Value>> {
    let mut value = Cow::Owned(Value::Null);
    for code in body {
        value = eval(code, input)?;
    }
    Ok(value)
}

fn get<'a>(path: &'a Get, input: Input<'a>) -> Evaluated<Cow<'a, Value>> {
    let kind = match path.root {
        Code::Event => "event",
        Code::Meta => "meta",
        _ => "local",
    };
    let mut value = eval(&path.root, input)?;
    for step in &path.steps {
        value = match value {
            Cow::Borrowed(value) => take(value, step, kind, input)?,
            Cow::Owned(value) => Cow::Owned(take(&value, step, kind, input)?.into_owned()),
        };
    }
    Ok(value)
}

/// One step from `value`.
fn take<'v>(value: &'v Value, step: &Step, kind: &str, input: Input<'_>) -> Evaluated<Cow<'v, Value>> {
    match step {
        Step::Field(name, span) => field(value, name, *span, kind),
        Step::Index(index, span) => {
            let index = eval(index, input)?;
            match (value, &*index) {
                (Value::Array(items), Value::Int(_) | Value::UInt(_)) => {
                    let found = index.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?));
                    match found {
                        Some(item) => Ok(Cow::Borrowed(item)),
                        None => fault(*span, format!("there is no item {index} in a list of {}", items.len())),
                    }
                }
                (_, Value::String(name)) => field(value, name, *span, kind),
                (Value::Array(_), other) => fault(*span, format!("a list has no item {}", described(other))),
                (_, other) => fault(*span, format!("{} is no key of {}", described(other), described(value))),
            }
        }
        Step::Range(from, to, span) => {
            let (from, to) = (eval(from, input)?, eval(to, input)?);
            let Value::Array(items) = value else {
                return fault(
                    *span,
                    format!("only of a list a range can be taken, not of {}", described(value)),
                );
            };
            let bounds = |value: &Value| value.as_u64().and_then(|index| usize::try_from(index).ok());
            let range = bounds(&from)
                .zip(bounds(&to))
                .and_then(|(from, to)| items.get(from..to));
            match range {
                Some(items) => Ok(Cow::Owned(Value::from(items.to_vec()))),
                None => fault(
                    *span,
                    format!("there is no range {from}:{to} in a list of {}", items.len()),
                ),
            }
        }
    }
}

fn field<'v>(value: &'v Value, name: &str, span: Span, kind: &str) -> Evaluated<Cow<'v, Value>> {
    match value {
        Value::Record(fields) => match fields.get(name) {
            Some(value) => Ok(Cow::Borrowed(value)),
            None => {
                let hint = suggest::hint("there are", name, fields.keys().map(|key| key.as_str()));
                let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
                fault(
                    span,
                    format!("Trying to access a non existing {kind} key `{name}`{hint}"),
                )
            }
        },
        // A record without any field is what metadata and options often are while nothing was set.
        Value::Null => fault(
            span,
            format!("Trying to access a non existing {kind} key `{name}`: there is only null"),
        ),
        _ => fault(
            span,
            format!("{} has no field `{name}`: it is no record", described(value)),
        ),
    }
}

/// Whether every step of the path leads somewhere.
fn is_present(path: &Get, input: Input<'_>) -> Evaluated<bool> {
    let mut value = eval(&path.root, input)?;
    for step in &path.steps {
        let next = match value {
            Cow::Borrowed(value) => take(value, step, "", input),
            Cow::Owned(value) => take(&value, step, "", input).map(|next| Cow::Owned(next.into_owned())),
        };
        match next {
            Ok(next) => value = next,
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

fn first_match<'a>(cases: &'a [Case], subject: &Value, input: Input<'a>) -> Evaluated<Option<&'a Case>> {
    for case in cases {
        if matches(&case.pattern, subject, input)? {
            match &case.guard {
                None => return Ok(Some(case)),
                Some((guard, span)) => match &*eval(guard, input)? {
                    Value::Bool(true) => return Ok(Some(case)),
                    Value::Bool(false) => {}
                    other => {
                        return fault(
                            *span,
                            format!("a guard must be true or false, not {}", described(other)),
                        );
                    }
                },
            }
        }
    }
    Ok(None)
}

fn matches(pattern: &Pattern, value: &Value, input: Input<'_>) -> Evaluated<bool> {
    match pattern {
        Pattern::Anything => Ok(true),
        Pattern::Equal(code) => Ok(eval(code, input)?.equals(value)),
        Pattern::Record(tests) => {
            let Value::Record(fields) = value else { return Ok(false) };
            for (name, test) in tests {
                let field = fields.get(name);
                let holds = match (test, field) {
                    (FieldTest::Absent, field) => field.is_none(),
                    (_, None) => false,
                    (FieldTest::Present, Some(_)) => true,
                    (FieldTest::Compare(operator, code, span), Some(field)) => {
                        let result = binary(*operator, field, &*eval(code, input)?);
                        at(*span, result)?.as_bool() == Some(true)
                    }
                    (FieldTest::Matches(pattern), Some(field)) => matches(pattern, field, input)?,
                };
                if !holds {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Pattern::Array(patterns) => {
            let Value::Array(items) = value else { return Ok(false) };
            for pattern in patterns {
                let mut found = false;
                for item in items.iter() {
                    if matches(pattern, item, input)? {
                        found = true;
                        break;
                    }
                }
                if !found {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Pattern::Tuple(patterns, open) => {
            let Value::Array(items) = value else { return Ok(false) };
            if items.len() < patterns.len() || (!open && items.len() > patterns.len()) {
                return Ok(false);
            }
            for (pattern, item) in patterns.iter().zip(items.iter()) {
                if !matches(pattern, item, input)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}
