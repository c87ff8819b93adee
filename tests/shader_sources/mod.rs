//! The shaders that the program embeds, with their structs, found by reading its source.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};

use revacnn::gpu::{Expanded, Field, Source, StructDef};

/// Path and text of every file below `folder` with this extension.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    fn visit(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, extension, found);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    visit(&root, extension, &mut found);
    found.sort();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The structs that a Rust file declares with `params!`.
pub(crate) fn declared(text: &str) -> Vec<StructDef> {
    let after = text.split("params! {").skip(1).filter_map(|rest| rest.split_once("struct "));
    after.map(|(_, rest)| struct_def(rest)).collect()
}

/// A struct from the text after `struct `, with offsets as `#[repr(C)]` gives them.
fn struct_def(text: &str) -> StructDef {
    let (name, rest) = text.split_once('{').unwrap();
    let body: String = rest[..rest.find('}').unwrap()]
        .lines()
        .map(|line| line.split("//").next().unwrap().trim().to_owned() + " ")
        .collect();
    let mut size = 0;
    let mut fields = Vec::new();
    let mut depth = 0;
    for field in body.split(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ',' && depth == 0
    }) {
        let Some((name, ty)) = field.split_once(':') else { continue };
        let (wgsl, bytes) = match ty.trim() {
            ty @ ("u32" | "i32" | "f32") => (ty.to_owned(), 4),
            "Vec2" => ("vec2<f32>".to_owned(), 8),
            "[u32; 1]" => ("array<u32>".to_owned(), 4),
            "[u32; 8]" => ("array<vec4<u32>, 2>".to_owned(), 32),
            "[u32; 20]" => ("array<vec4<u32>, 5>".to_owned(), 80),
            ty => {
                let (element, count) = ty.trim_matches(['[', ']']).split_once("; ").unwrap();
                (format!("vec{count}<{element}>"), 4 * count.parse::<usize>().unwrap())
            }
        };
        fields.push(Field { name: leak(name.trim()), wgsl: leak(&wgsl), offset: size, size: bytes });
        size += bytes;
    }
    StructDef { name: leak(name.trim()), fields: fields.leak(), size }
}

fn leak(text: &str) -> &'static str {
    text.to_owned().leak()
}

/// Every shader that the program embeds.
pub(crate) fn sources() -> Vec<Source> {
    let rust = files("src", "rs");
    let all: Vec<StructDef> = rust.iter().flat_map(|(_, text)| declared(text)).collect();
    let texts = files("shaders", "wgsl");
    let mut found = Vec::new();
    for (file, text) in &rust {
        let own = declared(text);
        let code: String = text
            .lines()
            .filter(|line| !line.trim().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        for call in code.split("wgsl!(").skip(1) {
            let arguments = call[..call.find(')').unwrap()].split(',').map(str::trim);
            let arguments: Vec<_> = arguments.filter(|argument| !argument.is_empty()).collect();
            let path = arguments[0].trim_matches('"');
            let find = |name: &&str| {
                let named = |def: &&StructDef| def.name == *name;
                let def = own.iter().find(named).or_else(|| all.iter().find(named));
                let def = def.unwrap_or_else(|| panic!("{file}: no params! declares {name}"));
                &*Box::leak(Box::new(*def))
            };
            let structs: Vec<&'static StructDef> = arguments[1..].iter().map(find).collect();
            let (_, text) = texts.iter().find(|(name, _)| name == path).unwrap();
            found.push(Source { path: leak(path), text: leak(text), structs: structs.leak() });
        }
    }
    found
}

/// Every shader that the program embeds, with its default constants.
pub(crate) fn shaders() -> Vec<Expanded> {
    sources().iter().map(|source| source.expand(&[]).unwrap()).collect()
}
