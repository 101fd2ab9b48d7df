//! A transport in memory, as each peer wants one: blocking, or to be polled. What a kernel would copy, this copies.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More than any pass writes without beginning again at the front.
const SINK_BYTES: usize = 256 << 10;

/// One end of a transport: bytes to be read lie there, and written ones are copied to a place of their own. Clones are
/// the same end, so that a bench can turn it back while a peer owns it.
#[derive(Clone)]
pub(crate) struct Memory(Rc<RefCell<State>>);

struct State {
    input: Vec<u8>,
    read: usize,
    sink: Vec<u8>,
    written: usize,
}

impl Memory {
    pub(crate) fn new(input: Vec<u8>) -> Self {
        Self(Rc::new(RefCell::new(State {
            input,
            read: 0,
            sink: vec![0; SINK_BYTES],
            written: 0,
        })))
    }

    /// The same bytes are there to be read again, and the next write goes to the front.
    pub(crate) fn rewind(&self) {
        let mut state = self.0.borrow_mut();
        state.read = 0;
        state.written = 0;
    }

    /// Nothing is there to be read, and nothing was written.
    pub(crate) fn clear(&self) {
        self.rewind();
        self.0.borrow_mut().input.clear();
    }

    /// Reads on from what `answer` makes of all that was written.
    pub(crate) fn answer(&self, answer: impl FnOnce(&[u8], &mut Vec<u8>)) {
        let mut state = self.0.borrow_mut();
        let State {
            input,
            read,
            sink,
            written,
        } = &mut *state;
        input.clear();
        *read = 0;
        answer(&sink[..*written], input);
    }

    /// Copies waiting input to `bytes`; how much, and nothing if there is none.
    pub(crate) fn copy_to(&self, bytes: &mut [u8]) -> usize {
        let mut state = self.0.borrow_mut();
        let waiting = &state.input[state.read..];
        let count = waiting.len().min(bytes.len());
        bytes[..count].copy_from_slice(&waiting[..count]);
        state.read += count;
        count
    }

    /// Takes all of `bytes`.
    pub(crate) fn put(&self, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        if state.written + bytes.len() > SINK_BYTES {
            state.written = 0;
        }
        let written = state.written;
        state.sink[written..written + bytes.len()].copy_from_slice(bytes);
        state.written += bytes.len();
    }
}

impl Read for Memory {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.copy_to(bytes) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Memory {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        let waiting = &state.input[state.read..];
        if waiting.is_empty() {
            return Poll::Pending;
        }
        let count = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..count]);
        state.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.put(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        slices.iter().for_each(|slice| self.put(slice));
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a future gives that has all it needs; no runtime, no waker.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for bytes that were all there"),
    }
}
