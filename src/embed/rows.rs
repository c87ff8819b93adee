//! Rows of a tensor as t-SNE reads them: `[d, i]`, scaled by the largest absolute value, centered, non-finite rows left out.
//!
//! Scaling and centering change no affinity (the bandwidth of each row adapts), and keep distances within `f32` whatever the unit
//! of the rows is.

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source, Stage, TensorView};
use crate::{params, wgsl};

const ROWS: Source = wgsl!("embed/rows.wgsl", RowsParams);
/// Most dimensions in a dispatch, whatever the adapter allows.
const MAX_PIECE: usize = 32_768;
/// Most rows that a dispatch reads: with a workgroup for each 64, a quarter of those that any adapter allows.
const MAX_READ: usize = 1 << 20;
/// Most rows on the software adapter, whose driver ends a thread's loops after 65 535 rounds, silently: some go over a 64th of the rows twice.
const MAX_SOFTWARE: usize = 2_000_000;
/// Flag of a row that is left out.
pub(super) const LEFT_OUT: u32 = 1;

params! {
    struct RowsParams {
        count: u32, stride: u32, rows: u32, first: u32, first_dim: u32,
        offset: u32, height: u32, width: u32,
        row_stride: u32, channel_stride: u32, y_stride: u32, x_stride: u32,
    }
}

params! {
    /// Summary of the rows, shared with the shaders.
    pub(super) struct Summary {
        /// Largest absolute value, as bits.
        largest: u32,
        /// Rows that are not left out.
        kept: u32,
        /// 0 where all of them are alike.
        differs: u32,
        /// Usual length of a row: its largest absolute value about the middle of most, once scaled.
        usual: f32,
        /// Length beyond which a row is far; 3e38 where none is.
        reach: f32,
        /// Length beyond which a row is so far apart that it would take a principal component; 3e38 where none is.
        apart: f32,
    }
}

#[cfg(test)]
impl Summary {
    /// Summary of rows of which none is far or apart.
    pub(super) fn none_far() -> Self {
        Self::of_apart(3e38)
    }

    /// Summary of rows that are apart beyond this length.
    pub(super) fn of_apart(apart: f32) -> Self {
        Self { reach: 3e38, apart, ..Self::default() }
    }
}

/// Rows on the GPU.
#[derive(Clone)]
pub(super) struct Rows {
    /// Number of rows.
    pub count: usize,
    /// Values of a row.
    pub dims: usize,
    /// Rows with padding: elements from one value to the next.
    pub stride: usize,
    /// Dimensions in each buffer but the last, a multiple of 4.
    pub part: usize,
    /// `[d, i]` of consecutive dimensions each; 0 in the padding of `dims` to a multiple of 4.
    pub points: Vec<Buffer<f32>>,
    /// Most dimensions that a dispatch covers, a multiple of 4.
    pub piece: usize,
    /// Most bytes of the tensor bound at once.
    pub max_bytes: u64,
    /// `[i]`: bit 0 where a row is left out, bit 1 where it is pinned.
    pub flags: Buffer<u32>,
    /// `[i]`: length of row i about the middles, by which far rows are known.
    pub lengths: Buffer<f32>,
    /// `[d]`: middle of most of the centered values, which far ones move the mean from.
    pub middles: Buffer<f32>,
    /// Scale and number of the rows.
    pub summary: Buffer<Summary>,
}

impl Rows {
    /// Room for the tiles of `view` as rows, in buffers of at most `max_bytes`.
    ///
    /// # Errors
    /// When there are fewer than 4, or they do not fit the adapter.
    pub(super) fn new(gpu: &Gpu, view: &TensorView, max_bytes: u64) -> Result<Self> {
        let [count, channels, height, width] = view.extents.map(|extent| extent as usize);
        let dims = channels * height * width;
        if count < 4 || dims == 0 {
            let what = format!("{count} rows of {dims} values cannot be laid out");
            return Err(Error::new(what, "give t-SNE at least 4 rows, of a value or more"));
        }
        if gpu.is_software() && count > MAX_SOFTWARE {
            let what = format!("{count} rows are more than the software adapter's driver goes through");
            let help = format!("take {MAX_SOFTWARE} at most there (embed --rows), or a GPU");
            return Err(Error::new(what, help));
        }
        // The neighbor search takes 16 rows and 4 values at once.
        let stride = count.next_multiple_of(16);
        let (part, points) = Self::split(gpu, stride, dims, max_bytes)?;
        let flags = Buffer::zeroed(gpu, "flags", stride);
        let lengths = Buffer::zeroed(gpu, "lengths of rows", stride);
        let middles = Buffer::zeroed(gpu, "middles", dims);
        let summary = Buffer::zeroed(gpu, "summary", 1);
        let piece = piece(gpu);
        Ok(Self { count, dims, stride, part, points, piece, max_bytes, flags, lengths, middles, summary })
    }

    /// Buffers of at most `max_bytes` for `dims` values of `stride` rows, and the dimensions of each but the last.
    ///
    /// # Errors
    /// When not even four values fit.
    pub(super) fn split(
        gpu: &Gpu,
        stride: usize,
        dims: usize,
        max_bytes: u64,
    ) -> Result<(usize, Vec<Buffer<f32>>)> {
        gpu.check_fits("four values of all rows", (stride * 16) as u64)?;
        let all = dims.next_multiple_of(4);
        let part = (max_bytes as usize / (stride * 4) / 4 * 4).clamp(4, all);
        let sizes = (0..all).step_by(part).map(|first| part.min(all - first));
        Ok((part, sizes.map(|values| Buffer::zeroed(gpu, "points", stride * values)).collect()))
    }

    /// First dimension, number of dimensions (without padding) and range of each piece that a dispatch covers: a buffer, or part of one.
    pub(super) fn parts(&self) -> impl Iterator<Item = (usize, usize, BufferRange)> + '_ {
        let bytes_a_dim = 4 * self.stride as u64;
        let pieces = move |(p, points): (usize, &Buffer<f32>)| {
            let (raw, before, held) = (points.raw().clone(), p * self.part, points.len() / self.stride);
            (0..held).step_by(self.piece).map(move |first| {
                let size = self.piece.min(held - first) as u64 * bytes_a_dim;
                let range = BufferRange::new(&raw, first as u64 * bytes_a_dim, size);
                (before + first, self.piece.min(held - first).min(self.dims - before - first), range)
            })
        };
        self.points.iter().enumerate().flat_map(pieces)
    }

    /// Records reading, scaling and centering the tiles of `view`, which has as many values as the rows.
    ///
    /// # Errors
    /// When a kernel cannot be made.
    pub(super) fn read_from(&self, plan: &mut PlanBuilder<'_>, view: &TensorView) -> Result<()> {
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
        let stage = Stage::new(plan.gpu(), &ROWS, &[])
            .with("flags", self.flags.range())
            .with("middles", self.middles.range())
            .with("summary", BufferRange::whole(self.summary.raw()));
        let windows = windows(view, self.count, self.max_bytes);
        stage.dispatch(plan, "begin", &params, [self.count as u32, 1, 1])?;
        for (first_dim, dims, points) in self.parts() {
            let stage = stage.clone().with("points", points);
            for (at, (first, offset, tensor)) in windows.iter().enumerate() {
                let end = windows.get(at + 1).map_or(self.stride, |next| next.0);
                let stage = stage.clone().with("tensor", tensor.clone());
                for from in (*first..end).step_by(MAX_READ) {
                    let rows = MAX_READ.min(end - from) as u32;
                    let params = RowsParams {
                        first: from as u32,
                        rows,
                        first_dim: first_dim as u32,
                        offset: offset + (from - first) as u32 * view.strides[0],
                        ..params
                    };
                    stage.dispatch(plan, "read_rows", &params, [rows, dims as u32, 1])?;
                }
            }
        }
        for (first_dim, dims, points) in self.parts() {
            let params = RowsParams { first_dim: first_dim as u32, ..params };
            let threads = [dims as u32 * 64, 1, 1];
            stage.clone().with("points", points).dispatch(plan, "center", &params, threads)?;
        }
        Ok(())
    }

    /// Values of the rows. Waits for the GPU.
    pub(super) fn read(&self, gpu: &Gpu) -> Vec<Vec<f32>> {
        let values: Vec<f32> = self.points.iter().flat_map(|points| points.read(gpu)).collect();
        let row = |i: usize| (0..self.dims).map(|d| values[d * self.stride + i]).collect();
        (0..self.count).map(row).collect()
    }
}

/// Most dimensions in a dispatch: a workgroup each, and no more rounds of a loop than the software adapter's driver allows.
pub(super) fn piece(gpu: &Gpu) -> usize {
    (gpu.limits.max_compute_workgroups_per_dimension as usize).min(MAX_PIECE) / 4 * 4
}

/// Ranges of the tensor of at most `max_bytes`: first row, first element and range of each. One range where rows are not contiguous.
pub(super) fn windows(view: &TensorView, count: usize, max_bytes: u64) -> Vec<(usize, u32, BufferRange)> {
    let whole = BufferRange::whole(&view.buffer);
    let stride = u64::from(view.strides[0]) * 4;
    let inner = view.strides[1..].iter().all(|other| *other < view.strides[0].max(1));
    if whole.size <= max_bytes || !inner || stride + 256 > max_bytes {
        return vec![(0, view.offset, whole)];
    }
    let rows = ((max_bytes - 256) / stride) as usize;
    let range = |first: usize| {
        let start = u64::from(view.offset) * 4 + first as u64 * stride;
        let offset = start / 256 * 256;
        let size = (whole.size - offset).min(max_bytes / 4 * 4);
        (first, ((start - offset) / 4) as u32, BufferRange::new(&view.buffer, offset, size))
    };
    (0..count).step_by(rows).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::testing::{open_gpu, run};
    use crate::embed::twin;

    /// Columns of 300 values: few far ones, of one size or of two, above, below or among equal ones; half of them; none.
    fn columns() -> Vec<Vec<f64>> {
        let noise = |i: usize| (i * 37 % 101) as f64 * 0.01;
        let with = |far: &[(usize, f64)]| -> Vec<f64> {
            let far_of =
                |i: usize| far.iter().filter(|(every, _)| i % every == 1).map(|(_, far)| far).sum::<f64>();
            (0..300).map(|i| noise(i) + far_of(i)).collect()
        };
        let mut equal = vec![0.25; 300];
        (equal[7], equal[100]) = (1e4, -3e6);
        vec![
            with(&[]),
            with(&[(150, 40.0)]),
            with(&[(150, 1e4)]),
            with(&[(150, -1e6)]),
            with(&[(100, 3e4), (290, 1e7)]),
            with(&[(10, -999.0)]),
            with(&[(2, 5e4)]),
            equal,
            with(&[(100, 2e7), (290, 4e9)]),
        ]
    }

    /// Numbers of columns whose middle and whose center are not the mean, all as those of the twin.
    fn moved(gpu: &Gpu, columns: &[Vec<f64>]) -> [usize; 2] {
        let (count, dims) = (300, columns.len());
        let mut values: Vec<f32> = (0..count * dims).map(|at| columns[at % dims][at / dims] as f32).collect();
        // A row that is left out counts in no middle.
        values[5 * dims] = f32::NAN;
        let buffer = Buffer::from_slice(gpu, "values", &values).raw().clone();
        let extents = [count as u32, 1, 1, dims as u32];
        let view = TensorView { buffer, offset: 0, extents, strides: [dims as u32, 0, 0, 1] };
        // In buffers of four dimensions.
        let rows = Rows::new(gpu, &view, 304 * 4 * 4).unwrap();
        run(gpu, |plan| rows.read_from(plan, &view));
        let largest = f64::from(f32::from_bits(rows.summary.read(gpu)[0].largest));
        let (found, points) = (rows.middles.read(gpu), rows.read(gpu));
        // Values are f32 in units of the largest.
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6 * b.abs().max(0.1 * largest).max(1.0);
        let mut moved = [0; 2];
        for (d, column) in columns.iter().enumerate() {
            let kept: Vec<f64> = (0..count).filter(|i| *i != 5).map(|i| column[i]).collect();
            let [middle, center] = twin::rows::middles(&kept);
            let mean = kept.iter().sum::<f64>() / 299.0;
            let centered_by = column[2] - f64::from(points[2][d]) * largest;
            assert!(near(centered_by, center), "column {d}: centered by {centered_by}, not {center}");
            assert!(
                near(f64::from(found[d]) * largest, middle - center),
                "column {d}: {} {middle}",
                found[d]
            );
            moved[0] += usize::from(!near(middle, mean));
            moved[1] += usize::from(!near(center, mean));
        }
        moved
    }

    #[test]
    fn middles_are_those_of_the_twin() {
        let gpu = open_gpu();
        let columns = columns();
        let (last, others) = columns.split_last().unwrap();
        let [middles, centers] = moved(&gpu, others);
        assert!(
            middles > centers && centers > 0,
            "the controls: {middles} and {centers} differ from the mean"
        );
        assert_eq!(moved(&gpu, std::slice::from_ref(last)), [1, 1]);
    }

    #[test]
    fn more_rows_than_a_dispatch_reads_are_read() {
        let gpu = open_gpu();
        let count = MAX_READ + 1000;
        // Every second value is a row.
        let value = |i: usize| ((i * 7919 % 2049) as f32 - 1024.0) / 1024.0;
        let values: Vec<f32> =
            (0..2 * count).map(|at| if at % 2 == 1 { value(at / 2) } else { 1e9 }).collect();
        let buffer = Buffer::from_slice(&gpu, "values", &values).raw().clone();
        let view = TensorView { buffer, offset: 1, extents: [count as u32, 1, 1, 1], strides: [2, 0, 0, 1] };
        let rows = Rows::new(&gpu, &view, 1 << 27).unwrap();
        run(&gpu, |plan| rows.read_from(plan, &view));
        let mean = (0..count).map(|i| f64::from(value(i))).sum::<f64>() / count as f64;
        let found = rows.points[0].read(&gpu);
        for i in (0..count).step_by(10_007).chain(MAX_READ - 3..MAX_READ + 3) {
            let expected = f64::from(value(i)) - mean;
            assert!((f64::from(found[i]) - expected).abs() < 1e-5, "{i}: {} and {expected}", found[i]);
        }
        if gpu.is_software() {
            let rows = Rows::new(&gpu, &TensorView { extents: [2_000_001, 1, 1, 1], ..view }, 1 << 27);
            assert!(rows.err().unwrap().what().starts_with("2000001 rows are more than"));
        }
    }
}
