//! One connection of the load.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::Load;
use crate::dial;
use crate::frames::REQUEST;

pub struct Client {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// Of the batch under way; with TLS the session keeps what is to be sent.
    to_send: usize,
    to_receive: usize,
}

impl Client {
    /// Connects, shakes hands and compares the echo of a batch, waiting for each step.
    pub fn connect(load: &Load, number: u64, batch: &[u8], answer: &[u8]) -> Result<Self, Box<dyn Error>> {
        let mut stream = dial::connect(load.address, number)?;
        let mut tls = load.tls.as_ref().map(new_session).transpose()?;
        match &mut tls {
            Some(tls) => prove(
                load.plain,
                &mut rustls::Stream::new(&mut **tls, &mut stream),
                batch,
                answer,
            )?,
            None => prove(load.plain, &mut stream, batch, answer)?,
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            tls,
            to_send: 0,
            to_receive: 0,
        })
    }

    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends the next batch, or as much of it as the socket takes.
    pub fn start(&mut self, batch: &[u8], answer_bytes: usize) -> io::Result<()> {
        self.to_receive = answer_bytes;
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(batch)?;
        } else {
            self.to_send = batch.len();
        }
        self.send(batch)
    }

    /// What the socket is ready for; `true` if the whole answer is there.
    pub fn turn(&mut self, batch: &[u8], buffer: &mut [u8]) -> io::Result<bool> {
        self.send(batch)?;
        while self.to_receive > 0 {
            let count = match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                result => result?,
            };
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let drained = count < buffer.len();
            let plain = match &mut self.tls {
                Some(tls) => opened(tls, &buffer[..count])?,
                None => count,
            };
            self.to_receive = self.to_receive.checked_sub(plain).ok_or(ErrorKind::InvalidData)?;
            if self.to_receive == 0 {
                return Ok(true);
            }
            if drained {
                break;
            }
        }
        Ok(false)
    }

    fn send(&mut self, batch: &[u8]) -> io::Result<()> {
        let result = match &mut self.tls {
            Some(tls) => loop {
                if !tls.wants_write() {
                    break Ok(());
                }
                if let Err(error) = tls.write_tls(&mut self.stream) {
                    break Err(error);
                }
            },
            None => loop {
                if self.to_send == 0 {
                    break Ok(());
                }
                match self.stream.write(&batch[batch.len() - self.to_send..]) {
                    Ok(count) => self.to_send -= count,
                    Err(error) => break Err(error),
                }
            },
        };
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }
}

/// How many bytes of the peer were in what was received.
fn opened(tls: &mut ClientConnection, mut sealed: &[u8]) -> io::Result<usize> {
    let mut plain = [0; 16 << 10];
    let mut bytes = 0;
    while !sealed.is_empty() {
        tls.read_tls(&mut sealed)?;
        tls.process_new_packets().map_err(io::Error::other)?;
        loop {
            match tls.reader().read(&mut plain) {
                Ok(count @ 1..) => bytes += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                _ => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
    }
    Ok(bytes)
}

/// Shakes hands, unless the server is a plain one, sends a batch and compares the echo.
pub fn prove(plain: bool, stream: &mut (impl Read + Write), batch: &[u8], answer: &[u8]) -> Result<(), Box<dyn Error>> {
    if !plain {
        stream.write_all(REQUEST)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err("the server does not shake hands".into());
        }
    }
    stream.write_all(batch)?;
    let mut echo = vec![0; answer.len()];
    stream.read_exact(&mut echo)?;
    if echo != answer {
        return Err("the echo is not what was sent".into());
    }
    Ok(())
}

pub fn new_session(config: &Arc<ClientConfig>) -> Result<Box<ClientConnection>, Box<dyn Error>> {
    let name = ServerName::try_from("localhost")?;
    let mut session = ClientConnection::new(config.clone(), name)?;
    session.set_buffer_limit(None);
    Ok(Box::new(session))
}
