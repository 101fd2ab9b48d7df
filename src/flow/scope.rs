//! Names: what is defined where, and how a path finds it.

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexMap;

use super::ast::{self, Ident, Path};
use super::constant::Constant;
use super::diagnostic::{Report, Reports};
use super::library::{Function, MODULES};
use super::source::{Sources, Span};
use super::suggest;

/// Names one scope of a [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ScopeId(pub(crate) usize);

/// All that was read: texts, and the scopes of files, flows and pipelines in them.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// The texts.
    pub(crate) sources: Sources,
    /// The scopes.
    pub(crate) scopes: Vec<Scope>,
}

/// What is defined in one file, flow or pipeline.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Where names are looked for that aren't here.
    pub(crate) parent: Option<ScopeId>,
    /// By `use`. `None`: the module could not be read, which was reported.
    pub(crate) modules: IndexMap<Rc<str>, Option<ScopeId>>,
    /// By `const`. `None`: it has no value, which was reported.
    pub(crate) constants: IndexMap<Rc<str>, Option<Constant>>,
    /// By `intrinsic fn`, with the number of arguments.
    pub(crate) functions: IndexMap<Rc<str>, (&'static Function, usize)>,
    /// By `define connector`.
    pub(crate) connectors: IndexMap<Rc<str>, Definition<ast::Connector>>,
    /// By `define pipeline`.
    pub(crate) pipelines: IndexMap<Rc<str>, Definition<ast::Pipeline>>,
    /// By `define flow`.
    pub(crate) flows: IndexMap<Rc<str>, Definition<ast::Flow>>,
    /// What was reported already and would only be reported again.
    pub(crate) unavailable: HashMap<Rc<str>, Span>,
}

/// A definition.
#[derive(Debug)]
pub(crate) struct Definition<T> {
    /// What was written.
    pub(crate) ast: Rc<T>,
    /// Where names in its `args` (and a connector's `with`) are looked up.
    pub(crate) scope: ScopeId,
    /// Where names in its body are looked up.
    pub(crate) body: ScopeId,
}

impl<T> Clone for Definition<T> {
    fn clone(&self) -> Self {
        Self {
            ast: Rc::clone(&self.ast),
            scope: self.scope,
            body: self.body,
        }
    }
}

/// Why something has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is wrong, which was reported.
    Reported,
    /// It depends on an argument that is not given (in a definition that is only checked).
    Unknown,
}

/// One of the kinds of names that a scope has.
pub(crate) type Table<T> = fn(&Scope) -> &IndexMap<Rc<str>, T>;

impl Program {
    /// A scope.
    pub(crate) fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0]
    }

    /// A scope and those around it, from within.
    fn outwards(&self, scope: ScopeId) -> impl Iterator<Item = &Scope> {
        std::iter::successors(Some(self.scope(scope)), |scope| Some(self.scope(scope.parent?)))
    }

    /// What a plain name means among one kind of names.
    pub(crate) fn get<T>(&self, scope: ScopeId, name: &Ident, table: Table<T>) -> Option<&T> {
        self.outwards(scope).find_map(|scope| table(scope).get(&name.name))
    }

    /// What `path` names among one kind of names.
    pub(crate) fn find<T>(
        &self,
        scope: ScopeId,
        path: &Path,
        what: &str,
        table: Table<T>,
        reports: &mut Reports,
    ) -> Result<&T, Stop> {
        let name = &*path.name.name;
        let module = self.module(scope, path, reports)?;
        let found = match module {
            Some(module) => table(self.scope(module)).get(name),
            None => self.get(scope, &path.name, table),
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let reported_before = match module {
            Some(module) => self.scope(module).unavailable.contains_key(name),
            None => self.outwards(scope).any(|scope| scope.unavailable.contains_key(name)),
        };
        if !reported_before {
            let known: Vec<&str> = match module {
                Some(module) => table(self.scope(module)).keys().map(|name| &**name).collect(),
                None => self
                    .outwards(scope)
                    .flat_map(|scope| table(scope).keys().map(|name| &**name))
                    .collect(),
            };
            let owner = path
                .modules
                .last()
                .map_or_else(String::new, |last| format!(" in module `{}`", last.name));
            let report = Report::error(path.name.span, format!("there is no {what} `{name}`{owner}"))
                .label("not defined")
                .maybe_help(suggest::hint("there are", name, known));
            reports.push(report);
        }
        Err(Stop::Reported)
    }

    /// The module that the first names of a path lead to; `None` if there are none.
    fn module(&self, scope: ScopeId, path: &Path, reports: &mut Reports) -> Result<Option<ScopeId>, Stop> {
        let Some((first, rest)) = path.modules.split_first() else {
            return Ok(None);
        };
        let found = self.outwards(scope).find_map(|scope| scope.modules.get(&first.name));
        let Some(found) = found else {
            let known: Vec<&str> = self
                .outwards(scope)
                .flat_map(|scope| scope.modules.keys())
                .map(|name| &**name)
                .collect();
            reports.push(unknown_module(first, &known));
            return Err(Stop::Reported);
        };
        let mut module = found.ok_or(Stop::Reported)?;
        for name in rest {
            let modules = &self.scope(module).modules;
            let Some(next) = modules.get(&name.name) else {
                let report = Report::error(name.span, format!("there is no module `{}` here", name.name)).maybe_help(
                    suggest::hint("there are", &name.name, modules.keys().map(|name| &**name)),
                );
                reports.push(report);
                return Err(Stop::Reported);
            };
            module = next.ok_or(Stop::Reported)?;
        }
        Ok(Some(module))
    }
}

fn unknown_module(name: &Ident, known: &[&str]) -> Report {
    let near = suggest::nearest(&name.name, known.iter().copied());
    let built_in = MODULES
        .iter()
        .find(|(path, _)| path.rsplit("::").next() == Some(&*name.name));
    let help = match (near, built_in) {
        (Some(near), None) => format!("did you mean `{near}`?"),
        (_, Some((path, _))) => format!("add `use {path};`"),
        (None, None) => "a module is named by `use …;` before anything of it can be used".into(),
    };
    Report::error(name.span, format!("there is no module `{}` here", name.name))
        .label("not in use")
        .help(help)
}
