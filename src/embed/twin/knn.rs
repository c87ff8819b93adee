//! Twin of the neighbor search.

/// The `k` nearest of row i among `candidates`, nearest first, equal distances by index: index and squared distance. The row itself
/// is none of them.
pub fn nearest(rows: &[Vec<f64>], i: usize, candidates: &[usize], k: usize) -> Vec<(usize, f64)> {
    let square = |j: usize| rows[i].iter().zip(&rows[j]).map(|(x, y)| (x - y).powi(2)).sum();
    let mut all: Vec<(usize, f64)> =
        candidates.iter().filter(|j| **j != i).map(|j| (*j, square(*j))).collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    all.truncate(k);
    all
}
