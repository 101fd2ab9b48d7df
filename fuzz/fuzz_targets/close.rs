//! The payload of a Close, held against a plain table.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::close(data));
