//! Names and heads of files, and where `unsafe` may stand.

use proc_macro2::{TokenStream, TokenTree};

use super::sources::{parse, program};

/// The one file that may hold `unsafe`.
const TRUSTED: &str = "src/gpu/trusted.rs";
/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "manager", "common", "misc"];

fn has_unsafe(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "unsafe",
        TokenTree::Group(group) => has_unsafe(group.stream()),
        _ => false,
    })
}

#[test]
fn unsafe_stands_in_one_file() {
    let tokens = |text: &str| text.parse::<TokenStream>().expect("files are Rust");
    let program = program();
    let with: Vec<&str> =
        program.iter().filter(|file| has_unsafe(tokens(&file.text))).map(|file| file.path.as_str()).collect();
    assert_eq!(with, [TRUSTED]);
    assert!(
        has_unsafe(tokens("fn f() { unsafe { g() } }")) && has_unsafe(tokens("unsafe impl Send for X {}"))
    );
    assert!(!has_unsafe(tokens("// unsafe\n#![allow(unsafe_code)]\nlet s = \"unsafe\";")));
}

#[test]
fn files_have_telling_names_and_say_what_they_are() {
    let empty = |file: &str| file.trim_end_matches(".rs").split('/').any(|part| EMPTY_NAMES.contains(&part));
    for file in program() {
        assert!(!empty(&file.path), "{}: name it for what it does", file.path);
        assert!(file.text.starts_with("//!"), "{} does not say what it is", file.path);
        parse(&file);
    }
    assert!(empty("gpu/utils.rs") && empty("common/mod.rs") && !empty("gpu/plan.rs"));
}
