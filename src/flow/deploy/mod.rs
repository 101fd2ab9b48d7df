//! From definitions to instances: what `deploy flow` makes, checked through and through.

mod connect;
mod connector;
mod pipeline;

use std::collections::HashSet;
use std::rc::Rc;

use indexmap::IndexMap;

use crate::connector::api::Built;
use crate::connector::{ConnectorId, Files};

use super::ast::{self, Arg, Artefact, Create, Deploy, Expr, Ident, Statement, With};
use super::compile::{Args, Compiler};
use super::constant::Constant;
use super::diagnostic::{Report, Reports};
use super::graph::GraphBuilder;
use super::scope::{Definition, Program, ScopeId, Stop};
use super::source::Span;
use super::suggest;
use connector::ConnectorInstance;
use pipeline::PipelineInstance;

/// Makes instances of definitions.
pub(crate) struct Deployer<'a> {
    program: &'a Program,
    reports: &'a mut Reports,
    files: &'a mut dyn Files,
    /// How the instances are linked.
    pub(crate) graph: GraphBuilder,
    /// Those that are linked to anything; a place is empty if the connector could not be built, which was reported.
    pub(crate) connectors: Vec<Option<Built>>,
    /// The definitions that there are instances of, by where their names stand.
    used: HashSet<Span>,
    /// The pipelines that are being made, each within the one before.
    making: Vec<ScopeId>,
}

/// The instances of a flow, by what they are called in it. `None`: it could not be made, which was reported.
struct Instances {
    connectors: IndexMap<Rc<str>, Option<ConnectorInstance>>,
    pipelines: IndexMap<Rc<str>, Option<PipelineInstance>>,
}

/// Where the values for a definition's `args` are written: the scope and the `args` that they may use.
#[derive(Clone, Copy)]
struct Giver<'a> {
    scope: ScopeId,
    args: &'a Args,
}

impl<'a> Deployer<'a> {
    pub(crate) fn new(program: &'a Program, reports: &'a mut Reports, files: &'a mut dyn Files) -> Self {
        Self {
            program,
            reports,
            files,
            graph: GraphBuilder::default(),
            connectors: Vec::new(),
            used: HashSet::new(),
            making: Vec::new(),
        }
    }

    /// `deploy flow …`, written in `scope`.
    pub(crate) fn deploy(&mut self, deploy: &Deploy, scope: ScopeId) {
        let Ok(flow) = self
            .program
            .find(scope, &deploy.from, "flow", |scope| &scope.flows, self.reports)
        else {
            return;
        };
        let giver = Giver {
            scope,
            args: &Args::None,
        };
        let what = format!("the flow `{}`", flow.ast.name.name);
        if let Ok(args) = self.bind(&what, &flow.ast.args, flow.scope, &deploy.with, giver, deploy.name.span) {
            self.flow(&deploy.name.name, flow, &args);
        }
    }

    fn flow(&mut self, name: &str, flow: &Definition<ast::Flow>, args: &Args) {
        self.used.insert(flow.ast.name.span);
        let mut instances = Instances {
            connectors: IndexMap::new(),
            pipelines: IndexMap::new(),
        };
        let giver = Giver { scope: flow.body, args };
        for statement in &flow.ast.body {
            if let Statement::Create(create) = statement {
                self.create(name, create, giver, &mut instances);
            }
        }
        for statement in &flow.ast.body {
            if let Statement::Connect(connect) = statement {
                self.connect(connect, &mut instances);
            }
        }
        // Where something is wrong, the link may only have failed.
        if self.reports.has_errors() {
            return;
        }
        for (name, connector) in &instances.connectors {
            if let Some(connector) = connector
                && connector.id.is_none()
            {
                let report = Report::warning(connector.span, format!("the connector `{name}` is in no `connect`"))
                    .label("will not be started")
                    .help("link it with `connect`, or take it away");
                self.reports.push(report);
            }
        }
        self.check_binary(&instances);
    }

    /// Frames of bytes need `$binary`, which events have that came by a frame; where nothing does that gives such events,
    /// each of them will be an error.
    fn check_binary(&mut self, instances: &Instances) {
        let connectors = || instances.connectors.values().flatten();
        let is_brought = connectors().any(|it| it.brings_binary && it.id.is_some_and(|id| self.graph.is_source(id)));
        if is_brought {
            return;
        }
        for connector in connectors().filter(|it| it.needs_binary && it.id.is_some()) {
            let report = Report::warning(
                connector.span,
                "what this connector sends need not be text, and nothing here sets `$binary`",
            )
            .label("each event that isn't text will be an error")
            .help("write `\"not_text\": \"binary\"` in its `config`, or put the postprocessor `base64` last");
            self.reports.push(report);
        }
    }

    fn create(&mut self, flow: &str, create: &Create, giver: Giver<'_>, instances: &mut Instances) {
        let name = &create.name;
        let known = match create.artefact {
            Artefact::Connector => instances.connectors.contains_key(&name.name),
            Artefact::Pipeline => instances.pipelines.contains_key(&name.name),
        };
        if known {
            let what = create.artefact.text();
            let report = Report::error(name.span, format!("the {what} `{}` is created twice", name.name))
                .label("created again")
                .help("give it another name: `create … NAME from DEFINITION`");
            self.reports.push(report);
            return;
        }
        let full_name = format!("{flow}::{}", name.name);
        match create.artefact {
            Artefact::Connector => {
                let instance = self.create_connector(full_name, create, giver);
                instances.connectors.insert(Rc::clone(&name.name), instance.ok());
            }
            Artefact::Pipeline => {
                let instance = self.create_pipeline(full_name.into(), create, giver);
                instances.pipelines.insert(Rc::clone(&name.name), instance.ok());
            }
        }
    }

    /// The values of a definition's `args`: those given, and the defaults of the others.
    fn bind(
        &mut self,
        what: &str,
        declared: &[Arg],
        scope: ScopeId,
        given: &[With],
        giver: Giver<'_>,
        place: Span,
    ) -> Result<Args, Stop> {
        self.check_declared(declared);
        let mut stop = None;
        let mut values = IndexMap::new();
        for with in given {
            if !declared.iter().any(|arg| arg.name.name == with.name.name) {
                self.unknown_argument(what, &with.name, declared);
                stop = Some(Stop::Reported);
            }
            match self.constant(&with.value, giver) {
                Ok(value) if values.contains_key(&with.name.name) => {
                    drop(value);
                    let message = format!("`{}` is given twice", with.name.name);
                    self.reports
                        .push(Report::error(with.name.span, message).help("take one of the two away"));
                    stop = Some(Stop::Reported);
                }
                Ok(value) => drop(values.insert(Rc::clone(&with.name.name), value)),
                Err(reason) => stop = stop.or(Some(reason)),
            }
        }
        for arg in declared {
            let is_given = given.iter().any(|with| with.name.name == arg.name.name);
            match &arg.default {
                _ if is_given || values.contains_key(&arg.name.name) => {}
                Some(default) => match self.constant(
                    default,
                    Giver {
                        scope,
                        args: &Args::None,
                    },
                ) {
                    Ok(value) => drop(values.insert(Rc::clone(&arg.name.name), value)),
                    Err(reason) => stop = stop.or(Some(reason)),
                },
                None => {
                    let report = Report::error(
                        place,
                        format!("{what} needs a value for its argument `{}`", arg.name.name),
                    )
                    .label("the value is missing")
                    .help(format!("add `with {} = … end`", arg.name.name));
                    self.reports.push(report);
                    stop = Some(Stop::Reported);
                }
            }
        }
        match stop {
            None => Ok(Args::Given(values)),
            Some(Stop::Unknown) => Ok(unknown(declared)),
            Some(Stop::Reported) => Err(Stop::Reported),
        }
    }

    fn check_declared(&mut self, declared: &[Arg]) {
        for (at, arg) in declared.iter().enumerate() {
            if declared[..at].iter().any(|other| other.name.name == arg.name.name) {
                let message = format!("the argument `{}` is declared twice", arg.name.name);
                self.reports
                    .push(Report::error(arg.name.span, message).help("take one of the two away"));
            }
        }
    }

    fn unknown_argument(&mut self, what: &str, name: &Ident, declared: &[Arg]) {
        let known = declared.iter().map(|arg| &*arg.name.name);
        let help = suggest::hint("its arguments are", &name.name, known).unwrap_or_else(|| {
            "it declares no `args`; what it consists of is said in its definition, not where it is created".into()
        });
        let report = Report::error(name.span, format!("{what} has no argument `{}`", name.name))
            .label("not among its `args`")
            .help(help);
        self.reports.push(report);
    }

    /// The defaults of a definition's `args`, as far as it has them.
    fn defaults(&mut self, declared: &[Arg], scope: ScopeId) -> Args {
        let required = declared.iter().any(|arg| arg.default.is_none());
        let giver = Giver {
            scope,
            args: &Args::None,
        };
        let optional: Vec<(&Arg, &Expr)> = declared
            .iter()
            .filter_map(|arg| Some((arg, arg.default.as_ref()?)))
            .collect();
        self.check_declared(declared);
        let mut values = IndexMap::new();
        for (arg, default) in &optional {
            if let Ok(value) = self.constant(default, giver) {
                values.insert(Rc::clone(&arg.name.name), value);
            }
        }
        if required || values.len() < declared.len() {
            unknown(declared)
        } else {
            Args::Given(values)
        }
    }

    fn constant(&mut self, expr: &Expr, giver: Giver<'_>) -> Result<Constant, Stop> {
        self.compiler(giver, false).constant(expr)
    }

    fn compiler<'b>(&'b mut self, giver: Giver<'b>, events: bool) -> Compiler<'b> {
        Compiler {
            program: self.program,
            scope: giver.scope,
            args: giver.args,
            events,
            reports: self.reports,
        }
    }

    /// The connector's number, given when it is first linked.
    fn number(&mut self, instance: &mut ConnectorInstance) -> ConnectorId {
        *instance.id.get_or_insert_with(|| {
            self.connectors.push(instance.built.take());
            ConnectorId((self.connectors.len() - 1) as u32)
        })
    }

    /// Looks at every definition in `scope` that there is no instance of yet.
    pub(crate) fn check_unused(&mut self, scope: ScopeId) {
        let program = self.program;
        let scope = program.scope(scope);
        for (name, flow) in &scope.flows {
            if !self.used.contains(&flow.ast.name.span) {
                let args = self.defaults(&flow.ast.args, flow.scope);
                self.apart(|deployer| deployer.flow(name, flow, &args));
            }
            self.check_unused(flow.body);
        }
        for (name, pipeline) in &scope.pipelines {
            if !self.used.contains(&pipeline.ast.name.span) {
                let args = self.defaults(&pipeline.ast.args, pipeline.scope);
                self.apart(|deployer| {
                    let _ = deployer.pipeline((&**name).into(), pipeline, &args);
                });
            }
            self.check_unused(pipeline.body);
        }
        for (name, connector) in &scope.connectors {
            if !self.used.contains(&connector.ast.name.span) {
                let args = self.defaults(&connector.ast.args, connector.scope);
                let _ = self.connector(name.to_string(), connector, &args, connector.ast.name.span);
            }
        }
    }

    /// Does `work` without keeping what it makes.
    fn apart(&mut self, work: impl FnOnce(&mut Self)) {
        let graph = std::mem::take(&mut self.graph);
        let connectors = std::mem::take(&mut self.connectors);
        work(self);
        self.graph.check_circles(self.reports);
        self.graph = graph;
        self.connectors = connectors;
    }
}

fn unknown(declared: &[Arg]) -> Args {
    Args::Unknown(declared.iter().map(|arg| Rc::clone(&arg.name.name)).collect())
}
