//! The points of a layout, and the parameters of the dispatches over them.

use crate::gpu::BufferRange;
use crate::params;

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
    pub(super) fn new(set: &ScatterSet, max_listed: u32) -> Self {
        Self {
            count: set.count,
            parts: set.count.div_ceil(PART).clamp(1, MAX_PARTS),
            max_listed,
            has_change: u32::from(set.change.is_some()),
            has_classes: u32::from(set.classes.is_some()),
        }
    }
}
