//! `config.troy`: from text to a deployment of connectors and the pipelines between them.
//!
//! [`load`] does all of it: words (`token`, `lexer`), statements (`parser`, `ast`), names and modules (`scope`,
//! `module`, `library`), constants and expressions (`constant`, `compile`, `code`, `eval`), instances (`deploy`) and
//! the running [`Graph`]. Every name is looked up and every configuration checked before anything runs;
//! [`Diagnostics`] tell what is wrong, several mistakes at once.

mod ast;
mod code;
mod compile;
mod constant;
mod deploy;
mod diagnostic;
mod eval;
mod graph;
mod lexer;
mod library;
mod module;
mod operator;
mod parser;
mod scope;
mod source;
mod suggest;
mod token;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::connector::Files;
use crate::connector::api::Built;

use ast::Statement;
use deploy::Deployer;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
use diagnostic::{Report, Reports};
pub use graph::{Graph, MAX_STEPS};
pub use module::Loader;
use module::Modules;
use scope::ScopeId;
use source::{SourceId, Sources, Span};

/// A file to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// As diagnostics name it.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// What the files are loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// To run: what is deployed is checked and built; files that deploy nothing are an error.
    Run,
    /// To be checked: every definition is, deployed or not (with the defaults of its `args`).
    Check,
}

/// What a set of files deploys.
pub struct Deployment {
    /// Every connector that is linked to anything. The position is the connector's id
    /// ([`crate::connector::ConnectorId`]) in the graph.
    pub connectors: Vec<Built>,
    /// The links between them, with the pipelines.
    pub graph: Graph,
}

/// Files that were loaded and found good.
pub struct Loaded {
    /// What they deploy.
    pub deployment: Deployment,
    /// What is probably not meant so.
    pub warnings: Diagnostics,
}

/// Loads files: parses them and the modules that they use, checks all names and configurations, reads the files that
/// configurations name (certificates), and builds the connectors. Opens no port and connects nowhere.
///
/// `search` are the folders in which modules are looked for (`TREMOR_PATH`), in order; the built-in ones need none.
///
/// # Errors
/// Everything that is wrong, with what to write instead.
pub fn load(
    units: &[Unit],
    search: &[String],
    loader: &mut dyn Loader,
    files: &mut dyn Files,
    mode: Mode,
) -> Result<Loaded, Diagnostics> {
    let mut modules = Modules::new(search, loader);
    let opened: Vec<Opened> = units
        .iter()
        .map(|unit| {
            let (scope, source, statements) = modules.file(&unit.path, &unit.text, false);
            Opened {
                scope,
                source,
                statements,
            }
        })
        .collect();
    let Modules {
        program,
        mut reports,
        incomplete,
        ..
    } = modules;
    let mut graph = graph::GraphBuilder::default();
    let mut connectors = Vec::new();
    // Of a definition that could not be read whole, everything else would be said to be missing.
    if !incomplete {
        check_deployments(&opened, &program.sources, mode, &mut reports);
        let mut deployer = Deployer::new(&program, &mut reports, files);
        for unit in &opened {
            for deploy in unit.deployments() {
                deployer.deploy(deploy, unit.scope);
            }
        }
        if mode == Mode::Check {
            opened.iter().for_each(|unit| deployer.check_unused(unit.scope));
        }
        (graph, connectors) = (deployer.graph, deployer.connectors);
        graph.check_circles(&mut reports);
    }
    let sources = Arc::new(program.sources);
    let failed = reports.has_errors();
    let diagnostics = Diagnostics::new(&sources, reports.into_vec());
    if failed {
        return Err(diagnostics);
    }
    let connectors: Vec<Built> = connectors.into_iter().flatten().collect();
    let graph = graph.finish(connectors.len(), sources);
    Ok(Loaded {
        deployment: Deployment { connectors, graph },
        warnings: diagnostics,
    })
}

/// A file that was parsed.
struct Opened {
    scope: ScopeId,
    source: SourceId,
    statements: Vec<Statement>,
}

impl Opened {
    fn deployments(&self) -> impl Iterator<Item = &ast::Deploy> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Deploy(deploy) => Some(deploy),
            _ => None,
        })
    }
}

/// Whether anything is deployed at all, and nothing twice.
fn check_deployments(opened: &[Opened], sources: &Sources, mode: Mode, reports: &mut Reports) {
    let mut seen: HashMap<Rc<str>, Span> = HashMap::new();
    for deploy in opened.iter().flat_map(Opened::deployments) {
        if let Some(first) = seen.insert(Rc::clone(&deploy.name.name), deploy.name.span) {
            let report = Report::error(
                deploy.name.span,
                format!("the flow `{}` is deployed twice", deploy.name.name),
            )
            .label("deployed again")
            .help(format!(
                "give it another name: `deploy flow NAME from {}`; the first one stands at {}",
                deploy.from.name.name,
                sources.place(first)
            ));
            reports.push(report);
        }
    }
    if mode == Mode::Check || !seen.is_empty() {
        return;
    }
    let flow = opened
        .iter()
        .flat_map(|unit| &unit.statements)
        .rev()
        .find_map(|statement| match statement {
            Statement::Flow(flow) => Some(&flow.name),
            _ => None,
        });
    let place = match (&flow, opened.first()) {
        (Some(flow), _) => flow.span,
        (None, Some(unit)) => Span {
            source: unit.source,
            start: 0,
            end: 0,
        },
        (None, None) => return,
    };
    let help = match &flow {
        Some(flow) => format!("add `deploy flow {};` at the end of the file", flow.name),
        None => "write `define flow NAME flow … end;` and `deploy flow NAME;`".into(),
    };
    let label = if flow.is_some() {
        "defined, but not deployed"
    } else {
        "no flow is defined"
    };
    reports.push(
        Report::error(place, "nothing is deployed: there is no `deploy flow`")
            .label(label)
            .help(help),
    );
}
