//! Twin of the drift of rows.

/// Drift of each row `[i][d]` since a snapshot.
pub fn drift(rows: &[Vec<f32>], snapshot: &[Vec<f32>]) -> Vec<f64> {
    let drift = |(row, old): (&Vec<f32>, &Vec<f32>)| {
        row.iter().zip(old).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum()
    };
    rows.iter().zip(snapshot).map(drift).collect()
}
