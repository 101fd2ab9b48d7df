//! `docs/PROTOCOL.md` against the code: each row's files and tests exist, a file cites the row's section, and the counts
//! that the document states are those of its tables.

use std::collections::BTreeMap;

/// A row of one of the tables.
#[derive(Debug)]
struct Row<'a> {
    line: usize,
    /// The RFC whose part of the document it stands in.
    rfc: &'a str,
    section: &'a str,
    role: &'a str,
    files: &'a str,
    tests: &'a str,
}

/// The number of rows of an RFC, and how many of them are not ours.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    rows: usize,
    foreign: usize,
}

/// Everything that is wrong with `document`. `sources` and `tests` are Rust files by their path beneath `src/` and
/// `tests/`.
pub(crate) fn faults(
    document: &str,
    sources: &BTreeMap<String, String>,
    tests: &BTreeMap<String, String>,
) -> Vec<String> {
    let (rows, mut faults) = rows(document);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for row in &rows {
        let count = counts.entry(row.rfc).or_default();
        count.rows += 1;
        let at = format!("line {}, section {}", row.line, row.section);
        if row.files == "–" {
            count.foreign += 1;
            if !row.tests.starts_with("not ours: ") {
                faults.push(format!("{at}: a row without a file says why it is not ours"));
            }
            continue;
        }
        if !["client", "server", "both"].contains(&row.role) {
            faults.push(format!("{at}: {:?} is no role", row.role));
        }
        let files: Vec<_> = row.files.split(", ").collect();
        for file in files.iter().filter(|file| !sources.contains_key(**file)) {
            faults.push(format!("{at}: there is no file src/{file}"));
        }
        let cited = |file: &&str| {
            sources
                .get(*file)
                .is_some_and(|text| cites(text, row.rfc, first_section(row)))
        };
        if !files.iter().any(cited) {
            faults.push(format!("{at}: none of {} cites the section", row.files));
        }
        for test in row.tests.split(", ") {
            if !test_exists(test, sources, tests) {
                faults.push(format!("{at}: there is no test {test}"));
            }
        }
    }
    for rfc in ["RFC 6455", "RFC 7692"] {
        let Some(count) = counts.get(rfc) else {
            faults.push(format!("no rows were found for {rfc}"));
            continue;
        };
        let sentence = format!("{rfc}: {} rows, {} of them not ours", count.rows, count.foreign);
        if !document.contains(&sentence) {
            faults.push(format!("the document does not say `{sentence}`"));
        }
    }
    faults
}

/// The rows beneath headings that begin with the number of an RFC, or with `HTTP`, where each row names its own; and the
/// lines that should be rows and are not.
fn rows(document: &str) -> (Vec<Row<'_>>, Vec<String>) {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut rfc = "";
    for (index, line) in document.lines().enumerate() {
        let line_number = index + 1;
        if let Some(heading) = line.strip_prefix("## ") {
            rfc = match heading.get(..4) {
                Some("RFC ") => heading.get(..8).unwrap_or_default(),
                Some("HTTP") => "HTTP",
                _ => "",
            };
        }
        let of_head = line.starts_with("| section |") || line.starts_with("|---");
        if rfc.is_empty() || !line.starts_with('|') || of_head {
            continue;
        }
        let cells: Vec<_> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        match cells[..] {
            [section, _, role, files, tests] => {
                let (rfc, section) = match section.split_at_checked("RFC 9110".len()) {
                    Some((own, section)) if rfc == "HTTP" => (own, section.trim_start()),
                    Some(_) | None => (rfc, section),
                };
                rows.push(Row {
                    line: line_number,
                    rfc,
                    section,
                    role,
                    files,
                    tests,
                });
            }
            _ => faults.push(format!("line {line_number}: {} cells instead of five", cells.len())),
        }
    }
    (rows, faults)
}

/// `4.1` of `4.1 (7), 10.3`.
fn first_section<'a>(row: &Row<'a>) -> &'a str {
    row.section.split([' ', ',']).next().unwrap_or_default()
}

/// Whether `text` names `section` of `rfc`. A section without an RFC before it may be of any.
fn cites(text: &str, rfc: &str, section: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.match_indices("section").any(|(at, word)| {
        let before = lower[..at].trim_end_matches([' ', '\n', '/', '!']);
        let of_another = before
            .rsplit_once("rfc ")
            .is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()) && !rfc.ends_with(number));
        let after = lower[at + word.len()..].trim_start_matches('s');
        !of_another && numbers(after).any(|number| number == section)
    })
}

/// The sections that a citation lists: `5.1, 5.3 and 10.3 …`.
fn numbers(after: &str) -> impl Iterator<Item = &str> {
    let ends = [' ', ',', ';', ':', ')', '\n', '/', '!'];
    after
        .split(ends)
        .filter(|word| !word.is_empty())
        .map(|word| word.trim_end_matches('.'))
        .take_while(|word| *word == "and" || *word == "to" || word.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether `it::MODULE::NAME` is a test in `tests/it`, `sim::MODULE::NAME` one in `tests/sim`, and any other path one
/// beside the code.
fn test_exists(test: &str, sources: &BTreeMap<String, String>, tests: &BTreeMap<String, String>) -> bool {
    let Some((module, name)) = test.rsplit_once("::") else {
        return false;
    };
    let folder = module.replace("::", "/");
    let files = if module.starts_with("it::") || module.starts_with("sim::") {
        tests
    } else {
        sources
    };
    [format!("{folder}.rs"), format!("{folder}/mod.rs")]
        .iter()
        .filter_map(|file| files.get(file))
        .any(|text| has_test(text, name))
}

/// Whether `text` has a function `name` with `#[test]` on one of the lines right before it.
fn has_test(text: &str, name: &str) -> bool {
    text.match_indices(&format!("fn {name}(")).any(|(at, _)| {
        let attributes = text[..at].lines().rev().skip(usize::from(!text[..at].ends_with('\n')));
        attributes
            .map(str::trim)
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
            .any(|line| line == "#[test]")
    })
}

#[test]
fn what_is_wrong_with_a_table_is_found() {
    let sources = BTreeMap::from([
        ("a.rs".to_owned(), "//! RFC 6455 sections 5.1 and 5.4.\n".to_owned()),
        (
            "b/mod.rs".to_owned(),
            "// RFC 9112 section 5.2\n    #[test]\n    fn x() {}".to_owned(),
        ),
    ]);
    let tests = BTreeMap::from([(
        "it/m.rs".to_owned(),
        "#[test]\n#[ignore]\nfn y() {}\nfn z() {}".to_owned(),
    )]);
    let document = "RFC 6455: 2 rows, 1 of them not ours. RFC 7692: 1 rows, 0 of them not ours.\n## RFC 6455, rules\n\
        | section | rule | role | file | test |\n|---|---|---|---|---|\n\
        | 5.4 (1), 7 | r | both | a.rs | it::m::y, b::x |\n| 5.2 | r | IANA | – | not ours: why |\n\
        ## RFC 7692\n| 5.1 | r | client | a.rs | it::m::y |\n## HTTP\n| RFC 9112 5.2 | r | both | b/mod.rs | b::x |\n\
        ## Limits\n| a | b |\n";
    let none: Vec<String> = Vec::new();
    // A citation of RFC 6455 is none of RFC 7692.
    assert_eq!(
        faults(document, &sources, &tests),
        ["line 8, section 5.1: none of a.rs cites the section"]
    );
    let good = document.replace(
        "## RFC 7692\n| 5.1 | r | client | a.rs | it::m::y |",
        "## RFC 7692\n| 5.1 | r | client | – | not ours: x |",
    );
    let good = good.replace("1 rows, 0 of them", "1 rows, 1 of them");
    assert_eq!(faults(&good, &sources, &tests), none);
    for (from, to, says) in [
        ("5.4 (1), 7", "5.3", "none of a.rs cites"),
        ("5.4 (1), 7", "5.2", "none of a.rs cites"),
        ("| a.rs | it", "| b/mod.rs | it", "none of b/mod.rs cites"),
        ("| a.rs | it", "| a.rs, c.rs | it", "no file src/c.rs"),
        ("it::m::y, b::x", "it::m::z", "no test it::m::z"),
        ("it::m::y, b::x", "it::n::y", "no test it::n::y"),
        ("it::m::y, b::x", "b::x, w", "no test w"),
        ("| both |", "| proxy |", "no role"),
        ("not ours: why", "why", "says why"),
        ("RFC 9112 5.2", "RFC 9110 5.2", "none of b/mod.rs cites"),
        ("2 rows", "3 rows", "does not say `RFC 6455: 2 rows"),
        ("| r | both", "| r | s | both", "6 cells"),
        ("## RFC 7692", "## RFC 6455", "no rows were found for RFC 7692"),
    ] {
        assert!(good.contains(from), "{from}");
        let found = faults(&good.replacen(from, to, 1), &sources, &tests);
        assert!(
            found.iter().any(|fault| fault.contains(says)),
            "{from} → {to}: {found:?}"
        );
    }
}
