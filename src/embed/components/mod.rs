//! The first two principal components on the host, in `f64`, where they are the result and no mere start.
//!
//! A second component 1e7 times smaller than the first lies below the rounding of rows in `f32`, and of their covariance in `f64`: the
//! rows themselves are reduced to a small triangle (block bidiagonalization with full reorthogonalization: Golub and Kahan 1965; Golub,
//! Luk and Overton 1981), and that by one-sided Jacobi (Hestenes 1958). A block of two finds both of two equal components.

mod basis;
mod centered;

use basis::{Basis, singular_columns};
use centered::Centered;

/// Directions at most.
const MAX_STEPS: usize = 400;
/// Largest residual of a component, relative to its size.
const RESIDUAL: f64 = 1e-6;

/// The first two principal components of rows `[n, columns]`, in units of the first one's standard deviation; NaN for rows that are not
/// finite, 0 where all rows are alike. The largest loading of each is positive.
pub fn principal_components<T: Copy + Into<f64>>(values: &[T], columns: usize) -> Vec<[f64; 2]> {
    let rows = Centered::new(values, columns);
    let mut components = vec![[f64::NAN; 2]; values.len() / columns];
    for (i, row) in rows.kept.iter().zip(two_components(&rows)) {
        components[*i] = row;
    }
    components
}

/// The two components of each kept row.
fn two_components<T: Copy + Into<f64>>(rows: &Centered<'_, T>) -> Vec<[f64; 2]> {
    let most = rows.mean.len().min(MAX_STEPS);
    let mut basis = Basis::default();
    loop {
        basis.grow(rows, most);
        let (columns, turned) = singular_columns(basis.triangle());
        let residual = basis.residual(&columns, 0).max(basis.residual(&columns, 1));
        if basis.len() == most || residual <= RESIDUAL {
            return basis.components(&columns, &turned, rows.kept.len());
        }
    }
}

#[cfg(test)]
mod tests;
