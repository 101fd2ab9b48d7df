//! The engine, as a connector sees it.

use std::net::SocketAddr;
use std::time::Duration;
use std::vec::Vec;

use crate::connector::api::Commands;
use crate::connector::event::ConnectorId;
use crate::engine::{self, ConnectOptions, Engine, Files, ListenOptions, ListenerId, Misuse, Sent, StreamId, Sys};
use crate::proto::{Accept, CloseCode, Message, Prepared, Response};

/// The engine while it is lent to a connector; remembers what belongs to whom.
pub(super) struct EngineCommands<'a, S: Sys + Files> {
    pub(super) engine: &'a mut Engine<S>,
    pub(super) listeners: &'a mut Vec<(ListenerId, ConnectorId)>,
    pub(super) owner: ConnectorId,
}

impl<S: Sys + Files> Commands for EngineCommands<'_, S> {
    fn listen(&mut self, options: ListenOptions) -> Result<ListenerId, engine::Error> {
        let listener = self.engine.listen(options)?;
        self.listeners.push((listener, self.owner));
        Ok(listener)
    }

    fn listener_addr(&self, listener: ListenerId) -> Result<SocketAddr, Misuse> {
        self.engine.local_addr(listener)
    }

    fn close_listener(&mut self, listener: ListenerId) {
        // One that is closed already is what was asked for. Its owner stays known: streams that it accepted may not
        // have said anything yet.
        let _ = self.engine.close_listener(listener);
    }

    fn connect(&mut self, options: ConnectOptions) -> Result<StreamId, engine::Error> {
        let stream = self.engine.connect(options)?;
        // The stream was made this moment, so it can't be gone.
        let _ = self.engine.set_data(stream, u64::from(self.owner.0) + 1);
        Ok(stream)
    }

    fn accept(&mut self, stream: StreamId, answer: Accept) -> Result<(), Misuse> {
        self.engine.accept(stream, answer)
    }

    fn refuse(&mut self, stream: StreamId, response: Response) -> Result<(), Misuse> {
        self.engine.refuse(stream, response)
    }

    fn send(&mut self, stream: StreamId, message: Message<'_>) -> Result<Sent, Misuse> {
        self.engine.send(stream, message)
    }

    fn send_prepared(&mut self, stream: StreamId, message: &Prepared) -> Result<Sent, Misuse> {
        self.engine.send_prepared(stream, message)
    }

    fn account(&self, stream: StreamId) -> Result<engine::Account, Misuse> {
        self.engine.account(stream)
    }

    fn close(&mut self, stream: StreamId, code: Option<CloseCode>, reason: &str) -> Result<(), Misuse> {
        self.engine.close(stream, code, reason)
    }

    fn close_now(&mut self, stream: StreamId, code: CloseCode, reason: &str, deadline: Duration) -> Result<(), Misuse> {
        self.engine.close_now(stream, code, reason, deadline)
    }

    fn pause(&mut self, stream: StreamId) -> Result<(), Misuse> {
        self.engine.pause(stream)
    }

    fn resume(&mut self, stream: StreamId) -> Result<(), Misuse> {
        self.engine.resume(stream)
    }

    fn queued_bytes(&self, stream: StreamId) -> Result<usize, Misuse> {
        self.engine.queued_bytes(stream)
    }

    fn peer_addr(&self, stream: StreamId) -> Result<SocketAddr, Misuse> {
        self.engine.peer_addr(stream)
    }

    fn counters(&self) -> engine::Counters {
        self.engine.counters()
    }

    fn files(&mut self) -> &mut dyn Files {
        self.engine.sys_mut()
    }
}
