//! `null`: takes every event and does nothing with it.

use std::boxed::Box;
use std::vec::Vec;

use super::api::{Connector, Context, Links, Status};
use super::build::Setup;
use super::config::{ConfigError, read_config};
use super::doc::{Example, Page};
use super::options::options;

options! {
    struct Config {}
}

pub(super) const PAGE: Page = Page {
    summary: "Takes every event and does nothing with it",
    text: r#"
For events that nobody wants: whatever is linked to it is read, and goes no further.
"#,
    options: Config::OPTIONS,
    examples: &[Example::Flow {
        title: "Accepts messages and forgets them",
        text: r#"
define flow forget
flow
  define connector server from ws_server with codec = "string", config = {"url": "127.0.0.1:4242"} end;
  define connector nowhere from null;
  define pipeline same pipeline select event from in into out end;
  create connector server; create connector nowhere; create pipeline same;
  connect /connector/server to /pipeline/same;
  connect /pipeline/same to /connector/nowhere;
end;
deploy flow forget
"#,
    }],
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
