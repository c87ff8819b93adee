//! No circle of files: no file imports one that imports it, over however many files between. A `mod.rs` that only
//! declares and re-exports counts as nobody.

use std::collections::BTreeSet;

use super::imports::Imports;
use super::sources::{SourceFile, program};

/// Files that import each other, each circle with its imports.
fn circles(imports: &Imports) -> Vec<String> {
    let counts = |file: usize| !imports.only_declares[file];
    let edges = || imports.edges.iter().filter(|((from, to), _)| counts(*from) && counts(*to));
    let count = imports.files.len();
    let reached = |from: usize| {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            let next = edges().filter(|((from, _), _)| *from == file).map(|((_, to), _)| *to);
            open.extend(next.filter(|to| reached.insert(*to)));
        }
        reached
    };
    let reached: Vec<BTreeSet<usize>> = (0..count).map(reached).collect();
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for file in 0..count {
        let circle: BTreeSet<usize> =
            reached[file].iter().copied().filter(|other| reached[*other].contains(&file)).collect();
        if circle.is_empty() || !told.insert(circle.clone()) {
            continue;
        }
        let mut text = format!("a circle of {} files:", circle.len());
        for ((from, to), paths) in edges().filter(|((a, b), _)| circle.contains(a) && circle.contains(b)) {
            let paths = paths.iter().cloned().collect::<Vec<_>>().join(", ");
            text += &format!("\n  {} imports {}: {paths}", imports.files[*from], imports.files[*to]);
        }
        circles.push(text);
    }
    circles
}

#[test]
fn no_files_import_each_other() {
    let imports = Imports::of(&program());
    assert!(imports.edges.len() > 200, "only {} imports were found", imports.edges.len());
    let circles = circles(&imports);
    assert!(circles.is_empty(), "{} circles\n{}", circles.len(), circles.join("\n"));
}

/// Circles of a small tree: `lib.rs` declares `a`, whose `mod.rs` has this text, with `one` and `two` below.
fn circles_of(a: &str, one: &str, two: &str) -> Vec<String> {
    let files =
        [("src/a/mod.rs", a), ("src/a/one.rs", one), ("src/a/two.rs", two), ("src/lib.rs", "pub mod a;")];
    circles(&Imports::of(&files.map(|(path, text)| SourceFile::new(path, text))))
}

const DECLARES: &str = "mod one; mod two; pub use one::One; pub use two::{Two, two};";

#[test]
fn a_circle_is_found_however_it_is_written() {
    let one = "use super::two::Two; pub struct One(Two);";
    for two in [
        "use super::one::One; pub struct Two; pub fn two(_: One) {}",
        "use crate::a::One; pub struct Two; pub fn two(_: One) {}",
        "use super::{one::{One as Other}}; pub struct Two; pub fn two(_: Other) {}",
        "use super::*; pub struct Two; pub fn two(_: Box<crate::a::One>) {}",
        "pub struct Two; pub fn two() -> Vec<super::One> { Vec::new() }",
        "pub struct Two; pub fn two() { let _ = crate::a::one::One::new(); }",
        "use super::one; pub struct Two; pub fn two() { one::f() }",
        "pub struct Two; pub fn two() { println!(\"{}\", super::one::NAME) }",
        "pub struct Two; pub fn two() -> super::one::MadeByAMacro {}",
        "pub struct Two; mod inner { impl super::super::One { fn f() {} } }",
    ] {
        let found = circles_of(DECLARES, one, two);
        assert_eq!(found.len(), 1, "{two}");
        assert!(found[0].contains("one.rs imports src/a/two.rs: super::two::Two"), "{}", found[0]);
        assert!(found[0].contains("two.rs imports src/a/one.rs"), "{}", found[0]);
    }
}

#[test]
fn what_is_no_circle_is_none() {
    let one = "use super::two::Two; pub struct One(Two);";
    for two in [
        "pub struct Two; pub fn two() {}",
        "//! [`super::One`]\n/// `crate::a::One`\npub struct Two; pub fn two() { let _ = \"super::One\"; }",
        "pub struct Two; pub fn two() {} #[cfg(test)] mod tests { use super::super::One; }",
        "pub(in crate::a) struct Two; pub fn two() {}",
        "use std::one::One; pub struct Two; pub fn two(_: One) {}",
    ] {
        assert_eq!(circles_of(DECLARES, one, two), [""; 0], "{two}");
    }
}

#[test]
fn a_parent_that_does_something_is_somebody() {
    let parent = "mod one; mod two; pub use one::One; pub use two::Two; pub const SIZE: usize = 1;";
    let [one, two] = ["use super::SIZE; pub struct One([u8; SIZE]);", "pub struct Two;"];
    let found = circles_of(parent, one, two);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("src/a/mod.rs imports src/a/one.rs: one::One"), "{}", found[0]);
}
