//! Ranges of what may be set while a layout runs.

use super::tsne::Settings;
use crate::error::{Error, Result};

impl Settings {
    /// Checks the range of each setting.
    ///
    /// # Errors
    /// When one is out of range.
    pub fn checked(&self) -> Result<()> {
        for (name, value, least) in [
            ("exaggeration", self.exaggeration, 1.0),
            ("number of iterations with exaggeration", self.exaggeration_iterations, 0.0),
            ("learning rate", self.learning_rate, 0.0),
            ("early learning rate", self.early_learning_rate, 0.0),
        ] {
            if !(value.is_finite() && value >= least) {
                let help = format!("give it a value of {least} or more");
                return Err(Error::usage(format!("the {name} is {value}"), help));
            }
        }
        for momentum in [self.momentum, self.early_momentum] {
            if !(0.0..1.0).contains(&momentum) {
                let what = format!("the momentum is {momentum}");
                return Err(Error::usage(what, "give it a value from 0 to below 1"));
            }
        }
        Ok(())
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
