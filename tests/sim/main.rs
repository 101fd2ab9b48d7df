//! The engine in the simulated world, seed by seed. A seed that fails prints its number and the command that replays it
//! alone, with every happening told: `WSLOOP_SIM_SEED=17 cargo test --features sim --test sim -- --nocapture`. A longer
//! hunt: `WSLOOP_SIM_SEED=500..20000`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

// Sockets that another part of the process has accepted and read from, handed over to the engine.
mod adopting;
// Peers that stall, each in its place, and the time after which the engine lets them go.
mod deadlines;
// 500 seeds of naive clients against an echo server: every reply to its own sender, whole and in order, and one end
// for each stream, whatever the network does.
mod echo;
// Dials of several addresses: dead, refused, late.
mod dialing;
// The echo server, a host of the engine that checks what it is handed.
mod host;
// Whole flows: the router and real connectors, and the model of what must arrive.
#[cfg(feature = "connectors")]
mod flows;
// One engine as server and client at once, plain and with TLS: name look-ups, refused and late connects, closing.
mod loopback;
// What became of each message, under faults.
mod accounts;
// Draws what a client is going to do, and what it must hear.
mod plan;
// Dials through naive proxies, and redirects.
mod tunnels;
// The whole engine, server and client, in one world with naive peers, every command of a host at any moment, and a model
// that knows what must arrive; and worlds in which the first call fails, then the second, and so on.
mod whole;
// The simulated world itself: its edges, its pipes, its files.
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Runs `test` with the seeds from 0 to `count`, or with those that the environment names: `17` is that one alone, with
/// every happening told; `500..9000` a range. A range is spread over the processor's cores.
pub(crate) fn seeds(name: &str, count: u64, test: impl Fn(u64, bool) + Sync) {
    let named = std::env::var("WSLOOP_SIM_SEED").ok();
    let number = |text: &str| {
        text.parse()
            .expect("WSLOOP_SIM_SEED is a number, or two with `..` between")
    };
    let range = match named.as_deref().map(|text| text.split_once("..").ok_or(text)) {
        None => 0..count,
        Some(Ok((first, end))) => number(first)..number(end),
        Some(Err(seed)) => return test(number(seed), true),
    };
    // Those who know that some seeds fail want to know of more.
    let failures_max = std::env::var("WSLOOP_SIM_FAILURES").map_or(1, |text| number(&text));
    let (next, failures) = (AtomicU64::new(range.start), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= range.end || failures.load(Relaxed) >= failures_max {
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| test(seed, false))).is_err() {
                failures.fetch_add(1, Relaxed);
                eprintln!("seed {seed} fails; to replay it alone, with every happening told:");
                eprintln!(
                    "WSLOOP_SIM_SEED={seed} cargo test --profile sim --no-default-features --features \
                     sim,deflate,connectors --test sim {name} -- --nocapture"
                );
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
        work();
    });
    assert_eq!(failures.into_inner(), 0, "seeds fail; each is named above");
}
