//! The weight gradient of a convolution: partial sums over shares of the images' rows, which are added later in a fixed order.
//! No atomics, the same bits every time, whatever the register tile.
//!
//! The software adapter has a kernel with large register tiles of vec4, whose threads are taps. GPUs have one whose lanes are images:
//! see [`super::lanes`]. The two add in different orders, so an adapter has one of them for every layer.

use super::cost::{TileLimits, iteration_cycles};
use super::geometry::Convolution;
use crate::error::Result;
use crate::gpu::{BufferRange, DeviceProfile, Gpu, KernelVariant, Plan, PlanBuilder, Source};
use crate::nn::LayerBuild;
use crate::{params, wgsl};

const BY_TAPS: Source = wgsl!("nn/conv2d_weight_gradient.wgsl", WeightGradientParams);
const BY_LANES: Source = wgsl!("nn/conv2d_weight_gradient_lanes.wgsl", WeightGradientParams);

params! {
    struct WeightGradientParams {
        /// Channels of one group; one group per workgroup in z.
        in_channels: u32,
        in_height: u32,
        in_width: u32,
        out_channels: u32,
        out_height: u32,
        out_width: u32,
        kernel: u32,
        stride: u32,
        padding: u32,
        dilation: u32,
        quads: u32,
        train_quads: u32,
        /// Tiles of TAPS in a kernel row.
        tap_tiles: u32,
        /// in_channels / PLANES, rounded up, · kernel · tap_tiles, and that rounded up to a multiple of 8; of 4 by lanes.
        lanes: u32,
        lanes_padded: u32,
        splits: u32,
        groups: u32,
        /// Elements of the weights from one output channel, and from one input channel, to the next.
        out_step: u32,
        in_step: u32,
    }
}

/// Largest number of kernel columns of a thread; longer rows are cut.
const MAX_TAPS: usize = 7;

/// Tiles of a workgroup by lanes; the shader's `TILES`.
pub(super) const LANE_TILES: usize = 4;

/// The register tile of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    /// Filters.
    pub outs: usize,
    /// Input channels.
    pub planes: usize,
    /// Pixels of a row per iteration.
    pub pixels: usize,
}

impl Convolution {
    /// Adds the dispatches of the weight gradient out of maps of the input's shape and of the output's; `steps` are the elements of the
    /// weights from one output channel, and from one input channel, to the next.
    pub(super) fn weight_gradient(
        &self,
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
        maps: [&BufferRange; 2],
        steps: [usize; 2],
    ) -> Result<()> {
        let (gpu, train_quads) = (build.gpu, build.extent.train_quads);
        let (splits, candidates) = if gpu.profile().large_tiles {
            (self.splits(train_quads), self.candidates(gpu))
        } else {
            (self.shares(train_quads), self.lane_tiles(train_quads))
        };
        let partials = build.partial_sums(0, self.weights(), splits)?;
        let side = self.kernel;
        let key = format!(
            "weight gradient of {}→{} channels, {} groups, {side}×{side} kernel, {}×{} pixels, stride {}, {} images",
            self.in_channels(),
            self.out_channels(),
            self.groups,
            self.output.height,
            self.output.width,
            self.stride,
            train_quads * 4
        );
        let turned = self.is_turned(steps);
        let built = gpu.choose(
            &key,
            &candidates,
            |tile| {
                let (source, entry, constants) = self.variant(gpu, *tile, turned);
                Some(KernelVariant::new(&source, entry, &constants))
            },
            |tile| self.build_tile(build, *tile, (splits, &partials), (maps, steps)),
            |built| built,
        )?;
        plan.extend(&built);
        Ok(())
    }

    /// Kernel columns of a thread: as few tiles as possible, each as small as that allows.
    pub(super) fn taps(&self) -> usize {
        self.kernel.div_ceil(self.kernel.div_ceil(MAX_TAPS))
    }

    /// Number of partial sums, by the shape alone, so that every tile adds in the same order: enough threads for the software
    /// adapter with tiles of a typical size, and partial sums within 16 MiB.
    fn splits(&self, train_quads: usize) -> usize {
        let rows = self.output.height * train_quads;
        // Writing a sum costs as much as adding many products to it.
        let most = rows.min(rows * self.output.width / 32).min((1 << 22) / self.weights()).max(1);
        1024_usize.div_ceil(self.weights().div_ceil(100)).min(most)
    }

    /// Candidate tiles, the most promising first.
    fn candidates(&self, gpu: &Gpu) -> Vec<Tile> {
        let profile = gpu.profile();
        let limits = TileLimits::of(profile);
        let taps = self.taps();
        let mut tiles = Vec::new();
        for outs in 1..=32 {
            for planes in [1, 2, 4, 6, 8].into_iter().filter(|planes| *planes <= self.in_channels()) {
                for pixels in 1..=3 {
                    let sums = outs * taps * planes;
                    let small = sums <= limits.weight_sums && sums * pixels <= limits.unrolled;
                    let shares = pixels == 1 || (self.dilation == 1 && self.stride <= taps);
                    let smallest = (outs, planes, pixels) == (1, 1, 1);
                    if smallest || (small && shares && pixels <= self.output.width) {
                        tiles.push(Tile { outs, planes, pixels });
                    }
                }
            }
        }
        // Of the tiles with the same number of rounds over the filters, the smallest come first.
        let filters = self.out_channels();
        let uneven = |tile: &Tile| tile.outs != filters.div_ceil(filters.div_ceil(tile.outs));
        // Positive numbers are in the order of their bits.
        let cycles = |tile: &Tile| self.cycles(*tile, profile).to_bits();
        tiles.sort_by_cached_key(|tile| (uneven(tile), cycles(tile)));
        tiles
    }

    /// Cost of all threads of a row of pixels together.
    fn cycles(&self, tile: Tile, profile: DeviceProfile) -> f64 {
        let Tile { outs, planes, pixels } = tile;
        let taps = self.taps();
        let values = ((pixels - 1) * self.stride + taps) * planes;
        let gradients = pixels * if profile.shares_loads { outs.div_ceil(8) } else { outs };
        let sums = 4 * outs * planes * taps;
        let iteration = iteration_cycles(profile, values + gradients, sums, sums * pixels);
        let lanes = (self.in_channels().div_ceil(planes) * self.kernel * self.kernel.div_ceil(taps))
            .next_multiple_of(8);
        let threads = lanes * self.out_channels().div_ceil(outs);
        iteration * (threads * self.output.width.div_ceil(pixels)) as f64
    }

    /// The steps are not those of a convolution's weights `[out, in, ky, kx]`, but of a transposed one's.
    fn is_turned(&self, steps: [usize; 2]) -> bool {
        let taps = self.kernel * self.kernel;
        steps != [self.in_channels() * taps, taps]
    }

    /// Shader, entry point and constants of a tile.
    fn variant(
        &self,
        gpu: &Gpu,
        tile: Tile,
        turned: bool,
    ) -> (Source, &'static str, Vec<(&'static str, u32)>) {
        let mut constants = vec![
            ("OUTS", tile.outs as u32),
            ("TAPS", self.taps() as u32),
            ("PLANES", tile.planes as u32),
            ("PIXELS", tile.pixels as u32),
            ("STRIDE", if tile.pixels == 1 { 1 } else { self.stride as u32 }),
        ];
        let profile = gpu.profile();
        if profile.large_tiles {
            constants.push(("SUBGROUPS", u32::from(profile.shares_loads)));
            if turned {
                constants.push(("TURNED", 1));
            }
            return (BY_TAPS, "weight_gradient", constants);
        }
        constants.push(("TAIL", u32::from(!self.output.width.is_multiple_of(tile.pixels))));
        (BY_LANES, "weight_gradient_by_lanes", constants)
    }

    fn build_tile(
        &self,
        build: &LayerBuild<'_>,
        tile: Tile,
        (splits, partials): (usize, &BufferRange),
        (maps, steps): ([&BufferRange; 2], [usize; 2]),
    ) -> Result<Plan> {
        let gpu = build.gpu;
        let (input, output, taps) = (self.input, self.output, self.taps());
        let tap_tiles = self.kernel.div_ceil(taps);
        let lanes = self.in_channels().div_ceil(tile.planes) * self.kernel * tap_tiles;
        let turned = self.is_turned(steps);
        let (source, entry, constants) = self.variant(gpu, tile, turned);
        let filter_tiles = self.out_channels().div_ceil(tile.outs);
        let lanes_padded = lanes.next_multiple_of(if gpu.profile().large_tiles { 8 } else { LANE_TILES });
        let threads = if gpu.profile().large_tiles {
            [lanes_padded * splits, filter_tiles]
        } else {
            [lanes_padded / LANE_TILES * splits * 32, filter_tiles * LANE_TILES]
        };
        let kernel = gpu.kernel(&source, entry, &constants)?;
        let mut plan = PlanBuilder::new(gpu);
        plan.dispatch(&build.label("weight gradient"), &kernel)
            .bind("input", maps[0].clone())
            .bind("output_gradient", maps[1].clone())
            .bind("partials", partials.clone())
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
                quads: build.extent.quads as u32,
                train_quads: build.extent.train_quads as u32,
                tap_tiles: tap_tiles as u32,
                lanes: lanes as u32,
                lanes_padded: lanes_padded as u32,
                splits: splits as u32,
                groups: self.groups as u32,
                out_step: steps[0] as u32,
                in_step: steps[1] as u32,
            })
            .flops(self.flops() * build.extent.train_quads as u64 * 4)
            .predicted_us(self.lane_time_us(tile, build.extent.train_quads))
            .threads([threads[0] as u32, threads[1] as u32, self.groups as u32])?;
        Ok(plan.finish())
    }
}
