//! The source files of a checkout.

use std::path::{Path, PathBuf};

/// A text file: path from the root of the checkout, with `/`.
pub(crate) struct SourceFile {
    pub path: String,
    pub text: String,
}

impl SourceFile {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Root of the checkout: this one, unless `HOUSE_ROOT` names another.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("HOUSE_ROOT").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// The files below `folder` whose names end in `.extension`, sorted by path.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<SourceFile> {
    fn visit(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, extension, found);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut paths = Vec::new();
    visit(&root.join(folder), extension, &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    paths.iter().map(|path| SourceFile { path: name(path), text: read(path) }).collect()
}

/// The Rust files of the program.
pub(crate) fn program() -> Vec<SourceFile> {
    let files = files("src", "rs");
    assert!(files.len() > 30, "only {} files were found", files.len());
    files
}

/// The syntax tree of a Rust file.
pub(crate) fn parse(file: &SourceFile) -> syn::File {
    syn::parse_file(&file.text).unwrap_or_else(|e| panic!("{}: {e}", file.path))
}
