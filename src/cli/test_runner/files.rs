//! The YAML files of a test folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// `meta.yaml` of a suite.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meta {
    /// What its tests are; `Integration` is what we run.
    pub(super) kind: String,
    /// Tremor's pattern of the folders that belong to the suite, always `*`; not used.
    #[serde(default, rename = "includes")]
    _includes: serde::de::IgnoredAny,
}

/// One process of `before.yaml` or `after.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Where it runs, from the test's folder.
    #[serde(default = "here")]
    pub(super) dir: String,
    /// The program; `wsloop` and `tremor` are the running one.
    pub(super) cmd: String,
    /// Its arguments, in which `$NAME` and `${NAME}` stand for variables.
    #[serde(default)]
    pub(super) args: Vec<String>,
    /// Variables for it.
    #[serde(default)]
    pub(super) env: BTreeMap<String, Scalar>,
    /// What must hold, all of it together, before the test goes on.
    #[serde(default, rename = "await")]
    pub(super) conditions: Option<Conditions>,
    /// Seconds that this may take; 0: as long as the whole test may.
    #[serde(default, rename = "max-await-secs")]
    pub(super) max_await_secs: u64,
    /// Seconds to wait at least.
    #[serde(default, rename = "min-await-secs")]
    pub(super) min_await_secs: u64,
}

fn here() -> String {
    ".".to_owned()
}

/// `await`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Conditions {
    /// Something listens on these: a port of this host, or `host:port`.
    pub(super) port_open: Many<Scalar>,
    /// So many milliseconds have passed since the process began.
    pub(super) wait_for_ms: Many<u64>,
    /// A GET of these gives a status from 200 to 299.
    pub(super) http_ok: Many<String>,
    /// These exist; relative to the test's folder.
    pub(super) file_exists: Many<String>,
    /// The process has ended with one of these exit codes.
    pub(super) status: Many<i32>,
}

/// `assert.yaml`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Assertions {
    /// What the test is called in its results.
    pub(super) name: Option<String>,
    /// The exit code that the flow's process must end with.
    pub(super) status: i32,
    /// What its output and its files must hold.
    pub(super) asserts: Vec<Assertion>,
}

/// One entry of `asserts`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assertion {
    /// `stdout`, `stderr`, or a file.
    pub(super) source: String,
    /// Each is found in some line.
    #[serde(default)]
    pub(super) contains: Many<String>,
    /// None is found in any line.
    #[serde(default)]
    pub(super) doesnt_contain: Many<String>,
    /// A file with the same text.
    pub(super) equals_file: Option<String>,
    /// A file with the same bytes.
    pub(super) equals_file_binary: Option<String>,
}

/// One of something, or a list of it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Many<T> {
    /// A list.
    List(Vec<T>),
    /// One alone.
    One(T),
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl<T> Many<T> {
    /// All of them.
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::List(list) => list,
            Self::One(one) => std::slice::from_ref(one),
        }
    }
}

/// A value of which only the text matters: YAML reads `1` as a number and `true` as a boolean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scalar(pub(super) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Bool(bool),
            Int(i64),
            Float(f64),
            Text(String),
        }
        Ok(Self(match Any::deserialize(deserializer)? {
            Any::Bool(value) => value.to_string(),
            Any::Int(value) => value.to_string(),
            Any::Float(value) => value.to_string(),
            Any::Text(value) => value,
        }))
    }
}

/// Reads a file, if it is there.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    serde_saphyr::from_str(&text)
        .map(Some)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the steps of `before.yaml` or `after.yaml`.
pub(super) fn load_steps(path: &Path) -> Result<Vec<Step>, String> {
    // The list is tried by its first character that says something, so that an error tells of the step's own fields
    // rather than that neither form fits.
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let first = text
        .lines()
        .map(str::trim_start)
        .find(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    let steps = if first.is_none_or(|line| line.starts_with(['-', '['])) {
        serde_saphyr::from_str::<Option<Vec<Step>>>(&text).map(Option::unwrap_or_default)
    } else {
        serde_saphyr::from_str::<Step>(&text).map(|step| vec![step])
    };
    steps.map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Result<Vec<Step>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        load_steps(file.path())
    }

    #[test]
    fn a_step_may_stand_alone_or_in_a_list() {
        let text = "- dir: before\n  cmd: tremor\n  args:\n    - server\n    - run\n  await:\n    port-open:\n      - 4242\n  max-await-secs: 20\n";
        let listed = steps(text).unwrap();
        assert_eq!((listed[0].dir.as_str(), listed[0].max_await_secs), ("before", 20));
        let conditions = listed[0].conditions.as_ref().unwrap();
        assert_eq!(conditions.port_open.as_slice(), [Scalar("4242".into())]);
        let alone =
            steps("# one\n---\ncmd: sh\nargs: [-c, 'exit 3']\nenv: {N: 1, B: true}\nawait: {status: 3}").unwrap();
        assert_eq!(alone[0].env["N"], Scalar("1".into()));
        assert_eq!(alone[0].env["B"], Scalar("true".into()));
        assert_eq!(alone[0].conditions.as_ref().unwrap().status.as_slice(), [3]);
        assert!(steps("").unwrap().is_empty());
    }

    #[test]
    fn unknown_keys_are_errors_that_name_the_known_ones() {
        let error = steps("- cmd: x\n  await: {port-opened: [1]}").unwrap_err();
        assert!(error.contains("port-opened") && error.contains("port-open"), "{error}");
        let error = steps("- command: x").unwrap_err();
        assert!(error.contains("command"), "{error}");
    }
}
