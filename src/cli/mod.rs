//! The command line tool: arguments, wiring, printing.

mod arguments;
mod bench;
mod cert;
mod connect;
mod doc;
mod echo;
mod logging;
mod outcome;
mod quantity;
mod service;
mod sources;
mod test_runner;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use wsloop::flow::Mode;

use arguments::{Arguments, Check, Command, Server};
use outcome::Outcome;

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // `--help` and `--version` come this way too, with exit code 0; usage errors have clap's own, 2.
        Err(error) => error.exit(),
    };
    logging::start(&arguments.global);
    let outcome = match &arguments.command {
        Command::Run(arguments) | Command::Server(Server::Run(arguments)) => service::run(arguments),
        Command::Check(arguments) => check(arguments),
        Command::Test(arguments) => test_runner::run(arguments),
        Command::Doc(arguments) => doc::run(arguments),
        Command::Cert(arguments) => cert::run(arguments),
        Command::Echo(arguments) => echo::run(arguments),
        Command::Connect(arguments) => connect::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
    };
    outcome.into()
}

/// `wsloop check`: the mistakes were shown if there are any.
fn check(arguments: &Check) -> Outcome {
    match sources::load(&arguments.files, Mode::Check) {
        Ok(_) => {
            log::info!("no mistake was found");
            Outcome::Done
        }
        Err(outcome) => outcome,
    }
}

/// Prints on standard output; that nobody reads any more is no error of ours.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
