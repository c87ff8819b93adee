//! Twin of the Fourier transform: its definition.

use std::f64::consts::TAU;

/// `X[k] = Σ_j x[j] exp(sign 2πi jk / n)`, complex numbers as (real, imaginary).
pub fn transform(x: &[[f64; 2]], sign: f64) -> Vec<[f64; 2]> {
    let n = x.len();
    let roots: Vec<(f64, f64)> = (0..n).map(|t| (sign * TAU * t as f64 / n as f64).sin_cos()).collect();
    let at = |k: usize| {
        x.iter().enumerate().fold([0.0, 0.0], |sum, (j, [re, im])| {
            let (s, c) = roots[j * k % n];
            [sum[0] + re * c - im * s, sum[1] + re * s + im * c]
        })
    };
    (0..n).map(at).collect()
}

/// Transform of a matrix `[y][x]` along both axes: `[ky][kx]`.
pub fn transform_2d(x: &[Vec<[f64; 2]>], sign: f64) -> Vec<Vec<[f64; 2]>> {
    let rows: Vec<Vec<[f64; 2]>> = x.iter().map(|row| transform(row, sign)).collect();
    let columns: Vec<Vec<[f64; 2]>> = (0..rows[0].len())
        .map(|k| transform(&rows.iter().map(|row| row[k]).collect::<Vec<_>>(), sign))
        .collect();
    (0..x.len()).map(|ky| columns.iter().map(|column| column[ky]).collect()).collect()
}
