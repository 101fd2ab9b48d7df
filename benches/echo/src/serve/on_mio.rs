//! A loop on mio that does as little as it can: one read buffer of 512 KiB for all, a read that was short of what was
//! asked is the last one, what is to be sent leaves from where it lies.

use std::error::Error;
use std::io::{self, ErrorKind};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use super::Setting;
use super::transport::{Plain, Secure, Transport};

const BUFFER_BYTES: usize = 512 << 10;
/// In front of what is read, for what the last read left over.
pub const HEADROOM_BYTES: usize = 2048;
/// Behind it, so that whole words can be read.
const SLACK_BYTES: usize = 8;
const LISTENER: Token = Token(usize::MAX);

/// From the bytes read to the bytes sent.
pub trait Echo {
    /// `buffer[HEADROOM_BYTES..end]` was read; what is to be sent lies in the range given back.
    fn turn(&mut self, buffer: &mut [u8], end: usize) -> io::Result<std::ops::Range<usize>>;
}

struct Peer<T, E> {
    transport: T,
    echo: E,
    /// What the socket did not take.
    waiting: Vec<u8>,
}

pub fn run<E: Echo>(setting: Setting, echo: impl Fn() -> E) -> Result<(), Box<dyn Error>> {
    if setting.tls.is_some() {
        serve::<Secure, E>(setting, echo)
    } else {
        serve::<Plain, E>(setting, echo)
    }
}

fn serve<T: Transport, E: Echo>(setting: Setting, echo: impl Fn() -> E) -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::from_std(setting.listener);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut peers: Vec<Option<Peer<T, E>>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut buffer = vec![0; HEADROOM_BYTES + BUFFER_BYTES + SLACK_BYTES];
    let mut scratch = vec![0; BUFFER_BYTES];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let place = free.pop().unwrap_or_else(|| {
                        peers.push(None);
                        peers.len() - 1
                    });
                    stream.set_nodelay(true)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(place), interest)?;
                    peers[place] = Some(Peer {
                        transport: T::new(stream, setting.tls.as_ref())?,
                        echo: echo(),
                        waiting: Vec::new(),
                    });
                }
                continue;
            }
            let place = event.token().0;
            let Some(Some(peer)) = peers.get_mut(place) else {
                continue;
            };
            if peer.turn(&mut buffer, &mut scratch).is_err() {
                // Dropping it takes it off the poll.
                peers[place] = None;
                free.push(place);
            }
        }
    }
}

impl<T: Transport, E: Echo> Peer<T, E> {
    /// `Err` at the end of the connection.
    fn turn(&mut self, buffer: &mut [u8], scratch: &mut [u8]) -> io::Result<()> {
        if self.transport.is_waiting() {
            self.transport.flush()?;
        }
        if !self.waiting.is_empty() {
            let count = or_none(self.transport.write(&self.waiting))?;
            self.waiting.drain(..count);
        }
        while self.waiting.is_empty() && !self.transport.is_waiting() {
            let got = match self
                .transport
                .read(&mut buffer[HEADROOM_BYTES..HEADROOM_BYTES + BUFFER_BYTES], scratch)
            {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                got => got?,
            };
            if got.count > 0 {
                let place = self.echo.turn(buffer, HEADROOM_BYTES + got.count)?;
                let out = &buffer[place];
                if !out.is_empty() {
                    let count = or_none(self.transport.write(out))?;
                    if count < out.len() {
                        self.waiting.extend_from_slice(&out[count..]);
                    }
                }
            }
            if got.ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if got.drained {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn or_none(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}
