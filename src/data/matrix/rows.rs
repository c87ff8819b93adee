//! Rows of numbers, and their classes.

use super::labels::Labels;

/// Rows of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Values of a row.
    pub columns: usize,
    /// `[rows, columns]`.
    pub values: Vec<f64>,
}

/// Rows of numbers, and the class of each where the file tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct LabeledRows {
    /// The rows.
    pub matrix: Matrix,
    /// The classes of the rows.
    pub labels: Option<Labels>,
}

impl Matrix {
    /// Row `index`.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..][..self.columns]
    }

    /// Some of the rows.
    #[must_use]
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        Self { rows: rows.len(), columns: self.columns, values }
    }
}
