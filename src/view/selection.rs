//! The selected points of a layout: one bit per point on the GPU, set by a lasso. Their number, the first indices and the numbers
//! by class are read back.

use bytemuck::{Pod, Zeroable};

use super::camera::Camera;
use super::lasso::Lasso;
use super::listed::{PointList, ScreenPoint, list_in};
use super::rect::Rect;
use super::scatter_set::{ScatterParams, ScatterSet};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Element, Gpu, Plan, PlanBuilder, Source, Stage};
use crate::wgsl;

/// Lists of visible and of selected points.
pub(super) const LIST: Source = wgsl!("view/list.wgsl", Camera, ScatterParams, ScreenPoint, PointList);

/// Largest number of indices that are read back.
pub const MAX_SELECTED: usize = 512;
/// Number of class counters; classes from the last on share it.
const CLASSES: usize = 256;

/// A selection as the GPU writes it.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct SelectionRecord {
    class_counts: [u32; CLASSES],
    count: u32,
    indices: [u32; MAX_SELECTED],
}

impl Element for SelectionRecord {}

/// A selection as it was some frames ago.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectionSummary {
    /// Number of selected points.
    pub count: u32,
    /// Indices of the first of them, in ascending order; [`MAX_SELECTED`] at most.
    pub indices: Vec<u32>,
    /// Number of selected points of each class; empty where points have no classes.
    pub by_class: Vec<u32>,
}

impl SelectionSummary {
    /// Bytes to read back.
    pub const BYTES: u64 = size_of::<SelectionRecord>() as u64;

    /// Decodes the bytes that were read back.
    pub fn read(bytes: &[u8]) -> Self {
        let record: SelectionRecord = bytemuck::pod_read_unaligned(bytes);
        let listed = (record.count as usize).min(MAX_SELECTED);
        let classes = record.class_counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        Self {
            count: record.count,
            indices: record.indices[..listed].to_vec(),
            by_class: record.class_counts[..classes].to_vec(),
        }
    }
}

/// The selection of one layout on the GPU.
pub(super) struct Selection {
    /// Number of points of the layout.
    pub count: u32,
    /// Bit i: point i is selected.
    pub bits: Buffer<u32>,
    /// The record to read back.
    pub record: Buffer<SelectionRecord>,
    /// Bit per pixel: inside the lasso.
    lasso: Option<Buffer<u32>>,
    /// A lasso is applied in the frame under way.
    pub pending: bool,
    /// The record changed since it was read back.
    pub changed: bool,
}

impl Selection {
    /// An empty selection among `count` points.
    pub(super) fn new(gpu: &Gpu, count: u32) -> Self {
        Self {
            count,
            bits: Buffer::zeroed(gpu, "selected points", count.div_ceil(32) as usize),
            record: Buffer::zeroed(gpu, "selection record", 1),
            lasso: None,
            pending: false,
            changed: false,
        }
    }

    /// Selects the points inside `lasso` from this frame on. Returns true when a new plan is needed.
    pub(super) fn set(&mut self, gpu: &Gpu, lasso: &Lasso, rectangle: &Rect) -> bool {
        let mask = lasso.mask(rectangle);
        (self.pending, self.changed) = (true, true);
        match &self.lasso {
            Some(buffer) if buffer.len() >= mask.len() => {
                buffer.write(gpu, 0, &mask);
                false
            }
            _ => {
                self.lasso = Some(Buffer::from_slice(gpu, "lasso", &mask));
                true
            }
        }
    }

    /// Deselects all points from this frame on.
    pub(super) fn clear(&mut self, gpu: &Gpu) {
        self.bits.write(gpu, 0, &vec![0; self.bits.len()]);
        self.record.write(gpu, 0, &[SelectionRecord::zeroed()]);
        (self.pending, self.changed) = (false, true);
    }

    /// The dispatches that select the points inside the lasso; `project` has the buffers of the layout's points.
    pub(super) fn plan(&self, gpu: &Gpu, set: &ScatterSet, project: Stage<'_>) -> Result<Plan> {
        let Some(lasso) = &self.lasso else { return Ok(Plan::default()) };
        let params = ScatterParams::new(set, MAX_SELECTED as u32);
        let words = set.count.div_ceil(32);
        let project = project.with("lasso", lasso.range()).with("bits", self.bits.range());
        let raw = self.record.raw();
        let list_offset = std::mem::offset_of!(SelectionRecord, count) as u64;
        let mut lists = Stage::new(gpu, &LIST, &[])
            .with("bits", self.bits.range())
            .with("list", list_in(BufferRange::new(raw, list_offset, raw.size() - list_offset)))
            .with("class_counts", BufferRange::new(raw, 0, list_offset));
        let mut plan = PlanBuilder::new(gpu);
        project.dispatch(&mut plan, "select_points", &params, [words, 1, 1])?;
        lists.dispatch(&mut plan, "list_bits", &params, [256, 1, 1])?;
        lists.dispatch(&mut plan, "clear_class_counts", &params, [CLASSES as u32, 1, 1])?;
        if let Some(classes) = &set.classes {
            lists = lists.with("classes", classes.clone());
            lists.dispatch(&mut plan, "count_by_class", &params, [words, 1, 1])?;
        }
        Ok(plan.finish())
    }
}
