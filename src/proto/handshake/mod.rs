//! The opening handshake (RFC 6455 section 4), without any frame.
//!
//! Each side's path is a chain of types, so that a step can't be taken twice or out of turn:
//! [`server::AwaitingRequest`] → [`server::AwaitingAnswer`] → accepted or refused;
//! [`client::AwaitingResponse`] → opened, or [`client::AwaitingBody`] → refused.

pub(crate) mod client;
pub(crate) mod extensions;
pub(crate) mod head;
pub(crate) mod headers;
mod key;
mod request;
mod response;
pub(crate) mod server;

pub use headers::Headers;
#[cfg(test)]
pub(crate) use key::accept as accept_key;
pub use request::{ClientRequest, Request};
pub(crate) use response::write_line;
pub use response::{Accept, Opened, Refusal, Response};

/// Where the opening handshake stands.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A server waits for the client's request.
    Request(server::AwaitingRequest),
    /// A server's host has the request and owes an answer.
    Answer(server::AwaitingAnswer),
    /// A client waits for the server's response.
    Response(client::AwaitingResponse),
    /// A client was refused and reads the rest of the answer.
    Body(client::AwaitingBody),
}

impl Opening {
    /// What a server answers when time runs out: 408 to a request that has begun (RFC 9110 section 15.5.9), 503 if it was
    /// its own host that did not answer. A client that sent nothing hears nothing, since it asked nothing. Then the connection is closed (RFC
    /// 6455 section 7.2.2).
    pub(crate) fn timeout_status(&self) -> Option<u16> {
        match self {
            Self::Request(waiting) => waiting.has_begun().then_some(408),
            Self::Answer(_) => Some(503),
            Self::Response(_) | Self::Body(_) => None,
        }
    }
}
