//! Every preprocessor: what comes is survived, however it is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::connector::fuzzing::processors(data));
