//! The program `wsloop`: runs, checks and tests flows.

use clap::Parser;

/// Runs WebSocket services from a config file.
#[derive(Debug, Parser)]
#[command(name = "wsloop", version)]
struct Arguments {}

fn main() {
    let Arguments {} = Arguments::parse();
}
