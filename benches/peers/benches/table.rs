//! All contenders of a task by turns, so that what a busy or moody machine does to one it does to all; prints the tables
//! of docs/PERFORMANCE.md. An argument restricts it to the tasks in whose names it occurs.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::{Duration, Instant};

use wsloop_peers::Case;

/// How long one turn of one contender lasts, and how many turns each has.
const TURN: Duration = Duration::from_millis(2);
const TURNS: usize = 101;

/// What the figures of a task are ratios to.
struct Measured {
    who: &'static str,
    /// Nanoseconds a piece, of each turn.
    nanos: Vec<f64>,
}

fn main() {
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'))
        .unwrap_or_default();
    let mut cases = wsloop_peers::cases();
    let mut group = "";
    while !cases.is_empty() {
        let name = |case: &Case| (case.group, case.what.clone());
        let first = name(&cases[0]);
        let mut task: Vec<Case> = cases.extract_if(.., |case| name(case) == first).collect();
        if !format!("{}/{}", first.0, first.1).contains(&wanted) {
            continue;
        }
        if group != first.0 {
            group = first.0;
            println!("\n## {group}\n");
        }
        let measured = measure(&mut task);
        let base = &measured[0].nanos;
        let cells = measured.iter().map(|contender| {
            let ratios: Vec<f64> = contender
                .nanos
                .iter()
                .zip(base)
                .map(|(nanos, base)| nanos / base)
                .collect();
            format!(
                "{} {:.2} ({:.1} ns)",
                contender.who,
                median(ratios),
                median(contender.nanos.clone())
            )
        });
        println!("| {} | {} |", first.1, cells.collect::<Vec<_>>().join(" | "));
    }
}

fn measure(task: &mut [Case]) -> Vec<Measured> {
    let mut measured = Vec::new();
    let mut passes = Vec::new();
    for case in &mut *task {
        // Warm up, and find how many passes fill a turn.
        let began = Instant::now();
        let mut count = 0;
        while began.elapsed() < 5 * TURN {
            (case.pass)();
            count += 1;
        }
        passes.push((count / 5).max(1));
        measured.push(Measured {
            who: case.who,
            nanos: Vec::new(),
        });
    }
    for _ in 0..TURNS {
        for ((case, passes), measured) in task.iter_mut().zip(&passes).zip(&mut measured) {
            // The one before has taken the caches; a pass of one's own takes them back.
            (case.pass)();
            let began = Instant::now();
            for _ in 0..*passes {
                (case.pass)();
            }
            let pieces = f64::from(*passes) * case.count as f64;
            measured.nanos.push(began.elapsed().as_nanos() as f64 / pieces);
        }
    }
    measured
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
