//! The twins of the feature extraction.

use crate::nn::features::shrunk;
use crate::nn::shape::Shape;
use crate::nn::tensor::Tensor;

/// Features `[c, y, x]` of image `n`: pixels averaged over squares of side `shrink`.
pub fn feature_row(activations: &Tensor, shrink: usize, n: usize) -> Vec<f64> {
    let small = shrunk(activations.shape, shrink);
    let Shape { height, width, .. } = activations.shape;
    let mean = |[c, y, x, _]: [usize; 4]| {
        let rows = y * shrink..((y + 1) * shrink).min(height);
        let mut values = Vec::new();
        for y in rows {
            let columns = x * shrink..((x + 1) * shrink).min(width);
            values.extend(columns.map(|x| activations.values[activations.index(c, y, x, n)]));
        }
        values.iter().sum::<f64>() / values.len() as f64
    };
    Tensor::zeros(small, 1).indices().map(mean).collect()
}

/// True if any of the activations `[d, n]` is above 0 of a sample that counts.
pub fn fires(activations: &[f64], counts: &[bool]) -> bool {
    activations.iter().zip(counts.iter().cycle()).any(|(value, counts)| *counts && *value > 0.0)
}

/// Predictions of one image: at most three classes with their probabilities, the largest output first.
pub fn predictions(outputs: &[f64], probabilities: &[f64]) -> Vec<(usize, f64)> {
    let mut order: Vec<usize> = (0..outputs.len()).filter(|c| !outputs[*c].is_nan()).collect();
    order.sort_by(|a, b| outputs[*b].total_cmp(&outputs[*a]));
    order.into_iter().take(3).map(|c| (c, probabilities[c])).collect()
}

/// Standardized responses `[channel, image]`: means over the map, each row with mean 0 and norm 1.
pub fn responses(activations: &Tensor) -> Vec<Vec<f64>> {
    let Shape { channels, height, width } = activations.shape;
    let images = activations.images;
    let response = |c: usize, n: usize| {
        let pixels = (0..height * width).map(|p| activations.index(c, p / width, p % width, n));
        pixels.map(|at| activations.values[at]).sum::<f64>() / (height * width) as f64
    };
    let row = |c: usize| {
        let given: Vec<f64> = (0..images).map(|n| response(c, n)).collect();
        let mean = given.iter().sum::<f64>() / images as f64;
        let norm = given.iter().map(|r| (r - mean).powi(2)).sum::<f64>().sqrt();
        let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        given.iter().map(|r| (r - mean) * scale).collect()
    };
    (0..channels).map(row).collect()
}
