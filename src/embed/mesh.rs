//! The push of all other points by way of a mesh: particle-mesh with quintic B-splines (Hockney and Eastwood 1988; for t-SNE,
//! Linderman et al. 2019, "Fast interpolation-based t-SNE").
//!
//! `F_i = Σ_j q̃_ij² (y_i − y_j)` and `Σ_i Σ_j q̃_ij` are convolutions of the points with `x q̃²`, `y q̃²` and `q̃`. Points are put on a mesh
//! of m × m nodes by B-splines, in whole numbers, so that their order does not matter; the mesh, with as much room again so that
//! nothing comes round the edge, is transformed, multiplied by `K̂ / B²` (both ways by B-splines smooth by their transform B), and
//! transformed back: `x q̃² = −½ ∂q̃/∂x`, so that one transform K̂ serves both fields. The sum of q̃ needs no way back: by Parseval it is `Σ_k |Ŵ(k)|² K̂(k) / B(k)²`.
//!
//! Passes, for a mesh of m = L / 2 nodes: along y of two columns at once, to `[x, ky]` with ky from 0 to L / 2, along x, products,
//! back along x of both fields, to `[ky, x]`, back along y of both fields at once. The mesh moves and grows with the points,
//! on the GPU: of the few lengths L that are prepared only one runs in an iteration, the least that keeps nodes 0.4 apart at most.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gates, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

use super::fft::{Fft, Of, Reads, radix_bits, turns};
use super::grid::Grid;

const MESH: Source = wgsl!("embed/mesh.wgsl", MeshParams, Grid);
/// log2 of the shortest transform.
pub(super) const LOWEST: u32 = 8;
/// log2 of the longest.
pub(super) const HIGHEST: u32 = 12;
/// Blocks of the bounds.
const MOST_BLOCKS: usize = 256;
/// Gated dispatches at most.
const MOST_GATES: usize = 256;
/// Beside its level, the key of a gate that opens only when the kernel is made anew.
const REBUILDS: u32 = 256;
/// The key of a gate that is open while there is a mesh, whatever its level.
const MESHES: u32 = 512;

params! { struct MeshParams { count: u32, blocks: u32, lowest: u32, highest: u32, pairs: u32, radices: u32, level: u32, scale: f32 } }

/// Adds what runs instead of a mesh that is too small, behind a gate of the key that it is given.
pub(super) type Pairs<'a> = &'a dyn Fn(&mut PlanBuilder<'_>, &Gates, u32) -> Result<()>;

/// The buffers of a mesh.
pub(super) struct Mesh {
    /// One element.
    pub grid: Buffer<Grid>,
    /// Summands of Σ q̃, in steps of 1 / scale².
    pub parts: Buffer<f32>,
    /// Steps that a weight of 1 has.
    pub scale: f32,
}

/// log2 of the longest transform that costs less than so many points' pairs, if there is one. (Measured on the software adapter: 10⁸
/// pairs take as long as a transform of 1 350; a GPU, which nobody has measured yet, is taken to be a little kinder to pairs.)
pub(super) fn highest_level(gpu: &Gpu, count: usize) -> Option<u32> {
    let points_a_length = if gpu.is_software() { 7 } else { 10 };
    (LOWEST..=HIGHEST).rev().find(|level| count >= points_a_length << level)
}

/// Room for spectra, which go to and fro between pairs of them, and for the kernel's.
struct Fields {
    x: BufferRange,
    y: BufferRange,
    p: BufferRange,
    q: BufferRange,
    influence: BufferRange,
}

impl Fields {
    fn new(gpu: &Gpu, length: usize) -> Result<Self> {
        let spectrum = length * (length / 2 + 4) * 2;
        gpu.check_fits("the mesh of t-SNE", (spectrum * 4) as u64)?;
        let field = |label, len| Buffer::<f32>::zeroed(gpu, label, len).range();
        Ok(Self {
            x: field("mesh x", spectrum),
            y: field("mesh y", spectrum),
            p: field("mesh p", spectrum),
            q: field("mesh q", spectrum),
            influence: field("influence", (length / 2 + 1) * (length / 8 + 1) * 4),
        })
    }
}

impl Mesh {
    /// Adds the push `(x, y, 0, 0)` on each of `count` points by a mesh of at most `2^highest / 2` nodes a side. Where the points are
    /// too wide for that, `pairs`, if it is given, is to add what runs in its stead, behind a gate of that key.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub fn new(
        gpu: &Gpu,
        plan: &mut PlanBuilder<'_>,
        [positions, flags, repulsion]: [&BufferRange; 3],
        count: usize,
        highest: u32,
        pairs: Option<Pairs<'_>>,
    ) -> Result<Self> {
        let length = 1_usize << highest;
        // A GPU's threads have registers for 8 values, and the software adapter's memory is dear.
        let most_bits = if gpu.tuning().large_tiles { 5 } else { 3 };
        let fields = Fields::new(gpu, length)?;
        let grid = Buffer::<Grid>::zeroed(gpu, "grid", 1);
        let turns = turns(gpu, length);
        let grid_range = grid.range();
        let gates = Gates::new(gpu, MOST_GATES);
        let lengths: Vec<Fft<'_>> = (LOWEST..=highest)
            .map(|level| Fft {
                gpu,
                level,
                grid: &grid_range,
                turns: &turns,
                bits: radix_bits(level, most_bits),
                gates: Some(&gates),
            })
            .collect();
        let parts =
            lengths.iter().map(|fft| (1 << fft.level >> fft.last_bits()) * ((1 << fft.level) / 8 + 1));
        let parts = Buffer::<f32>::zeroed(gpu, "parts of the sum", parts.max().unwrap_or(1));
        let radices = lengths.iter().fold(0, |all, fft| all | fft.last_bits() << (4 * (fft.level - LOWEST)));
        let blocks = count.div_ceil(1024).min(MOST_BLOCKS);
        let scale = steps_of_a_weight(count);
        let mesh = Buffer::<i32>::zeroed(gpu, "mesh", length * length / 4).range();
        let work = Work {
            gpu,
            params: MeshParams {
                count: count as u32,
                blocks: blocks as u32,
                lowest: LOWEST,
                highest,
                pairs: pairs.is_some().into(),
                radices,
                level: 0,
                scale,
            },
            bindings: vec![
                ("grid", grid_range.clone()),
                ("positions", positions.clone()),
                ("flags", flags.clone()),
                ("bounds", Buffer::<[f32; 4]>::zeroed(gpu, "bounds", blocks).range()),
                ("mesh", mesh.clone()),
                ("mesh_quads", mesh.clone()),
                ("repulsion", repulsion.clone()),
                ("gates", gates.table()),
                ("counts", gates.counts()),
            ],
            gates: &gates,
        };
        work.record(plan, &lengths, &fields, [&mesh, &parts.range()])?;
        if let Some(pairs) = pairs {
            pairs(plan, &gates, highest + 1)?;
        }
        gates.finish(gpu);
        Ok(Self { grid, parts, scale })
    }
}

/// What the kernels of the mesh bind.
struct Work<'a> {
    gpu: &'a Gpu,
    params: MeshParams,
    bindings: Vec<(&'static str, BufferRange)>,
    gates: &'a Gates,
}

impl Work<'_> {
    /// Adds all passes, of whichever length.
    fn record(
        &self,
        plan: &mut PlanBuilder<'_>,
        lengths: &[Fft<'_>],
        fields: &Fields,
        [mesh, parts]: [&BufferRange; 2],
    ) -> Result<()> {
        let count = [self.params.count, 1, 1];
        self.add(plan, "bound", [self.params.blocks * 256, 1, 1], 0, &[])?;
        self.add(plan, "settle", [256, 1, 1], 0, &[])?;
        for fft in lengths {
            self.add(plan, "clear", [1 << (2 * fft.level - 4), 1, 1], fft.level, &[])?;
        }
        self.add(plan, "deposit", count, MESHES, &[])?;
        for fft in lengths {
            rebuild(self, plan, fft, fields)?;
            convolve(self, plan, fft, fields, mesh, parts)?;
        }
        self.add(plan, "collect", count, MESHES, &[("from_values", &fields.p)])
    }

    /// Adds a kernel; `key` is that of its gate: a level, and whether it belongs to the kernels' making; 0: it has none.
    fn add(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &'static str,
        threads: [u32; 3],
        key: u32,
        more: &[(&'static str, &BufferRange)],
    ) -> Result<()> {
        let kernel = self.gpu.kernel(&MESH, entry, &[])?;
        let mut dispatch = plan.dispatch(&format!("mesh {entry}"), &kernel);
        if kernel.binding("params").is_ok() {
            dispatch = dispatch.params(&MeshParams { level: key % REBUILDS, ..self.params });
        }
        if key > 0 {
            dispatch = dispatch.gated(self.gates, key);
        }
        let more = more.iter().map(|(name, range)| (*name, (*range).clone()));
        dispatch = dispatch.bind_those(self.bindings.iter().cloned().chain(more));
        dispatch.threads(threads)
    }
}

/// Steps that a weight of 1 has, so that all points on one node take half of what 32 bits hold; a weight itself has no more than 20
/// bits.
fn steps_of_a_weight(count: usize) -> f32 {
    let bits = 30 - usize::BITS.saturating_sub((count.max(2) - 1).leading_zeros());
    (1_u32 << bits.min(20)) as f32
}

/// Adds the making of `K̂ / B²` for one length, which runs when the spacing has changed.
fn rebuild(work: &Work<'_>, plan: &mut PlanBuilder<'_>, fft: &Fft<'_>, fields: &Fields) -> Result<()> {
    let quads = (1 << fft.level) / 8 + 1;
    let (all, key) = (0..fft.bits.len(), fft.level + REBUILDS);
    let of = Of { rebuilds: true, ..Of::grid("mesh kernel", quads) };
    let along_y = Of { reads: Reads::Kernel, ..of };
    let [made, other] = fft.passes(plan, along_y, all.clone(), [&fields.x, &fields.y])?;
    work.add(plan, "mirror", [quads, quads, 1], key, &[("from_grid", made), ("to_grid", other)])?;
    let [made, _] = fft.passes(plan, of, all, [other, made])?;
    let rows = (1 << fft.level) / 2 + 1;
    let bound = [("from_grid", made), ("to_grid", &fields.influence)];
    work.add(plan, "influence", [quads, rows, 1], key, &bound)
}

/// Adds the way from the mesh to the fields, for one length.
fn convolve(
    work: &Work<'_>,
    plan: &mut PlanBuilder<'_>,
    fft: &Fft<'_>,
    fields: &Fields,
    mesh: &BufferRange,
    parts: &BufferRange,
) -> Result<()> {
    let Fields { x, y, p, q, influence } = fields;
    let length = 1_u32 << fft.level;
    let quads = length / 8 + 1;
    let passes = fft.bits.len();
    let of = Of { reads: Reads::Mesh, zeros: true, ..Of::grid("mesh transform y", length / 16) };
    fft.passes(plan, of, 0..1, [x, mesh])?;
    let [made, other] = fft.passes(plan, of, 1..passes, [x, y])?;
    work.add(plan, "unpack", [length / 16, quads, 1], fft.level, &[("from_grid", made), ("to_grid", other)])?;
    let of = Of { zeros: true, ..Of::grid("mesh transform x", quads) };
    let [made, _] = fft.passes(plan, of, 0..passes - 1, [other, made])?;
    fft.convolve(plan, quads, made, influence, [p, q, parts])?;
    let of = Of { half: true, inverse: true, ..Of::grid("mesh transform back x", quads) };
    let [of_x, free] = fft.passes(plan, of, 1..passes, [p, x])?;
    let [of_y, _] = fft.passes(plan, of, 1..passes, [q, y])?;
    let bound = [("from_grid", of_x), ("from_other", of_y), ("to_grid", free)];
    work.add(plan, "pack", [length / 8, quads, 1], fft.level, &bound)?;
    let of = Of { half: true, inverse: true, ..Of::grid("mesh transform back y", length / 8) };
    let [end, _] = fft.passes(plan, of, 0..passes, [free, of_x])?;
    assert!(end.buffer == p.buffer, "an odd and an even number of passes end in the same field");
    Ok(())
}
