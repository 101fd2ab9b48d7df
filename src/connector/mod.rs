//! Connectors: what moves events between the world and a flow's pipelines.

pub mod api;
mod build;
mod chain;
mod codec;
mod compression;
pub mod config;
pub mod doc;
mod event;
mod exit;
mod file;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod metronome;
mod null;
mod options;
mod outbox;
mod postprocessor;
mod preprocessor;
mod reconnect;
mod registry;
mod router;
mod separator;
mod stage;
mod stdio;
#[cfg(test)]
mod testing;
mod ticket;
mod tls;
pub mod value;
mod ws;
mod ws_client;
mod ws_server;

pub use crate::engine::Files;
pub use crate::proto::Instant;
pub use build::{CodecUse, Definition, Kind, Ports, Setup, build, kind, kinds};
pub use chain::{Processing, StreamReader, StreamWriter, error_event};
pub use config::ConfigError;
pub use event::{ConnectorId, Delivery, Event, Origin, Origins, Port};
pub use options::{Inner, OptionDoc};
pub use reconnect::{Next, Reconnect, RetryOptions, Strategy};
pub use router::{Listening, Outcome, Router, RouterOptions, Turn};
pub use stage::StageError;
pub use ticket::{Outcome as TicketOutcome, Settled, Ticket, TicketOffice};
pub use value::{Record, Value};
