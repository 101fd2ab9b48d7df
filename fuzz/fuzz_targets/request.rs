//! What a server reads from its first byte on: the same at several cuttings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::request(data));
