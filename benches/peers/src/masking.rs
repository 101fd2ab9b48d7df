//! The exclusive or alone. What wsloop has for it is no part of its interface, so its file is compiled in here.

// The whole file, whatever else it comes to hold.
#[allow(dead_code)]
#[path = "../../../src/proto/wire/mask/mod.rs"]
mod mask;

use std::hint::black_box;

use crate::frames::{self, CASES};
use crate::{Cases, by_hand};

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

pub(crate) fn cases() -> Vec<Cases> {
    let tasks = CASES.into_iter().map(|(length, count)| {
        let mut task = Cases::new("mask", frames::length(length), count);
        contend(&mut task, "by hand", length, by_hand::mask);
        contend(&mut task, "wsloop", length, mask::apply);
        contend(&mut task, "wsloop, cut in two", length, |bytes, key| {
            let (first, second) = bytes.split_at_mut(bytes.len() / 2 - 1);
            mask::apply(first, key);
            mask::apply(second, mask::rotate(key, first.len()));
        });
        contend(&mut task, "fastwebsockets", length, fastwebsockets::unmask);
        let other = vec![b'y'; length];
        contend(&mut task, "memcpy", length, move |bytes, _| {
            bytes.copy_from_slice(&other)
        });
        task
    });
    tasks.collect()
}

/// Payloads side by side, each masked with a key that the compiler doesn't know.
fn contend(task: &mut Cases, who: &'static str, length: usize, mut apply: impl FnMut(&mut [u8], [u8; 4]) + 'static) {
    let mut bytes = vec![b'x'; length * task.count as usize];
    task.add(who, move || {
        for payload in black_box(&mut bytes).chunks_exact_mut(length) {
            apply(payload, black_box(KEY));
        }
    });
}
