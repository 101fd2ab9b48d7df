//! The program as a child process: started in a folder of its own, watched, ended.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take before a test gives up. Long: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The ports that the documentation's examples name, 4242 and 65535, are taken by one test at a time.
pub(crate) fn fixed_ports() -> MutexGuard<'static, ()> {
    static PORTS: Mutex<()> = Mutex::new(());
    PORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program, with an environment that does not depend on who runs the tests.
pub(crate) fn wsloop(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsloop"));
    command.args(arguments).current_dir(dir);
    for name in ["WSLOOP_LOG", "RUST_LOG", "TREMOR_PATH"] {
        command.env_remove(name);
    }
    command
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// A flow of the documentation.
pub(crate) fn documented(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/flows").join(name);
    fs::read_to_string(path).unwrap()
}

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program to its end.
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> Output {
    Running::start(wsloop(dir, arguments)).output()
}

/// The program at work; killed if it is dropped before it ended.
pub(crate) struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// What came out of a stream, line by line.
struct Lines {
    from: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (to, from) = channel();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
                if to.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        Self { from, seen: Vec::new() }
    }

    /// The first line from now on that contains `text`.
    fn find(&mut self, text: &str, deadline: Instant) -> Option<String> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.from.recv_timeout(left).ok()?;
            self.seen.push(line.clone());
            if line.contains(text) {
                return Some(line);
            }
        }
    }

    /// Everything, up to the end of the stream.
    fn all(&mut self, deadline: Instant) -> String {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.from.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return self.seen.concat(),
                Err(RecvTimeoutError::Timeout) => panic!("the stream did not end; it gave {:?}", self.seen),
            }
        }
    }
}

impl Running {
    /// Starts it; standard input is a pipe.
    pub(crate) fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Self {
            stdout: Lines::of(child.stdout.take().unwrap()),
            stderr: Lines::of(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Starts `wsloop run FILE` in `dir`.
    pub(crate) fn flow(dir: &Path, file: &str) -> Self {
        Self::start(wsloop(dir, &["run", file]))
    }

    /// The address that the first server listens on, from its line in the log.
    pub(crate) fn listening(&mut self) -> String {
        let line = self.stderr_line(" listens on ");
        line.trim_end().split_once("://").unwrap().1.to_owned()
    }

    /// The next line of standard error that contains `text`.
    pub(crate) fn stderr_line(&mut self, text: &str) -> String {
        match self.stderr.find(text, Instant::now() + PATIENCE) {
            Some(line) => line,
            None => panic!("no line with {text:?} on stderr: {}", self.stderr.seen.concat()),
        }
    }

    /// The next line of standard output that contains `text`.
    pub(crate) fn stdout_line(&mut self, text: &str) -> String {
        match self.stdout.find(text, Instant::now() + PATIENCE) {
            Some(line) => line,
            None => panic!("no line with {text:?} on stdout: {}", self.stdout.seen.concat()),
        }
    }

    /// Writes to standard input.
    pub(crate) fn write(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Ends standard input.
    pub(crate) fn end_of_input(&mut self) {
        self.child.stdin = None;
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, `TERM` for example.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", &format!("kill -s {name} {}", self.child.id())])
            .status();
        assert!(status.unwrap().success(), "SIG{name} could not be sent");
    }

    /// The exit status, once it has ended by itself; panics if it doesn't.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it did not end; stderr: {:?}",
                self.stderr.seen
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end and gives all of its output.
    pub(crate) fn output(mut self) -> Output {
        self.end_of_input();
        let code = self.wait().code();
        let deadline = Instant::now() + PATIENCE;
        Output {
            code,
            stdout: self.stdout.all(deadline),
            stderr: self.stderr.all(deadline),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it was never so");
        thread::sleep(Duration::from_millis(2));
    }
}
