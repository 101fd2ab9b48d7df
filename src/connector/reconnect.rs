//! When to try again: the `reconnect` of a definition.

use std::format;
use std::num::NonZeroU64;
use std::string::String;
use std::time::Duration;

use serde::Deserialize;

use super::config::{self, ConfigError, Segment};
use super::doc::{Example, Page};
use super::options::{OptionDoc, choices, options};
use super::value::Value;

/// Without a strategy, a connection that was up and is lost is tried once more after this time.
const ONCE_MORE: Duration = Duration::from_secs(1);

/// A retry is never sooner than this, so that `"interval_ms": 0` doesn't keep the processor busy.
const SHORTEST_WAIT_MS: u64 = 1;

/// How a connector comes back after a failed attempt or a lost connection.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Not at all, but for one attempt a second after a connection that was up is lost. The default.
    #[default]
    None,
    /// Again and again, at intervals that grow.
    Retry(RetryOptions),
}

options! {
    /// The `retry` strategy: waits that grow and are drawn at random (RFC 6455 section 7.2.3).
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub struct RetryOptions {
        /// The first wait, in milliseconds.
        interval_ms: u64,
        /// What each wait is to the one before; not below 0.
        growth_rate: f64 = 1.5,
        /// The longest wait, in milliseconds; the waits grow no further. Any, if not given.
        max_interval_ms: Option<NonZeroU64> = None,
        /// Failed attempts until it gives up: at the start the first attempt is one of them, after a loss all are further
        /// ones. It never gives up, if not given.
        max_retries: Option<u64> = None,
        /// Whether waits are drawn at random, so that clients of a lost server don't come back all at once.
        randomized: bool = true,
        /// How they are drawn.
        jitter: Jitter = Jitter::Growth,
    }
}

choices! {
    /// How waits are drawn.
    pub enum Jitter {
        /// Between the one before and what that would have grown to; the first is `interval_ms` itself. As Tremor does.
        Growth = "growth",
        /// Between nothing and the wait: clients that were lost together come back evenly spread.
        Full = "full",
    }
}

pub(super) const PAGE: Page = Page {
    summary: "When a connection is made again that was lost, or could not be made",
    text: r#"
A record with exactly one key, the name of the strategy:

- `{"none": null}`, the default: a connection that was up and is lost is tried once more, after a second; one that
  can't be made at the start is not.
- `{"retry": {…}}`: again and again, at intervals that grow, until attempts are used up.

When attempts are used up the connector has failed: the log says so, an event on `err` does, and one on `connections`; and if
nothing else is left to do the service ends with exit code 1. A success starts over.

A client attempts to dial, to speak TLS and to open; a server to bind its address. Waits are in milliseconds, never below 1.

Differences to Tremor: `max_interval_ms` and `jitter` are ours, and a connection that was only read from is made again as
well.
"#,
    options: OPTIONS,
    examples: &[Example::Flow {
        title: "Waits of 300, 600, 1200 … ms, at most 10 s, each drawn from nothing to that",
        text: r#"
define flow terminal
flow
  define connector server from ws_client
  with codec = "string", config = {"url": "ws://127.0.0.1:4242/"},
       reconnect = {"retry": {"interval_ms": 300, "growth_rate": 2, "max_interval_ms": 10000, "jitter": "full"}}
  end;
  define connector lines from stdio with codec = "string", preprocessors = ["separate"] end;
  define pipeline up pipeline select event from in into out end;
  create connector server; create connector lines; create pipeline up;
  connect /connector/lines to /pipeline/up; connect /pipeline/up to /connector/server;
end;
deploy flow terminal
"#,
    }],
};

/// The two strategies, as the reference shows them.
const OPTIONS: &[OptionDoc] = &[
    OptionDoc::unset::<Value>(
        "none",
        " `null`: no strategy, but for one attempt a second after a loss.\n",
    ),
    OptionDoc::unset::<RetryOptions>("retry", " Attempts at intervals that grow.\n"),
];

impl Strategy {
    /// Reads the `reconnect` of a definition: a record with exactly one key, `none` or `retry`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read(value: Option<&Value>) -> Result<Self, ConfigError> {
        let Some(value) = value else {
            return Ok(Self::None);
        };
        let path = [Segment::from("reconnect")];
        if let Value::String(name) = value {
            let instead = if name == "retry" {
                r#"{"retry": {"interval_ms": 500}}"#
            } else {
                r#"{"none": null}"#
            };
            return Err(
                ConfigError::new(path, format!("`reconnect` must be a record, not the string {value}"))
                    .expected("a record with exactly one of the keys `none` or `retry`")
                    .help(format!("write `reconnect = {instead}`")),
            );
        }
        let strategy = config::read(&path, value)?;
        match strategy {
            Self::Retry(RetryOptions { growth_rate, .. }) if !(growth_rate.is_finite() && growth_rate >= 0.0) => {
                Err(ConfigError::new(
                    ["reconnect", "retry", "growth_rate"],
                    format!("`growth_rate` must be a number of at least 0, not {growth_rate}"),
                ))
            }
            Self::Retry(RetryOptions {
                randomized: false,
                jitter: Jitter::Full,
                ..
            }) => Err(ConfigError::new(
                ["reconnect", "retry", "jitter"],
                "`jitter` says how waits are drawn, but `randomized` is `false`",
            )
            .help("take one of the two away")),
            Self::None | Self::Retry(_) => Ok(strategy),
        }
    }
}

/// What to do after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Try again after this time.
    Retry(Duration),
    /// Give up, for the reason given.
    GiveUp(String),
}

/// A strategy and how far it has come.
#[derive(Debug, Clone)]
pub struct Reconnect {
    strategy: Strategy,
    /// Attempts that failed since the last that succeeded.
    attempts: u64,
    /// The last wait, from which the next one grows, in milliseconds.
    interval_ms: Option<u64>,
}

impl Reconnect {
    /// Nothing has been attempted yet.
    #[must_use]
    pub const fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            attempts: 0,
            interval_ms: None,
        }
    }

    /// An attempt succeeded.
    pub const fn succeeded(&mut self) {
        self.attempts = 0;
        self.interval_ms = None;
    }

    /// An attempt failed; `random` is a uniform number, used if the wait is to be drawn.
    pub fn failed(&mut self, random: u64) -> Next {
        self.attempts = self.attempts.saturating_add(1);
        self.next(random)
    }

    /// A connection that was up is lost.
    pub fn lost(&mut self, random: u64) -> Next {
        self.next(random)
    }

    fn next(&mut self, random: u64) -> Next {
        let options = match self.strategy {
            Strategy::None if self.attempts == 0 => return Next::Retry(ONCE_MORE),
            Strategy::None => return Next::GiveUp("no `reconnect` strategy is configured".into()),
            Strategy::Retry(options) => options,
        };
        if let Some(max_retries) = options.max_retries.filter(|max| self.attempts >= *max) {
            return Next::GiveUp(format!("Max retries exceeded: {max_retries}"));
        }
        let longest = options.max_interval_ms.map_or(u64::MAX, NonZeroU64::get);
        let drawn = options.randomized && options.jitter == Jitter::Growth;
        let base = match self.interval_ms {
            None => options.interval_ms,
            Some(last) => {
                let grown = grow(last, options.growth_rate);
                if drawn {
                    draw(last.min(grown), last.max(grown), random)
                } else {
                    grown
                }
            }
        }
        .min(longest);
        self.interval_ms = Some(base);
        let wait = match options.jitter {
            Jitter::Full if options.randomized => draw(0, base, random),
            Jitter::Full | Jitter::Growth => base,
        };
        Next::Retry(Duration::from_millis(wait.max(SHORTEST_WAIT_MS)))
    }

    /// Attempts that failed since the last that succeeded.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }
}

/// `last * rate`, cut to whole milliseconds.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]
fn grow(last: u64, rate: f64) -> u64 {
    // The cast cuts off the fraction and saturates; nobody waits the 285,000 years from which floats lose milliseconds.
    (last as f64 * rate) as u64
}

/// A number from `low` to `high`, both included, uniform if `random` is.
fn draw(low: u64, high: u64, random: u64) -> u64 {
    let width = u128::from(high - low) + 1;
    let offset = (u128::from(random) * width) >> 64;
    low + u64::try_from(offset).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::value::json;
    use super::*;

    fn read(text: &str) -> Result<Strategy, ConfigError> {
        Strategy::read(Some(&json::parse(text.as_bytes()).unwrap()))
    }

    fn reconnect(text: &str) -> Reconnect {
        Reconnect::new(read(text).unwrap())
    }

    fn wait(ms: u64) -> Next {
        Next::Retry(Duration::from_millis(ms))
    }

    #[test]
    fn what_may_be_written() {
        let retry = RetryOptions {
            interval_ms: 5,
            growth_rate: 1.5,
            max_interval_ms: None,
            max_retries: None,
            randomized: true,
            jitter: Jitter::Growth,
        };
        for (text, strategy) in [
            (r#"{"none": null}"#, Strategy::None),
            (r#"{"retry": {"interval_ms": 5}}"#, Strategy::Retry(retry)),
            (
                r#"{"retry": {"interval_ms": 5, "growth_rate": 2, "max_retries": 3, "randomized": false}}"#,
                Strategy::Retry(RetryOptions {
                    growth_rate: 2.0,
                    max_retries: Some(3),
                    randomized: false,
                    ..retry
                }),
            ),
            (
                r#"{"retry": {"interval_ms": 5, "max_retries": null}}"#,
                Strategy::Retry(retry),
            ),
        ] {
            assert_eq!(read(text), Ok(strategy), "{text}");
        }
        assert_eq!(Strategy::read(None), Ok(Strategy::None));
    }

    #[test]
    fn what_may_not_be_written_is_refused_with_its_place() {
        for (text, place, says) in [
            (r#""none""#, "reconnect", r#"write `reconnect = {"none": null}`"#),
            (r#""retry""#, "reconnect", "interval_ms"),
            (r#"{"none": {}}"#, "reconnect.none", "must be null"),
            ("{}", "reconnect", "exactly one"),
            (
                r#"{"none": null, "retry": {"interval_ms": 1}}"#,
                "reconnect",
                "exactly one",
            ),
            (r#"{"custom": {}}"#, "reconnect.custom", "unknown key `custom`"),
            (r#"{"retry": {}}"#, "reconnect.retry", "lacks the key `interval_ms`"),
            (r#"{"retry": null}"#, "reconnect.retry", "must be a record"),
            (
                r#"{"retry": {"interval_ms": -1}}"#,
                "reconnect.retry.interval_ms",
                "at least 0",
            ),
            (
                r#"{"retry": {"interval_ms": 1, "growth": 2}}"#,
                "reconnect.retry.growth",
                "unknown key",
            ),
            (
                r#"{"retry": {"interval_ms": 1, "growth_rate": "2"}}"#,
                "reconnect.retry.growth_rate",
                "a number",
            ),
            (
                r#"{"retry": {"interval_ms": 1, "growth_rate": -2}}"#,
                "reconnect.retry.growth_rate",
                "at least 0",
            ),
            (
                r#"{"retry": {"interval_ms": 1, "max_retries": -2}}"#,
                "reconnect.retry.max_retries",
                "at least 0",
            ),
            ("7", "reconnect", "not the integer 7"),
        ] {
            let text_of_error = read(text).unwrap_err().to_string();
            assert!(
                text_of_error.starts_with(&format!("{place}: ")),
                "{text}: {text_of_error}"
            );
            assert!(text_of_error.contains(says), "{text}: {text_of_error}");
        }
    }

    #[test]
    fn without_a_strategy_only_what_was_up_is_tried_once_more() {
        let mut never_up = reconnect(r#"{"none": null}"#);
        assert!(matches!(never_up.failed(0), Next::GiveUp(_)));
        let mut lost = reconnect(r#"{"none": null}"#);
        lost.succeeded();
        assert_eq!(lost.lost(0), wait(1000));
        assert!(matches!(lost.failed(0), Next::GiveUp(_)));
        let mut lost_twice = reconnect(r#"{"none": null}"#);
        for _ in 0..2 {
            lost_twice.succeeded();
            assert_eq!(lost_twice.lost(0), wait(1000));
        }
    }

    #[test]
    fn at_the_start_max_retries_counts_the_first_attempt() {
        let mut start =
            reconnect(r#"{"retry": {"interval_ms": 300, "growth_rate": 2, "max_retries": 3, "randomized": false}}"#);
        assert_eq!(start.failed(0), wait(300));
        assert_eq!(start.failed(0), wait(600));
        assert_eq!(start.failed(0), Next::GiveUp("Max retries exceeded: 3".into()));
    }

    #[test]
    fn after_a_loss_max_retries_are_all_further_ones() {
        let mut lost =
            reconnect(r#"{"retry": {"interval_ms": 300, "growth_rate": 2, "max_retries": 3, "randomized": false}}"#);
        lost.succeeded();
        assert_eq!(lost.lost(0), wait(300));
        assert_eq!(lost.failed(0), wait(600));
        assert_eq!(lost.failed(0), wait(1200));
        assert_eq!(lost.failed(0), Next::GiveUp("Max retries exceeded: 3".into()));
        lost.succeeded();
        assert_eq!(lost.lost(0), wait(300), "a success starts over");
    }

    #[test]
    fn no_retries_means_none() {
        let text = r#"{"retry": {"interval_ms": 300, "max_retries": 0}}"#;
        assert!(matches!(reconnect(text).failed(0), Next::GiveUp(_)));
        assert!(matches!(reconnect(text).lost(0), Next::GiveUp(_)));
    }

    #[test]
    fn drawn_waits_lie_between_the_last_and_its_growth() {
        let mut up = reconnect(r#"{"retry": {"interval_ms": 100}}"#);
        assert_eq!(up.failed(u64::MAX), wait(100), "the first is not drawn");
        assert_eq!(up.failed(0), wait(100));
        assert_eq!(up.failed(u64::MAX), wait(150));
        assert_eq!(
            up.failed(u64::MAX / 2),
            wait(187),
            "what was drawn is the base of the next"
        );
        let mut down = reconnect(r#"{"retry": {"interval_ms": 100, "growth_rate": 0.5}}"#);
        assert_eq!(down.failed(0), wait(100));
        assert_eq!(down.failed(u64::MAX), wait(100));
        assert_eq!(down.failed(0), wait(50));
    }

    #[test]
    fn waits_grow_up_to_their_bound() {
        let mut bounded = reconnect(
            r#"{"retry": {"interval_ms": 300, "growth_rate": 2, "max_interval_ms": 1000, "randomized": false}}"#,
        );
        for expected in [300, 600, 1000, 1000] {
            assert_eq!(bounded.failed(7), wait(expected));
        }
        let mut short = reconnect(r#"{"retry": {"interval_ms": 300, "max_interval_ms": 100}}"#);
        assert_eq!(short.failed(7), wait(100));
    }

    #[test]
    fn full_jitter_draws_from_nothing_to_the_wait() {
        let text = r#"{"retry": {"interval_ms": 300, "growth_rate": 2, "max_interval_ms": 1000, "jitter": "full"}}"#;
        let mut longest = reconnect(text);
        for expected in [300, 600, 1000, 1000] {
            assert_eq!(longest.failed(u64::MAX), wait(expected));
        }
        let mut shortest = reconnect(text);
        for _ in 0..3 {
            assert_eq!(
                shortest.failed(0),
                wait(1),
                "what was drawn is not the base of the next"
            );
        }
        assert_eq!(shortest.failed(u64::MAX), wait(1000));
        let error = read(r#"{"retry": {"interval_ms": 1, "randomized": false, "jitter": "full"}}"#).unwrap_err();
        assert_eq!(error.path.last(), Some(&Segment::from("jitter")));
    }

    #[test]
    fn no_number_is_too_large_or_too_small() {
        let mut large =
            reconnect(r#"{"retry": {"interval_ms": 18446744073709551615, "growth_rate": 1e300, "randomized": true}}"#);
        assert_eq!(large.failed(7), wait(u64::MAX));
        assert_eq!(large.failed(7), wait(u64::MAX));
        let mut small = reconnect(r#"{"retry": {"interval_ms": 0, "growth_rate": 0}}"#);
        assert_eq!(small.failed(7), wait(1));
        assert_eq!(small.failed(7), wait(1));
    }
}
