//! Connectors: what moves events between the world and a flow's pipelines.

mod event;
mod value;

pub use crate::engine::Files;
pub use event::{ConnectorId, Delivery, Event, Origin, Origins, Port};
pub use value::{Record, Value};
