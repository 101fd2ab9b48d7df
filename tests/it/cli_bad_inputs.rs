//! What a user can get wrong: each case gets a clear error, the right exit code, and an end.
//!
//! Every case is a test and a row of the table in `docs/TESTING.md`; a test holds the two together.

use std::fs;
use std::path::Path;

/// Declares cases: a test for each, and its row of the table.
macro_rules! bad_inputs {
    ($($name:ident: $what:literal => $got:literal, $body:expr;)*) => {
        /// Name, what is wrong, what it gets.
        pub(crate) const ROWS: &[(&str, &str, &str)] = &[$((stringify!($name), $what, $got)),*];

        $(#[test]
        fn $name() {
            $body;
        })*
    };
}
pub(crate) use bad_inputs;

/// The table as `docs/TESTING.md` has it.
fn table() -> String {
    let groups = [
        ("cli_bad_configs", super::cli_bad_configs::ROWS),
        ("cli_bad_options", super::cli_bad_options::ROWS),
        ("cli_bad_files", super::cli_bad_files::ROWS),
        ("cli_bad_surroundings", super::cli_bad_surroundings::ROWS),
        ("flows_bad_peers", super::flows_bad_peers::ROWS),
        ("flows_bad_servers", super::flows_bad_servers::ROWS),
    ];
    let mut table = String::from("| what is wrong | what it gets | test |\n|---|---|---|\n");
    for (module, rows) in groups {
        for (name, what, got) in rows {
            table.push_str(&format!("| {what} | {got} | `{module}::{name}` |\n"));
        }
    }
    table
}

/// `WSLOOP_WRITE_DOCS=1 cargo test …` writes the table anew.
#[test]
fn the_table_in_the_documentation_is_this_one() {
    const BEGIN: &str = "<!-- bad inputs: written by tests/it/cli_bad_inputs.rs -->\n";
    const END: &str = "<!-- end of bad inputs -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/TESTING.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let table = table();
    assert!(table.lines().count() >= 122, "the table has fewer than 120 cases");
    if std::env::var_os("WSLOOP_WRITE_DOCS").is_some() {
        fs::write(&path, [before, BEGIN, &table, END, after].concat()).unwrap();
    } else {
        assert_eq!(found, table, "run this test with WSLOOP_WRITE_DOCS=1");
    }
}
