//! Rows in the buffers where they lie, in pieces that one dispatch covers.

use crate::embed::rows::{Rows, piece, windows};
use crate::gpu::{BufferRange, Gpu, TensorView};

/// Rows that are looked at for the unit.
const UNIT_ROWS: usize = 1000;

/// Rows between which distances are measured.
pub(in crate::embed) struct Space {
    pub(super) pieces: Vec<Piece>,
    /// Values of a row.
    pub(super) dims: usize,
    /// Factor of their differences.
    pub(super) unit: f32,
}

/// Some values of some rows.
#[derive(Clone)]
pub(super) struct Piece {
    /// Buffer that holds them.
    pub range: BufferRange,
    /// Element of the first.
    pub offset: u32,
    /// First row, and number of rows.
    pub rows: [usize; 2],
    /// First value of a row, and number of values.
    pub dims: [usize; 2],
    /// Elements from row to row.
    pub row_stride: u32,
    /// Elements from value to value.
    pub dim_stride: u32,
}

impl Space {
    /// The rows of a tensor, its last axis the values, in ranges of at most `max_bytes`; differences are multiplied by `unit`.
    pub(in crate::embed) fn of_view(gpu: &Gpu, view: &TensorView, unit: f32, max_bytes: u64) -> Self {
        let [count, dims] = [view.extents[0] as usize, view.extents[3] as usize];
        let windows = windows(view, count, max_bytes);
        let most = piece(gpu);
        let mut pieces = Vec::new();
        for first_dim in (0..dims).step_by(most) {
            for (at, (first, offset, range)) in windows.iter().enumerate() {
                let end = windows.get(at + 1).map_or(count, |next| next.0);
                pieces.push(Piece {
                    range: range.clone(),
                    offset: offset + first_dim as u32 * view.strides[3],
                    rows: [*first, end - first],
                    dims: [first_dim, most.min(dims - first_dim)],
                    row_stride: view.strides[0],
                    dim_stride: view.strides[3],
                });
            }
        }
        Self { pieces, dims, unit }
    }

    /// Rows as t-SNE has read them.
    pub(in crate::embed) fn of_rows(rows: &Rows) -> Self {
        let piece = |(first_dim, dims, range)| Piece {
            range,
            offset: 0,
            rows: [0, rows.count],
            dims: [first_dim, dims],
            row_stride: 1,
            dim_stride: rows.stride as u32,
        };
        Self { pieces: rows.parts().map(piece).collect(), dims: rows.dims, unit: 1.0 }
    }

    /// Positions `[i, 2]` of a layout.
    pub(in crate::embed) fn of_positions(positions: BufferRange, count: usize) -> Self {
        let piece = Piece {
            range: positions,
            offset: 0,
            rows: [0, count],
            dims: [0, 2],
            row_stride: 2,
            dim_stride: 1,
        };
        Self { pieces: vec![piece], dims: 2, unit: 1.0 }
    }
}

/// A power of two by which differences between rows `[n, columns]` become about 1, so that neither their squares nor the sums of these
/// leave the range of `f32`: of the largest differences between neighboring ones of some rows, the median.
pub fn unit(values: &[f32], columns: usize) -> f32 {
    let every = (values.len() / columns).div_ceil(UNIT_ROWS).max(1);
    let rows: Vec<&[f32]> = values.chunks_exact(columns).step_by(every).collect();
    let apart = |pair: &[&[f32]]| {
        let all = pair[0].iter().zip(pair[1]).map(|(a, b)| (a - b).abs());
        all.filter(|apart| apart.is_finite()).fold(0.0, f32::max)
    };
    let mut apart: Vec<f32> = rows.windows(2).map(apart).filter(|apart| *apart > 0.0).collect();
    apart.sort_by(f32::total_cmp);
    let median = apart.get(apart.len() / 2).copied().unwrap_or(1.0);
    (-median.log2().round()).clamp(-100.0, 100.0).exp2()
}
