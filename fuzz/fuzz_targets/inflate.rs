//! Compressed frames, right and wrong, against the limits and a naive inflater.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::inflate(data));
