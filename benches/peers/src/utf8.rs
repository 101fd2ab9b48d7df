//! Validating text. tungstenite asks the standard library, fastwebsockets simdutf8, tokio-websockets both, by length.

// The whole file, whatever else it comes to hold.
#[allow(dead_code)]
#[path = "../../../src/proto/wire/utf8.rs"]
mod validator;

use std::hint::black_box;

use validator::{Validator, is_valid};

use crate::Cases;
use crate::frames::{self, CASES};
use crate::read::TEXTS;

/// Bytes of a piece, where text comes in pieces.
const PIECE: usize = 1000;

pub(crate) fn cases() -> Vec<Cases> {
    let mut tasks = Vec::new();
    for (name, unit) in TEXTS {
        for (length, count) in CASES {
            let mut task = Cases::new("utf-8", format!("{name} {}", frames::length(length)), count);
            let text = frames::text(unit, length);
            contend(&mut task, "std", &text, |bytes| std::str::from_utf8(bytes).is_ok());
            contend(&mut task, "simdutf8", &text, |bytes| {
                simdutf8::basic::from_utf8(bytes).is_ok()
            });
            contend(&mut task, "wsloop", &text, is_valid);
            contend(&mut task, "wsloop, in pieces", &text, |bytes| {
                let mut validator = Validator::default();
                let fits = bytes.chunks(PIECE).all(|piece| validator.feed(piece).is_ok());
                fits && validator.is_complete()
            });
            tasks.push(task);
        }
    }
    tasks
}

fn contend(task: &mut Cases, who: &'static str, text: &str, is_valid: impl Fn(&[u8]) -> bool + 'static) {
    let (length, count) = (text.len(), task.count as usize);
    let bytes = text.as_bytes().repeat(count);
    task.add(who, move || {
        for text in black_box(&bytes).chunks_exact(length) {
            assert!(is_valid(text));
        }
    });
}
