//! The points of a layout that are selected: a bit a point on the GPU, set by a lasso; their number, the first of them and their
//! numbers by class come back.

use bytemuck::{Pod, Zeroable};

use super::scatter::{Bindings, ScatterParams, ScatterSet};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan};

/// Vertices of a lasso at most.
pub const MOST_VERTICES: usize = 128;
/// Indices that come back at most.
pub const MOST_CHOSEN: usize = 512;
/// Classes that are counted apart.
const CLASSES: usize = 256;

/// A closed line around points, in pixels of the target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lasso {
    vertices: Vec<[f32; 2]>,
}

impl Lasso {
    /// Around these pixels; of more than [`MOST_VERTICES`] every so many are taken.
    pub fn new(path: &[[f32; 2]]) -> Self {
        let each = path.len().div_ceil(MOST_VERTICES).max(1);
        Self { vertices: path.iter().step_by(each).copied().collect() }
    }

    /// A rectangle between two opposite corners.
    pub fn rectangle(a: [f32; 2], b: [f32; 2]) -> Self {
        Self { vertices: vec![a, [b[0], a[1]], b, [a[0], b[1]]] }
    }

    fn raw(&self) -> RawLasso {
        let mut raw = RawLasso::zeroed();
        raw.count = self.vertices.len() as u32;
        raw.vertices[..self.vertices.len()].copy_from_slice(&self.vertices);
        let bound = |axis: usize, start: f32, join: fn(f32, f32) -> f32| {
            self.vertices.iter().map(|v| v[axis]).fold(start, join)
        };
        raw.low = [bound(0, f32::MAX, f32::min), bound(1, f32::MAX, f32::min)];
        raw.high = [bound(0, f32::MIN, f32::max), bound(1, f32::MIN, f32::max)];
        raw
    }
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RawLasso {
    low: [f32; 2],
    high: [f32; 2],
    count: u32,
    padding: u32,
    vertices: [[f32; 2]; MOST_VERTICES],
}

/// What is known of a selection on the CPU, some frames old.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// How many points are selected.
    pub count: u32,
    /// The first of them, [`MOST_CHOSEN`] at most, in their order.
    pub indices: Vec<u32>,
    /// How many of each class; nothing where points have no classes.
    pub by_class: Vec<u32>,
}

impl Chosen {
    /// Bytes that are to be read back for it.
    pub const BYTES: u64 = 4 * (1 + MOST_CHOSEN + CLASSES) as u64;

    /// From what was read back.
    pub fn read(bytes: &[u8]) -> Self {
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(bytes);
        let listed = (words[0] as usize).min(MOST_CHOSEN);
        let mut by_class = words[1 + MOST_CHOSEN..].to_vec();
        let classes = by_class.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        by_class.truncate(classes);
        Self { count: words[0], indices: words[1..1 + listed].to_vec(), by_class }
    }
}

/// The selection of one layout on the GPU.
pub(super) struct Selection {
    pub count: u32,
    /// Bit i: point i is selected.
    pub bits: Buffer<u32>,
    /// As [`Chosen::read`] reads it.
    pub chosen: Buffer<u32>,
    lasso: Buffer<u32>,
    /// Set in the frame that is being made.
    pub pending: bool,
    /// To be read back.
    pub changed: bool,
}

impl Selection {
    /// Of `count` points none is selected.
    pub fn new(gpu: &Gpu, count: u32) -> Self {
        Self {
            count,
            bits: Buffer::zeroed(gpu, "selected points", count.div_ceil(32) as usize),
            chosen: Buffer::zeroed(gpu, "chosen points", Chosen::BYTES as usize / 4),
            lasso: Buffer::zeroed(gpu, "lasso", size_of::<RawLasso>() / 4),
            pending: false,
            changed: false,
        }
    }

    /// What lies within `lasso` is selected from this frame on.
    pub fn set(&mut self, gpu: &Gpu, lasso: &Lasso) {
        if lasso.vertices.len() < 3 {
            return self.clear(gpu);
        }
        self.lasso.write(gpu, 0, bytemuck::cast_slice(&[lasso.raw()]));
        (self.pending, self.changed) = (true, true);
    }

    /// Nothing is selected from this frame on.
    pub fn clear(&mut self, gpu: &Gpu) {
        self.bits.write(gpu, 0, &vec![0; self.bits.len()]);
        self.chosen.write(gpu, 0, &vec![0; self.chosen.len()]);
        (self.pending, self.changed) = (false, true);
    }

    /// The dispatches that find what lies within the lasso.
    pub fn plan(&self, gpu: &Gpu, set: &ScatterSet, bindings: &Bindings) -> Result<Plan> {
        let mut bindings = bindings.clone();
        bindings.push(("bits", self.bits.range()));
        bindings.push(("list", self.chosen.range()));
        bindings.push(("lasso", self.lasso.range()));
        let params = ScatterParams { most: MOST_CHOSEN as u32, tally: 1, ..ScatterParams::of(set) };
        let words = set.count.div_ceil(32);
        let entries = [("select_points", words), ("list_bits", 256), ("count_by_class", words)];
        super::scatter::plan(gpu, &bindings, &params, &entries)
    }
}
