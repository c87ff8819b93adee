//! Rows of numbers, and their classes.

use super::labels::Labels;

/// Numbers as precise as they were read: what has 32 bits is not widened.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Of up to 32 bits.
    Single(Vec<f32>),
    /// Of 64 bits, and whole numbers of 32.
    Double(Vec<f64>),
}

impl Numbers {
    /// Those at some indices.
    #[must_use]
    pub fn at(&self, indices: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Single(values) => Self::Single(indices.map(|at| values[at]).collect()),
            Self::Double(values) => Self::Double(indices.map(|at| values[at]).collect()),
        }
    }

    /// Copies them.
    pub fn to_doubles(&self) -> Vec<f64> {
        match self {
            Self::Single(values) => values.iter().copied().map(f64::from).collect(),
            Self::Double(values) => values.clone(),
        }
    }
}

/// Rows of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Values of a row.
    pub columns: usize,
    /// `[rows, columns]`.
    pub numbers: Numbers,
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
    /// Copies all values, `[rows, columns]`.
    pub fn values(&self) -> Vec<f64> {
        self.numbers.to_doubles()
    }

    /// Copies row `index`.
    pub fn row(&self, index: usize) -> Vec<f64> {
        self.numbers.at(index * self.columns..(index + 1) * self.columns).to_doubles()
    }

    /// Some of the rows.
    #[must_use]
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        let row = |row: &usize| row * self.columns..(row + 1) * self.columns;
        Self { rows: rows.len(), columns: self.columns, numbers: self.numbers.at(rows.iter().flat_map(row)) }
    }
}
