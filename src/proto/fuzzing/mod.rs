//! The room's property as a function of bytes, for fuzz targets and for this crate's own tests: however the input is
//! cut, the events and the output are the same; and they are what a naive reader finds.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "these functions are assertions"
)]

#[cfg(feature = "deflate")]
mod compressed;
mod driver;
mod hearing;
mod naive;
#[cfg(feature = "deflate")]
mod naive_inflate;
#[cfg(feature = "deflate")]
mod negotiating;
mod parts;
mod plan;
mod saying;
#[cfg(test)]
mod seeds;
mod sending;
mod streaming;
mod talk;
mod talker;
#[cfg(test)]
mod tests;
mod tunnel;
#[cfg(test)]
mod written;
#[cfg(test)]
mod written_compressed;

use driver::{Start, Trace, drive};
use plan::{Plan, scattered};

#[cfg(test)]
type Body = fn(&[u8]);

/// Every target, by its name.
#[cfg(test)]
const TARGETS: &[(&str, Body)] = &[
    ("frames", frames),
    ("request", request),
    ("response", response),
    ("tunnel", tunnel),
    ("utf8", utf8),
    ("close", close),
    ("sending", sending),
    ("streaming", streaming),
    ("talk", talk),
    #[cfg(feature = "deflate")]
    ("inflate", inflate),
    #[cfg(feature = "deflate")]
    ("deflate", deflate),
];

/// Frames on an open connection. The first byte chooses the side and seeds the cuts; the rest is what the peer sends.
pub fn frames(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    let start = if choice & 1 == 0 {
        Start::OpenServer
    } else {
        Start::OpenClient
    };
    let whole = check_cuts(start, input, choice);
    assert_eq!(
        whole.seen(),
        naive::read(input, start.peer_masks(), &driver::config().limits)
    );
}

/// A client's bytes from the first on, as a server reads them. The first byte seeds the cuts, and from 128 on the server
/// is ready to compress: then what it answers must be one of the client's offers.
pub fn request(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    #[cfg(feature = "deflate")]
    if choice >= 128 {
        let trace = check_cuts(Start::DeflatingServer, input, choice);
        negotiating::check(input, &trace.output);
        return;
    }
    check_cuts(Start::Server, input, choice);
}

/// A server's bytes from the first on, as a client reads them. The first byte seeds the cuts, and from 128 on the client
/// has offered to compress.
pub fn response(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    #[cfg(feature = "deflate")]
    if choice >= 128 {
        check_cuts(Start::DeflatingClient, input, choice);
        return;
    }
    check_cuts(Start::Client, input, choice);
}

/// What a proxy answers. The first byte chooses its kind and whether there are credentials, and seeds the cuts.
pub fn tunnel(data: &[u8]) {
    if let Some((&choice, answer)) = data.split_first() {
        tunnel::check(choice, answer);
    }
}

/// Text in pieces. The first byte seeds the cuts.
pub fn utf8(data: &[u8]) {
    if let Some((&seed, bytes)) = data.split_first() {
        parts::utf8(seed, bytes);
    }
}

/// The payload of a Close.
pub fn close(data: &[u8]) {
    parts::close_payload(data);
}

/// A plan of what a host sends; the naive reader, and our own at several cuttings, must read the same.
pub fn sending(data: &[u8]) {
    sending::play(&mut Plan::new(data));
}

/// A plan of what two connections say to each other, and of what an adversary does to the bytes between them and to
/// the time.
pub fn talk(data: &[u8]) {
    talk::play(&mut Plan::new(data));
}

/// Frames on an open connection whose host wants messages in chunks. The first byte chooses the side and seeds the cuts.
pub fn streaming(data: &[u8]) {
    if let Some((&choice, input)) = data.split_first() {
        streaming::check(choice, input);
    }
}

/// What a peer sends to a connection that agreed on compression: bytes, or DEFLATE in frames, against the limits and
/// a naive inflater.
#[cfg(feature = "deflate")]
pub fn inflate(data: &[u8]) {
    compressed::play(&mut Plan::new(data));
}

/// As [`talk`], between connections that agree on compression, with any parameters and any budget.
#[cfg(feature = "deflate")]
pub fn deflate(data: &[u8]) {
    talk::play_compressed(&mut Plan::new(data));
}

/// Compares the whole input, byte by byte, and a cutting that follows from `seed`; gives the trace of the whole.
fn check_cuts(start: Start, input: &[u8], seed: u8) -> Trace {
    let bytewise = drive(start, input, 1..input.len());
    let whole = drive(start, input, []);
    bytewise.assert_covers(&whole);
    bytewise.assert_covers(&drive(start, input, scattered(input.len(), seed)));
    whole
}
