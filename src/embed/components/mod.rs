//! The first two principal components on the host, in `f64`, where they are the result and no mere start.
//!
//! A second component 1e7 times smaller than the first lies below the rounding of rows in `f32`, and of their covariance in `f64`: the
//! rows themselves are reduced to a small triangle (block bidiagonalization with full reorthogonalization: Golub and Kahan 1965; Golub,
//! Luk and Overton 1981), and that by one-sided Jacobi (Hestenes 1958). A block of two finds both of two equal components.

mod basis;

use basis::{Basis, singular_columns};

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

/// Rows scaled by their largest absolute value, minus their mean.
struct Centered<'a, T> {
    values: &'a [T],
    mean: Vec<f64>,
    scale: f64,
    /// Rows that are finite.
    kept: Vec<usize>,
}

impl<'a, T: Copy + Into<f64>> Centered<'a, T> {
    fn new(values: &'a [T], columns: usize) -> Self {
        let row = |i: usize| values[i * columns..][..columns].iter().map(|value| (*value).into());
        let finite = |i: &usize| row(*i).all(f64::is_finite);
        let kept: Vec<usize> = (0..values.len() / columns).filter(finite).collect();
        let largest = kept.iter().flat_map(|i| row(*i)).fold(0.0_f64, |most, value| most.max(value.abs()));
        let scale = if largest > 0.0 { largest } else { 1.0 };
        let mut rows = Self { values, mean: vec![0.0; columns], scale, kept };
        // Twice: the second time takes away the rounding of the first.
        for _ in 0..2 {
            let ones = vec![1.0 / rows.kept.len().max(1) as f64; rows.kept.len()];
            let further = rows.back_project(&ones);
            rows.mean.iter_mut().zip(further).for_each(|(mean, more)| *mean += more);
        }
        rows
    }

    /// Values of the row at index `at` of those kept.
    fn row(&self, at: usize) -> impl Iterator<Item = f64> + '_ {
        let columns = self.mean.len();
        let row = &self.values[self.kept[at] * columns..][..columns];
        row.iter().zip(&self.mean).map(|(value, mean)| (*value).into() / self.scale - mean)
    }

    /// Rows times a direction.
    fn project(&self, direction: &[f64]) -> Vec<f64> {
        let along = |at: usize| self.row(at).zip(direction).map(|(value, v)| value * v).sum();
        (0..self.kept.len()).map(along).collect()
    }

    /// Sum of the rows times their weights.
    fn back_project(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.mean.len()];
        for (at, weight) in weights.iter().enumerate() {
            sums.iter_mut().zip(self.row(at)).for_each(|(sum, value)| *sum += weight * value);
        }
        sums
    }
}

#[cfg(test)]
mod tests;
