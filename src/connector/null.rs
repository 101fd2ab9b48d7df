//! `null`: takes every event and does nothing with it.

use std::boxed::Box;
use std::vec::Vec;

use serde::Deserialize;

use super::api::{Connector, Context, Links, Status};
use super::build::Setup;
use super::config::{ConfigError, read_config};

/// There is nothing to configure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

pub(super) fn make(setup: Setup<'_>) -> Result<Box<dyn Connector>, Vec<ConfigError>> {
    let Config {} = read_config(setup.config()).map_err(|error| vec![error])?;
    Ok(Box::new(Null))
}

struct Null;

impl Connector for Null {
    fn start(&mut self, _links: Links, _cx: &mut Context<'_>) {}

    fn status(&self) -> Status {
        Status::Up
    }
}
