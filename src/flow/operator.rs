//! What the operators of the language make of values.

use std::cmp::Ordering;

use crate::connector::{Record, Value};

use super::ast::{Binary, Unary};

/// How long a text may grow by `+` and interpolation: pipelines may be linked in circles, and a value that doubles
/// with each turn would soon fill all memory.
pub(crate) const MAX_TEXT_BYTES: usize = 64 << 20;

/// How many items a list, or fields a record, may get by `+`; see [`MAX_TEXT_BYTES`].
pub(crate) const MAX_ITEMS: usize = 4 << 20;

/// `operator operand`
pub(crate) fn unary(operator: Unary, operand: &Value) -> Result<Value, String> {
    let result = match operator {
        Unary::Plus => operand.as_f64().map(|_| operand.clone()),
        Unary::Minus => match operand {
            Value::Float(number) => Some(Value::Float(-number)),
            _ => operand.as_integer().map(|number| integer(-number)).transpose()?,
        },
        Unary::Not => operand.as_bool().map(|value| Value::Bool(!value)),
        Unary::BitNot => match operand {
            Value::Bool(value) => Some(Value::Bool(!value)),
            Value::Int(number) => Some(Value::Int(!number)),
            Value::UInt(number) => Some(Value::from(!number)),
            _ => None,
        },
    };
    result.ok_or_else(|| format!("`{}` can't be applied to {}", operator.text(), described(operand)))
}

/// `left operator right`; of `and` and `or` the case in which both sides are looked at.
pub(crate) fn binary(operator: Binary, left: &Value, right: &Value) -> Result<Value, String> {
    let result =
        match operator {
            Binary::Equal => Some(Value::Bool(left.equals(right))),
            Binary::NotEqual => Some(Value::Bool(!left.equals(right))),
            Binary::Or => booleans(left, right, |left, right| left || right),
            Binary::And => booleans(left, right, |left, right| left && right),
            Binary::Xor => booleans(left, right, |left, right| left != right),
            Binary::BitXor => booleans(left, right, |left, right| left != right)
                .or_else(|| bits(left, right, |left, right| left ^ right)),
            Binary::BitAnd => booleans(left, right, |left, right| left && right)
                .or_else(|| bits(left, right, |left, right| left & right)),
            Binary::GreaterEqual => compare(left, right).map(|order| Value::Bool(order.is_some_and(Ordering::is_ge))),
            Binary::Greater => compare(left, right).map(|order| Value::Bool(order.is_some_and(Ordering::is_gt))),
            Binary::LessEqual => compare(left, right).map(|order| Value::Bool(order.is_some_and(Ordering::is_le))),
            Binary::Less => compare(left, right).map(|order| Value::Bool(order.is_some_and(Ordering::is_lt))),
            Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightUnsigned => shift(operator, left, right)?,
            Binary::Add => add(left, right)?,
            Binary::Subtract => arithmetic(
                left,
                right,
                |left, right| Some(left - right),
                |left, right| left - right,
            )?,
            Binary::Multiply => arithmetic(left, right, i128::checked_mul, |left, right| left * right)?,
            Binary::Modulo => modulo(left, right)?,
            Binary::Divide => divide(left, right)?,
        };
    result.ok_or_else(|| {
        format!(
            "`{}` can't be applied to {} and {}",
            operator.text(),
            described(left),
            described(right)
        )
    })
}

/// The type and, where it is short, the value, as error messages show them.
pub(crate) fn described(value: &Value) -> String {
    const SHOWN: usize = 40;
    let name = value.type_name();
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => format!("the {name} {value}"),
        Value::String(text) if text.len() <= SHOWN => format!("the {name} {value}"),
        Value::String(_) | Value::Bytes(_) | Value::Array(_) | Value::Record(_) => format!("{article} {name}"),
    }
}

fn booleans(left: &Value, right: &Value, operation: impl Fn(bool, bool) -> bool) -> Option<Value> {
    Some(Value::Bool(operation(left.as_bool()?, right.as_bool()?)))
}

/// The 64 bits of an integer, as two's complement where it is negative.
fn bits_of(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => Some(number.cast_unsigned()),
        Value::UInt(number) => Some(*number),
        _ => None,
    }
}

/// An integer again: unsigned if one of the operands was too large for a signed one.
fn of_bits(bits: u64, unsigned: bool) -> Value {
    if unsigned {
        Value::from(bits)
    } else {
        Value::Int(bits.cast_signed())
    }
}

fn bits(left: &Value, right: &Value, operation: impl Fn(u64, u64) -> u64) -> Option<Value> {
    let unsigned = matches!(left, Value::UInt(_)) || matches!(right, Value::UInt(_));
    Some(of_bits(operation(bits_of(left)?, bits_of(right)?), unsigned))
}

fn shift(operator: Binary, left: &Value, right: &Value) -> Result<Option<Value>, String> {
    let (Some(bits), Some(count)) = (bits_of(left), right.as_integer()) else {
        return Ok(None);
    };
    let Some(count) = u32::try_from(count).ok().filter(|&count| count < 64) else {
        return Err(format!("integers can be shifted by 0 to 63 bits, not by {count}"));
    };
    let unsigned = matches!(left, Value::UInt(_));
    Ok(Some(match operator {
        Binary::ShiftLeft => of_bits(bits << count, unsigned),
        Binary::ShiftRight if !unsigned => Value::Int(bits.cast_signed() >> count),
        _ => of_bits(bits >> count, unsigned),
    }))
}

/// `None`: the two can't be compared. `Some(None)`: they can, but one of them is not a number (NaN).
fn compare(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(Some(left.cmp(right))),
        (Value::Bytes(left), Value::Bytes(right)) => Some(Some(left.cmp(right))),
        _ => {
            left.as_f64().and(right.as_f64())?;
            Some(left.compare_number(right))
        }
    }
}

fn integer(number: i128) -> Result<Value, String> {
    Value::try_from(number).map_err(|_| "the result is no integer of 64 bits".into())
}

fn float(number: f64) -> Result<Value, String> {
    if number.is_finite() {
        Ok(Value::Float(number))
    } else {
        Err("the result is too large for a float".into())
    }
}

fn arithmetic(
    left: &Value,
    right: &Value,
    integers: impl Fn(i128, i128) -> Option<i128>,
    floats: impl Fn(f64, f64) -> f64,
) -> Result<Option<Value>, String> {
    if let (Some(left), Some(right)) = (left.as_integer(), right.as_integer()) {
        // Whatever overflows 128 bits overflows 64 as well.
        return integer(integers(left, right).unwrap_or(i128::MAX)).map(Some);
    }
    let (Some(left), Some(right)) = (left.as_f64(), right.as_f64()) else {
        return Ok(None);
    };
    float(floats(left, right)).map(Some)
}

fn add(left: &Value, right: &Value) -> Result<Option<Value>, String> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            check_length(left.len() + right.len())?;
            Ok(Some(Value::from([left.as_str(), right.as_str()].concat())))
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            check_length(left.len() + right.len())?;
            Ok(Some(Value::from(&*[&**left, &**right].concat())))
        }
        (Value::Array(left), Value::Array(right)) => {
            check_items(left.len() + right.len())?;
            Ok(Some(left.iter().chain(right.iter()).cloned().collect()))
        }
        (Value::Record(left), Value::Record(right)) => {
            check_items(left.len() + right.len())?;
            let mut sum = Record::clone(left);
            sum.extend(right.iter().map(|(key, value)| (key.clone(), value.clone())));
            Ok(Some(Value::from(sum)))
        }
        _ => arithmetic(left, right, i128::checked_add, |left, right| left + right),
    }
}

fn modulo(left: &Value, right: &Value) -> Result<Option<Value>, String> {
    if right.as_f64() == Some(0.0) && left.as_f64().is_some() {
        return Err("division by zero".into());
    }
    arithmetic(left, right, i128::checked_rem, |left, right| left % right)
}

/// Always a float, as `7 / 2` is 3.5.
fn divide(left: &Value, right: &Value) -> Result<Option<Value>, String> {
    let (Some(left), Some(right)) = (left.as_f64(), right.as_f64()) else {
        return Ok(None);
    };
    if right == 0.0 {
        return Err("division by zero".into());
    }
    float(left / right).map(Some)
}

/// Whether a text may be this long.
pub(crate) fn check_length(bytes: usize) -> Result<(), String> {
    if bytes <= MAX_TEXT_BYTES {
        Ok(())
    } else {
        Err(format!("the text would be longer than {MAX_TEXT_BYTES} bytes"))
    }
}

fn check_items(items: usize) -> Result<(), String> {
    if items <= MAX_ITEMS {
        Ok(())
    } else {
        Err(format!("the result would hold more than {MAX_ITEMS} items"))
    }
}
