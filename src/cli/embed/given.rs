//! Rows on the GPU.

use revacnn::data::{Matrix, Numbers};
use revacnn::embed::{narrowed, narrowed_singles, quality};
use revacnn::error::Result;
use revacnn::gpu::{Buffer, Gpu, TensorView};

/// Number and size of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub rows: usize,
    /// Values of a row.
    pub columns: usize,
}

/// The rows of a layout.
pub(super) struct Given {
    pub shape: Shape,
    pub view: TensorView,
    /// Factor of their differences where they are judged.
    pub unit: f32,
    /// Rows as precise as they were read, where the result is computed of these.
    pub exact: Option<Numbers>,
}

impl Given {
    /// Puts rows on the GPU, as `f32`; `keeps_exact` keeps them beside. Waits.
    pub(super) fn upload(gpu: &Gpu, matrix: Matrix, keeps_exact: bool) -> Result<Self> {
        let shape = Shape { rows: matrix.rows, columns: matrix.columns };
        let exact = keeps_exact.then(|| matrix.numbers.clone());
        let values = match matrix.numbers {
            Numbers::Single(values) => narrowed_singles(values, shape.columns),
            Numbers::Double(values) => narrowed(&values, shape.columns),
        };
        let view = TensorView {
            buffer: Buffer::from_slice(gpu, "rows", &values).raw().clone(),
            offset: 0,
            extents: [shape.rows as u32, 1, 1, shape.columns as u32],
            strides: [shape.columns as u32, 0, 0, 1],
        };
        let unit = quality::unit(&values, shape.columns);
        // Until the next submit they lie in a copy of the driver's.
        gpu.submit(gpu.encoder("rows"));
        gpu.wait();
        Ok(Self { shape, view, unit, exact })
    }
}
