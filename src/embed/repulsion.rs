//! Repulsion of each point by all others: pair by pair, by a mesh, or by whichever costs less.
//!
//! `F_i = Σ_j q̃_ij² (y_i − y_j)` and `Z = Σ_{i≠j} q̃_ij` with `q̃_ij = 1 / (1 + |y_i − y_j|²)` (van der Maaten and Hinton 2008,
//! equation 5; see [`super::attraction`]).

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, ConditionalDispatches, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::grid::Grid;
use super::mesh::{Mesh, highest_level, lowest_level};
use super::options::{Method, Options};
use super::order::Order;
use super::scratch::Scratch;

const REPULSION: Source = wgsl!("embed/repulsion.wgsl", RepulsionParams);
/// Most points taken pair by pair: a thread goes through all of them, two at a time, and the software adapter's driver ends a thread's
/// loops after 65 535 rounds.
const MAX_EXACT: usize = 100_000;
/// log2 of the longest transform of a mesh without pairs, for any number of points.
const DEFAULT_HIGHEST: u32 = 10;

params! { struct RepulsionParams { pairs: u32 } }

/// Repulsion of `count` points by these options, on a software adapter or a GPU with transforms of large radices or small.
pub(super) fn method_for(options: &Options, software: bool, large_tiles: bool, count: usize) -> Method {
    options.method.unwrap_or_else(|| fastest_method(software, large_tiles, count))
}

/// The fastest method for `count` points, on a software adapter or a GPU with transforms of large radices or small.
fn fastest_method(software: bool, large_tiles: bool, count: usize) -> Method {
    match highest_level(software, lowest_level(large_tiles), count) {
        None => Method::Exact,
        Some(_) if count > MAX_EXACT => Method::Mesh,
        Some(_) => Method::Both,
    }
}

/// log2 of the longest transform of a method's mesh; none without one.
pub(super) fn mesh_level(software: bool, large_tiles: bool, method: Method, count: usize) -> Option<u32> {
    let lowest = lowest_level(large_tiles);
    let highest = highest_level(software, lowest, count).unwrap_or(lowest);
    match method {
        Method::Exact => None,
        Method::Mesh => Some(highest.max(DEFAULT_HIGHEST)),
        Method::Both => Some(highest),
    }
}

/// Repulsion of each point by all others.
pub struct Repulsion {
    /// Algorithm.
    pub method: Method,
    /// `(x, y, Σ_{j≠i} q̃_ij, 0)` of each point; from a mesh `(x, y, 0, 0)`.
    pub(super) forces: Buffer<[f32; 4]>,
    /// Geometry of the mesh; zeros without one.
    pub(super) grid: Buffer<Grid>,
    /// Partial sums of `Σ_i Σ_j q̃_ij`, i = j included, in units of `1 / unit`.
    pub(super) parts: Buffer<f32>,
    /// Unit of `parts`; 0 without a mesh.
    pub(super) unit: f32,
    mesh: Option<Mesh>,
    positions: BufferRange,
    stride: usize,
}

impl Repulsion {
    /// Room for the repulsion of `count` points at `positions` (padded to a multiple of 4, the padding at 1e15); those with bit 0 of
    /// `flags` set are left out.
    ///
    /// # Errors
    /// When there are more than 100 000 points and they are taken pair by pair, or they do not fit the adapter.
    pub fn new(
        gpu: &Gpu,
        positions: &Buffer<[f32; 2]>,
        flags: &BufferRange,
        count: usize,
        method: Method,
    ) -> Result<Self> {
        Self::within(gpu, positions, flags, (count, None), method, &mut Scratch::default())
    }

    /// The same for points that a mesh takes by `order` where they have one; what only an iteration needs lies in `scratch` as far as that
    /// goes.
    pub(super) fn within(
        gpu: &Gpu,
        positions: &Buffer<[f32; 2]>,
        flags: &BufferRange,
        (count, order): (usize, Option<&Order>),
        method: Method,
        scratch: &mut Scratch,
    ) -> Result<Self> {
        if method != Method::Mesh && count > MAX_EXACT {
            let what = format!("{count} points are more than can be taken pair by pair");
            return Err(Error::new(what, format!("take at most {MAX_EXACT}, or a mesh")));
        }
        let stride = positions.len();
        let forces = Buffer::zeroed(gpu, "repulsion", stride);
        let ranges = [&positions.range(), flags, &forces.range()];
        let level = mesh_level(gpu.is_software(), gpu.profile().large_tiles, method, count);
        let make = |level| Mesh::new(gpu, ranges, (count, order), (level, method == Method::Both), scratch);
        let mesh = level.map(make).transpose()?;
        let (grid, parts, unit) = match &mesh {
            Some(mesh) => (mesh.grid.clone(), mesh.parts.clone(), 1.0 / (mesh.scale * mesh.scale)),
            None => (Buffer::zeroed(gpu, "no mesh", 1), Buffer::zeroed(gpu, "no parts", 1), 0.0),
        };
        Ok(Self { method, forces, grid, parts, unit, mesh, positions: positions.range(), stride })
    }

    /// Records the repulsion; once, since the conditions of a mesh belong to one plan.
    ///
    /// # Errors
    /// When a kernel cannot be made.
    pub fn record(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let Some(mesh) = &self.mesh else { return self.record_pairs(plan, None) };
        mesh.record(plan)?;
        if self.method == Method::Both {
            self.record_pairs(plan, Some((&mesh.conditions, mesh.highest + 1)))?;
        }
        mesh.conditions.finish(plan.gpu());
        Ok(())
    }

    /// Records the exact repulsion of all points, the padding among them; under the condition of a key where a mesh has precedence.
    fn record_pairs(
        &self,
        plan: &mut PlanBuilder<'_>,
        condition: Option<(&ConditionalDispatches, u32)>,
    ) -> Result<()> {
        // On the software adapter loads cost most, so that a thread takes more points; a GPU wants many threads.
        let points = if plan.gpu().is_software() { 4 } else { 2 };
        let stage = Stage::new(plan.gpu(), &REPULSION, &[("POINTS", points as u32)])
            .with("positions", self.positions.clone())
            .with("repulsion", self.forces.range());
        let params = RepulsionParams { pairs: (self.stride / 2) as u32 };
        let dispatch = stage.begin(plan, "repel", &params)?;
        // A dispatch that may not run counts no work, by which a frame's time would be planned.
        let threads = [(self.stride / points) as u32, 1, 1];
        match condition {
            Some((conditions, key)) => dispatch.threads_if(conditions, [(key, threads)]),
            None => dispatch.flops(11 * (self.stride * self.stride) as u64).threads(threads),
        }
    }

    /// Geometry of the mesh, of a level above its highest where pairs are taken; none without a mesh. Waits for the GPU.
    pub fn grid(&self, gpu: &Gpu) -> Option<Grid> {
        (self.method != Method::Exact).then(|| self.grid.read(gpu)[0])
    }

    /// Force on each point, and `Z = Σ_i Σ_{j≠i} q̃_ij` of `present` points. Waits for the GPU.
    pub fn read(&self, gpu: &Gpu, present: usize) -> (Vec<[f32; 2]>, f64) {
        let forces = self.forces.read(gpu);
        let sum: f64 = forces.iter().map(|f| f64::from(f[2])).sum();
        let used = self.grid(gpu).map_or(0, |grid| grid.parts as usize);
        let parts: f64 = self.parts.read(gpu)[..used].iter().map(|p| f64::from(*p)).sum();
        let of_mesh = if used > 0 { parts * f64::from(self.unit) - present as f64 } else { 0.0 };
        (forces.iter().map(|f| [f[0], f[1]]).collect(), sum + of_mesh)
    }
}
