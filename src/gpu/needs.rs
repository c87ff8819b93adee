//! The least that an adapter must have, whatever is trained: what the kernels take wherever they run.

use wgpu::{DownlevelFlags, Limits};

/// Limits that the kernels take at most, as WebGPU gives them by default; adapters of Metal and DirectX 12 have at least these.
pub(super) const LIMITS: [(&str, u64); 7] = [
    ("storage buffers for each shader", 8),
    ("binding numbers for each shader", 100),
    ("threads for each workgroup", 256),
    ("threads along x for each workgroup", 256),
    ("bytes of memory for each workgroup", 16 << 10),
    ("bytes for each uniform buffer", 1 << 12),
    ("bytes for each storage buffer", 1 << 24),
];

/// The adapter's values of [`LIMITS`].
pub(super) fn values(limits: &Limits) -> [u64; 7] {
    [
        limits.max_storage_buffers_per_shader_stage.into(),
        limits.max_bindings_per_bind_group.into(),
        limits.max_compute_invocations_per_workgroup.into(),
        limits.max_compute_workgroup_size_x.into(),
        limits.max_compute_workgroup_storage_size.into(),
        limits.max_uniform_buffer_binding_size,
        limits.max_storage_buffer_binding_size,
    ]
}

/// The needed parts that an adapter with these flags and limits has not, in words; empty where it can be used.
pub(super) fn lacking(flags: DownlevelFlags, limits: &Limits) -> Vec<String> {
    let needed = [
        (DownlevelFlags::COMPUTE_SHADERS, "compute shaders"),
        (DownlevelFlags::INDIRECT_EXECUTION, "indirect dispatches"),
        (DownlevelFlags::VERTEX_STORAGE, "storage buffers in vertex shaders"),
    ];
    let mut lacks: Vec<String> = needed
        .iter()
        .filter(|(flag, _)| !flags.contains(*flag))
        .map(|(_, name)| (*name).to_owned())
        .collect();
    // Without compute shaders their limits are 0, which tells nothing more.
    if flags.contains(DownlevelFlags::COMPUTE_SHADERS) {
        let short = LIMITS.iter().zip(values(limits)).filter(|((_, least), has)| has < least);
        lacks.extend(short.map(|((name, least), has)| format!("{least} {name} (it has {has})")));
    }
    lacks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_webgpu_promises_is_enough() {
        assert_eq!(lacking(DownlevelFlags::all(), &Limits::default()), [""; 0]);
    }

    #[test]
    fn an_adapter_without_compute_shaders_is_told_by_that_alone() {
        let old = DownlevelFlags::all() - DownlevelFlags::COMPUTE_SHADERS;
        assert_eq!(lacking(old, &Limits::downlevel_webgl2_defaults()), ["compute shaders"]);
        let older = old - DownlevelFlags::INDIRECT_EXECUTION;
        assert_eq!(lacking(older, &Limits::default()), ["compute shaders", "indirect dispatches"]);
    }

    #[test]
    fn each_limit_counts() {
        type Change = fn(&mut Limits);
        let changes: [(Change, &str); 7] = [
            (|l| l.max_storage_buffers_per_shader_stage = 4, "8 storage buffers for each shader (it has 4)"),
            (|l| l.max_bindings_per_bind_group = 99, "100 binding numbers"),
            (|l| l.max_compute_invocations_per_workgroup = 128, "256 threads for each workgroup"),
            (|l| l.max_compute_workgroup_size_x = 255, "256 threads along x"),
            (|l| l.max_compute_workgroup_storage_size = 16383, "16384 bytes of memory"),
            (|l| l.max_uniform_buffer_binding_size = 4095, "4096 bytes for each uniform"),
            (|l| l.max_storage_buffer_binding_size = 1 << 20, "16777216 bytes for each storage"),
        ];
        for (change, said) in changes {
            let mut limits = Limits::default();
            change(&mut limits);
            let lacks = lacking(DownlevelFlags::all(), &limits);
            assert!(lacks.len() == 1 && lacks[0].contains(said), "{lacks:?}, not {said}");
        }
    }
}
