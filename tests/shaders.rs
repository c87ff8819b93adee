//! Every file of `shaders/` is valid WGSL with its default knobs, and structs shared by several files are equal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use revacnn::gpu::{BindingKind, Params as _, Source, reflect};

fn shader_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            shader_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "wgsl") {
            found.push(path);
        }
    }
}

/// Path and expanded text of every shader.
fn shaders() -> Vec<(String, String)> {
    let mut files = Vec::new();
    shader_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders"), &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let source = Source { path: name.clone().leak(), text: text.leak() };
        (name, source.expand(&[]).unwrap())
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_shader_is_valid() {
    let shaders = shaders();
    assert!(shaders.len() > 8, "only {} shaders were found", shaders.len());
    let faults: Vec<_> = shaders.iter().filter_map(|(name, text)| reflect(name, text).err()).collect();
    assert!(faults.is_empty(), "{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_broken_shader_is_found() {
    let (name, text) = &shaders()[0];
    assert!(reflect(name, &text.replacen("fn ", "fn 1", 1)).is_err());
}

/// The lines of `struct NAME { ... }`, blanks squeezed out.
fn struct_text(text: &str, name: &str) -> Option<String> {
    let start = text.find(&format!("struct {name} {{"))?;
    let end = start + text[start..].find('}')?;
    Some(text[start..end].split_whitespace().collect())
}

#[test]
fn shared_structs_have_one_form() {
    for name in ["Clock", "Column", "Sampling"] {
        let mut forms = BTreeMap::new();
        for (file, text) in shaders() {
            if let Some(form) = struct_text(&text, name) {
                forms.entry(form).or_insert_with(Vec::new).push(file);
            }
        }
        assert_eq!(forms.len(), 1, "struct {name} differs: {forms:?}");
    }
}

#[test]
fn the_clock_of_the_shaders_is_the_clock_of_the_program() {
    let mut compared = 0;
    for (file, text) in shaders() {
        for binding in reflect(&file, &text).unwrap().iter().flat_map(|e| &e.bindings) {
            if binding.name == "clock" {
                let theirs: Vec<_> = binding.fields.iter().map(|(n, o, s)| (n.as_str(), *o, *s)).collect();
                assert_eq!(theirs, revacnn::data::Clock::FIELDS, "{file}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 3, "only {compared} clocks were compared");
}

#[test]
fn no_entry_point_binds_more_storage_buffers_than_every_adapter_has() {
    let most = wgpu::Limits::default().max_storage_buffers_per_shader_stage as usize;
    let mut largest = 0;
    let mut faults = Vec::new();
    for (file, text) in shaders() {
        for entry in reflect(&file, &text).unwrap() {
            let buffers = entry.bindings.iter().filter(|b| b.kind != BindingKind::Uniform).count();
            largest = largest.max(buffers);
            if buffers > most {
                faults.push(format!("{file}: {} binds {buffers}", entry.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(largest > 5, "only {largest} were counted");
}
