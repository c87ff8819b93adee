//! Every file of `shaders/` is valid WGSL with its default constants, and what it shares with the program is written once.

use std::path::{Path, PathBuf};

use revacnn::gpu::{BindingKind, Expanded, Field, Source, StructDef, reflect};

/// Path and text of every file below `folder` with this extension.
fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
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
fn declared(text: &str) -> Vec<StructDef> {
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

/// Every shader that the program embeds, with its default constants.
fn shaders() -> Vec<Expanded> {
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
            let source = Source { path: leak(path), text: leak(text), structs: structs.leak() };
            found.push(source.expand(&[]).unwrap());
        }
    }
    found
}

#[test]
fn every_shader_is_valid() {
    let shaders = shaders();
    let unused = files("shaders", "wgsl")
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| !path.starts_with("common/") && !shaders.iter().any(|shader| shader.path == *path));
    assert_eq!(unused.collect::<Vec<_>>(), [""; 0], "files that no program embeds");
    let faults: Vec<_> = shaders.iter().filter_map(|shader| reflect(shader).err()).collect();
    assert!(faults.is_empty(), "{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    assert!(shaders.len() > 40, "only {} shaders were found", shaders.len());
}

#[test]
fn a_broken_shader_is_found() {
    let mut shader = shaders().swap_remove(0);
    shader.text = shader.text.replacen("fn ", "fn 1", 1);
    assert!(reflect(&shader).is_err());
}

#[test]
fn no_shader_declares_a_struct_of_the_program() {
    let rust: Vec<StructDef> = files("src", "rs").iter().flat_map(|(_, text)| declared(text)).collect();
    let copied = |text: &str| {
        let names =
            text.lines().filter_map(|line| line.trim().strip_prefix("struct ")?.split([' ', '{']).next());
        names.filter(|name| rust.iter().any(|def| def.name == *name)).map(str::to_owned).collect::<Vec<_>>()
    };
    for (path, text) in files("shaders", "wgsl") {
        assert_eq!(copied(&text), [""; 0], "{path}: import them");
    }
    assert_eq!(copied("struct Clock { step: u32 }"), ["Clock"]);
    // What is bound is shared with the program, which fills it: a struct of the shader's own is not.
    for shader in shaders() {
        for binding in reflect(&shader).unwrap().iter().flat_map(|entry| &entry.bindings) {
            let shared = |name: &String| shader.structs.iter().any(|def| def.name == name);
            assert!(binding.struct_name.as_ref().is_none_or(shared), "{}: {}", shader.path, binding.name);
        }
    }
}

#[test]
fn parameters_are_called_params() {
    let mut seen = 0;
    for shader in shaders() {
        for binding in reflect(&shader).unwrap().iter().flat_map(|entry| &entry.bindings) {
            let named = binding.struct_name.as_ref().is_some_and(|name| name.ends_with("Params"));
            assert_eq!(named, binding.name == "params", "{}: {}", shader.path, binding.name);
            seen += usize::from(named);
        }
    }
    assert!(seen > 100, "only {seen} were seen");
}

#[test]
fn no_entry_point_binds_more_storage_buffers_than_every_adapter_has() {
    let most = wgpu::Limits::default().max_storage_buffers_per_shader_stage as usize;
    let mut largest = 0;
    let mut faults = Vec::new();
    for shader in shaders() {
        for entry in reflect(&shader).unwrap() {
            let buffers = entry.bindings.iter().filter(|b| b.kind != BindingKind::Uniform).count();
            largest = largest.max(buffers);
            if buffers > most {
                faults.push(format!("{}: {} binds {buffers}", shader.path, entry.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(largest > 5, "only {largest} were counted");
}
