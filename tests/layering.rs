//! The rules of the house that a machine can check: which module may import which (the arrows of the design), where
//! `unsafe` may stand, how files are called and how long they are.

use std::path::{Path, PathBuf};

/// Each module, and those it may import. `main.rs` and `cli` are the command line, on top of all.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("files", &["error"]),
    ("gpu", &["error", "files"]),
    ("data", &["error", "gpu"]),
    ("nn", &["error", "gpu", "data"]),
    ("embed", &["error", "gpu"]),
    ("view", &["error", "gpu"]),
    ("session", &["error", "files", "gpu", "data", "nn", "embed"]),
    ("app", &["error", "gpu", "data", "nn", "embed", "view", "session"]),
];
/// Names at the root of the crate that are not modules, and where they live: macros and re-exports.
const AT_ROOT: &[(&str, &str)] =
    &[("wgsl", "gpu"), ("params", "gpu"), ("Error", "error"), ("Result", "error")];
/// The one file that may hold `unsafe`.
const TRUSTED: &str = "gpu/trusted.rs";
/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "manager", "common", "misc"];
/// Lines of the longest file.
const MOST_LINES: usize = 500;

/// Path below `src` and text of every Rust file.
fn sources() -> Vec<(String, String)> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    visit(&root, &mut files);
    files.sort();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The code of a file: without comments and without what stands in strings.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if c == '"' {
            string_len(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            rest[2..].find('\'').map_or(rest.len(), |end| end + 3)
        } else {
            code.push(c);
            c.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

/// Bytes of the string literal that `text` begins with.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The names right after each `crate::`, those of a list in braces each.
fn imports(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = code[at + "crate::".len()..].trim_start();
        let Some(list) = rest.strip_prefix('{') else {
            names.push(rest.chars().take_while(|c| is_word(*c)).collect());
            continue;
        };
        let mut depth = 0;
        let mut first = true;
        for part in list.split_inclusive(['{', '}', ',']) {
            if depth == 0 && first {
                names.push(part.trim_start().chars().take_while(|c| is_word(*c)).collect());
            }
            match part.chars().last() {
                Some('{') => depth += 1,
                Some('}') if depth == 0 => break,
                Some('}') => depth -= 1,
                _ => {}
            }
            first = part.ends_with(',');
        }
    }
    names.retain(|name: &String| !name.is_empty());
    names
}

/// The module at the top that a file belongs to.
fn module(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The imports of a file that no arrow allows.
fn wrong_imports(file: &str, text: &str) -> Vec<String> {
    let here = module(file);
    if ["lib", "main", "cli"].contains(&here) {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == here) else {
        return vec![format!("{file}: the design knows no module {here}")];
    };
    let fault = |name: String| {
        let target = AT_ROOT.iter().find(|(n, _)| *n == name).map_or(name.as_str(), |(_, module)| module);
        let known = target == here || allowed.contains(&target);
        (!known).then(|| format!("{file}: {here} must not import {name}"))
    };
    imports(&code(text)).into_iter().filter_map(fault).collect()
}

/// Whether `unsafe` stands in the code as a word.
fn has_unsafe(text: &str) -> bool {
    code(text).split(|c| !is_word(c)).any(|word| word == "unsafe")
}

#[test]
fn imports_follow_the_arrows() {
    let sources = sources();
    assert!(sources.len() > 30, "only {} files were found", sources.len());
    let faults: Vec<String> = sources.iter().flat_map(|(file, text)| wrong_imports(file, text)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let seen: usize = sources.iter().map(|(_, text)| imports(&code(text)).len()).sum();
    assert!(seen > 50, "only {seen} imports were found");
}

#[test]
fn a_wrong_import_is_found() {
    let faults = |file: &str, text: &str| wrong_imports(file, text).len();
    assert_eq!(faults("gpu/plan.rs", "use crate::error::{Error, Result};\nuse crate::gpu::Gpu;"), 0);
    assert_eq!(faults("gpu/plan.rs", "use crate::data::Feed;"), 1);
    assert_eq!(faults("view/tiles.rs", "use crate::{gpu::{Buffer, Gpu}, nn::Shape, params, wgsl};"), 1);
    assert_eq!(
        faults("view/tiles.rs", "use crate::{\n    gpu::Gpu,\n    session::{Session, Metrics},\n};"),
        1
    );
    assert_eq!(faults("view.rs", "fn f() -> crate::data::Clock { crate::session::now() }"), 2);
    assert_eq!(faults("error.rs", "use crate::gpu::Gpu;"), 1);
    assert_eq!(
        faults("data/mod.rs", "// crate::nn\n/// [`crate::nn::Shape`]\nconst S: &str = \"crate::nn\";"),
        0
    );
    assert_eq!(faults("data/mod.rs", "const Q: char = '\"'; use crate::nn::Shape; const R: char = '\"';"), 1);
    assert_eq!(faults("data/mod.rs", "use crate::session;"), 1);
    assert_eq!(faults("nn/layer.rs", "use crate::{params, wgsl}; pub(crate) use crate::Error;"), 0);
    assert_eq!(faults("error.rs", "use crate::wgsl;"), 1, "a macro belongs to its module");
    assert_eq!(faults("extras/mod.rs", ""), 1, "a module that the design lacks");
}

#[test]
fn unsafe_stands_in_one_file() {
    let with: Vec<String> =
        sources().into_iter().filter(|(_, text)| has_unsafe(text)).map(|(file, _)| file).collect();
    assert_eq!(with, [TRUSTED]);
    assert!(has_unsafe("fn f() { unsafe { g() } }") && has_unsafe("unsafe impl Send for X {}"));
    assert!(!has_unsafe("// unsafe\n#![allow(unsafe_code)]\nlet s = \"unsafe\";"));
}

#[test]
fn files_have_telling_names_and_bearable_lengths() {
    let empty = |file: &str| file.trim_end_matches(".rs").split('/').any(|part| EMPTY_NAMES.contains(&part));
    for (file, text) in sources() {
        assert!(!empty(&file), "{file}: name it for what it does");
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{file} has {lines} lines, {MOST_LINES} are the most");
        assert!(text.starts_with("//!"), "{file} does not say what it is");
    }
    assert!(empty("gpu/utils.rs") && empty("common/mod.rs") && !empty("gpu/plan.rs"));
}
