//! `null`: takes every event and does nothing with it.

use std::boxed::Box;
use std::vec::Vec;

use super::api::{Connector, Context, Links, Status};
use super::build::Setup;
use super::config::{ConfigError, read_config};
use super::doc::Page;
use super::options::options;

options! {
    struct Config {}
}

pub(super) const PAGE: Page = Page {
    summary: "Takes every event and does nothing with it",
    text: "A place for events that nobody wants.",
    options: Config::OPTIONS,
    examples: &[],
};

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
