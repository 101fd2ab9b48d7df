//! Opening handshakes: who is let in.

use std::collections::VecDeque;
use std::string::{String, ToString as _};
use std::sync::Arc;

use super::WsServer;
use super::connections::Connection;
use crate::connector::api::Context;
use crate::connector::event::Origin;
use crate::connector::http::Told;
use crate::connector::ws::life::Traffic;
use crate::connector::ws::meta::{self, Metadata};
use crate::engine::StreamId;
use crate::proto::{Accept, BadRequest, Request, Response};

impl WsServer {
    /// A client asks to open a stream: accepted, unless it comes from a page or for a path that is not served.
    pub(super) fn handle_request(&mut self, stream: StreamId, request: &Request, cx: &mut Context<'_>) {
        if !request.is_upgrade() {
            let response = self.page(request, cx);
            let _ = cx.commands.refuse(stream, response);
            return;
        }
        if let Some(response) = self.refusal(request) {
            self.counts.refused += 1;
            // A stream that is gone needs no answer.
            let _ = cx.commands.refuse(stream, response);
            return;
        }
        let spoken = self.plan.subprotocols.iter();
        let subprotocol = spoken
            .map(String::as_str)
            .find(|name| request.subprotocols().any(|offered| offered == *name));
        let answer = subprotocol.map_or_else(Accept::new, |name| Accept::new().subprotocol(name));
        if cx.commands.accept(stream, answer).is_err() {
            return;
        }
        let peer = cx.commands.peer_addr(stream).ok();
        let mut record = meta::connection(self.plan.scheme == "wss", peer, stream);
        record.insert("request".into(), meta::request(request, subprotocol));
        let origin = Origin {
            connector: cx.id,
            stream: stream.as_u64(),
        };
        self.connections.insert(Connection {
            stream,
            peer,
            path: request.path().to_string(),
            subprotocol: subprotocol.map(ToString::to_string),
            metadata: Metadata::new(&["ws_server"], record),
            reader: self.processing.reader(Arc::clone(&self.name), origin),
            writer: self.processing.writer(),
            was_opened: false,
            is_open: false,
            is_closing: false,
            traffic: Traffic::default(),
            taken: 0,
            awaited: VecDeque::new(),
        });
        if !self.may_read {
            let _ = cx.commands.pause(stream);
        }
    }

    /// What a request gets that asks for no WebSocket. The path of the WebSocket itself says what it is.
    fn page(&self, request: &Request, cx: &mut Context<'_>) -> Response {
        let is_own = |paths: &std::vec::Vec<String>| paths.iter().any(|path| path == request.path());
        if self.plan.paths.as_ref().is_some_and(is_own) {
            return Response::from(BadRequest::Upgrade);
        }
        let told = Told {
            connector: &self.name,
            counts: self.counts,
            counters: cx.commands.counters(),
        };
        let pages = self.plan.http.as_ref();
        pages.map_or_else(|| Response::new(404), |pages| pages.answer(request, &told))
    }

    fn refusal(&self, request: &Request) -> Option<Response> {
        let plain = |status, text: &str| Response::new(status).header("Content-Type", "text/plain").body(text);
        let is_served = |paths: &std::vec::Vec<String>| paths.iter().any(|path| path == request.path());
        if !self.plan.paths.as_ref().is_none_or(is_served) {
            return Some(plain(404, "There is no WebSocket at this path.\n"));
        }
        let origins = self.plan.origins.as_ref()?;
        let is_allowed = origins.iter().any(|allowed| match (allowed, request.origin()) {
            (Some(allowed), Some(origin)) => allowed.eq_ignore_ascii_case(origin),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        });
        (!is_allowed).then(|| plain(403, "This origin is not allowed.\n"))
    }
}
