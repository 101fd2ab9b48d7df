//! Child processes: started with their logs, awaited, ended together with what they started.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to end after SIGTERM: a service may drain for 5 seconds.
const GRACE: Duration = Duration::from_secs(6);

/// What to start.
pub(super) struct Launch<'a> {
    /// The program; `wsloop` and `tremor` are the running one.
    pub(super) program: &'a str,
    pub(super) arguments: &'a [String],
    pub(super) dir: &'a Path,
    /// Variables set on top of the runner's own.
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) stdin: Option<&'a Path>,
    pub(super) stdout: &'a Path,
    pub(super) stderr: &'a Path,
}

/// A running process, in a process group of its own; ended when dropped.
pub(super) struct Process {
    child: Child,
    ended: Option<ExitStatus>,
    /// When it was started.
    pub(super) began: Instant,
}

impl Process {
    /// Starts a process; its output goes to the two files, which are emptied first.
    pub(super) fn start(launch: &Launch<'_>) -> Result<Self, String> {
        let open = |path: &Path| File::open(path).map_err(|error| format!("{}: {error}", path.display()));
        let create = |path: &Path| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
        let program = program(launch.program, launch.dir)?;
        let mut command = Command::new(&program);
        command
            .args(launch.arguments)
            .current_dir(launch.dir)
            .envs(launch.variables)
            .stdin(match launch.stdin {
                Some(path) => Stdio::from(open(path)?),
                None => Stdio::null(),
            })
            .stdout(create(launch.stdout)?)
            .stderr(create(launch.stderr)?)
            .process_group(0);
        let child = command.spawn().map_err(|error| {
            format!(
                "{} can't be started in {}: {error}",
                program.display(),
                launch.dir.display()
            )
        })?;
        Ok(Self {
            child,
            ended: None,
            began: Instant::now(),
        })
    }

    /// Its exit status, once it has ended.
    pub(super) fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            // An error means that the child can't be asked, which a child that was never waited for always can.
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Ends the process and its group: SIGTERM, then SIGKILL.
    pub(super) fn end(&mut self) {
        if self.status().is_some() {
            return;
        }
        self.signal_group("TERM");
        let deadline = Instant::now() + GRACE;
        while self.status().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        if self.status().is_none() {
            self.signal_group("KILL");
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }

    /// The standard library signals single processes only; every Unix shell knows how to signal a group. The child
    /// was not waited for yet, so its number can't be another's.
    fn signal_group(&self, signal: &str) {
        let _ = Command::new("sh")
            .args(["-c", &format!("kill -s {signal} -- -{}", self.child.id())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// An exit status in words.
pub(super) fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

fn program(name: &str, dir: &Path) -> Result<PathBuf, String> {
    match name {
        "wsloop" | "tremor" => env::current_exe().map_err(|error| format!("this program can't be found: {error}")),
        // Whether a relative path would be looked up from our folder or the child's differs between systems.
        path if path.contains('/') => Ok(dir.join(path)),
        name => Ok(name.into()),
    }
}

/// `text` with `$NAME` and `${NAME}` replaced by the values that `variable` gives; unknown ones stay as they are.
pub(super) fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, len) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let len = after.find(|c| !is_name(c)).unwrap_or(after.len());
                (&after[..len], len)
            }
        };
        match variable(name).filter(|_| !name.is_empty()) {
            Some(value) => expanded.push_str(&value),
            None => expanded.push_str(&rest[at..=at + len]),
        }
        rest = &after[len..];
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_unknown_ones_stay() {
        let variable = |name: &str| match name {
            "PWD" => Some("/w".to_owned()),
            "A_1" => Some("x".to_owned()),
            _ => None,
        };
        let expanded = |text| expand(text, variable);
        assert_eq!(expanded("$PWD/in.json"), "/w/in.json");
        assert_eq!(expanded("${A_1}$A_1.$A_1"), "xx.x");
        assert_eq!(expanded("$NONE ${NONE} $ $$ ${"), "$NONE ${NONE} $ $$ ${");
        assert_eq!(expanded("5€$PWD€"), "5€/w€");
    }
}
