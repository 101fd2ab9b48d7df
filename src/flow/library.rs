//! The modules that need no search path. They are texts of the language, but for the functions, which stand here.

use std::fmt;

use crate::connector::Value;

use super::operator::described;

/// The built-in modules: what `use` calls them, and their text.
pub(crate) const MODULES: [(&str, &str); 7] = [
    ("integration", include_str!("lib/integration.tremor")),
    ("std", include_str!("lib/std.tremor")),
    ("std::time", include_str!("lib/std_time.tremor")),
    ("std::time::nanos", include_str!("lib/std_time_nanos.tremor")),
    ("tremor", include_str!("lib/tremor.tremor")),
    ("tremor::connectors", include_str!("lib/tremor_connectors.tremor")),
    ("tremor::pipelines", include_str!("lib/tremor_pipelines.tremor")),
];

/// A function: the same arguments give the same result.
pub(crate) struct Function {
    /// As `intrinsic fn … as` and error messages call it.
    pub(crate) name: &'static str,
    /// What it does; the number of arguments was checked.
    pub(crate) call: fn(&[Value]) -> Result<Value, String>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The function that is called so.
pub(crate) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

static FUNCTIONS: [Function; 8] = [
    Function {
        name: "nanos::from_nanos",
        call: |arguments| nanos(arguments, 1),
    },
    Function {
        name: "nanos::from_micros",
        call: |arguments| nanos(arguments, 1_000),
    },
    Function {
        name: "nanos::from_millis",
        call: |arguments| nanos(arguments, 1_000_000),
    },
    Function {
        name: "nanos::from_seconds",
        call: |arguments| nanos(arguments, SECOND),
    },
    Function {
        name: "nanos::from_minutes",
        call: |arguments| nanos(arguments, 60 * SECOND),
    },
    Function {
        name: "nanos::from_hours",
        call: |arguments| nanos(arguments, 3_600 * SECOND),
    },
    Function {
        name: "nanos::from_days",
        call: |arguments| nanos(arguments, 86_400 * SECOND),
    },
    Function {
        name: "nanos::from_weeks",
        call: |arguments| nanos(arguments, 604_800 * SECOND),
    },
];

/// In nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// So many of a unit that has so many nanoseconds; a fraction of a nanosecond is rounded.
fn nanos(arguments: &[Value], unit: i64) -> Result<Value, String> {
    let number = arguments.first().unwrap_or(&Value::Null);
    let nanos = match (number.as_integer(), number.as_f64()) {
        (Some(number), _) => number.checked_mul(unit.into()),
        // The cast saturates, and the saturated value is refused below.
        (None, Some(number)) => Some((number * unit as f64).round() as i128),
        (None, None) => return Err(format!("expected a number, found {}", described(number))),
    };
    nanos
        .and_then(|nanos| Value::try_from(nanos).ok())
        .ok_or_else(|| format!("{number} is too much: the result is no integer of 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let call = |name, value: Value| (function(name).unwrap().call)(&[value]);
        assert_eq!(
            call("nanos::from_seconds", Value::Int(2)),
            Ok(Value::Int(2_000_000_000))
        );
        assert_eq!(
            call("nanos::from_seconds", Value::Float(0.5)),
            Ok(Value::Int(500_000_000))
        );
        assert_eq!(call("nanos::from_millis", Value::Int(100)), Ok(Value::Int(100_000_000)));
        assert_eq!(
            call("nanos::from_weeks", Value::Int(1)),
            Ok(Value::Int(604_800_000_000_000))
        );
        assert!(call("nanos::from_days", Value::Float(1e300)).is_err());
        assert!(call("nanos::from_days", Value::UInt(u64::MAX)).is_err());
        assert!(call("nanos::from_days", Value::from("1")).is_err());
    }
}
