//! How the program ends.

use std::process::ExitCode;

/// What a command came to; the exit code tells it to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All went well.
    Done,
    /// It failed while running, or a test failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The configuration is wrong: `EX_CONFIG` of sysexits.h, which a service manager can tell from a failure that
    /// another attempt may mend.
    BadConfig,
    /// A second SIGINT came: 128 and the signal's number, as shells count.
    Interrupted,
    /// A second SIGTERM came.
    Terminated,
}

impl Outcome {
    /// The exit code, as `--help` documents it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadConfig => 78,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}
