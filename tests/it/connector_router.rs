//! The router over the real system: what starts and when, what flows, and how a service ends.

use std::path::Path;
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::connector::api::{Built, Level, Links, LogLine, StopRequest, Wiring};
use wsloop::connector::{
    ConnectorId, Definition, Delivery, Event, Outcome, Port, Router, RouterOptions, Turn, build, value::json,
};
use wsloop::engine::Config;
use wsloop::sys::{MioSys, OsFiles};

/// What stands in place of pipelines: makes events of an event.
pub(crate) type Between = Box<dyn FnMut(Event) -> Vec<Event>>;

/// Links from a connector's `out` to others' `in`, and one thing that all events pass on the way.
pub(crate) struct Straight {
    links: Vec<Links>,
    sinks: Vec<Vec<ConnectorId>>,
    between: Between,
    /// Those of every source that are linked.
    ports: Vec<Port>,
}

impl Wiring for Straight {
    fn handle_event(&mut self, from: ConnectorId, port: Port, event: Event, deliveries: &mut Vec<Delivery>) {
        if self.ports.contains(&port) {
            for event in (self.between)(event) {
                deliveries.extend(self.sinks[from.0 as usize].iter().map(|to| Delivery {
                    to: *to,
                    port: Port::In,
                    event: event.clone(),
                }));
            }
        }
    }

    fn handle_timeout(&mut self, _now: wsloop::proto::Instant, _deliveries: &mut Vec<Delivery>) {}

    fn poll_timeout(&self) -> Option<wsloop::proto::Instant> {
        None
    }

    fn sinks_behind(&self, from: ConnectorId) -> &[ConnectorId] {
        &self.sinks[from.0 as usize]
    }

    fn links(&self, of: ConnectorId) -> Links {
        self.links[of.0 as usize]
    }

    fn poll_log(&mut self, _log: &mut Vec<LogLine>) {}
}

/// Connectors (kind, definition) and links (from, to) between them.
fn router(connectors: &[(&str, &str)], links: &[(u32, u32)]) -> Router<MioSys, Straight> {
    router_with(connectors, links, Box::new(|event| vec![event]))
}

pub(crate) fn router_with(
    connectors: &[(&str, &str)],
    links: &[(u32, u32)],
    between: Between,
) -> Router<MioSys, Straight> {
    router_telling(connectors, links, between, false)
}

/// The same, with `err` of every source linked in place of `out`.
pub(crate) fn router_erring(connectors: &[(&str, &str)], links: &[(u32, u32)]) -> Router<MioSys, Straight> {
    router_linked(connectors, links, Box::new(|event| vec![event]), &[Port::Err])
}

/// The same, with the port `connections` of every source linked as `out` is.
pub(crate) fn router_telling(
    connectors: &[(&str, &str)],
    links: &[(u32, u32)],
    between: Between,
    connections: bool,
) -> Router<MioSys, Straight> {
    let ports = if connections {
        &[Port::Out, Port::Connections][..]
    } else {
        &[Port::Out]
    };
    router_linked(connectors, links, between, ports)
}

fn router_linked(
    connectors: &[(&str, &str)],
    links: &[(u32, u32)],
    between: Between,
    ports: &[Port],
) -> Router<MioSys, Straight> {
    let mut files = OsFiles::new();
    let built: Vec<Built> = connectors
        .iter()
        .enumerate()
        .map(|(index, (kind, with))| {
            let definition = Definition {
                name: format!("flow::{kind}{index}"),
                kind: (*kind).into(),
                with: json::parse(with.as_bytes()).unwrap().as_record().unwrap().clone(),
            };
            build(&definition, &mut files).unwrap_or_else(|errors| panic!("{errors:?}"))
        })
        .collect();
    let mut wiring = Straight {
        links: vec![Links::default(); built.len()],
        sinks: vec![Vec::new(); built.len()],
        between,
        ports: ports.to_vec(),
    };
    for (from, to) in links {
        let links = &mut wiring.links[*from as usize];
        links.out = ports.contains(&Port::Out);
        links.err = ports.contains(&Port::Err);
        links.connections = ports.contains(&Port::Connections);
        wiring.links[*to as usize].sink = true;
        wiring.sinks[*from as usize].push(ConnectorId(*to));
    }
    Router::new(
        EventLoop::new(Config::default()).unwrap(),
        built,
        wiring,
        RouterOptions::default(),
    )
}

/// Runs a service to its end; gives that and the log.
pub(crate) fn run(mut router: Router<MioSys, Straight>) -> (Outcome, Vec<String>) {
    let (begun, mut log) = (Instant::now(), Vec::new());
    loop {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it does not end; the log: {log:?}"
        );
        let turn = router.turn(Some(Duration::from_millis(100))).unwrap();
        log.extend(
            router
                .poll_log()
                .map(|line| format!("{:?} {}: {}", line.level, line.source, line.text)),
        );
        if let Turn::Ended(outcome) = turn {
            return (outcome, log);
        }
    }
}

fn file(mode: &str, path: &Path) -> String {
    format!(
        r#"{{"codec":"json","preprocessors":["separate"],"postprocessors":["separate"],"config":{{"path":{path:?},"mode":"{mode}"}}}}"#
    )
    .replace(if mode == "read" { r#""postprocessors":["separate"],"# } else { r#""preprocessors":["separate"],"# }, "")
}

const EXIT: &str = r#"{"config":{"delay":50000000}}"#;

#[test]
fn a_service_ends_by_itself_when_all_is_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("in.json"), folder.path().join("out.log"));
    let lines: String = (0..50_000).map(|line| format!("{{\"line\":{line}}}\n")).collect();
    std::fs::write(&from, &lines).unwrap();
    let connectors = [("file", file("read", &from)), ("file", file("write", &to))];
    let connectors = connectors.each_ref().map(|(kind, with)| (*kind, with.as_str()));
    let (outcome, log) = run(router(&connectors, &[(0, 1)]));
    assert_eq!((outcome, outcome.exit_code(), log), (Outcome::Done, 0, vec![]));
    assert_eq!(std::fs::read_to_string(to).unwrap(), lines);
}

#[test]
fn an_event_for_exit_ends_a_service_that_would_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out.log");
    let sink = file("truncate", &to);
    let connectors = [
        ("metronome", r#"{"config":{"interval":1000000}}"#),
        ("exit", EXIT),
        ("file", &sink),
    ];
    let (outcome, log) = run(router(&connectors, &[(0, 1), (0, 2)]));
    assert_eq!((outcome, log), (Outcome::Done, vec![]));
    // `exit` waits 50 ms, in which the metronome goes on.
    let beats = std::fs::read_to_string(to).unwrap().lines().count();
    assert!(beats > 1, "{beats} beats");
}

#[test]
fn a_failed_source_with_nothing_else_to_do_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("nope"), folder.path().join("out.log"));
    let (source, sink) = (file("read", &from), file("write", &to));
    let (outcome, log) = run(router(&[("file", &source), ("file", &sink)], &[(0, 1)]));
    assert_eq!((outcome, outcome.exit_code()), (Outcome::Failed, 1));
    let told = |text: &str| log.iter().any(|line| line.starts_with("Error") && line.contains(text));
    assert!(told("nope") && told("nothing is left to do"), "{log:?}");
}

#[test]
fn a_source_does_not_read_for_a_failed_sink() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("in.json");
    std::fs::write(&from, "1\n2\n").unwrap();
    let (source, sink) = (file("read", &from), file("write", folder.path()));
    let (outcome, log) = run(router(&[("file", &source), ("file", &sink)], &[(0, 1)]));
    assert_eq!(outcome, Outcome::Failed);
    assert!(log[0].contains("flow::file1: "), "{log:?}");
}

#[test]
fn a_connector_in_no_link_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("in.json"), folder.path().join("unlinked.log"));
    std::fs::write(&from, "1\n").unwrap();
    let (source, sink) = (file("read", &from), file("write", &to));
    let connectors = [("file", source.as_str()), ("null", "{}"), ("file", &sink)];
    assert_eq!(run(router(&connectors, &[(0, 1)])).0, Outcome::Done);
    assert!(!to.exists());
}

#[test]
fn a_stop_that_is_asked_for_drains() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out.log");
    let sink = file("write", &to);
    let connectors = [
        ("metronome", r#"{"config":{"interval":1000000}}"#),
        ("file", sink.as_str()),
    ];
    let mut router = router(&connectors, &[(0, 1)]);
    let begun = Instant::now();
    while std::fs::read_to_string(&to).unwrap_or_default().lines().count() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!(router.turn(Some(Duration::from_millis(100))).unwrap(), Turn::Running);
    }
    router.stop(StopRequest { graceful: true });
    let (outcome, log) = run(router);
    assert_eq!(outcome, Outcome::Done, "{log:?}");
    assert!(!log.iter().any(|line| line.starts_with(&format!("{:?}", Level::Error))));
}
