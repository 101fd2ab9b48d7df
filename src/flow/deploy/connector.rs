//! Connectors: evaluating their `with`, and building them.

use std::rc::Rc;

use indexmap::IndexMap;

use crate::connector::api::Built;
use crate::connector::{self, ConfigError, ConnectorId, Kind, Port, Ports, Record};

use super::super::ast::{self, Create};
use super::super::compile::Args;
use super::super::constant::{Constant, place_of};
use super::super::diagnostic::Report;
use super::super::scope::{Definition, Stop};
use super::super::source::Span;
use super::{Deployer, Giver};

/// A connector of a flow.
pub(super) struct ConnectorInstance {
    /// The name in its `create`.
    pub(super) span: Span,
    /// The ports that it has.
    pub(super) ports: Ports,
    /// The connector, until it is linked for the first time; `None` as well if it could not be built.
    pub(super) built: Option<Built>,
    /// Its number, once it is linked.
    pub(super) id: Option<ConnectorId>,
    /// It sends frames, and what they are made of need not be text.
    pub(super) needs_binary: bool,
    /// Its events may say by themselves that they are binary: it receives frames.
    pub(super) brings_binary: bool,
}

impl Deployer<'_> {
    pub(super) fn create_connector(
        &mut self,
        full_name: String,
        create: &Create,
        giver: Giver<'_>,
    ) -> Result<ConnectorInstance, Stop> {
        let name = &create.from.name;
        let program = self.program;
        let unknown =
            create.from.modules.is_empty() && program.get(giver.scope, name, |scope| &scope.connectors).is_none();
        if unknown && connector::kind(&name.name).is_ok() {
            let message = format!("there is no definition of a connector `{}`", name.name);
            let report = Report::error(name.span, message)
                .label("a kind of connector, not a definition")
                .help(format!(
                    "write `define connector {0} from {0} with … end;` before it",
                    name.name
                ));
            self.reports.push(report);
            return Err(Stop::Reported);
        }
        let definition = program.find(
            giver.scope,
            &create.from,
            "connector",
            |scope| &scope.connectors,
            self.reports,
        )?;
        let what = format!("the connector `{}`", name.name);
        let args = self.bind(
            &what,
            &definition.ast.args,
            definition.scope,
            &create.with,
            giver,
            create.name.span,
        )?;
        self.connector(full_name, definition, &args, create.name.span)
    }

    /// An instance of the definition. `place`: the name that it is created by.
    pub(super) fn connector(
        &mut self,
        full_name: String,
        definition: &Definition<ast::Connector>,
        args: &Args,
        place: Span,
    ) -> Result<ConnectorInstance, Stop> {
        let ast = &definition.ast;
        let kind = connector::kind(&ast.kind.name);
        let with = self.with(definition, args);
        let kind = match kind {
            Ok(kind) => kind,
            Err(error) => {
                self.config_error(error, ast.kind.span);
                return Err(Stop::Reported);
            }
        };
        let (built, ports) = match with {
            Ok(with) => {
                self.used.insert(ast.name.span);
                self.build(full_name, kind, &with, ast.name.span)
            }
            Err(Stop::Unknown) => (None, kind.ports(&Record::default())),
            Err(Stop::Reported) => return Err(Stop::Reported),
        };
        Ok(ConnectorInstance {
            span: place,
            ports,
            needs_binary: built.as_ref().is_some_and(|built| built.needs_binary),
            brings_binary: ports.sources.contains(&Port::Connections),
            built,
            id: None,
        })
    }

    fn build(
        &mut self,
        name: String,
        kind: &Kind,
        entries: &IndexMap<Rc<str>, (Span, Constant)>,
        place: Span,
    ) -> (Option<Built>, Ports) {
        let with: Record = entries
            .iter()
            .map(|(name, (_, constant))| ((&**name).into(), constant.value.clone()))
            .collect();
        let ports = kind.ports(&with);
        let definition = connector::Definition {
            name,
            kind: kind.name.into(),
            with,
        };
        match connector::build(&definition, self.files) {
            Ok(mut built) => {
                for warning in std::mem::take(&mut built.warnings) {
                    let span = place_of(&warning, entries, place);
                    let report = Report::warning(span, warning.message).maybe_help(warning.help);
                    self.reports.push(report);
                }
                (Some(built), ports)
            }
            Err(errors) => {
                for error in errors {
                    let span = place_of(&error, entries, place);
                    self.config_error(error, span);
                }
                (None, ports)
            }
        }
    }

    fn config_error(&mut self, error: ConfigError, span: Span) {
        let label = error
            .expected
            .map_or_else(String::new, |expected| format!("expected {expected}"));
        self.reports
            .push(Report::error(span, error.message).label(label).maybe_help(error.help));
    }

    /// The entries of the definition's `with`, worked out.
    fn with(
        &mut self,
        definition: &Definition<ast::Connector>,
        args: &Args,
    ) -> Result<IndexMap<Rc<str>, (Span, Constant)>, Stop> {
        let mut entries = IndexMap::new();
        let mut stop = None;
        for with in &definition.ast.with {
            match self.constant(
                &with.value,
                Giver {
                    scope: definition.scope,
                    args,
                },
            ) {
                Ok(_) if entries.contains_key(&with.name.name) => {
                    let message = format!("`{}` is given twice", with.name.name);
                    self.reports
                        .push(Report::error(with.name.span, message).help("take one of the two away"));
                    stop = Some(Stop::Reported);
                }
                Ok(constant) => {
                    entries.insert(Rc::clone(&with.name.name), (with.name.span, constant));
                }
                Err(reason) => stop = stop.filter(|stop| *stop == Stop::Reported).or(Some(reason)),
            }
        }
        stop.map_or(Ok(entries), Err)
    }
}
