//! Rows as the components need them, without a copy.

/// Rows scaled by their largest absolute value, minus their mean.
pub(super) struct Centered<'a, T> {
    values: &'a [T],
    /// Mean of the scaled rows.
    pub mean: Vec<f64>,
    scale: f64,
    /// Rows that are finite.
    pub kept: Vec<usize>,
}

impl<'a, T: Copy + Into<f64>> Centered<'a, T> {
    /// Rows `[n, columns]`; those that are not finite are left out.
    pub(super) fn new(values: &'a [T], columns: usize) -> Self {
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
    pub(super) fn project(&self, direction: &[f64]) -> Vec<f64> {
        let along = |at: usize| self.row(at).zip(direction).map(|(value, v)| value * v).sum();
        (0..self.kept.len()).map(along).collect()
    }

    /// Sum of the rows times their weights.
    pub(super) fn back_project(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.mean.len()];
        for (at, weight) in weights.iter().enumerate() {
            sums.iter_mut().zip(self.row(at)).for_each(|(sum, value)| *sum += weight * value);
        }
        sums
    }
}
