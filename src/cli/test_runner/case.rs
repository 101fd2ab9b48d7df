//! One test from beginning to end.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::asserts::{self, tail};
use super::files::{self, Assertions, Conditions, Scalar, Step};
use super::probe::Probe;
use super::process::{Launch, Process, expand, told};
use super::suite::Case;
use super::{Interrupt, wait_until};

/// Where the flow's standard output goes, in the test's folder.
pub(super) const STDOUT_LOG: &str = "fg.out.log";
/// Where its standard error goes.
pub(super) const STDERR_LOG: &str = "fg.err.log";

/// Runs a test: what comes before it, the flow, what comes after it, and the expectations.
///
/// # Errors
/// Everything that was not as it should be.
pub(super) fn run(case: &Case, deadline: Instant, interrupt: &Interrupt) -> Result<(), Vec<String>> {
    let test = Test::load(case, deadline, interrupt).map_err(|error| vec![error])?;
    let mut background = Vec::new();
    let mut faults = match test.before(&mut background) {
        Ok(()) => test.foreground(),
        Err(fault) => vec![fault],
    };
    faults.extend(test.after());
    // Those started last may lean on those started first.
    while let Some(process) = background.pop() {
        drop(process);
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// A test with its files read.
struct Test<'a> {
    case: &'a Case,
    deadline: Instant,
    interrupt: &'a Interrupt,
    before: Vec<Step>,
    after: Vec<Step>,
    expected: Assertions,
    /// What its processes find in their environment, beside what the runner's own holds.
    variables: BTreeMap<String, String>,
}

impl<'a> Test<'a> {
    fn load(case: &'a Case, deadline: Instant, interrupt: &'a Interrupt) -> Result<Self, String> {
        let at = |name: &str| case.dir.join(name);
        let own: BTreeMap<String, Scalar> = files::load(&at("env.yaml"))?.unwrap_or_default();
        let mut variables = BTreeMap::new();
        if env::var_os("RUST_LOG").is_none() {
            variables.insert("RUST_LOG".to_owned(), "info".to_owned());
        }
        variables.insert("TREMOR_PATH".to_owned(), search_path(case));
        variables.insert("PWD".to_owned(), case.dir.display().to_string());
        variables.extend(own.into_iter().map(|(name, value)| (name, value.0)));
        Ok(Self {
            case,
            deadline,
            interrupt,
            before: files::load_steps(&at("before.yaml"))?,
            after: files::load_steps(&at("after.yaml"))?,
            expected: files::load(&at("assert.yaml"))?.unwrap_or_default(),
            variables,
        })
    }

    /// Starts what comes before the flow, one after the other, each with what must hold before the next.
    fn before(&self, background: &mut Vec<Process>) -> Result<(), String> {
        for (number, step) in self.before.iter().enumerate() {
            let mut process = self.start(step, "before", number)?;
            let result = self.hold(step, &mut process);
            background.push(process);
            result.map_err(|fault| {
                let log = fs::read_to_string(self.case.dir.join(format!("before.err.{number}.log")));
                let log = log.map(|log| tail(&log)).unwrap_or_default();
                format!(
                    "before.yaml, {} (number {number}): {fault}; before.err.{number}.log{log}",
                    step.cmd
                )
            })?;
        }
        Ok(())
    }

    fn start(&self, step: &Step, when: &str, number: usize) -> Result<Process, String> {
        let dir = self.case.dir.join(&step.dir);
        let mut variables = self.variables.clone();
        variables.insert("PWD".to_owned(), dir.display().to_string());
        let own = step.env.iter().map(|(name, value)| (name.clone(), value.0.clone()));
        variables.extend(own);
        let variable = |name: &str| variables.get(name).cloned().or_else(|| env::var(name).ok());
        let arguments: Vec<_> = step.args.iter().map(|text| expand(text, variable)).collect();
        Process::start(&Launch {
            program: &expand(&step.cmd, variable),
            arguments: &arguments,
            dir: &dir,
            variables: &variables,
            stdin: None,
            stdout: &self.case.dir.join(format!("{when}.out.{number}.log")),
            stderr: &self.case.dir.join(format!("{when}.err.{number}.log")),
        })
    }

    /// Waits until everything that `step` awaits holds at one moment.
    fn hold(&self, step: &Step, process: &mut Process) -> Result<(), String> {
        let at_least = Duration::from_secs(step.min_await_secs);
        let deadline = match step.max_await_secs {
            0 => self.deadline,
            secs => self.deadline.min(process.began + Duration::from_secs(secs)),
        };
        let none = Conditions::default();
        let conditions = step.conditions.as_ref().unwrap_or(&none);
        let mut missing = String::new();
        let mut probe = Probe::new();
        let held = wait_until(deadline, self.interrupt, || {
            match self.missing(conditions, process, &mut probe) {
                Ok(None) if process.began.elapsed() >= at_least => Some(Ok(())),
                Ok(None) => {
                    missing = format!("{} seconds had not passed", step.min_await_secs);
                    None
                }
                Ok(Some(what)) => {
                    missing = what;
                    None
                }
                Err(fault) => Some(Err(fault)),
            }
        });
        held.unwrap_or_else(|| Err(format!("awaited in vain: {missing}")))
    }

    /// The first condition that does not hold; an error if it never will.
    fn missing(
        &self,
        conditions: &Conditions,
        process: &mut Process,
        probe: &mut Probe,
    ) -> Result<Option<String>, String> {
        let status = process.status();
        for wanted in conditions.wait_for_ms.as_slice() {
            if process.began.elapsed() < Duration::from_millis(*wanted) {
                return Ok(Some(format!("{wanted} ms had not passed")));
            }
        }
        let codes = conditions.status.as_slice();
        match status {
            Some(status) if !codes.is_empty() && !status.code().is_some_and(|code| codes.contains(&code)) => {
                return Err(format!("it {}, expected was {codes:?}", told(status)));
            }
            None if !codes.is_empty() => return Ok(Some("it had not ended".to_owned())),
            _ => {}
        }
        let mut missing = None;
        for path in conditions.file_exists.as_slice() {
            if !self.case.dir.join(path).exists() {
                missing = Some(format!("the file {path} was not there"));
            }
        }
        for port in conditions.port_open.as_slice() {
            if let Err(error) = probe.is_open(&port.0)? {
                missing = Some(format!("port {} was not open: {error}", port.0));
            }
        }
        for url in conditions.http_ok.as_slice() {
            if let Err(error) = probe.is_ok(url)? {
                missing = Some(format!("{url} gave no good answer: {error}"));
            }
        }
        // A process that has failed will not make true what it was started for.
        match (missing, status) {
            (Some(missing), Some(status)) if !status.success() => Err(format!("it {}, and {missing}", told(status))),
            (missing, _) => Ok(missing),
        }
    }

    /// Runs the flow until it ends by itself.
    fn foreground(&self) -> Vec<String> {
        let names = self.case.flows.iter().filter_map(|path| path.file_name()?.to_str());
        let arguments: Vec<_> = ["run", "--"].into_iter().chain(names).map(str::to_owned).collect();
        let stdin = self.case.dir.join("stdin");
        let stderr = self.case.dir.join(STDERR_LOG);
        let started = Process::start(&Launch {
            program: "wsloop",
            arguments: &arguments,
            dir: &self.case.dir,
            variables: &self.variables,
            stdin: stdin.is_file().then_some(&stdin),
            stdout: &self.case.dir.join(STDOUT_LOG),
            stderr: &stderr,
        });
        let mut process = match started {
            Ok(process) => process,
            Err(fault) => return vec![fault],
        };
        let ended = wait_until(self.deadline, self.interrupt, || process.status());
        let mut faults = match ended {
            Some(status) => asserts::check(&self.expected, &self.case.dir, status),
            None => vec!["the flow did not end by itself in time (see --timeout)".to_owned()],
        };
        process.end();
        if !faults.is_empty() {
            let log = fs::read(&stderr).unwrap_or_default();
            faults.push(format!("{STDERR_LOG}{}", tail(&String::from_utf8_lossy(&log))));
            if let Some(name) = &self.expected.name {
                faults.insert(0, name.clone());
            }
        }
        faults
    }

    /// Runs what comes after the flow, whatever became of it; each must end well.
    fn after(&self) -> Vec<String> {
        // The flow may have used up all of the time.
        let deadline = self.deadline.max(Instant::now() + Duration::from_secs(10));
        let mut faults = Vec::new();
        for (number, step) in self.after.iter().enumerate() {
            let ended = self
                .start(step, "after", number)
                .map(|mut process| wait_until(deadline, self.interrupt, || process.status()));
            let fault = match ended {
                Ok(Some(status)) if status.success() => continue,
                Ok(Some(status)) => told(status),
                Ok(None) => "did not end in time".to_owned(),
                Err(fault) => fault,
            };
            faults.push(format!("after.yaml, {} (number {number}): {fault}", step.cmd));
        }
        faults
    }
}

/// `TREMOR_PATH` with the `lib` folders of the suite and of the test in front.
fn search_path(case: &Case) -> String {
    let mut folders: Vec<String> = Vec::new();
    for dir in [&case.dir, &case.root] {
        let lib = lib(dir);
        if !folders.contains(&lib) {
            folders.push(lib);
        }
    }
    folders.extend(env::var("TREMOR_PATH").ok().filter(|path| !path.is_empty()));
    folders.join(":")
}

fn lib(dir: &Path) -> String {
    dir.join("lib").display().to_string()
}
