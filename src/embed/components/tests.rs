//! The components on the host against those of the covariance, and by hand where its rounding is too large.

use super::*;
use crate::embed::twin;

fn noise(i: usize, d: usize) -> f64 {
    let bits = (i as u64 * 0x9e37_79b9 + d as u64 * 0x85eb_ca6b + 1).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let bits = (bits ^ (bits >> 29)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (bits >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

fn rows(count: usize, dims: usize, value: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    (0..count).map(|i| (0..dims).map(|d| value(i, d)).collect()).collect()
}

/// Largest difference of component `c` over all rows, relative to its standard deviation, whatever its sign.
fn error(found: &[[f64; 2]], expected: &[Vec<f64>], c: usize, of: usize) -> f64 {
    let unit = 1.0 / deviation(expected.iter().map(|row| row[0]));
    let along: f64 = found.iter().zip(expected).map(|(a, b)| a[c] * b[of]).sum();
    let worst = found.iter().zip(expected).map(|(a, b)| (a[c] * along.signum() - b[of] * unit).abs());
    worst.fold(0.0, f64::max) / (unit * deviation(expected.iter().map(|row| row[of])))
}

fn deviation(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(|v| v * v).sum::<f64>() / count).sqrt()
}

#[test]
fn components_are_those_of_the_covariance() {
    for (count, dims, falls) in [(203, 6, 0.6), (40, 90, 0.9), (150, 30, 0.8), (5, 3, 0.5)] {
        let rows = rows(count, dims, |i, d| 7.0 + noise(i, d) * f64::powi(falls, d as i32));
        let expected = twin::pca::principal(&rows, 3);
        let found = principal_components(&rows.concat(), dims);
        for c in [0, 1] {
            assert!(error(&found, &expected, c, c) < 1e-6, "{count}: {}", error(&found, &expected, c, c));
            assert!(error(&found, &expected, c, c + 1) > 0.5, "the control");
        }
    }
}

/// Second component where the first is along a known direction: that of the rows without it, up to 1 / distance².
fn without_the_offset(rows: &[Vec<f64>], split: usize) -> Vec<Vec<f64>> {
    // Each group about its own mean, and orthogonal to the line between them.
    let mean = |range: std::ops::Range<usize>, d: usize| {
        let n = range.len() as f64;
        range.map(|i| rows[i][d]).sum::<f64>() / n
    };
    let (n, dims) = (rows.len(), rows[0].len());
    let line: Vec<f64> = (0..dims).map(|d| mean(split..n, d) - mean(0..split, d)).collect();
    let square: f64 = line.iter().map(|v| v * v).sum();
    let flat = |i: usize| {
        let group = if i < split { 0..split } else { split..n };
        let apart: Vec<f64> = (0..dims).map(|d| rows[i][d] - mean(group.clone(), d)).collect();
        let along = apart.iter().zip(&line).map(|(x, y)| x * y).sum::<f64>() / square;
        apart.iter().zip(&line).map(|(x, y)| x - along * y).collect()
    };
    (0..n).map(flat).collect()
}

#[test]
fn the_second_component_is_right_however_far_the_groups_are_apart() {
    for exponent in 5..=9 {
        let far = 10_f64.powi(exponent);
        let rows =
            rows(200, 10, |i, d| 4.0 * noise(i, d) * (1.0 + d as f64) + if i < 100 { 0.0 } else { far });
        let expected = twin::pca::principal(&without_the_offset(&rows, 100), 2);
        let found = principal_components(&rows.concat(), 10);
        let second: Vec<[f64; 2]> = found.iter().map(|row| [row[1]; 2]).collect();
        let unit = deviation(expected.iter().map(|row| row[0]));
        let size = deviation(found.iter().map(|row| row[1]));
        let scaled: Vec<[f64; 2]> = second.iter().map(|row| row.map(|v| v / size)).collect();
        let wanted: Vec<Vec<f64>> = expected.iter().map(|row| vec![row[0] / unit, row[1]]).collect();
        assert!(error(&scaled, &wanted, 0, 0) < 1e-3, "1e{exponent}: {}", error(&scaled, &wanted, 0, 0));
        // Its size beside the first's: half the distance along the diagonal of ten columns.
        let expected = unit / (far / 2.0 * 10_f64.sqrt());
        assert!((size / expected - 1.0).abs() < 1e-3, "1e{exponent}: {size}, {expected}");
    }
}

#[test]
fn degenerate_rows_have_finite_components() {
    let alike = principal_components(&[2.5_f32; 60], 3);
    assert!(alike.iter().all(|row| *row == [0.0; 2]), "{alike:?}");
    let line = principal_components(&(0..20).map(f64::from).collect::<Vec<_>>(), 1);
    assert!(line.iter().all(|row| row[1] == 0.0) && line[0][0] < -1.0 && line[19][0] > 1.0);
    let gap = principal_components(&[1.0, 2.0, f64::NAN, 0.0, 3.0, -5.0, 1e300, 2.0], 2);
    assert!(gap[1][0].is_nan() && [0, 2, 3].iter().all(|i| gap[*i].iter().all(|v| v.is_finite())), "{gap:?}");
    assert!(principal_components(&[f64::NAN; 4], 2).iter().flatten().all(|v| v.is_nan()));
}

#[test]
fn equal_components_are_both_found() {
    // Corners of a box: two equal variances, and a smaller one that a single start would reach instead.
    let corner = |i: usize, d: usize| [3.0, 3.0, 1.0][d] * if i >> d & 1 == 1 { 1.0 } else { -1.0 };
    let found = principal_components(&rows(8, 3, corner).concat(), 3);
    let sizes = [0, 1].map(|c| deviation(found.iter().map(|row| row[c])));
    assert!(sizes.iter().all(|size| (size - 1.0).abs() < 1e-9), "{sizes:?}");
}
