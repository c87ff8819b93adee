//! Settings of t-SNE that may change while it runs, and its state on the GPU.

use crate::error::{Error, Result};
use crate::params;

params! {
    /// Schedule of a layout, shared with the shaders.
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    pub struct Settings {
        /// Early exaggeration: factor of the attraction at first.
        exaggeration: f32,
        /// Iterations with early exaggeration.
        exaggeration_iterations: f32,
        /// Learning rate; 0 selects the number of rows.
        learning_rate: f32,
        /// Momentum during early exaggeration, 0 to below 1.
        early_momentum: f32,
        /// Momentum after it, 0 to below 1.
        momentum: f32,
        /// Learning rate during early exaggeration; 0 selects the number of rows divided by it.
        early_learning_rate: f32,
    }
}

impl Settings {
    /// Exaggeration 12 for 50 iterations; then momentum 0.9.
    pub const DEFAULT: Self = Self {
        exaggeration: 12.0,
        exaggeration_iterations: 50.0,
        learning_rate: 0.0,
        early_momentum: 0.8,
        momentum: 0.9,
        early_learning_rate: 0.0,
    };

    /// Checks the ranges.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn checked(&self) -> Result<()> {
        let at_least = |name: &str, value: f32, min: f32| {
            if value.is_finite() && value >= min {
                return Ok(());
            }
            Err(Error::usage(format!("the {name} is {value}"), format!("give it a value of {min} or more")))
        };
        at_least("exaggeration", self.exaggeration, 1.0)?;
        at_least("number of iterations with exaggeration", self.exaggeration_iterations, 0.0)?;
        at_least("learning rate", self.learning_rate, 0.0)?;
        at_least("early learning rate", self.early_learning_rate, 0.0)?;
        for momentum in [self.momentum, self.early_momentum] {
            if !(0.0..1.0).contains(&momentum) {
                let what = format!("the momentum is {momentum}");
                return Err(Error::usage(what, "give it a value from 0 to below 1"));
            }
        }
        Ok(())
    }
}

params! {
    /// State of a layout, shared with the shaders.
    pub struct State {
        /// Iterations done.
        iteration: u32,
        /// Number of pinned points.
        pinned: u32,
        /// Z = Σ q̃ of the last iteration.
        z: f32,
        /// Kullback-Leibler divergence before the last iteration's step.
        divergence: f32,
        /// Mean position.
        mean_x: f32,
        /// Mean position.
        mean_y: f32,
        /// Exaggeration in use.
        exaggeration: f32,
        /// Learning rate in use.
        rate: f32,
        /// Momentum in use.
        momentum: f32,
        /// 1 where all rows are alike, and all points in one place; 2 for the first iteration after that; else 0.
        alike: u32,
    }
}

/// Checks the range of a perplexity.
///
/// # Errors
/// When it is not finite or below 1.
pub fn check_perplexity(perplexity: f32) -> Result<()> {
    if perplexity.is_finite() && perplexity >= 1.0 {
        return Ok(());
    }
    let what = format!("the perplexity is {perplexity}");
    Err(Error::usage(what, "give it a value of 1 or more, such as 30"))
}
