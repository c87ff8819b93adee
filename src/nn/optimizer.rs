//! The optimizer: SGD with momentum, Nesterov and L2 decay, in PyTorch's convention (Sutskever et al. 2013).
//!
//! `g = gradient + decay·w`, `v ← momentum·v + g`, `w ← w − rate·v` (Nesterov: `w − rate·(g + momentum·v)`).
//! Decay applies to weights, not to biases.

use serde::{Deserialize, Serialize};

use super::Parameters;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const SGD: Source = wgsl!("nn/sgd.wgsl");
const CLEAR: Source = wgsl!("nn/clear.wgsl");

params! { struct HyperValues { learning_rate: f32, momentum: f32, weight_decay: f32, nesterov: u32 } }

/// The optimizer's hyper-parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hyper {
    /// Step size, finite and not negative.
    pub learning_rate: f32,
    /// Share of the last update that is kept, 0 up to but not including 1.
    pub momentum: f32,
    /// L2 decay of the weights, finite and not negative.
    pub weight_decay: f32,
    /// Whether to look ahead (Nesterov).
    pub nesterov: bool,
}

impl Default for Hyper {
    fn default() -> Self {
        Self { learning_rate: 0.02, momentum: 0.9, weight_decay: 1e-4, nesterov: false }
    }
}

impl Hyper {
    /// The same values, when they are in range.
    ///
    /// # Errors
    /// When one is out of range, not a number or infinite.
    pub fn checked(self) -> Result<Self> {
        let fault = |name: &str, value: f32, range: &str| {
            Err(Error::usage(format!("the {name} is {value}"), format!("give it a value {range}")))
        };
        if !(self.learning_rate.is_finite() && self.learning_rate >= 0.0) {
            return fault("learning rate", self.learning_rate, "of 0 or more, such as 0.01");
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return fault("momentum", self.momentum, "from 0 to below 1, such as 0.9");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return fault("weight decay", self.weight_decay, "of 0 or more, such as 0.0001");
        }
        Ok(self)
    }
}

/// SGD over all parameters of a network.
pub struct Sgd {
    hyper: Buffer<f32>,
}

impl Sgd {
    /// An optimizer with these hyper-parameters.
    pub fn new(gpu: &Gpu, hyper: Hyper) -> Self {
        let sgd = Self { hyper: Buffer::zeroed(gpu, "hyper", size_of::<HyperValues>() / 4) };
        sgd.set(gpu, hyper);
        sgd
    }

    /// The next step uses these.
    pub fn set(&self, gpu: &Gpu, hyper: Hyper) {
        let values = HyperValues {
            learning_rate: hyper.learning_rate,
            momentum: hyper.momentum,
            weight_decay: hyper.weight_decay,
            nesterov: u32::from(hyper.nesterov),
        };
        self.hyper.write(gpu, 0, bytemuck::cast_slice(&[values]));
    }

    /// The dispatch that clears the gradients, and the one that updates the parameters.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build(&self, gpu: &Gpu, parameters: &Parameters) -> Result<(Plan, Plan)> {
        let quads = parameters.values.len().div_ceil(4) as u32;
        let mut clear = PlanBuilder::new(gpu);
        let kernel = gpu.kernel(&CLEAR, "clear", &[])?;
        clear
            .dispatch("clear gradients", &kernel)
            .bind("values", parameters.gradients.range())
            .threads([quads, 1, 1])?;
        let mut update = PlanBuilder::new(gpu);
        let kernel = gpu.kernel(&SGD, "sgd", &[])?;
        update
            .dispatch("sgd", &kernel)
            .bind("hyper", self.hyper.range())
            .bind("gradients", parameters.gradients.range())
            .bind("flags", parameters.flags.range())
            .bind("moments", parameters.moments.range())
            .bind("values", parameters.values.range())
            .bind("last_gradients", parameters.last_gradients.range())
            .threads([quads, 1, 1])?;
        Ok((clear.finish(), update.finish()))
    }
}

/// The twin: one update of `values` and `moments`, where `decays` says which L2 decay applies to.
pub fn sgd_twin(hyper: Hyper, gradients: &[f64], decays: &[bool], moments: &mut [f64], values: &mut [f64]) {
    let [rate, momentum, decay] = [hyper.learning_rate, hyper.momentum, hyper.weight_decay].map(f64::from);
    for (i, w) in values.iter_mut().enumerate() {
        let g = gradients[i] + if decays[i] { decay * *w } else { 0.0 };
        moments[i] = momentum * moments[i] + g;
        *w -= rate * if hyper.nesterov { g + momentum * moments[i] } else { moments[i] };
    }
}
