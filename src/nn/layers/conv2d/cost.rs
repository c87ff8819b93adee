//! Cost model of the convolution kernels, by which register tiles are ordered before they are timed.

/// Largest number of vec4 multiply-adds that a kernel unrolls. Measured on the software adapter: with more, its code leaves the
/// caches of the CPU (5×5: 200 gives 33 GFLOP/s, 400 gives 26).
pub(super) const MAX_UNROLLED: usize = 208;

/// Cost of an iteration of a kernel's inner loop on the software adapter, in cycles of a thread, counted in its machine code: a
/// load of a vec4 is done lane by lane with a bounds check each; a scalar of a sum is masked and stored once an iteration.
pub(super) fn iteration_cycles(loads: usize, scalar_sums: usize, scalar_products: usize) -> f64 {
    150.0 * loads as f64 + 2.0 * scalar_sums as f64 + 1.25 * scalar_products as f64
}
