//! Things that a definition names (codecs, processors): finding them and reading their configuration.

use std::boxed::Box;
use std::format;
use std::vec::Vec;

use serde::Deserialize;

use super::config::{ConfigError, Segment, did_you_mean, list, read};
use super::doc::Page;
use super::options::options;
use super::value::Value;

/// Makes a fresh one for each stream; the configuration was checked when the factory was made.
pub(super) type Factory<T> = Box<dyn Fn() -> Box<T>>;

/// Reads the configuration, which stands at the given path.
type Make<T> = fn(&[Segment], Option<&Value>) -> Result<Factory<T>, ConfigError>;

/// One line of a table of codecs, preprocessors or postprocessors.
pub(super) struct Entry<T: ?Sized> {
    /// The name in a definition.
    pub(super) name: &'static str,
    /// What makes it.
    pub(super) make: Make<T>,
    /// What the reference says of it.
    pub(super) page: &'static Page,
    /// What it gives on the way out.
    pub(super) gives: Gives,
}

/// What a codec or postprocessor gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// Text, always.
    Text,
    /// Bytes that need not be text.
    Bytes,
    /// Text if it gets text.
    Same,
}

impl<T: ?Sized> Clone for Entry<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Entry<T> {}

/// The two ways to name something: `"x"`, or `{"name": "x", "config": {…}}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: Value,
    #[serde(default)]
    config: Value,
}

/// Finds what `value`, which stands at `path`, names among the `what`s of the table.
pub(super) fn resolve<T: ?Sized>(
    what: &str,
    table: &[Entry<T>],
    path: &[Segment],
    value: &Value,
) -> Result<(Factory<T>, Gives), ConfigError> {
    let known = || table.iter().map(|entry| entry.name);
    let mut path = path.to_vec();
    let named = match value {
        Value::String(_) => Named {
            name: value.clone(),
            config: Value::Null,
        },
        Value::Record(_) => {
            let named = read::<Named>(&path, value)?;
            path.push("name".into());
            named
        }
        _ => {
            let found = value.type_name();
            let expected = format!("a name or a record with `name` and `config`, as {}", list(known()));
            return Err(
                ConfigError::new(path, format!("a {what} was expected, not a value of type {found}"))
                    .expected(expected),
            );
        }
    };
    let Some(name) = named.name.as_str() else {
        let found = named.name.type_name();
        return Err(ConfigError::new(
            path,
            format!("the name of a {what} must be a string, not of type {found}"),
        )
        .expected(list(known())));
    };
    match table.iter().find(|entry| entry.name == name) {
        Some(entry) => {
            if matches!(value, Value::Record(_)) {
                path.pop();
                path.push("config".into());
            }
            let factory = (entry.make)(&path, (!named.config.is_null()).then_some(&named.config))?;
            Ok((factory, entry.gives))
        }
        None => {
            let mut error = ConfigError::new(path, format!("there is no {what} `{name}`")).expected(list(known()));
            error.help = did_you_mean(name, known());
            Err(error)
        }
    }
}

/// Finds all that a list at `key` names; tells every mistake in it.
pub(super) fn resolve_all<T: ?Sized>(
    what: &str,
    table: &[Entry<T>],
    key: &str,
    value: Option<&Value>,
    errors: &mut Vec<ConfigError>,
) -> Vec<(Factory<T>, Gives)> {
    let items = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(other) => {
            let message = format!("`{key}` must be a list, not of type {}", other.type_name());
            let help = format!("write `{key} = [{other}]`");
            errors.push(ConfigError::new([key], message).expected("a list").help(help));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match resolve(what, table, &[key.into(), index.into()], item) {
            Ok(factory) => found.push(factory),
            Err(error) => errors.push(error),
        }
    }
    found
}

/// For those that have nothing to configure: a factory of `make`'s, and an error for whatever is configured.
pub(super) fn plain<T: ?Sized + 'static>(
    path: &[Segment],
    config: Option<&Value>,
    make: fn() -> Box<T>,
) -> Result<Factory<T>, ConfigError> {
    options! {
        struct Nothing {}
    }

    if let Some(config) = config {
        let Nothing {} = read(path, config)?;
    }
    Ok(Box::new(make))
}
