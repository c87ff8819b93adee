//! Twin of the quality of a layout: how well it preserves neighborhoods, in plain loops over positions and data.
//!
//! Trustworthiness (Venna and Kaski 2001): `1 − 2 / (n k (2n − 3k − 1)) Σ_i Σ_{j ∈ U_i} (r_ij − k)`, where U_i are those of the k
//! nearest in the layout that are not among the k nearest in the data, and r_ij is j's rank there. Neighborhood preservation:
//! the mean share of the k nearest in the data that are among the k nearest in the layout.

use crate::embed::quality::Quality;

/// Quality by the `k` nearest of at most `sample` rows, spread evenly. `values` is `[n, dims]`; rows whose position is not finite
/// do not count.
pub fn judge(values: &[f32], dims: usize, positions: &[[f32; 2]], k: usize, sample: usize) -> Quality {
    let kept: Vec<usize> = (0..positions.len()).filter(|i| positions[*i][0].is_finite()).collect();
    let n = kept.len();
    // Fewer rows have fewer neighbors; the formula wants n > 3 k / 2.
    let k = k.min((n.saturating_sub(1)) / 2).max(1);
    let row = |i: usize| &values[i * dims..][..dims];
    let square =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum() };
    let (mut shared, mut beyond, mut judged) = (0, 0, 0);
    for i in kept.iter().step_by(n.div_ceil(sample.max(1)).max(1)) {
        let ranked = |square: &dyn Fn(usize) -> f64| {
            let mut others: Vec<(f64, usize)> =
                kept.iter().filter(|j| *j != i).map(|j| (square(*j), *j)).collect();
            others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            others
        };
        let in_data = ranked(&|j| square(row(*i), row(j)));
        let in_layout = ranked(&|j| square(&positions[*i], &positions[j]));
        let mut rank = vec![0; positions.len()];
        in_data.iter().enumerate().for_each(|(place, (_, j))| rank[*j] = place + 1);
        for (_, j) in &in_layout[..k.min(in_layout.len())] {
            shared += usize::from(rank[*j] <= k);
            beyond += rank[*j].saturating_sub(k);
        }
        judged += 1;
    }
    let (n, k, judged) = (n as f64, k as f64, f64::from(judged.max(1)));
    let scale = 2.0 / (judged * k * (2.0 * n - 3.0 * k - 1.0)).max(1.0);
    Quality { preserved: shared as f64 / (judged * k), trustworthiness: 1.0 - scale * beyond as f64 }
}

/// Recall of the neighbor search: share of the exact `k` nearest of a row among its `k` `neighbors` (`[i, k]`), over at most
/// `sample` rows, spread evenly. Any neighbor as near as the k-th counts.
pub fn recall(values: &[f32], dims: usize, neighbors: &[u32], k: usize, sample: usize) -> f64 {
    let n = values.len() / dims;
    let row = |i: usize| &values[i * dims..][..dims];
    let square =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum() };
    let finite: Vec<bool> = (0..n).map(|i| row(i).iter().all(|v| v.is_finite())).collect();
    let (mut found, mut wanted) = (0, 0);
    for i in (0..n).step_by(n.div_ceil(sample.max(1)).max(1)).filter(|i| finite[*i]) {
        let mut squares: Vec<f64> =
            (0..n).filter(|j| *j != i && finite[*j]).map(|j| square(row(i), row(j))).collect();
        let most = k.min(squares.len());
        if most == 0 {
            continue;
        }
        let (_, farthest, _) = squares.select_nth_unstable_by(most - 1, f64::total_cmp);
        // Rounding may decide between equal distances.
        let reach = *farthest * (1.0 + 1e-5);
        let own = neighbors[i * k..][..k].iter().filter(|j| **j != u32::MAX);
        found += own.filter(|j| square(row(i), row(**j as usize)) <= reach).count().min(most);
        wanted += most;
    }
    found as f64 / f64::from(wanted.max(1) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 rows on a line, laid out as they are.
    fn line() -> (Vec<f32>, Vec<[f32; 2]>) {
        let at = |i: usize| (i * i) as f32 * 0.1;
        ((0..30).map(at).collect(), (0..30).map(|i| [at(i), 0.0]).collect())
    }

    #[test]
    fn a_faithful_layout_is_perfect_and_others_are_not() {
        let (values, mut positions) = line();
        let perfect = Quality { preserved: 1.0, trustworthiness: 1.0 };
        assert_eq!(judge(&values, 1, &positions, 5, 100), perfect);
        assert_eq!(judge(&values, 1, &positions, 5, 7), perfect);
        // A row that is left out does not count, wherever it is in the data.
        positions[12] = [f32::NAN; 2];
        assert!(judge(&values, 1, &positions, 5, 100).trustworthiness <= 1.0);
        // One row moved among those that are farthest from it: it alone is wrong about all, each of the others about one at most.
        let (values, mut positions) = line();
        positions[0] = [84.0, 0.0];
        let moved = judge(&values, 1, &positions, 5, 100);
        assert!(moved.preserved < 0.97 && moved.trustworthiness < 0.97, "{moved:?}");
        // By hand: with k = 1 and 4 rows at 0, 1, 3, 7 laid out at 0, 1, 3 and 0.9, the nearest of the rows are 3, 3, 1, 1, of rank 3,
        // 3, 1 and 2 in the data.
        let by_hand =
            judge(&[0.0, 1.0, 3.0, 7.0], 1, &[[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [0.9, 0.0]], 1, 9);
        let expected = 1.0 - 2.0 / (4.0 * 1.0 * (8.0 - 3.0 - 1.0)) * (2.0 + 2.0 + 0.0 + 1.0);
        assert!((by_hand.trustworthiness - expected).abs() < 1e-12, "{by_hand:?}, {expected}");
        assert_eq!(by_hand.preserved, 0.25);
    }

    #[test]
    fn recall_counts_what_was_found() {
        let values: Vec<f32> = (0..6).map(|i| (i * i) as f32).collect();
        // By hand: the two nearest of 0, 1, 4, 9, 16, 25.
        let all = [1, 2, 0, 2, 0, 1, 2, 4, 3, 5, 3, 4];
        assert_eq!(recall(&values, 1, &all, 2, 100), 1.0);
        let mut some = all;
        (some[0], some[7]) = (5, 0);
        assert!((recall(&values, 1, &some, 2, 100) - 10.0 / 12.0).abs() < 1e-12);
        some[11] = u32::MAX;
        assert!((recall(&values, 1, &some, 2, 100) - 9.0 / 12.0).abs() < 1e-12);
    }
}
