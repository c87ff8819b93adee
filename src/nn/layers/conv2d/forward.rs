//! Forward pass and input gradient of a convolution: each destination pixel reads all it needs, so that no two
//! threads write one value.
//!
//! Along each axis, destination pixel `first + step·i` under tap `k` reads source pixel `stride·i + dilation·k + shift`.
//! The forward pass is one dispatch over all pixels. The input gradient of a convolution with stride *s* falls into *s* × *s*
//! phases, each a dense convolution of the output's gradient with every *s*-th tap, mirrored: no product is wasted on
//! taps that do not meet.
//!
//! On GPUs most tiles read their weights through workgroup memory: see [`super::staged`]; some pool: see [`super::pooled`].

use std::fmt;

use super::cost::{TileLimits, iteration_cycles};
use super::geometry::{Axis, Convolution};
use crate::error::Result;
use crate::gpu::{BufferRange, DeviceProfile, Gpu, KernelVariant, Plan, PlanBuilder, Source};
use crate::nn::packing::PackedRange;
use crate::nn::{LayerBuild, Shape};
use crate::{params, wgsl};

pub(super) const CONV2D: Source = wgsl!("nn/conv2d.wgsl", Conv2dParams);

params! {
    struct Conv2dParams {
        /// Channels of one group; one group per workgroup in z.
        from_channels: u32,
        from_height: u32,
        from_width: u32,
        to_channels: u32,
        to_height: u32,
        to_width: u32,
        /// Kernel rows, and the rows of packed weights: rows · COLUMNS · from_channels, rounded up to PLANES.
        rows: u32,
        weight_rows: u32,
        /// Destination pixel i of `count` is first + step · i; it reads source pixels stride · i + dilation · k + shift.
        step: u32,
        first_y: u32,
        first_x: u32,
        count_y: u32,
        count_x: u32,
        stride: i32,
        dilation_y: i32,
        dilation_x: i32,
        shift_y: i32,
        shift_x: i32,
        quads: u32,
        /// Those that are trained on.
        train_quads: u32,
        /// Tiles of OUT_BLOCKS in a group.
        tiles: u32,
    }
}
/// The register tile of one thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    /// Blocks of 4 channels.
    pub blocks: usize,
    /// Neighbouring pixels of a row.
    pub pixels: usize,
    /// Rows of such pixels; above 1 those of windows whose largest values it makes, too.
    pub rows: usize,
    /// Source channels per iteration.
    pub planes: usize,
    /// Its workgroup reads weights into its memory.
    pub staged: bool,
}

/// Names what tells tiles apart in the autotuner's cache: those of one kernel have equally many rows.
impl fmt::Debug for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.rows > 1 { "PooledTile" } else { "StagedTile" };
        let mut tile = f.debug_struct(if self.staged { name } else { "Tile" });
        tile.field("blocks", &self.blocks)
            .field("pixels", &self.pixels)
            .field("planes", &self.planes)
            .finish()
    }
}

/// One dispatch of the convolution kernel.
pub(super) struct ConvolutionPass<'a> {
    pub convolution: &'a Convolution,
    /// It is the layer's forward pass, not its input gradient.
    pub forward: bool,
    pub from: Shape,
    pub to: Shape,
    pub y: Axis,
    pub x: Axis,
    /// Output of the relu that is fused.
    pub rectified: Option<&'a BufferRange>,
    /// Side of the windows of a max pooling of that which is fused.
    pub pools: Option<usize>,
}

impl Convolution {
    /// The pass that makes maps of the output's shape.
    pub(super) fn to_outputs<'a>(&'a self, build: &'a LayerBuild<'_>, forward: bool) -> ConvolutionPass<'a> {
        let (from, to) = (self.input, self.output);
        let [y, x] = [to.height, to.width].map(|count| Axis::forward(self, count));
        let rectified = build.fused_output.as_ref().filter(|_| forward);
        ConvolutionPass { convolution: self, forward, from, to, y, x, rectified, pools: None }
    }

    /// Adds the dispatches that make maps of the output's shape out of such of the input's: the layer's forward pass, or of a transposed
    /// convolution the input gradient.
    pub(super) fn outputs(
        &self,
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
        forward: bool,
        buffers: [&BufferRange; 2],
    ) -> Result<()> {
        self.to_outputs(build, forward).build(build, plan, buffers)
    }

    /// Adds the dispatches that make maps of the input's shape out of such of the output's: the layer's input gradient, or of a transposed
    /// convolution the forward pass.
    pub(super) fn inputs(
        &self,
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
        forward: bool,
        buffers: [&BufferRange; 2],
    ) -> Result<()> {
        let (from, to) = (self.output, self.input);
        let rectified = build.fused_output.as_ref().filter(|_| forward);
        for y in Axis::phases(self, to.height) {
            for x in Axis::phases(self, to.width) {
                let convolution = self;
                let pass = ConvolutionPass { convolution, forward, from, to, y, x, rectified, pools: None };
                pass.build(build, plan, buffers)?;
            }
        }
        Ok(())
    }
}

impl ConvolutionPass<'_> {
    /// Source and destination channels of one group.
    pub(super) fn channels(&self) -> (usize, usize) {
        let groups = self.convolution.groups;
        (self.from.channels / groups, self.to.channels / groups)
    }

    /// Kernel columns of the shader; without taps its loops do not run.
    pub(super) fn columns(&self) -> usize {
        self.x.taps.max(1)
    }

    /// Kernel rows that the shader goes through.
    pub(super) fn rows(&self) -> usize {
        if self.x.taps == 0 { 0 } else { self.y.taps }
    }

    fn build(
        &self,
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
        buffers: [&BufferRange; 2],
    ) -> Result<()> {
        let built = build.gpu.choose(
            &self.shape_key(build),
            &self.candidates(build),
            |tile| Some(KernelVariant::new(&CONV2D, "conv2d", &self.constants(build.gpu, *tile))),
            |tile| self.build_tile(build, *tile, buffers),
            |built| built,
        )?;
        plan.extend(&built);
        Ok(())
    }

    /// Autotune key: the sizes that decide the time of a tile.
    pub(super) fn shape_key(&self, build: &LayerBuild<'_>) -> String {
        let (from, to) = self.channels();
        let fused = match (self.rectified, self.pools) {
            (Some(_), Some(size)) => format!(", relu and {size}×{size} max pooling"),
            (Some(_), None) => " and relu".to_owned(),
            (None, _) => String::new(),
        };
        format!(
            "convolution{fused} {from}→{to} channels, {} groups, {}×{} taps, {}×{} pixels, stride {}, {} images",
            self.convolution.groups,
            self.rows(),
            self.columns(),
            self.y.count,
            self.x.count,
            self.x.stride,
            build.extent.quads * 4
        )
    }

    /// Candidate tiles, the most promising first.
    fn candidates(&self, build: &LayerBuild<'_>) -> Vec<Tile> {
        if self.rows() == 0 {
            // Nothing is added: any tile will do, and one of them is enough.
            return vec![Tile { blocks: 4, pixels: 1, planes: 1, rows: 1, staged: false }];
        }
        let profile = build.gpu.profile();
        let mut tiles = self.unstaged_tiles(profile);
        if !profile.large_tiles {
            // The best of those without workgroup memory comes last, where an adapter's is slow.
            tiles = [self.staged_tiles(build.extent.quads), vec![tiles[0]]].concat();
        }
        tiles
    }

    /// Tiles that read their weights from storage, the most promising first.
    fn unstaged_tiles(&self, profile: DeviceProfile) -> Vec<Tile> {
        let (max_blocks, max_pixels, max_planes) = if profile.large_tiles { (8, 8, 8) } else { (4, 4, 4) };
        let limits = TileLimits::of(profile);
        let max_sums = if profile.large_tiles { limits.sums } else { 16 };
        let mut tiles = Vec::new();
        for blocks in 1..=max_blocks {
            for pixels in 1..=max_pixels {
                for planes in [1, 2, 4, 6, 8] {
                    let tile = Tile { blocks, pixels, planes, rows: 1, staged: false };
                    let unrolled = 4 * blocks * pixels * planes * self.columns();
                    let small = unrolled <= limits.unrolled && 4 * blocks * pixels <= max_sums;
                    let smallest = (blocks, pixels, planes) == (1, 1, 1);
                    if smallest || (small && planes <= max_planes && self.allows(tile)) {
                        tiles.push(tile);
                    }
                }
            }
        }
        // Positive numbers are in the order of their bits.
        tiles.sort_by_cached_key(|tile| self.cycles(*tile, profile).to_bits());
        tiles
    }

    /// The shader can take such a tile.
    pub(super) fn allows(&self, tile: Tile) -> bool {
        // Values are shared among pixels only if taps and pixels follow each other closely.
        let shares = tile.pixels == 1 || (self.x.dilation == 1 && self.x.stride <= self.columns());
        shares && (tile.planes == 1 || self.y.taps == 1)
    }

    /// Cost of all threads of a quad together.
    fn cycles(&self, tile: Tile, profile: DeviceProfile) -> f64 {
        let Tile { blocks, pixels, planes, .. } = tile;
        let (from, to) = self.channels();
        let sums = 16 * blocks * pixels;
        let values = ((pixels - 1) * self.x.stride + self.columns()) * planes;
        let weights = planes * self.columns() * blocks;
        let weights = if profile.shares_loads { weights.div_ceil(8) } else { weights };
        let iteration = iteration_cycles(profile, values + weights, sums, sums * planes * self.columns());
        let iterations = (from.div_ceil(planes) * self.rows()).max(1);
        // A result is stored as it is loaded: lane by lane.
        let thread = iteration * iterations as f64 + iteration_cycles(profile, sums / 4, 0, 0);
        thread * (to.div_ceil(4 * blocks) * self.x.count.div_ceil(pixels)) as f64
    }

    pub(super) fn constants(&self, gpu: &Gpu, tile: Tile) -> Vec<(&'static str, u32)> {
        let mut constants = vec![
            ("OUT_BLOCKS", tile.blocks as u32),
            ("PIXELS", tile.pixels as u32),
            ("COLUMNS", self.columns() as u32),
            ("STRIDE", if tile.pixels == 1 { 1 } else { self.x.stride as u32 }),
            ("PLANES", tile.planes as u32),
            ("SUBGROUPS", u32::from(gpu.profile().shares_loads)),
            ("RECTIFIES", u32::from(self.rectified.is_some())),
        ];
        if tile.rows > 1 {
            constants.extend([("ROWS", tile.rows as u32), ("POOLS", 1)]);
        }
        if !gpu.profile().large_tiles {
            constants.extend(self.gpu_constants(tile));
        }
        constants
    }

    pub(super) fn build_tile(
        &self,
        build: &LayerBuild<'_>,
        tile: Tile,
        [source, result]: [&BufferRange; 2],
    ) -> Result<Plan> {
        let (from, to) = self.channels();
        let groups = self.convolution.groups;
        let tiles = to.div_ceil(4 * tile.blocks);
        let from_padded = from.next_multiple_of(tile.planes);
        let weight_rows = from_padded * self.rows() * self.columns();
        let packed = self.pack(build, tile, from_padded)?;
        let gpu = build.gpu;
        let kernel = gpu.kernel(&CONV2D, "conv2d", &self.constants(gpu, tile))?;
        let threads =
            build.extent.quads * self.x.count.div_ceil(tile.pixels) * self.y.count.div_ceil(tile.rows);
        let products = from * to * groups * self.rows() * self.columns() * self.y.count * self.x.count;
        let mut plan = PlanBuilder::new(gpu);
        let mut dispatch =
            plan.dispatch(&build.label(if self.forward { "forward" } else { "input gradient" }), &kernel);
        if let Some(rectified) = self.rectified {
            dispatch = dispatch.bind("rectified", rectified.clone());
        }
        if let Some(pooling) = build.pooling.as_ref().filter(|_| self.pools.is_some()) {
            let made = [("pooled", &pooling.output), ("places", &pooling.places)];
            dispatch = dispatch.bind_those(made.map(|(name, range)| (name, range.clone())));
        }
        dispatch
            .bind("source", source.clone())
            .bind("weights", packed)
            .bind("result", result.clone())
            .params(&Conv2dParams {
                from_channels: from as u32,
                from_height: self.from.height as u32,
                from_width: self.from.width as u32,
                to_channels: to as u32,
                to_height: self.to.height as u32,
                to_width: self.to.width as u32,
                rows: self.rows() as u32,
                weight_rows: weight_rows as u32,
                step: self.x.step as u32,
                first_y: self.y.first as u32,
                first_x: self.x.first as u32,
                count_y: self.y.count as u32,
                count_x: self.x.count as u32,
                stride: self.x.stride as i32,
                dilation_y: self.y.dilation as i32,
                dilation_x: self.x.dilation as i32,
                shift_y: self.y.shift as i32,
                shift_x: self.x.shift as i32,
                quads: build.extent.quads as u32,
                train_quads: build.extent.train_quads as u32,
                tiles: tiles as u32,
            })
            .flops((2 * products * build.extent.quads * 4) as u64)
            .predicted_us(self.time_us(tile, build.extent.quads))
            .threads([threads as u32, tiles as u32, groups as u32])?;
        Ok(plan.finish())
    }

    /// The packed weights of one dispatch.
    fn pack(&self, build: &LayerBuild<'_>, tile: Tile, from_padded: usize) -> Result<BufferRange> {
        let convolution = self.convolution;
        let (from, to) = self.channels();
        let taps = convolution.kernel * convolution.kernel;
        // The layer's weights are [out, in, ky, kx] of its own outputs and inputs.
        let (to_step, from_step) = if self.forward { (from * taps, taps) } else { (taps, to * taps) };
        let range = PackedRange {
            from_channels: from as u32,
            from_padded: from_padded as u32,
            to_channels: to as u32,
            tile: 4 * tile.blocks as u32,
            tiles: to.div_ceil(4 * tile.blocks) as u32,
            rows: self.rows() as u32,
            columns: self.columns() as u32,
            first: (self.y.first_tap * convolution.kernel + self.x.first_tap) as i32,
            row_step: (self.y.tap_step * convolution.kernel as isize) as i32,
            column_step: self.x.tap_step as i32,
            group_step: (from * to * taps) as u32,
            to_step: to_step as u32,
            from_step: from_step as u32,
            weight_offset: build.offsets[0] as u32,
            bias_offset: build.offsets[1] as u32,
            has_bias: u32::from(self.forward),
            ..PackedRange::default()
        };
        build.packing.reserve(build.gpu, &build.label("packed weights"), convolution.groups, range)
    }
}
