//! Streams that block, behind helper threads: standard input, output and error, pipes and terminals.
//!
//! The threads are never joined: one that is stuck in a read of a terminal must not keep the process from ending.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::inbox::Inbox;

/// Bytes that wait between a helper thread and the loop at most, each way.
const QUEUE_BYTES: usize = 256 * 1024;

/// Bytes that a helper thread moves in one system call.
const CHUNK_BYTES: usize = 64 * 1024;

/// A stream read ahead by a helper thread.
pub(super) struct Input {
    pipe: Arc<Pipe>,
}

/// A stream written by a helper thread.
pub(super) struct Output {
    pipe: Arc<Pipe>,
}

/// What the loop and a helper thread share.
struct Pipe {
    state: Mutex<State>,
    /// Rung for the helper thread: the loop has taken bytes, brought bytes, or gone.
    changed: Condvar,
    inbox: Arc<Inbox>,
}

struct State {
    bytes: VecDeque<u8>,
    /// Bytes that the writing thread has taken and not written yet.
    in_flight: usize,
    /// The source has ended, or the sink has failed.
    ended: Option<Result<(), Broken>>,
    /// The loop was told `WouldBlock` and waits for news.
    starved: bool,
    /// The loop has dropped its end.
    abandoned: bool,
}

/// An `io::Error` that can be given out more than once.
#[derive(Clone)]
struct Broken {
    kind: io::ErrorKind,
    os: Option<i32>,
}

impl Input {
    /// Opens (in the thread, since that may block too) and begins to read.
    pub(super) fn new(open: impl FnOnce() -> io::Result<File> + Send + 'static, inbox: Arc<Inbox>) -> io::Result<Self> {
        let pipe = Pipe::new(inbox);
        let theirs = Arc::clone(&pipe);
        thread::Builder::new().name("wsloop-stdin".into()).spawn(move || {
            let result = open().and_then(|mut file| theirs.pump_in(&mut file));
            theirs.end(result);
        })?;
        Ok(Self { pipe })
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut state = self.pipe.lock();
        if state.bytes.is_empty() {
            return match &state.ended {
                Some(Ok(())) => Ok(0),
                Some(Err(broken)) => Err(broken.to_error()),
                None => {
                    state.starved = true;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            };
        }
        let count = state.bytes.read(bytes)?;
        self.pipe.changed.notify_one();
        Ok(count)
    }
}

impl Output {
    pub(super) fn new(file: File, inbox: Arc<Inbox>) -> io::Result<Self> {
        let pipe = Pipe::new(inbox);
        let theirs = Arc::clone(&pipe);
        thread::Builder::new().name("wsloop-stdout".into()).spawn(move || {
            let mut file = file;
            let result = theirs.pump_out(&mut file);
            theirs.end(result);
        })?;
        Ok(Self { pipe })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.pipe.lock();
        if let Some(Err(broken)) = &state.ended {
            return Err(broken.to_error());
        }
        let room = QUEUE_BYTES.saturating_sub(state.bytes.len() + state.in_flight);
        let count = bytes.len().min(room);
        if count == 0 && !bytes.is_empty() {
            state.starved = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.bytes.extend(&bytes[..count]);
        self.pipe.changed.notify_one();
        Ok(count)
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        let mut state = self.pipe.lock();
        if let Some(Err(broken)) = &state.ended {
            return Err(broken.to_error());
        }
        if state.bytes.is_empty() && state.in_flight == 0 {
            return Ok(());
        }
        state.starved = true;
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.pipe.abandon();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.pipe.abandon();
    }
}

impl Pipe {
    fn new(inbox: Arc<Inbox>) -> Arc<Self> {
        let state = State {
            bytes: VecDeque::new(),
            in_flight: 0,
            ended: None,
            starved: false,
            abandoned: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            inbox,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the loop that something changed, if it waits for that.
    fn tell(&self, state: &mut State) {
        if std::mem::take(&mut state.starved) {
            self.inbox.files_ready();
        }
    }

    fn abandon(&self) {
        self.lock().abandoned = true;
        self.changed.notify_one();
    }

    fn end(&self, result: io::Result<()>) {
        let mut state = self.lock();
        state.ended = Some(result.map_err(|error| Broken {
            kind: error.kind(),
            os: error.raw_os_error(),
        }));
        state.in_flight = 0;
        self.tell(&mut state);
    }

    /// The reading thread's life: read ahead until the queue is full or the source ends.
    fn pump_in(&self, source: &mut File) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = match source.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => {
                    pause_or_fail(error)?;
                    continue;
                }
            };
            let mut state = self.lock();
            while state.bytes.len() + count > QUEUE_BYTES && !state.abandoned {
                state = self.wait(state);
            }
            if state.abandoned {
                return Ok(());
            }
            state.bytes.extend(&chunk[..count]);
            self.tell(&mut state);
        }
    }

    /// The writing thread's life: write what comes until the sink fails, or until the loop has gone and all is
    /// written.
    fn pump_out(&self, sink: &mut File) -> io::Result<()> {
        let mut chunk = Vec::new();
        loop {
            let mut state = self.lock();
            state.in_flight = 0;
            while state.bytes.is_empty() {
                if state.abandoned {
                    return Ok(());
                }
                self.tell(&mut state);
                state = self.wait(state);
            }
            let count = state.bytes.len().min(CHUNK_BYTES);
            chunk.clear();
            chunk.extend(state.bytes.drain(..count));
            state.in_flight = count;
            self.tell(&mut state);
            drop(state);
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                match sink.write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(error) => pause_or_fail(error)?,
                }
            }
        }
    }
}

impl Broken {
    fn to_error(&self) -> io::Error {
        match self.os {
            Some(code) => io::Error::from_raw_os_error(code),
            None => self.kind.into(),
        }
    }
}

/// Somebody who shares a terminal may have made it non-blocking behind our back; then the thread looks again soon.
fn pause_or_fail(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock => {
            thread::sleep(Duration::from_millis(2));
            Ok(())
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::time::Instant;

    use super::*;

    /// Looks until `look` sees something, as the loop does when it is told.
    fn until<T>(mut look: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let begun = Instant::now();
        loop {
            match look() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    assert!(begun.elapsed() < Duration::from_secs(30), "nothing came of it");
                    thread::yield_now();
                }
                other => return other,
            }
        }
    }

    fn file(end: impl Into<OwnedFd>) -> File {
        File::from(end.into())
    }

    #[test]
    fn what_is_written_into_a_pipe_is_read_and_then_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut input = Input::new(move || Ok(file(reader)), Inbox::silent()).unwrap();
        let mut bytes = [0; 3];
        assert_eq!(input.read(&mut bytes).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        writer.write_all(b"hello").unwrap();
        assert_eq!(until(|| input.read(&mut bytes)).unwrap(), 3);
        assert_eq!(&bytes, b"hel");
        assert_eq!(input.read(&mut bytes).unwrap(), 2);
        drop(writer);
        assert_eq!(until(|| input.read(&mut bytes)).unwrap(), 0);
        assert_eq!(input.read(&mut bytes).unwrap(), 0);
    }

    #[test]
    fn a_queue_that_nobody_empties_is_bounded_and_all_of_it_arrives() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::new(file(writer), Inbox::silent()).unwrap();
        let chunk = [7; 10_000];
        let mut written = 0;
        while let Ok(count) = output.write(&chunk) {
            written += count;
            // The pipe itself holds 64 KiB, and the thread has a chunk in its hands.
            assert!(written < 2 * QUEUE_BYTES, "the queue has no end");
        }
        assert_eq!(output.sync().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let reading = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        until(|| output.sync()).unwrap();
        drop(output);
        let all = reading.join().unwrap();
        assert!(all.len() >= written && all.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_closed_pipe_is_an_error_that_stays() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut output = Output::new(file(writer), Inbox::silent()).unwrap();
        assert_eq!(output.write(b"to nobody").unwrap(), 9);
        for _ in 0..2 {
            assert_eq!(until(|| output.sync()).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(output.write(b"again").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }
}
