//! Copies between stretches of buffers: what flattening and concatenation come down to in the batch-innermost layout.

use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::nn::LayerBuild;
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const COPY: Source = wgsl!("nn/copy.wgsl", CopyParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] =
    &[("nn/copy.wgsl", "copy", "nn::layers::concat::Concat::forward_twin")];

params! { struct CopyParams { count: u32, first: u32, to: u32 } }

/// Copies `count` quads from quad `first` of `source` to quad `to` of `result`.
pub(super) fn copy(
    build: &LayerBuild<'_>,
    plan: &mut PlanBuilder<'_>,
    label: &str,
    (source, first): (&BufferRange, u32),
    (result, to): (&BufferRange, u32),
    count: u32,
) -> Result<()> {
    let kernel = build.gpu.kernel(&COPY, "copy", &[])?;
    plan.dispatch(&build.label(label), &kernel)
        .bind("source", source.clone())
        .bind("result", result.clone())
        .params(&CopyParams { count, first, to })
        .threads([count, 1, 1])
}
