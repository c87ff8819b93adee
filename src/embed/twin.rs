//! t-SNE in plain loops and `f64`: affinities, divergence, gradient and step, for tests.

use super::Settings;

/// Squared distances `[i][j]` of rows.
pub fn squared_distances(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum();
    rows.iter().map(|a| rows.iter().map(|b| square(a, b)).collect()).collect()
}

/// The joint probabilities `[i][j]` of rows over their `k` nearest neighbours.
pub fn affinities(rows: &[Vec<f64>], k: usize, perplexity: f64) -> Vec<Vec<f64>> {
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

/// The divergence of a layout.
pub fn divergence(joint: &[Vec<f64>], positions: &[[f64; 2]]) -> f64 {
    let z: f64 = pairs(positions).map(|(.., far)| 1.0 / far).sum();
    pairs(positions)
        .filter(|(i, j, _)| joint[*i][*j] > 0.0)
        .map(|(i, j, far)| joint[i][j] * (joint[i][j] * far * z).ln())
        .sum()
}

/// A quarter of the divergence's gradient, the attraction exaggerated.
pub fn gradient(joint: &[Vec<f64>], positions: &[[f64; 2]], exaggeration: f64) -> Vec<[f64; 2]> {
    let z: f64 = pairs(positions).map(|(.., far)| 1.0 / far).sum();
    let mut gradient = vec![[0.0; 2]; positions.len()];
    for (i, j, far) in pairs(positions) {
        let factor = (exaggeration * joint[i][j] - 1.0 / far / z) / far;
        for axis in 0..2 {
            gradient[i][axis] += factor * (positions[i][axis] - positions[j][axis]);
        }
    }
    gradient
}

/// All ordered pairs with 1 + their squared distance.
fn pairs(positions: &[[f64; 2]]) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
    let n = positions.len();
    (0..n * n).map(move |at| (at / n, at % n)).filter(|(i, j)| i != j).map(|(i, j)| {
        let [a, b] = [positions[i], positions[j]];
        (i, j, 1.0 + (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2))
    })
}

/// One step of a layout: positions, and last step and gain of each coordinate.
pub fn step(
    joint: &[Vec<f64>],
    positions: &mut [[f64; 2]],
    motions: &mut [[f64; 4]],
    settings: &Settings,
    iteration: usize,
) {
    let n = positions.len() as f64;
    let early = (iteration as f64) < f64::from(settings.exaggeration_iterations);
    let exaggeration = if early { f64::from(settings.exaggeration) } else { 1.0 };
    let given = if early { settings.early_learning_rate } else { settings.learning_rate };
    let rate = if given > 0.0 { f64::from(given) } else { n / exaggeration };
    let momentum = f64::from(if early { settings.early_momentum } else { settings.momentum });
    let gradient = gradient(joint, positions, exaggeration);
    let mean = [0, 1].map(|axis| positions.iter().map(|p| p[axis]).sum::<f64>() / n);
    for ((position, motion), gradient) in positions.iter_mut().zip(motions).zip(gradient) {
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
        for axis in 0..2 {
            let turned = sign(gradient[axis]) != sign(motion[axis]);
            let gain = &mut motion[2 + axis];
            *gain = if turned { *gain + 0.2 } else { (0.8 * *gain).max(0.01) };
            motion[axis] = momentum * motion[axis] - rate * motion[2 + axis] * gradient[axis];
        }
        let length = motion[0].hypot(motion[1]);
        for axis in 0..2 {
            motion[axis] *= if length > 5.0 { 5.0 / length } else { 1.0 };
            position[axis] += motion[axis] - mean[axis];
        }
    }
}

/// Rows, centred, along their `components` principal directions, by falling variance: Jacobi's method on the covariance.
pub fn principal(rows: &[Vec<f64>], components: usize) -> Vec<Vec<f64>> {
    let (n, dims) = (rows.len(), rows[0].len());
    let mean: Vec<f64> = (0..dims).map(|d| rows.iter().map(|row| row[d]).sum::<f64>() / n as f64).collect();
    let centred: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().zip(&mean).map(|(value, mean)| value - mean).collect()).collect();
    let product = |a: usize, b: usize| centred.iter().map(|row| row[a] * row[b]).sum::<f64>();
    let mut products: Vec<Vec<f64>> = (0..dims).map(|a| (0..dims).map(|b| product(a, b)).collect()).collect();
    // Row a is direction a.
    let mut directions: Vec<Vec<f64>> =
        (0..dims).map(|a| (0..dims).map(|b| f64::from(u8::from(a == b))).collect()).collect();
    for (a, b) in (0..15).flat_map(|_| (0..dims).flat_map(|a| (0..a).map(move |b| (a, b)))) {
        if products[a][b] == 0.0 {
            continue;
        }
        let tau = (products[b][b] - products[a][a]) / (2.0 * products[a][b]);
        let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
        let c = 1.0 / t.hypot(1.0);
        let turn = |x: f64, y: f64| (c * (x - t * y), c * (y + t * x));
        for k in 0..dims {
            (products[a][k], products[b][k]) = turn(products[a][k], products[b][k]);
            (directions[a][k], directions[b][k]) = turn(directions[a][k], directions[b][k]);
        }
        for row in &mut products {
            (row[a], row[b]) = turn(row[a], row[b]);
        }
    }
    let mut order: Vec<usize> = (0..dims).collect();
    order.sort_by(|a, b| products[*b][*b].total_cmp(&products[*a][*a]));
    let along =
        |row: &[f64], d: usize| row.iter().zip(&directions[d]).map(|(value, part)| value * part).sum();
    centred.iter().map(|row| order[..components].iter().map(|d| along(row, *d)).collect()).collect()
}
