//! Twin of the affinities.

/// Squared distances `[i][j]` of rows.
pub fn squared_distances(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum();
    rows.iter().map(|a| rows.iter().map(|b| square(a, b)).collect()).collect()
}

/// Joint probabilities `[i][j]` of rows over their `k` nearest neighbors.
pub fn joint(rows: &[Vec<f64>], k: usize, perplexity: f64) -> Vec<Vec<f64>> {
    let n = rows.len();
    let mut joint = vec![vec![0.0; n]; n];
    for (i, squares) in squared_distances(rows).iter().enumerate() {
        let mut near: Vec<usize> = (0..n).filter(|j| *j != i).collect();
        near.sort_by(|a, b| squares[*a].total_cmp(&squares[*b]).then(a.cmp(b)));
        near.truncate(k);
        let shares = |beta: f64| -> Vec<f64> {
            let weights: Vec<f64> =
                near.iter().map(|j| (-beta * (squares[*j] - squares[near[0]])).exp()).collect();
            let total: f64 = weights.iter().sum();
            weights.iter().map(|w| w / total).collect()
        };
        let entropy =
            |beta: f64| -> f64 { shares(beta).iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum() };
        let span = squares[near[near.len() - 1]] - squares[near[0]];
        let (mut low, mut high) = (1e-12 / span.max(1e-300), 1e12 / span.max(1e-300));
        for _ in 0..200 {
            let middle = (low * high).sqrt();
            if entropy(middle) > perplexity.ln() { low = middle } else { high = middle }
        }
        let found = if span > 0.0 { shares((low * high).sqrt()) } else { shares(0.0) };
        for (j, p) in near.iter().zip(found) {
            joint[i][*j] += p / (2 * n) as f64;
            joint[*j][i] += p / (2 * n) as f64;
        }
    }
    joint
}
