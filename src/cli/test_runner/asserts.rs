//! What a test expects, held against what came.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;

use super::case::{STDERR_LOG, STDOUT_LOG};
use super::files::{Assertion, Assertions};
use super::process::told;

/// Everything that is not as expected, a line or more for each.
pub(super) fn check(expected: &Assertions, dir: &Path, status: ExitStatus) -> Vec<String> {
    let mut faults = Vec::new();
    // A process that a signal killed has no exit code, so it never has the expected one.
    if status.code() != Some(expected.status) {
        faults.push(format!("{}, expected was {}", told(status), expected.status));
    }
    for assertion in &expected.asserts {
        check_source(assertion, dir, &mut faults);
    }
    faults
}

fn check_source(assertion: &Assertion, dir: &Path, faults: &mut Vec<String>) {
    let source = match assertion.source.to_ascii_lowercase().as_str() {
        "stdout" => STDOUT_LOG,
        "stderr" => STDERR_LOG,
        _ => assertion.source.as_str(),
    };
    let bytes = match fs::read(dir.join(source)) {
        Ok(bytes) => bytes,
        Err(error) => return faults.push(format!("{source}: {error}")),
    };
    let text = String::from_utf8_lossy(&bytes);
    for wanted in assertion.contains.as_slice() {
        if !is_in(&text, wanted) {
            faults.push(format!("{source} does not contain `{}`{}", wanted.trim(), tail(&text)));
        }
    }
    for unwanted in assertion.doesnt_contain.as_slice() {
        if is_in(&text, unwanted) {
            faults.push(format!("{source} contains `{}`", unwanted.trim()));
        }
    }
    if let Some(name) = &assertion.equals_file {
        match fs::read_to_string(dir.join(name)) {
            Ok(expected) => faults.extend(difference(source, &text, name, &expected)),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    if let Some(name) = &assertion.equals_file_binary {
        match fs::read(dir.join(name)) {
            Ok(expected) if expected == bytes => {}
            Ok(expected) => faults.push(format!(
                "{source} ({} bytes) differs from {name} ({} bytes) at byte {}",
                bytes.len(),
                expected.len(),
                common(bytes.iter(), expected.iter())
            )),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
}

/// Whether some line contains `wanted`, blanks at both ends aside; several lines are looked for as a block.
fn is_in(text: &str, wanted: &str) -> bool {
    let wanted = wanted.trim();
    if wanted.contains('\n') {
        text.contains(wanted)
    } else {
        text.lines().any(|line| line.contains(wanted))
    }
}

/// Where two texts differ first.
fn difference(source: &str, text: &str, name: &str, expected: &str) -> Option<String> {
    if text == expected {
        return None;
    }
    let same = common(text.lines(), expected.lines());
    let line = |text: &str| match text.lines().nth(same) {
        Some(line) => format!("`{line}`"),
        None => "the end".to_owned(),
    };
    let (found, wanted) = (line(text), line(expected));
    if found == wanted {
        return Some(format!("{source} differs from {name} in how its lines end"));
    }
    Some(format!(
        "{source} differs from {name} in line {}\n  found    {found}\n  expected {wanted}",
        same + 1
    ))
}

/// How many items the two have in common from the beginning on.
fn common<T: PartialEq>(a: impl Iterator<Item = T>, b: impl Iterator<Item = T>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// The last lines of a text, for people to see what came instead.
pub(super) fn tail(text: &str) -> String {
    const LINES: usize = 8;
    let lines: Vec<_> = text.lines().collect();
    if lines.is_empty() {
        return "; it is empty".to_owned();
    }
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!("; its last lines:\n  {}", last.join("\n  "))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::super::files;
    use super::*;

    /// The faults found by `yaml` in a folder where stdout was `a\nb 1\nc` and the exit code was `code`.
    fn faults(yaml: &str, status: ExitStatus) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write(STDOUT_LOG, "a\nb 1\nc\n");
        write(STDERR_LOG, "");
        write("Same.txt", "a\nb 1\nc\n");
        write("other.txt", "a\nb 2\nc\n");
        write("unended.txt", "a\nb 1\nc");
        write("assert.yaml", yaml);
        let expected = files::load(&dir.path().join("assert.yaml")).unwrap().unwrap();
        check(&expected, dir.path(), status)
    }

    fn ok(yaml: &str) -> Vec<String> {
        faults(yaml, ExitStatus::from_raw(0))
    }

    #[test]
    fn lines_are_looked_for_and_texts_compared() {
        assert!(ok("asserts: [{source: stdout, contains: [' b 1 ', \"a\\nb\"], doesnt_contain: [d, a b]}]").is_empty());
        assert!(ok("asserts: [{source: stdout, contains: [d]}]")[0].contains("does not contain `d`"));
        assert!(ok("asserts: [{source: stdout, doesnt_contain: b}]")[0].contains("contains `b`"));
        assert!(ok("asserts: [{source: stdout, equals_file: Same.txt}]").is_empty());
        assert!(ok("asserts: [{source: stdout, equals_file: other.txt}]")[0].contains("line 2"));
        assert!(ok("asserts: [{source: stdout, equals_file: unended.txt}]")[0].contains("how its lines end"));
    }

    #[test]
    fn a_binary_comparison_alone_is_not_skipped() {
        assert!(ok("asserts: [{source: stdout, equals_file_binary: Same.txt}]").is_empty());
        assert!(ok("asserts: [{source: stdout, equals_file_binary: other.txt}]")[0].contains("at byte 4"));
    }

    #[test]
    fn the_case_of_a_files_name_is_kept() {
        assert!(ok("asserts: [{source: Same.txt, contains: c}]").is_empty());
        assert!(ok("asserts: [{source: same.txt, contains: c}]")[0].contains("same.txt"));
    }

    #[test]
    fn the_exit_code_counts_and_death_by_a_signal_is_a_failure() {
        assert!(faults("status: 3", ExitStatus::from_raw(3 << 8)).is_empty());
        assert!(faults("status: 0", ExitStatus::from_raw(3 << 8))[0].contains("exit code 3"));
        assert!(faults("status: 0", ExitStatus::from_raw(9))[0].contains("signal 9"));
        assert!(faults("status: 9", ExitStatus::from_raw(9))[0].contains("signal 9"));
    }
}
