//! Cost models of the convolution kernels, by which register tiles are ordered before they are timed: one of the software adapter,
//! and one of GPUs.

use crate::gpu::DeviceProfile;
pub(in crate::nn::layers) use crate::gpu::h100::{cycles as gpu_cycles, moving_us, time_us as gpu_time_us};

/// Limits of the register tiles on the software adapter.
pub(super) struct TileLimits {
    /// Largest number of vec4 multiply-adds that a kernel unrolls: with more, its code leaves the caches of the CPU (5×5, AVX-512: 200
    /// gives 33 GFLOP/s, 400 gives 26). Where loads stall, 400 still give 1.15 to 1.3 times the rate of 200.
    pub unrolled: usize,
    /// Largest numbers of vec4 sums of forward pass and input gradient, and of the weight gradient.
    pub sums: usize,
    pub weight_sums: usize,
}

impl TileLimits {
    pub(super) fn of(profile: DeviceProfile) -> Self {
        if profile.stalls_at_loads {
            Self { unrolled: 416, sums: 80, weight_sums: 200 }
        } else {
            Self { unrolled: 208, sums: 64, weight_sums: 128 }
        }
    }
}

/// Cost of an iteration of a kernel's inner loop on the software adapter, in cycles of a thread, counted in its machine code: a
/// load of a vec4 is done lane by lane with a bounds check each; a scalar of a sum is masked and stored once an iteration.
pub(super) fn iteration_cycles(
    profile: DeviceProfile,
    loads: usize,
    scalar_sums: usize,
    scalar_products: usize,
) -> f64 {
    let load = if profile.stalls_at_loads { 270.0 } else { 150.0 };
    load * loads as f64 + 2.0 * scalar_sums as f64 + 1.25 * scalar_products as f64
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
