//! Marks of the layers of which a unit fired: of a layer that never fires, nothing is learned any more.

use crate::data::{BatchSizes, Sample};
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const FIRED: Source = wgsl!("nn/fired.wgsl", Sample, FiredParams);
/// Twins of the kernels.
pub(crate) const TWINS: &[KernelTwin] = &[("nn/fired.wgsl", "mark_fired", "nn::twin::fires")];
/// Threads at most; each reads many values.
const MAX_THREADS: usize = 1 << 14;

params! { struct FiredParams { quads: u32, row_quads: u32, train_quads: u32, layer: u32 } }

/// Sets `fired[layer]` to 1 where any of `features` activations of an image is above 0; leaves it as it is otherwise. Padding and
/// probes are no images.
///
/// # Errors
/// When a buffer does not fit the adapter.
pub fn mark_fired(
    plan: &mut PlanBuilder<'_>,
    (samples, sizes): (BufferRange, BatchSizes),
    (activations, features): (BufferRange, usize),
    layer: usize,
    fired: BufferRange,
) -> Result<()> {
    let kernel = plan.gpu().kernel(&FIRED, "mark_fired", &[])?;
    let row_quads = sizes.slots / 4;
    let quads = features * row_quads;
    plan.dispatch("units that fired", &kernel)
        .bind("samples", samples)
        .bind("activations", activations)
        .bind("fired", fired)
        .params(&FiredParams {
            quads: quads as u32,
            row_quads: row_quads as u32,
            train_quads: (sizes.train_slots / 4) as u32,
            layer: layer as u32,
        })
        .threads([quads.clamp(1, MAX_THREADS) as u32, 1, 1])
}
