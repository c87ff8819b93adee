//! Rows on their way to the GPU.

use revacnn::data::{Matrix, Numbers};
use revacnn::embed::{narrowed, narrowed_singles, quality};
use revacnn::gpu::{Buffer, Gpu, TensorView};

/// Values that are written at once: their copy in the driver's memory is used again for those after the next.
const PIECE: usize = 1 << 22;

/// Number and size of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub rows: usize,
    /// Values of a row.
    pub columns: usize,
}

/// Rows as the GPU takes them.
pub(super) struct Prepared {
    pub shape: Shape,
    /// `[rows, columns]`
    values: Vec<f32>,
    /// Factor of their differences where they are judged.
    unit: f32,
    /// Rows as precise as they were read, where the result is computed of these.
    exact: Option<Numbers>,
}

impl Prepared {
    /// Makes `f32` of rows; `keeps_exact` keeps them beside.
    pub(super) fn new(matrix: Matrix, keeps_exact: bool) -> Self {
        let shape = Shape { rows: matrix.rows, columns: matrix.columns };
        let exact = keeps_exact.then(|| matrix.numbers.clone());
        let values = match matrix.numbers {
            Numbers::Single(values) => narrowed_singles(values, shape.columns),
            Numbers::Double(values) => narrowed(&values, shape.columns),
        };
        let unit = quality::unit(&values, shape.columns);
        Self { shape, values, unit, exact }
    }
}

/// The rows of a layout.
pub(super) struct Given {
    pub shape: Shape,
    pub view: TensorView,
    /// Factor of their differences where they are judged.
    pub unit: f32,
    /// Rows as precise as they were read, where the result is computed of these.
    pub exact: Option<Numbers>,
    buffer: Buffer<f32>,
}

impl Given {
    /// Room on the GPU for rows, and the values that [`Given::upload`] is to write there.
    pub(super) fn place(gpu: &Gpu, rows: Prepared) -> (Self, Vec<f32>) {
        let Prepared { shape, values, unit, exact } = rows;
        let buffer = Buffer::zeroed(gpu, "rows", values.len());
        let view = TensorView {
            buffer: buffer.raw().clone(),
            offset: 0,
            extents: [shape.rows as u32, 1, 1, shape.columns as u32],
            strides: [shape.columns as u32, 0, 0, 1],
        };
        (Self { shape, view, unit, exact, buffer }, values)
    }

    /// Writes the rows. Waits.
    pub(super) fn upload(&self, gpu: &Gpu, values: &[f32]) {
        let mut former = None;
        for (piece, values) in values.chunks(PIECE).enumerate() {
            self.buffer.write(gpu, piece * PIECE, values);
            // One piece is being written while the GPU copies the one before.
            let submitted = gpu.submit(gpu.encoder("rows"));
            former.replace(submitted).into_iter().for_each(|former| gpu.wait_for(former));
        }
        gpu.wait();
    }
}
