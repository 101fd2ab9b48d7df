//! A stream that keeps what is written until something is to be read that is not there yet: for a peer that hands each
//! frame to its stream, or flushes it, at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const LIMIT_BYTES: usize = 512 << 10;

pub struct Corked<S> {
    stream: S,
    kept: Vec<u8>,
    sent: usize,
}

impl<S> Corked<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            kept: Vec::new(),
            sent: 0,
        }
    }
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    fn poll_uncork(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.kept.len() {
            self.sent += ready!(Pin::new(&mut self.stream).poll_write(context, &self.kept[self.sent..]))?;
        }
        self.kept.clear();
        self.sent = 0;
        Pin::new(&mut self.stream).poll_flush(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if result.is_pending()
            && !self.kept.is_empty()
            && let Poll::Ready(Err(error)) = self.poll_uncork(context)
        {
            return Poll::Ready(Err(error));
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.kept.len() >= LIMIT_BYTES {
            ready!(self.poll_uncork(context))?;
        }
        self.kept.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_uncork(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
