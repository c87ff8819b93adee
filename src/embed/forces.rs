//! The two forces of t-SNE on every point: the pull of its neighbours and the push of all others.
//!
//! `∂KL/∂y_i / 4 = e Σ_j p_ij q̃_ij (y_i − y_j) − (1/Z) Σ_j q̃_ij² (y_i − y_j)` with `q̃_ij = 1 / (1 + |y_i − y_j|²)`,
//! `Z = Σ_{i≠j} q̃_ij` and the exaggeration e (van der Maaten and Hinton 2008, equation 5, without the factor 4).

use crate::error::Result;
use crate::gpu::{BufferRange, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

use super::affinities::Affinities;

const ATTRACTION: Source = wgsl!("embed/attraction.wgsl");
const REPULSION: Source = wgsl!("embed/repulsion.wgsl");

params! { struct AttractionParams { count: u32, first: u32 } }
params! { struct RepulsionParams { pairs: u32 } }

/// Adds the attraction `(x, y, Σ p ln(1 + d²), Σ p)` of each point.
pub(super) fn attract(
    gpu: &Gpu,
    plan: &mut PlanBuilder<'_>,
    affinities: &Affinities,
    positions: &BufferRange,
    attraction: &BufferRange,
) -> Result<()> {
    let kernel = gpu.kernel(&ATTRACTION, "attract", &[])?;
    for chunk in &affinities.chunks {
        plan.dispatch("attraction", &kernel)
            .bind("positions", positions.clone())
            .bind("starts", chunk.starts.range())
            .bind("targets", chunk.targets.range())
            .bind("values", chunk.values.range())
            .bind("attraction", attraction.clone())
            .params(&AttractionParams { count: chunk.rows as u32, first: chunk.first as u32 })
            .threads([chunk.rows as u32, 1, 1])?;
    }
    Ok(())
}

/// Adds the exact repulsion `(x, y, Σ q̃, 0)` of each of `stride` points, the padding among them.
pub(super) fn repel(
    gpu: &Gpu,
    plan: &mut PlanBuilder<'_>,
    positions: &BufferRange,
    repulsion: &BufferRange,
    stride: usize,
) -> Result<()> {
    // On the software adapter loads cost most, so that a thread takes more points; a GPU wants many threads.
    let points = if gpu.is_software() { 4 } else { 2 };
    let kernel = gpu.kernel(&REPULSION, "repel", &[("POINTS", points as u32)])?;
    plan.dispatch("repulsion", &kernel)
        .bind("positions", positions.clone())
        .bind("repulsion", repulsion.clone())
        .params(&RepulsionParams { pairs: (stride / 2) as u32 })
        .flops(11 * (stride * stride) as u64)
        .threads([(stride / points) as u32, 1, 1])
}
