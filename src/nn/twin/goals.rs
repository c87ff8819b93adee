//! The twin of the soft goals.

use crate::nn::goal::{MIN_SQUARE, Pull};

/// `w·w`, `w·o` and `o·o`; none where a kernel has no direction.
fn products(w: &[f64], other: &[f64]) -> Option<[f64; 3]> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let products = [dot(w, w), dot(w, other), dot(other, other)];
    let least = f64::from(MIN_SQUARE);
    (products[0] >= least && products[2] >= least).then_some(products)
}

/// Term of the loss of a goal between a filter and another, or the kernel that it is to become.
pub fn goal_loss(pull: Pull, strength: f64, w: &[f64], other: &[f64]) -> f64 {
    if pull == Pull::Become {
        return strength * w.iter().zip(other).map(|(w, t)| 0.5 * (w - t) * (w - t)).sum::<f64>();
    }
    let cosine = products(w, other).map(|[ww, wo, oo]| wo / (ww.sqrt() * oo.sqrt()));
    match (pull, cosine) {
        (Pull::Attract, Some(cosine)) => strength * (1.0 - cosine),
        (Pull::Repel, Some(cosine)) => strength * cosine.max(0.0).powi(2),
        _ => 0.0,
    }
}

/// Its gradient for the filter.
pub fn goal_gradient(pull: Pull, strength: f64, w: &[f64], other: &[f64]) -> Vec<f64> {
    if pull == Pull::Become {
        return w.iter().zip(other).map(|(w, t)| strength * (w - t)).collect();
    }
    let Some([ww, wo, oo]) = products(w, other) else { return vec![0.0; w.len()] };
    let (length, cosine) = (ww.sqrt() * oo.sqrt(), wo / (ww.sqrt() * oo.sqrt()));
    let slope = if pull == Pull::Attract { -strength } else { 2.0 * strength * cosine.max(0.0) };
    w.iter().zip(other).map(|(w, o)| slope * (o / length - cosine * w / ww)).collect()
}
