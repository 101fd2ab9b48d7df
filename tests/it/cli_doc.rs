//! `wsloop doc` and the reference: what is printed, what lies in docs/reference, and that its flows are right.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use wsloop::connector::doc::{Example, Subject, pages};

use crate::cli_support::{folder, run};

/// Every Markdown file below a folder, by its path.
fn markdown(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_reference_is_what_the_program_writes() {
    let dir = folder(&[]);
    let output = run(dir.path(), &["doc", "--write", "reference"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let written = markdown(&dir.path().join("reference"));
    let mut kept = markdown(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference"));
    // The one page that is written by hand.
    assert!(kept.remove("tremor.md").is_some());
    assert_eq!(
        written.keys().collect::<Vec<_>>(),
        kept.keys().collect::<Vec<_>>(),
        "cargo wsloop doc --write docs/reference"
    );
    for (name, text) in &written {
        assert!(
            kept[name] == *text,
            "{name} is out of date: cargo wsloop doc --write docs/reference"
        );
    }
}

#[test]
fn a_page_is_printed_by_its_name() {
    let dir = folder(&[]);
    let output = run(dir.path(), &["doc", "exit"]);
    assert_eq!(output.code, Some(0));
    for line in [
        "# Connector `exit`",
        "- takes events on `in`",
        "- **`delay`** (integer of at least 0, default `0`): Nanoseconds between the event and the",
    ] {
        assert!(output.stdout.contains(line), "{line} is not in:\n{}", output.stdout);
    }
    let both = run(dir.path(), &["doc", "separate"]).stdout;
    assert!(both.contains("# Preprocessor `separate`") && both.contains("# Postprocessor `separate`"));
    let one = run(dir.path(), &["doc", "postprocessor/separate"]).stdout;
    assert!(one.starts_with("# Postprocessor `separate`") && !one.contains("# Preprocessor"));
}

#[test]
fn without_a_name_all_are_listed() {
    let list = run(folder(&[]).path(), &["doc"]).stdout;
    for entry in pages() {
        assert!(
            list.contains(&format!("  {} ", entry.name)),
            "{} is not in:\n{list}",
            entry.name
        );
    }
}

#[test]
fn a_name_that_is_none_gets_a_suggestion() {
    let output = run(folder(&[]).path(), &["doc", "ws_sever"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .contains("there is no page `ws_sever`; did you mean `ws_server`?"),
        "{}",
        output.stderr
    );
}

#[test]
fn every_flow_of_the_reference_passes_the_check() {
    let certificate = folder(&[]);
    let made = run(certificate.path(), &["cert", "before"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    for entry in pages() {
        let mut flows = 0;
        for example in entry.page.examples {
            if let Example::Flow { title, text } = example {
                flows += 1;
                fs::write(certificate.path().join("config.troy"), text).unwrap();
                let output = run(certificate.path(), &["check", "config.troy"]);
                assert_eq!(output.code, Some(0), "{}: {title}:\n{}", entry.name, output.stderr);
                assert!(
                    !output.stderr.contains("warning"),
                    "{}: {title}:\n{}",
                    entry.name,
                    output.stderr
                );
            }
        }
        match entry.subject {
            Subject::Connector => assert!(flows > 0, "{} has no flow to show", entry.name),
            _ => assert!(
                !entry.page.examples.is_empty() || entry.subject == Subject::Key,
                "{} has no example",
                entry.name
            ),
        }
    }
}
