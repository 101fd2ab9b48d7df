//! Two connections that talk, and an adversary between them; a model knows what each must hear.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::proto::fuzzing::talk(data));
