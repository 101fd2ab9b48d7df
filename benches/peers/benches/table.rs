//! All contenders of a task by turns, so that what a busy or moody machine does to one it does to all; prints the tables
//! of docs/PERFORMANCE.md: ratios to the first of each row, and nanoseconds a piece. An argument restricts it to the
//! tasks in whose names it occurs: `… --bench table -- 'read in place'`.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wsloop_peers::Case;

/// How long one turn of one contender lasts, and how many turns each has.
const TURN: Duration = Duration::from_millis(2);
const TURNS: usize = 101;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.rfind(|argument| !argument.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    let mut cases = wsloop_peers::cases();
    let (mut group, mut header) = ("", String::new());
    while let Some(first) = cases.first() {
        let (task_group, what) = (first.group, first.what.clone());
        let is_same = |case: &mut Case| case.group == task_group && case.what == what;
        let mut task: Vec<Case> = cases.extract_if(.., is_same).collect();
        if !format!("{task_group}/{what}").contains(&wanted) {
            continue;
        }
        if group != task_group {
            group = task_group;
            header.clear();
            println!("\n### {group}");
        }
        let names: Vec<_> = task.iter().map(|case| case.who).collect();
        let names = format!("| | {} |\n|---|{}", names.join(" | "), "--:|".repeat(names.len()));
        if header != names {
            println!("\n{names}");
            header = names;
        }
        println!("| {what} | {} |", measure(&mut task).join(" | "));
    }
}

/// A cell for each contender.
fn measure(task: &mut [Case]) -> Vec<String> {
    let passes: Vec<u32> = task.iter_mut().map(warm_up).collect();
    let mut nanos = vec![Vec::with_capacity(TURNS); task.len()];
    for _ in 0..TURNS {
        for ((case, &passes), nanos) in task.iter_mut().zip(&passes).zip(&mut nanos) {
            // The one before has taken the caches; a pass of one's own takes them back.
            (case.pass)();
            let began = now();
            for _ in 0..passes {
                (case.pass)();
            }
            nanos.push((now() - began).as_nanos() as f64 / (f64::from(passes) * case.count as f64));
        }
    }
    let cell = |own: &Vec<f64>| {
        let ratios = own.iter().zip(&nanos[0]).map(|(own, first)| own / first).collect();
        let own = median(own.clone());
        let digits = if own < 100.0 { 1 } else { 0 };
        format!("{:.2} ({own:.digits$} ns)", median(ratios))
    };
    nanos.iter().map(cell).collect()
}

/// How many passes fill a turn.
fn warm_up(case: &mut Case) -> u32 {
    let began = now();
    let mut passes = 0;
    while now() - began < 5 * TURN {
        (case.pass)();
        passes += 1;
    }
    (passes / 5).max(1)
}

/// The time that this thread has had a processor: on a busy machine others have it most of the time.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
