//! What the tool itself takes, and where it runs.

use serde::{Deserialize, Serialize};
use wsloop::EventLoop;
use wsloop::engine::Files;
use wsloop::sys::OsFiles;

/// The files of Linux that are read here are short.
const FILE_MAX_BYTES: usize = 1 << 20;

/// CPU time of this process's main thread so far, in nanoseconds; `None` where the system has no such file.
pub(super) fn cpu_time(event_loop: &mut EventLoop) -> Option<u64> {
    let text = event_loop
        .sys_mut()
        .read_whole("/proc/self/schedstat", FILE_MAX_BYTES)
        .ok()?;
    std::str::from_utf8(&text).ok()?.split(' ').next()?.parse().ok()
}

/// Where a run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Environment {
    pub(super) os: String,
    pub(super) arch: String,
    /// The processor's name, where the system tells.
    pub(super) cpu: Option<String>,
    /// Cores that this process may use.
    pub(super) cores: usize,
}

impl Environment {
    pub(super) fn here() -> Self {
        let mut files = OsFiles::new();
        let mut read = |path| {
            let bytes = files.read_whole(path, FILE_MAX_BYTES).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let release = read("/proc/sys/kernel/osrelease");
        let name = std::env::consts::OS;
        let cpu = read("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        Self {
            os: release.map_or_else(|| name.to_owned(), |release| format!("{name} {}", release.trim())),
            arch: std::env::consts::ARCH.to_owned(),
            cpu,
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }
}
