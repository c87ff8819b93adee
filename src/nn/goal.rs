//! Soft goals: terms of the loss that the user switches on for the filters of a layer.
//!
//! With `a`, `b` and `w` the weights of filters, `t` a kernel that is given, and `s` the strength:
//!
//! - attract: `s·(1 − cos(a, b))`, down to 0 where they point the same way
//! - repel: `s·max(0, cos(a, b))²`, down to 0 where they have nothing in common. `s·(1 + cos)` would go on to the negative of a filter, which
//!   is as much a copy of it
//! - become: `s·½‖w − t‖²`, with the pull of a weight decay of `s` toward `t` instead of 0: the same pace for kernels of all sizes
//!
//! A kernel with a norm below 1e-6 has no direction, and neither attracts nor repels. The gradients are added to the mean gradients of a step, so
//! that they do not depend on the batch, before clipping; the loss that is shown is without them. Biases have no part in them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Least squared norm of a kernel that has a direction.
pub const MIN_SQUARE: f32 = 1e-12;
/// Most goals of a layer.
const MAX_GOALS: usize = 256;
/// Most weights of a kernel that is given: it is written with each copy of the network.
const MAX_KERNEL: usize = 1 << 14;

/// Direction of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Pull {
    /// Two filters point the same way.
    Attract = 0,
    /// Two filters have nothing in common.
    Repel = 1,
    /// A filter becomes a kernel.
    Become = 2,
}

/// Aim of filters of a layer; filters by their numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Goal {
    /// Two filters pull toward each other.
    Attract([u32; 2]),
    /// Two filters push apart.
    Repel([u32; 2]),
    /// A filter is pulled toward a kernel.
    Become {
        /// The filter.
        filter: u32,
        /// Its weights as they are to be, `[in, ky, kx]`.
        kernel: Vec<f32>,
    },
}

/// A goal of a layer, and its weight in the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftGoal {
    /// The goal.
    pub goal: Goal,
    /// Factor of its term of the loss (finite, above 0).
    pub strength: f32,
}

impl Goal {
    /// Its direction.
    pub fn pull(&self) -> Pull {
        match self {
            Self::Attract(_) => Pull::Attract,
            Self::Repel(_) => Pull::Repel,
            Self::Become { .. } => Pull::Become,
        }
    }

    /// Numbers of its filters, one or two.
    pub fn filters(&self) -> Vec<u32> {
        match self {
            Self::Attract(pair) | Self::Repel(pair) => pair.to_vec(),
            Self::Become { filter, .. } => vec![*filter],
        }
    }

    /// `attract filters 1 and 2`, `pull filter 3 toward a kernel`.
    pub fn words(&self) -> String {
        match self {
            Self::Attract([a, b]) => format!("attract filters {a} and {b}"),
            Self::Repel([a, b]) => format!("repel filters {a} and {b}"),
            Self::Become { filter, .. } => format!("pull filter {filter} toward a kernel"),
        }
    }

    /// True if both are about the same filters, so that one takes the place of the other.
    fn replaces(&self, other: &Self) -> bool {
        let about = |goal: &Self| {
            let mut filters = goal.filters();
            filters.sort_unstable();
            filters
        };
        about(self) == about(other)
    }

    /// An error unless it fits filters with these numbers and this number of weights each.
    ///
    /// # Errors
    /// When a filter is not there or named twice, or a kernel has another size or a weight that is no number.
    pub(in crate::nn) fn check(&self, filters: &[u32], weights: usize) -> Result<()> {
        if let Some(none) = self.filters().iter().find(|filter| !filters.contains(filter)) {
            let what = format!("a goal names filter {none}, which is not there");
            return Err(Error::usage(what, "name filters of the layer by their numbers"));
        }
        match self {
            Self::Attract([a, b]) | Self::Repel([a, b]) if a == b => {
                Err(Error::usage(format!("filter {a} is named twice"), "name two filters"))
            }
            Self::Attract(_) | Self::Repel(_) => Ok(()),
            Self::Become { filter, .. } if weights > MAX_KERNEL => {
                let what =
                    format!("filter {filter} has {weights} weights, and a goal takes {MAX_KERNEL} at most");
                Err(Error::usage(what, "choose a filter of an earlier layer"))
            }
            Self::Become { filter, kernel } if kernel.len() != weights => {
                let what =
                    format!("the kernel has {} weights, and filter {filter} has {weights}", kernel.len());
                Err(Error::usage(what, "give a kernel with all weights of the filter, [in, ky, kx]"))
            }
            Self::Become { kernel, .. } if kernel.iter().any(|weight| !weight.is_finite()) => {
                Err(Error::usage("a weight of the kernel is not finite", "give finite values"))
            }
            Self::Become { .. } => Ok(()),
        }
    }
}

/// The goals of a layer after one is set: in the place of the one for the same filters, or at the end. Strength 0 takes it away.
///
/// # Errors
/// When the strength is negative or no number, or there would be too many.
pub(in crate::nn) fn with_goal(goals: &[SoftGoal], goal: &Goal, strength: f32) -> Result<Vec<SoftGoal>> {
    check_strength(strength)?;
    let mut goals = goals.to_vec();
    if strength == 0.0 {
        goals.retain(|other| other.goal.pull() != goal.pull() || !goal.replaces(&other.goal));
        return Ok(goals);
    }
    let new = SoftGoal { goal: goal.clone(), strength };
    if let Some(other) = goals.iter_mut().find(|other| goal.replaces(&other.goal)) {
        *other = new;
        return Ok(goals);
    }
    if goals.len() == MAX_GOALS {
        let what = format!("the layer has {MAX_GOALS} goals already");
        return Err(Error::usage(what, "take one away first, by strength 0"));
    }
    goals.push(new);
    Ok(goals)
}

/// An error for a strength that is negative or no number.
fn check_strength(strength: f32) -> Result<()> {
    if strength.is_finite() && strength >= 0.0 {
        return Ok(());
    }
    Err(Error::usage(format!("the strength is {strength}"), "give it a finite value of 0 or more; 0 is off"))
}
