//! Echo servers of several makes, one thread each, and a load for all of them: `run.py` lets them take turns.

// The package's rule that clock and sockets belong to `sys` is not meant for what runs beside it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod arguments;
mod dial;
mod frames;
mod hold;
mod load;
mod process;
mod serve;
mod soak;
mod tls;

use std::error::Error;

use arguments::Arguments;

const USAGE: &str = "usage: wsloop-echo COMMAND
  serve NAME ADDRESS [--tls CERT.pem KEY.pem]     an echo server; NAME is one of those that `names` prints
  names
  certificate CERT.pem KEY.pem                    makes a certificate for localhost
  load ADDRESS --pid PID --payload BYTES [--kind binary|text] [--connections N] [--in-flight N] [--plain]
       [--warm-ms N] [--window-ms N] [--handshakes] [--latency] [--batches N] [--tls CERT.pem]
                                                  one line of JSON: what the server with PID did, and its CPU time
  hold ADDRESS [--connections N] [--talk] [--tls CERT.pem]
                                                  `ready`, when all are open; holds them until standard input ends
  soak ADDRESS --pid PID [--seconds N] [--idle N] [--busy N] [--hostile N]
                                                  a line of JSON a second";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::new(std::env::args().skip(1));
    match arguments.word().as_deref() {
        Some("serve") => serve::run(&mut arguments),
        Some("names") => {
            println!("{}", serve::NAMES.join("\n"));
            Ok(())
        }
        Some("certificate") => tls::make_certificate(&arguments.needed("CERT.pem")?, &arguments.needed("KEY.pem")?),
        Some("hold") => hold::run(&mut arguments),
        Some("soak") => soak::run(&mut arguments),
        Some("load") => load::run(&mut arguments),
        _ => Err(USAGE.into()),
    }
}
