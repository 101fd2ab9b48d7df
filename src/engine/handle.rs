//! Commands from other threads.

use std::collections::VecDeque;
use std::fmt;
use std::string::String;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::vec::Vec;

use super::id::StreamId;
use super::seam::Wake;
use crate::proto::{Accept, CloseCode, Message, Response};

/// Gives commands to an [`Engine`](super::Engine) from any thread; cheap to clone. They are carried out at the start of
/// the poll that they wake, in the order in which they were given. What can't be carried out then, since the stream is
/// gone, say, comes to the loop's host as [`Notice::CommandFailed`](super::Notice::CommandFailed).
///
/// How many may wait is bounded (`Config::{handle_queue_len, handle_queue_bytes}`): past that they are
/// [`Full`](HandleError::Full), and [`wait_for_room`](Self::wait_for_room) waits. What the loop alone can do, such as
/// connecting or [adopting](super::Engine::adopt), is asked of its host: through a channel and [`wake`](Self::wake).
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// What the handles and their engine share.
pub(super) struct Shared {
    wake: Arc<dyn Wake>,
    queue: Mutex<Queue>,
    /// Whether the queue may hold something: spares the engine the lock in every turn.
    waiting: AtomicBool,
    /// Told when the queue was emptied while somebody waits for that, and when the engine is gone.
    room: Condvar,
    limit_len: usize,
    limit_bytes: usize,
}

#[derive(Default)]
struct Queue {
    commands: VecDeque<Command>,
    bytes: usize,
    /// Threads that wait for room.
    waiters: usize,
    closed: bool,
}

/// What a handle can ask for.
pub(super) enum Command {
    Send {
        stream: StreamId,
        is_text: bool,
        payload: Vec<u8>,
    },
    Ping {
        stream: StreamId,
        payload: Vec<u8>,
    },
    Accept {
        stream: StreamId,
        answer: Accept,
    },
    Refuse {
        stream: StreamId,
        response: Response,
    },
    Close {
        stream: StreamId,
        code: Option<CloseCode>,
        reason: String,
    },
    CloseNow {
        stream: StreamId,
        code: CloseCode,
        reason: String,
        deadline: Duration,
    },
    Abort {
        stream: StreamId,
    },
    Pause {
        stream: StreamId,
    },
    Resume {
        stream: StreamId,
    },
    Drain {
        deadline: Duration,
    },
    Stop,
}

/// A command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleError {
    /// As many commands, or bytes in them, wait as `Config` allows; try again later.
    Full,
    /// The engine is gone.
    Closed,
}

impl fmt::Display for HandleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full => "the event loop's queue of commands is full",
            Self::Closed => "the event loop is gone",
        })
    }
}

impl std::error::Error for HandleError {}

impl Handle {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sends a message, which is copied. If the stream's queue has no room for it when the command is carried out, the
    /// loop's host gets [`Notice::MessageNotQueued`](super::Notice::MessageNotQueued).
    ///
    /// # Errors
    /// The queue of commands is full, or the engine gone.
    pub fn send<'a>(&self, stream: StreamId, message: impl Into<Message<'a>>) -> Result<(), HandleError> {
        let message = message.into();
        let payload = message.as_bytes().to_vec();
        self.shared.push(Command::Send {
            stream,
            is_text: message.is_text(),
            payload,
        })
    }

    /// Sends a ping of at most 125 bytes.
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn ping(&self, stream: StreamId, payload: &[u8]) -> Result<(), HandleError> {
        let payload = payload.to_vec();
        self.shared.push(Command::Ping { stream, payload })
    }

    /// Accepts a request to open a stream: for a host that has another thread decide.
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn accept(&self, stream: StreamId, answer: Accept) -> Result<(), HandleError> {
        self.shared.push(Command::Accept { stream, answer })
    }

    /// Refuses a request to open a stream.
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn refuse(&self, stream: StreamId, response: Response) -> Result<(), HandleError> {
        self.shared.push(Command::Refuse { stream, response })
    }

    /// See [`Engine::close_now`](super::Engine::close_now).
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn close_now(
        &self,
        stream: StreamId,
        code: CloseCode,
        reason: &str,
        deadline: Duration,
    ) -> Result<(), HandleError> {
        self.shared.push(Command::CloseNow {
            stream,
            code,
            reason: reason.into(),
            deadline,
        })
    }

    /// Cuts a stream's connection; see [`Engine::abort`](super::Engine::abort).
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn abort(&self, stream: StreamId) -> Result<(), HandleError> {
        self.shared.push(Command::Abort { stream })
    }

    /// Has a stream not read from; see [`Engine::pause`](super::Engine::pause).
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn pause(&self, stream: StreamId) -> Result<(), HandleError> {
        self.shared.push(Command::Pause { stream })
    }

    /// Has a stream read from again.
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn resume(&self, stream: StreamId) -> Result<(), HandleError> {
        self.shared.push(Command::Resume { stream })
    }

    /// Begins a stream's closing handshake.
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn close(&self, stream: StreamId, code: Option<CloseCode>, reason: &str) -> Result<(), HandleError> {
        self.shared.push(Command::Close {
            stream,
            code,
            reason: reason.into(),
        })
    }

    /// See [`Engine::drain`](super::Engine::drain).
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn drain(&self, deadline: Duration) -> Result<(), HandleError> {
        self.shared.push(Command::Drain { deadline })
    }

    /// See [`Engine::stop`](super::Engine::stop).
    ///
    /// # Errors
    /// The queue is full, or the engine gone.
    pub fn stop(&self) -> Result<(), HandleError> {
        self.shared.push(Command::Stop)
    }

    /// Waits until the loop has taken what waits in the queue, but no longer than `timeout`. True if it has: then a
    /// command may be given, though other threads may be first. Not for the loop's own thread, which would wait for
    /// itself.
    ///
    /// # Errors
    /// The engine is gone.
    pub fn wait_for_room(&self, timeout: Duration) -> Result<bool, HandleError> {
        self.shared.wait_for_room(timeout)
    }

    /// Makes a waiting poll return with [`Notice::Woken`](super::Notice::Woken); several calls may be merged.
    pub fn wake(&self) {
        self.shared.wake.wake();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(wake: Arc<dyn Wake>, limit_len: usize, limit_bytes: usize) -> Arc<Self> {
        let waiting = AtomicBool::new(false);
        Arc::new(Self {
            wake,
            queue: Mutex::default(),
            waiting,
            room: Condvar::new(),
            limit_len,
            limit_bytes,
        })
    }

    /// The commands that wait; none without a lock if nobody gave one.
    pub(super) fn take(&self) -> VecDeque<Command> {
        if !self.waiting.load(Ordering::Acquire) {
            return VecDeque::new();
        }
        let mut queue = self.lock();
        self.waiting.store(false, Ordering::Release);
        queue.bytes = 0;
        if queue.waiters > 0 {
            self.room.notify_all();
        }
        std::mem::take(&mut queue.commands)
    }

    /// Whether commands wait.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// From now on nothing is taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
    }

    fn wait_for_room(&self, timeout: Duration) -> Result<bool, HandleError> {
        let mut queue = self.lock();
        queue.waiters += 1;
        let (mut queue, result) = self
            .room
            .wait_timeout_while(queue, timeout, |queue| !queue.closed && !queue.commands.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        queue.waiters -= 1;
        if queue.closed {
            return Err(HandleError::Closed);
        }
        Ok(!result.timed_out())
    }

    fn push(&self, command: Command) -> Result<(), HandleError> {
        let bytes = command.payload_bytes();
        let mut queue = self.lock();
        if queue.closed {
            return Err(HandleError::Closed);
        }
        // A message that is larger than the limit alone goes through when nothing else waits.
        let over = queue.bytes.saturating_add(bytes) > self.limit_bytes && !queue.commands.is_empty();
        if over || queue.commands.len() >= self.limit_len {
            return Err(HandleError::Full);
        }
        queue.bytes += bytes;
        queue.commands.push_back(command);
        let was_waiting = self.waiting.swap(true, Ordering::AcqRel);
        drop(queue);
        if !was_waiting {
            self.wake.wake();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Command {
    /// Bytes that it holds, apart from itself.
    const fn payload_bytes(&self) -> usize {
        match self {
            Self::Send { payload, .. } | Self::Ping { payload, .. } => payload.len(),
            Self::Close { reason, .. } | Self::CloseNow { reason, .. } => reason.len(),
            Self::Refuse { response, .. } => response.body_bytes(),
            Self::Accept { .. }
            | Self::Abort { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::Drain { .. }
            | Self::Stop => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::Key;
    use super::*;

    #[derive(Default)]
    struct Counter(std::sync::atomic::AtomicUsize);

    impl Wake for Counter {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_queue_is_bounded_by_commands_and_by_bytes() {
        let stream = StreamId::new(Key {
            generation: 1,
            index: 0,
        });
        let counter = Arc::new(Counter::default());
        let shared = Shared::new(Arc::clone(&counter) as Arc<dyn Wake>, 3, 10);
        let handle = Handle::new(Arc::clone(&shared));
        handle.send(stream, "eleven byte").unwrap();
        assert_eq!(handle.send(stream, "x"), Err(HandleError::Full));
        assert_eq!(shared.take().len(), 1);
        for _ in 0..3 {
            handle.send(stream, "").unwrap();
        }
        assert_eq!(handle.stop(), Err(HandleError::Full));
        assert_eq!(counter.0.load(Ordering::Relaxed), 2);
        assert_eq!(shared.take().len(), 3);
        shared.close();
        assert_eq!(handle.close(stream, None, ""), Err(HandleError::Closed));
    }
}
