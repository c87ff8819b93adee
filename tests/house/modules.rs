//! The arrows of the design: which module imports which. `cli` is on top.

use super::imports::Imports;
use super::sources::{SourceFile, program};

/// Each module, and those that it may import.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("files", &["error"]),
    ("threads", &[]),
    ("gpu", &["error", "files"]),
    ("data", &["error", "files", "threads", "gpu"]),
    ("nn", &["error", "gpu", "data"]),
    ("embed", &["error", "threads", "gpu"]),
    ("view", &["error", "gpu"]),
    ("layouts", &["error", "gpu", "data", "nn", "embed"]),
    ("session", &["error", "files", "gpu", "data", "nn", "embed", "layouts"]),
    ("door", &["error", "files", "gpu", "nn", "session"]),
    ("app", &["error", "files", "gpu", "data", "nn", "embed", "view", "layouts", "session", "door"]),
    (
        "cli",
        &[
            "error", "files", "threads", "gpu", "data", "nn", "embed", "view", "layouts", "session", "door",
            "app",
        ],
    ),
    ("main", &["cli"]),
];

/// The module at the top that a file belongs to.
fn module(file: &str) -> &str {
    file.trim_start_matches("src/").split('/').next().unwrap().trim_end_matches(".rs")
}

/// The imports that no arrow allows.
fn wrong_imports(imports: &Imports) -> Vec<String> {
    let unknown =
        |file: &&String| module(file) != "lib" && ARROWS.iter().all(|(name, _)| *name != module(file));
    let mut faults: Vec<String> =
        imports.files.iter().filter(unknown).map(|file| format!("{file}: no module of the design")).collect();
    for ((from, to), paths) in &imports.edges {
        let [from, to] = [from, to].map(|file| imports.files[*file].as_str());
        let [here, target] = [from, to].map(module);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == here) else { continue };
        if here != target && !allowed.contains(&target) {
            let paths = paths.iter().cloned().collect::<Vec<_>>().join(", ");
            faults.push(format!("{from}: {here} must not import {target} ({paths})"));
        }
    }
    faults
}

#[test]
fn imports_follow_the_arrows() {
    let imports = Imports::of(&program());
    let faults = wrong_imports(&imports);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let between = |(from, to): &&(usize, usize)| module(&imports.files[*from]) != module(&imports.files[*to]);
    let seen = imports.edges.keys().filter(between).count();
    assert!(seen > 100, "only {seen} imports between modules were found");
}

#[test]
fn a_wrong_import_is_found() {
    let faults = |path: &str, text: &str| {
        let root = "#[macro_use] pub mod gpu; pub mod error; pub mod data; pub mod nn; pub mod session; pub mod view; pub use error::Error;";
        let files = [
            ("src/lib.rs", root),
            ("src/main.rs", "mod cli; fn main() { cli::run() }"),
            ("src/cli.rs", "use revacnn::session::now; pub fn run() { now() }"),
            ("src/error.rs", "pub struct Error;"),
            (
                "src/gpu/mod.rs",
                "pub mod plan; #[macro_export] macro_rules! params { () => {} } pub struct Gpu;",
            ),
            ("src/gpu/plan.rs", "use super::Gpu; use crate::error::Error;"),
            ("src/data/mod.rs", "pub struct Loader;"),
            ("src/nn/mod.rs", "pub struct Shape;"),
            ("src/session/mod.rs", "pub struct Session; pub fn now() {}"),
            ("src/view/mod.rs", "use crate::{Error, gpu::{Gpu, plan}, params};"),
        ];
        let text_of = |(p, t): (&str, &str)| SourceFile::new(p, if p == path { text } else { t });
        wrong_imports(&Imports::of(&files.map(text_of))).len()
    };
    assert_eq!(faults("", ""), 0);
    assert_eq!(faults("src/gpu/plan.rs", "use crate::data::Loader;"), 1);
    assert_eq!(faults("src/view/mod.rs", "use crate::{gpu::{Gpu}, nn::Shape, params};"), 1);
    assert_eq!(faults("src/view/mod.rs", "fn f() -> crate::data::Loader { crate::session::now() }"), 2);
    assert_eq!(faults("src/view/mod.rs", "fn f() { matches!(x, super::data::Loader) }"), 1);
    assert_eq!(faults("src/view/mod.rs", "pub use super::session;"), 1);
    assert_eq!(faults("src/error.rs", "use crate::gpu::Gpu; pub struct Error;"), 1);
    assert_eq!(
        faults("src/error.rs", "use crate::params; pub struct Error;"),
        1,
        "a macro belongs to its module"
    );
    assert_eq!(
        faults(
            "src/data/mod.rs",
            "// crate::nn\n/// [`crate::nn::Shape`]\npub const S: &str = \"crate::nn\";"
        ),
        0
    );
    assert_eq!(faults("src/data/mod.rs", "pub struct Loader; use crate::Error;"), 0);
    assert_eq!(faults("src/main.rs", "use revacnn::data::Loader; fn main() {}"), 1);
    let extra = SourceFile::new("src/extras/mod.rs", "");
    assert_eq!(wrong_imports(&Imports::of(&[extra])).len(), 1, "a module that the design lacks");
}
