//! The twins of the optimizers and of the sums before them.

use crate::nn::average::{SPAN, least_share};
use crate::nn::hyper::{Hyper, OptimizerKind, StepsPerEpoch};

/// Step, epochs and gradient norm of a twin's step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepContext {
    /// Steps finished.
    pub step: u32,
    /// Epochs, with their fraction, before the step.
    pub epochs: f64,
    /// Norm of all gradients together.
    pub norm: f64,
}

/// A tensor and its two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinState {
    /// The values.
    pub values: Vec<f64>,
    /// The first moments.
    pub moments: Vec<f64>,
    /// The second moments.
    pub second_moments: Vec<f64>,
}

impl TwinState {
    /// Values with moments of 0.
    pub fn new(values: Vec<f64>) -> Self {
        let zeros = vec![0.0; values.len()];
        Self { values, moments: zeros.clone(), second_moments: zeros }
    }
}

/// Treatment of a value by the optimizer, besides the run's settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Treatment {
    /// Weight decay applies.
    pub decays: bool,
    /// It keeps its value and moments.
    pub frozen: bool,
    /// Factor of its learning rate.
    pub rate_factor: f64,
}

impl Treatment {
    /// A value that is trained at the run's rate.
    pub fn trained(decays: bool) -> Self {
        Self { decays, frozen: false, rate_factor: 1.0 }
    }
}

/// The sums of `len` parameters, of partial sums `[row, parameter]`.
pub fn gradient_sums(partials: &[f64], len: usize) -> Vec<f64> {
    let mut sums = vec![0.0; len];
    for row in partials.chunks_exact(len) {
        sums.iter_mut().zip(row).for_each(|(sum, partial)| *sum += partial);
    }
    sums
}

/// One update of a tensor, by the treatment of each value.
pub fn optimizer_step(
    hyper: Hyper,
    epoch: StepsPerEpoch,
    at: StepContext,
    gradients: &[f64],
    treatments: &[Treatment],
    state: &mut TwinState,
) {
    let [mu, beta, epsilon] = [hyper.momentum, hyper.beta2, hyper.epsilon].map(f64::from);
    let [decay, l1, clip] = [hyper.weight_decay, hyper.l1_decay, hyper.clip_norm].map(f64::from);
    let scheduled = hyper.rate(at.epochs, epoch);
    let scale = if clip > 0.0 { (clip / (at.norm + 1e-6)).min(1.0) } else { 1.0 };
    let steps = (at.step - hyper.since + 1) as i32;
    for (i, w) in state.values.iter_mut().enumerate() {
        let Treatment { decays, frozen, rate_factor } = treatments[i];
        if frozen {
            continue;
        }
        let rate = rate_factor * scheduled;
        let (decay, l1) = if decays { (decay, l1) } else { (0.0, 0.0) };
        let decoupled = hyper.optimizer == OptimizerKind::Adamw;
        let sign = if *w == 0.0 { 0.0 } else { w.signum() };
        let g = scale * gradients[i] + l1 * sign + if decoupled { 0.0 } else { decay * *w };
        let (m, s) = (&mut state.moments[i], &mut state.second_moments[i]);
        let averaged = |s: f64| beta * s + (1.0 - beta) * g * g;
        let d = match hyper.optimizer {
            OptimizerKind::Sgd => {
                *m = mu * *m + g;
                if hyper.nesterov { g + mu * *m } else { *m }
            }
            OptimizerKind::Adagrad => {
                *s += g * g;
                g / (s.sqrt() + epsilon)
            }
            OptimizerKind::WindowedAdagrad => {
                *s = averaged(*s);
                g / (*s + epsilon).sqrt()
            }
            OptimizerKind::Adadelta => {
                *s = averaged(*s);
                let d = (*m + epsilon).sqrt() / (*s + epsilon).sqrt() * g;
                *m = beta * *m + (1.0 - beta) * d * d;
                d
            }
            OptimizerKind::Rmsprop => {
                *s = averaged(*s);
                *m = mu * *m + g / (s.sqrt() + epsilon);
                *m
            }
            OptimizerKind::Adam | OptimizerKind::Adamw => {
                *m = mu * *m + (1.0 - mu) * g;
                *s = averaged(*s);
                *m / (1.0 - mu.powi(steps)) / ((*s / (1.0 - beta.powi(steps))).sqrt() + epsilon)
            }
        };
        let shrunk = if decoupled { *w * (1.0 - rate * decay) } else { *w };
        *w = shrunk - rate * d;
    }
}

/// The move of the average of the weights after a step; `step` counts those finished before it.
pub fn average_step(hyper: Hyper, epoch: StepsPerEpoch, step: u32, values: &[f64], averages: &mut [f64]) {
    let span = f64::from(SPAN);
    let share = least_share(&hyper, epoch).max(span / (f64::from(step) + span));
    averages.iter_mut().zip(values).for_each(|(average, value)| *average += share * (value - *average));
}

/// Sums of the squares and of the magnitudes of weights.
pub fn weight_sums(weights: &[f64]) -> [f64; 2] {
    [weights.iter().map(|w| w * w).sum(), weights.iter().map(|w| w.abs()).sum()]
}
