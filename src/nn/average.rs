//! The average of the last weights, which evaluations report beside the weights themselves.
//!
//! After step t the average moves by the share α = max(B / (N·E), s / (t + s)) towards the weights: over the last s-th of the
//! run at first (polynomial-decay averaging, Shamir and Zhang 2013), and over E epochs at most (B images of a step, N of an
//! epoch). So it needs no planned end, and forgets the beginning.

use super::hyper::{Hyper, StepsPerEpoch};

/// The average is over the last `1 / SPAN` of a short run.
pub(super) const SPAN: f32 = 8.0;

/// Share by which the average moves at least, after each step.
pub(super) fn least_share(hyper: &Hyper, epoch: StepsPerEpoch) -> f64 {
    let images = f64::from(hyper.averaging) * epoch.train_images as f64;
    if images > 0.0 { (epoch.batch as f64 / images).min(1.0) } else { 1.0 }
}
