//! The points of a layout, and the dispatches over them that projection and selection share.

use crate::error::Result;
use crate::gpu::{BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

/// The fit of the points into the rectangle.
pub(super) const FIT: Source = wgsl!("view/fit.wgsl");
/// The points' pixels.
pub(super) const PROJECT: Source = wgsl!("view/project.wgsl");
/// Lists of visible and of selected points.
pub(super) const LIST: Source = wgsl!("view/list.wgsl");

/// Points of one workgroup of the fit's first pass.
const PART: u32 = 4096;
/// Largest number of such workgroups.
const MAX_PARTS: u32 = 256;

/// The points of a layout.
#[derive(Clone)]
pub struct ScatterSet {
    /// Position of each point, two `f32`; at 1e14 and beyond it is not drawn.
    pub positions: BufferRange,
    /// Flags of each point: bit 0 not drawn, bit 1 pinned.
    pub flags: BufferRange,
    /// Number of points.
    pub count: u32,
    /// A value of each point that scales the radius of its disc; the largest value gets the largest disc.
    pub change: Option<BufferRange>,
    /// Class of each point, below 255.
    pub classes: Option<BufferRange>,
    /// Predicted class of each point; 255 and above is none.
    pub predictions: Option<BufferRange>,
}

impl ScatterSet {
    /// True when both name the same buffers.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let buffers = |set: &Self| {
            [&set.change, &set.classes, &set.predictions]
                .map(|range| range.as_ref().map(|range| range.buffer.clone()))
        };
        self.positions.buffer == other.positions.buffer
            && self.flags.buffer == other.flags.buffer
            && self.count == other.count
            && buffers(self) == buffers(other)
    }
}

params! {
    /// The parameters of all dispatches over points.
    pub(super) struct ScatterParams {
        /// Number of points.
        count: u32,
        /// Workgroups of the fit's first pass.
        parts: u32,
        /// Largest number of indices in a list.
        max_listed: u32,
        /// Not 0: the points have changes.
        has_change: u32,
        /// Not 0: the points have classes.
        has_classes: u32,
    }
}

impl ScatterParams {
    /// The parameters of a set of which at most `max_listed` points are listed.
    pub fn new(set: &ScatterSet, max_listed: u32) -> Self {
        Self {
            count: set.count,
            parts: set.count.div_ceil(PART).clamp(1, MAX_PARTS),
            max_listed,
            has_change: u32::from(set.change.is_some()),
            has_classes: u32::from(set.classes.is_some()),
        }
    }
}

/// Buffers by the names that kernels bind them to.
pub(super) type Bindings = Vec<(&'static str, BufferRange)>;

/// A plan of one dispatch per entry point, each of a shader and with a number of threads; a dispatch binds the buffers it names.
pub(super) fn plan(
    gpu: &Gpu,
    bindings: &Bindings,
    params: &ScatterParams,
    entries: &[(&Source, &'static str, u32)],
) -> Result<Plan> {
    let mut plan = PlanBuilder::new(gpu);
    for (source, entry, threads) in entries {
        let kernel = gpu.kernel(source, entry, &[])?;
        let mut dispatch = plan.dispatch(&entry.replace('_', " "), &kernel);
        if kernel.binding("params").is_ok() {
            dispatch = dispatch.params(params);
        }
        dispatch = dispatch.bind_those(bindings.iter().cloned());
        dispatch.threads([*threads, 1, 1])?;
    }
    Ok(plan.finish())
}
