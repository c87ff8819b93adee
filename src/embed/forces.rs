//! The two forces of t-SNE on every point: the pull of its neighbours and the push of all others.
//!
//! `∂KL/∂y_i / 4 = e Σ_j p_ij q̃_ij (y_i − y_j) − (1/Z) Σ_j q̃_ij² (y_i − y_j)` with `q̃_ij = 1 / (1 + |y_i − y_j|²)`,
//! `Z = Σ_{i≠j} q̃_ij` and the exaggeration e (van der Maaten and Hinton 2008, equation 5, without the factor 4).

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gates, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

use super::affinities::Affinities;
use super::grid::Grid;
use super::mesh::{LOWEST, Mesh, Pairs, highest_level};

const ATTRACTION: Source = wgsl!("embed/attraction.wgsl", AttractionParams);
const REPULSION: Source = wgsl!("embed/repulsion.wgsl", RepulsionParams);

/// Points that one dispatch attracts at most, so that none takes long.
const MOST_ATTRACTED: usize = 32_768;
/// Points that are taken pair by pair at most: a thread goes through all of them, two at a time, and the software adapter's driver
/// ends a thread's loops after 65 535 rounds.
const MOST_EXACT: usize = 100_000;

/// log2 of the longest transform where there is a mesh alone, whatever the number of points.
const USUAL_HIGHEST: u32 = 10;

params! { struct AttractionParams { count: u32, first: u32, begin: u32 } }
params! { struct RepulsionParams { pairs: u32 } }

/// Adds the attraction `(x, y, Σ p ln(1 + d²), Σ p)` of each point.
pub(super) fn attract(
    gpu: &Gpu,
    plan: &mut PlanBuilder<'_>,
    affinities: &Affinities,
    positions: &BufferRange,
    attraction: &BufferRange,
) -> Result<()> {
    let kernel = gpu.kernel(&ATTRACTION, "attract", &[])?;
    for chunk in &affinities.chunks {
        for begin in (0..chunk.rows).step_by(MOST_ATTRACTED) {
            let count = MOST_ATTRACTED.min(chunk.rows - begin);
            let params =
                AttractionParams { count: count as u32, first: chunk.first as u32, begin: begin as u32 };
            plan.dispatch("attraction", &kernel)
                .bind("positions", positions.clone())
                .bind("starts", chunk.starts.range())
                .bind("targets", chunk.targets.range())
                .bind("values", chunk.values.range())
                .bind("attraction", attraction.clone())
                .params(&params)
                .threads([count as u32, 1, 1])?;
        }
    }
    Ok(())
}

/// How the push of all other points is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Pair by pair.
    Exact,
    /// By a mesh and Fourier transforms.
    Mesh,
    /// By a mesh as long as that costs less than pairs, which depends on how far apart the points are.
    Both,
}

impl Method {
    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Mesh => "mesh",
            Self::Both => "mesh and exact",
        }
    }

    /// The fastest one for so many points.
    pub fn for_points(gpu: &Gpu, count: usize) -> Self {
        match highest_level(gpu, count) {
            None => Self::Exact,
            Some(_) if count > MOST_EXACT => Self::Mesh,
            Some(_) => Self::Both,
        }
    }
}

/// The push of all other points on each of some.
pub struct Repulsion {
    /// `(x, y, Σ_{j≠i} q̃_ij, 0)` of each point; of a mesh `(x, y, 0, 0)`.
    pub(super) forces: Buffer<[f32; 4]>,
    /// A [`Grid`], of zeros where there is no mesh.
    pub(super) grid: Buffer<Grid>,
    /// Summands of `Σ_i Σ_j q̃_ij`, the points themselves among them, in units of `1 / unit`.
    pub(super) parts: Buffer<f32>,
    /// What one of `parts` counts; 0 where there is no mesh.
    pub(super) unit: f32,
    /// How it is found.
    pub method: Method,
}

impl Repulsion {
    /// Adds the push on each of `count` points at `positions` (padded to a multiple of 4, the padding at 1e15) of which those with
    /// bit 0 of `flags` set are left out.
    ///
    /// # Errors
    /// When there are more than 100 000 points and they are taken pair by pair, or they do not fit the adapter.
    pub fn new(
        gpu: &Gpu,
        plan: &mut PlanBuilder<'_>,
        positions: &Buffer<[f32; 2]>,
        flags: &BufferRange,
        count: usize,
        method: Method,
    ) -> Result<Self> {
        let stride = positions.len();
        let forces = Buffer::zeroed(gpu, "repulsion", stride);
        if method != Method::Mesh && count > MOST_EXACT {
            let what = format!("{count} points are more than can be taken pair by pair");
            return Err(Error::new(what, format!("take at most {MOST_EXACT}, or a mesh")));
        }
        let ranges = [&positions.range(), flags, &forces.range()];
        let pairs = |plan: &mut PlanBuilder<'_>, gates: &Gates, key| {
            repel(gpu, plan, [ranges[0], ranges[2]], stride, Some((gates, key)))
        };
        if method != Method::Exact {
            let both = (method == Method::Both).then_some(&pairs as Pairs<'_>);
            let highest = highest_level(gpu, count).unwrap_or(LOWEST);
            let highest = if both.is_some() { highest } else { highest.max(USUAL_HIGHEST) };
            let Mesh { grid, parts, scale } = Mesh::new(gpu, plan, ranges, count, highest, both)?;
            return Ok(Self { forces, grid, parts, unit: 1.0 / (scale * scale), method });
        }
        repel(gpu, plan, [ranges[0], ranges[2]], stride, None)?;
        let grid = Buffer::zeroed(gpu, "no mesh", 1);
        Ok(Self { forces, grid, parts: Buffer::zeroed(gpu, "no parts", 1), unit: 0.0, method })
    }

    /// The mesh in use; of a level that it does not have where pairs are taken. Waits for the GPU.
    pub fn grid(&self, gpu: &Gpu) -> Option<Grid> {
        let read = || self.grid.read(gpu)[0];
        (self.method != Method::Exact).then(read)
    }

    /// The push on each point, and `Z = Σ_i Σ_{j≠i} q̃_ij` of `present` points. Waits for the GPU.
    pub fn read(&self, gpu: &Gpu, present: usize) -> (Vec<[f32; 2]>, f64) {
        let forces = self.forces.read(gpu);
        let sum: f64 = forces.iter().map(|f| f64::from(f[2])).sum();
        let used = self.grid(gpu).map_or(0, |grid| grid.parts as usize);
        let parts: f64 = self.parts.read(gpu)[..used].iter().map(|p| f64::from(*p)).sum();
        let of_mesh = if used > 0 { parts * f64::from(self.unit) - present as f64 } else { 0.0 };
        (forces.iter().map(|f| [f[0], f[1]]).collect(), sum + of_mesh)
    }
}

/// Adds the exact repulsion `(x, y, Σ q̃, 0)` of each of `stride` points, the padding among them.
fn repel(
    gpu: &Gpu,
    plan: &mut PlanBuilder<'_>,
    [positions, repulsion]: [&BufferRange; 2],
    stride: usize,
    gate: Option<(&Gates, u32)>,
) -> Result<()> {
    // On the software adapter loads cost most, so that a thread takes more points; a GPU wants many threads.
    let points = if gpu.is_software() { 4 } else { 2 };
    let kernel = gpu.kernel(&REPULSION, "repel", &[("POINTS", points as u32)])?;
    let mut dispatch = plan
        .dispatch("repulsion", &kernel)
        .bind("positions", positions.clone())
        .bind("repulsion", repulsion.clone());
    // What may not run at all says nothing of its work, by which a frame's time would be planned.
    dispatch = match gate {
        Some((gates, key)) => dispatch.gated(gates, key),
        None => dispatch.flops(11 * (stride * stride) as u64),
    };
    dispatch.params(&RepulsionParams { pairs: (stride / 2) as u32 }).threads([(stride / points) as u32, 1, 1])
}
