//! What `wsloop bench` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::payload::Kind;
use crate::cli::quantity;

/// `wsloop bench`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, disable_help_subcommand = true, after_help = EXAMPLES)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(super) command: Option<BenchCommand>,
    #[command(flatten)]
    pub(super) load: Load,
}

/// The commands below `bench`.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Put measurements side by side
    Compare(Compare),
}

/// What to put on the server, and where to write what came of it.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The server: ws://HOST:PORT/PATH or wss://...; it must send every message back
    #[arg(required = true, value_name = "URL")]
    pub(super) url: Option<String>,
    /// Connections
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(super) connections: u32,
    /// New connections a second; without it as fast as they come up
    #[arg(long, value_name = "PER_SECOND", value_parser = positive)]
    pub(super) ramp: Option<f64>,
    /// Messages a second, on all connections together: each is sent when it is due, whatever the server does
    #[arg(short, long, value_name = "PER_SECOND", conflicts_with = "in_flight", value_parser = positive)]
    pub(super) rate: Option<f64>,
    /// Messages that wait for their echo on each connection; the next is sent when one comes back
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1 << 16))]
    pub(super) in_flight: u32,
    /// Payload sizes, taken in turn
    #[arg(short, long, value_name = "BYTES", default_value = "125", value_delimiter = ',', value_parser = quantity::bytes)]
    pub(super) size: Vec<usize>,
    /// Payload kinds, taken in turn
    #[arg(
        short,
        long,
        value_name = "KIND",
        default_value = "text",
        value_delimiter = ',',
        value_enum
    )]
    pub(super) kind: Vec<Kind>,
    /// How long to measure; 10s unless --messages is given
    #[arg(short, long, value_name = "TIME", value_parser = quantity::duration)]
    pub(super) duration: Option<Duration>,
    /// Measure so many messages
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) messages: Option<u64>,
    /// How long to send before it counts
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = quantity::duration)]
    pub(super) warm_up: Duration,
    /// A connection on which nothing comes for so long, though echoes are due, has lost them
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = quantity::duration)]
    pub(super) timeout: Duration,
    /// Reach the server by this Unix socket; the URL still says host and path
    #[arg(long, value_name = "PATH")]
    pub(super) unix: Option<String>,
    /// Offer permessage-deflate
    #[arg(long)]
    pub(super) compress: bool,
    /// Trust the certificates in this file (PEM), rather than Mozilla's roots
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// A header for the handshake, NAME: VALUE; may be given several times
    #[arg(short = 'H', long, value_name = "HEADER", value_parser = header)]
    pub(super) header: Vec<(String, String)>,
    /// Ask the system again and again rather than sleep: lower latencies, a whole core
    #[arg(long)]
    pub(super) spin: bool,
    /// Source addresses (IPv4, without port) to spread connections over; 127.0.0.x by themselves on loopback
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    pub(super) bind: Vec<std::net::IpAddr>,
    /// What decides the payloads; drawn by the system if it isn't given
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// A name for this run, for the report
    #[arg(long, value_name = "TEXT")]
    pub(super) label: Option<String>,
    /// Write settings, results and the course of the run as JSON; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write a histogram log (V2) for HdrHistogram's tools
    #[arg(long, value_name = "FILE")]
    pub(super) hdr: Option<PathBuf>,
    /// Write a page with plots, in one file
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// `wsloop bench compare`
#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(crate) struct Compare {
    /// What `wsloop bench --json` wrote; the first is what the others are compared with
    #[arg(required = true, num_args = 2..=6, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Write a page with the plots of all, in one file
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// `Name: value`, as headers are written.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

const EXAMPLES: &str = "\
By default the loop is closed: each connection keeps --in-flight messages under way, and a server
that is slow is asked less. With --rate it is open: messages are due at fixed times and sent then
(or as soon after as can be), and latencies count from when they were due. So a stall shows in all
messages that were due meanwhile, as users would feel it, and not in one alone (coordinated
omission).

Every echo is checked for content, kind and order. A server that drops, doubles, reorders, damages
or crosses messages fails the run, and so does a connection that fails or is lost: exit code 1.
Payloads below 16 bytes carry less to check by; below 8 not their connection's number.

Ctrl-C ends the run with its report; a second one ends it at once. docs/BENCH.md tells how to read
the report.

Examples:
  wsloop echo &
  wsloop bench ws://127.0.0.1:9001
  wsloop bench ws://127.0.0.1:9001 -c 32 -i 16 -s 16,1K -d 30s --json a.json
  wsloop bench ws://127.0.0.1:9001 -c 1000 --ramp 500 --rate 50000 --html report.html
  wsloop bench wss://localhost:9001 --ca localhost.cert --compress -k unicode -s 16K
  wsloop bench compare a.json b.json --html compared.html";

const COMPARE_EXAMPLES: &str = "\
Examples:
  wsloop bench compare before.json after.json
  wsloop bench compare one.json two.json three.json --html compared.html";
