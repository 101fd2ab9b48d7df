//! The house rules that no compiler checks: the walls between the rooms first of all, then the shape of the files.
//!
//! The table of rooms is in `rules/table.rs`; `docs/ARCHITECTURE.md` tells what each wall is for.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

#[path = "rules/planted.rs"]
mod planted;
#[path = "rules/protocol.rs"]
mod protocol;
#[path = "rules/table.rs"]
mod table;
#[path = "rules/tree.rs"]
mod tree;
#[path = "rules/walls.rs"]
mod walls;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

use table::ROWS;
use tree::Tree;

/// More lines than this and a file holds more than one subject.
const MAX_FILE_LINES: usize = 600;

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file beneath `dir` of the package, by its path relative to `dir`.
fn rust_files(dir: &str) -> BTreeMap<String, String> {
    let root = package().join(dir);
    let mut files = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// The names under `[dependencies]` and under those of single targets, as paths spell them.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(package().join("Cargo.toml")).unwrap();
    let names = manifest
        .split("\n[")
        .filter_map(|section| section.split_once("]\n"))
        .filter(|(name, _)| *name == "dependencies" || name.ends_with(".dependencies"))
        .flat_map(|(_, lines)| lines.lines())
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"));
    let names: Vec<_> = names.collect();
    assert!(names.len() > 5, "the manifest's dependencies were not found: {names:?}");
    names
}

fn assert_none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{} {what}:\n{}", found.len(), found.join("\n"));
}

#[test]
fn rooms_name_only_what_their_row_grants() {
    let tree = Tree::parse(&rust_files("src"), dependencies());
    let faults: Vec<_> = tree
        .faults
        .iter()
        .filter(|fault| !fault.contains("connector/api.rs"))
        .cloned()
        .collect();
    assert_none(&faults, "faults in the tree of modules");
    let breaches: Vec<_> = walls::breaches(&tree).iter().map(ToString::to_string).collect();
    assert_none(&breaches, "breaches of the walls between the rooms");
}

#[test]
fn every_dependency_belongs_to_a_room_and_every_granted_crate_is_one() {
    let dependencies = dependencies();
    let granted: Vec<_> = ROWS
        .iter()
        .flat_map(|row| row.grants)
        .map(|(entry, _)| *entry)
        .collect();
    let homeless: Vec<_> = dependencies
        .iter()
        .filter(|name| !granted.contains(&name.as_str()))
        .cloned()
        .collect();
    assert_none(&homeless, "dependencies that no row of tests/rules/table.rs grants");
    let rooms: Vec<_> = ROWS.iter().map(|row| row.room).collect();
    let first = |entry: &&str| entry.split("::").next().unwrap().to_owned();
    let unknown = granted
        .iter()
        .map(first)
        .filter(|name| name != "std" && !rooms.contains(&name.as_str()) && !dependencies.contains(name));
    assert_none(
        &unknown.collect::<Vec<_>>(),
        "grants of crates that the manifest does not name",
    );
}

#[test]
fn every_dependency_has_its_line_in_the_architecture() {
    let document = fs::read_to_string(package().join("docs/ARCHITECTURE.md")).unwrap();
    let has_line = |name: &String| {
        document.contains(&format!("\n| `{}` |", name.replace('_', "-")))
            || document.contains(&format!("\n| `{name}` |"))
    };
    let missing: Vec<_> = dependencies().into_iter().filter(|name| !has_line(name)).collect();
    assert_none(&missing, "dependencies without a line in docs/ARCHITECTURE.md");
}

#[test]
fn the_table_of_protocol_rules_holds() {
    let document = fs::read_to_string(package().join("docs/PROTOCOL.md")).unwrap();
    let faults = protocol::faults(&document, &rust_files("src"), &rust_files("tests"));
    assert_none(&faults, "faults in docs/PROTOCOL.md");
}

#[test]
fn files_stay_short() {
    let mut long = Vec::new();
    for dir in ["src", "tests", "benches", "docs", "fuzz"] {
        for (name, text) in rust_files(dir) {
            let lines = text.lines().count();
            if lines > MAX_FILE_LINES {
                long.push(format!(
                    "{dir}/{name}: {lines} lines; split it by subject at {MAX_FILE_LINES}"
                ));
            }
        }
    }
    assert_none(&long, "files are too long");
}

/// The one file with an `unsafe` block, which it may have one of.
const UNSAFE: &str = "proto/wire/mask/avx2.rs";

#[test]
fn nothing_is_left_undone_or_unsafe() {
    let (mut found, mut granted) = (Vec::new(), 0);
    for (name, text) in rust_files("src") {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("src/{name}: {error}"));
        leftovers(tokens, &mut |line, what| {
            if name == UNSAFE && what == "unsafe" {
                granted += 1;
            } else {
                found.push(format!("src/{name}:{line}: {what}"));
            }
        });
    }
    assert_none(&found, "leftovers");
    assert_eq!(granted, 1, "`unsafe` in src/{UNSAFE}");
}

/// Reports `unsafe` and the macros that stand for work to be done.
fn leftovers(tokens: TokenStream, report: &mut dyn FnMut(usize, &str)) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => leftovers(group.stream(), report),
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                let is_macro = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
                if word == "unsafe" || (is_macro && matches!(word.as_str(), "todo" | "unimplemented" | "dbg")) {
                    report(ident.span().start().line, &word);
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[test]
fn leftovers_are_found() {
    let mut found = Vec::new();
    let text =
        "fn f() {\n todo!() }\nfn g() { vec![dbg!(1)]; }\n// unsafe { }\nconst U: &str = \"unsafe\";\nunsafe fn h() {}";
    leftovers(text.parse().unwrap(), &mut |line, what| {
        found.push((line, what.to_owned()))
    });
    assert_eq!(found, [(2, "todo".into()), (3, "dbg".into()), (6, "unsafe".into())]);
}

#[test]
fn the_package_keeps_its_shape() {
    // proptest looks for inputs that once failed in `proptest-regressions`.
    let allowed = [
        "src",
        "fuzz",
        "benches",
        "tests",
        "docs",
        "target",
        "proptest-regressions",
    ];
    let mut strangers = Vec::new();
    for entry in fs::read_dir(package()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() && !name.starts_with('.') && !allowed.contains(&name.as_str()) {
            strangers.push(format!("{name}/: the top level holds {}", allowed.join(", ")));
        }
    }
    assert_none(&strangers, "folders at the top level that do not belong there");
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock").exists(),
        "Cargo.lock is committed"
    );
}
