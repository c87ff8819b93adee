//! A kernel for the tests of the cache and of the tuner.

use super::shader::Source;

/// Its entry `fill` writes `VALUE` to all of `y`, by workgroups of `THREADS` threads.
pub(super) const FILL: Source = Source {
    path: "tests/fill.wgsl",
    text: "
#constant THREADS = 64
#constant VALUE = 1
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(THREADS)
fn fill(@builtin(global_invocation_id) id: vec3<u32>) { if id.x < arrayLength(&y) { y[id.x] = VALUE; } }
",
    structs: &[],
};
