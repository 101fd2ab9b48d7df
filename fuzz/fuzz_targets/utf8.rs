//! Text in pieces, held against the standard library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::utf8(data));
