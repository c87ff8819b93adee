//! Drift of rows since a snapshot: `Σ_d |x_id − snapshot_id|`, ReVACNN's degree of convergence of a filter.
//!
//! The values of a row of the [`TensorView`] are contiguous, as weights are.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, Stage, TensorView};
use crate::{params, wgsl};

const DRIFT: Source = wgsl!("embed/drift.wgsl", DriftParams);

params! { struct DriftParams { rows: u32, dims: u32, offset: u32, row_stride: u32 } }

/// Drift of each row.
pub struct Drift {
    /// `[i]`: drift of row i.
    pub values: Buffer<f32>,
    /// Takes the snapshot.
    pub keep: Plan,
    /// Computes the drift since the snapshot.
    pub measure: Plan,
}

impl Drift {
    /// Prepares the drift of the rows of `view`.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn new(gpu: &Gpu, view: &TensorView) -> Result<Self> {
        let [rows, channels, height, width] = view.extents;
        let dims = channels * height * width;
        gpu.check_fits("the rows that are kept", u64::from(rows * dims) * 4)?;
        let values = Buffer::zeroed(gpu, "drift of rows", rows as usize);
        let kept = Buffer::<f32>::zeroed(gpu, "kept rows", (rows * dims) as usize);
        let params = DriftParams { rows, dims, offset: view.offset, row_stride: view.strides[0] };
        let stage = Stage::new(gpu, &DRIFT, &[])
            .with("tensor", BufferRange::whole(&view.buffer))
            .with("kept", kept.range())
            .with("drift", values.range());
        let mut keep = PlanBuilder::new(gpu);
        stage.dispatch(&mut keep, "keep", &params, [rows * dims, 1, 1])?;
        let mut measure = PlanBuilder::new(gpu);
        stage.dispatch(&mut measure, "measure", &params, [rows * 64, 1, 1])?;
        Ok(Self { values, keep: keep.finish(), measure: measure.finish() })
    }
}
