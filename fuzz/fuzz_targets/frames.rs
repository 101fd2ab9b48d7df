//! Frames of a peer on an open connection, of either side, held against a naive reader at several cuttings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::frames(data));
