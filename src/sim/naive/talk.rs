//! A conversation that follows a script and writes down what it hears, at either end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::ACCEPT;
use super::accept;
use super::frame::{Frame, Listener};
use crate::proto::Instant;
use crate::sim::{Link, Net, Status};

/// One thing to do, in its turn.
#[derive(Debug, Clone)]
pub enum Act {
    /// Write these bytes, all of them.
    Write(Vec<u8>),
    /// Say a message, in one frame or several: whether it is text, and the pieces.
    Say(bool, Vec<Vec<u8>>),
    /// Write a ping.
    Ping(Vec<u8>),
    /// Write this Close; one that comes is then not answered.
    Close(Frame),
    /// As a server: accept the request, which has come.
    Accept,
    /// Wait until the server has accepted; as a server, until the request has come.
    AwaitOpen,
    /// Wait until so many messages have come.
    AwaitMessages(usize),
    /// Wait.
    Pause(Duration),
    /// Send a FIN.
    Shutdown,
    /// Reset the connection.
    Reset,
}

/// How a peer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All that comes, at once.
    Prompt,
    /// So many bytes, and the next after a while.
    Slow(usize, Duration),
    /// Not at all.
    Never,
}

/// What a peer heard, and what it said.
#[derive(Debug, Default)]
pub struct Heard {
    /// The address that the connection came from, once there is one.
    pub addr: Option<SocketAddr>,
    /// The head of the request, as a server hears it.
    pub request: Option<String>,
    /// The status of the answer to the request, as a client hears it.
    pub http_status: Option<u16>,
    /// Whole messages, in order: whether it was text, and the payload.
    pub messages: Vec<(bool, Vec<u8>)>,
    /// Payloads of pongs, in order.
    pub pongs: Vec<Vec<u8>>,
    /// How many pings.
    pub pings: usize,
    /// The Close: code and reason.
    pub close: Option<(Option<u16>, String)>,
    /// How and when the connection ended; [`Status::Open`] if the peer ended it.
    pub end: Option<(Status, Instant)>,
    /// What the other side did that it must not.
    pub faults: Vec<String>,
    /// Messages that were said by [`Act::Say`], in order.
    pub said: Vec<(bool, Vec<u8>)>,
    /// Payloads of the pings that were said.
    pub pinged: Vec<Vec<u8>>,
    /// Whether a Close was said, as an answer or not.
    pub close_said: bool,
}

/// What a peer is going to do with one connection.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) plan: VecDeque<Act>,
    pub(super) reading: Reading,
    pub(super) answers: bool,
    pub(super) heard: Rc<RefCell<Heard>>,
}

impl Script {
    /// Does what `plan` says, and then waits for the end. What is heard is written to `heard` as it comes. Pings are
    /// answered, and a Close if none was said.
    #[must_use]
    pub fn new(plan: Vec<Act>, reading: Reading, heard: Rc<RefCell<Heard>>) -> Self {
        Self {
            plan: plan.into(),
            reading,
            answers: true,
            heard,
        }
    }

    /// Sends nothing but what the plan says: no answer to a Close or a ping.
    #[must_use]
    pub fn unanswering(mut self) -> Self {
        self.answers = false;
        self
    }
}

/// Which end of a connection a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

/// One connection of a naive peer.
pub(super) struct Talk {
    link: Link,
    role: Role,
    plan: VecDeque<Act>,
    reading: Reading,
    answers: bool,
    heard: Rc<RefCell<Heard>>,
    /// Bytes that came and are not understood yet.
    inbox: Vec<u8>,
    listener: Listener,
    outbox: VecDeque<u8>,
    resume_at: Option<Instant>,
    read_at: Instant,
    open: bool,
    /// The answer to the request's key.
    accept: String,
    close_sent: bool,
    over: bool,
}

impl Talk {
    pub(super) fn new(link: Link, role: Role, script: Script, from: SocketAddr) -> Self {
        script.heard.borrow_mut().addr = Some(from);
        Self {
            link,
            role,
            plan: script.plan,
            reading: script.reading,
            answers: script.answers,
            heard: script.heard,
            inbox: Vec::new(),
            listener: Listener::default(),
            outbox: VecDeque::new(),
            resume_at: None,
            read_at: Instant::ZERO,
            open: false,
            accept: String::new(),
            close_sent: false,
            over: false,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Goes on as far as possible.
    pub(super) fn step(&mut self, net: &mut Net) {
        if self.over || net.status(self.link) == Status::Connecting {
            return;
        }
        self.read(net);
        while !self.over && self.act(net) {}
        let status = net.status(self.link);
        if !self.over && status != Status::Open {
            net.close(self.link);
            self.end(net, status);
        }
    }

    fn read(&mut self, net: &mut Net) {
        let most = match self.reading {
            Reading::Prompt => usize::MAX,
            Reading::Never => return,
            Reading::Slow(..) if net.now() < self.read_at => return,
            Reading::Slow(bytes, _) => bytes,
        };
        let bytes = net.read(self.link, most);
        if let (Reading::Slow(_, pause), false) = (self.reading, bytes.is_empty()) {
            self.read_at = net.now() + pause;
            net.wake_at(self.read_at);
        }
        self.inbox.extend(bytes);
        if !self.open && !self.read_head() {
            return;
        }
        loop {
            match Frame::decode(&mut self.inbox, self.role == Role::Server) {
                Ok(None) => return,
                Ok(Some(frame)) => {
                    if let Err(fault) = self
                        .listener
                        .hear(frame)
                        .map(|whole| whole.map(|whole| self.hear(net, whole)))
                    {
                        return self.blame(fault);
                    }
                }
                Err(fault) => return self.blame(fault),
            }
        }
    }

    /// Reads the request, or the answer to it; true once frames may come.
    fn read_head(&mut self) -> bool {
        let Some(end) = self.inbox.windows(4).position(|window| window == b"\r\n\r\n") else {
            return false;
        };
        let head = String::from_utf8_lossy(&self.inbox[..end]).to_string();
        let mut heard = self.heard.borrow_mut();
        if self.role == Role::Server {
            match header(&head, "sec-websocket-key") {
                Some(key) => self.accept = accept(key),
                None => heard.faults.push(format!("no key in {head:?}")),
            }
            heard.request = Some(head);
        } else {
            if heard.http_status.is_some() {
                return false;
            }
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            heard.http_status = status;
            if status != Some(101) {
                return false;
            }
            if header(&head, "sec-websocket-accept") != Some(ACCEPT) {
                heard.faults.push(format!("not `{ACCEPT}` in {head:?}"));
            }
        }
        self.inbox.drain(..end + 4);
        self.open = true;
        true
    }

    fn hear(&mut self, net: &mut Net, whole: Frame) {
        let heard = Rc::clone(&self.heard);
        let mut heard = heard.borrow_mut();
        let payload = whole.payload;
        match whole.opcode {
            1 | 2 => heard.messages.push((whole.opcode == 1, payload)),
            9 => {
                heard.pings += 1;
                if self.answers && !self.close_sent {
                    self.say(net, &Frame::whole(10, &payload));
                }
            }
            10 => heard.pongs.push(payload),
            _ => {
                heard.close = Some(match payload[..] {
                    [] => (None, String::new()),
                    [first, second, ref reason @ ..] => {
                        let code = u16::from(first) << 8 | u16::from(second);
                        (Some(code), String::from_utf8_lossy(reason).to_string())
                    }
                    [_] => {
                        heard.faults.push("a Close of one byte".to_owned());
                        (None, String::new())
                    }
                });
                self.plan.clear();
                if self.answers && !self.close_sent {
                    heard.close_said = true;
                    self.close_sent = true;
                    self.say(net, &Frame::whole(8, &payload));
                }
            }
        }
    }

    fn say(&mut self, net: &mut Net, frame: &Frame) {
        let mask = (self.role == Role::Client).then(|| {
            let mut mask = [0; 4];
            net.rng().fill(&mut mask);
            mask
        });
        self.outbox.extend(frame.encode(mask));
    }

    /// Does what can be done of the plan; true if something was.
    fn act(&mut self, net: &mut Net) -> bool {
        if !self.outbox.is_empty() {
            let count = net.write(self.link, self.outbox.make_contiguous());
            self.outbox.drain(..count);
            return count > 0;
        }
        if let Some(time) = self.resume_at {
            if net.now() < time {
                return false;
            }
            self.resume_at = None;
        }
        match self.plan.front() {
            None => return self.hang_up(net),
            Some(Act::AwaitOpen | Act::Accept) if !self.open => return false,
            Some(Act::AwaitMessages(count)) if self.heard.borrow().messages.len() < *count => return false,
            Some(_) => {}
        }
        match self.plan.pop_front() {
            Some(Act::Write(bytes)) => self.outbox.extend(bytes),
            Some(Act::Say(text, pieces)) => {
                self.say_message(net, text, &pieces);
                self.heard.borrow_mut().said.push((text, pieces.concat()));
            }
            Some(Act::Ping(payload)) => {
                self.say(net, &Frame::whole(9, &payload));
                self.heard.borrow_mut().pinged.push(payload);
            }
            Some(Act::Accept) => {
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {}\r\n\r\n",
                    self.accept
                );
                self.outbox.extend(head.into_bytes());
            }
            Some(Act::Close(frame)) => {
                self.close_sent = true;
                self.heard.borrow_mut().close_said = true;
                self.say(net, &frame);
            }
            Some(Act::Pause(pause)) => {
                self.resume_at = Some(net.now() + pause);
                net.wake_at(net.now() + pause);
            }
            Some(Act::Shutdown) => net.shutdown(self.link),
            Some(Act::Reset) => {
                net.reset(self.link);
                self.end(net, Status::Open);
            }
            Some(Act::AwaitOpen | Act::AwaitMessages(_)) | None => {}
        }
        true
    }

    fn say_message(&mut self, net: &mut Net, text: bool, pieces: &[Vec<u8>]) {
        for (index, piece) in pieces.iter().enumerate() {
            let frame = Frame {
                fin: index + 1 == pieces.len(),
                opcode: match (index, text) {
                    (0, true) => 1,
                    (0, false) => 2,
                    _ => 0,
                },
                payload: piece.clone(),
            };
            self.say(net, &frame);
        }
    }

    /// RFC 6455 section 7.1.1: when both have said their Close, the server ends the connection first.
    fn hang_up(&mut self, net: &mut Net) -> bool {
        if self.role == Role::Server && self.close_sent && self.heard.borrow().close.is_some() {
            net.shutdown(self.link);
        }
        false
    }

    fn end(&mut self, net: &Net, status: Status) {
        self.heard.borrow_mut().end = Some((status, net.now()));
        self.over = true;
    }

    fn blame(&mut self, fault: String) {
        self.inbox.clear();
        self.heard.borrow_mut().faults.push(fault);
    }
}

/// The value of a header.
fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
