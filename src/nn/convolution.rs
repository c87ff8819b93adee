//! Convolution on the GPU, for `conv2d` and `dense` (a 1×1 map) alike.
//!
//! One kernel makes the forward pass and the input gradient: destination row `t` under tap `k` reads source row
//! `(t·multiply + tap_step·k + shift) / divide`, with (stride, dilation, −padding, 1) forward and
//! (1, −dilation, padding, stride) backward. Weights are packed `[from, ky, kx, to]` for each. The weight gradient is a set of partial sums
//! over shares of the images, then added in a fixed order: no atomics, the same bits every time.

use super::Shape;
use super::layer::{LayerBuild, LayerPlans};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

const GATHER: Source = wgsl!("nn/convolution.wgsl");
const WEIGHT_GRADIENT: Source = wgsl!("nn/convolution_weight_gradient.wgsl");
const SUM_PARTIALS: Source = wgsl!("nn/sum_partials.wgsl");
const BIAS_GRADIENT: Source = wgsl!("nn/bias_gradient.wgsl");
const PACK_WEIGHTS: Source = wgsl!("nn/pack_weights.wgsl");

params! {
    struct GatherParams {
        from_channels: u32, from_height: u32, from_width: u32,
        to_channels: u32, to_height: u32, to_width: u32,
        kernel: u32, multiply: i32, tap_step: i32, shift: i32,
        quads: u32, to_padded: u32,
    }
}
params! {
    struct WeightGradientParams {
        in_channels: u32, in_height: u32, in_width: u32,
        out_channels: u32, out_height: u32, out_width: u32,
        kernel: u32, stride: u32, padding: u32, dilation: u32,
        quads: u32, train_quads: u32,
        tap_tiles: u32, lanes: u32, lanes_padded: u32, splits: u32, groups: u32,
    }
}
params! { struct SumPartialsParams { count: u32, splits: u32, offset: u32 } }
params! { struct BiasGradientParams { pixels: u32, quads: u32, train_quads: u32, offset: u32 } }
params! {
    struct PackWeightsParams {
        groups: u32, from_channels: u32, to_channels: u32, to_padded: u32, taps: u32,
        group_step: u32, to_step: u32, from_step: u32, weight_offset: u32, bias_offset: u32, has_bias: u32,
    }
}

/// The geometry of a convolution.
pub(super) struct Convolution {
    pub input: Shape,
    pub output: Shape,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
    /// Input and output channels fall into so many groups; each output sees the inputs of its group.
    pub groups: usize,
}

/// Which way [`Convolution::gather`] goes.
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Forward,
    InputGradient,
}

/// Register tile of the gather kernel: blocks of 4 channels a thread, chosen to waste the fewest channels,
/// then to be the largest.
fn block_tile(channels: usize, most: usize) -> usize {
    let blocks = channels.div_ceil(4);
    (1..=most.min(blocks)).min_by_key(|tile| (blocks.div_ceil(*tile) * tile, most - tile)).unwrap_or(1)
}

impl Convolution {
    /// Multiply-adds, counted twice, of one image's forward pass (or either gradient).
    pub fn flops(&self) -> u64 {
        2 * (self.output.len() * self.in_channels() * self.kernel * self.kernel) as u64
    }

    /// Input channels of one group.
    fn in_channels(&self) -> usize {
        self.input.channels / self.groups
    }

    /// Output channels of one group.
    fn out_channels(&self) -> usize {
        self.output.channels / self.groups
    }

    /// Weights of the layer.
    fn weights(&self) -> usize {
        self.output.channels * self.in_channels() * self.kernel * self.kernel
    }

    /// All dispatches of the layer.
    pub fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut prepare, mut forward, mut backward) = (build.plan(), build.plan(), build.plan());
        let flops = self.flops() * build.columns.quads as u64 * 4;
        let packed = self.pack(build, &mut prepare, Direction::Forward)?;
        let buffers = [&build.input().values, &packed, &build.output];
        self.gather(build, &mut forward, Direction::Forward, buffers, flops)?;
        if build.trains {
            self.weight_gradient(build, &mut backward)?;
            self.bias_gradient(build, &mut backward)?;
        }
        if let Some(input_gradient) = &build.input().gradient {
            let packed = self.pack(build, &mut prepare, Direction::InputGradient)?;
            let buffers = [&build.output_gradient, &packed, input_gradient];
            self.gather(build, &mut backward, Direction::InputGradient, buffers, flops)?;
        }
        Ok(LayerPlans {
            prepare: prepare.finish(),
            forward: forward.finish(),
            evaluation: None,
            backward: backward.finish(),
        })
    }

    fn pack(
        &self,
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
        direction: Direction,
    ) -> Result<BufferRange> {
        let gpu = build.gpu;
        let taps = self.kernel * self.kernel;
        let (in_channels, out_channels) = (self.in_channels(), self.out_channels());
        let forward = direction == Direction::Forward;
        let (from, to) = if forward { (in_channels, out_channels) } else { (out_channels, in_channels) };
        let (out_step, in_step) = (in_channels * taps, taps);
        let (to_step, from_step) = if forward { (out_step, in_step) } else { (in_step, out_step) };
        let to_padded = padded_channels(gpu, to);
        let count = self.groups * (from * taps + 1) * to_padded;
        gpu.check_fits(&build.label("packed weights"), count as u64 * 4)?;
        let packed = Buffer::<f32>::zeroed(gpu, "packed weights", count).range();
        let kernel = gpu.kernel(&PACK_WEIGHTS, "pack_weights", &[])?;
        plan.dispatch(&build.label("pack"), &kernel)
            .bind("parameters", build.parameters.clone())
            .bind("packed_weights", packed.clone())
            .params(&PackWeightsParams {
                groups: self.groups as u32,
                group_step: (in_channels * out_channels * taps) as u32,
                from_channels: from as u32,
                to_channels: to as u32,
                to_padded: to_padded as u32,
                taps: taps as u32,
                to_step: to_step as u32,
                from_step: from_step as u32,
                weight_offset: build.offsets[0] as u32,
                bias_offset: build.offsets[1] as u32,
                has_bias: u32::from(forward),
            })
            .threads([count as u32, 1, 1])?;
        Ok(packed)
    }

    fn gather(
        &self,
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
        direction: Direction,
        [source, weights, result]: [&BufferRange; 3],
        flops: u64,
    ) -> Result<()> {
        let gpu = build.gpu;
        let forward = direction == Direction::Forward;
        let (from, to) = if forward { (self.input, self.output) } else { (self.output, self.input) };
        let [stride, padding, dilation] = [self.stride, self.padding, self.dilation].map(|n| n as i32);
        let (multiply, tap_step, shift, divide) = if forward {
            (stride, dilation, -padding, 1)
        } else {
            (1, -dilation, padding, self.stride as u32)
        };
        let to_channels = to.channels / self.groups;
        let blocks = block_tile(to_channels, most_blocks(gpu));
        let quads_a_thread =
            if gpu.tuning().large_tiles && build.columns.quads.is_multiple_of(2) { 2 } else { 1 };
        let kernel = gpu.kernel(
            &GATHER,
            "gather",
            &[
                ("OUT_BLOCKS", blocks as u32),
                ("QUADS", quads_a_thread as u32),
                ("SUBGROUPS", u32::from(gpu.tuning().shares_loads)),
                ("DIVIDE", divide),
            ],
        )?;
        let to_padded = padded_channels(gpu, to_channels);
        let threads = build.columns.quads / quads_a_thread * to.pixels();
        let label = build.label(if forward { "forward" } else { "input gradient" });
        plan.dispatch(&label, &kernel)
            .bind("source", source.clone())
            .bind("weights", weights.clone())
            .bind("result", result.clone())
            .params(&GatherParams {
                from_channels: (from.channels / self.groups) as u32,
                from_height: from.height as u32,
                from_width: from.width as u32,
                to_channels: to_channels as u32,
                to_height: to.height as u32,
                to_width: to.width as u32,
                kernel: self.kernel as u32,
                multiply,
                tap_step,
                shift,
                quads: build.columns.quads as u32,
                to_padded: to_padded as u32,
            })
            .flops(flops)
            .threads([threads as u32, (to_padded / 4 / blocks) as u32, self.groups as u32])
    }

    fn weight_gradient(&self, build: &LayerBuild<'_>, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let gpu = build.gpu;
        let (input, output) = (self.input, self.output);
        let tile = WeightTile::choose(gpu, self, build.columns.train_quads);
        let count = self.weights();
        gpu.check_fits(&build.label("weight gradient"), (count * tile.splits * 4) as u64)?;
        let partials = Buffer::<f32>::zeroed(gpu, "partials", count * tile.splits);
        let kernel = gpu.kernel(
            &WEIGHT_GRADIENT,
            "weight_gradient",
            &[
                ("OUTS", tile.outs as u32),
                ("TAPS", tile.taps as u32),
                ("LOADS", tile.outs.div_ceil(8) as u32),
                ("SUBGROUPS", u32::from(gpu.tuning().shares_loads)),
            ],
        )?;
        plan.dispatch(&build.label("weight gradient"), &kernel)
            .bind("input", build.input().values.clone())
            .bind("output_gradient", build.output_gradient.clone())
            .bind("partials", partials.range())
            .params(&WeightGradientParams {
                in_channels: self.in_channels() as u32,
                in_height: input.height as u32,
                in_width: input.width as u32,
                out_channels: self.out_channels() as u32,
                out_height: output.height as u32,
                out_width: output.width as u32,
                kernel: self.kernel as u32,
                stride: self.stride as u32,
                padding: self.padding as u32,
                dilation: self.dilation as u32,
                quads: build.columns.quads as u32,
                train_quads: build.columns.train_quads as u32,
                tap_tiles: self.kernel.div_ceil(tile.taps) as u32,
                lanes: tile.lanes as u32,
                lanes_padded: tile.lanes.next_multiple_of(8) as u32,
                splits: tile.splits as u32,
                groups: self.groups as u32,
            })
            .flops(self.flops() * build.columns.train_quads as u64 * 4)
            .threads([
                (tile.lanes.next_multiple_of(8) * tile.splits) as u32,
                self.out_channels().div_ceil(tile.outs) as u32,
                self.groups as u32,
            ])?;
        let kernel = gpu.kernel(&SUM_PARTIALS, "sum_partials", &[])?;
        plan.dispatch(&build.label("weight gradient sum"), &kernel)
            .bind("partials", partials.range())
            .bind("gradients", build.gradients.clone())
            .params(&SumPartialsParams {
                count: count as u32,
                splits: tile.splits as u32,
                offset: build.offsets[0] as u32,
            })
            .threads([count as u32, 1, 1])
    }

    fn bias_gradient(&self, build: &LayerBuild<'_>, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let kernel = build.gpu.kernel(&BIAS_GRADIENT, "bias_gradient", &[])?;
        plan.dispatch(&build.label("bias gradient"), &kernel)
            .bind("output_gradient", build.output_gradient.clone())
            .bind("gradients", build.gradients.clone())
            .params(&BiasGradientParams {
                pixels: self.output.pixels() as u32,
                quads: build.columns.quads as u32,
                train_quads: build.columns.train_quads as u32,
                offset: build.offsets[1] as u32,
            })
            .threads([self.output.channels as u32 * 64, 1, 1])
    }
}

/// Most blocks of 4 channels that a thread of the gather kernel makes: see [`crate::gpu::Tuning`].
fn most_blocks(gpu: &Gpu) -> usize {
    if gpu.tuning().large_tiles { 6 } else { 4 }
}

fn padded_channels(gpu: &Gpu, channels: usize) -> usize {
    let tile = block_tile(channels, most_blocks(gpu));
    channels.div_ceil(4).next_multiple_of(tile) * 4
}

/// Register tile and shares of the weight-gradient kernel.
struct WeightTile {
    outs: usize,
    taps: usize,
    lanes: usize,
    splits: usize,
}

impl WeightTile {
    fn choose(gpu: &Gpu, convolution: &Convolution, train_quads: usize) -> Self {
        let (in_channels, out_channels) = (convolution.in_channels(), convolution.out_channels());
        let taps = convolution.kernel.min(5);
        let (most_sums, wanted_threads) =
            if gpu.tuning().large_tiles { (100, 1024_usize) } else { (40, 1 << 16) };
        let most_outs = (most_sums / taps).min(24);
        // As few tiles as possible, each as small as that allows.
        let outs = out_channels.div_ceil(out_channels.div_ceil(most_outs));
        let lanes = in_channels * convolution.kernel * convolution.kernel.div_ceil(taps);
        let threads = lanes.next_multiple_of(8) * out_channels.div_ceil(outs) * convolution.groups;
        let values = convolution.weights();
        // Partial sums stay within 16 MiB.
        let most_splits = (convolution.output.height * train_quads).min((1 << 22) / values).max(1);
        let splits = wanted_threads.div_ceil(threads).min(most_splits);
        Self { outs, taps, lanes, splits }
    }
}

#[cfg(test)]
mod tests {
    use super::block_tile;

    #[test]
    fn tiles_waste_the_fewest_channels() {
        assert_eq!(block_tile(16, 5), 4);
        assert_eq!(block_tile(20, 5), 5);
        assert_eq!(block_tile(64, 5), 4);
        assert_eq!(block_tile(10, 5), 3);
        assert_eq!(block_tile(1, 5), 1);
    }
}
