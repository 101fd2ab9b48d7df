//! What a host sends, read by a naive reader and by our own at several cuttings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::sending(data));
