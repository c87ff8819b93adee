//! Weights packed for the convolution kernel, once a step.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Plan, Source};
use crate::nn::LayerBuild;
use crate::{params, wgsl};

const PACK_WEIGHTS: Source = wgsl!("nn/pack_weights.wgsl", PackWeightsParams);

params! {
    /// Sizes and strides of the packed weights.
    pub(super) struct PackWeightsParams {
        groups: u32,
        /// Channels of one group; `from` also rounded up to a multiple of PLANES.
        from_channels: u32,
        from_padded: u32,
        to_channels: u32,
        /// Channels of one tile, and tiles of one group.
        tile: u32,
        tiles: u32,
        /// Taps that are packed: rows × columns of the kernel, from `first`, and the elements between two of them.
        rows: u32,
        columns: u32,
        first: i32,
        row_step: i32,
        column_step: i32,
        /// Elements of the weight tensor from one group, `to` or `from` channel to the next.
        group_step: u32,
        to_step: u32,
        from_step: u32,
        weight_offset: u32,
        bias_offset: u32,
        has_bias: u32,
    }
}

/// A buffer of packed weights, and the plan that fills it.
pub(super) fn pack_weights(
    build: &LayerBuild<'_>,
    params: &PackWeightsParams,
) -> Result<(Plan, BufferRange)> {
    let rows = params.from_padded as usize * (params.rows * params.columns) as usize + 1;
    let count = (params.groups * params.tiles) as usize * rows * params.tile as usize;
    build.gpu.check_fits(&build.label("packed weights"), count as u64 * 4)?;
    let packed = Buffer::<f32>::zeroed(build.gpu, "packed weights", count).range();
    let kernel = build.gpu.kernel(&PACK_WEIGHTS, "pack_weights", &[])?;
    let mut plan = build.plan();
    plan.dispatch(&build.label("pack"), &kernel)
        .bind("parameters", build.parameters.clone())
        .bind("packed_weights", packed.clone())
        .params(params)
        .threads([count as u32, 1, 1])?;
    Ok((plan.finish(), packed))
}
