//! Every compute entry point of every shader has a twin, or a stated reason for having none: in exactly one `TWINS` table.
//!
//! Rows are `(shader, entry point, twin)`. The twin is the path of an item of the library, or `FILE.rs::function`, either
//! followed by a remark after a comma; or `not: ` and the reason. Tables are constants called `TWINS`, which stand beside
//! the twins or the dispatches; that of `gpu` is below.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};

use super::imports::Imports;
use super::sources::{SourceFile, files, parse, program, root};

/// Kernels of `shaders/gpu`.
const TWINS: &[(&str, &str, &str)] = &[
    ("gpu/roofline.wgsl", "multiply_add", "not: measures the adapter; what it computes is of no use"),
    ("gpu/roofline.wgsl", "copy", "not: measures the adapter; what it copies is of no use"),
    ("gpu/product.wgsl", "product", "src/gpu/roofline.rs::the_product_is_the_product"),
    ("gpu/subgroup_size.wgsl", "subgroup_size", "not: copies what the adapter says of itself"),
];

type Row = (String, String, String);

/// Rows of the constants called `TWINS` in a file.
fn rows(file: &SourceFile) -> Vec<Row> {
    struct Rows {
        inside: bool,
        found: Vec<Row>,
    }
    impl<'a> Visit<'a> for Rows {
        fn visit_item_const(&mut self, item: &'a syn::ItemConst) {
            self.inside = item.ident == "TWINS";
            visit::visit_item_const(self, item);
            self.inside = false;
        }

        fn visit_item_static(&mut self, item: &'a syn::ItemStatic) {
            self.inside = item.ident == "TWINS";
            visit::visit_item_static(self, item);
            self.inside = false;
        }

        fn visit_expr_tuple(&mut self, tuple: &'a syn::ExprTuple) {
            let text = |expr: &syn::Expr| match expr {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            };
            let texts: Option<Vec<String>> = tuple.elems.iter().map(text).collect();
            match texts.as_deref() {
                Some([shader, entry, twin]) if self.inside => {
                    self.found.push((shader.clone(), entry.clone(), twin.clone()));
                }
                _ => visit::visit_expr_tuple(self, tuple),
            }
        }
    }
    let mut rows = Rows { inside: false, found: Vec::new() };
    rows.visit_file(&parse(file));
    rows.found
}

/// Compute entry points of a shader's text.
fn entries(text: &str) -> Vec<String> {
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let after = code.split("@compute").skip(1);
    let name = |text: &str| text.split("fn ").nth(1)?.split('(').next().map(|name| name.trim().to_owned());
    after.map(|text| name(text).expect("an entry point is a function")).collect()
}

/// Faults of the tables for these shaders: a name below `shaders/`, and entry points.
fn faults(
    shaders: &[(String, Vec<String>)],
    rows: &[Row],
    is_there: impl Fn(&str, &str) -> bool,
) -> Vec<String> {
    let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut faults = Vec::new();
    for (shader, entry, twin) in rows {
        *told.entry((shader, entry)).or_default() += 1;
        match twin.strip_prefix("not: ") {
            Some(reason) if reason.trim().is_empty() => {
                faults.push(format!("{shader} {entry}: no reason is stated"))
            }
            None if !is_there(shader, twin) => faults.push(format!("{shader} {entry}: there is no {twin}")),
            _ => {}
        }
    }
    for (shader, entries) in shaders {
        for entry in entries {
            match told.remove(&(shader, entry)) {
                Some(1) => {}
                Some(times) => faults.push(format!("{shader} {entry} is in {times} rows")),
                None => faults.push(format!("{shader} {entry} has no row")),
            }
        }
    }
    faults.extend(told.keys().map(|(shader, entry)| format!("{shader} has no entry point {entry}")));
    faults
}

#[test]
fn every_entry_point_has_a_twin_or_a_reason() {
    let program = program();
    let imports = Imports::of(&program);
    let is_word =
        |text: &str, word: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word);
    let is_there = |shader: &str, twin: &str| {
        let path = twin.split([',', ' ']).next().unwrap_or_default();
        let (before, name) = path.rsplit_once("::").unwrap_or(("", path));
        if before.ends_with(".rs") {
            return std::fs::read_to_string(root().join(before)).is_ok_and(|text| is_word(&text, name));
        }
        // From the root of the library, or within the module whose shader it is.
        let module = shader.split('/').next().unwrap_or_default();
        let found = imports.find(path).or_else(|| imports.find(&format!("{module}::{path}")));
        let file = found.and_then(|path| program.iter().find(|file| file.path == path));
        file.is_some_and(|file| is_word(&file.text, name))
    };
    let name = |file: &SourceFile| file.path.trim_start_matches("shaders/").to_owned();
    let shaders: Vec<_> =
        files("shaders", "wgsl").iter().map(|file| (name(file), entries(&file.text))).collect();
    let count: usize = shaders.iter().map(|(_, entries)| entries.len()).sum();
    assert!(count > 100, "only {count} entry points were found");
    let mut all: Vec<Row> = program.iter().flat_map(rows).collect();
    all.extend(TWINS.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())));
    let faults = faults(&shaders, &all, is_there);
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_kernel_without_a_twin_is_found() {
    let text = "// @compute fn no()\n@compute @workgroup_size(64) fn one(@builtin(x) i: u32) {}\n@compute @workgroup_size(8, 8)\nfn two() {}\n@vertex fn v() {}";
    assert_eq!(entries(text), ["one", "two"]);
    let shaders = [("nn/a.wgsl".to_owned(), entries(text))];
    let faults = |table: &str| {
        let file = SourceFile::new("src/nn/twin.rs", &format!("pub const TWINS: &[T] = &[{table}];"));
        faults(&shaders, &rows(&file), |_, twin| twin == "nn::twin::one")
    };
    let [one, two] = [r#"("nn/a.wgsl", "one", "nn::twin::one"),"#, r#"("nn/a.wgsl", "two", "not: copies"),"#];
    assert_eq!(faults(&[one, two].concat()), [""; 0]);
    assert_eq!(faults(one), ["nn/a.wgsl two has no row"]);
    assert_eq!(faults(&[one, two, two].concat()), ["nn/a.wgsl two is in 2 rows"]);
    assert_eq!(
        faults(&[one, &two.replace("not: copies", "not:  ")].concat()),
        ["nn/a.wgsl two: no reason is stated"]
    );
    assert_eq!(
        faults(&[two, &one.replace("::one", "::other")].concat()),
        ["nn/a.wgsl one: there is no nn::twin::other"]
    );
    assert_eq!(
        faults(&[one, two, &two.replace("two", "gone")].concat()),
        ["nn/a.wgsl has no entry point gone"]
    );
}
