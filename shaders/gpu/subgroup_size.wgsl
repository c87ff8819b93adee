// How many lanes of a workgroup run in step.
@group(0) @binding(0) var<storage, read_write> size: array<u32>;

/// size[i] = lanes of the subgroup of thread i
@compute @workgroup_size(64)
fn subgroup_size(@builtin(local_invocation_index) i: u32, @builtin(subgroup_size) lanes: u32) {
    size[i] = lanes;
}
