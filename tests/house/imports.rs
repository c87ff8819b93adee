//! Imports between files: paths in `use` lines, bodies, types and macros, each followed through
//! re-exports to the file that defines the item.
//!
//! Test modules (`#[cfg(test)]`), attributes and visibilities do not count.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

use super::sources::{SourceFile, parse};

/// Name of the library crate, by which the command line imports it.
const LIBRARY: &str = "revacnn";
/// Aliases that are followed at most, one after the other.
const MAX_ALIASES: usize = 20;

/// A meaning of a name within a module.
enum Meaning {
    Module(usize),
    /// An item that this file defines.
    Item(usize),
    /// A `use` of this path.
    Alias(Vec<String>),
}

#[derive(Default)]
struct Module {
    /// Index of the file that holds the module's body.
    file: usize,
    parent: Option<usize>,
    names: BTreeMap<String, Vec<Meaning>>,
    /// Paths of `use PATH::*`.
    globs: Vec<Vec<String>>,
}

/// Target of a path.
enum Target {
    Module(usize),
    /// An item that this file defines.
    Item(usize),
}

/// The modules of library and command line, and their imports.
pub(crate) struct Imports {
    pub files: Vec<String>,
    /// Imports: importing file, imported file → the paths that are written.
    pub edges: BTreeMap<(usize, usize), BTreeSet<String>>,
    /// Per file: only declares modules and re-exports.
    pub only_declares: Vec<bool>,
    modules: Vec<Module>,
}

impl Imports {
    /// Reads the files below `src`.
    pub(crate) fn of(sources: &[SourceFile]) -> Self {
        let trees: Vec<syn::File> = sources.iter().map(parse).collect();
        let files: Vec<String> = sources.iter().map(|file| file.path.clone()).collect();
        let only_declares = trees.iter().map(only_declares).collect();
        let mut imports = Self { files, edges: BTreeMap::new(), only_declares, modules: Vec::new() };
        let mut roots = Vec::new();
        for root in ["src/lib.rs", "src/main.rs"] {
            if let Some(file) = imports.files.iter().position(|path| path == root) {
                let items = &trees[file].items;
                roots.push((imports.declare(None, (file, "src"), items, &trees), items));
            }
        }
        for (root, items) in roots {
            imports.collect(root, items, &trees);
        }
        imports
    }

    /// The file that defines what `path` names in the library.
    pub(crate) fn find(&self, path: &str) -> Option<&str> {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        match self.lookup(0, &path, 0)? {
            Target::Item(file) => Some(&self.files[file]),
            Target::Module(_) => None,
        }
    }

    /// Adds a module with these items, whose submodules lie in `folder`; returns its index.
    fn declare(
        &mut self,
        parent: Option<usize>,
        (file, folder): (usize, &str),
        items: &[Item],
        trees: &[syn::File],
    ) -> usize {
        let here = self.modules.len();
        self.modules.push(Module { file, parent, ..Module::default() });
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let folder = format!("{folder}/{name}");
                    let index = if let Some((_, items)) = &module.content {
                        self.declare(Some(here), (file, &folder), items, trees)
                    } else {
                        let file = self.file_of(&folder);
                        self.declare(Some(here), (file, &folder), &trees[file].items, trees)
                    };
                    self.add(here, name, Meaning::Module(index));
                }
                Item::Use(item) => self.add_use(here, &item.tree),
                Item::Macro(item) => {
                    let Some(name) = &item.ident else { continue };
                    self.add(here, name.to_string(), Meaning::Item(file));
                    if item.attrs.iter().any(|a| a.path().is_ident("macro_export")) {
                        self.add(self.root_of(here), name.to_string(), Meaning::Item(file));
                    }
                }
                _ => {
                    if let Some(name) = item_name(item) {
                        self.add(here, name, Meaning::Item(file));
                    }
                }
            }
        }
        here
    }

    fn file_of(&self, folder: &str) -> usize {
        let found = [format!("{folder}.rs"), format!("{folder}/mod.rs")]
            .iter()
            .find_map(|path| self.files.iter().position(|file| file == path));
        found.unwrap_or_else(|| panic!("there is no file of module {folder}"))
    }

    fn add(&mut self, module: usize, name: String, meaning: Meaning) {
        self.modules[module].names.entry(name).or_default().push(meaning);
    }

    fn add_use(&mut self, module: usize, tree: &UseTree) {
        for (name, path) in leaves(tree) {
            match name {
                Some(name) => self.add(module, name, Meaning::Alias(path)),
                None => self.modules[module].globs.push(path),
            }
        }
    }

    fn root_of(&self, mut module: usize) -> usize {
        while let Some(parent) = self.modules[module].parent {
            module = parent;
        }
        module
    }

    /// The target of `path` as a module writes it; `None` for items of other crates.
    fn resolve(&self, module: usize, path: &[String], aliases: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.inside(self.root_of(module), rest, aliases),
            "self" => self.inside(module, rest, aliases),
            "super" if rest.is_empty() => self.modules[module].parent.map(Target::Module),
            "super" if rest[0] == "super" => self.resolve(self.modules[module].parent?, rest, aliases),
            "super" => self.inside(self.modules[module].parent?, rest, aliases),
            // The library is the first module of all; the command line is another crate.
            LIBRARY if self.root_of(module) != 0 => self.inside(0, rest, aliases),
            _ => self.lookup(module, path, aliases),
        }
    }

    /// The target of `path`, which begins inside the module. A name that is not found there is an item that a macro
    /// of the module's file defines.
    fn inside(&self, module: usize, path: &[String], aliases: usize) -> Option<Target> {
        let made_by_macro = || Target::Item(self.modules[module].file);
        self.lookup(module, path, aliases).or_else(|| Some(made_by_macro()))
    }

    /// The target of `path`, whose first part is a name in the module.
    fn lookup(&self, module: usize, path: &[String], aliases: usize) -> Option<Target> {
        let Some((name, rest)) = path.split_first() else { return Some(Target::Module(module)) };
        if aliases > MAX_ALIASES {
            return None;
        }
        let here = &self.modules[module];
        let meanings = here.names.get(name).map_or(&[][..], Vec::as_slice);
        let item = meanings.iter().find_map(|meaning| match meaning {
            Meaning::Item(file) => Some(Target::Item(*file)),
            _ => None,
        });
        let go_on = |target: Target| match target {
            Target::Module(below) => self.inside(below, rest, aliases + 1),
            item => Some(item),
        };
        let by_name = || {
            meanings.iter().find_map(|meaning| match meaning {
                Meaning::Module(below) => go_on(Target::Module(*below)),
                Meaning::Alias(path) => self.resolve(module, path, aliases + 1).and_then(go_on),
                Meaning::Item(_) => None,
            })
        };
        let by_glob = || {
            here.globs.iter().find_map(|glob| match self.resolve(module, glob, aliases + 1)? {
                Target::Module(other) if other != module => self.lookup(other, path, aliases + 1),
                _ => None,
            })
        };
        item.or_else(by_name).or_else(by_glob)
    }

    /// Adds the imports that the items of a module write, and those of its submodules.
    fn collect(&mut self, module: usize, items: &[Item], trees: &[syn::File]) {
        let mut paths = Paths::default();
        paths.items(items);
        for path in paths.found {
            self.add_edge(module, &path);
        }
        for (name, items) in paths.submodules {
            let meanings = &self.modules[module].names[&name];
            let index = meanings.iter().find_map(|meaning| match meaning {
                Meaning::Module(index) => Some(*index),
                _ => None,
            });
            let index = index.expect("submodules are declared");
            let items = items.unwrap_or(&trees[self.modules[index].file].items);
            self.collect(index, items, trees);
        }
    }

    fn add_edge(&mut self, module: usize, path: &[String]) {
        let from = self.modules[module].file;
        let to = match self.resolve(module, path, 0) {
            Some(Target::Item(file)) => file,
            Some(Target::Module(other)) => self.modules[other].file,
            None => return,
        };
        if from != to {
            self.edges.entry((from, to)).or_default().insert(path.join("::"));
        }
    }
}

/// Contents of a module: paths, and its submodules by name and, if they are written inline, items.
#[derive(Default)]
struct Paths<'a> {
    found: Vec<Vec<String>>,
    submodules: Vec<(String, Option<&'a [Item]>)>,
}

impl<'a> Paths<'a> {
    fn items(&mut self, items: &'a [Item]) {
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            if let Item::Mod(module) = item {
                let items = module.content.as_ref().map(|(_, items)| items.as_slice());
                self.submodules.push((module.ident.to_string(), items));
            } else {
                self.visit_item(item);
            }
        }
    }

    fn tokens(&mut self, tokens: &TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens.clone() {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_path(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.end_path(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(&group.stream());
                    }
                }
            }
        }
        self.end_path(&mut path);
    }

    /// A path of one name is a `use` that counts already, or a local name.
    fn end_path(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.found.push(path);
        }
    }
}

impl<'a> Visit<'a> for Paths<'_> {
    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let names = path.segments.iter().map(|segment| segment.ident.to_string());
            self.found.push(names.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        for (_, path) in leaves(&item.tree) {
            self.found.push(path);
        }
    }

    fn visit_macro(&mut self, mac: &'a syn::Macro) {
        self.visit_path(&mac.path);
        self.tokens(&mac.tokens);
    }

    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'a Attribute) {}
}

/// Name (`None` for a glob) and path of everything that a `use` brings in.
fn leaves(tree: &UseTree) -> Vec<(Option<String>, Vec<String>)> {
    fn walk(tree: &UseTree, before: &[String], found: &mut Vec<(Option<String>, Vec<String>)>) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), found),
            UseTree::Name(name) if name.ident == "self" => {
                found.push((before.last().cloned(), before.to_vec()));
            }
            UseTree::Name(name) => found.push((Some(name.ident.to_string()), with(&name.ident))),
            UseTree::Rename(rename) => found.push((Some(rename.rename.to_string()), with(&rename.ident))),
            UseTree::Glob(_) => found.push((None, before.to_vec())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, before, found)),
        }
    }
    let mut found = Vec::new();
    walk(tree, &[], &mut found);
    found
}

fn only_declares(file: &syn::File) -> bool {
    let declares = |item: &&Item| matches!(item, Item::Mod(module) if module.content.is_none());
    let reexports = |item: &&Item| matches!(item, Item::Use(_));
    file.items.iter().filter(|item| !is_test(attributes(item))).all(|i| declares(&i) || reexports(&i))
}

fn is_test(attributes: &[Attribute]) -> bool {
    let says_test = |a: &Attribute| matches!(&a.meta, syn::Meta::List(l) if l.tokens.to_string() == "test");
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && says_test(attribute))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn item_name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
