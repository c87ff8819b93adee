//! Every shader in every variant that the program may take, translated as wgpu does it for Metal, DirectX 12, OpenGL and Vulkan, and held
//! against the limits that WebGPU promises everywhere. No Mac and no Windows is needed, and none takes part.

#[path = "../compare/mod.rs"]
mod compare;
mod languages;
mod limits;
#[path = "../shader_sources/mod.rs"]
mod shader_sources;
mod variants;

use std::sync::Mutex;

use languages::{Language, Parsed};
use revacnn::gpu::Source;
use strum::IntoEnumIterator;
use variants::Variant;

/// Variants that a language cannot say, or that take more than WebGPU promises, and why none is taken there.
const EXCEPTIONS: [(&str, &str, u32, &[Language], &str); 6] = [
    ("nn/conv2d.wgsl", "SUBGROUPS", 1, NO_SUBGROUPS, WHERE_SUBGROUPS),
    ("nn/conv2d_weight_gradient.wgsl", "SUBGROUPS", 1, NO_SUBGROUPS, WHERE_SUBGROUPS),
    ("gpu/product.wgsl", "SUBGROUPS", 1, NO_SUBGROUPS, WHERE_SUBGROUPS),
    ("gpu/subgroup_size.wgsl", "", 0, NO_SUBGROUPS, WHERE_SUBGROUPS),
    ("nn/mixed_product.wgsl", "MATRIX", 1, NO_MATRICES, WHERE_MATRICES),
    ("nn/mixed_weight_gradient.wgsl", "MATRIX", 1, NO_MATRICES, WHERE_MATRICES),
];
/// Shader, constants, limit, and the reason.
type LimitException = (&'static str, &'static [(&'static str, u32)], &'static str, &'static str);

/// Variants that take more of a limit than is promised, and what is taken where there is no more.
const LIMIT_EXCEPTIONS: [LimitException; 1] = [(
    "embed/knn_distances.wgsl",
    &[("IVF", 1), ("PARTS", 4)],
    "storage buffers",
    "an adapter that binds 8 searches rows in four buffers with IVF = 0: src/embed/neighbors.rs, and its test in tests/neighbors.rs",
)];

const NO_SUBGROUPS: &[Language] = &[Language::ShaderModel5, Language::OpenGlEs, Language::OpenGl];
const NO_MATRICES: &[Language] =
    &[Language::ShaderModel5, Language::ShaderModel6, Language::OpenGlEs, Language::OpenGl];
const WHERE_MATRICES: &str = "taken only by an adapter that says it multiplies 16×16 matrices of f16, which wgpu's backends for these languages do not offer; every \
    other adapter takes none of these shaders";
const WHERE_SUBGROUPS: &str = "taken only by an adapter with the feature SUBGROUP, which wgpu offers neither by OpenGL nor by DirectX's old \
    compiler; every other adapter takes SUBGROUPS = 0";

fn is_excepted(variant: &Variant, language: Language) -> bool {
    EXCEPTIONS.iter().any(|(path, name, value, languages, _)| {
        let set = name.is_empty() || variant.constants.contains(&(*name, *value));
        variant.path == *path && set && languages.contains(&language)
    })
}

/// Faults of a variant: what cannot be translated, what could be in spite of an exception, and what passes a limit.
fn faults(source: &Source, variant: &Variant) -> Vec<String> {
    let parsed = Parsed::new(&source.expand(&variant.constants).unwrap().text);
    let mut faults = Vec::new();
    for (index, entry) in parsed.module.entry_points.iter().enumerate() {
        let name = format!("{} {} {:?}", variant.path, entry.name, variant.constants);
        for language in Language::iter() {
            match (parsed.translate(entry, language), is_excepted(variant, language)) {
                (Err(error), false) => faults.push(format!("{name} in {language:?}: {error}")),
                (Ok(_), true) => faults.push(format!("{name} in {language:?}: it is no exception")),
                _ => (),
            }
        }
        let excepted = |limit: &str| {
            LIMIT_EXCEPTIONS.iter().any(|(path, constants, of, _)| {
                *path == variant.path
                    && *of == limit
                    && constants.iter().all(|c| variant.constants.contains(c))
            })
        };
        let taken = limits::taken(&parsed, index, entry).into_iter();
        let over = taken.filter(|(limit, taken, most)| taken > most && !excepted(limit));
        faults
            .extend(over.map(|(limit, taken, most)| format!("{name}: {taken} {limit}, {most} are promised")));
    }
    faults
}

#[test]
fn every_variant_can_be_said_in_every_language_and_keeps_the_limits() {
    let all = variants::all();
    assert!(all.len() > 500, "only {} variants were found", all.len());
    let next = Mutex::new(all.iter());
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let variant = next.lock().unwrap().next();
                    let Some((source, variant)) = variant else { break };
                    let faults = faults(source, variant);
                    found.lock().unwrap().extend(faults);
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{} faults\n{}", found.len(), found.join("\n"));
}

#[test]
fn what_cannot_be_said_or_takes_too_much_is_noticed() {
    let source = |text: &'static str| Source { path: "sample.wgsl", text, structs: &[] };
    let variant = Variant { path: "sample.wgsl", constants: Vec::new() };
    let wide = "var<workgroup> a: array<vec4<f32>, 1025>;\n@compute @workgroup_size(257) fn f() { a[0] = vec4<f32>(); }";
    let found = faults(&source(wide), &variant).join("\n");
    for said in ["16400 bytes of workgroup memory, 16384", "257 threads, 256", "257 threads in x, 256"] {
        assert!(found.contains(said), "{found}");
    }
    let bindings: String = (0..9)
        .map(|i| format!("@group(0) @binding({i}) var<storage, read_write> b{i}: array<u32>;\n"))
        .collect();
    let sum: String = (0..9).map(|i| format!("b{i}[0] = {i}u;")).collect();
    let many = format!("{bindings}@compute @workgroup_size(1) fn f() {{ {sum} }}");
    let found = faults(&source(many.leak()), &variant).join("\n");
    assert!(found.contains("9 storage buffers, 8 are promised"), "{found}");
    let waves = "@group(0) @binding(0) var<storage, read_write> b: u32;\n\
        @compute @workgroup_size(32) fn f(@builtin(subgroup_invocation_id) i: u32) { b = subgroupAdd(i); }";
    let found = faults(&source(waves), &variant).join("\n");
    for language in NO_SUBGROUPS {
        assert!(found.contains(&format!("{language:?}")), "{found}");
    }
    assert!(!found.contains("Metal") && !found.contains("ShaderModel6"), "{found}");
}
