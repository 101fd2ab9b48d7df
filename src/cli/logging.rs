//! The log: lines on standard error, with levels, coloured only on a terminal.

use std::env;
use std::io::Write;

use env_logger::{Builder, Target};
use log::LevelFilter;

use super::arguments::Global;

/// Starts the log, once. `WSLOOP_LOG`, else the flags, else `RUST_LOG`, else `info` says what it shows.
pub(crate) fn start(global: &Global) {
    let mut builder = Builder::new();
    builder.target(Target::Stderr).format(|out, record| {
        let style = out.default_level_style(record.level());
        // What the program itself says comes from modules whose names tell a user nothing.
        let source = record.target();
        let source = source
            .split_once("::")
            .map_or(source, |(first, _)| if first == "wsloop" { first } else { source });
        let (time, level) = (out.timestamp_millis(), record.level());
        writeln!(out, "{time} {style}{level:5}{style:#} {source}: {}", record.args())
    });
    builder.filter_level(level(global));
    let wanted = env::var("WSLOOP_LOG").ok().or_else(|| {
        let flags = global.verbose > 0 || global.quiet > 0;
        env::var("RUST_LOG").ok().filter(|_| !flags)
    });
    if let Some(wanted) = wanted.filter(|wanted| !wanted.trim().is_empty()) {
        builder.parse_filters(&wanted);
    }
    // A second call would be a mistake of this program; the first logger then stays.
    let _ = builder.try_init();
}

fn level(global: &Global) -> LevelFilter {
    match (global.verbose, global.quiet) {
        (0, 0) => LevelFilter::Info,
        (1, _) => LevelFilter::Debug,
        (0, 1) => LevelFilter::Warn,
        (0, _) => LevelFilter::Error,
        _ => LevelFilter::Trace,
    }
}
