//! Repulsion by a mesh: particle-mesh with quintic B-splines (Hockney and Eastwood 1988; for t-SNE, Linderman et al. 2019, "Fast
//! interpolation-based t-SNE").
//!
//! `F_i = Σ_j q̃_ij² (y_i − y_j)` and `Σ_i Σ_j q̃_ij` are convolutions of the points with `x q̃²`, `y q̃²` and `q̃`. Points are deposited
//! on a mesh of m × m nodes by B-splines, in integers, so that their order does not matter; the mesh, zero-padded to twice its size so
//! that nothing wraps around, is transformed, multiplied by `K̂ / B²` (B: transform of the B-spline, for deposit and interpolation), and
//! transformed back: `x q̃² = −½ ∂q̃/∂x`, so that one transform K̂ serves both fields. Σ q̃ needs no transform back: by Parseval it is
//! `Σ_k |Ŵ(k)|² K̂(k) / B(k)²`.
//!
//! Passes, for a mesh of m = L / 2 nodes: along y of two columns at once, to `[x, ky]` with ky from 0 to L / 2, along x, products,
//! back along x of both fields, to `[ky, x]`, back along y of both fields at once. The mesh moves and grows with the points on the
//! GPU: of the few lengths L only one runs in an iteration, the smallest that keeps nodes 0.33 apart at most. On a GPU, where at
//! most lengths a dispatch costs more than its work, all are the same dispatches, with as many workgroups as the length asks for; the
//! software adapter has its own for each length, with larger radices.

use std::ops::RangeInclusive;

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, ConditionalDispatches, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::fft::{Fft, FftInput, Quads, REBUILDS, TransformSpec, When, radix_bits, twiddles};
use super::grid::Grid;
use super::order::Order;
use super::scratch::{Role, Scratch};

#[cfg(test)]
mod tests;

const GRID: Source = wgsl!("embed/mesh_grid.wgsl", GridParams, Grid);
const SPLINES: Source = wgsl!("embed/mesh_splines.wgsl", SplineParams, Grid);
const SPECTRA: Source = wgsl!("embed/mesh_spectra.wgsl", Grid);
/// log2 of the longest transform.
pub(super) const HIGHEST: u32 = 12;
/// Blocks of the bounds.
const MAX_BLOCKS: usize = 256;
/// Rows of the table of conditional dispatches.
const MAX_CONDITIONAL: usize = 256;
/// Largest weight of a point on a node, on which it lies: (66 / 120)².
const LARGEST_WEIGHT: f64 = 0.3025;
/// Key of a condition that holds while there is a mesh of any level.
const MESHES: u32 = 512;

params! { struct GridParams { count: u32, blocks: u32, lowest: u32, highest: u32, pairs: u32, radices: u32 } }
params! { struct SplineParams { count: u32, scale: f32 } }
/// Quads of half a spectrum, which is all of a real one.
const HALF: Quads = Quads::OfLength { divisor: 8, more: 1 };

/// log2 of the shortest transform: on a GPU the last pass has radix 8 at all lengths.
pub(super) fn lowest_level(large_tiles: bool) -> u32 {
    if large_tiles { 8 } else { 9 }
}

/// log2 of the longest transform that costs less than the pairs of `count` points, if there is one that is no shorter than `lowest`.
/// (Measured on the software adapter: 10⁸ pairs take as long as a transform of 1 350; for a GPU, whose shortest transform has 512 values,
/// the factor is a guess, a little kinder to pairs: below 5 120 points there are pairs alone.)
pub(super) fn highest_level(software: bool, lowest: u32, count: usize) -> Option<u32> {
    let points_per_length = if software { 7 } else { 10 };
    (lowest..=HIGHEST).rev().find(|level| count >= points_per_length << level)
}

/// Steps of a weight of 1, a power of two, 2²⁰ at the most: with as many the sum of all points on one node fits 32 bits.
fn steps_per_weight(count: usize) -> f32 {
    let most = f64::from(u32::MAX) / count as f64;
    let bits = (0..=20).rev().find(|bits| LARGEST_WEIGHT * f64::from(1 << bits) + 0.5 < most).unwrap_or(0);
    (1_u32 << bits) as f32
}

/// Values of a spectrum of a mesh of this level.
fn spectrum_len(level: u32) -> usize {
    let length = 1 << level;
    length * (length / 2 + 4) * 2
}

/// Bytes of a mesh of this level: those that only an iteration needs and that may lie in memory of others, and all further ones.
pub(super) fn mesh_bytes(level: u32) -> [u64; 2] {
    let [spectrum, length] = [4 * spectrum_len(level) as u64, 1_u64 << level];
    [2 * spectrum + length * length, 2 * spectrum + (length / 2 + 1) * (length / 8 + 1) * 16 + 8 * length]
}

/// Spectra, which the passes read and write in turn, and the transform of the kernel.
struct Fields {
    x: BufferRange,
    y: BufferRange,
    p: BufferRange,
    q: BufferRange,
    influence: BufferRange,
}

impl Fields {
    /// Room for those of the longest transform. No kernel reads `p` or `q` and writes the other.
    fn new(gpu: &Gpu, level: u32, scratch: &mut Scratch) -> Result<Self> {
        let (spectrum, length) = (spectrum_len(level), 1 << level);
        gpu.check_fits("the mesh of t-SNE", (spectrum * 4) as u64)?;
        let field = |label, len| Buffer::<f32>::zeroed(gpu, label, len).range();
        Ok(Self {
            x: field("mesh x", spectrum),
            y: field("mesh y", spectrum),
            p: scratch.take(gpu, Role::Result, "mesh p", spectrum),
            q: scratch.take(gpu, Role::Result, "mesh q", spectrum),
            influence: field("influence", (length / 2 + 1) * (length / 8 + 1) * 4),
        })
    }
}

/// A mesh of up to `2^highest / 2` nodes a side.
pub(super) struct Mesh {
    /// Geometry of the mesh.
    pub grid: Buffer<Grid>,
    /// Partial sums of Σ q̃, in steps of 1 / scale².
    pub parts: Buffer<f32>,
    /// Steps of a weight of 1.
    pub scale: f32,
    /// log2 of the longest transform.
    pub highest: u32,
    /// Conditional dispatches of each level.
    pub conditions: ConditionalDispatches,
    count: u32,
    blocks: u32,
    /// Pairs replace a mesh that would be too large.
    pairs: bool,
    /// Levels that share their dispatches, and the passes of each.
    groups: Vec<(RangeInclusive<u32>, usize)>,
    positions: BufferRange,
    flags: BufferRange,
    repulsion: BufferRange,
    bounds: Buffer<[f32; 4]>,
    /// Points in the order of their rows' lists, where they have one.
    order: Option<Order>,
    /// `[y, x]`: Σ of weights in steps of 1 / scale, as `u32`.
    nodes: BufferRange,
    twiddles: Buffer<[f32; 2]>,
    fields: Fields,
}

impl Mesh {
    /// Room for a mesh that adds the force `(x, y, 0, 0)` on each of `count` points, by `order` where they have one; `pairs`: wider points
    /// are left to pairs. What it needs within an iteration alone lies in `scratch` as far as that goes.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub(super) fn new(
        gpu: &Gpu,
        [positions, flags, repulsion]: [&BufferRange; 3],
        (count, order): (usize, Option<&Order>),
        (highest, pairs): (u32, bool),
        scratch: &mut Scratch,
    ) -> Result<Self> {
        let length = 1_usize << highest;
        let lowest = lowest_level(gpu.profile().large_tiles);
        // A GPU's threads have registers for 8 values, and the software adapter's memory is slow.
        let groups: Vec<_> = if gpu.profile().large_tiles {
            (lowest..=highest).map(|level| (level..=level, level.div_ceil(5) as usize)).collect()
        } else {
            vec![(lowest..=highest, highest.div_ceil(3) as usize)]
        };
        let parts_of = |level: u32, bits: u32| (1 << level >> bits) * ((1 << level) / 8 + 1);
        let parts = last_bits(&groups).map(|(level, bits)| parts_of(level, bits)).max().unwrap_or(1);
        let blocks = count.div_ceil(1024).min(MAX_BLOCKS);
        Ok(Self {
            fields: Fields::new(gpu, highest, scratch)?,
            grid: Buffer::zeroed(gpu, "grid", 1),
            parts: Buffer::zeroed(gpu, "parts of the sum", parts),
            scale: steps_per_weight(count),
            highest,
            conditions: ConditionalDispatches::new(gpu, MAX_CONDITIONAL),
            count: count as u32,
            blocks: blocks as u32,
            pairs,
            groups,
            positions: positions.clone(),
            flags: flags.clone(),
            repulsion: repulsion.clone(),
            bounds: Buffer::zeroed(gpu, "bounds", blocks),
            order: order.cloned(),
            nodes: scratch.take(gpu, Role::Result, "mesh", length * length / 4),
            twiddles: twiddles(gpu, length),
        })
    }

    /// Records one evaluation of the forces: the dispatches of all levels, each under its condition.
    ///
    /// # Errors
    /// When a kernel cannot be made.
    pub(super) fn record(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let grid = self.grid.range();
        let splines = self.splines(plan.gpu());
        let count = self.order.as_ref().map_or(self.count, |order| order.slots() as u32);
        let params = SplineParams { count, scale: self.scale };
        // 1. Bounds of the points; level, spacing and center; the conditions of that level.
        self.record_grid(plan)?;
        // 2. Weights of the points on the nodes.
        let levels = self.groups.iter().flat_map(|(levels, _)| levels.clone());
        let quads = levels.map(|level| (level, [1 << (2 * level - 4), 1, 1]));
        splines.begin(plan, "clear", &params)?.threads_if(&self.conditions, quads)?;
        let points = [(MESHES, [count, 1, 1])];
        splines.begin(plan, "deposit", &params)?.threads_if(&self.conditions, points)?;
        for (levels, passes) in self.groups.clone() {
            let when = When::Conditions(&self.conditions);
            let fft = Fft { levels, passes, grid: &grid, twiddles: &self.twiddles, when };
            // 3. The kernel's transform, where the spacing has changed.
            self.rebuild(plan, &fft)?;
            // 4. Convolution with it.
            self.convolve(plan, &fft)?;
        }
        // 5. Forces on the points from the fields on the nodes.
        splines.begin(plan, "interpolate", &params)?.threads_if(&self.conditions, points)
    }

    fn splines<'g>(&self, gpu: &'g Gpu) -> Stage<'g> {
        let constants = [("ORDERED", self.order.is_some().into())];
        let stage = Stage::new(gpu, &SPLINES, &constants);
        let stage = match &self.order {
            None => stage.with("positions", self.positions.clone()),
            Some(order) => {
                stage.with("positions", order.positions.range()).with("row_ids", order.row_ids.range())
            }
        };
        stage
            .labelled("mesh")
            .with("grid", self.grid.range())
            .with("flags", self.flags.clone())
            .with("mesh", self.nodes.clone())
            .with("mesh_quads", self.nodes.clone())
            .with("repulsion", self.repulsion.clone())
            .with("field_in", self.fields.p.clone())
    }

    /// Records the choice of the grid.
    fn record_grid(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let lowest = *self.groups[0].0.start();
        let radices =
            last_bits(&self.groups).fold(0, |all, (level, bits)| all | bits << (4 * (level - lowest)));
        let params = GridParams {
            count: self.count,
            blocks: self.blocks,
            lowest,
            highest: self.highest,
            pairs: self.pairs.into(),
            radices,
        };
        let stage = Stage::new(plan.gpu(), &GRID, &[])
            .labelled("mesh")
            .with("grid", self.grid.range())
            .with("positions", self.positions.clone())
            .with("flags", self.flags.clone())
            .with("bounds", self.bounds.range())
            .with("conditions", self.conditions.table())
            .with("counts", self.conditions.counts());
        stage.dispatch(plan, "bound", &params, [self.blocks * 256, 1, 1])?;
        stage.dispatch(plan, "fit_grid", &params, [256, 1, 1])
    }

    /// Records a kernel between the passes, under the condition of each level, and of a rebuild where `rebuilds`.
    fn between(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &'static str,
        (fft, rebuilds): (&Fft<'_>, bool),
        buffers: &[(&str, &BufferRange)],
        threads: impl Fn(u32) -> [u32; 2],
    ) -> Result<()> {
        let threads = |level: u32| {
            let [x, y] = threads(1 << level);
            (level + if rebuilds { REBUILDS } else { 0 }, [x, y, 1])
        };
        Stage::new(plan.gpu(), &SPECTRA, &[])
            .labelled("mesh")
            .with("grid", self.grid.range())
            .with_all(buffers.iter().map(|(name, range)| (*name, (*range).clone())))
            .begin(plan, entry, &())?
            .threads_if(&self.conditions, fft.levels.clone().map(threads))
    }

    /// Records `K̂ / B²`, which runs when the spacing has changed.
    fn rebuild(&self, plan: &mut PlanBuilder<'_>, fft: &Fft<'_>) -> Result<()> {
        let Fields { x, y, influence, .. } = &self.fields;
        let all = 0..fft.passes;
        let spec = TransformSpec { rebuilds: true, ..TransformSpec::complex("mesh kernel", HALF) };
        let along_y = TransformSpec { input: FftInput::Kernel, ..spec };
        let [[made, other]] = fft.passes(plan, along_y, all.clone(), [[x, y]])?;
        let buffers = [("spectrum_in", made), ("spectrum_out", other)];
        self.between(plan, "mirror", (fft, true), &buffers, |length| [length / 8 + 1; 2])?;
        let [[made, _]] = fft.passes(plan, spec, all, [[other, made]])?;
        let buffers = [("spectrum_in", made), ("spectrum_out", influence)];
        self.between(plan, "influence", (fft, true), &buffers, |length| [length / 8 + 1, length / 2 + 1])
    }

    /// Records the convolution of the mesh to both fields.
    fn convolve(&self, plan: &mut PlanBuilder<'_>, fft: &Fft<'_>) -> Result<()> {
        let Fields { x, y, p, q, influence } = &self.fields;
        let (nodes, parts) = (&self.nodes, self.parts.range());
        let passes = fft.passes;
        // 1. Along y, two columns at once.
        let columns = Quads::OfLength { divisor: 16, more: 0 };
        let spec = TransformSpec {
            input: FftInput::Mesh,
            zeros: true,
            ..TransformSpec::complex("mesh transform y", columns)
        };
        fft.passes(plan, spec, 0..1, [[x, nodes]])?;
        let [[made, other]] = fft.passes(plan, spec, 1..passes, [[x, y]])?;
        let buffers = [("spectrum_in", made), ("spectrum_out", other)];
        self.between(plan, "unpack", (fft, false), &buffers, |length| [length / 16, length / 8 + 1])?;
        // 2. Along x, the products, and the first pass back of both fields.
        let spec = TransformSpec { zeros: true, ..TransformSpec::complex("mesh transform x", HALF) };
        let [[made, _]] = fft.passes(plan, spec, 0..passes - 1, [[other, made]])?;
        fft.convolve(plan, HALF, made, influence, [p, q, &parts])?;
        // 3. Back along x, both fields.
        let back = TransformSpec {
            half: true,
            inverse: true,
            ..TransformSpec::complex("mesh transform back x", HALF)
        };
        let [[of_x, free], [of_y, _]] = fft.passes(plan, back, 1..passes, [[p, x], [q, y]])?;
        let buffers = [("spectrum_in", of_x), ("second_in", of_y), ("spectrum_out", free)];
        self.between(plan, "pack", (fft, false), &buffers, |length| [length / 8, length / 8 + 1])?;
        // 4. Back along y, both fields as one.
        let rows = Quads::OfLength { divisor: 8, more: 0 };
        let back = TransformSpec { label: "mesh transform back y", quads: rows, ..back };
        let [[end, _]] = fft.passes(plan, back, 0..passes, [[free, of_x]])?;
        assert!(end.buffer == p.buffer, "an odd and an even number of passes end in the same field");
        Ok(())
    }
}

/// log2 of the last radix of each level, whose pass is made with the products.
fn last_bits(groups: &[(RangeInclusive<u32>, usize)]) -> impl Iterator<Item = (u32, u32)> {
    let of_level = |level: u32, passes: usize| (level, radix_bits(level, passes)[passes - 1]);
    groups.iter().flat_map(move |(levels, passes)| levels.clone().map(move |level| of_level(level, *passes)))
}
