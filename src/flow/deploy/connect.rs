//! `connect`: which port leads to which.

use std::rc::Rc;

use indexmap::IndexMap;

use crate::connector::Port;

use super::super::ast::{Artefact, Connect, Endpoint, Ident};
use super::super::diagnostic::Report;
use super::super::graph::{Source, Target};
use super::super::scope::Stop;
use super::super::suggest;
use super::{Deployer, Instances};

impl Deployer<'_> {
    pub(super) fn connect(&mut self, connect: &Connect, instances: &mut Instances) {
        let source = self.source(&connect.from, instances);
        let target = self.target(&connect.to, instances);
        if let (Ok(source), Ok(target)) = (source, target) {
            self.graph.link(source, target, connect.from.span.to(connect.to.span));
        }
    }

    fn source(&mut self, end: &Endpoint, instances: &mut Instances) -> Result<Source, Stop> {
        self.check_name(end, instances)?;
        if end.artefact == Artefact::Connector {
            let Some(Some(instance)) = instances.connectors.get_mut(&end.name.name) else {
                return Err(Stop::Reported);
            };
            let ports = instance.ports;
            let port = self.connector_port(end, ports.sources, ports.sinks, "gives events", "takes events")?;
            return Ok(Source::Connector(self.number(instance), port));
        }
        let Some(Some(instance)) = instances.pipelines.get(&end.name.name) else {
            return Err(Stop::Reported);
        };
        let port = self.pipeline_port(
            end,
            "out",
            &instance.outputs,
            &instance.inputs,
            "gives events",
            "takes events",
        )?;
        Ok(Source::Stream(port))
    }

    fn target(&mut self, end: &Endpoint, instances: &mut Instances) -> Result<Target, Stop> {
        self.check_name(end, instances)?;
        if end.artefact == Artefact::Connector {
            let Some(Some(instance)) = instances.connectors.get_mut(&end.name.name) else {
                return Err(Stop::Reported);
            };
            let ports = instance.ports;
            let port = self.connector_port(end, ports.sinks, ports.sources, "takes events", "gives events")?;
            return Ok(Target::Sink(self.number(instance), port));
        }
        let Some(Some(instance)) = instances.pipelines.get(&end.name.name) else {
            return Err(Stop::Reported);
        };
        let port = self.pipeline_port(
            end,
            "in",
            &instance.inputs,
            &instance.outputs,
            "takes events",
            "gives events",
        )?;
        Ok(Target::Stream(port))
    }

    fn check_name(&mut self, end: &Endpoint, instances: &Instances) -> Result<(), Stop> {
        let name = &end.name;
        let connectors = instances.connectors.contains_key(&name.name);
        let pipelines = instances.pipelines.contains_key(&name.name);
        let (found, other, other_artefact) = match end.artefact {
            Artefact::Connector => (connectors, pipelines, Artefact::Pipeline),
            Artefact::Pipeline => (pipelines, connectors, Artefact::Connector),
        };
        if found {
            return Ok(());
        }
        let what = end.artefact.text();
        let known: Vec<&str> = match end.artefact {
            Artefact::Connector => instances.connectors.keys().map(|name| &**name).collect(),
            Artefact::Pipeline => instances.pipelines.keys().map(|name| &**name).collect(),
        };
        let help = match suggest::nearest(&name.name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if other => format!("did you mean `/{}/{}`?", other_artefact.text(), name.name),
            None => format!("add `create {what} {} …` before it", name.name),
        };
        let report = Report::error(name.span, format!("there is no {what} `{}` in this flow", name.name))
            .label("not created")
            .help(help);
        self.reports.push(report);
        Err(Stop::Reported)
    }

    fn connector_port(
        &mut self,
        end: &Endpoint,
        ports: &[Port],
        others: &[Port],
        does: &str,
        other_does: &str,
    ) -> Result<Port, Stop> {
        let found = match &end.port {
            None => ports.first().copied(),
            Some(port) => ports
                .iter()
                .copied()
                .find(|known| known.name().eq_ignore_ascii_case(&port.name)),
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let is_other = |port: &Ident| others.iter().any(|known| known.name().eq_ignore_ascii_case(&port.name));
        let names: Vec<&str> = ports.iter().map(|port| port.name()).collect();
        self.no_port(end, &names, is_other, does, other_does);
        Err(Stop::Reported)
    }

    fn pipeline_port(
        &mut self,
        end: &Endpoint,
        default: &str,
        ports: &IndexMap<Rc<str>, usize>,
        others: &IndexMap<Rc<str>, usize>,
        does: &str,
        other_does: &str,
    ) -> Result<usize, Stop> {
        let name = end
            .port
            .as_ref()
            .map_or_else(|| default.to_owned(), |port| port.name.to_lowercase());
        if let Some(found) = ports.get(&*name) {
            return Ok(*found);
        }
        let is_other = |port: &Ident| others.contains_key(&*port.name.to_lowercase());
        let names: Vec<&str> = ports.keys().map(|name| &**name).collect();
        self.no_port(end, &names, is_other, does, other_does);
        Err(Stop::Reported)
    }

    fn no_port(
        &mut self,
        end: &Endpoint,
        names: &[&str],
        is_other: impl Fn(&Ident) -> bool,
        does: &str,
        other_does: &str,
    ) {
        let what = format!("the {} `{}`", end.artefact.text(), end.name.name);
        let list = suggest::list(names.iter().copied());
        let report = match (&end.port, list) {
            (None, None) => Report::error(end.span, format!("{what} never {does}"))
                .label(format!("only {other_does}"))
                .help("is the `connect` the wrong way round?"),
            (None, Some(list)) => Report::error(end.span, format!("which port of {what} is meant?"))
                .label("it has no default port on this side")
                .help(format!("name the port: {list}")),
            (Some(port), list) if is_other(port) => {
                let help = list.map_or_else(
                    || "is the `connect` the wrong way round?".into(),
                    |list| format!("here a port is needed that {does}: {list}"),
                );
                Report::error(port.span, format!("port `{}` of {what} {other_does}", port.name))
                    .label(format!("not one that {does}"))
                    .help(help)
            }
            (Some(port), _) => Report::error(port.span, format!("{what} has no port `{}`", port.name))
                .label("no such port")
                .maybe_help(suggest::hint("there are", &port.name, names.iter().copied())),
        };
        self.reports.push(report);
    }
}
