//! Contenders and what they contend in; nothing here measures. Each case is a closure that makes one pass over bytes in
//! memory; the benches run it, by criterion or by turns.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../../by_hand.rs"]
mod by_hand;
mod deflate;
mod frames;
mod handshake;
mod masking;
mod memory;
mod read;
mod utf8;
mod write;

/// One contender at one task.
pub struct Case {
    /// What is done.
    pub group: &'static str,
    /// To what.
    pub what: String,
    /// By whom.
    pub who: &'static str,
    /// How often a pass does it.
    pub count: u64,
    /// Makes one pass.
    pub pass: Box<dyn FnMut()>,
}

/// Gathers the cases of one task.
struct Cases {
    group: &'static str,
    what: String,
    count: u64,
    cases: Vec<Case>,
}

impl Cases {
    fn new(group: &'static str, what: impl Into<String>, count: usize) -> Self {
        Self {
            group,
            what: what.into(),
            count: count as u64,
            cases: Vec::new(),
        }
    }

    fn add(&mut self, who: &'static str, pass: impl FnMut() + 'static) {
        self.cases.push(Case {
            group: self.group,
            what: self.what.clone(),
            who,
            count: self.count,
            pass: Box::new(pass),
        });
    }
}

/// Everything that is measured; of each task, the yardstick comes first.
pub fn cases() -> Vec<Case> {
    let tasks = [
        read::in_place(),
        read::copied(),
        write::cases(),
        masking::cases(),
        utf8::cases(),
        handshake::cases(),
        deflate::cases(),
    ];
    tasks.into_iter().flatten().flat_map(|task| task.cases).collect()
}
