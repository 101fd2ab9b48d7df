//! HTTP on a `ws_server`'s own port, for requests that ask for no WebSocket: health, metrics, files.

mod metrics;
mod site;

use std::format;
use std::string::String;
use std::vec::Vec;

pub(super) use self::metrics::Told;
use self::site::{FilesRecord, Site};
use super::config::ConfigError;
use super::options::options;
use crate::engine::Files;
use crate::proto::{Request, Response};

options! {
    /// What is answered besides WebSocket handshakes, each off unless given.
    pub(super) struct HttpRecord {
        /// The path of a health check, which is answered with 200 and `ok`.
        health: Option<String> = None,
        /// The path of counters in Prometheus' text form.
        metrics: Option<String> = None,
        /// Files of a folder.
        files: Option<FilesRecord> = None,
    }
}

impl HttpRecord {
    /// Whether anything is to be answered.
    pub(super) const fn is_given(&self) -> bool {
        self.health.is_some() || self.metrics.is_some() || self.files.is_some()
    }
}

/// What is answered, found good and read.
pub(super) struct Pages {
    health: Option<String>,
    metrics: Option<String>,
    site: Option<Site>,
}

impl Pages {
    /// Checks the record and reads the folder; `served` are the paths of the WebSocket, if not every one is.
    pub(super) fn read(
        record: HttpRecord,
        served: Option<&[String]>,
        files: &mut dyn Files,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        let before = errors.len();
        for (key, path) in [("health", &record.health), ("metrics", &record.metrics)] {
            if let Some(path) = path {
                let place = ["config", "http", key];
                if !path.starts_with('/') || path.contains(['?', '#', '%']) {
                    let message = format!("`{key}` must begin with `/` and hold no query, unlike `{path}`");
                    errors.push(ConfigError::new(place, message).expected("a path such as \"/healthz\""));
                } else if served.is_some_and(|served| served.contains(path)) {
                    let message = format!("`{path}` is the path of the WebSocket as well");
                    errors.push(ConfigError::new(place, message).help("give it another path"));
                }
            }
        }
        if record.health.is_some() && record.health == record.metrics {
            errors.push(
                ConfigError::new(
                    ["config", "http", "metrics"],
                    "`health` and `metrics` have the same path",
                )
                .help("give one of them another path"),
            );
        }
        let site = record.files.and_then(|record| {
            let site = Site::read(record, files);
            site.map_err(|error| errors.push(error)).ok()
        });
        (errors.len() == before).then_some(Self {
            health: record.health,
            metrics: record.metrics,
            site,
        })
    }

    /// Reads the folder again.
    ///
    /// # Errors
    /// It can't be read; nothing has changed.
    pub(super) fn reload(&mut self, files: &mut dyn Files) -> Result<(), ConfigError> {
        self.site.as_mut().map_or(Ok(()), |site| site.reload(files))
    }

    /// The answer to a request that asks for no WebSocket.
    pub(super) fn answer(&self, request: &Request, told: &Told<'_>) -> Response {
        let path = request.path();
        if self.health.as_deref() == Some(path) {
            return plain(200, "ok\n").header("Cache-Control", "no-store");
        }
        if self.metrics.as_deref() == Some(path) {
            return Response::new(200)
                .header("Content-Type", metrics::CONTENT_TYPE)
                .header("Cache-Control", "no-store")
                .body(told.text());
        }
        let found = self.site.as_ref().and_then(|site| site.answer(request));
        found.unwrap_or_else(|| plain(404, "There is nothing at this path.\n"))
    }
}

fn plain(status: u16, text: &str) -> Response {
    Response::new(status)
        .header("Content-Type", "text/plain; charset=utf-8")
        .body(text)
}
