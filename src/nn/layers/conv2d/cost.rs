//! Cost models of the convolution kernels, by which register tiles are ordered before they are timed: one of the software adapter,
//! and one of GPUs.

/// Largest number of vec4 multiply-adds that a kernel unrolls. Measured on the software adapter: with more, its code leaves the
/// caches of the CPU (5×5: 200 gives 33 GFLOP/s, 400 gives 26).
pub(super) const MAX_UNROLLED: usize = 208;

/// Cost of an iteration of a kernel's inner loop on the software adapter, in cycles of a thread, counted in its machine code: a
/// load of a vec4 is done lane by lane with a bounds check each; a scalar of a sum is masked and stored once an iteration.
pub(super) fn iteration_cycles(loads: usize, scalar_sums: usize, scalar_products: usize) -> f64 {
    150.0 * loads as f64 + 2.0 * scalar_sums as f64 + 1.25 * scalar_products as f64
}

/// Candidates that the autotuner times on a GPU at most: its driver takes half a second for a kernel of a thousand multiply-adds.
pub(in crate::nn::layers) const MAX_GPU_CANDIDATES: usize = 3;
/// Registers of a thread at most: what is over goes to memory.
pub(super) const MAX_REGISTERS: usize = 236;
/// Registers for addresses, counters and limits, about.
pub(super) const OTHER_REGISTERS: usize = 34;

/// Multiprocessors of the GPU that the model was measured on, an NVIDIA H100, and its cycles in a microsecond.
const MULTIPROCESSORS: usize = 132;
const CYCLES_PER_US: f64 = 1980.0;
/// Microseconds of a dispatch that waits for another.
const DISPATCH_US: f64 = 2.1;
/// Bytes of its memory that it moves in a microsecond.
const BYTES_PER_US: f64 = 2.85e6;
/// Subgroups of a multiprocessor that hide each other's waits.
const BUSY_SUBGROUPS: usize = 8;

/// Largest number of scalar multiply-adds that a kernel unrolls on a GPU. A short pass fetches its code again each step: with 46 KB
/// it takes 15 µs longer than with 30 KB, about 1000 multiply-adds.
pub(super) fn max_gpu_multiply_adds(quads: usize) -> usize {
    if quads <= 256 { 1000 } else { 1700 }
}

/// Cycles of a multiprocessor for what one subgroup of 32 lanes does, measured on an H100: loads of vec4 from storage that lie in the
/// first cache (5.7, and 13 instructions for address, index check and selection), loads of vec4 from workgroup memory, scalar
/// multiply-adds.
pub(in crate::nn::layers) fn gpu_cycles(
    storage_loads: usize,
    workgroup_loads: usize,
    multiply_adds: usize,
) -> f64 {
    9.0 * storage_loads as f64 + 2.8 * workgroup_loads as f64 + 0.25 * multiply_adds as f64
}

/// Microseconds of `workgroups` of `subgroups` subgroups, which take `cycles` each.
pub(in crate::nn::layers) fn gpu_time_us(cycles: f64, subgroups: usize, workgroups: usize) -> f64 {
    let one_multiprocessor = workgroups.div_ceil(MULTIPROCESSORS) * subgroups;
    cycles * one_multiprocessor.max(BUSY_SUBGROUPS) as f64 / CYCLES_PER_US
}

/// Microseconds of a dispatch of that GPU which waits for the one before, and moves this number of bytes.
pub(super) fn moving_us(bytes: usize) -> f64 {
    DISPATCH_US + bytes as f64 / BYTES_PER_US
}
