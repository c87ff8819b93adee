//! Marks of the layers of which a unit fired: of a layer that never fires, nothing is learned any more.

use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const FIRED: Source = wgsl!("nn/fired.wgsl", FiredParams);
/// Twins of the kernels.
pub(crate) const TWINS: &[KernelTwin] = &[("nn/fired.wgsl", "mark_fired", "nn::twin::fires")];
/// Threads at most; each reads many values.
const MAX_THREADS: usize = 1 << 14;

params! { struct FiredParams { quads: u32, layer: u32 } }

/// Sets `fired[layer]` to 1 where any of the `values` activations (a multiple of 4) is above 0; leaves it as it is otherwise.
///
/// # Errors
/// When a buffer does not fit the adapter.
pub fn mark_fired(
    plan: &mut PlanBuilder<'_>,
    (activations, values): (BufferRange, usize),
    layer: usize,
    fired: BufferRange,
) -> Result<()> {
    let kernel = plan.gpu().kernel(&FIRED, "mark_fired", &[])?;
    plan.dispatch("units that fired", &kernel)
        .bind("activations", activations)
        .bind("fired", fired)
        .params(&FiredParams { quads: (values / 4) as u32, layer: layer as u32 })
        .threads([(values / 4).clamp(1, MAX_THREADS) as u32, 1, 1])
}
