//! The points of a layout that are selected: a bit a point on the GPU, set by a lasso; their number, the first of them and their
//! numbers by class come back.

use super::placement::Placement;
use super::scatter::{Bindings, ScatterParams, ScatterSet};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan};

/// Indices that come back at most.
pub const MOST_CHOSEN: usize = 512;
/// Classes that are counted apart.
const CLASSES: usize = 256;

/// A closed line around points, in pixels of the target; where it crosses itself, what it encloses twice lies outside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lasso {
    vertices: Vec<[f32; 2]>,
}

impl Lasso {
    /// Around these pixels. Fewer than three enclose nothing.
    pub fn new(path: &[[f32; 2]]) -> Self {
        Self { vertices: path.to_vec() }
    }

    /// A rectangle between two opposite corners.
    pub fn rectangle(a: [f32; 2], b: [f32; 2]) -> Self {
        Self { vertices: vec![a, [b[0], a[1]], b, [a[0], b[1]]] }
    }

    /// Bit `y · columns + x`: the middle of pixel x, y of a placement's rectangle lies within the line.
    fn mask(&self, placement: &Placement) -> Vec<u32> {
        let [columns, rows] = placement.pixels();
        let [left, top] = [placement.rectangle.x.floor(), placement.rectangle.y.floor()];
        let mut mask = vec![0_u32; (columns * rows).div_ceil(32) as usize];
        let edges = || self.vertices.iter().zip(self.vertices.iter().cycle().skip(1));
        let mut crossings = Vec::new();
        for row in 0..rows {
            let y = top + row as f32 + 0.5;
            crossings.clear();
            crossings.extend(edges().filter(|(a, b)| (a[1] > y) != (b[1] > y)).map(|(a, b)| {
                let x = a[0] + (b[0] - a[0]) * ((y - a[1]) / (b[1] - a[1]));
                // The first pixel whose middle lies to the right.
                (x - left - 0.5).ceil().clamp(0.0, columns as f32) as u32
            }));
            crossings.sort_unstable();
            for pair in crossings.chunks_exact(2) {
                for bit in (pair[0]..pair[1]).map(|x| row * columns + x) {
                    mask[bit as usize / 32] |= 1 << (bit % 32);
                }
            }
        }
        mask
    }
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
    /// Which pixels lie within the lasso.
    lasso: Option<Buffer<u32>>,
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
            lasso: None,
            pending: false,
            changed: false,
        }
    }

    /// What lies within `lasso` is selected from this frame on. Returns whether the plan must be made anew.
    pub fn set(&mut self, gpu: &Gpu, lasso: &Lasso, placement: &Placement) -> bool {
        let mask = lasso.mask(placement);
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
        let Some(lasso) = &self.lasso else { return Ok(Plan::default()) };
        bindings.push(("lasso", lasso.range()));
        let params = ScatterParams { most: MOST_CHOSEN as u32, tally: 1, ..ScatterParams::of(set) };
        let words = set.count.div_ceil(32);
        let entries = [("select_points", words), ("list_bits", 256), ("count_by_class", words)];
        super::scatter::plan(gpu, &bindings, &params, &entries)
    }
}
