//! Masking with AVX2, where the machine turns out to have it: the only `unsafe` in this crate.
//!
//! A build for plain x86-64 may use vectors of 16 bytes, though nearly every machine has those of 32. Code built for
//! AVX2 masks a payload of 16 KiB more than twice as fast, which halves what a reader does for it. That code is
//! safe Rust as well; only the step into it is not, since the compiler can't know that the machine was asked. The tests
//! of this folder and the fuzz target `frames` hold it against a byte-by-byte one.
#![allow(unsafe_code)]

use super::{rotate, words};

cpufeatures::new!(has_avx2, "avx2");

/// Masks `bytes` if the machine has AVX2; `false`, with nothing done, if it has not.
#[inline]
pub(super) fn apply(bytes: &mut [u8], key: [u8; 4]) -> bool {
    let can = has_avx2::get();
    if can {
        // SAFETY: `aligned_words` is safe but for its demand that the machine has AVX2, and the line above says so: the
        // processor was asked, and whether the system keeps the wide registers.
        unsafe { aligned_words(bytes, key) };
    }
    can
}

/// As [`words`], in vectors of 32 bytes that begin at multiples of 32: a vector that lies across two cache lines costs
/// twice as much, and payloads begin anywhere.
#[target_feature(enable = "avx2")]
fn aligned_words(bytes: &mut [u8], key: [u8; 4]) {
    let before = bytes.as_ptr().align_offset(32).min(bytes.len());
    let (before, aligned) = bytes.split_at_mut(before);
    words(before, key);
    words(aligned, rotate(key, before.len()));
}
