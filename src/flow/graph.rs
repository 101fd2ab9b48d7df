//! The running graph: what pipelines make of an event, and where it goes.
//!
//! Streams are the points where events meet: the ports of pipelines, and what `create stream` makes. Between them
//! stand the `select`s. Pipelines themselves are gone by then, and so are those that pass everything on unchanged.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::connector::api::{Level, Links, LogLine, Wiring};
use crate::connector::{ConnectorId, Delivery, Event, Instant, Port, Value};

use super::code::Code;
use super::diagnostic::{Report, Reports};
use super::eval::{Evaluated, Fault, Input, eval};
use super::operator::described;
use super::source::{Sources, Span};

/// How many streams and selects one event may pass through, all its copies counted; pipelines may be linked in
/// circles, and one that never ends would else hang the service.
pub const MAX_STEPS: u32 = 10_000;

/// How much deeper than at first an event may be nested by the selects that it passes.
const MAX_NESTING: u32 = 256;

/// How many lines wait for the log at most; of more only the number is kept.
const MAX_LOG_LINES: usize = 64;

/// Where an event goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// On to whatever the stream leads to.
    Stream(usize),
    /// Into a `select`.
    Select(usize),
    /// Into a connector.
    Sink(ConnectorId, Port),
}

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// Out of a stream.
    Stream(usize),
    /// Out of a connector.
    Connector(ConnectorId, Port),
}

/// `select value … where condition into target having …`
#[derive(Debug)]
pub(crate) struct Select {
    /// `flow::pipeline`, for the log.
    pub(crate) name: Arc<str>,
    /// What the event becomes.
    pub(crate) value: Code,
    /// Which events.
    pub(crate) condition: Option<(Code, Span)>,
    /// Which results.
    pub(crate) having: Option<(Code, Span)>,
    /// The stream that the results go to.
    pub(crate) into: usize,
}

/// A graph in the making.
#[derive(Debug, Default)]
pub(crate) struct GraphBuilder {
    streams: Vec<Vec<(Target, Span)>>,
    selects: Vec<Select>,
    sources: BTreeMap<(ConnectorId, Port), Vec<Target>>,
}

impl GraphBuilder {
    /// How large it is: streams and selects.
    pub(crate) fn nodes(&self) -> usize {
        self.streams.len() + self.selects.len()
    }

    /// A new stream.
    pub(crate) fn stream(&mut self) -> usize {
        self.streams.push(Vec::new());
        self.streams.len() - 1
    }

    /// Links a source to a target; `span` is the statement that says so.
    pub(crate) fn link(&mut self, source: Source, target: Target, span: Span) {
        match source {
            Source::Stream(stream) => self.streams[stream].push((target, span)),
            Source::Connector(id, port) => self.sources.entry((id, port)).or_default().push(target),
        }
    }

    /// Adds a select that reads `from`.
    pub(crate) fn select(&mut self, from: usize, select: Select, span: Span) {
        self.streams[from].push((Target::Select(self.selects.len()), span));
        self.selects.push(select);
    }

    /// Says which pipelines pass events round for ever.
    pub(crate) fn check_circles(&self, reports: &mut Reports) {
        // Streams that no other leads to (or that lead to no other) are on no circle; without them others aren't.
        let next = |stream: usize| {
            self.streams[stream].iter().filter_map(|&(target, span)| match target {
                Target::Stream(to) => Some((to, span)),
                Target::Select(_) | Target::Sink(..) => None,
            })
        };
        let mut incoming = vec![0_usize; self.streams.len()];
        for stream in 0..self.streams.len() {
            next(stream).for_each(|(to, _)| incoming[to] += 1);
        }
        let mut free: Vec<usize> = (0..self.streams.len())
            .filter(|&stream| incoming[stream] == 0)
            .collect();
        while let Some(stream) = free.pop() {
            for (to, _) in next(stream) {
                incoming[to] -= 1;
                if incoming[to] == 0 {
                    free.push(to);
                }
            }
        }
        let circle = (0..self.streams.len())
            .filter(|&stream| incoming[stream] > 0)
            .find_map(|stream| {
                // How each stream was reached first from this one: over which link, and from where.
                let mut reached = BTreeMap::new();
                let mut stack = vec![stream];
                while let Some(at) = stack.pop() {
                    for (to, span) in next(at) {
                        if let Entry::Vacant(entry) = reached.entry(to) {
                            entry.insert((at, span));
                            stack.push(to);
                        }
                    }
                }
                let back = |at: &usize| reached.get(at).map(|&(from, _)| from).filter(|&from| from != stream);
                reached.get(&stream)?;
                Some(
                    std::iter::successors(Some(stream), back)
                        .map(|at| reached[&at].1)
                        .collect::<Vec<_>>(),
                )
            });
        // The files that are run were taken in before the modules that they use.
        let place = circle.and_then(|links| links.into_iter().min());
        if let Some(span) = place {
            let report = Report::error(span, "events would go round in a circle for ever")
                .label("this leads back to where the events come from, and nothing on the way filters or changes them")
                .help("take one of the links away, or let a `select … where …` end the circle");
            reports.push(report);
        }
    }

    /// Whether anything is linked to one of the ports on which a connector gives events.
    pub(crate) fn is_source(&self, id: ConnectorId) -> bool {
        self.sources.keys().any(|(source, _)| *source == id)
    }

    /// The graph of `connectors` connectors.
    pub(crate) fn finish(self, connectors: usize, sources: Arc<Sources>) -> Graph {
        let streams: Vec<Box<[Target]>> = self
            .streams
            .into_iter()
            .map(|targets| targets.into_iter().map(|(target, _)| target).collect())
            .collect();
        let shortened: Vec<Box<[Target]>> = streams.iter().map(|targets| shorten(targets, &streams)).collect();
        let mut connectors: Vec<Outlets> = (0..connectors).map(|_| Outlets::default()).collect();
        for (&(id, port), targets) in &self.sources {
            let Some(outlets) = connectors.get_mut(id.0 as usize) else {
                continue;
            };
            let targets = shorten(targets, &streams);
            match port {
                Port::Err => (outlets.links.err, outlets.err) = (true, targets),
                Port::Connections => (outlets.links.connections, outlets.connections) = (true, targets),
                Port::Out | Port::In | Port::Stdout | Port::Stderr => {
                    (outlets.links.out, outlets.out) = (true, targets);
                }
            }
        }
        let mut graph = Graph {
            connectors: Vec::new(),
            streams: shortened,
            selects: self.selects,
            sources,
            queue: VecDeque::new(),
            log: Vec::new(),
            unlogged: 0,
        };
        for outlets in &mut connectors {
            outlets.sinks = graph.reachable(outlets);
        }
        let linked = streams.iter().flatten().filter_map(|target| match target {
            Target::Sink(id, _) => Some(*id),
            Target::Stream(_) | Target::Select(_) => None,
        });
        for id in linked {
            if let Some(outlets) = connectors.get_mut(id.0 as usize) {
                outlets.links.sink = true;
            }
        }
        graph.connectors = connectors;
        graph
    }
}

/// The targets, where a stream that only leads on is passed over.
fn shorten(targets: &[Target], streams: &[Box<[Target]>]) -> Box<[Target]> {
    let mut targets = targets;
    for _ in 0..streams.len() {
        match targets {
            [Target::Stream(stream)] => targets = &streams[*stream],
            _ => break,
        }
    }
    targets.into()
}

/// The links between connectors, with the pipelines in between. The position of a connector in
/// [`super::Deployment::connectors`] is its [`ConnectorId`].
#[derive(Debug)]
pub struct Graph {
    connectors: Vec<Outlets>,
    streams: Vec<Box<[Target]>>,
    selects: Vec<Select>,
    sources: Arc<Sources>,
    /// Empty between calls; kept for its memory.
    queue: VecDeque<Step>,
    log: Vec<LogLine>,
    /// Lines that found no room in `log`.
    unlogged: u64,
}

/// What a connector leads to.
#[derive(Debug, Default)]
struct Outlets {
    out: Box<[Target]>,
    err: Box<[Target]>,
    connections: Box<[Target]>,
    links: Links,
    sinks: Box<[ConnectorId]>,
}

/// An event on its way.
#[derive(Debug)]
struct Step {
    target: Target,
    event: Event,
    /// How much deeper it may be nested by now.
    nesting: u32,
}

impl Wiring for Graph {
    fn handle_event(&mut self, from: ConnectorId, port: Port, event: Event, deliveries: &mut Vec<Delivery>) {
        let Some(outlets) = self.connectors.get(from.0 as usize) else {
            return;
        };
        let targets = match port {
            Port::Err => &outlets.err,
            Port::Connections => &outlets.connections,
            Port::Out | Port::In | Port::Stdout | Port::Stderr => &outlets.out,
        };
        spread(targets, event, 0, &mut self.queue, deliveries);
        let mut steps = 0;
        while let Some(step) = self.queue.pop_front() {
            steps += 1;
            if steps > MAX_STEPS {
                let lost = self.queue.len() + 1;
                self.queue.clear();
                let text = format!(
                    "an event passed {MAX_STEPS} pipelines and streams and is still inside: {lost} copies of it are lost; is there a circle?"
                );
                self.write_log("wsloop".into(), text);
                return;
            }
            match step.target {
                Target::Stream(stream) => {
                    spread(
                        &self.streams[stream],
                        step.event,
                        step.nesting,
                        &mut self.queue,
                        deliveries,
                    );
                }
                Target::Select(select) => self.run_select(select, step.event, step.nesting, deliveries),
                Target::Sink(to, port) => deliveries.push(Delivery {
                    to,
                    port,
                    event: step.event,
                }),
            }
        }
    }

    /// Nothing here works by time.
    fn handle_timeout(&mut self, _now: Instant, _deliveries: &mut Vec<Delivery>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn sinks_behind(&self, from: ConnectorId) -> &[ConnectorId] {
        self.connectors
            .get(from.0 as usize)
            .map_or(&[], |outlets| &outlets.sinks)
    }

    fn links(&self, of: ConnectorId) -> Links {
        self.connectors
            .get(of.0 as usize)
            .map_or(Links::default(), |outlets| outlets.links)
    }

    fn poll_log(&mut self, log: &mut Vec<LogLine>) {
        log.append(&mut self.log);
        if self.unlogged > 0 {
            let text = format!("{} more events were lost in pipelines", self.unlogged);
            self.unlogged = 0;
            log.push(LogLine {
                level: Level::Error,
                source: "wsloop".into(),
                text,
            });
        }
    }
}

impl Graph {
    fn run_select(&mut self, select: usize, event: Event, nesting: u32, deliveries: &mut Vec<Delivery>) {
        let select = &self.selects[select];
        let nesting = nesting + select.value.wraps();
        match apply(select, &event) {
            Ok(None) => {}
            Ok(Some(_)) if nesting > MAX_NESTING => {
                let text = format!("the event is nested more than {MAX_NESTING} levels deeper than at first, and lost");
                self.write_log(select.name.to_string(), text);
            }
            Ok(Some(value)) => {
                let event = Event { value, ..event };
                spread(&self.streams[select.into], event, nesting, &mut self.queue, deliveries);
            }
            Err(fault) => {
                let text = format!("{}: {}; the event is lost", self.sources.place(fault.span), fault.text);
                self.write_log(select.name.to_string(), text);
            }
        }
    }

    fn write_log(&mut self, source: String, text: String) {
        if self.log.len() < MAX_LOG_LINES {
            self.log.push(LogLine {
                level: Level::Error,
                source,
                text,
            });
        } else {
            self.unlogged += 1;
        }
    }

    /// Every sink that an event may reach from these outlets, in order.
    fn reachable(&self, outlets: &Outlets) -> Box<[ConnectorId]> {
        let mut sinks = Vec::new();
        let mut seen = vec![false; self.streams.len()];
        let mut stack: Vec<Target> = outlets
            .out
            .iter()
            .chain(&outlets.err)
            .chain(&outlets.connections)
            .copied()
            .collect();
        while let Some(target) = stack.pop() {
            let stream = match target {
                Target::Sink(id, _) => {
                    sinks.push(id);
                    continue;
                }
                Target::Stream(stream) => stream,
                Target::Select(select) => self.selects[select].into,
            };
            if !std::mem::replace(&mut seen[stream], true) {
                stack.extend(&self.streams[stream]);
            }
        }
        sinks.sort_unstable();
        sinks.dedup();
        sinks.into()
    }
}

/// Hands the event to each of the targets; the last one gets the event itself.
fn spread(targets: &[Target], event: Event, nesting: u32, queue: &mut VecDeque<Step>, deliveries: &mut Vec<Delivery>) {
    let Some((&last, others)) = targets.split_last() else {
        return;
    };
    let mut give = |target, event| match target {
        Target::Sink(to, port) => deliveries.push(Delivery { to, port, event }),
        Target::Stream(_) | Target::Select(_) => queue.push_back(Step { target, event, nesting }),
    };
    for &target in others {
        give(target, event.clone());
    }
    give(last, event);
}

/// What the select makes of the event; `None` if it isn't meant.
fn apply(select: &Select, event: &Event) -> Evaluated<Option<Value>> {
    let meta = &event.meta;
    if let Some(condition) = &select.condition
        && !holds(
            "where",
            condition,
            Input {
                event: &event.value,
                meta,
            },
        )?
    {
        return Ok(None);
    }
    let value = eval(
        &select.value,
        Input {
            event: &event.value,
            meta,
        },
    )?
    .into_owned();
    if let Some(having) = &select.having
        && !holds("having", having, Input { event: &value, meta })?
    {
        return Ok(None);
    }
    Ok(Some(value))
}

fn holds(what: &str, (condition, span): &(Code, Span), input: Input<'_>) -> Evaluated<bool> {
    match &*eval(condition, input)? {
        Value::Bool(holds) => Ok(*holds),
        other => {
            let text = format!("`{what}` must be true or false, not {}", described(other));
            Err(Box::new(Fault { span: *span, text }))
        }
    }
}
