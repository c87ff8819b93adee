//! Entry points of a WGSL module and their bindings, read from the shader itself.

use std::num::NonZeroU64;

use wgpu::naga;

use super::buffer::BufferRange;
use super::shader::Expanded;
use super::structs::StructDef;
use crate::error::{Error, Result};

/// Kind of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingKind {
    /// `var<uniform>`
    Uniform,
    /// `var<storage, read>`
    StorageRead,
    /// `var<storage, read_write>`
    StorageReadWrite,
}

/// One `@group(group) @binding(index)` variable that an entry point uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The variable's name in the shader.
    pub name: String,
    /// Its bind group.
    pub group: u32,
    /// Its binding index in the group.
    pub index: u32,
    /// Uniform or storage.
    pub kind: BindingKind,
    /// The fewest bytes that may be bound (one element for a runtime-sized array).
    pub min_bytes: u64,
    /// The struct's name, when the variable is a struct or an array of structs.
    pub struct_name: Option<String>,
    /// Name, byte offset and byte size of each field of that struct.
    pub fields: Vec<(String, usize, usize)>,
}

/// A `@location` argument of a vertex entry point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VertexInput {
    /// The argument's name.
    pub name: String,
    /// Its location.
    pub location: u32,
    /// Its type.
    pub format: wgpu::VertexFormat,
}

/// An entry point and its bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// The function's name.
    pub name: String,
    /// Compute, vertex or fragment.
    pub stage: naga::ShaderStage,
    /// Threads per workgroup in x, y, z; zeros where it is no compute entry point.
    pub workgroup_size: [u32; 3],
    /// The bindings that it uses, by group and index.
    pub bindings: Vec<Binding>,
    /// Its arguments from vertex buffers.
    pub inputs: Vec<VertexInput>,
    /// It takes `num_workgroups`, and so finds its index where a long line of threads is folded.
    pub folds: bool,
}

/// Parses and validates WGSL and returns its entry points. Shared structs are compared with the program's.
///
/// # Errors
/// When the text does not parse or validate, with the compiler's message at the line of the file that was written, or a shared
/// struct has another memory layout than in Rust.
pub fn reflect(shader: &Expanded) -> Result<Vec<EntryPoint>> {
    let text = shader.text.as_str();
    let module = naga::front::wgsl::parse_str(text).map_err(|e| {
        let labels = e.labels().map(|(span, label)| (span, label.to_owned())).collect();
        invalid(shader, e.message(), labels)
    })?;
    let info =
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all())
            .validate(&module)
            .map_err(|e| invalid(shader, &causes(e.as_inner()), e.spans().cloned().collect()))?;
    check_structs(shader, &module)?;
    let mut entries = Vec::new();
    for (index, entry) in module.entry_points.iter().enumerate() {
        let used = info.get_entry_point(index);
        let mut bindings: Vec<Binding> = module
            .global_variables
            .iter()
            .filter(|(handle, _)| !used[*handle].is_empty())
            .filter_map(|(_, variable)| binding(&module, variable))
            .collect();
        bindings.sort_by_key(|b| (b.group, b.index));
        let num_workgroups = Some(naga::Binding::BuiltIn(naga::BuiltIn::NumWorkGroups));
        let folds = entry.function.arguments.iter().any(|a| a.binding == num_workgroups);
        let inputs = entry.function.arguments.iter().filter_map(|a| vertex_input(&module, a)).collect();
        let (stage, workgroup_size) = (entry.stage, entry.workgroup_size);
        entries.push(EntryPoint { name: entry.name.clone(), stage, workgroup_size, bindings, inputs, folds });
    }
    Ok(entries)
}

fn vertex_input(module: &naga::Module, argument: &naga::FunctionArgument) -> Option<VertexInput> {
    let Some(naga::Binding::Location { location, .. }) = argument.binding else { return None };
    let format = match module.types[argument.ty].inner {
        naga::TypeInner::Scalar(naga::Scalar::U32) => wgpu::VertexFormat::Uint32,
        naga::TypeInner::Scalar(naga::Scalar::F32) => wgpu::VertexFormat::Float32,
        naga::TypeInner::Vector { size, scalar: naga::Scalar::F32 } => match size {
            naga::VectorSize::Bi => wgpu::VertexFormat::Float32x2,
            naga::VectorSize::Tri => wgpu::VertexFormat::Float32x3,
            naga::VectorSize::Quad => wgpu::VertexFormat::Float32x4,
        },
        _ => return None,
    };
    Some(VertexInput { name: argument.name.clone()?, location, format })
}

/// An error with all that caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A compiler's message, with the lines that it is about as they were written.
fn invalid(shader: &Expanded, message: &str, labels: Vec<(naga::Span, String)>) -> Error {
    let mut what = format!("shader {} is not valid: {message}", shader.path);
    for (span, label) in labels.iter().filter(|(span, _)| span.is_defined()) {
        let line = span.location(&shader.text).line_number as usize;
        let text = shader.text.lines().nth(line - 1).unwrap_or_default().trim();
        what += &format!("\n{}: {label}: {text}", shader.origin(line));
    }
    Error::new(what, "mend the shader")
}

/// Compares the memory of shared structs with the program's.
fn check_structs(shader: &Expanded, module: &naga::Module) -> Result<()> {
    for shared in shader.structs {
        let named = |ty: &&naga::Type| ty.name.as_deref() == Some(shared.name);
        let Some(ty) = module.types.iter().map(|(_, ty)| ty).find(named) else { continue };
        let fields = fields(module, ty);
        let bytes = ty.inner.size(module.to_ctx()) as usize;
        let same = fields.iter().map(|(name, offset, size)| (name.as_str(), *offset, *size));
        if bytes != shared.size || !same.eq(shared.extents()) {
            let ours: Vec<_> = shared.extents().collect();
            return Err(Error::new(
                format!(
                    "shader {}: struct {} has the fields (name, offset, size) {fields:?} in {bytes} bytes, in the program {ours:?} in {}",
                    shader.path, shared.name, shared.size
                ),
                "add fields of padding",
            ));
        }
    }
    Ok(())
}

/// Name, byte offset and byte size of each field of a struct; none of other types.
fn fields(module: &naga::Module, ty: &naga::Type) -> Vec<(String, usize, usize)> {
    let naga::TypeInner::Struct { members, .. } = &ty.inner else { return Vec::new() };
    let field = |m: &naga::StructMember| {
        let bytes = module.types[m.ty].inner.size(module.to_ctx());
        (m.name.clone().unwrap_or_default(), m.offset as usize, bytes as usize)
    };
    members.iter().map(field).collect()
}

fn binding(module: &naga::Module, variable: &naga::GlobalVariable) -> Option<Binding> {
    let slot = variable.binding.as_ref()?;
    let kind = match variable.space {
        naga::AddressSpace::Uniform => BindingKind::Uniform,
        naga::AddressSpace::Storage { access } if access.contains(naga::StorageAccess::STORE) => {
            BindingKind::StorageReadWrite
        }
        naga::AddressSpace::Storage { .. } => BindingKind::StorageRead,
        _ => return None,
    };
    let ty = &module.types[variable.ty];
    let min_bytes = match ty.inner {
        naga::TypeInner::Array { size: naga::ArraySize::Dynamic, stride, .. } => u64::from(stride),
        ref inner => u64::from(inner.size(module.to_ctx())),
    };
    let element = match ty.inner {
        naga::TypeInner::Array { base, .. } => &module.types[base],
        _ => ty,
    };
    let (fields, struct_name) = (fields(module, element), element.name.clone());
    let name = variable.name.clone().unwrap_or_default();
    Some(Binding { name, group: slot.group, index: slot.binding, kind, min_bytes, struct_name, fields })
}

impl Binding {
    /// An error where `range` cannot be bound here; `label` names the pipeline.
    pub(super) fn check(&self, label: &str, range: &BufferRange) -> Result<()> {
        let fault =
            |what: String, help| Err(Error::new(format!("{label}, binding {:?}: {what}", self.name), help));
        if range.size < self.min_bytes {
            let what = format!("{} bytes are bound, {} needed", range.size, self.min_bytes);
            return fault(what, "bind a larger buffer");
        }
        if range.element.map_or(self.struct_name.is_none(), |element| self.is_of(element)) {
            return Ok(());
        }
        let (theirs, fields) = (self.struct_name.as_deref().unwrap_or("no struct"), &self.fields);
        let ours = range.element.map_or("no struct", |element| element.name);
        let bound: Vec<_> = range.element.iter().flat_map(|element| element.extents()).collect();
        fault(
            format!(
                "its elements are {theirs} with the fields {fields:?}, those bound are {ours} with {bound:?}"
            ),
            "bind a buffer of that struct",
        )
    }

    /// Its struct has the fields of `shared`, with their offsets and sizes.
    pub(super) fn is_of(&self, shared: &StructDef) -> bool {
        self.fields.iter().map(|(name, offset, size)| (name.as_str(), *offset, *size)).eq(shared.extents())
    }

    /// The layout entry that a pipeline is made with.
    pub(super) fn layout_entry(&self, visibility: wgpu::ShaderStages) -> wgpu::BindGroupLayoutEntry {
        let ty = match self.kind {
            BindingKind::Uniform => wgpu::BufferBindingType::Uniform,
            BindingKind::StorageRead => wgpu::BufferBindingType::Storage { read_only: true },
            BindingKind::StorageReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
        };
        wgpu::BindGroupLayoutEntry {
            binding: self.index,
            visibility,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: false,
                min_binding_size: NonZeroU64::new(self.min_bytes),
            },
            count: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Params as _, Source};

    fn expanded(text: &'static str) -> Expanded {
        Source { path: "sample.wgsl", text, structs: &[] }.expand(&[]).unwrap()
    }

    const TEXT: &str = "
        struct Params { count: u32, scale: f32 }
        @group(0) @binding(0) var<uniform> params: Params;
        @group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
        @group(0) @binding(2) var<storage, read_write> y: array<f32>;
        @group(0) @binding(3) var<storage, read_write> unused: array<f32>;
        @compute @workgroup_size(64, 2) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
            if id.x < params.count { y[id.x] = x[id.x].x * params.scale; }
        }";

    #[test]
    fn bindings_sizes_and_fields_are_those_of_the_text() {
        let entries = reflect(&expanded(TEXT)).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].workgroup_size, [64, 2, 1]);
        assert!(!entries[0].folds, "it does not ask how many workgroups there are");
        let names: Vec<_> = entries[0].bindings.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(names, ["params", "x", "y"], "what is not used is not bound");
        assert_eq!(entries[0].bindings[0].fields[1], ("scale".to_owned(), 4, 4));
        assert_eq!(entries[0].bindings[1].min_bytes, 16);
        assert_eq!(entries[0].bindings[2].kind, BindingKind::StorageReadWrite);
    }

    #[test]
    fn faults_of_the_compiler_name_the_line_that_was_written() {
        let fault = |text| reflect(&expanded(text)).unwrap_err().what().to_owned();
        assert!(fault("fn main( {").contains("sample.wgsl:1"));
        // The fault stands in the second round of the loop, in line 8 of what is compiled.
        let text = "#constant N = 3\n#for i in N\n// one\n\nfn f_{i}() { let x: u32 = {i}u; }\n#if i\nfn g() { }\n#end\n#end";
        assert!(fault(text).contains("sample.wgsl:7"), "{}", fault(text));
        // Valid by its grammar only.
        let text = "\n\nfn f() -> u32 { let x = 1u; }";
        assert!(fault(text).contains("sample.wgsl:3"), "{}", fault(text));
    }

    crate::params! { struct Spaced { count: u32, at: [f32; 2] } }
    crate::params! { struct Padded { count: u32, padding: u32, at: [f32; 2] } }

    #[test]
    fn a_struct_that_wgsl_pads_is_refused() {
        let text = "#import Padded\n@group(0) @binding(0) var<storage> pairs: array<Padded>;
            @compute @workgroup_size(1) fn main() { _ = pairs[0].at; }";
        let source = Source { path: "sample.wgsl", text, structs: &[Padded::DEF] };
        let entries = reflect(&source.expand(&[]).unwrap()).unwrap();
        assert!(entries[0].bindings[0].is_of(Padded::DEF) && !entries[0].bindings[0].is_of(Spaced::DEF));
        let text = text.replace("Padded", "Spaced").leak();
        let source = Source { path: "sample.wgsl", text, structs: &[Spaced::DEF] };
        let fault = reflect(&source.expand(&[]).unwrap()).unwrap_err();
        assert!(fault.what().contains("struct Spaced") && fault.help().contains("padding"), "{fault}");
    }
}
