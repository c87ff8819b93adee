//! What a WGSL entry point binds, read from the shader itself.

use std::num::NonZeroU64;

use wgpu::naga;

use super::buffer::BufferRange;
use crate::error::{Error, Result};

/// How an entry point uses a binding.
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
    /// How it is bound.
    pub kind: BindingKind,
    /// The fewest bytes that may be bound (one element for a runtime-sized array).
    pub min_bytes: u64,
    /// Name, byte offset and byte size of each field, when the variable is a struct.
    pub fields: Vec<(String, usize, usize)>,
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
    /// Whether it takes `num_workgroups`: then it finds its index where a long line of threads is folded.
    pub folds: bool,
}

/// Parses and validates WGSL and returns its entry points. `path` names the shader in messages.
///
/// # Errors
/// When the text does not parse or validate, with the compiler's message.
pub fn reflect(path: &str, text: &str) -> Result<Vec<EntryPoint>> {
    let invalid =
        |message: String| Error::new(format!("shader {path} is not valid:\n{message}"), "mend the shader");
    let module =
        naga::front::wgsl::parse_str(text).map_err(|e| invalid(e.emit_to_string_with_path(text, path)))?;
    let info =
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all())
            .validate(&module)
            .map_err(|e| invalid(e.emit_to_string_with_path(text, path)))?;
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
        let (stage, workgroup_size) = (entry.stage, entry.workgroup_size);
        entries.push(EntryPoint { name: entry.name.clone(), stage, workgroup_size, bindings, folds });
    }
    Ok(entries)
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
    let fields = match &ty.inner {
        naga::TypeInner::Struct { members, .. } => members
            .iter()
            .map(|m| {
                let bytes = module.types[m.ty].inner.size(module.to_ctx());
                (m.name.clone().unwrap_or_default(), m.offset as usize, bytes as usize)
            })
            .collect(),
        _ => Vec::new(),
    };
    let name = variable.name.clone().unwrap_or_default();
    Some(Binding { name, group: slot.group, index: slot.binding, kind, min_bytes, fields })
}

impl Binding {
    /// An error where `range` cannot be bound here; `label` names the pipeline.
    pub(super) fn check(&self, label: &str, range: &BufferRange) -> Result<()> {
        if range.size >= self.min_bytes {
            return Ok(());
        }
        Err(Error::new(
            format!(
                "{label}, binding {:?}: {} bytes are bound, {} needed",
                self.name, range.size, self.min_bytes
            ),
            "bind a larger buffer",
        ))
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
        let entries = reflect("sample", TEXT).unwrap();
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
    fn a_fault_names_the_shader() {
        assert!(reflect("sample", "fn main( {").unwrap_err().what().contains("sample"));
    }
}
