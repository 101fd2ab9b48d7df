//! `metronome`: an event at every interval.

use std::boxed::Box;
use std::num::NonZeroU64;
use std::time::Duration;
use std::vec::Vec;

use super::api::{Connector, Context, Links, Status, StopStep};
use super::build::Setup;
use super::config::{ConfigError, read_config};
use super::doc::{Example, Page};
use super::event::{Event, Origin, Origins, Port};
use super::options::options;
use super::value::{Record, Value};
use crate::proto::Instant;

options! {
    struct Config {
        /// Nanoseconds between two events, and before the first one.
        interval: NonZeroU64,
    }
}

pub(super) const PAGE: Page = Page {
    summary: "An event at every interval",
    text: r#"
Each event is a record: `{"connector": "metronome", "ingest_ns": 1700000000000000000, "id": 0}`, with the time in
nanoseconds since 1970 and a number that counts from 0. The first comes one interval after everything behind it is up.
Beats that were missed (the machine slept, a sink was away) are not made up for.
"#,
    options: Config::OPTIONS,
    examples: &[Example::Flow {
        title: "The time, ten times a second, to every terminal",
        text: r#"
define flow clock
flow
  define connector beat from metronome with config = {"interval": 100000000} end;
  define connector terminal from stdio with codec = "json", postprocessors = ["separate"] end;
  define pipeline number pipeline select {"beat": event.id} from in into out end;
  create connector beat; create connector terminal; create pipeline number;
  connect /connector/beat to /pipeline/number;
  connect /pipeline/number to /connector/terminal;
end;
deploy flow clock
"#,
    }],
};

pub(super) fn make(setup: Setup<'_>) -> Result<Box<dyn Connector>, Vec<ConfigError>> {
    let config: Config = read_config(setup.config()).map_err(|error| vec![error])?;
    let interval = Duration::from_nanos(config.interval.get());
    Ok(Box::new(Metronome {
        interval,
        next: None,
        may_emit: false,
        is_stopped: false,
        id: 0,
    }))
}

struct Metronome {
    interval: Duration,
    /// When the next event is due; unknown until everything behind is up for the first time.
    next: Option<Instant>,
    may_emit: bool,
    is_stopped: bool,
    id: u64,
}

impl Connector for Metronome {
    fn start(&mut self, _links: Links, _cx: &mut Context<'_>) {}

    fn handle_flow(&mut self, may_read: bool, cx: &mut Context<'_>) {
        self.may_emit = may_read;
        if may_read && self.next.is_none() {
            self.next = Some(cx.now + self.interval);
        }
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        let Some(due) = self.poll_timeout().filter(|due| *due <= cx.now) else {
            return;
        };
        // Beats that were missed (the machine slept, a sink was away) are not made up for.
        let next = due + self.interval;
        self.next = Some(if next > cx.now { next } else { cx.now + self.interval });
        let value = Value::record([
            ("connector", Value::from("metronome")),
            ("ingest_ns", Value::from(cx.wall_ns)),
            ("id", Value::from(self.id)),
        ]);
        self.id += 1;
        let origins = Origins::One(Origin {
            connector: cx.id,
            stream: 0,
        });
        let meta = Value::from(Record::default());
        cx.emitted.push((
            Port::Out,
            Event {
                value,
                meta,
                origins,
                ingest_ns: cx.wall_ns,
                ..Event::default()
            },
        ));
    }

    fn handle_stop(&mut self, _step: StopStep, _cx: &mut Context<'_>) {
        self.is_stopped = true;
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next.filter(|_| self.may_emit && !self.is_stopped)
    }

    fn status(&self) -> Status {
        if self.is_stopped { Status::Finished } else { Status::Up }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, FakeFiles};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bench() -> Bench {
        Bench::new(
            "metronome",
            r#"{"config":{"interval":1000000000}}"#,
            FakeFiles::default(),
        )
    }

    #[test]
    fn the_first_event_comes_after_one_interval() {
        let mut bench = bench();
        bench.start(Links {
            out: true,
            ..Links::default()
        });
        assert!(!bench.turn(SECOND / 2));
        assert!(bench.turn(SECOND / 2));
        assert!(bench.turn(SECOND));
        let ids: Vec<_> = bench
            .emitted
            .iter()
            .map(|(_, event)| event.value.field("id").cloned())
            .collect();
        assert_eq!(ids, [Some(Value::Int(0)), Some(Value::Int(1))]);
        let expected = r#"{"connector":"metronome","ingest_ns":1000006000,"id":0}"#;
        let (port, event) = &bench.emitted[0];
        assert_eq!(
            (*port, event.value.to_string(), event.ingest_ns),
            (Port::Out, expected.into(), 1_000_006_000)
        );
        assert_eq!(event.meta.to_string(), "{}");
    }

    #[test]
    fn missed_beats_are_not_made_up_for() {
        let mut bench = bench();
        bench.start(Links::default());
        bench.turn(SECOND * 10);
        assert_eq!(bench.emitted.len(), 1);
        assert!(!bench.turn(SECOND / 2));
        assert!(bench.turn(SECOND / 2));
    }

    #[test]
    fn it_waits_for_what_is_behind_it_and_stops_when_told() {
        let mut bench = bench();
        bench.call(|connector, cx| connector.start(Links::default(), cx));
        assert!(!bench.turn(SECOND * 2));
        bench.call(|connector, cx| connector.handle_flow(true, cx));
        bench.call(|connector, cx| connector.handle_flow(false, cx));
        assert!(!bench.turn(SECOND * 2));
        bench.call(|connector, cx| connector.handle_flow(true, cx));
        assert!(bench.turn(Duration::ZERO));
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sources, cx));
        assert!(!bench.turn(SECOND * 2));
        assert_eq!(bench.connector.status(), Status::Finished);
    }
}
