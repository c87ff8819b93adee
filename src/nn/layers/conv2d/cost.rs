//! Cost models of the convolution kernels, by which register tiles are ordered before they are timed: one of the software adapter,
//! and one of GPUs.

pub(in crate::nn::layers) use crate::gpu::h100::{cycles as gpu_cycles, moving_us, time_us as gpu_time_us};

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

/// Largest number of scalar multiply-adds that a kernel unrolls on a GPU. A short pass fetches its code again each step: with 46 KB
/// it takes 15 µs longer than with 30 KB, about 1000 multiply-adds.
pub(super) fn max_gpu_multiply_adds(quads: usize) -> usize {
    if quads <= 256 { 1000 } else { 1700 }
}
