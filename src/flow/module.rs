//! Files to scopes: what they define, and the modules that they use.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use indexmap::IndexMap;

use super::ast::{Const, Ident, Intrinsic, Statement, Use};
use super::compile::{Args, Compiler};
use super::diagnostic::{Report, Reports};
use super::library::{MODULES, function};
use super::parser::parse;
use super::scope::{Definition, Program, Scope, ScopeId};
use super::source::{SourceId, Span};
use super::suggest;

/// Reads the files that modules are looked for in.
pub trait Loader {
    /// The text of the file.
    ///
    /// # Errors
    /// `NotFound` if there is none: then the next candidate is tried. Any other error ends the search, and is shown.
    fn read(&mut self, path: &str) -> io::Result<String>;
}

/// What files of modules end in, in the order in which they are looked for.
const ENDINGS: [&str; 3] = ["tremor", "trickle", "troy"];

/// How many modules may use one another in a row.
const MAX_MODULES_DEEP: usize = 64;

/// How long a text may be: places in it are counted in 32 bits.
const MAX_SOURCE_BYTES: usize = 64 << 20;

/// Builds a [`Program`].
pub(crate) struct Modules<'a> {
    /// What was built so far.
    pub(crate) program: Program,
    /// Where mistakes go.
    pub(crate) reports: Reports,
    /// Something could not be read whole.
    pub(crate) incomplete: bool,
    search: &'a [String],
    loader: &'a mut dyn Loader,
    /// By the path in `use`. `None`: it could not be read, which was reported.
    loaded: HashMap<String, Option<ScopeId>>,
    /// Those that are being read.
    loading: Vec<String>,
}

impl<'a> Modules<'a> {
    /// None yet. `search`: the folders that modules are looked for in, in order.
    pub(crate) fn new(search: &'a [String], loader: &'a mut dyn Loader) -> Self {
        Self {
            program: Program::default(),
            reports: Reports::default(),
            incomplete: false,
            search,
            loader,
            loaded: HashMap::new(),
            loading: Vec::new(),
        }
    }

    /// Takes a file in: its scope, its text's name and its statements.
    pub(crate) fn file(&mut self, path: &str, text: &str, built_in: bool) -> (ScopeId, SourceId, Vec<Statement>) {
        let (text, too_long) = if text.len() > MAX_SOURCE_BYTES {
            ("", true)
        } else {
            (text, false)
        };
        let source = self.program.sources.add(path, text);
        if too_long {
            let place = Span {
                source,
                start: 0,
                end: 0,
            };
            self.reports.push(Report::error(
                place,
                format!("this file is longer than {MAX_SOURCE_BYTES} bytes"),
            ));
        }
        let (statements, complete) = parse(source, text, built_in, &mut self.reports);
        self.incomplete |= !complete;
        let scope = self.open(&statements, None);
        (scope, source, statements)
    }

    /// The scope of statements within another one.
    fn open(&mut self, statements: &[Statement], parent: Option<ScopeId>) -> ScopeId {
        let id = ScopeId(self.program.scopes.len());
        self.program.scopes.push(Scope {
            parent,
            ..Scope::default()
        });
        for statement in statements {
            match statement {
                Statement::Use(uses) => uses.iter().for_each(|it| self.use_(id, it)),
                Statement::Const(it) => self.constant(id, it),
                Statement::Intrinsic(it) => self.intrinsic(id, it),
                Statement::Connector(it) => {
                    let definition = Definition {
                        ast: Rc::clone(it),
                        scope: id,
                        body: id,
                    };
                    self.define(
                        id,
                        "connector",
                        &it.name,
                        definition,
                        |scope| &mut scope.connectors,
                        |it| &it.name,
                    );
                }
                Statement::Pipeline(it) => {
                    let body = self.open(&it.body, Some(id));
                    let definition = Definition {
                        ast: Rc::clone(it),
                        scope: id,
                        body,
                    };
                    self.define(
                        id,
                        "pipeline",
                        &it.name,
                        definition,
                        |scope| &mut scope.pipelines,
                        |it| &it.name,
                    );
                }
                Statement::Flow(it) => {
                    let body = self.open(&it.body, Some(id));
                    let definition = Definition {
                        ast: Rc::clone(it),
                        scope: id,
                        body,
                    };
                    self.define(
                        id,
                        "flow",
                        &it.name,
                        definition,
                        |scope| &mut scope.flows,
                        |it| &it.name,
                    );
                }
                Statement::Unavailable(Some(name)) => {
                    self.program.scopes[id.0]
                        .unavailable
                        .insert(Rc::clone(&name.name), name.span);
                }
                Statement::Create(_)
                | Statement::Stream(_)
                | Statement::Connect(_)
                | Statement::Select(_)
                | Statement::Deploy(_)
                | Statement::Unavailable(None) => {}
            }
        }
        id
    }

    fn define<T>(
        &mut self,
        scope: ScopeId,
        what: &str,
        name: &Ident,
        definition: Definition<T>,
        table: fn(&mut Scope) -> &mut IndexMap<Rc<str>, Definition<T>>,
        name_of: fn(&T) -> &Ident,
    ) {
        let first = table(&mut self.program.scopes[scope.0])
            .get(&name.name)
            .map(|first| name_of(&first.ast).span);
        if let Some(first) = first {
            self.twice(&format!("the {what}"), name, first);
        } else {
            table(&mut self.program.scopes[scope.0]).insert(Rc::clone(&name.name), definition);
        }
    }

    fn twice(&mut self, what: &str, name: &Ident, first: Span) {
        let place = self.program.sources.place(first);
        let report = Report::error(name.span, format!("{what} `{}` is defined twice", name.name))
            .label("defined again")
            .help(format!("give it another name; the first one stands at {place}"));
        self.reports.push(report);
    }

    fn constant(&mut self, scope: ScopeId, it: &Const) {
        if self.program.scope(scope).constants.contains_key(&it.name.name) {
            let report = Report::error(
                it.name.span,
                format!("the constant `{}` is defined twice", it.name.name),
            )
            .label("defined again")
            .help("give it another name");
            self.reports.push(report);
            return;
        }
        let value = Compiler {
            program: &self.program,
            scope,
            args: &Args::None,
            events: false,
            reports: &mut self.reports,
        }
        .constant(&it.value);
        self.program.scopes[scope.0]
            .constants
            .insert(Rc::clone(&it.name.name), value.ok());
    }

    fn intrinsic(&mut self, scope: ScopeId, it: &Intrinsic) {
        match function(&it.target) {
            Some(function) => {
                let entry = (function, it.parameters.len());
                self.program.scopes[scope.0]
                    .functions
                    .insert(Rc::clone(&it.name.name), entry);
            }
            None => self.reports.push(Report::error(
                it.name.span,
                format!("there is no function `{}`", it.target),
            )),
        }
    }

    fn use_(&mut self, scope: ScopeId, it: &Use) {
        let names: Vec<&str> = it
            .path
            .modules
            .iter()
            .chain([&it.path.name])
            .map(|name| &*name.name)
            .collect();
        let module = self.module(&names, it);
        let modules = &mut self.program.scopes[scope.0].modules;
        if let Some(Some(other)) = modules.get(&it.alias.name)
            && module.is_some_and(|module| module != *other)
        {
            let report = Report::error(
                it.alias.span,
                format!("`{}` is the name of another module already", it.alias.name),
            )
            .help(format!("give it another name: `use {} as NAME`", names.join("::")));
            self.reports.push(report);
            return;
        }
        modules.insert(Rc::clone(&it.alias.name), module);
    }

    /// The module's scope, read if it was not yet.
    fn module(&mut self, names: &[&str], it: &Use) -> Option<ScopeId> {
        let name = names.join("::");
        if let Some(module) = self.loaded.get(&name) {
            return *module;
        }
        if let Some(at) = self.loading.iter().position(|loading| *loading == name) {
            let circle = format!("{} → {name}", self.loading[at..].join(" → "));
            let report = Report::error(it.path.span(), "modules use one another in a circle")
                .label(circle)
                .help("put what both need into a third module");
            self.reports.push(report);
            return None;
        }
        if self.loading.len() >= MAX_MODULES_DEEP {
            let message = format!("more than {MAX_MODULES_DEEP} modules use one another in a row");
            self.reports.push(Report::error(it.path.span(), message));
            return None;
        }
        self.loading.push(name.clone());
        let module = self.read(names, &name, it);
        self.loading.pop();
        self.loaded.insert(name, module);
        module
    }

    fn read(&mut self, names: &[&str], name: &str, it: &Use) -> Option<ScopeId> {
        if let Some((_, text)) = MODULES.iter().find(|(built_in, _)| *built_in == name) {
            let (scope, ..) = self.file(&format!("<built-in>/{}.tremor", names.join("/")), text, true);
            return Some(scope);
        }
        for folder in self.search {
            for ending in ENDINGS {
                let path = format!("{}/{}.{ending}", folder.trim_end_matches('/'), names.join("/"));
                match self.loader.read(&path) {
                    Ok(text) => {
                        let (scope, _, statements) = self.file(&path, &text, false);
                        self.refuse_deployments(&statements);
                        return Some(scope);
                    }
                    Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                    Err(error) => {
                        let report = Report::error(it.path.span(), format!("module `{name}` can't be read"))
                            .label(format!("{path}: {error}"));
                        self.reports.push(report);
                        return None;
                    }
                }
            }
        }
        let report = self.not_found(names, name, it);
        self.reports.push(report);
        None
    }

    fn refuse_deployments(&mut self, statements: &[Statement]) {
        for statement in statements {
            if let Statement::Deploy(deploy) = statement {
                let report = Report::error(deploy.name.span, "a module can't deploy anything")
                    .label("in a file that another one uses")
                    .help("put `deploy flow` into the file that is run");
                self.reports.push(report);
            }
        }
    }

    fn not_found(&mut self, names: &[&str], name: &str, it: &Use) -> Report {
        let report = Report::error(it.path.span(), format!("there is no module `{name}`"));
        // The last name may be a definition's: `use integration::read_file`.
        if let [modules @ .., last] = names
            && let Some((last_module, _)) = modules.split_last().map(|(last, rest)| (*last, rest))
            && MODULES.iter().any(|(built_in, _)| *built_in == modules.join("::"))
            && let Some(scope) = self.module(modules, it)
        {
            let scope = self.program.scope(scope);
            if scope.connectors.contains_key(*last) || scope.pipelines.contains_key(*last) {
                return report.label("this is a definition, not a module").help(format!(
                    "write `use {};`, and then name it `{last_module}::{last}`",
                    modules.join("::")
                ));
            }
        }
        let searched = if self.search.is_empty() {
            "TREMOR_PATH names no folder to look in".to_owned()
        } else {
            format!(
                "looked for {0}.tremor, {0}.trickle and {0}.troy in {1}; TREMOR_PATH names the folders",
                names.join("/"),
                self.search.join(", ")
            )
        };
        let help = match suggest::nearest(name, MODULES.iter().map(|(name, _)| *name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => searched,
        };
        report.label("not found").help(help)
    }
}
