//! Pipelines: their ports, streams and selects.

use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::connector::Value;

use super::super::ast::{self, Artefact, Create, Expr, Ident, Node, Statement};
use super::super::code::Code;
use super::super::compile::{Args, boolean};
use super::super::diagnostic::Report;
use super::super::graph::{Select, Source, Target};
use super::super::scope::{Definition, ScopeId, Stop};
use super::super::source::Span;
use super::super::suggest;
use super::{Deployer, Giver};

/// How many streams and selects a deployment may have: pipelines made of pipelines can multiply beyond all memory.
const MAX_NODES: usize = 100_000;

/// A pipeline of a flow: its ports, in lower case.
#[derive(Debug, Clone)]
pub(super) struct PipelineInstance {
    /// Where events come in.
    pub(super) inputs: IndexMap<Rc<str>, usize>,
    /// Where they go out.
    pub(super) outputs: IndexMap<Rc<str>, usize>,
}

/// What a name in a `select` means.
enum Place {
    Input(usize),
    Output(usize),
    Stream(usize),
    Pipeline(PipelineInstance),
    /// Could not be made, which was reported.
    Broken,
}

/// The nodes of a pipeline, by their names in lower case.
type Places = IndexMap<Rc<str>, Place>;

impl Deployer<'_> {
    pub(super) fn create_pipeline(
        &mut self,
        full_name: Arc<str>,
        create: &Create,
        giver: Giver<'_>,
    ) -> Result<PipelineInstance, Stop> {
        let program = self.program;
        let definition = program.find(
            giver.scope,
            &create.from,
            "pipeline",
            |scope| &scope.pipelines,
            self.reports,
        )?;
        let what = format!("the pipeline `{}`", create.from.name.name);
        self.used.insert(definition.ast.name.span);
        if self.making.contains(&definition.body) {
            let report =
                Report::error(create.from.span(), format!("{what} contains itself")).label("this is never complete");
            self.reports.push(report);
            return Err(Stop::Reported);
        }
        if self.graph.nodes() > MAX_NODES {
            let message = format!("there are more than {MAX_NODES} streams and selects");
            self.reports.push(Report::error(create.name.span, message));
            return Err(Stop::Reported);
        }
        let args = self.bind(
            &what,
            &definition.ast.args,
            definition.scope,
            &create.with,
            giver,
            create.name.span,
        )?;
        self.pipeline(full_name, definition, &args)
    }

    /// An instance of the definition.
    pub(super) fn pipeline(
        &mut self,
        full_name: Arc<str>,
        definition: &Definition<ast::Pipeline>,
        args: &Args,
    ) -> Result<PipelineInstance, Stop> {
        let ast = &definition.ast;
        self.used.insert(ast.name.span);
        self.making.push(definition.body);
        let inputs = self.ports(ast.from.as_deref(), &["in"]);
        let outputs = self.ports(ast.into.as_deref(), &["out", "err"]);
        let mut places = Places::new();
        places.extend(
            inputs
                .iter()
                .map(|(name, &stream)| (Rc::clone(name), Place::Input(stream))),
        );
        for (name, &stream) in &outputs {
            if let Some(Place::Input(_)) = places.get(name) {
                let span = ast
                    .into
                    .iter()
                    .flatten()
                    .find(|port| *port.name.to_lowercase() == **name);
                let message = format!("port `{name}` can't lead both into the pipeline and out of it");
                self.reports
                    .push(Report::error(span.map_or(ast.name.span, |port| port.span), message));
            }
            places.insert(Rc::clone(name), Place::Output(stream));
        }
        for statement in &ast.body {
            self.node(
                statement,
                &full_name,
                Giver {
                    scope: definition.body,
                    args,
                },
                &mut places,
            );
        }
        for statement in &ast.body {
            if let Statement::Select(select) = statement {
                self.select(
                    select,
                    &full_name,
                    Giver {
                        scope: definition.body,
                        args,
                    },
                    &places,
                );
            }
        }
        self.making.pop();
        Ok(PipelineInstance { inputs, outputs })
    }

    fn ports(&mut self, named: Option<&[Ident]>, default: &[&str]) -> IndexMap<Rc<str>, usize> {
        let mut ports = IndexMap::new();
        let Some(named) = named else {
            ports.extend(default.iter().map(|&name| (name.into(), self.graph.stream())));
            return ports;
        };
        for port in named {
            if ports
                .insert(port.name.to_lowercase().into(), self.graph.stream())
                .is_some()
            {
                let message = format!("port `{}` is named twice", port.name);
                self.reports
                    .push(Report::error(port.span, message).help("the case of letters doesn't count in ports"));
            }
        }
        ports
    }

    /// What `create` makes.
    fn node(&mut self, statement: &Statement, full_name: &str, giver: Giver<'_>, places: &mut Places) {
        let (name, place) = match statement {
            Statement::Stream(name) => (name, Place::Stream(self.graph.stream())),
            Statement::Create(create) if create.artefact == Artefact::Pipeline => {
                let full_name = format!("{full_name}::{}", create.name.name);
                let instance = self.create_pipeline(full_name.into(), create, giver);
                (&create.name, instance.map_or(Place::Broken, Place::Pipeline))
            }
            Statement::Unavailable(Some(name)) => (name, Place::Broken),
            _ => return,
        };
        let key: Rc<str> = name.name.to_lowercase().into();
        if places.contains_key(&key) {
            let report = Report::error(name.span, format!("the name `{}` is taken in this pipeline", name.name))
                .label("a port, stream or pipeline is called so")
                .help("give it another name");
            self.reports.push(report);
            return;
        }
        places.insert(key, place);
    }

    fn select(&mut self, select: &ast::Select, full_name: &Arc<str>, giver: Giver<'_>, places: &Places) {
        let from = self.read_from(&select.from, giver.scope, places);
        let into = self.write_to(&select.into, giver.scope, places);
        let value = self.compiler(giver, true).code(&select.value);
        let condition = self.condition("`where`", select.condition.as_ref(), giver);
        let having = self.condition("`having`", select.having.as_ref(), giver);
        let (Ok(from), Ok(into), Ok(value), Ok(condition), Ok(having)) = (from, into, value, condition, having) else {
            return;
        };
        let span = select.from.name.span.to(select.into.name.span);
        if matches!(value, Code::Event) && condition.is_none() && having.is_none() {
            self.graph.link(Source::Stream(from), Target::Stream(into), span);
            return;
        }
        let select = Select {
            name: Arc::clone(full_name),
            value,
            condition,
            having,
            into,
        };
        self.graph.select(from, select, span);
    }

    /// A condition that isn't always true.
    fn condition(&mut self, what: &str, expr: Option<&Expr>, giver: Giver<'_>) -> Result<Option<(Code, Span)>, Stop> {
        let Some(expr) = expr else { return Ok(None) };
        let code = self.compiler(giver, true).code(expr)?;
        boolean(&code, expr.span, what, self.reports);
        let always = matches!(code, Code::Const(Value::Bool(true)));
        Ok((!always).then_some((code, expr.span)))
    }

    /// The stream that a `select … from` reads.
    fn read_from(&mut self, node: &Node, scope: ScopeId, places: &Places) -> Result<usize, Stop> {
        match self.place(node, scope, places)? {
            Place::Input(stream) | Place::Stream(stream) => self.plain(node, *stream, "out"),
            Place::Pipeline(instance) => self.port_of(node, &instance.outputs, "out"),
            Place::Broken => Err(Stop::Reported),
            Place::Output(_) => {
                let message = format!(
                    "events leave the pipeline by `{}`; none come from there",
                    node.name.name
                );
                let inputs = names(places, |place| matches!(place, Place::Input(_) | Place::Stream(_)));
                let help = suggest::list(inputs).map(|list| format!("events come from {list}"));
                let report = Report::error(node.name.span, message)
                    .label("a port to the outside")
                    .maybe_help(help);
                self.reports.push(report);
                Err(Stop::Reported)
            }
        }
    }

    /// The stream that a `select … into` writes.
    fn write_to(&mut self, node: &Node, scope: ScopeId, places: &Places) -> Result<usize, Stop> {
        match self.place(node, scope, places)? {
            Place::Output(stream) | Place::Stream(stream) => self.plain(node, *stream, "in"),
            Place::Pipeline(instance) => self.port_of(node, &instance.inputs, "in"),
            Place::Broken => Err(Stop::Reported),
            Place::Input(_) => {
                let message = format!(
                    "events enter the pipeline by `{}`; none can be sent there",
                    node.name.name
                );
                let outputs = names(places, |place| matches!(place, Place::Output(_) | Place::Stream(_)));
                let help = suggest::list(outputs).map(|list| format!("events go into {list}"));
                let report = Report::error(node.name.span, message)
                    .label("a port from the outside")
                    .maybe_help(help);
                self.reports.push(report);
                Err(Stop::Reported)
            }
        }
    }

    fn place<'p>(&mut self, node: &Node, scope: ScopeId, places: &'p Places) -> Result<&'p Place, Stop> {
        let name = &node.name;
        if let Some(place) = places.get(&*name.name.to_lowercase()) {
            return Ok(place);
        }
        if !self.program.scope(scope).unavailable.contains_key(&name.name) {
            let report = Report::error(
                name.span,
                format!("there is no port or stream `{}` in this pipeline", name.name),
            )
            .label("not defined")
            .maybe_help(suggest::hint(
                "there are",
                &name.name,
                places.keys().map(|name| &**name),
            ));
            self.reports.push(report);
        }
        Err(Stop::Reported)
    }

    /// A stream or port has no ports of its own but the default one, which may be named.
    fn plain(&mut self, node: &Node, stream: usize, default: &str) -> Result<usize, Stop> {
        match &node.port {
            Some(port) if !port.name.eq_ignore_ascii_case(default) => {
                let report = Report::error(port.span, format!("`{}` has no port `{}`", node.name.name, port.name))
                    .label("no such port")
                    .help(format!("write only `{}`", node.name.name));
                self.reports.push(report);
                Err(Stop::Reported)
            }
            _ => Ok(stream),
        }
    }

    fn port_of(&mut self, node: &Node, ports: &IndexMap<Rc<str>, usize>, default: &str) -> Result<usize, Stop> {
        let name = node.port.as_ref().map_or(default, |port| &port.name);
        if let Some(stream) = ports.get(&*name.to_lowercase()) {
            return Ok(*stream);
        }
        let span = node.port.as_ref().map_or(node.name.span, |port| port.span);
        let report = Report::error(
            span,
            format!("the pipeline `{}` has no port `{name}` on this side", node.name.name),
        )
        .label("no such port")
        .maybe_help(suggest::hint("there are", name, ports.keys().map(|name| &**name)));
        self.reports.push(report);
        Err(Stop::Reported)
    }
}

/// The names of the nodes of some sort.
fn names(places: &Places, sort: impl Fn(&Place) -> bool) -> impl Iterator<Item = &str> {
    places
        .iter()
        .filter(move |(_, place)| sort(place))
        .map(|(name, _)| &**name)
}
