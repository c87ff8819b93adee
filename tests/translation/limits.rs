//! The share of an entry point in the limits that WebGPU promises on every adapter; those of Metal and DirectX 12 are not below them.

use wgpu::Limits;
use wgpu::naga::proc::Layouter;
use wgpu::naga::{AddressSpace, EntryPoint};

use crate::languages::Parsed;

/// The limits by name, with the amount that entry point `index` takes and the amount that is promised.
pub(crate) fn taken(parsed: &Parsed, index: usize, entry: &EntryPoint) -> [(&'static str, u64, u64); 8] {
    let all = Limits::default();
    let mut layouter = Layouter::default();
    layouter.update(parsed.module.to_ctx()).unwrap();
    let uses = parsed.info.get_entry_point(index);
    let used = || parsed.module.global_variables.iter().filter(|(handle, _)| !uses[*handle].is_empty());
    let bytes = |space: AddressSpace| {
        used()
            .filter(move |(_, v)| v.space == space)
            .map(|(_, v)| u64::from(layouter[v.ty].size))
            .collect::<Vec<_>>()
    };
    let storage = used().filter(|(_, v)| matches!(v.space, AddressSpace::Storage { .. })).count();
    let uniforms = bytes(AddressSpace::Uniform);
    let [x, y, z] = entry.workgroup_size;
    [
        ("storage buffers", storage as u64, all.max_storage_buffers_per_shader_stage.into()),
        ("uniform buffers", uniforms.len() as u64, all.max_uniform_buffers_per_shader_stage.into()),
        ("bytes of a uniform", uniforms.into_iter().max().unwrap_or(0), all.max_uniform_buffer_binding_size),
        (
            "bytes of workgroup memory",
            bytes(AddressSpace::WorkGroup).iter().sum(),
            all.max_compute_workgroup_storage_size.into(),
        ),
        ("threads", u64::from(x * y * z), all.max_compute_invocations_per_workgroup.into()),
        ("threads in x", x.into(), all.max_compute_workgroup_size_x.into()),
        ("threads in y", y.into(), all.max_compute_workgroup_size_y.into()),
        ("threads in z", z.into(), all.max_compute_workgroup_size_z.into()),
    ]
}
