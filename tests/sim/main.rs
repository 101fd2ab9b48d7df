//! The engine in the simulated world, seed by seed. A seed that fails prints its number and the command that replays it
//! alone, with every happening told: `WSLOOP_SIM_SEED=17 cargo test --features sim --test sim -- --nocapture`.
#![allow(clippy::unwrap_used, missing_docs)]

// 500 seeds of naive clients against an echo server: every reply to its own sender, whole and in order, and one end
// for each stream, whatever the network does.
mod echo;
// The echo server, a host of the engine that checks what it is handed.
mod host;
// Draws what a client is going to do, and what it must hear.
mod plan;
// The simulated world itself: its edges, its pipes, its files.
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `test` with each seed, or only with the one that the environment names.
pub(crate) fn seeds(name: &str, count: u64, test: impl Fn(u64, bool)) {
    if let Ok(seed) = std::env::var("WSLOOP_SIM_SEED") {
        return test(seed.parse().expect("WSLOOP_SIM_SEED is a number"), true);
    }
    for seed in 0..count {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed, false))) {
            eprintln!("seed {seed} fails; to replay it alone, with every happening told:");
            eprintln!("WSLOOP_SIM_SEED={seed} cargo test --features sim --test sim {name} -- --nocapture");
            resume_unwind(panic);
        }
    }
}
