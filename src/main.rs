//! The program `wsloop`: runs, checks and tests flows, and makes certificates to try them out with.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
