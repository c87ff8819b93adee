//! The optimizers over all parameters at once: SGD with momentum and its kin, in PyTorch's conventions.
//!
//! `g` is the clipped gradient `+ decay·w + l1·sign w` (AdamW: without `decay·w`), `η` the scheduled learning rate, `μ` the momentum:
//!
//! - `sgd`: `m ← μ·m + g`, `w ← w − η·m` (Nesterov: `w − η·(g + μ·m)`) (Sutskever et al. 2013)
//! - `adagrad`: `s ← s + g²`, `w ← w − η·g / (√s + ε)` (Duchi et al. 2011)
//! - `windowed_adagrad`: `s ← β·s + (1−β)·g²`, `w ← w − η·g / √(s + ε)` (ConvNetJS)
//! - `adadelta`: `s` alike, `d = √(m + ε) / √(s + ε)·g`, `m ← β·m + (1−β)·d²`, `w ← w − η·d` (Zeiler 2012)
//! - `rmsprop`: `s` alike, `m ← μ·m + g / (√s + ε)`, `w ← w − η·m` (Tieleman and Hinton 2012)
//! - `adam`: `m ← μ·m + (1−μ)·g`, `s` alike, `w ← w − η·m̂ / (√ŝ + ε)`, `m̂ = m / (1−μᵗ)`, `ŝ = s / (1−βᵗ)` (Kingma and Ba 2015)
//! - `adamw`: `w ← w·(1 − η·decay)`, then as Adam (Loshchilov and Hutter 2019)
//!
//! Decay applies to weights, not to biases.

use serde::{Deserialize, Serialize};

use super::Parameters;
use super::hyper::{Hyper, Kind, Schedule};
use crate::data::{Clock, Feed};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const OPTIMIZER: Source = wgsl!("nn/optimizer.wgsl", Clock, HyperValues);
const GRADIENT_NORM: Source = wgsl!("nn/gradient_norm.wgsl", Clock);
const CLEAR: Source = wgsl!("nn/clear.wgsl");
/// Partial sums of the gradients' norm, one a workgroup.
const PARTIALS: usize = 64;

params! {
    struct HyperValues {
        /// 0 sgd, 1 adagrad, 2 windowed adagrad, 3 adadelta, 4 rmsprop, 5 adam, 6 adamw
        optimizer: u32,
        nesterov: u32,
        /// The step at which this optimizer began.
        since: u32,
        /// 0 constant, 1 step, 2 cosine
        schedule: u32,
        learning_rate: f32,
        momentum: f32,
        beta2: f32,
        epsilon: f32,
        weight_decay: f32,
        l1_decay: f32,
        /// 0: none.
        clip_norm: f32,
        /// Natural logarithms of momentum and beta2.
        log_momentum: f32,
        log_beta2: f32,
        /// In epochs, as the period of the schedule is.
        warmup: f32,
        period: f32,
        factor: f32,
        train_images: f32,
        batch: f32,
    }
}

/// What of the run an optimizer has to know.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Images of an epoch.
    pub train_images: usize,
    /// Images of a step.
    pub batch: usize,
}

/// The optimizer of a network.
pub struct Optimizer {
    hyper: Buffer<HyperValues>,
}

/// The natural logarithm, of 0 a number that is as good as minus infinity.
fn log(value: f32) -> f32 {
    f64::from(value).ln().max(-1e4) as f32
}

impl Optimizer {
    /// An optimizer with these hyper-parameters.
    pub fn new(gpu: &Gpu, hyper: Hyper, pace: Pace) -> Self {
        let optimizer = Self { hyper: Buffer::zeroed(gpu, "hyper", 1) };
        optimizer.set(gpu, hyper, pace);
        optimizer
    }

    /// The next step uses these.
    pub fn set(&self, gpu: &Gpu, hyper: Hyper, pace: Pace) {
        let (schedule, period, factor) = match hyper.schedule {
            Schedule::Constant => (0, 1.0, 1.0),
            Schedule::Step { epochs, factor } => (1, epochs, factor),
            Schedule::Cosine { epochs } => (2, epochs, 1.0),
        };
        let values = HyperValues {
            optimizer: hyper.optimizer as u32,
            nesterov: u32::from(hyper.nesterov),
            since: hyper.since,
            schedule,
            learning_rate: hyper.learning_rate,
            momentum: hyper.momentum,
            beta2: hyper.beta2,
            epsilon: hyper.epsilon,
            weight_decay: hyper.weight_decay,
            l1_decay: hyper.l1_decay,
            clip_norm: hyper.clip_norm,
            log_momentum: log(hyper.momentum),
            log_beta2: log(hyper.beta2),
            warmup: hyper.warmup,
            period,
            factor,
            train_images: pace.train_images as f32,
            batch: pace.batch as f32,
        };
        self.hyper.write(gpu, 0, &[values]);
    }

    /// The dispatch that clears the gradients, and those that update the parameters.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build(&self, gpu: &Gpu, parameters: &Parameters, feed: &Feed) -> Result<(Plan, Plan)> {
        let quads = parameters.values.len().div_ceil(4) as u32;
        let mut clear = PlanBuilder::new(gpu);
        let kernel = gpu.kernel(&CLEAR, "clear", &[])?;
        clear
            .dispatch("clear gradients", &kernel)
            .bind("values", parameters.gradients.range())
            .threads([quads, 1, 1])?;
        let mut update = PlanBuilder::new(gpu);
        let partials = Buffer::<f32>::zeroed(gpu, "partials", PARTIALS).range();
        let kernel = gpu.kernel(&GRADIENT_NORM, "squares", &[])?;
        update
            .dispatch("gradient squares", &kernel)
            .bind("gradients", parameters.gradients.range())
            .bind("flags", parameters.flags.range())
            .bind("partials", partials.clone())
            .threads([64 * PARTIALS as u32, 1, 1])?;
        let kernel = gpu.kernel(&GRADIENT_NORM, "norm", &[])?;
        update
            .dispatch("gradient norm", &kernel)
            .bind("partials", partials)
            .bind("clock", feed.clock().range())
            .threads([1, 1, 1])?;
        let kernel = gpu.kernel(&OPTIMIZER, "update", &[])?;
        update
            .dispatch("optimizer", &kernel)
            .bind("hyper", self.hyper.range())
            .bind("clock", feed.clock().range())
            .bind("gradients", parameters.gradients.range())
            .bind("flags", parameters.flags.range())
            .bind("moments", parameters.moments.range())
            .bind("second_moments", parameters.second_moments.range())
            .bind("values", parameters.values.range())
            .bind("last_gradients", parameters.last_gradients.range())
            .threads([quads, 1, 1])?;
        Ok((clear.finish(), update.finish()))
    }
}

/// Where a step of a twin is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepPlace {
    /// Steps finished.
    pub step: u32,
    /// Epochs and part of one seen before the step.
    pub epochs: f64,
    /// Norm of all gradients.
    pub norm: f64,
}

/// A tensor as a twin updates it, and its two moments.
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

/// The twin: one update of a tensor, where `decays` says which values decay.
pub fn optimizer_twin(
    hyper: Hyper,
    pace: Pace,
    place: StepPlace,
    gradients: &[f64],
    decays: &[bool],
    state: &mut TwinState,
) {
    let [mu, beta, epsilon] = [hyper.momentum, hyper.beta2, hyper.epsilon].map(f64::from);
    let [decay, l1, clip] = [hyper.weight_decay, hyper.l1_decay, hyper.clip_norm].map(f64::from);
    let rate = hyper.rate(place.epochs, pace);
    let scale = if clip > 0.0 { (clip / (place.norm + 1e-6)).min(1.0) } else { 1.0 };
    let steps = (place.step - hyper.since + 1) as i32;
    for (i, w) in state.values.iter_mut().enumerate() {
        let (decay, l1) = if decays[i] { (decay, l1) } else { (0.0, 0.0) };
        let decoupled = hyper.optimizer == Kind::Adamw;
        let sign = if *w == 0.0 { 0.0 } else { w.signum() };
        let g = scale * gradients[i] + l1 * sign + if decoupled { 0.0 } else { decay * *w };
        let (m, s) = (&mut state.moments[i], &mut state.second_moments[i]);
        let averaged = |s: f64| beta * s + (1.0 - beta) * g * g;
        let d = match hyper.optimizer {
            Kind::Sgd => {
                *m = mu * *m + g;
                if hyper.nesterov { g + mu * *m } else { *m }
            }
            Kind::Adagrad => {
                *s += g * g;
                g / (s.sqrt() + epsilon)
            }
            Kind::WindowedAdagrad => {
                *s = averaged(*s);
                g / (*s + epsilon).sqrt()
            }
            Kind::Adadelta => {
                *s = averaged(*s);
                let d = (*m + epsilon).sqrt() / (*s + epsilon).sqrt() * g;
                *m = beta * *m + (1.0 - beta) * d * d;
                d
            }
            Kind::Rmsprop => {
                *s = averaged(*s);
                *m = mu * *m + g / (s.sqrt() + epsilon);
                *m
            }
            Kind::Adam | Kind::Adamw => {
                *m = mu * *m + (1.0 - mu) * g;
                *s = averaged(*s);
                *m / (1.0 - mu.powi(steps)) / ((*s / (1.0 - beta.powi(steps))).sqrt() + epsilon)
            }
        };
        let shrunk = if decoupled { *w * (1.0 - rate * decay) } else { *w };
        *w = shrunk - rate * d;
    }
}
