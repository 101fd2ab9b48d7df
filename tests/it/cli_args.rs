//! Arguments, help and exit codes.

use super::cli_support::{folder, run};

#[test]
fn version_and_help_go_to_stdout_with_exit_code_0() {
    let dir = folder(&[]);
    let output = run(dir.path(), &["--version"]);
    assert_eq!(output.code, Some(0));
    assert_eq!(output.stdout, concat!("wsloop ", env!("CARGO_PKG_VERSION"), "\n"));
    for arguments in [
        ["--help"].as_slice(),
        &["run", "--help"],
        &["check", "--help"],
        &["test", "-h"],
        &["help", "cert"],
        &["server", "run", "--help"],
    ] {
        let output = run(dir.path(), arguments);
        assert_eq!(output.code, Some(0), "{arguments:?}");
        assert!(
            output.stdout.contains("Examples:") && output.stderr.is_empty(),
            "{arguments:?}: {output:?}"
        );
        assert!(!output.stdout.contains('\u{1b}'), "colours that are not for a terminal");
    }
}

#[test]
fn every_exit_code_is_documented() {
    let dir = folder(&[]);
    let help = run(dir.path(), &["--help"]).stdout;
    for code in ["    0 ", "    1 ", "    2 ", "   78 ", "  130 ", "  143 "] {
        assert!(help.contains(code), "{code:?} is missing in {help}");
    }
}

#[test]
fn nothing_to_do_shows_the_help() {
    let dir = folder(&[]);
    let output = run(dir.path(), &[]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("Examples:"), "{output:?}");
}
