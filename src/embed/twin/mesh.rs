//! Twin of the mesh: each stage from the buffers that the stage before it wrote.

use std::cmp::Ordering;
use std::f64::consts::PI;

use super::fft::transform_2d;
use crate::embed::Grid;

/// Smallest x and y, and largest x and y of points.
pub fn bounds(points: &[[f64; 2]]) -> [f64; 4] {
    let fold =
        |axis: usize, of: fn(f64, f64) -> f64, from: f64| points.iter().map(|p| p[axis]).fold(from, of);
    let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
    [fold(0, f64::min, min), fold(1, f64::min, min), fold(0, f64::max, max), fold(1, f64::max, max)]
}

/// Level, spacing and center of the first mesh of points: the lowest level on which they fit with nodes 0.33 apart, 10 nodes left
/// for the margins; nodes 0.1 apart at least, with 5 % of room to grow.
pub fn fit_grid(points: &[[f64; 2]], lowest: u32, highest: u32) -> (u32, f64, [f64; 2]) {
    let [left, top, right, bottom] = bounds(points);
    let width = (right - left).max(bottom - top);
    let nodes = |level: u32| f64::from(1_u32 << (level - 1)) - 10.0;
    let level = (lowest..highest).find(|level| width <= 0.33 * nodes(*level)).unwrap_or(highest);
    let needed = width / nodes(level);
    let spacing = (1.05 * needed).min(needed.max(0.33)).max(0.1);
    (level, spacing, [0.5 * (left + right), 0.5 * (top + bottom)])
}

/// Quintic B-spline, nonzero from −3 to 3.
pub fn spline(x: f64) -> f64 {
    let part = |end: f64| (end - x.abs()).max(0.0).powi(5);
    (part(3.0) - 6.0 * part(2.0) + 15.0 * part(1.0)) / 120.0
}

/// Nodes with nonzero weight on a point, (v, u), and their weights.
fn weights(point: [f64; 2], grid: &Grid) -> impl Iterator<Item = (usize, usize, f64)> {
    let nodes = 1_i64 << (grid.level - 1);
    let center = [f64::from(grid.center_x), f64::from(grid.center_y)];
    // Node u lies at (u − nodes / 2 + 1/2) spacings from the center.
    let at =
        [0, 1].map(|axis| (point[axis] - center[axis]) / f64::from(grid.spacing) + 0.5 + nodes as f64 / 2.0);
    let [x, y] = at.map(|value| value.floor() as i64);
    (y - 2..=y + 3)
        .flat_map(move |v| (x - 2..=x + 3).map(move |u| (v, u)))
        .map(move |(v, u)| (v as usize, u as usize, spline(at[1] - v as f64) * spline(at[0] - u as f64)))
}

/// Σ of the points' weights on each node `[v, u]`.
pub fn deposit(points: &[[f64; 2]], grid: &Grid) -> Vec<f64> {
    let nodes = 1_usize << (grid.level - 1);
    let mut mesh = vec![0.0; nodes * nodes];
    for (v, u, weight) in points.iter().flat_map(|point| weights(*point, grid)) {
        mesh[v * nodes + u] += weight;
    }
    mesh
}

/// Field `[v, u]` at each point.
pub fn interpolate(points: &[[f64; 2]], grid: &Grid, field: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let nodes = 1_usize << (grid.level - 1);
    let at = |point: &[f64; 2]| {
        weights(*point, grid).fold([0.0; 2], |sum, (v, u, weight)| {
            let [x, y] = field[v * nodes + u];
            [sum[0] + weight * x, sum[1] + weight * y]
        })
    };
    points.iter().map(at).collect()
}

/// Transform of the B-spline along one axis at frequency k: (sinc k)⁶.
pub fn window(k: usize, length: usize) -> f64 {
    let angle = PI * k.min(length - k) as f64 / length as f64;
    if angle > 0.0 { (angle.sin() / angle).powi(6) } else { 1.0 }
}

/// `K̂ / (B² length²)` `[kx][ky]` of the frequencies up to half the length: the transform of q̃ = 1 / (1 + d²) on a periodic grid,
/// divided by that of the B-spline for deposit and interpolation, B = (sinc kx sinc ky)⁶.
pub fn influence(level: u32, spacing: f64) -> Vec<Vec<f64>> {
    let length = 1_usize << level;
    let near = |k: usize| k.min(length - k) as f64;
    let kernel =
        |y: usize, x: usize| [1.0 / (1.0 + spacing.powi(2) * (near(x).powi(2) + near(y).powi(2))), 0.0];
    let kernel: Vec<Vec<[f64; 2]>> =
        (0..length).map(|y| (0..length).map(|x| kernel(y, x)).collect()).collect();
    let transform = transform_2d(&kernel, -1.0);
    let value = |kx: usize, ky: usize| {
        let squared = (window(kx, length) * window(ky, length)).powi(2);
        transform[ky][kx][0] / squared / (length * length) as f64
    };
    (0..=length / 2).map(|kx| (0..=length / 2).map(|ky| value(kx, ky)).collect()).collect()
}

/// Fields `x q̃²` and `y q̃²` convolved with a mesh `[v, u]` of nodes by an influence: (x, y) of each node. `x q̃² = −½ ∂q̃/∂x`.
pub fn convolve(mesh: &[f64], level: u32, spacing: f64, influence: &[Vec<f64>]) -> Vec<[f64; 2]> {
    let length = 1_usize << level;
    let nodes = length / 2;
    let value = |y: usize, x: usize| if y < nodes && x < nodes { mesh[y * nodes + x] } else { 0.0 };
    let padded: Vec<Vec<[f64; 2]>> =
        (0..length).map(|y| (0..length).map(|x| [value(y, x), 0.0]).collect()).collect();
    let spectrum = transform_2d(&padded, -1.0);
    let near = |k: usize| k.min(length - k);
    // Slope of a frequency; the middle one has none.
    let slope = |k: usize| match k.cmp(&nodes) {
        Ordering::Less => PI * k as f64 / (length as f64 * spacing),
        Ordering::Equal => 0.0,
        Ordering::Greater => -PI * near(k) as f64 / (length as f64 * spacing),
    };
    // −i (slope x + i slope y) Ŵ K̂: both fields as one complex number.
    let product = |ky: usize, kx: usize| {
        let [re, im] = spectrum[ky][kx];
        let (x, y, weight) = (slope(kx), slope(ky), influence[near(kx)][near(ky)]);
        [(re * y + im * x) * weight, (im * y - re * x) * weight]
    };
    let products: Vec<Vec<[f64; 2]>> =
        (0..length).map(|ky| (0..length).map(|kx| product(ky, kx)).collect()).collect();
    let fields = transform_2d(&products, 1.0);
    fields[..nodes].iter().flat_map(|row| row[..nodes].to_vec()).collect()
}
