//! Bases of both sides of a matrix, grown a direction at a time, and the triangle between them.

use super::centered::Centered;

/// Directions that are iterated at once.
const BLOCK: usize = 2;
/// Directions between two checks.
const CHECKED: usize = 8;

/// Orthonormal bases of both sides: rows · right = left · triangle.
#[derive(Default)]
pub(super) struct Basis {
    left: Vec<Vec<f64>>,
    right: Vec<Vec<f64>>,
    /// `[c][r]`: columns of the triangle.
    triangle: Vec<Vec<f64>>,
    /// Directions to come, orthogonal to those there, and their lengths.
    next: Vec<(Vec<f64>, f64)>,
}

impl Basis {
    /// Directions.
    pub(super) fn len(&self) -> usize {
        self.right.len()
    }

    /// `[c][r]`: columns of the triangle.
    pub(super) fn triangle(&self) -> &[Vec<f64>] {
        &self.triangle
    }

    /// Adds a few directions, up to `most` in all.
    pub(super) fn grow<T: Copy + Into<f64>>(&mut self, rows: &Centered<'_, T>, most: usize) {
        for _ in 0..CHECKED.min(most - self.len()) {
            let given = (self.len() >= BLOCK).then(|| self.next.remove(0).0);
            let right = self.new_direction(given, rows.mean.len());
            let (mut left, mut column, length) = orthogonal(rows.project(&right), &self.left);
            let scale = self.triangle.iter().flatten().fold(length, |most, v| most.max(v.abs()));
            // Nothing is left but rounding.
            let empty = length <= 1e-15 * scale;
            if empty {
                left.fill(0.0);
            }
            column.push(if empty { 0.0 } else { length });
            self.triangle.push(column);
            self.right.push(right);
            let (direction, _, length) = orthogonal(rows.back_project(&left), &self.right);
            self.next.push((direction, length));
            self.left.push(left);
        }
    }

    /// A direction orthogonal to those there: the given one, or any where none is given or nothing is left of it.
    fn new_direction(&self, given: Option<Vec<f64>>, dims: usize) -> Vec<f64> {
        let any = |k: usize| {
            let turn = (2.4 + 0.37 * (self.len() + 13 * k) as f64).sqrt();
            (0..dims).map(|d| ((d + 1) as f64 * turn).sin() + 0.01).collect()
        };
        let mut best = (vec![0.0; dims], 0.0);
        for direction in given.into_iter().chain((0..8).map(any)) {
            let before = norm(&direction);
            let (direction, _, length) = orthogonal(direction, &self.right);
            if length > 1e-6 * before {
                return direction;
            }
            if length >= best.1 {
                best = (direction, length);
            }
        }
        best.0
    }

    /// Part of component `c` outside the basis, relative to it.
    pub(super) fn residual(&self, columns: &[Vec<f64>], c: usize) -> f64 {
        let Some(column) = columns.get(c) else { return 0.0 };
        let size = norm(column).max(f64::MIN_POSITIVE);
        let outside = (self.len() - self.next.len()..self.len()).zip(&self.next);
        let square = |(k, (_, length)): (usize, &(Vec<f64>, f64))| (column[k] / size * length / size).powi(2);
        outside.map(square).sum::<f64>().sqrt()
    }

    /// The two components of `count` rows, from the singular columns of the triangle.
    pub(super) fn components(
        &self,
        columns: &[Vec<f64>],
        turned: &[Vec<f64>],
        count: usize,
    ) -> Vec<[f64; 2]> {
        let sum = |basis: &[Vec<f64>], weights: &[f64], len: usize| {
            let mut all = vec![0.0; len];
            for (vector, weight) in basis.iter().zip(weights) {
                all.iter_mut().zip(vector).for_each(|(all, v)| *all += weight * v);
            }
            all
        };
        let of = |c: usize| -> Vec<f64> {
            let Some(column) = columns.get(c) else { return vec![0.0; count] };
            let loadings = sum(&self.right, &turned[c], self.right[0].len());
            let largest = loadings.iter().fold(0.0_f64, |m, v| if v.abs() > m.abs() { *v } else { m });
            let sign = if largest < 0.0 { -1.0 } else { 1.0 };
            sum(&self.left, column, count).iter().map(|value| sign * value).collect()
        };
        let (first, second) = (of(0), of(1));
        let deviation = norm(&first) / (count.max(1) as f64).sqrt();
        let unit = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        first.iter().zip(second).map(|(x, y)| [x * unit, y * unit]).collect()
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// A vector of length 1 orthogonal to a basis; its shares of the basis, and the length of what was left.
fn orthogonal(mut vector: Vec<f64>, basis: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>, f64) {
    let mut shares = vec![0.0; basis.len()];
    for _ in 0..3 {
        for (other, share) in basis.iter().zip(&mut shares) {
            let along = dot(&vector, other);
            vector.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
            *share += along;
        }
    }
    let length = norm(&vector);
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    (vector, shares, length)
}

/// Columns of a triangle turned until they are orthogonal, longest first, and the rotations: one-sided Jacobi.
pub(super) fn singular_columns(triangle: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let n = triangle.len();
    let padded = |column: &Vec<f64>| column.iter().copied().chain(std::iter::repeat(0.0)).take(n).collect();
    let mut columns: Vec<Vec<f64>> = triangle.iter().map(padded).collect();
    let unit = |c: usize| (0..n).map(|r| f64::from(u8::from(r == c))).collect();
    let mut turned: Vec<Vec<f64>> = (0..n).map(unit).collect();
    for _ in 0..30 {
        let mut still = true;
        for (a, b) in (0..n).flat_map(|b| (0..b).map(move |a| (a, b))) {
            let [aa, bb, ab] = [(a, a), (b, b), (a, b)].map(|(i, j)| dot(&columns[i], &columns[j]));
            if ab == 0.0 || ab.abs() <= 1e-14 * (aa * bb).sqrt() {
                continue;
            }
            still = false;
            let tau = (bb - aa) / (2.0 * ab);
            let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
            let c = 1.0 / t.hypot(1.0);
            for both in [&mut columns, &mut turned] {
                let (before, after) = both.split_at_mut(b);
                for (x, y) in before[a].iter_mut().zip(&mut after[0]) {
                    (*x, *y) = (c * (*x - t * *y), c * (t * *x + *y));
                }
            }
        }
        if still {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| norm(&columns[*b]).total_cmp(&norm(&columns[*a])));
    let take = |of: &[Vec<f64>]| order.iter().map(|c| of[*c].clone()).collect();
    (take(&columns), take(&turned))
}
