//! A dense layer on GPUs: products by tiles of a workgroup, the inner dimension split where there are few tiles.
//!
//! Forward `output = weights · input`, input gradient `weightsᵀ · output gradient`, weight gradient `output gradient · inputᵀ`. Splits
//! depend on the shape alone, and every tile adds along the inner dimension in order: all give the same bits.
//!
//! What the first candidate of 4096→128 does in a step of 16: each thread's loads from storage and of vec4 from and to workgroup memory, and
//! its scalar multiply-adds; about 73 registers, 12.5 KiB of workgroup memory (8.5 of 64 × 64). Splits write their sums: 16 MiB forward at
//! most. Times on an H100: predicted here, and measured of the convolution that was there before. No candidate was timed on a GPU yet.
//!
//! | product, images | tile | splits | loads | workgroup memory | multiply-adds | predicted | before |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | forward, 256 | 64 × 128 | 32 | 6 | 51 | 512 | 12 µs | 730 to 906 µs |
//! | … 4096 | 64 × 128 | 4 | 6 | 51 | 512 | 194 µs | |
//! | input gradient, 256 | 64 × 128 | 1 | 6 | 51 | 512 | 12 µs | |
//! | … 4096 | 64 × 128 | 1 | 6 | 51 | 512 | 194 µs | |
//! | weight gradient, 256 | 64 × 64 | 1 | 8 | 34 | 256 | 18 µs | |
//! | … 4096 | 64 × 128 | 4 | 12 | 51 | 512 | 222 µs | |

use super::conv2d::{Convolution, MAX_GPU_CANDIDATES, gpu_cycles, gpu_time_us};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, KernelVariant, Plan, Source};
use crate::nn::twin::KernelTwin;
use crate::nn::{LayerBuild, LayerPlans};
use crate::{params, wgsl};

const PRODUCT: Source = wgsl!("nn/dense_product.wgsl", DenseProductParams);
const SUM: Source = wgsl!("nn/dense_sum.wgsl", DenseSumParams);

/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/dense_product.wgsl", "dense_product", "nn::layers::dense::Dense::forward_twin"),
    ("nn/dense_sum.wgsl", "dense_sum", "nn::layers::dense::Dense::forward_twin"),
];

params! {
    struct DenseProductParams {
        /// Of the result; columns are quads of images, or inputs where the right matrix runs along the inner dimension.
        rows: u32,
        columns: u32,
        /// The inner dimension, and its splits.
        depth: u32,
        splits: u32,
        /// First element of the left matrix, and elements from one row and from one step of the inner dimension to the next.
        left_at: u32,
        left_row_step: u32,
        left_step: u32,
        /// Elements, or quads, from one step of the inner dimension of the right matrix (or column, where it runs along it) to the next.
        right_step: u32,
        /// First bias, where the sums begin with it.
        bias_at: u32,
    }
}
params! { struct DenseSumParams { count: u32, quads: u32, splits: u32, bias_offset: u32 } }

/// Workgroups that fill a large GPU, and splits at most.
const WANTED_WORKGROUPS: usize = 260;
const MAX_SPLITS: usize = 32;
/// Rows of a result that are few, so that its tiles are small.
const FEW_ROWS: usize = 16;
/// Fewest steps of a split, and of one with few rows: of maps, which take one more dispatch to add, and of a gradient of weights, which takes
/// none.
const OF_MAPS: [usize; 2] = [128, 512];
const OF_WEIGHTS: [usize; 2] = [256, 32];
/// Cycles that a workgroup waits for the values of a step.
const WAIT_CYCLES: f64 = 400.0;

/// A tile of the result, made by one workgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tile {
    /// Rows of a thread; it makes them for four columns.
    rows: usize,
    /// Threads along the columns, and along the rows.
    across: usize,
    down: usize,
    /// Steps of the inner dimension in workgroup memory.
    depth: usize,
}

const TILES: [Tile; MAX_GPU_CANDIDATES] = [
    Tile { rows: 8, across: 32, down: 8, depth: 16 },
    Tile { rows: 4, across: 16, down: 16, depth: 16 },
    Tile { rows: 4, across: 8, down: 4, depth: 32 },
];

/// Rows, columns (single ones) and inner dimension of a product.
#[derive(Debug, Clone, Copy)]
struct Extents {
    rows: usize,
    columns: usize,
    depth: usize,
}

impl Extents {
    /// Splits of the inner dimension into parts of at least `least` steps, or as many as few rows have, by the shape alone.
    fn splits(&self, [least, least_of_few]: [usize; 2]) -> usize {
        let few = self.rows <= FEW_ROWS;
        let (tile_rows, tile_columns, least) = if few { (16, 32, least_of_few) } else { (64, 128, least) };
        let tiles = self.rows.div_ceil(tile_rows) * self.columns.div_ceil(tile_columns);
        // The sums lie within 16 MiB.
        let most = (self.depth / least).min((1 << 22) / (self.rows * self.columns)).min(MAX_SPLITS);
        (WANTED_WORKGROUPS / tiles).clamp(1, most.max(1))
    }

    /// Predicted time on an H100, in microseconds.
    fn time_us(&self, tile: Tile, splits: usize, gathers: bool) -> f64 {
        let Tile { rows, across, down, depth } = tile;
        // A vec4 of the left side is four loads, and so is one of a right side that runs along the inner dimension.
        let left = (depth * rows / 4).div_ceil(across);
        let right = depth.div_ceil(down);
        let storage = 4 * left + right * if gathers { 4 } else { 1 };
        let workgroup = left + right + depth * (rows / 4 + 1);
        let subgroups = (across * down).div_ceil(32);
        let step = gpu_cycles(storage, workgroup, 4 * depth * rows) + WAIT_CYCLES / subgroups as f64;
        let cycles = step * self.depth.div_ceil(splits).div_ceil(depth) as f64;
        let tiles = self.rows.div_ceil(rows * down) * self.columns.div_ceil(4 * across);
        gpu_time_us(cycles, subgroups, tiles * splits)
    }
}

/// A dense layer's products.
pub(super) struct DenseProducts {
    /// The same as a convolution over a 1×1 map.
    pub convolution: Convolution,
}

/// One product.
struct Product<'a> {
    name: &'a str,
    extents: Extents,
    splits: usize,
    left: &'a BufferRange,
    right: &'a BufferRange,
    left_at: usize,
    left_row_step: usize,
    left_step: usize,
    right_step: usize,
    /// The right matrix runs along the inner dimension.
    gathers: bool,
    /// First bias, with which the result begins.
    bias_at: Option<usize>,
    /// Output of the relu that is fused.
    rectified: Option<&'a BufferRange>,
}

impl DenseProducts {
    /// Inputs and units.
    fn channels(&self) -> [usize; 2] {
        [self.convolution.input.channels, self.convolution.output.channels]
    }

    /// All dispatches of the layer.
    pub(super) fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let mut backward = build.plan();
        if build.trains {
            backward.extend(&self.weight_gradient(build)?);
            if !build.leaves_biases {
                self.convolution.bias_gradient(build, &mut backward)?;
            }
        }
        if let Some(input_gradient) = &build.input().gradient {
            backward.extend(&self.input_gradient(build, input_gradient)?);
        }
        let forward = self.forward(build)?;
        Ok(LayerPlans { forward, evaluation: None, backward: backward.finish() })
    }

    fn forward(&self, build: &LayerBuild<'_>) -> Result<Plan> {
        let (quads, [inputs, units]) = (build.extent.quads, self.channels());
        let extents = Extents { rows: units, columns: 4 * quads, depth: inputs };
        let product = Product {
            name: "forward",
            extents,
            splits: extents.splits(OF_MAPS),
            left: &build.parameters,
            right: &build.input().values,
            left_at: build.offsets[0],
            left_row_step: inputs,
            left_step: 1,
            right_step: quads,
            gathers: false,
            bias_at: Some(build.offsets[1]),
            rectified: build.fused_output.as_ref(),
        };
        product.whole(build, &build.output)
    }

    fn input_gradient(&self, build: &LayerBuild<'_>, input_gradient: &BufferRange) -> Result<Plan> {
        let (quads, [inputs, units]) = (build.extent.quads, self.channels());
        let extents = Extents { rows: inputs, columns: 4 * quads, depth: units };
        let product = Product {
            name: "input gradient",
            extents,
            splits: extents.splits(OF_MAPS),
            left: &build.parameters,
            right: &build.output_gradient,
            left_at: build.offsets[0],
            left_row_step: 1,
            left_step: inputs,
            right_step: quads,
            gathers: false,
            bias_at: None,
            rectified: None,
        };
        product.whole(build, input_gradient)
    }

    fn weight_gradient(&self, build: &LayerBuild<'_>) -> Result<Plan> {
        let (images, [inputs, units]) = (4 * build.extent.quads, self.channels());
        let extents = Extents { rows: units, columns: inputs, depth: 4 * build.extent.train_quads };
        let product = Product {
            name: "weight gradient",
            extents,
            splits: extents.splits(OF_WEIGHTS),
            left: &build.output_gradient,
            right: &build.input().values,
            left_at: 0,
            left_row_step: images,
            left_step: 1,
            right_step: images,
            gathers: true,
            bias_at: None,
            rectified: None,
        };
        let partials = build.partial_sums(0, units * inputs, product.splits)?;
        product.build(build, &partials)
    }
}

impl Product<'_> {
    /// The product, each split by itself: `[split, row, column]`.
    fn build(&self, build: &LayerBuild<'_>, result: &BufferRange) -> Result<Plan> {
        let Extents { rows, columns, depth } = self.extents;
        let key = format!("dense {} of {rows}×{columns}×{depth}, {} splits", self.name, self.splits);
        let mut tiles = TILES.to_vec();
        // Positive numbers are in the order of their bits.
        let time_us = |tile: &Tile| self.extents.time_us(*tile, self.splits, self.gathers).to_bits();
        tiles.sort_by_cached_key(time_us);
        build.gpu.choose(
            &key,
            &tiles,
            |tile| Some(KernelVariant::new(&PRODUCT, "dense_product", &self.constants(*tile))),
            |tile| self.build_tile(build, *tile, result),
            |plan| plan,
        )
    }

    /// The sums are the result: no other dispatch adds bias and relu.
    fn is_whole(&self) -> bool {
        self.splits == 1
    }

    fn constants(&self, tile: Tile) -> [(&'static str, u32); 8] {
        [
            ("ROWS", tile.rows as u32),
            ("ACROSS", tile.across as u32),
            ("DOWN", tile.down as u32),
            ("DEPTH", tile.depth as u32),
            ("LEFT_ALONG", u32::from(self.left_step == 1)),
            ("RIGHT_ALONG", u32::from(self.gathers)),
            ("BIAS", u32::from(self.is_whole() && self.bias_at.is_some())),
            ("RECTIFIES", u32::from(self.is_whole() && self.rectified.is_some())),
        ]
    }

    fn build_tile(&self, build: &LayerBuild<'_>, tile: Tile, result: &BufferRange) -> Result<Plan> {
        let Extents { rows, columns, depth } = self.extents;
        let kernel = build.gpu.kernel(&PRODUCT, "dense_product", &self.constants(tile))?;
        let mut plan = build.plan();
        let mut dispatch = plan.dispatch(&build.label(self.name), &kernel);
        if let Some(rectified) = self.rectified.filter(|_| self.is_whole()) {
            dispatch = dispatch.bind("rectified", rectified.clone());
        }
        dispatch
            .bind("left", self.left.clone())
            .bind("right", self.right.clone())
            .bind("result", result.clone())
            .params(&DenseProductParams {
                rows: rows as u32,
                columns: if self.gathers { columns } else { columns / 4 } as u32,
                depth: depth as u32,
                splits: self.splits as u32,
                left_at: self.left_at as u32,
                left_row_step: self.left_row_step as u32,
                left_step: self.left_step as u32,
                right_step: self.right_step as u32,
                bias_at: self.bias_at.unwrap_or(0) as u32,
            })
            .flops(2 * (rows * columns * depth) as u64)
            .predicted_us(self.extents.time_us(tile, self.splits, self.gathers))
            .threads([columns.div_ceil(4) as u32, rows.div_ceil(tile.rows) as u32, self.splits as u32])?;
        Ok(plan.finish())
    }

    /// The product of quads of images with its bias and relu, its splits added if there are any.
    fn whole(&self, build: &LayerBuild<'_>, result: &BufferRange) -> Result<Plan> {
        if self.is_whole() {
            return self.build(build, result);
        }
        let gpu = build.gpu;
        let Extents { rows, columns, .. } = self.extents;
        let count = rows * columns * self.splits;
        gpu.check_fits(&build.label(self.name), count as u64 * 4)?;
        let partials = Buffer::<f32>::zeroed(gpu, "partials", count).range();
        let mut plan = build.plan();
        plan.extend(&self.build(build, &partials)?);
        let (bias, rectified) = (self.bias_at.is_some(), self.rectified);
        let constants = [("BIAS", u32::from(bias)), ("RECTIFIES", u32::from(rectified.is_some()))];
        let kernel = gpu.kernel(&SUM, "dense_sum", &constants)?;
        let mut dispatch = plan.dispatch(&build.label(&format!("{} sum", self.name)), &kernel);
        if let Some(rectified) = rectified {
            dispatch = dispatch.bind("rectified", rectified.clone());
        }
        if bias {
            dispatch = dispatch.bind("parameters", build.parameters.clone());
        }
        dispatch
            .bind("partials", partials)
            .bind("result", result.clone())
            .params(&DenseSumParams {
                count: (rows * columns / 4) as u32,
                quads: (columns / 4) as u32,
                splits: self.splits as u32,
                bias_offset: self.bias_at.unwrap_or(0) as u32,
            })
            .threads([(rows * columns / 4) as u32, 1, 1])?;
        Ok(plan.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows, columns and inner dimension; weights or maps; splits and time in microseconds as they were measured on an H100.
    #[test]
    fn splits_and_times_are_near_those_that_were_measured() {
        for ([rows, columns, depth], gathers, tile, splits, measured_us) in [
            ([128, 256, 4096], false, TILES[0], 32, 16.0),
            ([4096, 256, 128], false, TILES[0], 1, 12.0),
            ([128, 4096, 256], true, TILES[1], 1, 14.7),
            ([128, 4096, 4096], false, TILES[0], 4, 140.0),
            ([4096, 4096, 128], false, TILES[0], 1, 137.0),
            ([128, 4096, 4096], true, TILES[0], 4, 148.0),
        ] {
            let extents = Extents { rows, columns, depth };
            let least = if gathers { OF_WEIGHTS } else { OF_MAPS };
            assert_eq!(extents.splits(least), splits, "{extents:?}");
            let time_us = |tile: Tile| extents.time_us(tile, splits, gathers);
            let best = TILES.into_iter().min_by(|a, b| time_us(*a).total_cmp(&time_us(*b))).unwrap();
            assert_eq!(best, tile, "{extents:?}");
            let ratio = time_us(best) / measured_us;
            assert!((0.65..1.55).contains(&ratio), "{extents:?}: {ratio} of {measured_us} µs");
        }
    }

    #[test]
    fn no_split_is_empty() {
        for [rows, columns, depth] in [[1, 4, 1], [10, 256, 31], [10, 4, 4096], [5000, 1, 7], [1, 1, 100_000]]
        {
            let extents = Extents { rows, columns, depth };
            for least in [OF_MAPS, OF_WEIGHTS] {
                let splits = extents.splits(least);
                assert!((1..=MAX_SPLITS.min(depth)).contains(&splits), "{extents:?}: {splits}");
            }
        }
    }
}
