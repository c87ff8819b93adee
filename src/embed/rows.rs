//! The rows of a tensor as t-SNE takes them: `[d, i]`, scaled by the largest absolute value, centred, rows that are not finite
//! left out.
//!
//! Scaling and centring change no affinity (the bandwidth of each row adapts), and keep distances within `f32` whatever the unit
//! of the rows is.

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, TensorView};
use crate::{params, wgsl};

const ROWS: Source = wgsl!("embed/rows.wgsl", RowsParams);

params! {
    struct RowsParams {
        count: u32, stride: u32, rows: u32, first: u32, first_dim: u32,
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
    /// Values of all rows in each of the buffers but the last, a multiple of 4.
    pub part: usize,
    /// `[d, i]` of consecutive values each; 0 for values that make `dims` a multiple of 4.
    pub points: Vec<Buffer<f32>>,
    /// Bytes that are bound of the tensor at once, at most.
    pub bytes: u64,
    /// `[i]`: bit 0 where a row is left out, bit 1 where it is pinned.
    pub flags: Buffer<u32>,
    /// The largest absolute value (as bits), the number of rows that are not left out.
    pub summary: Buffer<u32>,
}

impl Rows {
    /// Room for the tiles of `view` as rows, in buffers of at most `bytes`.
    ///
    /// # Errors
    /// When there are fewer than 4, or they do not fit the adapter.
    pub fn new(gpu: &Gpu, view: &TensorView, bytes: u64) -> Result<Self> {
        let [count, channels, height, width] = view.extents.map(|extent| extent as usize);
        let dims = channels * height * width;
        if count < 4 || dims == 0 {
            let what = format!("{count} rows of {dims} values cannot be laid out");
            return Err(Error::new(what, "give t-SNE at least 4 rows, of a value or more"));
        }
        // Neighbours are sought for 16 rows and by 4 values at once.
        let stride = count.next_multiple_of(16);
        let (part, points) = Self::parts(gpu, stride, dims, bytes)?;
        let flags = Buffer::zeroed(gpu, "flags", stride);
        let summary = Buffer::zeroed(gpu, "summary", 4);
        Ok(Self { count, dims, stride, part, points, bytes, flags, summary })
    }

    /// Buffers of at most `bytes` for `dims` values of `stride` rows, and the values of each but the last.
    ///
    /// # Errors
    /// When not even four values fit.
    pub fn parts(gpu: &Gpu, stride: usize, dims: usize, bytes: u64) -> Result<(usize, Vec<Buffer<f32>>)> {
        gpu.check_fits("four values of all rows", (stride * 16) as u64)?;
        let all = dims.next_multiple_of(4);
        let part = (bytes as usize / (stride * 4) / 4 * 4).clamp(4, all);
        let sizes = (0..all).step_by(part).map(|first| part.min(all - first));
        Ok((part, sizes.map(|values| Buffer::zeroed(gpu, "points", stride * values)).collect()))
    }

    /// Each buffer's first value, number of values (without padding), and what to bind.
    pub fn of_parts(&self) -> impl Iterator<Item = (usize, usize, BufferRange)> + '_ {
        let part = |(p, points): (usize, &Buffer<f32>)| {
            (p * self.part, self.part.min(self.dims - p * self.part), points.range())
        };
        self.points.iter().enumerate().map(part)
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
            height: view.height(),
            width: view.width(),
            row_stride: view.strides[0],
            channel_stride: view.strides[1],
            y_stride: view.strides[2],
            x_stride: view.strides[3],
            ..Default::default()
        };
        let mut add = |entry: &'static str,
                       params: &RowsParams,
                       points: &BufferRange,
                       tensor: &BufferRange,
                       threads: [usize; 3]| {
            let kernel = gpu.kernel(&ROWS, entry, &[])?;
            let mut dispatch = plan.dispatch(&format!("rows {entry}"), &kernel).params(params);
            let bindings = [
                ("tensor", tensor.clone()),
                ("points", points.clone()),
                ("flags", self.flags.range()),
                ("summary", self.summary.range()),
            ];
            dispatch = dispatch.bind_those(bindings);
            dispatch.threads(threads.map(|t| t as u32))
        };
        let read = given_rows(view, self.count, self.bytes);
        let (_, _, points) = &read[0];
        add("begin", &params, points, points, [self.count, 1, 1])?;
        for (first_dim, dims, points) in self.of_parts() {
            for (at, (first, offset, tensor)) in read.iter().enumerate() {
                let end = read.get(at + 1).map_or(self.stride, |next| next.0);
                let params = RowsParams {
                    first: *first as u32,
                    rows: (end - first) as u32,
                    first_dim: first_dim as u32,
                    offset: *offset,
                    ..params
                };
                add("read_rows", &params, &points, tensor, [end - first, dims, 1])?;
            }
        }
        for (_, dims, points) in self.of_parts() {
            add("centre", &params, &points, &points, [dims * 64, 1, 1])?;
        }
        Ok(plan.finish())
    }

    /// The rows, one after the other. Waits for the GPU.
    pub fn read(&self, gpu: &Gpu) -> Vec<Vec<f32>> {
        let values: Vec<f32> = self.points.iter().flat_map(|points| points.read(gpu)).collect();
        let row = |i: usize| (0..self.dims).map(|d| values[d * self.stride + i]).collect();
        (0..self.count).map(row).collect()
    }

    /// The same rows under another name: the buffers are shared.
    pub fn share(&self) -> Self {
        Self {
            points: self.points.iter().map(|points| Buffer::of_range(&points.range())).collect(),
            flags: Buffer::of_range(&self.flags.range()),
            summary: Buffer::of_range(&self.summary.range()),
            ..*self
        }
    }
}

/// The rows of a view as they can be bound, `most` bytes at once: the first row, the element it begins at, and the range, from each
/// to the next. In one where a row is not in one piece.
fn given_rows(view: &TensorView, count: usize, most: u64) -> Vec<(usize, u32, BufferRange)> {
    let whole = BufferRange::whole(&view.buffer);
    let stride = u64::from(view.strides[0]) * 4;
    let inner = view.strides[1..].iter().all(|other| *other < view.strides[0].max(1));
    if whole.size <= most || !inner || stride + 256 > most {
        return vec![(0, view.offset, whole)];
    }
    let a_time = ((most - 256) / stride) as usize;
    let range = |first: usize| {
        let start = u64::from(view.offset) * 4 + first as u64 * stride;
        let offset = start / 256 * 256;
        let size = (whole.size - offset).min(most / 4 * 4);
        (first, ((start - offset) / 4) as u32, BufferRange::new(&view.buffer, offset, size))
    };
    (0..count).step_by(a_time).map(range).collect()
}
