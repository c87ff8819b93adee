//! Sizes: lines of functions and files, fields of structs, and the files that `Session` is written in.

use std::collections::BTreeSet;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::sources::{SourceFile, files, parse, program};

const MAX_RUST_LINES: usize = 400;
const MAX_WGSL_LINES: usize = 250;
const MAX_FUNCTION_LINES: usize = 60;
const MAX_FIELDS: usize = 20;
const MAX_SESSION_FIELDS: usize = 14;
const MAX_SESSION_FILES: usize = 5;
/// Functions that may be longer: the tables of contents, each of which reads as the list of what a step or frame does.
const TABLES_OF_CONTENTS: &[(&str, &str)] =
    &[("src/nn/pass", "build_plans"), ("src/embed/tsne", "record_step"), ("src/app/running.rs", "frame")];

/// Sizes that the items of a file have.
#[derive(Default)]
struct Sizes {
    /// Name and lines, from the signature's first to the closing brace.
    functions: Vec<(String, usize)>,
    /// Name and number of fields.
    structs: Vec<(String, usize)>,
    /// Types with an `impl` block of their own, not of a trait.
    implemented: BTreeSet<String>,
}

impl Sizes {
    fn of(file: &SourceFile) -> Self {
        let mut sizes = Self::default();
        sizes.visit_file(&parse(file));
        sizes
    }

    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let last = block.brace_token.span.close().end().line;
        self.functions.push((signature.ident.to_string(), last + 1 - signature.span().start().line));
    }
}

impl<'a> Visit<'a> for Sizes {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.structs.push((item.ident.to_string(), item.fields.len()));
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if let (None, syn::Type::Path(of)) = (&item.trait_, &*item.self_ty) {
            self.implemented.extend(of.path.segments.last().map(|segment| segment.ident.to_string()));
        }
        visit::visit_item_impl(self, item);
    }
}

fn too_long_files(files: &[SourceFile], most: usize) -> Vec<String> {
    let lines = |file: &SourceFile| file.text.lines().count();
    let too_long = files.iter().filter(|file| lines(file) > most);
    too_long.map(|file| format!("{} has {} lines, {most} are the most", file.path, lines(file))).collect()
}

fn too_long_functions(file: &SourceFile) -> Vec<String> {
    let may =
        |name: &str| TABLES_OF_CONTENTS.iter().any(|(path, of)| file.path.starts_with(path) && *of == name);
    let functions = Sizes::of(file).functions.into_iter();
    let too_long = functions.filter(|(name, lines)| *lines > MAX_FUNCTION_LINES && !may(name));
    too_long.map(|(name, lines)| format!("{}: {name} has {lines} lines", file.path)).collect()
}

fn too_large_structs(file: &SourceFile) -> Vec<String> {
    let most = |name: &str| if name == "Session" { MAX_SESSION_FIELDS } else { MAX_FIELDS };
    let too_large = Sizes::of(file).structs.into_iter().filter(|(name, fields)| *fields > most(name));
    too_large.map(|(name, fields)| format!("{}: {name} has {fields} fields", file.path)).collect()
}

fn rust() -> Vec<SourceFile> {
    program().into_iter().chain(files("tests", "rs")).collect()
}

#[test]
fn no_file_is_too_long() {
    let faults =
        [too_long_files(&rust(), MAX_RUST_LINES), too_long_files(&files("shaders", "wgsl"), MAX_WGSL_LINES)];
    assert!(faults.concat().is_empty(), "{}", faults.concat().join("\n"));
    let long = SourceFile::new("src/long.rs", &"//\n".repeat(MAX_RUST_LINES + 1));
    assert_eq!(too_long_files(&[long], MAX_RUST_LINES).len(), 1);
}

#[test]
fn no_function_is_too_long() {
    let faults: Vec<String> = rust().iter().flat_map(too_long_functions).collect();
    assert!(faults.is_empty(), "{} functions\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_long_function_is_found() {
    let body = |lines: usize| "    g();\n".repeat(lines - 2);
    let faults = |path: &str, text: String| too_long_functions(&SourceFile::new(path, &text)).len();
    let most = MAX_FUNCTION_LINES;
    assert_eq!(faults("src/a.rs", format!("/// Doc.\nfn f() {{\n{}}}", body(most))), 0);
    assert_eq!(faults("src/a.rs", format!("fn f() {{\n{}}}", body(most + 1))), 1);
    assert_eq!(faults("src/a.rs", format!("impl A {{ fn f() {{\n{}}} }}", body(most + 1))), 1);
    assert_eq!(faults("src/a.rs", format!("trait A {{ fn f() {{\n{}}} }}", body(most + 1))), 1);
    assert_eq!(faults("src/a.rs", format!("mod a {{ fn f(\n) {{\n{}}} }}", body(most))), 1);
    assert_eq!(faults("src/nn/pass.rs", format!("fn build_plans() {{\n{}}}", body(most + 9))), 0);
    assert_eq!(faults("src/nn/pass.rs", format!("fn build() {{\n{}}}", body(most + 9))), 1);
}

#[test]
fn every_table_of_contents_is_there() {
    let program = program();
    for (path, name) in TABLES_OF_CONTENTS {
        let files = program.iter().filter(|file| file.path.starts_with(path));
        let found = files.flat_map(|file| Sizes::of(file).functions).any(|(function, _)| function == *name);
        assert!(found, "{path} has no function {name}");
    }
}

#[test]
fn no_struct_is_too_large() {
    let faults: Vec<String> = rust().iter().flat_map(too_large_structs).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let fields = |count: usize| (0..count).map(|i| format!("f{i}: u8, ")).collect::<String>();
    let faults = |text: &str| too_large_structs(&SourceFile::new("src/a.rs", text)).len();
    assert_eq!(faults(&format!("struct A {{ {} }}", fields(MAX_FIELDS))), 0);
    assert_eq!(faults(&format!("struct A {{ {} }}", fields(MAX_FIELDS + 1))), 1);
    assert_eq!(faults(&format!("struct Session {{ {} }}", fields(MAX_SESSION_FIELDS + 1))), 1);
}

#[test]
fn the_session_is_written_in_few_files() {
    let program = program();
    let writes = |file: &&SourceFile| Sizes::of(file).implemented.contains("Session");
    let files: Vec<&str> = program.iter().filter(writes).map(|file| file.path.as_str()).collect();
    assert!((1..=MAX_SESSION_FILES).contains(&files.len()), "{} files: {}", files.len(), files.join(", "));
    let counts = |text: &str| writes(&&SourceFile::new("src/a.rs", text));
    assert!(counts("impl super::Session { fn f() {} }") && counts("mod a { impl<'a> Session<'a> {} }"));
    assert!(!counts("impl Drop for Session { fn drop(&mut self) {} }") && !counts("impl Sessions {}"));
}
