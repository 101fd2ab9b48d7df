//! Connect, upgrade, close, again and again: on a server that knows no frames, the request itself comes back.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustls::ClientConnection;

use super::client::new_session;
use super::{Load, report};
use crate::frames::REQUEST;
use crate::process::cpu_ns;

struct Dial {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    to_send: usize,
    answer: Vec<u8>,
}

pub fn run(load: &Load) -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut dials = Vec::new();
    for place in 0..load.connections {
        dials.push(Dial::new(load, &poll, place)?);
    }
    let mut count = 0;
    let began = Instant::now();
    let (mut window_began, mut count_before, mut cpu_before) = (None, 0, 0);
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(10)))?;
        if events.is_empty() {
            return Err("the server is silent".into());
        }
        for event in &events {
            let place = event.token().0;
            if dials[place].turn(load)? {
                count += 1;
                // The old one is closed when the new one takes its place.
                dials[place] = Dial::new(load, &poll, place)?;
            }
        }
        let now = Instant::now();
        match window_began {
            None if now - began >= load.warm => {
                (window_began, count_before, cpu_before) = (Some(now), count, cpu_ns(load.pid));
            }
            Some(then) if now - then >= load.window => {
                let cpu = cpu_ns(load.pid) - cpu_before;
                report(load, count - count_before, cpu, now - then, &mut []);
                return Ok(());
            }
            _ => {}
        }
    }
}

impl Dial {
    fn new(load: &Load, poll: &Poll, place: usize) -> Result<Self, Box<dyn Error>> {
        let mut stream = TcpStream::connect(load.address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(place), interest)?;
        let mut tls = load.tls.as_ref().map(new_session).transpose()?;
        if let Some(tls) = &mut tls {
            tls.writer().write_all(REQUEST)?;
        }
        Ok(Self {
            stream,
            tls,
            to_send: REQUEST.len(),
            answer: Vec::new(),
        })
    }

    /// `true` if the whole answer is there.
    fn turn(&mut self, load: &Load) -> Result<bool, Box<dyn Error>> {
        match self.step() {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            result => result?,
        }
        if load.plain {
            return Ok(self.answer.len() >= REQUEST.len());
        }
        Ok(self.answer.starts_with(b"HTTP/1.1 101 ") && self.answer.ends_with(b"\r\n\r\n"))
    }

    fn step(&mut self) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        let Some(tls) = &mut self.tls else {
            while self.to_send > 0 {
                self.to_send -= self.stream.write(&REQUEST[REQUEST.len() - self.to_send..])?;
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.answer.extend_from_slice(&buffer[..count]),
            }
            return Ok(());
        };
        while tls.wants_write() {
            tls.write_tls(&mut self.stream)?;
        }
        loop {
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let mut sealed = &buffer[..count];
            while !sealed.is_empty() {
                tls.read_tls(&mut sealed)?;
                tls.process_new_packets().map_err(std::io::Error::other)?;
            }
            while tls.wants_write() {
                tls.write_tls(&mut self.stream)?;
            }
            let mut plain = [0; 4096];
            match tls.reader().read(&mut plain) {
                Ok(count @ 1..) => self.answer.extend_from_slice(&plain[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}
