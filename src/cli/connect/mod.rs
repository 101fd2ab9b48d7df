//! `wsloop connect`: a client for a terminal or a pipe, lines in and messages out.

pub(crate) mod arguments;
mod lines;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wsloop::EventLoop;
use wsloop::engine::{Config, ConnectOptions, Error, Event, Events, Notice, Sent, Signal, StreamId};
use wsloop::proto::{self, CloseCode, Closed, Deflate, Instant, Message, Side};

use super::bench::settings::connect_options;
use super::outcome::Outcome;
use super::{echo, service};
use arguments::{Bytes, Connect};
use lines::{Input, Next, Output};

/// How long the output may take to be read, once the connection has ended and a signal came.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Connects, and goes on until either side ends it.
pub(crate) fn run(arguments: &Connect) -> Outcome {
    let options = match options(arguments) {
        Ok(options) => options,
        Err(text) => {
            log::error!("{text}");
            return Outcome::Usage;
        }
    };
    let talk = service::event_loop(Config::default()).and_then(|event_loop| Talk::new(arguments, event_loop, options));
    match talk.map_err(|error| error.to_string()).and_then(Talk::run) {
        Ok(outcome) => outcome,
        Err(text) => {
            log::error!("{}: {text}", arguments.url);
            Outcome::Failed
        }
    }
}

fn options(arguments: &Connect) -> Result<ConnectOptions, String> {
    let mut options = connect_options(&arguments.url, arguments.ca.as_deref(), arguments.unix.as_deref())?;
    for (name, value) in &arguments.header {
        options = options.header(name.as_str(), value.as_str());
    }
    let protocol = proto::Config {
        deflate: arguments.compress.then(Deflate::default),
        ..proto::Config::default()
    };
    Ok(options
        .subprotocols(arguments.subprotocol.iter().map(String::as_str))
        .control_events(true)
        .protocol(Arc::new(protocol)))
}

/// A conversation.
struct Talk<'t> {
    arguments: &'t Connect,
    event_loop: EventLoop,
    stream: StreamId,
    input: Input,
    output: Output,
    /// Lines are read and sent.
    is_reading: bool,
    /// More waits to be sent than should.
    is_blocked: bool,
    /// Nothing is read from the server until output was taken.
    is_paused: bool,
    /// When a message came last, or the input ended.
    last: Instant,
    next_ping: Option<Instant>,
    input_ended: bool,
    close_sent: bool,
    /// How the connection ended; the output may still wait to be read.
    ended: Option<Result<Outcome, String>>,
    signal: Option<(Signal, Instant)>,
}

impl<'t> Talk<'t> {
    fn new(arguments: &'t Connect, mut event_loop: EventLoop, options: ConnectOptions) -> Result<Self, Error> {
        let stream = event_loop.connect(options)?;
        Ok(Self {
            arguments,
            stream,
            input: Input::default(),
            output: Output::default(),
            is_reading: false,
            is_blocked: false,
            is_paused: false,
            last: event_loop.now(),
            next_ping: None,
            input_ended: false,
            close_sent: false,
            ended: None,
            signal: None,
            event_loop,
        })
    }

    fn run(mut self) -> Result<Outcome, String> {
        let mut events = Events::default();
        loop {
            let timeout = self.timeout();
            self.event_loop
                .poll(&mut events, timeout)
                .map_err(|error| error.to_string())?;
            for (_, event) in &events {
                self.handle_event(event);
            }
            for notice in events.notices() {
                if let Notice::Signal(signal) = notice {
                    if self.signal.is_some() {
                        return Ok(echo::at_once(*signal));
                    }
                    self.interrupt(*signal);
                }
            }
            self.send_lines()?;
            self.run_timers();
            if self.write_output()?
                && let Some(ended) = self.ended.take()
            {
                return ended;
            }
        }
    }

    fn handle_event(&mut self, event: Event<'_>) {
        if let Event::Opened(_) | Event::Message(_) = event {
            self.last = self.event_loop.now();
        }
        match event {
            Event::Opened(opened) => {
                if let Some(subprotocol) = &opened.subprotocol {
                    log::info!("connected to {}, subprotocol {subprotocol}", self.arguments.url);
                } else {
                    log::info!("connected to {}", self.arguments.url);
                }
                self.is_reading = !self.close_sent;
                self.next_ping = self.arguments.ping.map(|every| self.last + every);
            }
            Event::Message(Message::Text(text)) => self.output.line(text.as_bytes().iter().copied()),
            Event::Message(Message::Binary(bytes)) => match self.arguments.show_binary {
                Bytes::Raw => self.output.line(bytes.iter().copied()),
                Bytes::Hex => self.output.line(hex(bytes).into_bytes()),
                Bytes::Base64 => self.output.line(STANDARD.encode(bytes).into_bytes()),
            },
            Event::Ping(payload) if self.arguments.show_pings => eprintln!("< ping {}", payload.escape_ascii()),
            Event::Pong(payload) if self.arguments.show_pings => eprintln!("< pong {}", payload.escape_ascii()),
            Event::LowWater { .. } => self.is_blocked = false,
            Event::Closed(closed) => self.handle_closed(closed),
            Event::Failed(failure) => {
                self.is_reading = false;
                // Whoever is told to stop while connecting has nothing to complain of.
                let is_wanted = self.signal.is_some();
                self.ended = Some(if is_wanted {
                    Ok(Outcome::Done)
                } else {
                    Err(failure.to_string())
                });
            }
            _ => {}
        }
    }

    fn handle_closed(&mut self, closed: &Closed) {
        self.is_reading = false;
        let code = closed
            .code
            .map_or_else(|| "no code".to_owned(), |code| code.to_string());
        if self.arguments.show_close {
            let who = if closed.initiator == Side::Client {
                "by this side, answered with"
            } else {
                "by the server:"
            };
            eprintln!("< closed {who} {code} {}", closed.reason);
        }
        let is_good = matches!(closed.code, None | Some(CloseCode::NORMAL | CloseCode::GOING_AWAY));
        self.ended = Some(if is_good || closed.initiator == Side::Client {
            Ok(Outcome::Done)
        } else {
            Err(format!("the server closed the connection: {code} {}", closed.reason))
        });
    }

    /// Sends lines while there are any, and the queue is not too long.
    fn send_lines(&mut self) -> Result<(), String> {
        while self.is_reading && !self.is_blocked {
            let line = match self.input.next(self.event_loop.sys_mut()) {
                Ok(Next::Line(line)) => line,
                Ok(Next::Wait) => break,
                Ok(Next::End) => {
                    self.is_reading = false;
                    self.input_ended = true;
                    self.last = self.event_loop.now();
                    if self.arguments.wait.is_none() {
                        self.close();
                    }
                    break;
                }
                Err(error) => return Err(format!("standard input: {error}")),
            };
            let sent = match self.arguments.binary {
                None => match std::str::from_utf8(line) {
                    Ok(text) => self.event_loop.send(self.stream, text),
                    Err(_) => return Err("a line is no text in UTF-8; --binary sends any bytes".to_owned()),
                },
                Some(form) => {
                    let bytes = bytes_of(line, form)?;
                    self.event_loop.send(self.stream, &bytes[..])
                }
            };
            match sent {
                Ok(Sent::Queued { .. }) => {}
                Ok(Sent::AboveHighWater { .. }) => self.is_blocked = true,
                Ok(Sent::Refused { .. } | Sent::Dropped { .. } | Sent::Closing) => {
                    return Err("a line is longer than a message can be".to_owned());
                }
                // The server has closed meanwhile, and its event comes.
                Err(_) => self.is_reading = false,
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        self.close_sent = true;
        // It may have ended by itself.
        let _ = self.event_loop.close(self.stream, Some(CloseCode::NORMAL), "");
    }

    fn interrupt(&mut self, signal: Signal) {
        self.signal = Some((signal, self.event_loop.now()));
        self.is_reading = false;
        self.close_sent = true;
        if self.event_loop.close(self.stream, Some(CloseCode::NORMAL), "").is_err() {
            // Not open yet, or over already.
            let _ = self.event_loop.abort(self.stream);
        }
    }

    fn run_timers(&mut self) {
        let now = self.event_loop.now();
        if let Some(wait) = self.arguments.wait
            && self.input_ended
            && !self.close_sent
            && now >= self.last + wait
        {
            self.close();
        }
        if let (Some(due), Some(every)) = (self.next_ping, self.arguments.ping)
            && now >= due
            && !self.close_sent
        {
            // A queue that is full has no need of pings.
            if self.event_loop.ping(self.stream, b"wsloop").is_ok() && self.arguments.show_pings {
                eprintln!("> ping wsloop");
            }
            self.next_ping = Some(now + every);
        }
    }

    /// When a timer is due.
    fn timeout(&mut self) -> Option<Duration> {
        if self.ended.is_some() {
            return Some(LAST_OUTPUT);
        }
        let now = self.event_loop.now();
        let wait = self.arguments.wait.filter(|_| self.input_ended && !self.close_sent);
        let wait = wait.map(|wait| self.last + wait);
        let ping = self.next_ping.filter(|_| !self.close_sent);
        [wait, ping].into_iter().flatten().min().map(|due| due - now)
    }

    /// True if all was taken, or nobody takes it.
    fn write_output(&mut self) -> Result<bool, String> {
        let taken = self
            .output
            .flush(self.event_loop.sys_mut())
            .map_err(|error| format!("standard output: {error}"))?;
        if self.output.is_full() && !self.is_paused {
            self.is_paused = self.event_loop.pause(self.stream).is_ok();
        } else if self.is_paused && !self.output.is_full() {
            self.is_paused = false;
            let _ = self.event_loop.resume(self.stream);
        }
        let now = self.event_loop.now();
        Ok(taken || self.signal.is_some_and(|(_, then)| now - then > LAST_OUTPUT))
    }
}

/// What a line says.
fn bytes_of(line: &[u8], form: Bytes) -> Result<Vec<u8>, String> {
    match form {
        Bytes::Raw => Ok(line.to_vec()),
        Bytes::Hex => unhex(line).ok_or_else(|| "a line is no hex: expected pairs of the digits 0 to f".to_owned()),
        Bytes::Base64 => STANDARD
            .decode(line.trim_ascii())
            .map_err(|error| format!("a line is no base64: {error}")),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Spaces between the pairs don't matter.
fn unhex(line: &[u8]) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = line
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(*byte).to_digit(16))
        .collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else {
        return None;
    };
    Some(pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_and_read_as_hex_and_base64() {
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
        assert_eq!(bytes_of(b"00 1F ff", Bytes::Hex), Ok(vec![0, 0x1f, 0xff]));
        assert_eq!(bytes_of(b" AB8= ", Bytes::Base64), Ok(vec![0, 0x1f]));
        assert_eq!(bytes_of(b"\xff", Bytes::Raw), Ok(vec![0xff]));
        for (line, form) in [(&b"0"[..], Bytes::Hex), (b"0g", Bytes::Hex), (b"!", Bytes::Base64)] {
            assert!(bytes_of(line, form).is_err());
        }
    }
}
