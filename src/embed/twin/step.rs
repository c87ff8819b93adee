//! Twin of the step: divergence, gradient, gains and momentum.

use crate::embed::Settings;

/// Kullback-Leibler divergence of a layout.
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

/// One step of a layout: positions, and velocity and gain of each coordinate.
pub fn step(
    joint: &[Vec<f64>],
    positions: &mut [[f64; 2]],
    velocity_gains: &mut [[f64; 4]],
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
    for ((position, own), gradient) in positions.iter_mut().zip(velocity_gains).zip(gradient) {
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
        for axis in 0..2 {
            let turned = sign(gradient[axis]) != sign(own[axis]);
            let gain = &mut own[2 + axis];
            *gain = if turned { *gain + 0.2 } else { (0.8 * *gain).max(0.01) };
            own[axis] = momentum * own[axis] - rate * own[2 + axis] * gradient[axis];
        }
        let length = own[0].hypot(own[1]);
        for axis in 0..2 {
            own[axis] *= if length > 5.0 { 5.0 / length } else { 1.0 };
            position[axis] += own[axis] - mean[axis];
        }
    }
}
