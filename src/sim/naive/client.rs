//! A client that carries out a plan and writes down what it hears.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::ACCEPT;
use super::frame::{Frame, Listener};
use crate::proto::Instant;
use crate::sim::{Link, Net, Peer, Status};

/// One thing to do, in its turn.
#[derive(Debug, Clone)]
pub enum Act {
    /// Write these bytes, all of them.
    Write(Vec<u8>),
    /// Write this Close; the client then does not answer one.
    Close(Frame),
    /// Wait until the server has accepted.
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

/// How a client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All that comes, at once.
    Prompt,
    /// So many bytes, and the next after a while.
    Slow(usize, Duration),
    /// Not at all.
    Never,
}

/// What a client heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// The client's address, once it has begun to connect.
    pub addr: Option<SocketAddr>,
    /// The status of the answer to the request.
    pub http_status: Option<u16>,
    /// Whole messages, in order: whether it was text, and the payload.
    pub messages: Vec<(bool, Vec<u8>)>,
    /// Payloads of pongs, in order.
    pub pongs: Vec<Vec<u8>>,
    /// The Close: code and reason.
    pub close: Option<(Option<u16>, String)>,
    /// How and when the connection ended; [`Status::Open`] if the client ended it.
    pub end: Option<(Status, Instant)>,
    /// What the server did that it must not.
    pub faults: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Connected(Link),
    Over,
}

/// A naive client. It answers pings, and a Close if it has sent none itself, unless it is told not to.
pub struct Client {
    addr: SocketAddr,
    plan: VecDeque<Act>,
    reading: Reading,
    answers: bool,
    heard: Rc<RefCell<Heard>>,
    stage: Stage,
    /// Bytes that came and are not understood yet.
    inbox: Vec<u8>,
    listener: Listener,
    outbox: VecDeque<u8>,
    resume_at: Option<Instant>,
    read_at: Instant,
    open: bool,
    close_sent: bool,
}

impl Client {
    /// A client that connects to `addr` and does what `plan` says; then it waits for the end. What it hears is written
    /// to `heard` as it comes.
    #[must_use]
    pub fn new(addr: SocketAddr, plan: Vec<Act>, reading: Reading, heard: Rc<RefCell<Heard>>) -> Self {
        Self {
            addr,
            plan: plan.into(),
            reading,
            answers: true,
            heard,
            stage: Stage::Start,
            inbox: Vec::new(),
            listener: Listener::default(),
            outbox: VecDeque::new(),
            resume_at: None,
            read_at: Instant::ZERO,
            open: false,
            close_sent: false,
        }
    }

    /// Sends nothing but what the plan says: no answer to a Close or a ping.
    #[must_use]
    pub fn unanswering(mut self) -> Self {
        self.answers = false;
        self
    }

    fn read(&mut self, net: &mut Net, link: Link) {
        let most = match self.reading {
            Reading::Prompt => usize::MAX,
            Reading::Never => return,
            Reading::Slow(..) if net.now() < self.read_at => return,
            Reading::Slow(bytes, _) => bytes,
        };
        let bytes = net.read(link, most);
        if let (Reading::Slow(_, pause), false) = (self.reading, bytes.is_empty()) {
            self.read_at = net.now() + pause;
            net.wake_at(self.read_at);
        }
        self.inbox.extend(bytes);
        if !self.open && !self.read_head() {
            return;
        }
        loop {
            match Frame::decode(&mut self.inbox, false) {
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

    /// Reads the answer to the request; true once the connection is open.
    fn read_head(&mut self) -> bool {
        let Some(end) = self.inbox.windows(4).position(|window| window == b"\r\n\r\n") else {
            return false;
        };
        let head = String::from_utf8_lossy(&self.inbox[..end]).to_string();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut heard = self.heard.borrow_mut();
        if heard.http_status.is_some() {
            return false;
        }
        heard.http_status = status;
        if status != Some(101) {
            return false;
        }
        let expected = format!("sec-websocket-accept: {}", ACCEPT.to_ascii_lowercase());
        if !head.to_ascii_lowercase().lines().any(|line| line == expected) {
            heard.faults.push(format!("no header `{expected}` in {head:?}"));
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
            9 => self.answer(net, &Frame::whole(10, &payload)),
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
                self.answer(net, &Frame::whole(8, &payload));
            }
        }
    }

    fn answer(&mut self, net: &mut Net, frame: &Frame) {
        if self.answers && !self.close_sent {
            self.close_sent = frame.opcode == 8;
            self.say(net, frame);
        }
    }

    fn say(&mut self, net: &mut Net, frame: &Frame) {
        let mut mask = [0; 4];
        net.rng().fill(&mut mask);
        self.outbox.extend(frame.encode(Some(mask)));
    }

    /// Does what can be done of the plan; true if something was.
    fn act(&mut self, net: &mut Net, link: Link) -> bool {
        if !self.outbox.is_empty() {
            let count = net.write(link, self.outbox.make_contiguous());
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
            None => return false,
            Some(Act::AwaitOpen) if !self.open => return false,
            Some(Act::AwaitMessages(count)) if self.heard.borrow().messages.len() < *count => return false,
            Some(_) => {}
        }
        match self.plan.pop_front() {
            Some(Act::Write(bytes)) => self.outbox.extend(bytes),
            Some(Act::Close(frame)) => {
                self.close_sent = true;
                self.say(net, &frame);
            }
            Some(Act::Pause(pause)) => {
                self.resume_at = Some(net.now() + pause);
                net.wake_at(net.now() + pause);
            }
            Some(Act::Shutdown) => net.shutdown(link),
            Some(Act::Reset) => {
                net.reset(link);
                self.end(net, Status::Open);
            }
            Some(Act::AwaitOpen | Act::AwaitMessages(_)) | None => {}
        }
        true
    }

    fn end(&mut self, net: &Net, status: Status) {
        self.heard.borrow_mut().end = Some((status, net.now()));
        self.stage = Stage::Over;
    }

    fn blame(&mut self, fault: String) {
        self.inbox.clear();
        self.heard.borrow_mut().faults.push(fault);
    }
}

impl Peer for Client {
    fn step(&mut self, net: &mut Net) {
        let link = match self.stage {
            Stage::Start => {
                let link = net.dial(self.addr);
                self.heard.borrow_mut().addr = Some(net.local_addr(link));
                self.stage = Stage::Connected(link);
                return;
            }
            Stage::Connected(link) => link,
            Stage::Over => return,
        };
        if net.status(link) == Status::Connecting {
            return;
        }
        self.read(net, link);
        while self.stage != Stage::Over && self.act(net, link) {}
        let status = net.status(link);
        if self.stage != Stage::Over && status != Status::Open {
            net.close(link);
            self.end(net, status);
        }
    }
}
