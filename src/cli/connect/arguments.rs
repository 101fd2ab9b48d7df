//! What `wsloop connect` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::bench::arguments::header;
use crate::cli::quantity;

/// `wsloop connect`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Connect {
    /// The server: ws://HOST:PORT/PATH or wss://...
    #[arg(value_name = "URL")]
    pub(super) url: String,
    /// Send lines as binary messages: their bytes as they are, or what they say in hex or base64
    #[arg(short, long, value_name = "AS", num_args = 0..=1, require_equals = true, default_missing_value = "raw", value_enum)]
    pub(super) binary: Option<Bytes>,
    /// How binary messages are shown
    #[arg(long, value_name = "AS", default_value = "hex", value_enum)]
    pub(super) show_binary: Bytes,
    /// Tell of pings and pongs, on standard error
    #[arg(long)]
    pub(super) show_pings: bool,
    /// Tell how the connection was closed, on standard error
    #[arg(long)]
    pub(super) show_close: bool,
    /// Send a ping so often
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    pub(super) ping: Option<Duration>,
    /// A header for the handshake, NAME: VALUE; may be given several times
    #[arg(short = 'H', long, value_name = "HEADER", value_parser = header)]
    pub(super) header: Vec<(String, String)>,
    /// A subprotocol to offer; may be given several times, the preferred one first
    #[arg(long, value_name = "NAME")]
    pub(super) subprotocol: Vec<String>,
    /// Trust the certificates in this file (PEM), rather than Mozilla's roots
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// Reach the server by this Unix socket; the URL still says host and path
    #[arg(long, value_name = "PATH")]
    pub(super) unix: Option<String>,
    /// Offer permessage-deflate
    #[arg(long)]
    pub(super) compress: bool,
    /// At the end of the input, go on until no message has come for so long
    #[arg(short, long, value_name = "TIME", value_parser = quantity::duration)]
    pub(super) wait: Option<Duration>,
}

/// How bytes are written on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bytes {
    /// As they are
    Raw,
    /// Two digits each
    Hex,
    /// RFC 4648, with padding
    Base64,
}

const EXAMPLES: &str = "\
Each line of standard input is sent as a message, each message that comes is a line on standard
output. At the end of the input (Ctrl-D) what was sent is written out, the connection is closed
with 1000, and what still comes until the server has closed as well is printed. Ctrl-C closes at
once, and a second one leaves without waiting for the server.

Exit code 0 if the connection was closed in good order, 1 if it failed, was lost, or the server
closed it with another code than 1000 or 1001.

Examples:
  wsloop connect ws://127.0.0.1:9001
  echo hello | wsloop connect --wait 1s ws://127.0.0.1:9001
  echo 00ff | wsloop connect --binary=hex --show-close ws://127.0.0.1:9001
  wsloop connect -H 'Authorization: Bearer TOKEN' --subprotocol chat wss://example.com/chat";
