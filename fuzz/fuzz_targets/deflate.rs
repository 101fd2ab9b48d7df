//! Two connections that compress, with any parameters, and an adversary between them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::deflate(data));
