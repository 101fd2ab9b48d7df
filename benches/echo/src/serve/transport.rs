//! A socket on mio, with or without TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

/// What a read brought.
pub struct Got {
    /// Bytes of the peer in the buffer.
    pub count: usize,
    /// Nothing is left in the kernel: the read was short of what was asked.
    pub drained: bool,
    /// The peer sends nothing more.
    pub ended: bool,
}

pub trait Transport {
    fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self>
    where
        Self: Sized;
    /// One `recv`, into `buffer` at last; `scratch` is as large.
    fn read(&mut self, buffer: &mut [u8], scratch: &mut [u8]) -> io::Result<Got>;
    /// One `send`; how many of the bytes were taken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Whether bytes taken wait for the socket to be writable.
    fn is_waiting(&self) -> bool;
    /// Sends what waits.
    fn flush(&mut self) -> io::Result<()>;
}

pub struct Plain(TcpStream);

impl Transport for Plain {
    fn new(stream: TcpStream, _: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        Ok(Self(stream))
    }

    fn read(&mut self, buffer: &mut [u8], _: &mut [u8]) -> io::Result<Got> {
        let count = self.0.read(buffer)?;
        Ok(Got {
            count,
            drained: count < buffer.len(),
            ended: count == 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn is_waiting(&self) -> bool {
        false
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub struct Secure {
    stream: TcpStream,
    session: ServerConnection,
}

impl Transport for Secure {
    fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let config = tls.ok_or(ErrorKind::InvalidInput)?.clone();
        let mut session = ServerConnection::new(config).map_err(io::Error::other)?;
        session.set_buffer_limit(None);
        Ok(Self { stream, session })
    }

    fn read(&mut self, buffer: &mut [u8], scratch: &mut [u8]) -> io::Result<Got> {
        let received = self.stream.read(scratch)?;
        let mut got = Got {
            count: 0,
            drained: received < scratch.len(),
            ended: received == 0,
        };
        let mut rest = &scratch[..received];
        while !rest.is_empty() {
            self.session.read_tls(&mut rest)?;
            let state = self.session.process_new_packets().map_err(io::Error::other)?;
            got.ended |= state.peer_has_closed();
            let end = got.count + state.plaintext_bytes_to_read();
            self.session.reader().read_exact(&mut buffer[got.count..end])?;
            got.count = end;
        }
        if self.session.wants_write() {
            self.flush()?;
        }
        Ok(got)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.session.writer().write_all(bytes)?;
        self.flush()?;
        Ok(bytes.len())
    }

    fn is_waiting(&self) -> bool {
        self.session.wants_write()
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                result => result?,
            };
        }
        Ok(())
    }
}
