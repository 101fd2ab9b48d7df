//! An honest connection: it talks, compares what comes back, and leaves one day, one way or another.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

use super::Tally;
use super::payload::{Expected, Fault, Payloads};
use crate::{dial, frames};

/// What became of it.
pub enum Turn {
    On,
    /// It left as it meant to, or was let go.
    Left,
    /// The server ended it, or did not answer.
    Failed,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    /// Its Close is sent, the server's is awaited.
    Closing,
    /// Both have said so: the server is to end it.
    Closed,
}

pub struct Talker {
    id: u64,
    stream: TcpStream,
    stage: Stage,
    /// What the socket did not take.
    out: Vec<u8>,
    /// A frame that came in part.
    kept: Vec<u8>,
    expected: VecDeque<Expected>,
    next_sequence: u64,
    turns_left: u64,
    since: Instant,
}

impl Talker {
    pub fn dial(address: SocketAddr, id: u64, poll: &Poll, token: Token) -> Result<Self, Box<dyn Error>> {
        let mut stream = dial::start(address, id)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, token, interest)?;
        Ok(Self {
            id,
            stream,
            stage: Stage::Opening,
            out: frames::REQUEST.to_vec(),
            kept: Vec::new(),
            expected: VecDeque::new(),
            next_sequence: 0,
            turns_left: 20 + id.wrapping_mul(0x9e37_79b9) % 180,
            since: Instant::now(),
        })
    }

    /// Nothing is under way.
    pub fn is_settled(&self) -> bool {
        self.stage == Stage::Open && self.expected.is_empty()
    }

    pub fn waits_since(&self) -> Option<Instant> {
        (!self.is_settled()).then_some(self.since)
    }

    pub fn under_way(&self) -> u64 {
        self.expected.len() as u64
    }

    /// Sends messages, some of them in fragments.
    pub fn say(&mut self, payloads: &mut Payloads, count: u64) {
        let mut payload = Vec::new();
        for _ in 0..count {
            let expected = payloads.draw(self.next_sequence);
            self.next_sequence += 1;
            payload.clear();
            payloads.push(&mut payload, self.id, expected);
            let random = payloads.random();
            let mask = (random as u32).to_le_bytes();
            let opcode = if expected.text { 1 } else { 2 };
            if random >> 60 == 0 {
                let (first, second) = payload.split_at((random >> 32) as usize % payload.len());
                let began = self.out.len();
                frames::push_frame(&mut self.out, opcode, first, Some(mask));
                self.out[began] &= 0x7f;
                frames::push_frame(&mut self.out, 0, second, Some(mask));
            } else {
                frames::push_frame(&mut self.out, opcode, &payload, Some(mask));
            }
            self.expected.push_back(expected);
        }
        self.since = Instant::now();
        // An error shows when it is read.
        let _ = self.send();
    }

    /// What one that talks does when all it said has come back.
    pub fn take_turn(&mut self, payloads: &mut Payloads) -> Turn {
        if !self.is_settled() {
            return Turn::On;
        }
        if self.turns_left > 0 {
            self.turns_left -= 1;
            let count = 1 + payloads.random() % 8;
            self.say(payloads, count);
            return Turn::On;
        }
        match payloads.random() % 4 {
            // The peer is dropped with the connection.
            0 => Turn::Left,
            1 => {
                let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                Turn::Left
            }
            2 => {
                // With messages under way, whose echoes nobody waits for.
                self.say(payloads, 8);
                Turn::Left
            }
            _ => {
                frames::push_frame(&mut self.out, 8, &1000_u16.to_be_bytes(), Some([1, 2, 3, 4]));
                self.stage = Stage::Closing;
                self.since = Instant::now();
                let _ = self.send();
                Turn::On
            }
        }
    }

    /// What the socket is ready for; `ended`: the server sends nothing behind what is there.
    pub fn handle(&mut self, ended: bool, payloads: &mut Payloads, tally: &mut Tally, buffer: &mut [u8]) -> Turn {
        if self.send().is_err() && self.stage == Stage::Opening {
            return Turn::Failed;
        }
        loop {
            let kept = self.kept.len();
            buffer[..kept].copy_from_slice(&self.kept);
            let count = match self.stream.read(&mut buffer[kept..]) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Turn::On;
                }
                Err(_) => return Turn::Failed,
                Ok(0) if self.stage == Stage::Closed => return Turn::Left,
                Ok(0) => return Turn::Failed,
                Ok(count) => count,
            };
            let end = kept + count;
            let drained = end < buffer.len();
            let Ok(used) = self.take(&buffer[..end], payloads, tally) else {
                return Turn::Failed;
            };
            self.kept.clear();
            self.kept.extend_from_slice(&buffer[used..end]);
            // An end is not told of twice.
            if drained && !ended {
                return Turn::On;
            }
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.out.len() {
            match self.stream.write(&self.out[sent..]) {
                Ok(count) => sent += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                Err(error) => return Err(error),
            }
        }
        self.out.drain(..sent);
        if self.out.is_empty() {
            self.out = Vec::new();
        }
        Ok(())
    }

    /// How many bytes made whole frames.
    fn take(&mut self, bytes: &[u8], payloads: &Payloads, tally: &mut Tally) -> Result<usize, ()> {
        let mut used = 0;
        if self.stage == Stage::Opening {
            let Some(place) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Ok(0);
            };
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return Err(());
            }
            self.stage = Stage::Open;
            tally.opened += 1;
            used = place + 4;
        }
        while let Some((opcode, payload)) = frames::server_frame(&bytes[used..])? {
            used += payload.end;
            let payload = &bytes[used - payload.len()..used];
            match opcode {
                8 if self.stage == Stage::Closing => self.stage = Stage::Closed,
                1 | 2 => {
                    let Some(expected) = self.expected.pop_front() else {
                        tally.damaged += 1;
                        return Err(());
                    };
                    tally.messages += 1;
                    tally.bytes += payload.len() as u64;
                    match payloads.check(self.id, expected, opcode == 1, payload) {
                        Ok(()) => {}
                        Err(Fault::Crossed) => tally.crossed += 1,
                        Err(Fault::Damaged) => tally.damaged += 1,
                    }
                }
                _ => return Err(()),
            }
        }
        Ok(used)
    }
}
