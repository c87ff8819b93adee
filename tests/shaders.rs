//! Every file of `shaders/` is valid WGSL with its default constants, and what it shares with the program is written once.

mod shader_sources;

use revacnn::gpu::{StructDef, reflect};
use shader_sources::{declared, files, shaders};

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
