//! One that means ill. None of them reads.

use std::error::Error;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::{dial, frames};

/// Bytes that one sends at most in a tick.
const TICK_BYTES: usize = 64 << 10;

pub struct Hostile {
    number: u64,
    /// Which of its kind's varieties.
    round: u64,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    sent: usize,
    end: Instant,
}

impl Hostile {
    pub fn new(number: u64) -> Self {
        Self {
            number,
            round: 0,
            stream: None,
            out: Vec::new(),
            sent: 0,
            end: Instant::now(),
        }
    }

    /// What it does in a tick; `true` if it came anew.
    pub fn act(&mut self, address: SocketAddr, tick: usize, now: Instant) -> Result<bool, Box<dyn Error>> {
        let began = self.stream.is_none();
        if began {
            self.round += 1;
            self.stream = Some(dial::start(address, self.number)?);
            self.out = self.first();
            self.sent = 0;
            // One that resets does so at once.
            let life_ms = if self.number % 10 == 7 {
                30
            } else {
                2_000 + self.round * 977 % 4_000
            };
            self.end = now + Duration::from_millis(life_ms);
            return Ok(true);
        }
        if self.sent == self.out.len() {
            self.sent = 0;
            self.out = self.next(tick);
        }
        // Of a slow one's request, one byte in ten ticks.
        let slow = self.number % 10 == 5;
        if slow && !tick.is_multiple_of(10) {
            return Ok(false);
        }
        let most = if slow { 1 } else { TICK_BYTES };
        let until = self.out.len().min(self.sent + most);
        let Some(stream) = &mut self.stream else {
            return Ok(false);
        };
        let over = match stream.write(&self.out[self.sent..until]) {
            Ok(count) => {
                self.sent += count;
                false
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected),
        };
        if over || now >= self.end {
            if self.round.is_multiple_of(2) {
                let _ = socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
            }
            self.stream = None;
        }
        Ok(false)
    }

    fn first(&self) -> Vec<u8> {
        let mut out = frames::REQUEST.to_vec();
        let mask = Some([7, 77, 177, 9]);
        match self.number % 10 {
            0 => out = frames::payload(frames::Kind::Binary, 64 << 10),
            1 => out.extend(frames::payload(frames::Kind::Binary, 64 << 10)),
            // Half a frame, and then nothing.
            2 => {
                let begun = out.len();
                frames::push_frame(&mut out, 2, &[1; 100_000], mask);
                out.truncate(begun + 1 + (self.round * 7919 % 50_000) as usize);
            }
            6 => {
                let lengths = [u64::MAX, 1 << 62, 1 << 40, 64 << 20, 15 << 20];
                out.extend_from_slice(&[0x82, 0xff]);
                out.extend_from_slice(&lengths[self.round as usize % lengths.len()].to_be_bytes());
                out.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
            }
            7 => {
                frames::push_frame(&mut out, 1, b"a message that is cut off somewhere", mask);
                out.truncate(out.len() - (self.round % 40) as usize);
            }
            // The first of many fragments.
            8 => out.extend_from_slice(&[0x02, 0x81, 0, 0, 0, 0, 0]),
            // Each breaks another rule: no mask, a reserved bit, opcode, code, a control frame too long or in
            // fragments, no UTF-8, a continuation of nothing.
            9 => match self.round % 8 {
                0 => frames::push_frame(&mut out, 2, b"unmasked", None),
                1 => out.extend_from_slice(&[0xc2, 0x80, 0, 0, 0, 0]),
                2 => frames::push_frame(&mut out, 3, b"", mask),
                3 => frames::push_frame(&mut out, 8, &1005_u16.to_be_bytes(), mask),
                4 => frames::push_frame(&mut out, 9, &[0; 126], mask),
                5 => out.extend_from_slice(&[0x09, 0x80, 0, 0, 0, 0]),
                6 => frames::push_frame(&mut out, 1, &[0xff, 0xfe], mask),
                _ => frames::push_frame(&mut out, 0, b"of nothing", mask),
            },
            _ => {}
        }
        out
    }

    /// What follows when all is sent.
    fn next(&self, tick: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mask = Some([9, 99, 199, 1]);
        match self.number % 10 {
            3 => {
                while out.len() < TICK_BYTES {
                    frames::push_frame(&mut out, 9, &[tick as u8; 125], mask);
                }
            }
            4 => frames::push_frame(&mut out, 2, &[tick as u8; TICK_BYTES], mask),
            // Fragments of one byte without end.
            8 => {
                while out.len() < TICK_BYTES / 4 {
                    out.extend_from_slice(&[0x00, 0x81, 0, 0, 0, 0, 0]);
                }
            }
            _ => {}
        }
        out
    }
}
