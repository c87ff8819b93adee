//! How much each row changed since it was kept: `Σ_d |x_id − kept_id|`, ReVACNN's degree of convergence of a filter.
//!
//! Rows are those of a [`TensorView`] whose values lie side by side, as weights do.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, TensorView};
use crate::{params, wgsl};

const CHANGE: Source = wgsl!("embed/change.wgsl", ChangeParams);

params! { struct ChangeParams { rows: u32, dims: u32, offset: u32, row_stride: u32 } }

/// The change of each row.
pub struct Change {
    /// `[i]`.
    pub values: Buffer<f32>,
    /// Keeps the rows as they are.
    pub keep: Plan,
    /// Measures the change since they were kept.
    pub measure: Plan,
}

impl Change {
    /// Prepares to measure the rows of `view`.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn new(gpu: &Gpu, view: &TensorView) -> Result<Self> {
        let [rows, channels, height, width] = view.extents;
        let dims = channels * height * width;
        let bytes = u64::from(rows * dims) * 4;
        gpu.check_fits("the rows that are kept", bytes)?;
        let values = Buffer::zeroed(gpu, "change of rows", rows as usize);
        let kept = Buffer::<f32>::zeroed(gpu, "kept rows", (rows * dims) as usize);
        let params = ChangeParams { rows, dims, offset: view.offset, row_stride: view.strides[0] };
        let tensor = BufferRange::whole(&view.buffer);
        let mut keep = PlanBuilder::new(gpu);
        let kernel = gpu.kernel(&CHANGE, "keep", &[])?;
        keep.dispatch("keep rows", &kernel)
            .bind("tensor", tensor.clone())
            .bind("kept", kept.range())
            .params(&params)
            .threads([rows * dims, 1, 1])?;
        let mut measure = PlanBuilder::new(gpu);
        let kernel = gpu.kernel(&CHANGE, "measure", &[])?;
        measure
            .dispatch("change of rows", &kernel)
            .bind("tensor", tensor)
            .bind("kept", kept.range())
            .bind("change", values.range())
            .params(&params)
            .threads([rows * 64, 1, 1])?;
        Ok(Self { values, keep: keep.finish(), measure: measure.finish() })
    }
}

/// The twin: the change of each row `[i][d]`.
pub fn change_twin(rows: &[Vec<f32>], kept: &[Vec<f32>]) -> Vec<f64> {
    let change = |(row, old): (&Vec<f32>, &Vec<f32>)| {
        row.iter().zip(old).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum()
    };
    rows.iter().zip(kept).map(change).collect()
}
