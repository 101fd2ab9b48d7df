//! The targets over their committed seeds, and over bytes of any kind.
//!
//! `WSLOOP_WRITE_SEEDS=1 cargo test --all-features --lib proto::fuzzing::seeds` writes those seeds that are written out
//! in [`written`]; the others, those that a fuzzer found among them, are kept by hand.
#![allow(clippy::disallowed_methods, reason = "a test may read files")]

use alloc::string::String;
use alloc::vec::Vec;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::TARGETS;
use super::driver::{Start, drive};
use super::written::written;
use crate::proto::Event;

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target)
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder(target)).unwrap().map(|file| file.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().into();
    files.map(|path| (name(&path), fs::read(path).unwrap())).collect()
}

/// The seeds are what fuzzing begins with, and what it once found: they must pass.
#[test]
fn the_seeds_of_all_targets_pass() {
    for (target, body) in TARGETS {
        let seeds = seeds(target);
        assert!(seeds.len() > 4, "{target}: {}", seeds.len());
        for (name, seed) in seeds {
            std::eprintln!("{target}/{name}");
            body(&seed);
        }
    }
}

#[test]
fn the_committed_seeds_are_those_written_here() {
    for (target, name, bytes) in written() {
        let path = folder(target).join(name);
        if std::env::var_os("WSLOOP_WRITE_SEEDS").is_some() {
            fs::create_dir_all(folder(target)).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(fs::read(&path).ok(), Some(bytes), "{}", path.display());
    }
}

#[test]
fn every_target_has_its_program() {
    let manifest = fs::read_to_string(folder("../Cargo.toml")).unwrap();
    for (target, _) in TARGETS {
        let program = fs::read_to_string(folder("../fuzz_targets").join(target).with_extension("rs"));
        let call = alloc::format!("fuzzing::{target}(data)");
        assert!(program.is_ok_and(|program| program.contains(&call)), "{target}");
        assert!(manifest.contains(&alloc::format!("name = \"{target}\"")), "{target}");
    }
    // Two of them want compression, and two are about connectors.
    let missing = if cfg!(feature = "deflate") { 2 } else { 4 };
    let programs = fs::read_dir(folder("../fuzz_targets")).unwrap().count();
    assert_eq!(programs, TARGETS.len() + missing);
}

#[test]
fn seeds_of_handshakes_reach_what_they_are_named_after() {
    for (target, name, start) in [
        ("request", "good", Start::Server),
        ("response", "good", Start::Client),
        #[cfg(feature = "deflate")]
        ("request", "offer_with_all", Start::DeflatingServer),
        #[cfg(feature = "deflate")]
        ("response", "choice_with_all", Start::DeflatingClient),
    ] {
        let good = fs::read(folder(target).join(name)).unwrap();
        let events = drive(start, &good[1..], []).events;
        assert!(
            matches!(events[..], [.., Event::Opened(_), Event::Message(_), Event::Closed(_)]),
            "{name}: {events:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bytes_of_any_kind_are_no_trouble(data in prop::collection::vec(any::<u8>(), 0..120)) {
        for (_, body) in TARGETS {
            body(&data);
        }
    }
}
