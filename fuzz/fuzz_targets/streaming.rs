//! Frames to a connection whose host wants messages in chunks; joined they are what a naive reader sees.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::streaming(data));
