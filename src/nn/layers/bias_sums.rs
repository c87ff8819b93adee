//! The bias gradient as partial sums of many workgroups, by the kernel that makes the gradient of the biased map or by itself: for GPUs.
//!
//! A workgroup of 256 threads adds a chunk of a channel: 1 to 8 vec4 a thread, then a tree. Few enough that no channel waits for one
//! multiprocessor, where one workgroup a channel took 2212 µs of an H100 (16 channels of 32×32, 4096 images). By measured bandwidth
//! there (2.85 TB/s), at batch 4096 and 256:
//!
//! | what makes the gradient | loads, stores a quad | µs |
//! | --- | --- | --- |
//! | it is there | 1, 0 | 91; 7.5 |
//! | a relu | 2, 1 | 278; 21 |
//! | a relu below 2×2 max pooling, by window | 2 and a word, 4 | 150; 10 |
//!
//! The order of the sums is another than on the software adapter, where few threads each add a whole channel: see `plans.rs` of `conv2d`.

use super::window::Window;
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::nn::twin::KernelTwin;
use crate::nn::{LayerBuild, Shape};
use crate::{params, wgsl};

const BIAS_SUMS: Source = wgsl!("nn/bias_sums.wgsl", BiasSumsParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[(
    "nn/bias_sums.wgsl",
    "bias_sums",
    "nn::layers::conv2d::Conv2d::backward_twin, and those of the layers that make its gradient",
)];

/// Threads of a workgroup.
const WORKGROUP: usize = 256;
/// Workgroups that keep a large GPU busy: four for each of 132 multiprocessors.
const BUSY: usize = 528;
/// Most vec4 of a thread.
const MAX_TURNS: usize = 8;

params! {
    struct BiasSumsParams {
        channels: u32,
        /// Chunks of a channel, one a workgroup.
        chunks: u32,
        /// Of the biased map.
        height: u32,
        width: u32,
        /// Of the pooled map.
        out_height: u32,
        out_width: u32,
        quads: u32,
        train_quads: u32,
        /// Quads of a channel, of windows where it is pooled.
        items: u32,
        /// Quads of a thread.
        turns: u32,
    }
}

/// Buffers and windows of a max pooling whose windows are square and lie apart.
pub(super) struct Unpooled<'a> {
    pub window: Window,
    /// Windows with the pixels up to the next, those at the edges that no window covers too.
    pub cells: Shape,
    /// Place of each maximum.
    pub argmax: &'a BufferRange,
    /// Gradient of what was pooled, made for the probes.
    pub input_gradient: &'a BufferRange,
}

/// The map that biases were added to, and what makes its gradient.
pub(super) enum BiasedMap<'a> {
    /// The layer's output, whose gradient is there.
    Output,
    /// The values and the gradient, which a relu makes.
    BelowRelu(&'a BufferRange, &'a BufferRange),
    /// The gradient, which a relu below max pooling makes.
    BelowPooling(&'a Unpooled<'a>, &'a BufferRange),
}

/// Adds the dispatch that makes the partial sums of the gradients of `biases` (first element, number), and the gradient of the map.
pub(super) fn bias_sums(
    build: &LayerBuild<'_>,
    plan: &mut PlanBuilder<'_>,
    map: BiasedMap<'_>,
    biases: (usize, usize),
) -> Result<()> {
    let (made_by, shape, cells, label) = match &map {
        BiasedMap::Output => (0, build.output_shape, build.output_shape, "bias gradient"),
        BiasedMap::BelowRelu(..) => (1, build.output_shape, build.output_shape, "input gradient"),
        BiasedMap::BelowPooling(unpooled, _) => (2, build.input().shape, unpooled.cells, "input gradient"),
    };
    let items = cells.pixels() * build.extent.quads;
    let turns = (items * shape.channels / (WORKGROUP * BUSY)).clamp(1, MAX_TURNS);
    let chunks = items.div_ceil(WORKGROUP * turns);
    let what = build.label("partial sums of biases");
    let partials = build.partials.reserve(build.gpu, &what, biases, chunks)?;
    let mut constants = vec![("MADE_BY", made_by)];
    if let BiasedMap::BelowPooling(unpooled, _) = &map {
        let Window { size: [size, _], stride: [stride, _], .. } = unpooled.window;
        constants.extend([("SIZE", size as u32), ("STRIDE", stride as u32)]);
    }
    let kernel = build.gpu.kernel(&BIAS_SUMS, "bias_sums", &constants)?;
    let mut dispatch = plan
        .dispatch(&build.label(label), &kernel)
        .bind("partials", partials)
        .bind("output_gradient", build.output_gradient.clone());
    dispatch = match map {
        BiasedMap::Output => dispatch,
        BiasedMap::BelowRelu(values, gradient) => {
            dispatch.bind("values", values.clone()).bind("gradient", gradient.clone())
        }
        BiasedMap::BelowPooling(unpooled, gradient) => dispatch
            .bind("values", build.output.clone())
            .bind("argmax", unpooled.argmax.clone())
            .bind("input_gradient", unpooled.input_gradient.clone())
            .bind("gradient", gradient.clone()),
    };
    dispatch
        .params(&BiasSumsParams {
            channels: shape.channels as u32,
            chunks: chunks as u32,
            height: shape.height as u32,
            width: shape.width as u32,
            out_height: build.output_shape.height as u32,
            out_width: build.output_shape.width as u32,
            quads: build.extent.quads as u32,
            train_quads: build.extent.train_quads as u32,
            items: items as u32,
            turns: turns as u32,
        })
        .threads([(chunks * shape.channels * WORKGROUP) as u32, 1, 1])
}
