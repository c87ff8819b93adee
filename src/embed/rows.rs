//! The rows of a tensor as t-SNE takes them: `[d, i]`, scaled by the largest absolute value, centred, rows that are not finite
//! left out.
//!
//! Scaling and centring change no affinity (the bandwidth of each row adapts), and keep distances within `f32` whatever the unit
//! of the rows is.

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, TensorView};
use crate::{params, wgsl};

const ROWS: Source = wgsl!("embed/rows.wgsl");

params! {
    struct RowsParams {
        count: u32, stride: u32,
        offset: u32, height: u32, width: u32,
        row_stride: u32, channel_stride: u32, y_stride: u32, x_stride: u32,
    }
}

/// Rows on the GPU.
pub(super) struct Rows {
    /// Number of rows.
    pub count: usize,
    /// Values of a row.
    pub dims: usize,
    /// Rows with padding: elements from one value to the next.
    pub stride: usize,
    /// `[d, i]`; 0 for values that make `dims` a multiple of 4.
    pub points: Buffer<f32>,
    /// `[i]`: bit 0 where a row is left out, bit 1 where it is pinned.
    pub flags: Buffer<u32>,
    /// The largest absolute value (as bits), the number of rows that are not left out.
    pub summary: Buffer<u32>,
}

impl Rows {
    /// Room for the tiles of `view` as rows.
    ///
    /// # Errors
    /// When there are fewer than 4, or they do not fit the adapter.
    pub fn new(gpu: &Gpu, view: &TensorView) -> Result<Self> {
        let [count, channels, height, width] = view.extents.map(|extent| extent as usize);
        let dims = channels * height * width;
        if count < 4 || dims == 0 {
            let what = format!("{count} rows of {dims} values cannot be laid out");
            return Err(Error::new(what, "give t-SNE at least 4 rows"));
        }
        // Neighbours are sought for 16 rows and by 4 values at once.
        let stride = count.next_multiple_of(16);
        let size = stride * dims.next_multiple_of(4);
        gpu.check_fits("the rows", (size * 4) as u64)?;
        let points = Buffer::zeroed(gpu, "points", size);
        let flags = Buffer::zeroed(gpu, "flags", stride);
        let summary = Buffer::zeroed(gpu, "summary", 4);
        Ok(Self { count, dims, stride, points, flags, summary })
    }

    /// Prepares to read the tiles of `view`, as many and as large as the rows are.
    ///
    /// # Errors
    /// When a kernel cannot be made.
    pub fn reading(&self, gpu: &Gpu, view: &TensorView) -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        let params = RowsParams {
            count: self.count as u32,
            stride: self.stride as u32,
            offset: view.offset,
            height: view.height(),
            width: view.width(),
            row_stride: view.strides[0],
            channel_stride: view.strides[1],
            y_stride: view.strides[2],
            x_stride: view.strides[3],
        };
        let tensor = BufferRange { buffer: view.buffer.clone(), offset: 0, size: view.buffer.size() };
        for (entry, threads) in [
            ("begin", [self.count as u32, 1, 1]),
            ("read_rows", [self.stride as u32, self.dims as u32, 1]),
            ("centre", [self.dims as u32 * 64, 1, 1]),
        ] {
            let kernel = gpu.kernel(&ROWS, entry, &[])?;
            let mut dispatch = plan.dispatch(&format!("rows {entry}"), &kernel).params(&params);
            let bindings = [
                ("tensor", tensor.clone()),
                ("points", self.points.range()),
                ("flags", self.flags.range()),
                ("summary", self.summary.range()),
            ];
            for (name, range) in bindings {
                if kernel.binding(name).is_ok() {
                    dispatch = dispatch.bind(name, range);
                }
            }
            dispatch.threads(threads)?;
        }
        Ok(plan.finish())
    }

    /// The rows, one after the other. Waits for the GPU.
    pub fn read(&self, gpu: &Gpu) -> Vec<Vec<f32>> {
        let values = self.points.read(gpu);
        let row = |i: usize| (0..self.dims).map(|d| values[d * self.stride + i]).collect();
        (0..self.count).map(row).collect()
    }

    /// The same rows under another name: the buffers are shared.
    pub fn share(&self) -> Self {
        Self {
            points: Buffer::of_range(&self.points.range()),
            flags: Buffer::of_range(&self.flags.range()),
            summary: Buffer::of_range(&self.summary.range()),
            ..*self
        }
    }
}
