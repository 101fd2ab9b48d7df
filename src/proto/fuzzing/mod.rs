//! The room's property as a function of bytes, for fuzz targets and for this crate's own tests: however the input is
//! cut, the events and the output are the same; and they are what a naive reader finds.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "these functions are assertions"
)]

mod driver;
mod naive;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use driver::{Start, Trace, drive};

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

/// A client's bytes from the first on, as a server reads them. The first byte seeds the cuts.
pub fn request(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    check_cuts(Start::Server, input, choice);
}

/// A server's bytes from the first on, as a client reads them. The first byte seeds the cuts.
pub fn response(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    check_cuts(Start::Client, input, choice);
}

/// Compares the whole input, byte by byte, and a cutting that follows from `seed`; gives the trace of the whole.
fn check_cuts(start: Start, input: &[u8], seed: u8) -> Trace {
    let bytewise = drive(start, input, 1..input.len());
    let whole = drive(start, input, []);
    bytewise.assert_covers(&whole);
    bytewise.assert_covers(&drive(start, input, scattered(input.len(), seed)));
    whole
}

/// Some cuts, ascending.
fn scattered(len: usize, seed: u8) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut random = u32::from(seed).wrapping_mul(0x9E37_79B9) | 1;
    let mut at = 0;
    loop {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        at += 1 + (random % (3 + u32::from(seed))) as usize;
        if at >= len {
            return cuts;
        }
        cuts.push(at);
    }
}
