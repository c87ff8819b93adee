//! Shares of the nearest points in a blend, by inverse distance.

/// The `neighbors` points nearest to a position, the nearest first, each with its share: 1 / distance^power, divided by their sum.
/// Where points lie at the position, they share it all. Points that are no numbers do not count.
pub(crate) fn coefficients(
    position: [f32; 2],
    points: &[(u32, [f32; 2])],
    neighbors: usize,
    power: f32,
) -> Vec<(u32, f32)> {
    let distance = |point: [f32; 2]| {
        let [x, y] = [0, 1].map(|axis| f64::from(point[axis]) - f64::from(position[axis]));
        x.hypot(y)
    };
    let mut near: Vec<(u32, f64)> = points.iter().map(|(row, point)| (*row, distance(*point))).collect();
    near.retain(|(_, distance)| distance.is_finite());
    near.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    near.truncate(neighbors);
    let Some(&(_, nearest)) = near.first() else { return Vec::new() };
    let part = |distance: f64| match distance {
        _ if nearest == 0.0 => f64::from(distance == 0.0),
        // By the nearest, so that no power is too large or too small for a number.
        distance => (nearest / distance).powf(f64::from(power)),
    };
    let sum: f64 = near.iter().map(|(_, distance)| part(*distance)).sum();
    let shares = near.iter().map(|(row, distance)| (*row, (part(*distance) / sum) as f32));
    shares.filter(|(_, share)| *share > 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [(u32, [f32; 2]); 5] =
        [(7, [4.0, 0.0]), (1, [0.0, 1.0]), (2, [-2.0, 0.0]), (3, [100.0, 0.0]), (9, [f32::NAN, 0.0])];

    #[test]
    fn nearer_points_have_larger_shares_and_all_add_up_to_1() {
        // Distances 1, 2 and 4.
        let of = |neighbors, power| coefficients([0.0; 2], &POINTS, neighbors, power);
        let expected = [(1, 4.0 / 7.0), (2, 2.0 / 7.0), (7, 1.0 / 7.0)];
        for ((row, share), (expected_row, expected)) in of(3, 1.0).into_iter().zip(expected) {
            assert_eq!(row, expected_row);
            assert!((share - expected).abs() < 1e-6, "{share} {expected}");
        }
        assert_eq!(of(3, 2.0)[0].1, 16.0 / 21.0);
        assert_eq!(of(2, 0.0), [(1, 0.5), (2, 0.5)]);
        for (neighbors, power) in [(1, 1.0), (4, 1.0), (4, 8.0), (16, 0.5)] {
            let shares = of(neighbors, power);
            assert_eq!(shares.len(), neighbors.min(4), "the one without a place does not count");
            let sum: f32 = shares.iter().map(|(_, share)| share).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{sum}");
            assert!(shares.is_sorted_by(|a, b| a.1 >= b.1));
        }
    }

    #[test]
    fn a_point_under_the_pointer_has_it_all() {
        assert_eq!(coefficients([0.0, 1.0], &POINTS, 4, 1.0), [(1, 1.0)]);
        let two = [(4, [1.0; 2]), (5, [1.0; 2]), (6, [2.0; 2])];
        assert_eq!(coefficients([1.0; 2], &two, 3, 1.0), [(4, 0.5), (5, 0.5)]);
        assert_eq!(coefficients([1.0; 2], &[], 3, 1.0), []);
    }
}
