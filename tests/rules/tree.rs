//! The modules of `src/` and the names that each of them brings into scope.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Attribute, Item, UseTree};

/// A path from the root: `crate::engine::Sys`, `bin::arguments`, `std::fs`.
pub(crate) type Path = Vec<String>;

/// A name that a `use` brings into scope, with the path as written.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// The name in scope; `*` for a glob, `_` for a trait that stays nameless.
    pub(crate) name: String,
    /// The path as written, without a leading `::`.
    pub(crate) path: Path,
    /// The line of the last segment.
    pub(crate) line: usize,
}

/// The names that a module or a block declares.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Names brought in by `use` and `extern crate … as`.
    pub(crate) imports: Vec<Import>,
    /// Items defined here, child modules included.
    pub(crate) items: BTreeSet<String>,
}

/// One module, of a file of its own or inline.
pub(crate) struct Module {
    /// Its file, under `src/`.
    pub(crate) file: String,
    /// Whether it is compiled for tests only; then the walls do not hold.
    pub(crate) tests_only: bool,
    /// What it contains.
    pub(crate) items: Vec<Item>,
    /// What it declares.
    pub(crate) scope: Scope,
}

/// All modules of the package.
#[derive(Default)]
pub(crate) struct Tree {
    /// By their path, which begins with `crate` (the library) or `bin` (the program).
    pub(crate) modules: BTreeMap<Path, Module>,
    /// The foreign crates that a path may begin with.
    pub(crate) crates: BTreeSet<String>,
    /// Files that could not be parsed, and modules whose file is missing.
    pub(crate) faults: Vec<String>,
}

impl Tree {
    /// Parses `sources` (path under `src/` → text), beginning with `lib.rs` and `main.rs`.
    pub(crate) fn parse(sources: &BTreeMap<String, String>, crates: impl IntoIterator<Item = String>) -> Self {
        let mut tree = Self {
            crates: crates.into_iter().collect(),
            ..Self::default()
        };
        tree.crates.extend(["core", "alloc", "std"].map(str::to_owned));
        for (root, file) in [("crate", "lib.rs"), ("bin", "main.rs")] {
            if sources.contains_key(file) {
                tree.add_file(sources, vec![root.to_owned()], file, "", false);
            }
        }
        let reached: BTreeSet<_> = tree.modules.values().map(|module| module.file.as_str()).collect();
        let strays: Vec<_> = sources.keys().filter(|file| !reached.contains(file.as_str())).collect();
        tree.faults.extend(
            strays
                .iter()
                .map(|file| format!("src/{file}: no module declares this file")),
        );
        tree
    }

    fn add_file(&mut self, sources: &BTreeMap<String, String>, path: Path, file: &str, dir: &str, tests_only: bool) {
        match syn::parse_file(&sources[file]) {
            Ok(parsed) => {
                let tests_only = tests_only || is_tests_only(&parsed.attrs);
                self.add_module(sources, path, file, dir, tests_only, parsed.items);
            }
            Err(error) => self
                .faults
                .push(format!("src/{file}:{}: {error}", error.span().start().line)),
        }
    }

    fn add_module(
        &mut self,
        sources: &BTreeMap<String, String>,
        path: Path,
        file: &str,
        dir: &str,
        tests_only: bool,
        items: Vec<Item>,
    ) {
        for item in &items {
            let Item::Mod(child) = item else { continue };
            let name = child.ident.to_string();
            let child_path = [path.as_slice(), std::slice::from_ref(&name)].concat();
            let child_tests_only = tests_only || is_tests_only(&child.attrs);
            let child_dir = format!("{dir}{name}/");
            if let Some((_, items)) = &child.content {
                self.add_module(sources, child_path, file, &child_dir, child_tests_only, items.clone());
                continue;
            }
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let candidates = match path_attribute(&child.attrs) {
                Some(named) => vec![format!("{folder}/{named}").trim_start_matches('/').to_owned()],
                None => vec![format!("{dir}{name}.rs"), format!("{dir}{name}/mod.rs")],
            };
            match candidates.iter().find(|candidate| sources.contains_key(*candidate)) {
                Some(child_file) => self.add_file(sources, child_path, child_file, &child_dir, child_tests_only),
                None => self.faults.push(format!(
                    "src/{file}: module {name} has no file {}",
                    candidates.join(" or ")
                )),
            }
        }
        // Two modules of one name, each behind its `cfg`, are both walked.
        let mut path = path;
        while self.modules.contains_key(&path) {
            path.last_mut().expect("a path begins with its root").push('\'');
        }
        let scope = Scope::of(&items);
        self.modules.insert(
            path,
            Module {
                file: file.to_owned(),
                tests_only,
                items,
                scope,
            },
        );
    }
}

impl Scope {
    /// What `items` declare.
    pub(crate) fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Self {
        let mut scope = Self::default();
        for item in items {
            match item {
                Item::Use(item) => flatten(&item.tree, &mut Vec::new(), &mut scope.imports),
                Item::ExternCrate(item) => {
                    let name = item.ident.to_string();
                    let alias = item
                        .rename
                        .as_ref()
                        .map_or(name.clone(), |(_, alias)| alias.to_string());
                    let line = item.ident.span().start().line;
                    scope.imports.push(Import {
                        name: alias,
                        path: vec![name],
                        line,
                    });
                }
                Item::Mod(item) => drop(scope.items.insert(item.ident.to_string())),
                Item::Struct(item) => drop(scope.items.insert(item.ident.to_string())),
                Item::Enum(item) => drop(scope.items.insert(item.ident.to_string())),
                Item::Union(item) => drop(scope.items.insert(item.ident.to_string())),
                Item::Trait(item) => drop(scope.items.insert(item.ident.to_string())),
                Item::Type(item) => drop(scope.items.insert(item.ident.to_string())),
                Item::Const(item) => drop(scope.items.insert(item.ident.to_string())),
                Item::Static(item) => drop(scope.items.insert(item.ident.to_string())),
                Item::Fn(item) => drop(scope.items.insert(item.sig.ident.to_string())),
                _ => {}
            }
        }
        scope
    }

    /// The import that binds `name`, other than the one of the same path as `except` (`use log::log`).
    pub(crate) fn import(&self, name: &str, except: Option<&Path>) -> Option<&Import> {
        self.imports
            .iter()
            .find(|import| import.name == name && Some(&import.path) != except)
    }

    /// The paths that are imported whole.
    pub(crate) fn globs(&self) -> impl Iterator<Item = Path> + '_ {
        let globs = self.imports.iter().filter(|import| import.name == "*");
        globs.map(|import| import.path[..import.path.len() - 1].to_vec())
    }
}

/// Takes the tree of a `use` apart into single paths.
pub(crate) fn flatten(tree: &UseTree, prefix: &mut Path, imports: &mut Vec<Import>) {
    match tree {
        UseTree::Path(tree) => {
            prefix.push(tree.ident.to_string());
            flatten(&tree.tree, prefix, imports);
            prefix.pop();
        }
        UseTree::Name(leaf) => push_leaf(&leaf.ident, None, prefix, imports),
        UseTree::Rename(leaf) => push_leaf(&leaf.ident, Some(leaf.rename.to_string()), prefix, imports),
        UseTree::Glob(glob) => {
            let path = [prefix.as_slice(), &["*".to_owned()]].concat();
            let line = glob.star_token.spans[0].start().line;
            imports.push(Import {
                name: "*".to_owned(),
                path,
                line,
            });
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, imports)),
    }
}

fn push_leaf(ident: &syn::Ident, alias: Option<String>, prefix: &[String], imports: &mut Vec<Import>) {
    let mut path = prefix.to_vec();
    if ident != "self" || path.is_empty() {
        path.push(ident.to_string());
    }
    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
    imports.push(Import {
        name,
        path,
        line: ident.span().start().line,
    });
}

/// The file that `#[path = "…"]` names.
fn path_attribute(attrs: &[Attribute]) -> Option<String> {
    attrs
        .iter()
        .find(|attr| attr.path().is_ident("path"))
        .and_then(|attr| match &attr.meta {
            syn::Meta::NameValue(pair) => match &pair.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            syn::Meta::Path(_) | syn::Meta::List(_) => None,
        })
}

/// Whether `#[test]` or a `cfg` keeps an item out of every build but that for tests.
pub(crate) fn is_tests_only(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("test")
            || (attr.path().is_ident("cfg") && attr.parse_args::<syn::Meta>().is_ok_and(|meta| needs_test(&meta)))
    })
}

fn needs_test(meta: &syn::Meta) -> bool {
    match meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)
            .is_ok_and(|parts| parts.iter().any(needs_test)),
        syn::Meta::List(_) | syn::Meta::NameValue(_) => false,
    }
}
