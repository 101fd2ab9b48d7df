//! The `config` records of `ws_server` and `ws_client`, and what they become: options of the engine.
//!
//! Defaults are the engine's and the protocol's own, where they have any.

mod client;
mod compression;
mod headers;
mod limits;
mod server;
mod socket;

use std::num::NonZeroU64;
use std::time::Duration;
use std::vec::Vec;

pub(in crate::connector) use client::{CLIENT_OPTIONS, ClientPlan};
pub(in crate::connector) use server::{SERVER_OPTIONS, ServerPlan};

use crate::connector::config::ConfigError;

/// Collects mistakes, so that all of them are told at once.
struct Kept<'a> {
    errors: &'a mut Vec<ConfigError>,
    before: usize,
}

impl<'a> Kept<'a> {
    const fn new(errors: &'a mut Vec<ConfigError>) -> Self {
        let before = errors.len();
        Self { errors, before }
    }

    fn ok<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    const fn has_errors(&self) -> bool {
        self.errors.len() > self.before
    }
}

fn set_ms(timeout: &mut Duration, ms: NonZeroU64) {
    *timeout = Duration::from_millis(ms.get());
}
