//! Arguments, help and exit codes.

use std::process::Command;

#[test]
fn version_is_printed_on_stdout() {
    let out = Command::new(env!("CARGO_BIN_EXE_wsloop"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(out.status.success());
    assert_eq!(
        String::from_utf8(out.stdout).unwrap(),
        concat!("wsloop ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
