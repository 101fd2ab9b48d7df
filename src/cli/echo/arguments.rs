//! What `wsloop echo` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::quantity;

/// `wsloop echo`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Echo {
    /// Where to listen; port 0 for one that the system chooses
    #[arg(default_value = "127.0.0.1:9001", value_name = "ADDR")]
    pub(super) address: String,
    /// Agree on permessage-deflate with clients that offer it
    #[arg(long)]
    pub(super) compress: bool,
    /// Speak TLS, with this certificate and its key (both PEM; `wsloop cert` makes them)
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    pub(super) tls: Option<Vec<PathBuf>>,
    /// The longest message taken
    #[arg(long, value_name = "BYTES", default_value = "64M", value_parser = quantity::bytes)]
    pub(super) message_max: usize,
    /// Connections at once; more wait
    #[arg(long, value_name = "N", default_value_t = 1 << 20)]
    pub(super) connections_max: usize,
    /// Connections that may wait in the system to be accepted
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(super) backlog: u32,
    /// How long clients have to finish after SIGINT or SIGTERM
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = quantity::duration)]
    pub(super) drain: Duration,
}

const EXAMPLES: &str = "\
The address is printed on standard output once it listens. A client that sends and does not read
is not read any more until it does: memory stays bounded. Ctrl-C or SIGTERM drains: no new
connections, what was read is echoed, clients get Close 1001. A second signal ends it at once.

Examples:
  wsloop echo
  wsloop echo --compress '[::1]:9001'
  wsloop cert . && wsloop echo --tls localhost.cert localhost.key localhost:9001
  wsloop echo unix:/run/echo.sock";
