//! What a proxy of either kind answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::tunnel(data));
