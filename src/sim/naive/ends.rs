//! The two kinds of naive peers: one that connects, and one that listens.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use super::talk::{Act, Heard, Reading, Role, Script, Talk};
use crate::sim::{Net, Peer};

/// A naive client.
pub struct Client {
    addr: SocketAddr,
    /// Until it has begun to connect.
    script: Option<Script>,
    talk: Option<Talk>,
}

impl Client {
    /// A client that connects to `addr` and does what `plan` says; then it waits for the end. What it hears is written
    /// to `heard` as it comes. It answers pings, and a Close if it has sent none itself.
    #[must_use]
    pub fn new(addr: SocketAddr, plan: Vec<Act>, reading: Reading, heard: Rc<RefCell<Heard>>) -> Self {
        Self::with_script(addr, Script::new(plan, reading, heard))
    }

    /// A client that connects to `addr` and follows `script`.
    #[must_use]
    pub const fn with_script(addr: SocketAddr, script: Script) -> Self {
        Self {
            addr,
            script: Some(script),
            talk: None,
        }
    }

    /// Sends nothing but what the plan says: no answer to a Close or a ping.
    #[must_use]
    pub fn unanswering(mut self) -> Self {
        self.script = self.script.map(Script::unanswering);
        self
    }
}

impl Peer for Client {
    fn step(&mut self, net: &mut Net) {
        if let Some(script) = self.script.take() {
            let link = net.dial(self.addr);
            self.talk = Some(Talk::new(link, Role::Client, script, net.local_addr(link)));
        } else if let Some(talk) = &mut self.talk {
            talk.step(net);
        }
    }
}

/// A naive server, which follows a script of its own with each client.
pub struct Server {
    addr: SocketAddr,
    next: Box<dyn FnMut(SocketAddr) -> Script>,
    listens: bool,
    talks: Vec<Talk>,
}

impl Server {
    /// A server that listens on `addr` and asks `next` what to do with a client, of which it tells the address.
    #[must_use]
    pub fn new(addr: SocketAddr, next: impl FnMut(SocketAddr) -> Script + 'static) -> Self {
        Self {
            addr,
            next: Box::new(next),
            listens: false,
            talks: Vec::new(),
        }
    }
}

impl Peer for Server {
    fn step(&mut self, net: &mut Net) {
        if !self.listens {
            self.listens = true;
            net.listen(self.addr);
        }
        while let Some(link) = net.accept(self.addr) {
            let from = net.local_addr(link.other());
            self.talks.push(Talk::new(link, Role::Server, (self.next)(from), from));
        }
        for talk in &mut self.talks {
            talk.step(net);
        }
        self.talks.retain(|talk| !talk.is_over());
    }
}
