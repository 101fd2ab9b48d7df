//! Every codec: what comes is survived, and what is read is written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsloop::connector::fuzzing::codecs(data));
