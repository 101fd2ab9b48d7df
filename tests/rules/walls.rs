//! Finds every path in a module, resolves it to the room or crate that it leads to, and asks the table.

use std::collections::BTreeSet;
use std::fmt;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::table::{Grant, Row, row};
use super::tree::{Import, Module, Path, Scope, Tree, is_tests_only};

/// A path that its room may not name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    /// The file, under `src/`.
    pub(crate) file: String,
    /// The line of the path's first segment (of its last one in a `use`).
    pub(crate) line: usize,
    /// The room that the file belongs to.
    pub(crate) room: String,
    /// The path as written.
    pub(crate) written: String,
    /// Where it leads.
    pub(crate) leads_to: String,
    /// The row of the table, or the entry of it, that forbids this.
    pub(crate) rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            room,
            written,
            leads_to,
            rule,
        } = self;
        write!(
            f,
            "src/{file}:{line}: room `{room}` names `{leads_to}` (written `{written}`): {rule}"
        )
    }
}

/// All breaches of the table in `tree`.
pub(crate) fn breaches(tree: &Tree) -> Vec<Breach> {
    let mut found = BTreeSet::new();
    for (path, module) in &tree.modules {
        if !module.tests_only {
            let mut walker = Walker {
                tree,
                path,
                module,
                blocks: Vec::new(),
                found: &mut found,
            };
            module.items.iter().for_each(|item| walker.visit_item(item));
        }
    }
    found.into_iter().collect()
}

/// The room of a resolved path: its module under the root, or a foreign crate.
fn room_of(tree: &Tree, path: &[String]) -> String {
    match path[0].as_str() {
        "bin" => "cli".to_owned(),
        "crate" => match path.get(1) {
            Some(_) if tree.modules.contains_key(&path[..2]) => path[1].clone(),
            Some(_) | None => "lib".to_owned(),
        },
        foreign => foreign.to_owned(),
    }
}

struct Walker<'a> {
    tree: &'a Tree,
    path: &'a Path,
    module: &'a Module,
    blocks: Vec<Scope>,
    found: &'a mut BTreeSet<Breach>,
}

impl Walker<'_> {
    fn check(&mut self, written: &[String], line: usize) {
        let Some(absolute) = absolute(self.tree, self.path, &self.blocks, written, Guard::default()) else {
            return;
        };
        let room = room_of(self.tree, self.path);
        let Some(row) = row(&room) else {
            let rule = format!("there is no row for room `{room}` in tests/rules/table.rs");
            self.report(&room, written, line, &absolute, rule);
            return;
        };
        if let Err((leads_to, rule)) = self.verdict(row, absolute) {
            self.report(&room, written, line, &leads_to, rule);
        }
    }

    fn report(&mut self, room: &str, written: &[String], line: usize, leads_to: &[String], rule: String) {
        self.found.insert(Breach {
            file: self.module.file.clone(),
            line,
            room: room.to_owned(),
            written: written.join("::"),
            leads_to: public_name(self.tree, leads_to),
            rule,
        });
    }

    /// Follows re-exports from `path` to where the item is defined; each stop must be in a room that the row knows,
    /// the last must be granted.
    fn verdict(&self, row: &Row, mut path: Path) -> Result<(), (Path, String)> {
        for _ in 0..32 {
            let here = room_of(self.tree, &path);
            let known = |entry: &str| entry.split("::").next() == Some(&here);
            if here != row.room && !is_language(&here) && !row.grants.iter().any(|(entry, _)| known(entry)) {
                return Err((path, describe(row)));
            }
            let name = public_name(self.tree, &path);
            let lent = row
                .grants
                .iter()
                .any(|(entry, grant)| *grant == Grant::Lent && begins(&name, entry));
            if lent {
                return Ok(());
            }
            match step(self.tree, &path) {
                Some(next) => path = next,
                None => break,
            }
        }
        let here = room_of(self.tree, &path);
        if here == row.room || is_language(&here) {
            return Ok(());
        }
        self.granted(row, &path).map_err(|rule| (path, rule))
    }

    fn granted(&self, row: &Row, path: &[String]) -> Result<(), String> {
        let is_glob = path.last().is_some_and(|last| last == "*");
        let path = if is_glob { &path[..path.len() - 1] } else { path };
        let name = public_name(self.tree, path);
        // An entry fits by the public name that it has in the table, or by the place where that item is defined.
        let forms = row.grants.iter().flat_map(|(entry, grant)| {
            let defined = public_name(self.tree, &canonical(self.tree, entry));
            [(*entry, (*entry).to_owned(), *grant), (*entry, defined, *grant)]
        });
        let forms: Vec<_> = forms.collect();
        let refusal = |entry: &str, grant: Grant| match grant {
            Grant::Yes | Grant::Lent => None,
            Grant::No => Some(format!(
                "row `{}` excepts `{entry}`; it must not know {}",
                row.room, row.must_not_know
            )),
            Grant::In(place) if is_in(&self.module.file, place) => None,
            Grant::In(file) => Some(format!("row `{}` grants `{entry}` to src/{file} alone", row.room)),
        };
        if is_glob {
            let beneath = forms.iter().filter(|(_, form, _)| begins(form, &name));
            if let Some(rule) = beneath.filter_map(|(entry, _, grant)| refusal(entry, *grant)).next() {
                return Err(format!("the glob takes in what is not granted: {rule}"));
            }
        }
        let fitting = forms.iter().filter(|(_, form, _)| begins(&name, form));
        match fitting.max_by_key(|(_, form, _)| form.split("::").count()) {
            Some((entry, _, grant)) => refusal(entry, *grant).map_or(Ok(()), Err),
            // The name of a module above something granted: what is taken out of it is judged where it is used.
            None if !is_glob && forms.iter().any(|(_, form, _)| begins(form, &name)) => Ok(()),
            None => Err(describe(row)),
        }
    }

    fn scan_tokens(&mut self, tokens: TokenStream, prefix: &[String]) {
        let mut tokens = tokens.into_iter().peekable();
        let (mut path, mut line, mut joined, mut after_dot) = (prefix.to_vec(), 0, !prefix.is_empty(), false);
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) if joined || path.is_empty() => {
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                    joined = false;
                }
                TokenTree::Ident(ident) => {
                    self.finish(&mut path, line, prefix, after_dot);
                    after_dot = false;
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    let double = punct.spacing() == proc_macro2::Spacing::Joint
                        && matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':');
                    if double {
                        tokens.next();
                        joined = true;
                    } else {
                        self.finish(&mut path, line, prefix, after_dot);
                        joined = !prefix.is_empty();
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == '$' => {}
                TokenTree::Punct(punct) => {
                    if joined && punct.as_char() == '*' && path.len() > 1 {
                        path.push("*".to_owned());
                    }
                    self.finish(&mut path, line, prefix, after_dot);
                    after_dot = punct.as_char() == '.';
                    joined = !prefix.is_empty();
                }
                TokenTree::Group(group) => {
                    if joined && group.delimiter() == Delimiter::Brace {
                        let prefix = std::mem::take(&mut path);
                        self.scan_tokens(group.stream(), &prefix);
                    } else {
                        self.finish(&mut path, line, prefix, after_dot);
                        self.scan_tokens(group.stream(), &[]);
                    }
                    path = prefix.to_vec();
                    (joined, after_dot) = (!prefix.is_empty(), false);
                }
                TokenTree::Literal(_) => {
                    self.finish(&mut path, line, prefix, after_dot);
                    (joined, after_dot) = (!prefix.is_empty(), false);
                }
            }
        }
        self.finish(&mut path, line, prefix, after_dot);
    }

    fn finish(&mut self, path: &mut Path, line: usize, prefix: &[String], after_dot: bool) {
        if path.len() > 1 && path.len() > prefix.len() && !after_dot {
            self.check(path, line);
        }
        *path = prefix.to_vec();
    }
}

impl<'ast> Visit<'ast> for Walker<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        // A child module is a module of the tree, and walked as such.
        if !matches!(item, syn::Item::Mod(_)) && !is_tests_only(attrs_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_tests_only(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for Import { path, line, .. } in Scope::of([&syn::Item::Use(item.clone())]).imports {
            self.check(&path, line);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.check(&[item.ident.to_string()], item.ident.span().start().line);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let items = block.stmts.iter().filter_map(|statement| match statement {
            syn::Stmt::Item(item) => Some(item),
            syn::Stmt::Local(_) | syn::Stmt::Expr(..) | syn::Stmt::Macro(_) => None,
        });
        self.blocks.push(Scope::of(items));
        visit::visit_block(self, block);
        self.blocks.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // A single segment is local, or was judged where `use` brought it in.
        if path.segments.len() > 1 {
            let segments: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.check(&segments, path.segments[0].ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        visit::visit_macro(self, invocation);
        self.scan_tokens(invocation.tokens.clone(), &[]);
    }

    fn visit_attribute(&mut self, attr: &'ast syn::Attribute) {
        visit::visit_attribute(self, attr);
        if let syn::Meta::List(list) = &attr.meta {
            self.scan_tokens(list.tokens.clone(), &[]);
        }
    }
}

fn attrs_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// What a name under resolution must not be resolved by: the import that it stands in itself.
#[derive(Debug, Default, Clone, Copy)]
struct Guard<'a> {
    except: Option<&'a Path>,
    in_glob: bool,
}

impl<'a> Guard<'a> {
    fn import(path: &'a Path) -> Self {
        Self {
            except: Some(path),
            in_glob: false,
        }
    }
}

/// The path that `written` stands for in `module` within `blocks`; `None` for what is local or generic.
fn absolute(tree: &Tree, module: &Path, blocks: &[Scope], written: &[String], guard: Guard<'_>) -> Option<Path> {
    let (first, rest) = written.split_first()?;
    let append = |base: &[String]| [base, rest].concat();
    match first.as_str() {
        "Self" => return None,
        "crate" => return Some(append(&module[..1])),
        "self" => return Some(append(module)),
        "super" => {
            let supers = written.iter().take_while(|segment| *segment == "super").count();
            let above = module.len().checked_sub(supers).filter(|left| *left > 0)?;
            return Some([&module[..above], &written[supers..]].concat());
        }
        // The library as its own program and macros name it.
        "wsloop" => return Some(append(&["crate".to_owned()])),
        _ => {}
    }
    for (depth, scope) in blocks.iter().enumerate().rev() {
        if let Some(import) = scope.import(first, guard.except) {
            return absolute(
                tree,
                module,
                &blocks[..=depth],
                &import.path,
                Guard::import(&import.path),
            )
            .map(|base| append(&base));
        }
        if scope.items.contains(first) {
            return None;
        }
    }
    if let Some(declared) = declared(tree, module, first, guard) {
        return Some(append(&declared));
    }
    tree.crates.contains(first).then(|| written.to_vec())
}

/// What `name` stands for as a name declared in `module`.
fn declared(tree: &Tree, module: &Path, name: &String, guard: Guard<'_>) -> Option<Path> {
    let scope = &tree.modules.get(module)?.scope;
    if scope.items.contains(name) {
        return Some([module.as_slice(), std::slice::from_ref(name)].concat());
    }
    if let Some(import) = scope.import(name, guard.except) {
        return absolute(tree, module, &[], &import.path, Guard::import(&import.path));
    }
    if guard.in_glob {
        return None;
    }
    scope.globs().find_map(|glob| {
        let target = absolute(
            tree,
            module,
            &[],
            &glob,
            Guard {
                except: None,
                in_glob: true,
            },
        )
        .map(|path| follow(tree, path))?;
        let target_scope = &tree.modules.get(&target).filter(|_| target != *module)?.scope;
        let found = target_scope.items.contains(name) || target_scope.import(name, None).is_some();
        found.then(|| [target.as_slice(), std::slice::from_ref(name)].concat())
    })
}

/// One step along a re-export: the path with the first re-exported segment replaced by what it stands for.
fn step(tree: &Tree, path: &[String]) -> Option<Path> {
    for length in 1..path.len() {
        let (module, name) = (path[..length].to_vec(), &path[length]);
        let scope = &tree.modules.get(&module)?.scope;
        if !scope.items.contains(name) {
            let base = declared(tree, &module, name, Guard::default())?;
            return Some([base.as_slice(), &path[length + 1..]].concat()).filter(|next| next != path);
        }
    }
    None
}

fn follow(tree: &Tree, mut path: Path) -> Path {
    for _ in 0..32 {
        match step(tree, &path) {
            Some(next) => path = next,
            None => break,
        }
    }
    path
}

/// Where the item of a table entry is defined.
fn canonical(tree: &Tree, entry: &str) -> Path {
    let segments: Path = entry.split("::").map(str::to_owned).collect();
    let is_ours = tree
        .modules
        .contains_key(&["crate".to_owned(), segments[0].clone()][..]);
    if is_ours {
        follow(tree, [&["crate".to_owned()], segments.as_slice()].concat())
    } else {
        segments
    }
}

/// The path without the library's root, and the root's own items under `lib`.
fn public_name(tree: &Tree, path: &[String]) -> String {
    match path[0].as_str() {
        "crate" if room_of(tree, path) == "lib" => format!("lib::{}", path[1..].join("::")),
        "crate" => path[1..].join("::"),
        _ => path.join("::"),
    }
}

fn begins(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether `file` is `place`, or the module `place`, or beneath it.
fn is_in(file: &str, place: &str) -> bool {
    let rest = file.strip_prefix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
}

fn is_language(room: &str) -> bool {
    matches!(room, "core" | "alloc")
}

fn describe(row: &Row) -> String {
    let granted = |wanted: fn(&Grant) -> bool| {
        let entries = row
            .grants
            .iter()
            .filter(|(_, grant)| wanted(grant))
            .map(|(entry, _)| *entry);
        entries.collect::<Vec<_>>().join(", ")
    };
    let granted = granted(|grant| *grant != Grant::No);
    format!(
        "row `{}` grants only {granted}; it must not know {}",
        row.room, row.must_not_know
    )
}
