//! Cost model of a GPU, by which candidates are ordered before they are timed and the time of a step is predicted: an NVIDIA H100, the one
//! that was measured. See [`super::facts`].

/// Its multiprocessors, and their cycles in a microsecond.
const MULTIPROCESSORS: usize = 132;
const CYCLES_PER_US: f64 = 1980.0;
/// Subgroups of a multiprocessor that hide each other's waits.
const BUSY_SUBGROUPS: usize = 8;
/// Microseconds of a dispatch that waits for another.
pub(super) const DISPATCH_US: f64 = 2.1;
/// Bytes of its memory that it moves in a microsecond.
const BYTES_PER_US: f64 = 2.85e6;

/// Cycles of a multiprocessor for the work of one subgroup of 32 lanes: loads of vec4 from storage that lie in the first cache (5.7, and
/// 13 instructions for address, index check and selection), loads of vec4 from workgroup memory, scalar multiply-adds.
pub(crate) fn cycles(storage_loads: usize, workgroup_loads: usize, multiply_adds: usize) -> f64 {
    9.0 * storage_loads as f64 + 2.8 * workgroup_loads as f64 + 0.25 * multiply_adds as f64
}

/// Microseconds of `workgroups` of `subgroups` subgroups, which take `cycles` each.
pub(crate) fn time_us(cycles: f64, subgroups: usize, workgroups: usize) -> f64 {
    let one_multiprocessor = workgroups.div_ceil(MULTIPROCESSORS) * subgroups;
    cycles * one_multiprocessor.max(BUSY_SUBGROUPS) as f64 / CYCLES_PER_US
}

/// Microseconds of a dispatch that waits for the one before, and moves this number of bytes.
pub(crate) fn moving_us(bytes: u64) -> f64 {
    DISPATCH_US + bytes as f64 / BYTES_PER_US
}
