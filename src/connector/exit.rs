//! `exit`: the first event that reaches it ends the service.

use std::boxed::Box;
use std::time::Duration;
use std::vec::Vec;

use super::api::{Connector, Context, Links, Status, StopRequest, StopStep};
use super::build::Setup;
use super::config::{ConfigError, read_config};
use super::doc::{Example, Page};
use super::event::{Event, Port};
use super::options::options;
use super::value::Value;
use crate::proto::Instant;

options! {
    struct Config {
        /// Nanoseconds between the event and the stop, in which other events still find their way. The field `delay` of
        /// the event itself outranks it.
        delay: u64 = 0,
        /// Whether everything is drained first. The field `graceful` of the event itself outranks it.
        graceful: bool = true,
    }
}

pub(super) const PAGE: Page = Page {
    summary: "The first event that reaches it ends the service",
    text: r#"
The fields `delay` and `graceful` of the event outrank the configuration; whatever else it holds has no meaning. Later
events change nothing. While the delay lasts everything goes on, so replies that are on their way arrive. A stop in good
order (the default) drains the flows and takes five seconds at most; without it all ends at once.
"#,
    options: Config::OPTIONS,
    examples: &[Example::Flow {
        title: "Ends the service when a line says so",
        text: r#"
define flow until
flow
  define connector terminal from stdio with codec = "string", preprocessors = ["separate"] end;
  define connector stop from exit with config = {"delay": 100000000} end;
  define pipeline enough pipeline select event from in where event == "quit" into out end;
  create connector terminal; create connector stop; create pipeline enough;
  connect /connector/terminal to /pipeline/enough;
  connect /pipeline/enough to /connector/stop;
end;
deploy flow until
"#,
    }],
};

pub(super) fn make(setup: Setup<'_>) -> Result<Box<dyn Connector>, Vec<ConfigError>> {
    let config = read_config(setup.config()).map_err(|error| vec![error])?;
    Ok(Box::new(Exit {
        config,
        state: State::Idle,
    }))
}

struct Exit {
    config: Config,
    state: State,
}

enum State {
    Idle,
    Waiting { until: Instant, request: StopRequest },
    Done,
}

impl Exit {
    fn end_if_due(&mut self, cx: &mut Context<'_>) {
        if let State::Waiting { until, request } = self.state
            && until <= cx.now
        {
            *cx.stop = Some(request);
            self.state = State::Done;
        }
    }
}

impl Connector for Exit {
    fn start(&mut self, _links: Links, _cx: &mut Context<'_>) {}

    fn handle_delivery(&mut self, _port: Port, event: &Event, cx: &mut Context<'_>) {
        if !matches!(self.state, State::Idle) {
            return;
        }
        let delay = event
            .value
            .field("delay")
            .and_then(Value::as_u64)
            .unwrap_or(self.config.delay);
        let graceful = event
            .value
            .field("graceful")
            .and_then(Value::as_bool)
            .unwrap_or(self.config.graceful);
        let until = cx.now + Duration::from_nanos(delay);
        self.state = State::Waiting {
            until,
            request: StopRequest { graceful },
        };
        self.end_if_due(cx);
    }

    fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        self.end_if_due(cx);
    }

    fn handle_stop(&mut self, _step: StopStep, _cx: &mut Context<'_>) {
        self.state = State::Done;
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            State::Idle | State::Done => None,
        }
    }

    fn status(&self) -> Status {
        Status::Up
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, FakeFiles, value};
    use super::*;

    fn bench(definition: &str) -> Bench {
        let mut bench = Bench::new("exit", definition, FakeFiles::default());
        bench.start(Links {
            sink: true,
            ..Links::default()
        });
        bench
    }

    #[test]
    fn the_delay_is_a_timer() {
        let mut bench = bench(r#"{"config":{"delay":100}}"#);
        assert!(!bench.turn(Duration::from_secs(9)));
        bench.deliver(Port::In, value("1"));
        assert!(!bench.turn(Duration::from_nanos(99)));
        bench.deliver(Port::In, value(r#"{"delay":0,"graceful":false}"#));
        assert_eq!(bench.stop, None, "only the first event counts");
        assert!(bench.turn(Duration::from_nanos(1)));
        assert_eq!(bench.stop, Some(StopRequest { graceful: true }));
        assert_eq!(bench.connector.poll_timeout(), None);
    }

    #[test]
    fn an_event_may_say_when_and_how() {
        let mut at_once = bench(r#"{"config":{"delay":100}}"#);
        at_once.deliver(Port::In, value(r#"{"exit":0,"delay":0,"graceful":false}"#));
        assert_eq!(at_once.stop, Some(StopRequest { graceful: false }));
        let mut later = bench("{}");
        later.deliver(Port::In, value(r#"{"delay":5}"#));
        assert_eq!(later.stop, None);
        assert!(later.turn(Duration::from_nanos(5)) && later.stop.is_some());
        let mut odd = bench("{}");
        odd.deliver(Port::In, value(r#"{"delay":"5","graceful":1}"#));
        assert_eq!(odd.stop, Some(StopRequest { graceful: true }));
    }

    #[test]
    fn a_stop_of_somebody_else_takes_the_timer() {
        let mut bench = bench(r#"{"config":{"delay":100}}"#);
        bench.deliver(Port::In, value("1"));
        bench.call(|connector, cx| connector.handle_stop(StopStep::Sources, cx));
        assert!(!bench.turn(Duration::from_nanos(100)));
        assert_eq!(bench.stop, None);
    }
}
